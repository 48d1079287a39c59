import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { understand, understandCells } from '../../server/script/model'
import { parse } from '../../server/script/parse'
import { callAt, referenceAt, settingsAt } from '../../server/script/references'
import type { Range, ScriptModel } from '../../server/script/types'
import { assertRanges, marked } from './scriptMarks'

const read = (text: string): ScriptModel => understand(parse(text))
type Found = readonly (readonly [Range, string])[]

const calls = ({ sessions }: ScriptModel): Found => sessions.map((call) => [call, call.modelName ?? '?'])
const names = ({ sessions }: ScriptModel): Found =>
  sessions.flatMap(({ arguments: given }) =>
    given.flatMap(({ parameter, valueRange, value }) => (parameter === 'model_name' ? [[valueRange, JSON.stringify(value)] as const] : [])),
  )
const given = ({ sessions, evaluations }: ScriptModel): Found =>
  [...sessions, ...evaluations].flatMap((call) =>
    call.arguments.map((argument) => [argument, `${argument.parameter}: ${argument.type} ${JSON.stringify(argument.value)}`] as const),
  )
const variables = ({ sessions, evaluations }: ScriptModel): Found =>
  [...sessions, ...evaluations].flatMap(({ variable }) => (variable ? [[variable, variable.name] as const] : []))
const references = (model: ScriptModel): Found =>
  model.references.map((one) => [one, `${one.kind} ${one.text}${one.exact ? '' : ' (in pieces)'}`])
const settings = (model: ScriptModel): Found =>
  model.settings.map((one) => [one, `${one.path} = ${one.value === undefined ? `some ${one.type}` : JSON.stringify(one.value)}`])
const metrics = (model: ScriptModel): Found => model.metrics.map((one) => [one, `${one.split}/${one.name} of ${one.modelName}`])
const imports = (model: ScriptModel): Found => model.imports.map((one) => [one, `${one.name} means ${one.means}`])

interface Example {
  readonly it: string
  readonly script: string
  readonly finds: readonly string[]
}
function examples(find: (model: ScriptModel) => Found, all: readonly Example[]): void {
  for (const { it: what, script, finds } of all) {
    it(what, () => {
      const found = find(read(marked(script).text))
      assertRanges(
        script,
        found.map(([range]) => range),
      )
      assert.deepEqual(
        found.map(([, text]) => text),
        finds,
      )
    })
  }
}

describe('imports of the package', () => {
  examples(imports, [
    { it: 'as it is', script: 'import ⟦epochtree⟧', finds: ['epochtree means package'] },
    { it: 'under another name, among others', script: 'import os, epochtree as ⟦et⟧, sys', finds: ['et means package'] },
    {
      it: 'of its functions',
      script: 'from epochtree import (\n  session as ⟦run⟧,\n  ⟦evaluate⟧, Epoch,\n)',
      finds: ['run means session', 'evaluate means evaluate'],
    },
    {
      it: 'within a function or `try`',
      script: 'def f():\n  try:\n    import ⟦epochtree⟧\n  except ImportError:\n    epochtree = None',
      finds: ['epochtree means package'],
    },
    { it: 'of a part of it', script: 'import ⟦epochtree⟧.torch\nimport epochtree.torch as ett', finds: ['epochtree means package'] },
    {
      it: 'not of what is called alike',
      script:
        '"import epochtree"\n# import epochtree\nimport my.epochtree\nfrom .epochtree import session\nfrom epochtree.x import session',
      finds: [],
    },
  ])
})

describe('calls of session()', () => {
  examples(calls, [
    { it: 'through the package', script: 'import epochtree\n⟦epochtree.session("resnet50")⟧', finds: ['resnet50'] },
    { it: 'through another name of it', script: 'import epochtree as et\nwith ⟦et.session("m")⟧ as s: pass', finds: ['m'] },
    {
      it: 'through the function, named by a keyword',
      script: 'from epochtree import session as run\n⟦run(hyperparameters={}, model_name="m")⟧',
      finds: ['m'],
    },
    { it: 'through `import *`', script: 'from epochtree import *\n⟦session("m")⟧', finds: ['m'] },
    { it: 'through a name that it is assigned to', script: 'import epochtree\nrun = epochtree.session\n⟦run("m")⟧', finds: ['m'] },
    {
      it: 'imported where it is used',
      script: 'def f():\n  import epochtree\n  return ⟦epochtree.session("m")⟧\nepochtree.session("n")',
      finds: ['m'],
    },
    {
      it: 'bound to the name of the function itself',
      script: 'from epochtree import session\nwith ⟦session("m")⟧ as session:\n  session.epochs(3)',
      finds: ['m'],
    },
    {
      it: 'among several items of a `with`',
      script: 'import epochtree\nwith (\n  ⟦epochtree.session("m")⟧ as session,  # (\n  open("x") as file,\n):\n  pass',
      finds: ['m'],
    },
    {
      it: 'of a model named by a constant',
      script: 'import epochtree as et\nMODEL = "resnet" "50"\ndef f():\n  ⟦et.session(MODEL)⟧',
      finds: ['resnet50'],
    },
    {
      it: 'of a model that only running tells',
      script: 'import epochtree\n⟦epochtree.session(f"m{i}")⟧\n⟦epochtree.session(args.model)⟧',
      finds: ['?', '?'],
    },
    {
      it: 'not of other things called session',
      script:
        'import epochtree\nfrom tensorflow import session\nsession("m")\nrequests.session("m")\nepochtree.torch.session("m")\n"epochtree.session(1)"  # epochtree.session("m")',
      finds: [],
    },
    {
      it: 'not where a parameter has the name',
      script: 'from epochtree import session\ndef f(session):\n  session("m")\nlambda session: session("m")',
      finds: [],
    },
  ])
  examples(names, [
    {
      it: 'with the name where it is written',
      script: 'import epochtree\nM = "m"\nepochtree.session(⟦"a"⟧)\nepochtree.session(⟦M⟧)',
      finds: ['"a"', '"m"'],
    },
  ])
  examples(given, [
    {
      it: 'with its arguments',
      script: 'from epochtree import session\nsession(⟦"m"⟧, ⟦{}⟧, ⟦None⟧, ⟦resume="must"⟧, ⟦key=K⟧, ⟦*more⟧, ⟦**rest⟧)',
      finds: [
        'model_name: str "m"',
        'hyperparameters: dict {}',
        'pruning_plan: NoneType null',
        'resume: str "must"',
        'key: undefined undefined',
        'undefined: undefined undefined',
        'undefined: undefined undefined',
      ],
    },
  ])
  examples(variables, [
    { it: 'bound by `with`', script: 'import epochtree\nwith epochtree.session("m") as ⟦run⟧: pass', finds: ['run'] },
    {
      it: 'bound by an assignment',
      script: 'import epochtree\n⟦run⟧ = epochtree.session("m")\n⟦self.run⟧: Any = epochtree.session("m")',
      finds: ['run', 'self.run'],
    },
    { it: 'bound through an exit stack', script: 'import epochtree\n⟦run⟧ = stack.enter_context(epochtree.session("m"))', finds: ['run'] },
    { it: 'bound to nothing', script: 'import epochtree\nepochtree.session("m")\na, b = epochtree.session("m"), 1', finds: [] },
  ])
})

describe('hyper-parameters and plans in a script', () => {
  const of = (text: string, before = '') => `import epochtree as et\n${before}et.session("m", hyperparameters=${text})`
  examples(settings, [
    {
      it: 'as a literal, with paths',
      script: of(`{⟦"lr"⟧: 1e-3, ⟦'optimizer'⟧: {⟦"name"⟧: "sgd", ⟦"betas"⟧: (0.9, -1)}}`),
      finds: ['lr = 0.001', 'optimizer = {"name":"sgd","betas":[0.9,-1]}', 'optimizer.name = "sgd"', 'optimizer.betas = [0.9,-1]'],
    },
    {
      it: 'in lists, and with keys that hold dots',
      script: of('{⟦"layers"⟧: [{⟦"units"⟧: 8}], ⟦"a.b"⟧: None}'),
      finds: ['layers = [{"units":8}]', 'layers[0].units = 8', '["a.b"] = null'],
    },
    { it: 'as dict()', script: of('dict(⟦lr⟧=True, ⟦n⟧=2 * 60 ** 2)'), finds: ['lr = true', 'n = 7200'] },
    { it: 'as a namespace', script: of('SimpleNamespace(⟦lr⟧=0x10)'), finds: ['lr = 16'] },
    { it: 'in a constant', script: of('HP', 'HP = {⟦"lr"⟧: LR}\nLR = 1 / 4\n'), finds: ['lr = 0.25'] },
    { it: 'over others', script: of('{**BASE, ⟦"lr"⟧: 1}', 'BASE = {⟦"lr"⟧: 2, ⟦"n"⟧: 3}\n'), finds: ['lr = 2', 'n = 3', 'lr = 1'] },
    { it: 'merged with |', script: of('BASE | {⟦"lr"⟧: 1}', 'BASE = {⟦"n"⟧: 3}\n'), finds: ['n = 3', 'lr = 1'] },
    { it: 'of an unpacked assignment', script: of('{⟦"lr"⟧: lr, ⟦"n"⟧: n}', 'lr, n = 0.1, 40\n'), finds: ['lr = 0.1', 'n = 40'] },
    { it: 'looked up in another constant', script: of('{⟦"lr"⟧: BASE["a"][1]}', 'BASE = {"a": [1, 2]}\n'), finds: ['lr = 2'] },
    {
      it: 'with NaN and infinity',
      script: of('{⟦"a"⟧: float("nan"), ⟦"b"⟧: -math.inf, ⟦"c"⟧: 1e999}'),
      finds: ['a = "NaN"', 'b = "-Infinity"', 'c = "Infinity"'],
    },
    {
      it: 'that only running tells',
      script: of('{⟦"lr"⟧: args.lr, ⟦"n"⟧: len(x), ⟦"name"⟧: f"{x}", ⟦"f"⟧: lambda: 1}'),
      finds: ['lr = some undefined', 'n = some undefined', 'name = some str', 'f = some function'],
    },
    { it: 'of a name assigned twice', script: of('{⟦"lr"⟧: lr}', 'lr = 1\nif x:\n  lr = 2\n'), finds: ['lr = some undefined'] },
    { it: 'of a constant that is changed later', script: of('HP', 'HP = {⟦"lr"⟧: 1}\nHP["lr"] = 2\n'), finds: ['lr = some undefined'] },
    {
      it: 'of one that another function shadows',
      script: 'import epochtree as et\nlr = 1\ndef f():\n  lr = 2\n  lr += 1\ndef g():\n  et.session("m", {⟦"lr"⟧: lr})',
      finds: ['lr = 1'],
    },
    {
      it: 'of one that a function changes by `global`',
      script: 'import epochtree as et\nlr = 1\ndef f():\n  global lr\n  lr = 2\net.session("m", {⟦"lr"⟧: lr})',
      finds: ['lr = some undefined'],
    },
    {
      it: 'of a parameter',
      script: 'import epochtree as et\nlr = 1\ndef f(lr=2):\n  et.session("m", {⟦"lr"⟧: lr})',
      finds: ['lr = some undefined'],
    },
    {
      it: 'of a function, not of the class around it',
      script: 'import epochtree as et\nlr = 1\nclass A:\n  lr = 2\n  def f(self):\n    et.session("m", {⟦"lr"⟧: lr})',
      finds: ['lr = 1'],
    },
    {
      it: 'that mean themselves',
      script: of('{⟦"n"⟧: n, ⟦"d"⟧: d}', 'n = n + 1\nd = {⟦"d"⟧: d}\n'),
      finds: ['n = some undefined', 'd = some dict', 'd.d = some undefined'],
    },
    { it: 'of a plan by its place', script: 'import epochtree\nepochtree.session("m", None, {⟦"ratio"⟧: .5})', finds: ['ratio = 0.5'] },
    {
      it: 'while they are being typed',
      script: 'import epochtree\nepochtree.session("m", hyperparameters={⟦"lr"⟧: 0.1, "mom',
      finds: ['lr = 0.1'],
    },
  ])

  it('of a constant that two models use, once for each', () => {
    const model = read('import epochtree\nHP = {"lr": 1}\nepochtree.session("a", HP)\nepochtree.session("b", HP)')
    assert.deepEqual(
      settingsAt(model, 24).map(({ modelName, call }) => [modelName, call]),
      [
        ['a', 0],
        ['b', 1],
      ],
    )
  })

  it('keep a key such as __proto__', () => {
    const model = read('import epochtree\nepochtree.session("a", {"__proto__": {"x": 1}})')
    assert.deepEqual(
      model.settings.map(({ path }) => path),
      ['__proto__', '__proto__.x'],
    )
    assert.equal(JSON.stringify(model.sessions[0]?.arguments[1]?.value), '{"__proto__":{"x":1}}')
  })
})

describe('references in a script', () => {
  examples(references, [
    {
      it: 'in fork_from and evaluate',
      script:
        'from epochtree import session, evaluate\nsession("m", fork_from="⟦m@30⟧")\nevaluate(\'⟦m@max(val/acc)~1⟧\')\nevaluate(reference=r"""⟦m⟧""")',
      finds: ['fork_from m@30', 'evaluate m@max(val/acc)~1', 'evaluate m'],
    },
    {
      it: 'in a constant, where it is written',
      script: 'import epochtree\nPARENT = "⟦m@30⟧"\nepochtree.session("m", fork_from=PARENT)',
      finds: ['fork_from m@30'],
    },
    {
      it: 'in one of two cases',
      script: 'import epochtree\nepochtree.session("m", fork_from=("⟦m@1⟧" if x else None) or "⟦m@2⟧")',
      finds: ['fork_from m@1', 'fork_from m@2'],
    },
    {
      it: 'in pieces or with escapes',
      script: 'import epochtree\nepochtree.evaluate(⟦"m" "@30"⟧)\nepochtree.evaluate("⟦m\\x4030⟧")',
      finds: ['evaluate m@30 (in pieces)', 'evaluate m@30 (in pieces)'],
    },
    { it: 'while they are being typed', script: 'import epochtree\nepochtree.session("m", fork_from="⟦res⟧', finds: ['fork_from res'] },
    { it: 'not typed yet', script: 'import epochtree\nepochtree.session("m", fork_from="⟦⟧")', finds: ['fork_from '] },
    {
      it: 'in a list that is a command',
      script:
        'subprocess.run(["epochtree", "fork", "⟦m@30⟧", "--name", "a@b", "--run", "--set", "mail=a@b.c"])\nx = ("epochtree", "compare", "⟦m@1⟧", name, "⟦m@2⟧")',
      finds: ['command m@30', 'command m@1', 'command m@2'],
    },
    {
      it: 'in a command for the shell',
      script: 'os.system("epochtree show ⟦m@30⟧ --json")\nsubprocess.run("epochtree diff \'⟦m@min(val/loss)⟧\' ⟦m@3⟧", shell=True)',
      finds: ['command m@30', 'command m@min(val/loss)', 'command m@3'],
    },
    {
      it: 'in a comment',
      script: '# epochtree: ⟦m@30⟧ was the best\nx = 1  # epochtree: ⟦m@max(val/acc)⟧.\n#epochtree: ⟦m@latest⟧',
      finds: ['comment m@30', 'comment m@max(val/acc)', 'comment m@latest'],
    },
    {
      it: 'not in what only looks alike',
      script:
        '# epochtree: bob@example.com\n# mail epochtree: m@30\n"m@30"\nprint("epochtree show m@30")\n["epochtree", "train", "m@30"]\nsession(fork_from="m@30")\n["x", "epochtree", "show", "m@1"]\n"""\n# epochtree: m@30"""',
      finds: [],
    },
  ])

  it('are found at the cursor, ends included', () => {
    const { text, cursor } = marked('import epochtree\nepochtree.evaluate("m@30‸")')
    assert.equal(referenceAt(read(text), cursor)?.text, 'm@30')
    assert.equal(referenceAt(read(text), cursor + 2), undefined)
  })

  it('belong to a call that is found at its function and its name', () => {
    const { text, cursor } = marked('import epochtree\nepochtree.session‸("m", {})')
    assert.equal(callAt(read(text), cursor)?.arguments.length, 2)
    assert.equal(callAt(read(text), cursor + 3)?.arguments.length, 2)
    assert.equal(callAt(read(text), cursor + 8), undefined)
  })
})

describe('metrics in a script', () => {
  const loop = (body: string) => `import epochtree as et\nwith et.session("m") as s:\n  for epoch in s.epochs(3):\n    ${body}`
  examples(metrics, [
    {
      it: 'of a loop over epochs',
      script: loop('epoch.log({⟦"loss"⟧: 1, ⟦"acc"⟧: x}, split="val")'),
      finds: ['val/loss of m', 'val/acc of m'],
    },
    { it: 'of the training split when none is written', script: loop('epoch.log(values=dict(⟦loss⟧=1))'), finds: ['train/loss of m'] },
    {
      it: 'with a split by its place, in a constant, or unknown',
      script: loop(
        'epoch.log({⟦"a"⟧: 1}, "test")\n    epoch.log({⟦"b"⟧: 1}, split=VAL)\n    epoch.log({⟦"c"⟧: 1}, split=f())\nVAL = "val"',
      ),
      finds: ['test/a of m', 'val/b of m', 'undefined/c of m'],
    },
    { it: 'of a dictionary named before', script: loop('values = {⟦"loss"⟧: f()}\n    epoch.log(values)'), finds: ['train/loss of m'] },
    {
      it: 'through a progress bar',
      script: 'import epochtree\nrun = epochtree.session("m")\nfor i, e in enumerate(tqdm(run.epochs(9))):\n  e.log({⟦"loss"⟧: 1})',
      finds: ['train/loss of m'],
    },
    {
      it: 'of an epoch begun by hand',
      script: 'import epochtree\nrun = epochtree.session("m")\ne = run.epoch()\ne.log({⟦"loss"⟧: 1})',
      finds: ['train/loss of m'],
    },
    {
      it: 'of a session that an object holds',
      script:
        'import epochtree\nclass T:\n  def __init__(self):\n    self.s = epochtree.session("m")\n  def run(self):\n    for epoch in self.s.epochs(2):\n      epoch.log({⟦"loss"⟧: 1})',
      finds: ['train/loss of m'],
    },
    {
      it: 'of a function that is given the epoch',
      script:
        'import epochtree\ndef f(epoch):\n  epoch.log({⟦"loss"⟧: 1})\ndef g(e: "epochtree.Epoch"):\n  e.log({⟦"acc"⟧: 1})\ndef h(session):\n  for e in session.epochs(2):\n    e.log({⟦"f1"⟧: 1})',
      finds: ['train/loss of undefined', 'train/acc of undefined', 'train/f1 of undefined'],
    },
    {
      it: 'of an evaluation',
      script: 'import epochtree\nwith epochtree.evaluate("m@3") as e:\n  e.log({⟦"acc"⟧: 1})\n  e.log({⟦"ms"⟧: 1}, split="phone")',
      finds: ['test/acc of undefined', 'phone/ms of undefined'],
    },
    {
      it: 'not of other logs',
      script: loop(
        'wandb.log({"loss": 1})\n    math.log(2)\n    logger.log({"a": 1}, split="val")\nfor epoch in range(3):\n  other.log({"a": 1})\n',
      ),
      finds: [],
    },
  ])
})

describe('notebooks', () => {
  const cells = (...texts: readonly string[]) => understandCells(texts.map((text) => parse(text, undefined, { cell: true })))

  it('share imports and constants in the order of their cells', () => {
    const [first, second, third] = cells(
      'epochtree.session("early")\n',
      '%load_ext autoreload\n!pip install epochtree\nimport epochtree\nHP = {"lr": 0.1}\nPARENT = "m@30"',
      'with epochtree.session("m", HP, fork_from=PARENT) as s:\n  for epoch in s.epochs(2):\n    epoch.log({"loss": 1})',
    )
    assert.deepEqual(first?.sessions, [])
    assert.deepEqual(
      second?.settings.map(({ path, value, modelName, from }) => [path, value, modelName, from]),
      [['lr', 0.1, 'm', 67]],
    )
    assert.deepEqual(
      second?.references.map(({ text }) => text),
      ['m@30'],
    )
    assert.deepEqual(
      third?.sessions.map(({ modelName }) => modelName),
      ['m'],
    )
    assert.deepEqual(third?.settings, [])
    assert.deepEqual(
      third?.metrics.map(({ name }) => name),
      ['loss'],
    )
  })

  it('take a name from the nearest cell before, until a cell binds it itself', () => {
    const models = cells('import epochtree\nlr = 1', 'epochtree.session("a", {"lr": lr})\nlr = 2', 'epochtree.session("b", {"lr": lr})')
    assert.deepEqual(
      models.flatMap(({ settings }) => settings.map(({ value }) => value)),
      [1, 2],
    )
  })

  it('notice what a cell changes of an earlier one', () => {
    const models = cells('import epochtree\nHP = {"lr": 1}', 'epochtree.session("a", HP)', 'HP["lr"] = 2', 'epochtree.session("b", HP)')
    assert.deepEqual(
      models[0]?.settings.map(({ modelName, value }) => [modelName, value]),
      [
        ['a', 1],
        ['b', undefined],
      ],
    )
  })

  it('go on with the function after its name was used for a session', () => {
    const models = cells('from epochtree import session', 'with session("a") as run: pass', 'run = session("b")')
    assert.deepEqual(
      models.flatMap(({ sessions }) => sessions.map(({ modelName }) => modelName)),
      ['a', 'b'],
    )
  })

  it('pass over cells in other languages, and time those in Python', () => {
    const models = cells('%%time\nimport epochtree\nepochtree.session("m")', '%%bash\nepochtree.session("n")')
    assert.deepEqual(
      models.map(({ sessions }) => sessions.length),
      [1, 0],
    )
  })
})

describe('the examples', () => {
  it('are understood', () => {
    const text = readFileSync('examples/two-days/train.py', 'utf8')
    const model = read(text)
    assert.deepEqual(
      model.sessions.map(({ modelName, variable }) => [modelName, variable?.name]),
      [['digits', 'session']],
    )
    assert.deepEqual(
      model.settings.map(({ path }) => path),
      ['seed', 'epochs', 'lr', 'momentum', 'batch_size', 'network', 'network.hidden'],
    )
    assert.deepEqual(
      model.metrics.map(({ split, name }) => `${split}/${name}`),
      ['train/loss', 'train/accuracy', 'model/parameters', 'model/sparsity'],
    )
  })
})

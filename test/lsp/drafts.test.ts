import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import type { SessionRow, Started } from '../../server/protocol/editor'
import type { JsonObject } from '../../server/protocol/model'
import { environment, python } from '../fault/support'
import { atMark, type LspClient, openWorkspace, temporaryFolder } from './client'

/** Trains the demo's network for as long as it takes to have something to fork. */
function trainedDigits(): string {
  const root = temporaryFolder('digits')
  cpSync('examples/two-days', root, { recursive: true })
  const script = join(root, 'train.py')
  writeFileSync(script, readFileSync(script, 'utf8').replace('"epochs": 40', '"epochs": 6'))
  const done = spawnSync(python, ['train.py'], { cwd: root, env: environment(join(root, '.epochtree')), encoding: 'utf8' })
  assert.equal(done.status, 0, done.stderr)
  return root
}

describe('drafts, over the protocol', () => {
  let trained: string
  let state: string
  const before_ = process.env['XDG_STATE_HOME']
  before(() => {
    trained = trainedDigits()
    // The key that signed the commands when they were recorded.
    state = join(trained, 'state')
    process.env['XDG_STATE_HOME'] = state
  })
  after(() => {
    if (before_ === undefined) delete process.env['XDG_STATE_HOME']
    else process.env['XDG_STATE_HOME'] = before_
    rmSync(trained, { recursive: true, force: true })
  })

  let client: LspClient
  let parent: SessionRow
  beforeEach(async () => {
    client = await openWorkspace({ from: trained })
    await client.heard('epochtree/changed', ({ sessions }) => sessions.some(({ status }) => status === 'completed'))
    const { rows } = await client.request('epochtree/sessions', { dir: client.dir, nested: true, offset: 0, limit: 10 })
    parent = rows[0]!
  })
  afterEach(() => client.close())

  const forkDraft = (epoch: string | number = 4) =>
    client.request('epochtree/draft', { dir: client.dir, kind: 'fork', reference: `digits@${epoch}` })
  /** Weights are verified away from the metrics' path; until then nothing can start at an epoch. */
  const verified = async (session: string) => {
    for (;;) {
      const { rows } = await client.request('epochtree/epochs', { dir: client.dir, session, offset: 0, limit: 10 })
      if (rows.every(({ state: one }) => one === 'ok')) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const sessionJson = ({ runDir }: Started) => JSON.parse(readFileSync(join(runDir, 'session.json'), 'utf8')) as JsonObject

  it('begins as the epoch was trained, in words that teach, and has nothing to mend', async () => {
    const { file, original, title } = await forkDraft()
    assert.equal(title, 'Fork digits@4')
    assert.equal(readFileSync(file, 'utf8'), original)
    assert.equal(await client.request('epochtree/original', { file }), original)
    assert.ok(file.startsWith(join(client.dir, 'drafts')))
    for (const words of [
      '"name": "digits-2"',
      '"epochs": 6',
      '"lr": 0.05',
      '"hidden": [48, 32]',
      '"ratio": 0.12',
      'Layers: hidden1, hidden2, output.',
    ])
      assert.ok(original.includes(words), `${words} in\n${original}`)
    const preview = await client.request('epochtree/preview', { file, text: original })
    assert.deepEqual(preview, { kind: 'fork', name: 'digits-2', differences: [], problems: [] })
  })

  it('records what differs and nothing else, starts at the epoch, and is taken away', async () => {
    const { file, original } = await forkDraft()
    const text = original
      .replace('"lr": 0.05', '"lr": 0.01')
      .replace('"hidden": [48, 32]', '"hidden": [48, 16]')
      .replace('"ratio": 0.12', '"ratio": 0.2, // more at once')
      .replace('"epochs": 6', '"epochs": 8')
      .replace('"name": "digits-2"', '"name": "smaller"')
    const preview = await client.request('epochtree/preview', { file, text })
    assert.deepEqual(preview.problems, [])
    assert.deepEqual(preview.differences, [
      { path: 'epochs', before: 6, after: 8 },
      { path: 'hyperparameters.lr', before: 0.05, after: 0.01 },
      { path: 'hyperparameters.network.hidden[1]', before: 32, after: 16 },
      { path: 'pruningPlan.ratio', before: 0.12, after: 0.2 },
    ])
    const started = await client.request('epochtree/apply', { file, text })
    assert.equal(started.session.name, 'smaller')
    assert.equal(started.foreign, null)
    assert.deepEqual(started.launch?.argv.slice(1), ['train.py'])
    assert.equal(started.launch?.env['EPOCHTREE_SESSION'], started.session.id)
    const { overrides, forkedFrom } = sessionJson(started) as { overrides: JsonObject; forkedFrom: JsonObject }
    assert.equal(forkedFrom['epochNumber'], 4)
    assert.deepEqual(overrides['hyperparameters'], { lr: 0.01, network: { hidden: [48, 16] } })
    assert.equal(overrides['epochs'], 8)
    assert.equal((overrides['pruningPlan'] as JsonObject)['ratio'], 0.2)
    assert.ok(!existsSync(dirname(file)))
    const row = await client.request('epochtree/session', { dir: client.dir, session: started.session.id })
    assert.deepEqual([row.status, row.epochs, row.own, row.forkedFrom?.name], ['created', 4, 0, 'digits'])
    await assert.rejects(client.request('epochtree/apply', { file, text }), /not there any more/)
  })

  it('a fork of a fork keeps the edits it was forked from', async () => {
    const first = await forkDraft()
    const started = await client.request('epochtree/apply', { file: first.file, text: first.original.replace('"lr": 0.05', '"lr": 0.01') })
    const done = spawnSync(started.launch!.argv[0]!, started.launch!.argv.slice(1), {
      cwd: started.launch!.cwd,
      env: environment(client.dir, { ...started.launch!.env }),
      encoding: 'utf8',
    })
    assert.equal(done.status, 0, done.stderr)
    await client.heard('epochtree/changed', ({ sessions }) =>
      sessions.some(({ id, status }) => id === started.session.id && status === 'completed'),
    )
    await verified(started.session.id)
    const second = await client.request('epochtree/draft', { dir: client.dir, kind: 'fork', reference: 'digits-2@5' })
    assert.match(second.original, /"lr": 0.01/)
    const made = await client.request('epochtree/apply', {
      file: second.file,
      text: second.original.replace('"momentum": 0.9', '"momentum": 0.5'),
    })
    assert.deepEqual((sessionJson(made)['overrides'] as JsonObject)['hyperparameters'], { lr: 0.01, momentum: 0.5 })
  })

  it('at the last epoch it asks for some more epochs', async () => {
    const { file, original } = await forkDraft('latest')
    assert.match(original, /"epochs": 16/)
    const preview = await client.request('epochtree/preview', { file, text: original })
    assert.deepEqual(preview.differences, [{ path: 'epochs', before: 6, after: 16 }])
    const started = await client.request('epochtree/apply', { file, text: original })
    assert.deepEqual(sessionJson(started)['overrides'], { epochs: 16 })
  })

  const problems: readonly {
    readonly title: string
    readonly edit: readonly [string | RegExp, string]
    readonly marks: string
    readonly says: RegExp
    readonly severity: number
  }[] = [
    { title: 'a comma that is missing', edit: ['"lr": 0.05,', '"lr": 0.05'], marks: '"momentum"', says: /comma is missing/, severity: 1 },
    { title: 'words of Python', edit: ['"lr": 0.05', '"lr": None'], marks: 'None', says: /Write null/, severity: 1 },
    {
      title: 'a key that drafts do not have',
      edit: ['"epochs": 6', '"epoch": 6'],
      marks: '"epoch"',
      says: /no "epoch".*epochs/,
      severity: 1,
    },
    { title: 'a hyper-parameter outside its place', edit: ['"epochs": 6', '"lr": 6'], marks: '"lr"', says: /among them/, severity: 1 },
    { title: 'a key that is written twice', edit: ['"lr": 0.05', '"lr": 0.05, "lr": 1'], marks: '"lr"', says: /twice/, severity: 2 },
    { title: 'epochs that are over', edit: ['"epochs": 6', '"epochs": 4'], marks: '4', says: /starts at epoch 4.*above 4/, severity: 1 },
    { title: 'half an epoch', edit: ['"epochs": 6', '"epochs": 6.5'], marks: '6.5', says: /whole number/, severity: 1 },
    {
      title: 'a name that is taken',
      edit: ['"digits-2"', '"digits"'],
      marks: '"digits"',
      says: /Another session is called "digits".*"digits-2" is free/,
      severity: 1,
    },
    { title: 'a name that is no name', edit: ['"digits-2"', '"a@b"'], marks: '"a@b"', says: /no "@"/, severity: 1 },
    {
      title: 'a hyper-parameter that the script lacks',
      edit: ['"lr": 0.05', '"learning_rate": 0.05'],
      marks: '"learning_rate"',
      says: /no hyper-parameter "learning_rate".*"lr"/,
      severity: 2,
    },
    {
      title: 'a number that became a text',
      edit: ['"lr": 0.05', '"lr": "0.05"'],
      marks: '"0.05"',
      says: /was a number \(0.05\) and is a text/,
      severity: 2,
    },
    {
      title: 'a layer that the graph lacks',
      edit: ['["output"]', '["output", "hiden2"]'],
      marks: '"hiden2"',
      says: /no layer "hiden2".*nearest are hidden2/,
      severity: 1,
    },
    {
      title: 'a target below what is reached',
      edit: ['"targetSparsity": 0.95', '"targetSparsity": 0.05'],
      marks: '0.05',
      says: /gone at epoch 4 already.*5 % is below/,
      severity: 1,
    },
    {
      title: 'a plan that is over',
      edit: ['"endEpoch": 40', '"endEpoch": 3'],
      marks: '3',
      says: /ends at epoch 3.*first epoch trained here is 5/,
      severity: 2,
    },
    {
      title: 'a plan that comes too late',
      edit: ['"startEpoch": 2', '"startEpoch": 20'],
      marks: '20',
      says: /starts at epoch 20.*ends at epoch 6/,
      severity: 2,
    },
    { title: 'a share of more than all', edit: ['"ratio": 0.12', '"ratio": 1.2'], marks: '1.2', says: /share/, severity: 1 },
    {
      title: 'a plan taken away',
      edit: [/"pruningPlan": \{[^}]*\}/, '"pruningPlan": null'],
      marks: '"pruningPlan"',
      says: /would use its own/,
      severity: 1,
    },
  ]
  it('tells as it is typed what is wrong, and where', async () => {
    const { file, original } = await forkDraft()
    const document = client.open(file, original)
    // The demo's plan goes on to epoch 40.
    const began = await document.diagnostics()
    assert.deepEqual(
      began.filter(({ severity }) => severity! < 3),
      [],
    )
    for (const { title, edit, marks, says, severity } of problems) {
      const text = original.replace(edit[0], edit[1])
      assert.notEqual(text, original, title)
      document.change(text)
      const found = await document.diagnostics()
      const wanted = found.find((one) => says.test(one.message))
      assert.ok(wanted, `${title}: ${JSON.stringify(found.map(({ message }) => message))}`)
      const lines = text.split('\n')
      const { start, end } = wanted.range
      assert.equal(lines[start.line]!.slice(start.character, end.line === start.line ? end.character : undefined), marks, title)
      assert.equal(wanted.severity, severity, title)
      assert.equal(wanted.source, 'epochtree')
      if (severity === 1) await assert.rejects(client.request('epochtree/apply', { file, text }), says, title)
    }
    assert.ok(existsSync(file), 'a draft that is refused stays')
    assert.equal(readdirSync(join(client.dir, 'runs')).length, 1)
  })

  it('offers what may stand there instead', async () => {
    const { file, original } = await forkDraft()
    const document = client.open(file, original.replace('["output"]', '["hiden2"]'))
    const wrong = (await document.diagnostics()).find(({ message }) => message.includes('hiden2'))
    const [action] = await document.actions(wrong!)
    assert.equal(action?.isPreferred, true)
    assert.equal(action?.edit?.changes?.[document.uri]?.[0]?.newText, '"hidden2"')
  })

  it('stands up to every beginning of its text', async () => {
    const { file, original } = await forkDraft()
    for (let length = 0; length <= original.length; length += 7) {
      const { problems: found } = await client.request('epochtree/preview', { file, text: original.slice(0, length) })
      if (length < original.trimEnd().length)
        assert.ok(
          found.some(({ severity }) => severity === 'error'),
          original.slice(0, length),
        )
    }
    for (const text of ['', '[]', '1', 'null', '{"a":'.repeat(5000), '['.repeat(100_000), '{"hyperparameters": [], "epochs": "x"}']) {
      const { problems: found } = await client.request('epochtree/preview', { file, text })
      assert.ok(
        found.some(({ severity, message }) => severity === 'error' && !/RangeError|undefined|stack/.test(message)),
        text.slice(0, 40),
      )
    }
  })

  const completions: readonly {
    readonly title: string
    readonly from: string
    readonly to: string
    readonly has: readonly string[]
    readonly lacks: readonly string[]
  }[] = [
    { title: 'layers', from: '["output"]', to: '["output", "|"]', has: ['hidden1', 'hidden2'], lacks: ['output'] },
    { title: 'layers without a quote', from: '["output"]', to: '[|]', has: ['hidden1', 'output'], lacks: [] },
    { title: 'keys of the draft', from: '"epochs": 6,', to: '|', has: ['epochs'], lacks: ['name', 'hyperparameters'] },
    { title: 'hyper-parameters', from: '"lr": 0.05,', to: '"|"', has: ['lr'], lacks: ['momentum', 'epochs', 'seed'] },
    { title: 'keys of the plan', from: '"everyEpochs": 2,', to: '"|"', has: ['everyEpochs'], lacks: ['ratio'] },
    { title: 'nothing where a value belongs', from: '"lr": 0.05', to: '"lr": |', has: [], lacks: ['lr', 'momentum'] },
  ]
  it('completes keys and layers', async () => {
    const { file, original } = await forkDraft()
    for (const { title, from, to, has, lacks } of completions) {
      const { text, position } = atMark(original.replace(from, to))
      const document = client.open(file, text)
      const labels = (await document.completions(position)).map(({ label }) => label)
      for (const label of has) assert.ok(labels.includes(label), `${title}: ${labels.join()}`)
      for (const label of lacks) assert.ok(!labels.includes(label), `${title}: ${labels.join()}`)
      document.close()
    }
  })

  it('says above the text what can be done, and what is different', async () => {
    const { file, original } = await forkDraft()
    const document = client.open(file, original)
    const titles = async () => (await document.lenses()).map(({ command }) => command!.title.replace(/^\$\([\w-]+\)\s/, ''))
    assert.deepEqual(await titles(), ['Train', 'Fork only', 'Discard', 'Nothing is different yet'])
    document.change(original.replace('"lr": 0.05', '"lr": 0.01'))
    assert.deepEqual((await titles()).at(-1), 'lr 0.05 → 0.01')
    document.change(original.replace('"epochs": 6', '"epochs": 2'))
    assert.deepEqual((await titles()).at(-1), '1 thing to mend')
    const [train] = await document.lenses()
    assert.deepEqual([train?.command?.command, train?.command?.arguments], ['epochtree.draftTrain', [{ file }]])
  })

  it('a draft of a training has what the script says; the session is stored before anything runs', async () => {
    const script = join(client.root, 'train.py')
    const { file, original, title } = await client.request('epochtree/draft', { dir: client.dir, kind: 'train', script, python: [python] })
    assert.equal(title, 'Train train.py')
    for (const words of ['"name": "digits-2"', `["${python}", "train.py"]`, '"lr": 0.05', '"hidden": [48, 32]'])
      assert.ok(original.includes(words), `${words} in\n${original}`)
    const text = original.replace('"lr": 0.05', '"lr": 0.02').replace('// "epochs": 10,', '"epochs": 2,')
    const { problems: found, differences } = await client.request('epochtree/preview', { file, text })
    assert.deepEqual(found, [])
    assert.deepEqual(differences.map(({ path }) => path).sort(), ['epochs', 'hyperparameters.lr'])
    const started = await client.request('epochtree/apply', { file, text })
    assert.equal(started.foreign, null)
    assert.deepEqual(sessionJson(started)['overrides'], { hyperparameters: { lr: 0.02 }, epochs: 2 })
    assert.equal((await client.request('epochtree/session', { dir: client.dir, session: started.session.id })).status, 'created')
    const { argv, cwd, env } = started.launch!
    const done = spawnSync(argv[0]!, argv.slice(1), { cwd, env: environment(client.dir, { ...env }), encoding: 'utf8' })
    assert.equal(done.status, 0, done.stderr)
    const { sessions } = await client.heard('epochtree/changed', (change) =>
      change.sessions.some(({ id, status }) => id === started.session.id && status === 'completed'),
    )
    assert.equal(sessions.find(({ id }) => id === started.session.id)?.own, 2)
  })

  it('a training draft names the folder and the script that are not there', async () => {
    const script = join(client.root, 'train.py')
    const { file, original } = await client.request('epochtree/draft', { dir: client.dir, kind: 'train', script, python: [python] })
    const messages = async (text: string) =>
      (await client.request('epochtree/preview', { file, text })).problems.map(({ message }) => message)
    assert.match((await messages(original.replace('"train.py"', '"trian.py"'))).join(), /There is no script trian.py/)
    assert.match((await messages(original.replace(/"folder": "[^"]*"/, '"folder": "/nowhere"'))).join(), /There is no folder \/nowhere/)
    assert.match((await messages(original.replace(/"command": \[.*?\]/, '"command": "python train.py"'))).join(), /list of texts/)
    await assert.rejects(
      client.request('epochtree/draft', { dir: client.dir, kind: 'train', script: join(client.root, 'none.py'), python: [python] }),
      /There is no script/,
    )
  })

  it('what can not be forked is refused before anything is written', async () => {
    for (const [reference, says] of [
      ['digits@9', /not in the history.*digits@6/],
      ['digit', /no session "digit".*digits/],
    ] as const)
      await assert.rejects(client.request('epochtree/draft', { dir: client.dir, kind: 'fork', reference }), says)
    assert.ok(!existsSync(join(client.dir, 'drafts')))
  })

  it('only drafts are read, made or taken away', async () => {
    const session = join(client.dir, 'runs', parent.id, 'session.json')
    const { file, original } = await forkDraft()
    for (const other of [session, join(dirname(file), '..', '..', 'runs', parent.id, 'fork.jsonc'), join(client.root, 'fork.jsonc')]) {
      await assert.rejects(client.request('epochtree/discard', { file: other }), /no draft of this workspace/)
      await assert.rejects(client.request('epochtree/apply', { file: other, text: original }), /no draft of this workspace/)
    }
    writeFileSync(join(dirname(file), 'draft.json'), '{"format":1,"kind":"fork","session":"../..","epoch":"x"}')
    await assert.rejects(client.request('epochtree/preview', { file, text: original }), /doesn't say what this is a draft of/)
    assert.ok(existsSync(session))
  })

  it('discarding takes it away; what was written in it stays where only untouched drafts go', async () => {
    const { file, original } = await forkDraft()
    writeFileSync(file, original.replace('"lr": 0.05', '"lr": 1'))
    await client.request('epochtree/discard', { file, untouched: true })
    assert.ok(existsSync(file))
    writeFileSync(file, original)
    await client.request('epochtree/discard', { file, untouched: true })
    assert.ok(!existsSync(dirname(file)))
    const other = await forkDraft()
    await client.request('epochtree/discard', { file: other.file })
    assert.ok(!existsSync(join(client.dir, 'drafts')))
  })

  it('a quick fork is checked and shown like a draft', async () => {
    const reference = 'digits@4'
    const edits = { set: ['lr=0.01', 'network.hidden[0]=24'], planFile: join(client.root, 'day2.plan.json'), epochs: 6 }
    const preview = await client.request('epochtree/forkPreview', { dir: client.dir, reference, edits })
    assert.deepEqual(
      preview.differences.slice(0, 2).map(({ path, after }) => [path, after]),
      [
        ['hyperparameters.lr', 0.01],
        ['hyperparameters.network.hidden[0]', 24],
      ],
    )
    assert.match(preview.problems.map(({ message }) => message).join(), /starts at epoch 32.*training ends at epoch 6/)
    const { problems: found } = await client.request('epochtree/forkPreview', { dir: client.dir, reference, edits: { epochs: 3 } })
    assert.match(found[0]!.message, /above 4/)
    const started = await client.request('epochtree/fork', { dir: client.dir, reference, edits: { set: ['lr=0.01'] } })
    assert.deepEqual(sessionJson(started)['overrides'], { hyperparameters: { lr: 0.01 } })
  })

  it('in a workspace that is not trusted nothing is made', async () => {
    const untrusted = await openWorkspace({ root: client.root, options: { trusted: false } })
    try {
      const { dir } = untrusted
      const session = parent.id
      const script = join(client.root, 'train.py')
      const refused = /not trusted/
      await assert.rejects(untrusted.request('epochtree/draft', { dir, kind: 'fork', reference: 'digits@4' }), refused)
      await assert.rejects(untrusted.request('epochtree/draft', { dir, kind: 'train', script, python: [python] }), refused)
      await assert.rejects(untrusted.request('epochtree/fork', { dir, reference: 'digits@4', edits: {} }), refused)
      await assert.rejects(untrusted.request('epochtree/resume', { dir, session }), refused)
      await assert.rejects(untrusted.request('epochtree/stop', { dir, session, graceSeconds: 0 }), refused)
      assert.equal(readdirSync(join(dir, 'runs')).length, 1)
      assert.ok(!existsSync(join(dir, 'drafts')))
    } finally {
      await untrusted.close()
    }
  })
})

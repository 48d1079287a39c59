import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { check } from '../../server/script/checks'
import { understand } from '../../server/script/model'
import { parse } from '../../server/script/parse'
import type { Finding } from '../../server/script/types'
import { environment, python } from '../fault/support'
import { assertRanges, marked } from './scriptMarks'

const found = (script: string): readonly Finding[] => check(understand(parse(script)))
const before = 'from epochtree import session, evaluate\n'

/** What is found, and where; `refused` by the package itself, with a TypeError or ValueError. */
const examples: readonly (readonly [call: string, code: Finding['code'], message: RegExp, refused: 'refused' | 'taken'])[] = [
  ['⟦session⟧()', 'bad-argument', /needs the name of the model/, 'refused'],
  ['⟦session⟧(hyperparameters={})', 'bad-argument', /needs the name/, 'refused'],
  ['session(⟦3⟧)', 'bad-argument', /model_name must be text, not a number\. Write it in quotes/, 'refused'],
  ['session(⟦b"m"⟧)', 'bad-argument', /must be text, not bytes/, 'refused'],
  ['session(⟦None⟧)', 'bad-argument', /must be text, not None/, 'refused'],
  ['session("m", {}, None, ⟦"x"⟧)', 'bad-argument', /takes 3 arguments by place. Name this one: name=/, 'refused'],
  ['session("m", ⟦hyperparametrs⟧={})', 'bad-argument', /no argument "hyperparametrs". The nearest are hyperparameters/, 'refused'],
  ['session("m", ⟦model_name="n"⟧)', 'bad-argument', /given twice/, 'refused'],
  ['session("m", resume=⟦"alway"⟧)', 'bad-argument', /resume is "auto"/, 'refused'],
  ['session("m", resume=⟦True⟧)', 'bad-argument', /resume is "auto"/, 'refused'],
  ['session("m", key=⟦3⟧)', 'bad-argument', /key must be text/, 'refused'],
  ['session("m", name=⟦{}⟧)', 'bad-argument', /name must be text, not a dictionary/, 'refused'],
  ['session("m", fork_from=⟦30⟧)', 'bad-argument', /fork_from must be text/, 'refused'],
  ['session("m", ⟦[("lr", 1)]⟧)', 'bad-hyperparameters', /are a dictionary, a namespace or a dataclass, not a list/, 'refused'],
  ['session("m", hyperparameters=⟦"lr"⟧)', 'bad-hyperparameters', /not text/, 'refused'],
  ['session("m", hyperparameters=⟦{"lr"}⟧)', 'bad-hyperparameters', /not a set/, 'refused'],
  ['session("m", pruning_plan=⟦"a.plan.json"⟧)', 'bad-plan', /not the path of a file. Load the file/, 'refused'],
  ['session("m", pruning_plan=⟦[1]⟧)', 'bad-plan', /is a dictionary, not a list/, 'refused'],
  ['⟦evaluate⟧()', 'bad-argument', /evaluate\(\) needs a reference/, 'refused'],
  ['evaluate("m@1", ⟦"x"⟧)', 'bad-argument', /takes one argument by place. Name this one: dir=/, 'refused'],
  ['evaluate("m@1", ⟦split⟧="x")', 'bad-argument', /no argument "split"/, 'refused'],
  ['session("m", fork_from="⟦m@best⟧")', 'bad-reference', /"best" is no epoch/, 'refused'],
  ['evaluate("⟦@3⟧")', 'bad-reference', /it names no session/, 'refused'],
  ['session("m", {⟦3⟧: 1})', 'not-json', /becomes "3"/, 'taken'],
  ['session("m", {"a": {⟦(1, 2)⟧: 1}})', 'not-json', /becomes "\(1, 2\)"/, 'taken'],
  ['session("m", {"a": ⟦{1, 2}⟧})', 'not-json', /JSON has no set: it is recorded as a list in no order. Write a list/, 'taken'],
  ['session("m", {"a": ⟦lambda: 1⟧})', 'not-json', /recorded as text with an address/, 'taken'],
  ['session("m", {"a": ⟦2j⟧})', 'not-json', /no complex number/, 'taken'],
  ['session("m", pruning_plan={"ratio": ⟦2⟧})', 'bad-plan', /"ratio" is a share: a number from 0 to 1/, 'taken'],
  ['session("m", pruning_plan={"ratio": ⟦f"{x}"⟧})', 'bad-plan', /is a share/, 'taken'],
  ['session("m", pruning_plan={"everyEpochs": ⟦0⟧})', 'bad-plan', /whole number of epochs, at least 1/, 'taken'],
  ['session("m", pruning_plan={"startEpoch": ⟦1.5⟧})', 'bad-plan', /whole number of epochs, at least 0/, 'taken'],
  ['session("m", pruning_plan={"ignoredLayers": ⟦"fc"⟧})', 'bad-plan', /is a list of node names/, 'taken'],
  ['session("m", pruning_plan={"ignoredLayers": ⟦["fc", 3]⟧})', 'bad-plan', /is a list of node names/, 'taken'],
  [
    'session("m", pruning_plan={"startEpoch": 9, "endEpoch": ⟦3⟧})',
    'odd-plan',
    /ends with epoch 3, before it starts with epoch 9/,
    'taken',
  ],
  ['session("m", pruning_plan={"ratio": ⟦0⟧})', 'odd-plan', /removes nothing/, 'taken'],
  ['session("m", pruning_plan={"targetSparsity": ⟦1.0⟧})', 'odd-plan', /would remove the whole model/, 'taken'],
  ['session("m", pruning_plan={"method": ⟦3⟧})', 'odd-plan', /"method" is a text/, 'taken'],
  ['session("m", pruning_plan={⟦"every_epochs"⟧: 3})', 'misspelt-key', /Did you mean "everyEpochs"/, 'taken'],
  ['session("m", pruning_plan={⟦"ratoi"⟧: 3})', 'misspelt-key', /Did you mean "ratio"/, 'taken'],
]
const good = [
  'session("m", {}, None)',
  'session("m", None, {}, name=None, tags=["a"], fork_from=None, resume="never", key=None, enabled=True, dir=None)',
  'session("m", hyperparameters=dict(lr=float("nan"), n=10**30, t=(1, 2)))',
  'session("m", type("HP", (), {"lr": 1})())',
  'session("m", pruning_plan={"ratio": 0.1, "everyEpochs": 2, "startEpoch": 0, "endEpoch": None, "targetSparsity": 0, "ignoredLayers": ("a",)})',
  'session("m", pruning_plan={"target_sparsity": 0.5, "begin_step": 1, "end_step": 2, "frequency": 3, "pruning_ratio": 2, "mine": {"a": [1]}})',
  'session(*["m"], **{"resume": "never"})',
  'session("m", fork_from="")',
]

describe('findings in a script', () => {
  for (const [call, code, message] of examples) {
    it(call, () => {
      const { text } = marked(before + call)
      const findings = found(text)
      assertRanges(before + call, findings)
      assert.deepEqual(
        findings.map((finding) => finding.code),
        [code],
      )
      assert.match(findings[0]!.message, message)
      assert.match(findings[0]!.message, /\.$/)
    })
  }

  for (const call of good) it(`none in ${call}`, () => assert.deepEqual(found(before + call), []))

  it('are what the package itself refuses, and not what it takes', () => {
    const dir = mkdtempSync(join(tmpdir(), 'epochtree-checks-'))
    try {
      const calls = [...examples.map(([call]) => marked(call).text), ...good]
      const program = `
import json, sys, warnings
warnings.simplefilter("ignore")
from epochtree import session, evaluate, EpochtreeError
x = "x"
outcomes = []
for call in json.loads(sys.argv[1]):
    try:
        eval(call).finish()
        outcomes.append("taken")
    except (TypeError, ValueError) as error:
        outcomes.append("refused")
    except EpochtreeError as error:
        outcomes.append("refused" if error.code == "bad-reference" else str(error))
print(json.dumps(outcomes))
`
      const done = spawnSync(python, ['-c', program, JSON.stringify(calls)], {
        cwd: dir,
        env: { ...environment(dir), EPOCHTREE_CLI: resolve('bin/epochtree.mjs') },
        encoding: 'utf8',
      })
      assert.equal(done.status, 0, done.stderr)
      const outcomes = JSON.parse(done.stdout) as string[]
      assert.deepEqual(
        calls.map((call, i) => `${call} ${outcomes[i]}`),
        calls.map((call, i) => `${call} ${examples[i]?.[3] ?? 'taken'}`),
      )
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  it('offer what may stand there instead', () => {
    const instead = (call: string) => found(before + call)[0]?.instead
    assert.deepEqual(instead('session("m", hyperparametrs={})')?.[0], 'hyperparameters')
    assert.deepEqual(instead('session("m", resume="alway")')?.[0], '"auto"')
    assert.deepEqual(instead('session("m", pruning_plan={"Every-Epochs": 3})'), ['"everyEpochs"'])
    assert.deepEqual(instead('session("m", {3: 1})'), ['"3"'])
  })

  it('come once for a constant that several calls use, and tell each plan by itself', () => {
    const script = `${before}P = {"ratio": 2, "endEpoch": 3}\nsession("a", pruning_plan={**P, "startEpoch": 5})\nsession("b", pruning_plan={**P, "endEpoch": 9, "startEpoch": 8})`
    assert.deepEqual(
      found(script).map(({ code }) => code),
      ['bad-plan', 'odd-plan'],
    )
  })

  it('take the last of a key that is given again', () => {
    assert.deepEqual(found(`${before}P = {"ratio": 2}\nsession("a", pruning_plan={**P, "ratio": 0.5})`), [])
  })

  it('tell of settings deeper than the store takes them', () => {
    const deep = (levels: number) => `${before}session("m", ${'{"a": '.repeat(levels)}1${'}'.repeat(levels)})`
    assert.deepEqual(found(deep(100)), [])
    assert.match(found(deep(101))[0]?.message ?? '', /deeper than 100 levels/)
    assert.equal(found(deep(130)).length, 1)
  })
})

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { Ajv, type AnySchema } from 'ajv'
import fc from 'fast-check'
import { checkPlan, readPlan } from '../../server/script/plan'
import { settingsAt } from '../../server/script/references'
import { OTHER_PLAN_KEYS, PLAN_KEYS, planProblem } from '../../server/tracking/plan'
import { assertRanges, marked } from './scriptMarks'

interface Property {
  readonly description: string
  readonly type?: readonly string[] | string
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: { readonly type: string }
  readonly default?: unknown
  readonly examples?: readonly unknown[]
}
const schema = JSON.parse(readFileSync('schemas/plan.schema.json', 'utf8')) as { readonly properties: Readonly<Record<string, Property>> }
const valid = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema as AnySchema)

describe('a plan file', () => {
  it('is read with its keys, values and paths', () => {
    const text = '{\n  // a comment\n  ⟦"ratio"⟧: 0.1,\n  ⟦"mine"⟧: {⟦"a.b"⟧: [{⟦"c"⟧: null}]},\n}'
    const { settings } = readPlan(marked(text).text)
    assertRanges(text, settings)
    assert.deepEqual(
      settings.map(({ path, value }) => [path, value]),
      [
        ['ratio', 0.1],
        ['mine', { 'a.b': [{ c: null }] }],
        ['mine["a.b"]', [{ c: null }]],
        ['mine["a.b"][0].c', null],
      ],
    )
    assert.deepEqual(
      settingsAt({ settings }, 22).map(({ key }) => key),
      ['ratio'],
    )
  })

  it('is found inside of a draft', () => {
    const text = '{"hyperparameters": {"lr": 1}, "pruningPlan": {"ratio": ⟦7⟧}}'
    const draft = marked(text).text
    assertRanges(text, checkPlan(readPlan(draft, ['pruningPlan'])))
    assert.deepEqual(
      readPlan(draft, ['hyperparameters'], 'hyperparameters').settings.map(({ of, path }) => [of, path]),
      [['hyperparameters', 'lr']],
    )
    assert.deepEqual(checkPlan(readPlan('{"hyperparameters": {}}', ['pruningPlan'])), [])
  })

  it('is checked like one in a script', () => {
    const text =
      '{"ratio": ⟦"0.1"⟧, "everyEpochs": ⟦0⟧, ⟦"start-epoch"⟧: 1, "id": ⟦7⟧, "ignoredLayers": ⟦[1]⟧, "endEpoch": null, "mine": 3}'
    const findings = checkPlan(readPlan(marked(text).text))
    assertRanges(text, findings)
    assert.deepEqual(
      findings.map(({ severity }) => severity),
      ['error', 'error', 'information', 'warning', 'error'],
    )
  })

  it('is an object', () => {
    assert.match(checkPlan(readPlan('[1]'))[0]?.message ?? '', /A pruning plan is an object/)
    assert.deepEqual(checkPlan(readPlan('')), [])
    assert.deepEqual(checkPlan(readPlan('{"ratio": ')), [])
  })

  it('keeps a key such as __proto__, and passes over what is nested without end', () => {
    assert.equal(JSON.stringify(readPlan('{"__proto__": {"a": 1}}').value), '{"__proto__":{"a":1}}')
    assert.equal(readPlan('['.repeat(1_000_000)).value, undefined)
    assert.equal(readPlan(`${'{"a":'.repeat(200_000)}1`).value, undefined)
    assert.equal(readPlan(`{"a": "${'['.repeat(200)}"} // ${'['.repeat(200)}`).settings.length, 1)
  })

  it('never ends the reading, whatever is typed', () => {
    const text = readFileSync('examples/two-days/day1.plan.json', 'utf8')
    for (let at = 0; at < text.length; at++) {
      for (const typed of [text.slice(0, at), text.slice(0, at) + text.slice(at + 1)]) {
        const plan = readPlan(typed)
        for (const { from, to, valueRange } of plan.settings)
          assert.ok(from <= to && to <= typed.length && valueRange.from <= valueRange.to && valueRange.to <= typed.length)
        for (const { from, to } of checkPlan(plan)) assert.ok(0 <= from && from <= to && to <= typed.length)
      }
    }
  })
})

describe('the schema of plan files', () => {
  it('knows the same keys as the checks, and teaches each', () => {
    assert.deepEqual(
      Object.keys(schema.properties).filter((key) => key !== '$schema'),
      [...Object.keys(PLAN_KEYS), ...Object.keys(OTHER_PLAN_KEYS)],
    )
    for (const [key, { description, examples }] of Object.entries(schema.properties)) {
      assert.match(description, /\.$/, key)
      if (key in PLAN_KEYS) assert.ok(examples?.length, key)
    }
    for (const [key, tool] of Object.entries(OTHER_PLAN_KEYS))
      for (const name of tool.split(', ')) assert.ok(schema.properties[key]?.description.includes(name), key)
  })

  it('gives each key the type and the range of the checks', () => {
    for (const [key, { holds, least }] of Object.entries(PLAN_KEYS)) {
      const { type, minimum, maximum, items } = schema.properties[key]!
      const expected = { text: 'string', 'whole number': 'integer', share: 'number', texts: 'array' }[holds]
      assert.ok(type === expected || (Array.isArray(type) && type.includes(expected)), key)
      assert.deepEqual([minimum, maximum], holds === 'share' ? [0, 1] : [least, undefined], key)
      if (holds === 'texts') assert.equal(items?.type, 'string')
    }
  })

  it('takes and refuses the same plans as the command line', () => {
    const value = fc.oneof(
      fc.constantFrom(null, true, 0, 1, 2, -1, 0.5, 1.5, '', 'x', '0.5', [], ['a'], [1], {}),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    )
    // Of a text the command line asks nothing.
    const keys = Object.entries(PLAN_KEYS).flatMap(([key, { holds }]) => (holds === 'text' ? [] : [key]))
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys, 'mine'), value), (plan) => {
        const problem = planProblem(plan)
        assert.equal(valid(plan), problem === undefined, problem)
        assert.equal(
          checkPlan(readPlan(JSON.stringify(plan))).some(({ severity }) => severity === 'error'),
          problem !== undefined,
          problem,
        )
      }),
      { numRuns: 2000 },
    )
  })

  it('takes the plans of the examples, and examples of its own', () => {
    for (const file of globSync('examples/**/*.plan.json')) {
      assert.ok(valid(JSON.parse(readFileSync(file, 'utf8'))), file)
      assert.deepEqual(checkPlan(readPlan(readFileSync(file, 'utf8'))), [], file)
    }
    for (const [key, { examples = [] }] of Object.entries(schema.properties))
      for (const example of examples) assert.ok(valid({ [key]: example }), key)
  })
})

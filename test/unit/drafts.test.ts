import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { changesOf, checkWanted, editsOf, wantedOf } from '../../server/drafts/checkDraft'
import type { DraftBase } from '../../server/drafts/draftBase'
import { draftText } from '../../server/drafts/draftText'
import { graphFacts, namesLayer, planFit, reachedSparsity } from '../../server/drafts/planFit'
import { readDraft } from '../../server/drafts/readDraft'
import { scriptSettings } from '../../server/drafts/scriptSettings'
import { mergeDeep } from '../../server/json'
import type { JsonObject, ModelGraph } from '../../server/protocol/model'

const layer = (name: string, shape: number[], parameters: number, nonzero: number) => ({
  id: name,
  name,
  data: { type: 'dense', shape, parameters, nonzero },
})
const graphOf = (...layers: ReturnType<typeof layer>[]): ModelGraph => ({
  id: 'g',
  nodes: Object.fromEntries(
    [{ id: 'input', name: 'input', data: { type: 'input', shape: [64] } }, ...layers].map((node) => [node.id, node]),
  ),
})
const first = graphOf(layer('encoder.0', [48], 3000, 3000), layer('encoder.1', [32], 1600, 1600), layer('output', [10], 400, 400))

const json = fc.letrec<{ value: unknown; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.string(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(
    fc.string({ maxLength: 4 }).filter((key) => key !== '__proto__'),
    tie('value'),
    { maxKeys: 4 },
  ) as fc.Arbitrary<JsonObject>,
})).object

const baseOf = (more: Partial<DraftBase>): DraftBase => ({
  kind: 'fork',
  from: 'm@30',
  modelName: 'm',
  suggestedName: 'm-2',
  hyperparameters: {},
  pruningPlan: null,
  unknown: [],
  epochs: 40,
  fork: { parent: 'm', number: 30, graph: null },
  command: null,
  ...more,
})
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('drafts', () => {
  it('a draft that nobody touched asks for nothing, whatever the settings are', () => {
    fc.assert(
      fc.property(json, fc.option(json), (hyperparameters, pruningPlan) => {
        const base = baseOf({ hyperparameters, pruningPlan })
        const { content, syntax } = readDraft(draftText(base))
        assert.deepEqual(syntax, [])
        const { wanted, remarks } = wantedOf(content!, base)
        assert.deepEqual(remarks, [])
        assert.deepEqual(editsOf(wanted, base), { hyperparameters: undefined, pruningPlan: undefined, epochs: undefined })
      }),
    )
  })

  it('the edits laid over what was there give what is wanted, with everything that was left out', () => {
    fc.assert(
      fc.property(json, json, (base, wanted) => {
        const merged = mergeDeep(base, changesOf(base, wanted) ?? {})
        assert.deepEqual(plain(merged), plain(mergeDeep(base, wanted)))
      }),
    )
  })

  it('only what differs is an edit', () => {
    assert.deepEqual(changesOf({ lr: 1, o: { a: 1, b: [1, 2] } }, { lr: 1, o: { a: 2, b: [1, 2] } }), { o: { a: 2 } })
    assert.deepEqual(changesOf({ o: { a: 1 } }, { o: 1, n: null }), { o: 1, n: null })
    assert.equal(changesOf({ o: { a: 1 } }, { o: {} }), undefined)
  })

  it('names in comments stay in them', () => {
    const base = baseOf({ fork: { parent: 'a\n} "epochs": 1 //', number: 3, graph: null } })
    assert.deepEqual(readDraft(draftText(base)).syntax, [])
  })

  describe('a plan and the graph it would prune', () => {
    const pruned = graphOf(layer('encoder.0', [12], 780, 780), layer('encoder.1', [8], 110, 110), layer('output', [10], 90, 90))
    const masked = graphOf(layer('encoder.0', [48], 3000, 300), layer('encoder.1', [32], 1600, 160), layer('output', [10], 400, 400))

    it('what is removed and what is masked count as reached', () => {
      assert.deepEqual(reachedSparsity(first, first), { parameters: 0, units: null })
      assert.deepEqual(reachedSparsity(pruned, first), { parameters: 1 - 980 / 5000, units: 0.75 })
      assert.deepEqual(reachedSparsity(masked, first), { parameters: 1 - 860 / 5000, units: null })
      assert.deepEqual(reachedSparsity({ nodes: {} }, { nodes: {} }), { parameters: null, units: null })
    })

    const trained = { from: 30, upTo: 40, before: null }
    const severities = (plan: JsonObject, graph: ModelGraph, before: JsonObject | null = null) =>
      planFit(plan, graphFacts(graph, first), { ...trained, before }).map(({ severity, at }) => [severity, at.slice(1).join('.')])

    it('a target below every measure of what is reached is an error; below one of them it is to be judged', () => {
      assert.deepEqual(severities({ targetSparsity: 0.5 }, pruned), [['error', 'targetSparsity']])
      assert.deepEqual(severities({ targetSparsity: 0.78 }, pruned), [['warning', 'targetSparsity']])
      assert.deepEqual(severities({ targetSparsity: 0.9 }, pruned), [])
      assert.deepEqual(severities({ targetSparsity: 0.5 }, masked), [['error', 'targetSparsity']])
      assert.deepEqual(severities({ targetSparsity: 0.5 }, first), [])
    })

    it('a plan that did train is told about, and holds nobody up', () => {
      const plan = { targetSparsity: 0.5, ignoredLayers: ['nowhere'] }
      assert.deepEqual(severities(plan, pruned, plan), [
        ['warning', 'ignoredLayers.0'],
        ['information', 'targetSparsity'],
      ])
      assert.deepEqual(severities({ endEpoch: 20 }, first, { endEpoch: 20 }), [['information', 'endEpoch']])
      assert.deepEqual(severities({ endEpoch: 20 }, first), [['warning', 'endEpoch']])
    })

    it('layers are named by name, part or pattern', () => {
      const { layers } = graphFacts(first, first)
      for (const word of ['output', 'encoder', 'encoder.0', 'enc*', '*.1']) assert.ok(namesLayer(word, layers), word)
      for (const word of ['Output', 'enc', 'encoder.', 'encoder.2', '*.3', '[']) assert.ok(!namesLayer(word, layers), word)
    })

    it('without a graph nothing is said about layers', () => {
      assert.deepEqual(planFit({ ignoredLayers: ['x'], targetSparsity: 0.1 }, null, trained), [])
    })
  })

  it('epochs that are over are refused, whatever else is asked', () => {
    const found = checkWanted({ name: null, epochs: 30, hyperparameters: {}, pruningPlan: null, command: null }, baseOf({}))
    assert.deepEqual(
      found.map(({ severity, at }) => [severity, at]),
      [['error', ['epochs']]],
    )
  })

  it('a script tells its settings as far as they are known without running it', () => {
    const script = `
import os
import epochtree as et
BASE = {"lr": 0.1, "optimizer": {"name": "sgd", "momentum": 0.9}}
PLAN = {"method": "l2-norm", "ratio": 0.1}
with et.session("small", hyperparameters={**BASE, "seed": int(os.environ["SEED"]), "depth": 3}, pruning_plan=PLAN) as run:
    pass
with et.session("large", hyperparameters={"lr": 0.5}, pruning_plan={"ratio": 0.1, "endEpoch": len(os.environ)}) as run:
    pass
`
    assert.deepEqual(scriptSettings(script), {
      modelName: 'small',
      hyperparameters: { lr: 0.1, optimizer: { name: 'sgd', momentum: 0.9 }, depth: 3 },
      pruningPlan: { method: 'l2-norm', ratio: 0.1 },
      unknown: ['seed'],
    })
    const large = scriptSettings(script, 'large')
    assert.deepEqual([large.modelName, large.hyperparameters, large.pruningPlan], ['large', { lr: 0.5 }, null])
    assert.deepEqual(scriptSettings('print(1)'), { modelName: undefined, hyperparameters: {}, pruningPlan: null, unknown: [] })
  })

  it('the schema of drafts explains a plan as that of plan files does', () => {
    type Schema = { properties: Record<string, { description: string; properties?: Schema['properties'] }> }
    const read = (name: string) => JSON.parse(readFileSync(`schemas/${name}.schema.json`, 'utf8')) as Schema
    const { $schema: _, ...plan } = read('plan').properties
    const texts = (properties: Schema['properties']) => Object.entries(properties).map(([key, { description }]) => [key, description])
    assert.deepEqual(texts(read('draft').properties['pruningPlan']!.properties!), texts(plan))
  })
})

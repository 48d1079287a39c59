import assert from 'node:assert/strict'
import type { GraphNode, JsonObject, ModelGraph } from '../../server/protocol/model'
import { layerTree, pruned } from '../../server/tracking/layers'

const layer = (name: string, data: JsonObject = {}): GraphNode => ({ id: name, name, data })
const graph = (...nodes: readonly GraphNode[]): ModelGraph => ({ nodes: Object.fromEntries(nodes.map((node) => [node.id, node])) })
const dense = (name: string, inputs: number, units: number, nonzero?: number) =>
  layer(name, {
    type: 'dense',
    shape: [units],
    parameters: { weight: [inputs, units], bias: [units] },
    ...(nonzero === undefined ? {} : { nonzero }),
  })

/** A tree as it is drawn, with what is asked of each row. */
const drawn = (graphs: { first?: ModelGraph; before?: ModelGraph; now: ModelGraph }, most = 1000) => {
  const { rows, more } = layerTree({ first: undefined, before: undefined, ...graphs }, most)
  return { lines: rows.map(({ depth, label, group }) => `${'  '.repeat(depth)}${label}${group ? '/' : ''}`), rows, more }
}

describe('the tree of layers', () => {
  it('nests names at their dots, a layer over its parts, and joins names that lead to one place', () => {
    const now = graph(
      layer('input'),
      layer('encoder.layers.0.attention'),
      layer('encoder.layers.0.norm'),
      layer('encoder.layers.1.attention'),
      layer('head'),
      layer('head.relu'),
      layer('a.b.only'),
    )
    assert.deepEqual(drawn({ now }).lines, [
      'input',
      'encoder.layers/',
      '  0/',
      '    attention',
      '    norm',
      '  1.attention',
      'head',
      '  relu',
      'a.b.only',
    ])
  })

  it('leaves names alone that are no paths, and keeps two layers of one name apart', () => {
    const twins: ModelGraph = { nodes: { a: { id: 'a', name: 'same' }, b: { id: 'b', name: 'same' } } }
    assert.deepEqual(drawn({ now: twins }).lines, ['same', 'same (b)'])
    assert.deepEqual(drawn({ now: graph(layer('..'), layer('a..b'), layer('.'), layer('x.')) }).lines, ['..', 'a..b', '.', 'x.'])
    const deep = drawn({ now: graph(layer(Array.from({ length: 10_000 }, (_, i) => i).join('.'))) })
    assert.equal(deep.rows.length, 1)
  })

  it('keeps what pruning removed apart from what is only zero, and sums both over what lies inside', () => {
    const first = graph(dense('block.a', 10, 10), dense('block.b', 10, 10), dense('free', 2, 2))
    const now = graph(dense('block.a', 10, 4, 30), dense('block.b', 4, 10, 50), dense('free', 2, 2))
    const { rows } = drawn({ first, now })
    const [block, a, b, free] = rows
    assert.deepEqual([a?.parameters, a?.removed, a?.masked], [44, 110 - 44, 44 - 30])
    assert.deepEqual([b?.parameters, b?.removed, b?.masked], [50, 60, 0])
    assert.deepEqual([block?.parameters, block?.removed, block?.masked], [94, 126, 14])
    // Of a layer that does not say how many are zero, nothing is said.
    assert.deepEqual([free?.parameters, free?.removed, free?.masked], [6, 0, null])
  })

  it('says what became of each layer since the epoch before, and which went earlier', () => {
    const first = graph(dense('gone', 1, 1), dense('removed', 1, 1), dense('kept', 1, 1), dense('changed', 3, 3))
    const before = graph(dense('removed', 1, 1), dense('kept', 1, 1), dense('changed', 3, 3))
    const now = graph(dense('kept', 1, 1), dense('changed', 3, 2), dense('added', 1, 1))
    const { rows } = drawn({ first, before, now })
    assert.deepEqual(
      rows.map(({ label, state, before: earlier, parameters, removed }) => [label, state, earlier, parameters, removed]),
      [
        ['kept', 'same', 2, 2, 0],
        ['changed', 'changed', 12, 8, 4],
        ['added', 'added', 0, 2, null],
        ['removed', 'removed', 2, null, 2],
        ['gone', 'gone', null, null, 2],
      ],
    )
    assert.deepEqual(rows[1]?.shapeBefore, [3])
    assert.deepEqual(rows[1]?.shape, [2])
    assert.equal(rows[0]?.shapeBefore, null)
  })

  it('calls a name changed where one of its layers is, but not for one that went long before', () => {
    const first = graph(dense('a.x', 1, 1), dense('a.y', 1, 1), dense('a.z', 1, 1))
    const two = graph(dense('a.x', 1, 1), dense('a.y', 1, 1))
    assert.equal(drawn({ first, before: two, now: two }).rows[0]?.state, 'same')
    assert.equal(drawn({ first, before: first, now: two }).rows[0]?.state, 'changed')
  })

  it('does not take the plan that made a layer for a part of it', () => {
    const by = (plan: string) => graph({ ...dense('a', 1, 1), pruning_plan_id: plan })
    assert.equal(drawn({ before: by('one'), now: by('two') }).rows[0]?.state, 'same')
  })

  it('shows the outline of a model of 100,000 layers, and counts the rest', () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `stage${i % 10}.block${i % 1000}.layer${i}`)
    const { rows, more } = drawn({ now: graph(...names.map((name) => dense(name, 1, 1))) }, 500)
    assert.equal(rows.length, 500)
    assert.deepEqual(
      rows.filter(({ depth }) => depth === 0).map(({ label }) => label),
      Array.from({ length: 10 }, (_, i) => `stage${i}`),
    )
    assert.equal(more, 100_000 - rows.filter(({ group }) => !group).length)
    // Sums are those of all, shown or not.
    assert.equal(
      rows.filter(({ depth }) => depth === 0).reduce((sum, { parameters }) => sum + parameters!, 0),
      200_000,
    )
    const [stage] = rows
    assert.equal(rows.reduce((sum, { hidden }) => sum + hidden, 0) > 0, true)
    assert.equal(stage?.inside, 100)
  })
})

describe('what pruning did in an epoch', () => {
  it('counts what was removed and what was set to zero, and in how many layers', () => {
    const before = graph(dense('a', 10, 10, 110), dense('b', 10, 10, 110), dense('c', 1, 1, 2), dense('d', 1, 1))
    const now = graph(dense('a', 10, 8, 88), dense('b', 10, 10, 100), dense('c', 1, 1, 2))
    assert.deepEqual(pruned(before, now), { layers: 3, removed: 22 + 2, masked: 10 })
    assert.deepEqual(pruned(before, before), { layers: 0, removed: 0, masked: 0 })
  })

  it('takes growing layers, and zeros that came back, for no pruning', () => {
    assert.deepEqual(pruned(graph(dense('a', 1, 1, 1)), graph(dense('a', 4, 4, 20))), { layers: 0, removed: 0, masked: 0 })
  })
})

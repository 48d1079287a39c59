import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import type { GraphNode, Json, JsonObject, ModelGraph } from '../../server/protocol/model'
import { diffGraphs } from '../../server/tracking/graphDiff'
import { pairGraphs } from '../../server/tracking/graphPair'
import { LayerColumns, Thinned } from '../../server/tracking/layerSizes'

const integers = (text: string) => {
  const bytes = Buffer.from(text, 'base64')
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32LE(i * 4))
}
const floats = (text: string) => {
  const bytes = Buffer.from(text, 'base64')
  return Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readDoubleLE(i * 8))
}
const node = (id: string, data: JsonObject = {}, more: Partial<GraphNode> = {}): GraphNode => ({ id, data, ...more })
const graph = (...nodes: readonly GraphNode[]): ModelGraph => ({ nodes: Object.fromEntries(nodes.map((one) => [one.id, one])) })
const to = (...names: readonly string[]) => ({ outputs: Object.fromEntries(names.map((name) => [name, {}])) })
const CHANGES = ['kept', 'changed', 'removed', 'added']

const read = (a: ModelGraph | undefined, b: ModelGraph | undefined, most?: { nodes: number; edges: number }) => {
  const pair = pairGraphs(a, b, most)
  const edges = integers(pair.edges)
  const changes = integers(pair.nodes.change)
  return {
    pair,
    nodes: pair.nodes.id.map((id, i) => `${id} ${CHANGES[changes[i]!]}`),
    edges: Array.from({ length: edges.length / 3 }, (_, i) => {
      const [from, into, sides] = edges.slice(3 * i, 3 * i + 3) as [number, number, number]
      return `${pair.nodes.id[from]}>${pair.nodes.id[into]} ${['', 'a', 'b', 'both'][sides]}`
    }),
  }
}

describe('two graphs as one', () => {
  const a = graph(
    node('in', { shape: [3] }, to('conv')),
    node('conv', { type: 'Conv', shape: [8, 3], parameters: { w: [8, 3] }, nonzero: 24 }, to('gone')),
    node('gone', { type: 'ReLU' }, to('out')),
    node('out', { type: 'Dense', parameters: { w: [8] } }),
  )
  const b = graph(
    node('in', { shape: [3] }, to('conv')),
    node('conv', { type: 'Conv', shape: [4, 3], parameters: { w: [4, 3] }, nonzero: 10 }, to('gone')),
    node('fresh', {}, to('out')),
    node('out', { type: 'Dense', parameters: { w: [8] } }),
  )

  it('says what became of each node, as the difference of the two does, in one order', () => {
    const { nodes, pair } = read(a, b)
    assert.deepEqual(nodes, ['in kept', 'conv changed', 'gone removed', 'fresh added', 'out kept'])
    const { nodes: _, summary, ...counts } = diffGraphs(a, b)
    assert.deepEqual([pair.counts, pair.summary], [counts, summary])
    assert.deepEqual(floats(pair.nodes.a.parameters), [NaN, 24, NaN, NaN, 8])
    assert.deepEqual(floats(pair.nodes.b.nonzero), [NaN, 10, NaN, NaN, NaN])
    assert.deepEqual(
      integers(pair.nodes.b.shape).map((place) => pair.shapes[place] ?? null),
      [[3], [4, 3], null, null, [8]],
    )
    assert.deepEqual(
      integers(pair.nodes.type).map((place) => pair.types[place] ?? null),
      [null, 'Conv', 'ReLU', null, 'Dense'],
    )
    const [[place, text]] = pair.differences as [[number, string]]
    const told = JSON.parse(text) as { differences: { path: string; values: Json[] }[]; more: number }
    assert.equal(place, 1)
    assert.deepEqual(told.differences, diffGraphs(a, b).nodes.find(({ id }) => id === 'conv')!.differences)
  })

  it('has each connection once, with the sides that have it', () => {
    assert.deepEqual(read(a, b).edges.toSorted(), ['conv>gone a', 'fresh>out b', 'gone>out a', 'in>conv both'])
  })

  it('finds a connection by its key, by what it names, and in lists; those to nowhere are counted', () => {
    const one = graph(
      node('x', {}, { outputs: { port0: { node: 'y' }, z: {} } }),
      node('y', {}, { inputs: { left: { source: 'x' }, lost: { node: 'nobody' } } }),
      node('z', {}, { inputs: ['y', 'constructor', 7] as never, outputs: 'x' as never }),
    )
    const { edges, pair } = read(one, one)
    assert.deepEqual(edges.toSorted(), ['x>y both', 'x>z both', 'y>z both'])
    assert.equal(pair.looseEdges, 6)
  })

  it('takes cycles, and a node that feeds itself', () => {
    const round = graph(node('x', {}, to('y', 'x')), node('y', {}, to('x')))
    assert.deepEqual(read(round, round).edges.toSorted(), ['x>x both', 'x>y both', 'y>x both'])
  })

  it('says nothing of what became of nodes where a graph is not known', () => {
    const { nodes, pair } = read(undefined, a)
    assert.deepEqual(nodes, ['in kept', 'conv kept', 'gone kept', 'out kept'])
    assert.deepEqual(pair.counts, { kept: 4, changed: 0, removed: 0, added: 0 })
    assert.deepEqual([pair.summary[0], pair.summary[1]?.nodes], [null, 4])
    assert.deepEqual(read(undefined, undefined).nodes, [])
  })

  it('sends so many nodes and connections, what changed first, and says how many are missing', () => {
    const { nodes, edges, pair } = read(a, b, { nodes: 4, edges: 2 })
    assert.deepEqual(nodes, ['in kept', 'conv changed', 'gone removed', 'fresh added'])
    assert.deepEqual([edges.length, pair.moreNodes, pair.moreEdges, pair.counts.kept], [2, 1, 0, 2])
  })

  it('keeps names, values and numbers of differences within bounds', () => {
    const long = 'x'.repeat(100_000)
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key${i}`, i]))
    const { pair } = read(graph(node('n', { long, ...many })), graph(node('n', { long: `${long}y` }, { name: long })))
    assert.ok(JSON.stringify(pair).length < 10_000)
    const told = JSON.parse(pair.differences[0]![1]) as { differences: unknown[]; more: number }
    assert.deepEqual([told.differences.length, told.more], [50, 952])
  })

  it('pairs 20,000 nodes with 20,000, and sends them all', () => {
    const large = (share: number) =>
      graph(
        ...Array.from({ length: 20_000 }, (_, i) =>
          node(`layers.${i}`, { type: 'Dense', shape: [64 * share], parameters: { w: [64, 64 * share] } }, to(`layers.${i + 1}`)),
        ),
      )
    const { pair } = read(large(1), large(0.5))
    assert.deepEqual([pair.counts.changed, pair.moreNodes, pair.moreEdges, pair.looseEdges], [20_000, 0, 0, 2])
    assert.equal(pair.differences.length, 20_000)
  }).timeout(60_000)
})

describe('layers over graphs', () => {
  it('has the parameters of each layer in each graph, and none of what has no parameters', () => {
    const columns = new LayerColumns(3)
    const dense = (id: string, units: number, nonzero?: number) =>
      node(id, { type: 'Dense', parameters: { w: [units, 2] }, ...(nonzero === undefined ? {} : { nonzero }) })
    columns.add(0, graph(node('in'), dense('x', 4, 8), dense('y', 2, 4)))
    columns.add(1, graph(node('in'), dense('x', 3, 5), dense('y', 2, 4)))
    columns.add(2, graph(node('in'), dense('x', 3)))
    const { layers, parameters, nonzero, moreLayers } = columns.sizes(10)
    assert.deepEqual(
      layers.map(({ id, parameters: all, nonzero: left }) => [id, floats(all), floats(left)]),
      [
        ['x', [8, 6, 6], [8, 5, NaN]],
        ['y', [4, 4, NaN], [4, 4, NaN]],
      ],
    )
    assert.deepEqual([floats(parameters), floats(nonzero), moreLayers], [[12, 10, 6], [12, 9, NaN], 0])
    assert.deepEqual(
      columns.sizes(1).layers.map(({ id }) => id),
      ['x'],
    )
    assert.equal(columns.sizes(1).moreLayers, 1)
  })

  it('keeps so many of a long row, evenly, with the first and the last', () => {
    for (const count of [0, 1, 2, 7, 8, 9, 100, 12_345]) {
      const thinned = new Thinned<number>(8)
      for (let i = 0; i < count; i++) thinned.add(i)
      const { values } = thinned
      assert.equal(thinned.count, count)
      assert.ok(values.length <= 8 && values.length >= Math.min(count, 4), String(values))
      if (count > 0) assert.deepEqual([values[0], values.at(-1)], [0, count - 1])
      assert.deepEqual(
        values,
        [...new Set(values)].toSorted((x, y) => x - y),
      )
      if (count <= 8) assert.equal(values.length, count)
    }
  })
})

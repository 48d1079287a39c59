import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { EpochtreeError } from '../../server/errors'
import { canonicalJson } from '../../server/json'
import type { GraphNode, JsonObject, ModelGraph } from '../../server/protocol/model'
import { checkGraph, graphHash, nodeNonzero, nodeParameters, summarize } from '../../server/tracking/graph'
import { diffGraphs } from '../../server/tracking/graphDiff'

const node = (id: string, rest: Omit<GraphNode, 'id'> = {}): GraphNode => ({ id, ...rest })
const graph = (...nodes: readonly GraphNode[]): ModelGraph => ({
  id: 'model',
  nodes: Object.fromEntries(nodes.map((one) => [one.id, one])),
})
const withData = (data: JsonObject) => node('n', { data })
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const parse = (text: string) => JSON.parse(text) as ModelGraph

const conv = node('conv1', {
  name: 'Conv2d',
  data: { parameters: { weight: [64, 3, 7, 7] }, nonzero: 9408 },
  outputs: { y: { to: 'relu' } },
})
const relu = node('relu', { inputs: { x: { from: 'conv1' } } })

const id = fc.oneof(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', '10', '9'), fc.string({ maxLength: 3 }))
const anyNode = fc.record(
  {
    name: fc.string({ maxLength: 3 }),
    data: fc.dictionary(
      fc.constantFrom('parameters', 'shape', '__proto__', 'x'),
      fc.oneof(fc.nat(3), fc.constant('s'), fc.array(fc.nat(2), { maxLength: 2 })),
      { noNullPrototype: true },
    ),
    pruning_plan_id: fc.constantFrom('p1', 'p2'),
  },
  { requiredKeys: [], noNullPrototype: true },
)
const anyGraph = fc
  .array(fc.tuple(id, anyNode), { maxLength: 6 })
  .map((nodes): ModelGraph => ({ nodes: Object.fromEntries(nodes.map(([name, rest]) => [name, { id: name, ...rest }])) }))
const shuffled = ({ nodes }: ModelGraph): ModelGraph => ({
  id: 'another',
  nodes: Object.fromEntries(
    Object.entries(nodes)
      .reverse()
      .map(([name, one]) => [name, Object.fromEntries(Object.entries(one).reverse()) as unknown as GraphNode]),
  ),
})

describe("a graph's hash", () => {
  it('is SHA-256 over the canonical JSON of its nodes', () => {
    assert.equal(graphHash(graph()), sha256('{}'))
    assert.equal(graphHash(graph(node('b', { name: 'x' }), node('a'))), sha256('{"a":{"id":"a"},"b":{"id":"b","name":"x"}}'))
  })

  it('does not tell which pruning plan made a node', () => {
    assert.equal(graphHash(graph({ ...conv, pruning_plan_id: 'p1' }, relu)), graphHash(graph(conv, { ...relu, pruning_plan_id: 'p2' })))
  })

  it('tells everything else about the nodes', () => {
    const all = [
      graph(),
      graph(conv),
      graph(relu),
      graph(conv, relu),
      graph({ ...conv, name: 'conv' }),
      graph({ ...conv, wrapper: null }),
      graph({ ...conv, data: { pruning_plan_id: 'p1' } }),
      graph({ ...conv, data: { pruning_plan_id: 'p2' } }),
    ]
    assert.equal(new Set(all.map(graphHash)).size, all.length)
  })

  it("does not tell the graph's id, or in which order it was written", () => {
    assert.equal(graphHash({ ...graph(conv, relu), id: 'other' }), graphHash(graph(relu, conv)))
    fc.assert(fc.property(anyGraph, (one) => assert.equal(graphHash(shuffled(one)), graphHash(one))))
  })

  it('is that of the text written at once, for any graph', () => {
    fc.assert(
      fc.property(anyGraph, (one) => {
        const nodes = JSON.parse(JSON.stringify(one.nodes)) as JsonObject
        for (const name of Object.keys(nodes)) delete (nodes[name] as { pruning_plan_id?: string }).pruning_plan_id
        assert.equal(graphHash(one), sha256(canonicalJson(nodes)))
      }),
    )
    for (const sizes of [[3e6], [1, 2e6, 1], [600_000, 600_000], [2 ** 20], [2e6, 2e6, 2e6]]) {
      const large = graph(...sizes.map((size, i) => node(`n${i}`, { name: 'x'.repeat(size) })))
      assert.equal(graphHash(large), sha256(canonicalJson(large.nodes as unknown as JsonObject)))
    }
  })

  it('tells a node called __proto__ from none', () => {
    assert.notEqual(graphHash(parse('{"nodes":{"__proto__":{"id":"x"}}}')), graphHash(graph()))
  })

  it("is refused to what JSON can't hold", () => {
    for (const data of [{ x: NaN }, { x: [Infinity] }, { x: 'half \ud83d' }, { '\udc00': 1 }])
      assert.throws(
        () => graphHash(graph(withData(data))),
        (error) => error instanceof EpochtreeError && error.code === 'bad-graph',
      )
    const deep = parse(`{"nodes":{"n":{"id":"n","data":${'['.repeat(100_000)}${']'.repeat(100_000)}}}}`)
    assert.throws(() => graphHash(deep), EpochtreeError)
  })
})

describe('what passes for a graph', () => {
  it('is an object with nodes, whatever their edges', () => {
    for (const good of [
      graph(),
      graph(conv, relu),
      { nodes: { a: { id: 'a', inputs: { x: { from: 'nowhere' } } } } },
      { nodes: { a: { id: 'a', outputs: { y: { to: 'a' } } } }, more: 1 },
    ])
      assert.equal(checkGraph(good), good)
  })

  it('is nothing else, and says why', () => {
    for (const [bad, why] of [
      [null, /The graph is null/],
      [[], /The graph is a list/],
      ['{}', /The graph is a string/],
      [undefined, /The graph is missing/],
      [{}, /"nodes" is missing/],
      [{ nodes: [] }, /"nodes" is a list/],
      [{ nodes: { conv1: 3 } }, /node "conv1" is a number/],
      [{ nodes: { conv1: null } }, /node "conv1" is null/],
      [{ nodes: { ['x'.repeat(1e6)]: [] } }, /^.{0,300}$/],
    ] as const) {
      assert.throws(
        () => checkGraph(bad),
        (error) => error instanceof EpochtreeError && error.code === 'bad-graph' && why.test(error.message),
        String(why),
      )
    }
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          checkGraph(value)
        } catch (error) {
          assert.ok(error instanceof EpochtreeError)
        }
      }),
    )
  })
})

describe('parameters', () => {
  it('are a number, or shapes and numbers by name', () => {
    for (const [parameters, expected] of [
      [1728, 1728],
      ['9007199254740993', 9007199254740992],
      [0, 0],
      [{}, 0],
      [{ weight: [64, 3, 3, 3], bias: [64] }, 1792],
      [{ weight: [64, 3], scale: [] }, 193],
      [{ weight: 5, bias: '7' }, 12],
      [{ weight: [0, 10] }, 0],
    ] as const) {
      assert.equal(nodeParameters(withData({ parameters })), expected)
      assert.equal(nodeNonzero(withData({ nonzero: parameters })), expected)
    }
  })

  it('are unknown where the graph does not tell them rightly', () => {
    for (const parameters of [
      null,
      true,
      'many',
      '',
      '-1',
      '1e3',
      '1.5',
      -1,
      1.5,
      Infinity,
      NaN,
      [64, 3],
      { weight: [64, -1] },
      { weight: [64, 'x'] },
      { weight: null },
      { weight: [[1]] },
    ]) {
      assert.equal(nodeParameters(withData({ parameters })), null, JSON.stringify(parameters))
    }
    assert.equal(nodeParameters(node('n')), null)
    assert.equal(nodeParameters({ id: 'n', data: 3 } as unknown as GraphNode), null)
  })

  it('are summed over the nodes that tell them', () => {
    assert.deepEqual(summarize(graph(conv, relu)), { nodes: 2, parameters: 9408, nonzero: 9408 })
    assert.deepEqual(summarize(graph(relu)), { nodes: 1, parameters: null, nonzero: null })
    assert.deepEqual(summarize(graph()), { nodes: 0, parameters: null, nonzero: null })
  })

  it('that are not 0 are told for the whole model or not at all', () => {
    const dense = node('dense', { data: { parameters: 10 } })
    assert.deepEqual(summarize(graph(conv, dense)), { nodes: 2, parameters: 9418, nonzero: null })
    assert.deepEqual(summarize(graph(conv, node('empty', { data: { parameters: 0 } }))), { nodes: 2, parameters: 9408, nonzero: 9408 })
  })
})

describe('the difference of two graphs', () => {
  it('tells what was added, removed, changed and kept', () => {
    const pruned = { ...conv, data: { parameters: { weight: [32, 3, 7, 7] }, nonzero: 4704 } }
    const [fc1, head] = [node('fc', { data: { parameters: 100 } }), node('head', { name: 'Linear' })]
    assert.deepEqual(diffGraphs(graph(conv, relu, fc1), graph(pruned, relu, head)), {
      summary: [
        { nodes: 3, parameters: 9508, nonzero: null },
        { nodes: 3, parameters: 4704, nonzero: 4704 },
      ],
      added: 1,
      removed: 1,
      changed: 1,
      kept: 1,
      nodes: [
        {
          id: 'conv1',
          name: 'Conv2d',
          change: 'changed',
          differences: [
            { path: 'data.parameters.weight[0]', values: [64, 32] },
            { path: 'data.nonzero', values: [9408, 4704] },
          ],
          parameters: [9408, 4704],
        },
        { id: 'fc', name: 'fc', change: 'removed', differences: [], parameters: [100, null] },
        { id: 'head', name: 'Linear', change: 'added', differences: [], parameters: [null, null] },
      ],
    })
  })

  it('is none where another plan made the same nodes', () => {
    const { nodes, kept } = diffGraphs(graph({ ...conv, pruning_plan_id: 'p1' }), graph({ ...conv, pruning_plan_id: 'p2' }))
    assert.deepEqual([nodes, kept], [[], 1])
  })

  it('calls a node by its newest name', () => {
    assert.equal(diffGraphs(graph({ ...conv, name: 'old' }), graph({ ...conv, name: 'new' })).nodes[0]?.name, 'new')
    assert.equal(diffGraphs(graph({ ...conv, name: 'old' }), graph()).nodes[0]?.name, 'old')
    assert.equal(diffGraphs(graph(), graph({ ...conv, name: 3 } as unknown as GraphNode)).nodes[0]?.name, 'conv1')
  })

  it('says nothing of nodes where a graph is not known', () => {
    assert.deepEqual(diffGraphs(undefined, graph(conv)), {
      summary: [null, { nodes: 1, parameters: 9408, nonzero: 9408 }],
      added: 0,
      removed: 0,
      changed: 0,
      kept: 0,
      nodes: [],
    })
    assert.deepEqual(diffGraphs(graph(conv), undefined).nodes, [])
  })

  it('takes cycles and edges to nowhere as they are', () => {
    const loop = (weight: number) =>
      graph(
        node('a', { inputs: { x: { from: 'b', weight } }, outputs: { y: { to: 'b' } } }),
        node('b', { inputs: { x: { from: 'a' } }, outputs: { y: { to: 'a' }, z: { to: 'b' }, w: { to: 'nowhere' } } }),
      )
    assert.deepEqual(
      diffGraphs(loop(1), loop(2)).nodes.map(({ differences }) => differences),
      [[{ path: 'inputs.x.weight', values: [1, 2] }]],
    )
  })

  it('tells nodes called __proto__ and constructor like any other', () => {
    const [odd, plain] = [parse('{"nodes":{"__proto__":{"id":"x"},"constructor":{"id":"y"}}}'), graph()]
    assert.deepEqual(
      diffGraphs(plain, odd).nodes.map(({ id: name, change }) => [name, change]),
      [
        ['__proto__', 'added'],
        ['constructor', 'added'],
      ],
    )
    assert.equal(diffGraphs(odd, plain).removed, 2)
    assert.equal(diffGraphs(odd, odd).kept, 2)
  })

  it('knows null and absent apart, as the hash does', () => {
    const graph = (data: JsonObject): ModelGraph => ({ nodes: { a: { id: 'a', data } } })
    const { nodes } = diffGraphs(graph({ bias: null }), graph({}))
    assert.deepEqual(nodes[0]?.differences, [{ path: 'data.bias', values: [null, null] }])
  })

  it('is none exactly where the hashes are the same, for any two graphs', () => {
    fc.assert(
      fc.property(anyGraph, anyGraph, (a, b) => {
        assert.equal(diffGraphs(a, b).nodes.length === 0, graphHash(a) === graphHash(b))
        assert.deepEqual(diffGraphs(a, shuffled(a)).nodes, [])
      }),
      { numRuns: 500 },
    )
  })

  it('counts every node once, and mirrors when the graphs change places', () => {
    fc.assert(
      fc.property(anyGraph, anyGraph, (a, b) => {
        const there = diffGraphs(a, b)
        const back = diffGraphs(b, a)
        assert.equal(there.added + there.changed + there.kept, Object.keys(b.nodes).length)
        assert.equal(there.removed + there.changed + there.kept, Object.keys(a.nodes).length)
        assert.deepEqual([there.added, there.removed, there.changed, there.kept], [back.removed, back.added, back.changed, back.kept])
        for (const { change, differences } of there.nodes) assert.equal(differences.length > 0, change === 'changed')
      }),
      { numRuns: 500 },
    )
  })

  it('of 200,000 nodes in a row takes no stack and a moment', () => {
    const chain = (size: number): ModelGraph => ({
      nodes: Object.fromEntries(
        Array.from({ length: 200_000 }, (_, i) => [
          `n${i}`,
          node(`n${i}`, { data: { parameters: size }, inputs: { x: { from: `n${i - 1}` } }, outputs: { y: { to: `n${i + 1}` } } }),
        ]),
      ),
    })
    const [a, b] = [chain(1), chain(2)]
    const start = performance.now()
    const { changed, kept, summary } = diffGraphs(a, b)
    assert.deepEqual([changed, kept, summary[1]?.parameters], [200_000, 0, 400_000])
    assert.equal(diffGraphs(a, graph()).removed, 200_000)
    assert.notEqual(graphHash(a), graphHash(b))
    assert.ok(performance.now() - start < 20_000)
  })
})

import assert from 'node:assert/strict'
import { columnAt, rowsOf } from '../../webview/comparison/graph/bars'
import { countSeen, inOrder, type Item, openAtFirst, outline, repetition, seen } from '../../webview/comparison/graph/outline'
import type { Change, Graph, Node } from '../../webview/comparison/graph/read'
import { find } from '../../webview/comparison/graph/search'
import { packFloats } from '../../server/tracking/packed'

const side = { shape: null, parameters: 10, nonzero: null }
const graph = (
  nodes: readonly (readonly [name: string, change?: Change, type?: string])[],
  edges: readonly (readonly [number, number])[],
): Graph => ({
  about: {} as Graph['about'],
  nodes: nodes.map(([name, change = 'kept', type = null], place): Node => ({
    place,
    id: name,
    name,
    type,
    change,
    a: change === 'added' ? null : side,
    b: change === 'removed' ? null : side,
  })),
  edges: Int32Array.from(edges.flatMap(([from, to]) => [from, to, 3])),
  differences: new Map(),
})
const chain = (count: number) => Array.from({ length: count - 1 }, (_, i) => [i, i + 1] as const)
const row = (
  count: number,
  name: (i: number) => string,
  change: (i: number) => Change = () => 'kept',
  type: (i: number) => string = () => 'Dense',
) =>
  graph(
    Array.from({ length: count }, (_, i) => [name(i), change(i), type(i)] as const),
    chain(count),
  )
const told = (items: readonly Item[]) => items.map(({ node, nodes, title }) => (node ? node.name : `${title}*${nodes.length}`))
const leaves = (items: readonly Item[]): Node[] => items.flatMap((item) => (item.node ? [item.node] : leaves(item.children)))

describe('the outline of a graph', () => {
  it('has long unchanged stretches as one, and all that changed for itself', () => {
    const shown = outline(
      row(
        100,
        (i) => `layer${i}`,
        (i) => (i === 50 ? 'changed' : 'kept'),
      ),
    )
    assert.deepEqual(told(shown), ['layer0 – layer49*50', 'layer50', 'layer51 – layer99*49'])
    assert.deepEqual(shown[0]!.counts, { kept: 50, changed: 0, removed: 0, added: 0 })
    assert.deepEqual(shown[0]!.parameters, { a: 500, b: 500 })
    assert.deepEqual(
      leaves(shown).map(({ place }) => place),
      Array.from({ length: 100 }, (_, i) => i),
    )
  })

  it('leaves short stretches as they are', () => {
    assert.deepEqual(
      told(
        outline(
          row(
            7,
            (i) => `n${i}`,
            (i) => (i === 3 ? 'changed' : 'kept'),
          ),
        ),
      ),
      ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6'],
    )
  })

  it('takes residual blocks in one with what they go around', () => {
    const names = ['in', 'conv1', 'relu', 'conv2', 'add', 'out'].map((name) => [name] as const)
    const residual = graph([...names, ['head', 'changed']], [...chain(7), [0, 4]])
    assert.deepEqual(told(outline(residual)), ['in – out*6', 'head'])
  })

  it('keeps unchanged branches apart that nothing connects', () => {
    const two = graph(
      Array.from({ length: 10 }, (_, i) => [`${i % 2 ? 'right' : 'left'}.${i}`] as const),
      Array.from({ length: 8 }, (_, i) => [i, i + 2] as const),
    )
    assert.deepEqual(told(outline(two)), ['left*5', 'right*5'])
  })

  it('no item of it goes round in a circle, whatever is open', () => {
    for (let seed = 1; seed <= 40; seed++) {
      let state = seed
      const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
      const count = 200
      const edges = Array.from({ length: 260 }, () => {
        const [a, b] = [Math.floor(random() * count), Math.floor(random() * count)]
        return [Math.min(a, b), Math.max(a, b)] as const
      }).filter(([a, b]) => a !== b)
      const changes = Array.from({ length: count }, (): Change => (random() < 0.15 ? 'changed' : 'kept'))
      const one = graph(
        changes.map((change, i) => [`m${Math.floor(i / 30)}.l${i}`, change] as const),
        edges,
      )
      const top = outline(one)
      const open = openAtFirst(top)
      for (const isOpen of [() => false, ({ key }: Item) => open.has(key), () => random() < 0.5]) {
        const memo = new Map<string, boolean>()
        const remembered = (item: Item) => memo.get(item.key) ?? (memo.set(item.key, isOpen(item)), memo.get(item.key)!)
        const { items, edges: shown } = seen(one, top, remembered)
        const sorted = inOrder(items.length, shown)
        const position = new Map([...sorted].map((place, i) => [place, i]))
        for (let i = 0; i < shown.length; i += 3) assert.ok(position.get(shown[i]!)! < position.get(shown[i + 1]!)!, `seed ${seed}`)
        assert.equal(
          items.reduce((sum, item) => sum + item.nodes.length, 0),
          count,
        )
      }
    }
  })

  it('takes cycles', () => {
    const round = graph(
      [
        ['a', 'changed'],
        ['b', 'changed'],
      ],
      [
        [0, 1],
        [1, 0],
        [0, 0],
      ],
    )
    const top = outline(round)
    assert.deepEqual(told(top).toSorted(), ['a', 'b'])
    assert.equal(seen(round, top, () => false).edges.length, 9)
  })

  it('opens blocks by their modules, and says how often they repeat', () => {
    const types = ['Norm', 'Linear', 'ReLU', 'Linear']
    const blocks = row(
      400,
      (i) => `blocks.${Math.floor(i / 4)}.${i % 4}`,
      (i) => (i === 399 ? 'changed' : 'kept'),
      (i) => types[i % 4]!,
    )
    const [stretch] = outline(blocks)
    assert.equal(stretch!.nodes.length, 399)
    assert.deepEqual(stretch!.repeats, { times: 99, nodes: 4 })
    assert.ok(stretch!.children.length <= 120)
    assert.equal(leaves(stretch!.children).length, 399)
    assert.equal(repetition(blocks.nodes.slice(0, 7)), null)
  })

  for (const changed of [0, 1, 20_000] as const)
    it(`shows a few hundred of 20,000 nodes, ${changed} of them changed`, () => {
      const large = row(
        20_000,
        (i) => (changed === 1 ? `n${i}` : `net.${Math.floor(i / 500)}.${Math.floor(i / 10)}.${i}`),
        (i) => (i < changed ? 'changed' : 'kept'),
      )
      const top = outline(large)
      const open = openAtFirst(top)
      const isOpen = ({ key }: Item) => open.has(key)
      const count = countSeen(top, isOpen)
      assert.ok(count >= 2 && count <= 300, String(count))
      assert.equal(seen(large, top, isOpen).items.length, count)
      assert.equal(
        countSeen(top, () => true),
        20_000,
      )
      assert.ok(countSeen(top, () => true, 5000) <= 5001 + 120)
    })

  it('finds by name, type and id, those that begin so first', () => {
    const some = graph(
      [
        ['deep.conv1', 'kept', 'Conv2d'],
        ['conv1', 'kept', 'Conv2d'],
        ['relu', 'kept', 'ReLU'],
      ],
      [],
    )
    assert.deepEqual(
      find(some, 'conv1', 5).found.map(({ name }) => name),
      ['conv1', 'deep.conv1'],
    )
    assert.deepEqual(
      find(some, 'CONV2D deep', 5).found.map(({ name }) => name),
      ['deep.conv1'],
    )
    assert.deepEqual([find(some, ' ', 5).count, find(some, 'conv', 1).count, find(some, 'conv', 1).found.length], [0, 2, 1])
  })
})

describe('layers over the epochs', () => {
  it('keeps removed and masked apart, and takes what is gone for removed', () => {
    const { total, rows } = rowsOf(
      {
        epochs: [1, 3, 7].map((number) => ({ id: String(number), number })),
        until: 9,
        moreEpochs: 0,
        moreLayers: 0,
        parameters: packFloats([10, 8, 0]),
        nonzero: packFloats([10, 6, 0]),
        layers: [{ id: 'x', name: 'x', type: null, parameters: packFloats([10, 8, null]), nonzero: packFloats([10, 6, null]) }],
      },
      'all',
    )
    assert.deepEqual(rows[0]!.columns, [
      { left: 10, masked: 0, removed: 0, original: 10 },
      { left: 6, masked: 2, removed: 2, original: 10 },
      { left: 0, masked: 0, removed: 10, original: 10 },
    ])
    assert.deepEqual(total.columns[1], rows[0]!.columns[1])
    assert.deepEqual([rows[0]!.changed, total.name], [true, 'all'])
  })

  it('finds the column that holds at an epoch', () => {
    const epochs = [{ number: 1 }, { number: 3 }, { number: 7 }]
    assert.deepEqual(
      [0, 1, 2, 3, 6, 7, 99].map((epoch) => columnAt(epochs, epoch)),
      [0, 0, 0, 1, 1, 2, 2],
    )
  })
})

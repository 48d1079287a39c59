import assert from 'node:assert/strict'
import ELK from 'elkjs/lib/elk.bundled.js'
import fc from 'fast-check'
import { layOutStack } from '../../webview/comparison/graph/columns'
import type { Layout, Sizes } from '../../webview/comparison/graph/layout'
import { type Elk, layOutWith } from '../../webview/comparison/graph/worker/layOut'
import { piecesOf } from '../../webview/comparison/graph/pieces'

type Edge = readonly [from: number, to: number]
const flat = (edges: readonly Edge[]) => Int32Array.from(edges.flat())
const graph = (count: number, edges: readonly Edge[], width = (_box: number) => 120): Sizes => ({
  widths: Float32Array.from({ length: count }, (_, box) => width(box)),
  heights: Float32Array.from({ length: count }, () => 50),
  edges: flat(edges),
})
const chain = (count: number): Edge[] => Array.from({ length: count - 1 }, (_, i) => [i, i + 1])
/** Blocks in which a shortcut leads around two boxes. */
const residual = (blocks: number): Edge[] =>
  Array.from({ length: blocks }, (_, i): Edge[] => [
    [3 * i, 3 * i + 1],
    [3 * i + 1, 3 * i + 2],
    [3 * i + 2, 3 * i + 3],
    [3 * i, 3 * i + 3],
  ]).flat()

/** The real one, with how often it was asked and for how many boxes. */
function counted() {
  const elk = new ELK()
  const asked: number[] = []
  const ask: Elk = (one) => {
    asked.push(one.children.length)
    return elk.layout(structuredClone(one) as Parameters<typeof elk.layout>[0])
  }
  return { layOut: layOutWith(ask), asked }
}

function check({ widths, heights, edges }: Sizes, { x, y, width, height, points, starts }: Layout) {
  const order = [...widths.keys()].toSorted((a, b) => y[a]! - y[b]!)
  for (const [i, a] of order.entries()) {
    assert.ok(x[a]! >= 0 && y[a]! >= 0 && x[a]! + widths[a]! <= width && y[a]! + heights[a]! <= height, `${a} lies outside`)
    for (let j = i + 1; j < order.length && y[order[j]!]! < y[a]! + heights[a]!; j++) {
      const b = order[j]!
      assert.ok(x[a]! + widths[a]! <= x[b]! || x[b]! + widths[b]! <= x[a]!, `${a} and ${b} lie upon one another`)
    }
  }
  const touches = (box: number, px: number, py: number) =>
    px >= x[box]! - 1 && px <= x[box]! + widths[box]! + 1 && py >= y[box]! - 1 && py <= y[box]! + heights[box]! + 1
  for (let e = 0; 2 * e < edges.length; e++) {
    const [from, to] = [starts[e]!, starts[e + 1]!]
    assert.ok(to - from >= 4, `connection ${e} has no line`)
    assert.ok(touches(edges[2 * e]!, points[from]!, points[from + 1]!), `line ${e} does not begin at its box`)
    assert.ok(touches(edges[2 * e + 1]!, points[to - 2]!, points[to - 1]!), `line ${e} does not end at its box`)
    for (let i = from; i < to; i += 2)
      assert.ok(points[i]! >= 0 && points[i]! <= width && points[i + 1]! >= 0 && points[i + 1]! <= height, `line ${e} leads outside`)
  }
}

describe('the layout of graphs', () => {
  it('cuts where everything passes through one box', () => {
    assert.deepEqual(
      piecesOf(7, flat(residual(2))).map(({ boxes }) => boxes),
      [
        [0, 1, 2, 3],
        [3, 4, 5, 6],
      ],
    )
    // Around box 1 leads a shortcut.
    assert.equal(piecesOf(3, flat([...chain(3), [0, 2]])).length, 1)
    // In circles.
    assert.equal(piecesOf(3, flat([...chain(3), [2, 0]])).length, 1)
    // Two graphs beside one another.
    assert.equal(
      piecesOf(
        6,
        flat([
          [0, 1],
          [1, 2],
          [3, 4],
          [4, 5],
        ]),
      ).length,
      1,
    )
  })

  it('keeps what one box needs beside that box', () => {
    const constant = 7
    assert.deepEqual(
      piecesOf(8, flat([...residual(2), [constant, 5]])).map(({ boxes }) => boxes),
      [
        [0, 1, 2, 3],
        [3, 4, 5, 6, constant],
      ],
    )
  })

  it('places boxes one under another as the engine does, without it', async () => {
    const elk = new ELK()
    const side = fc.integer({ min: 10, max: 150 }).map((half) => 2 * half)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(side, side), { minLength: 1, maxLength: 20 }), async (boxes) => {
        const sizes: Sizes = {
          widths: Float32Array.from(boxes, ([width]) => width),
          heights: Float32Array.from(boxes, ([, height]) => height),
          edges: flat(chain(boxes.length)),
        }
        const layout = layOutStack(sizes)!
        check(sizes, layout)
        const { children = [] } = await elk.layout({
          id: 'root',
          layoutOptions: {
            'elk.algorithm': 'layered',
            'elk.direction': 'DOWN',
            'elk.layered.spacing.nodeNodeBetweenLayers': '44',
            'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
          },
          children: boxes.map(([width, height], i) => ({ id: String(i), width, height })),
          edges: chain(boxes.length).map(([from, to], i) => ({ id: `e${i}`, sources: [String(from)], targets: [String(to)] })),
        })
        for (const [i, { x = 0, y = 0 }] of children.entries())
          assert.deepEqual([layout.x[i]! - layout.x[0]!, layout.y[i]! - layout.y[0]!], [x - children[0]!.x!, y - children[0]!.y!])
      }),
      { numRuns: 30 },
    )
    assert.equal(layOutStack(graph(4, residual(1))), undefined)
    assert.equal(layOutStack(graph(3, [...chain(3), [1, 1]])), undefined)
    assert.equal(layOutStack(graph(2, [])), undefined)
  })

  it('does not ask the engine for stretches in which one box follows another', async () => {
    const { layOut, asked } = counted()
    const [before, after] = [40, 80]
    const edges: Edge[] = [...chain(before + 3 + after), [before, before + 2]]
    const sizes = graph(before + 3 + after, edges, (box) => 120 + 20 * (box % 4))
    check(sizes, await layOut(sizes))
    assert.deepEqual(asked, [3])
  })

  it('lays out blocks that are alike once, in columns', async () => {
    const { layOut, asked } = counted()
    const sizes = graph(301, residual(100))
    const layout = await layOut(sizes)
    check(sizes, layout)
    assert.equal(asked.length, 1)
    assert.ok(layout.width > layout.height / 3 && layout.width < layout.height * 4, `${layout.width} x ${layout.height}`)
  })

  it('lays out once what is alike but for its ends and the order of its connections', async () => {
    const { layOut, asked } = counted()
    const edges = residual(4)
    // Between two chains.
    const sizes = graph(13, [...edges.slice(0, 3), ...edges.slice(4, 8), ...edges.slice(8, 12).toReversed(), ...edges.slice(12, 15)])
    for (const [i, box] of [0, 3, 6, 9, 12].entries()) {
      sizes.widths[box] = 120 + 80 * i
      sizes.heights[box] = 100 - 20 * i
    }
    const layout = await layOut(sizes)
    check(sizes, layout)
    assert.equal(asked.length, 1)
    const middle = (box: number) => layout.x[box]! + sizes.widths[box]! / 2
    for (const box of [3, 6, 9, 12]) assert.ok(Math.abs(middle(box) - middle(0)) < 1, 'the column leans')
  })

  it('lays out as one what has no such box, and what lies in circles', async () => {
    for (const edges of [
      [...chain(40), [0, 39]],
      [...chain(40), [39, 0], [7, 7]],
    ] as Edge[][]) {
      const { layOut, asked } = counted()
      const sizes = graph(40, edges)
      check(sizes, await layOut(sizes))
      assert.deepEqual(asked, [40])
    }
  })

  it('lays out as one what would reach past the end of its piece', async () => {
    // Beside the network stands something that is not connected with it, and is taller than the first block.
    const edges: Edge[] = [...residual(12), [37, 38]]
    const sizes = graph(39, edges)
    sizes.heights[37] = sizes.heights[38] = 400
    const { layOut, asked } = counted()
    check(sizes, await layOut(sizes))
    assert.ok(asked.length > 1 && asked.at(-1) === 39, String(asked))
  })

  it('gives a large piece columns of its own', async () => {
    const large = 150
    // A long way around between two chains.
    const edges: Edge[] = [...chain(40 + large + 40), [20, 20 + large], [60, 60]]
    const sizes = graph(40 + large + 40, edges)
    const { layOut, asked } = counted()
    const layout = await layOut(sizes)
    check(sizes, layout)
    assert.ok(asked.includes(large + 1), String(asked))
    assert.ok(layout.height < 10_000, String(layout.height))
  })

  it('lets no boxes lie upon one another, and leads each line from its box to its box', async function () {
    this.timeout(60_000)
    const { layOut } = counted()
    const size = fc.integer({ min: 1, max: 90 })
    await fc.assert(
      fc.asyncProperty(
        size,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 4 })), { maxLength: 40 }),
        fc.integer({ min: 0, max: 9 }),
        async (count, more, loose) => {
          // Mostly a chain, some of it broken, with ways around.
          const edges: Edge[] = chain(count).filter(([from]) => loose === 0 || from % (10 + loose) !== 0)
          for (const [at, over] of more) if (at % count > 0) edges.push([Math.max(0, (at % count) - over), at % count])
          const sizes = graph(count, edges, (box) => 100 + 20 * (box % 7))
          for (const box of sizes.heights.keys()) sizes.heights[box] = 30 + 17 * (box % 5)
          check(sizes, await layOut(sizes))
        },
      ),
      { numRuns: 60 },
    )
  })
})

import { ASPECT, isLarge, joins, ONE_COLUMN, type Placed, type Point, stacked, together, UNDER } from '../columns'
import type { Layout, Sizes } from '../layout'
import { type Piece, piecesOf, whole } from '../pieces'

/** What elkjs is asked, and what it answers. */
export interface ElkGraph {
  readonly id: string
  readonly layoutOptions: Readonly<Record<string, string>>
  readonly children: readonly { readonly id: string; readonly width: number; readonly height: number }[]
  readonly edges: readonly { readonly id: string; readonly sources: readonly string[]; readonly targets: readonly string[] }[]
}
export interface ElkAnswer {
  readonly width?: number
  readonly height?: number
  readonly children?: readonly Partial<Point>[]
  readonly edges?: readonly {
    readonly sections?: readonly { readonly startPoint: Point; readonly bendPoints?: readonly Point[]; readonly endPoint: Point }[]
  }[]
}
export type Elk = (graph: ElkGraph) => Promise<ElkAnswer>

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.padding': '[top=0,left=0,bottom=0,right=0]',
  'elk.spacing.nodeNode': '28',
  'elk.spacing.edgeNode': '16',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.componentComponent': '48',
  'elk.layered.spacing.nodeNodeBetweenLayers': String(UNDER),
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.layered.considerModelOrder.strategy': 'PREFER_EDGES',
}
/** Keeps what leads through a piece straight, so that a column of pieces does not lean. */
const STRAIGHT = { 'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX' }
const WRAPPED = { 'elk.layered.wrapping.strategy': 'MULTI_EDGE', 'elk.aspectRatio': String(ASPECT) }
const MOST_KEPT = 5000

/** Lays out graphs with elkjs, piece by piece where a graph has pieces, and remembers the pieces. */
export function layOutWith(elk: Elk): (sizes: Sizes) => Promise<Layout> {
  const known = new Map<string, Placed>()

  const placed = async (sizes: Sizes, pieces: readonly Piece[], i: number): Promise<Placed> => {
    const piece = pieces[i]!
    const one = stacked(sizes, piece)
    if (one) return one
    const own = sizesOf(sizes, piece)
    if (isLarge(piece)) return placedOf(await elk(graphOf(own, sizes, piece, { ...OPTIONS, ...WRAPPED })))
    const plain = withPlain(own, sizes, pieces, i)
    const graph = graphOf(plain, sizes, piece, { ...OPTIONS, ...STRAIGHT })
    const key = JSON.stringify([graph.children, graph.edges])
    let made = known.get(key)
    if (!made) {
      made = placedOf(await elk(graph))
      if (known.size >= MOST_KEPT) known.clear()
      known.set(key, made)
    }
    return withOwn(made, plain, own)
  }

  return async (sizes) => {
    const { widths, edges } = sizes
    const pieces = piecesOf(widths.length, edges)
    if (pieces.length > 1) {
      const all: Placed[] = []
      for (const i of pieces.keys()) all.push(await placed(sizes, pieces, i))
      if (all.every((one, i) => joins(sizes, pieces, i, one))) return together(sizes, pieces, all)
    }
    const all = whole(widths.length, edges)
    const options = widths.length > ONE_COLUMN ? { ...OPTIONS, ...WRAPPED } : OPTIONS
    return together(sizes, [all], [placedOf(await elk(graphOf(sizesOf(sizes, all), sizes, all, options)))])
  }
}

interface Size {
  readonly width: number
  readonly height: number
}
/** Of each box of a piece, in its order. */
const sizesOf = ({ widths, heights }: Sizes, { boxes }: Piece): readonly Size[] =>
  boxes.map((box) => ({ width: widths[box]!, height: heights[box]! }))

/** Boxes that pieces share may differ where the pieces are alike. They stand alone on their level, so the others need not know how large they are. */
const PLAIN: Size = { width: 120, height: 50 }

function withPlain(own: readonly Size[], { edges }: Sizes, pieces: readonly Piece[], i: number): readonly Size[] {
  const { boxes, connections } = pieces[i]!
  const isShared = (place: number) => (place === 0 && i > 0) || (place === boxes.length - 1 && i < pieces.length - 1)
  // A line may lead around the box.
  const hasLoop = (box: number) => connections.some((e) => edges[2 * e] === box && edges[2 * e + 1] === box)
  return own.map((size, place) => (isShared(place) && size.width >= PLAIN.width && !hasLoop(boxes[place]!) ? PLAIN : size))
}

/** Gives boxes their own sizes: the first grows upwards and the last downwards, both from their middle. */
function withOwn({ width, height, boxes, lines }: Placed, plain: readonly Size[], own: readonly Size[]): Placed {
  const grown = boxes.map(({ x, y }, place): Point => ({
    x: x - (own[place]!.width - plain[place]!.width) / 2,
    y: place === 0 ? y + plain[place]!.height - own[place]!.height : y,
  }))
  const left = grown.reduce((least, { x }) => Math.min(least, x), 0)
  const top = grown.reduce((least, { y }) => Math.min(least, y), 0)
  const right = grown.reduce((most, { x }, place) => Math.max(most, x + own[place]!.width), width)
  const bottom = grown.reduce((most, { y }, place) => Math.max(most, y + own[place]!.height), height)
  return {
    width: right - left,
    height: bottom - top,
    boxes: grown.map(({ x, y }) => ({ x: x - left, y: y - top })),
    lines: lines.map((line) => line.map((value, axis) => value - (axis % 2 === 0 ? left : top))),
  }
}

function graphOf(
  sizes: readonly Size[],
  { edges }: Sizes,
  { boxes, connections }: Piece,
  layoutOptions: ElkGraph['layoutOptions'],
): ElkGraph {
  const places = new Map(boxes.map((box, i) => [box, i]))
  return {
    id: 'root',
    layoutOptions,
    children: sizes.map(({ width, height }, i) => ({ id: `n${i}`, width, height })),
    edges: connections.map((e, i) => ({
      id: `e${i}`,
      sources: [`n${places.get(edges[2 * e]!)}`],
      targets: [`n${places.get(edges[2 * e + 1]!)}`],
    })),
  }
}

const placedOf = ({ width = 0, height = 0, children = [], edges = [] }: ElkAnswer): Placed => ({
  width,
  height,
  boxes: children.map(({ x = 0, y = 0 }) => ({ x, y })),
  lines: edges.map(({ sections = [] }) =>
    sections.flatMap(({ startPoint, bendPoints = [], endPoint }) => [startPoint, ...bendPoints, endPoint].flatMap(({ x, y }) => [x, y])),
  ),
})

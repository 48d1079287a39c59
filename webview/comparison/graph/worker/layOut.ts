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

  const placed = async (sizes: Sizes, piece: Piece): Promise<Placed> => {
    const one = stacked(sizes, piece)
    if (one) return one
    if (isLarge(piece)) return placedOf(await elk(graphOf(sizes, piece, { ...OPTIONS, ...WRAPPED })))
    const alike = withPlainEnds(sizes, piece)
    const graph = graphOf(alike, piece, { ...OPTIONS, ...STRAIGHT })
    const key = JSON.stringify([graph.children, graph.edges])
    let made = known.get(key)
    if (!made) {
      made = placedOf(await elk(graph))
      if (known.size >= MOST_KEPT) known.clear()
      known.set(key, made)
    }
    return alike === sizes ? made : withEnds(made, alike, sizes, piece)
  }

  return async (sizes) => {
    const { widths, edges } = sizes
    const pieces = piecesOf(widths.length, edges)
    if (pieces.length > 1) {
      const all: Placed[] = []
      for (const piece of pieces) all.push(await placed(sizes, piece))
      if (all.every((one, i) => joins(sizes, pieces, i, one))) return together(sizes, pieces, all)
    }
    const all = whole(widths.length, edges)
    const options = widths.length > ONE_COLUMN ? { ...OPTIONS, ...WRAPPED } : OPTIONS
    return together(sizes, [all], [placedOf(await elk(graphOf(sizes, all, options)))])
  }
}

/** Boxes that pieces share may differ where the pieces are alike. They stand alone on their level, so the others need not know how large they are. */
const PLAIN = { width: 120, height: 50 }

function withPlainEnds(sizes: Sizes, { boxes, connections }: Piece): Sizes {
  const ends = [boxes[0]!, boxes.at(-1)!]
  const narrow = ends.some((box) => sizes.widths[box]! < PLAIN.width)
  // Its line leads around the box.
  const loops = connections.some((e) => sizes.edges[2 * e] === sizes.edges[2 * e + 1] && ends.includes(sizes.edges[2 * e]!))
  if (narrow || loops) return sizes
  const [widths, heights] = [sizes.widths.slice(), sizes.heights.slice()]
  for (const box of ends) {
    widths[box] = PLAIN.width
    heights[box] = PLAIN.height
  }
  return { ...sizes, widths, heights }
}

/** Gives the ends their own sizes: the first grows upwards and the last downwards, both from their middle. */
function withEnds({ width, height, boxes: all, lines }: Placed, plain: Sizes, { widths, heights }: Sizes, { boxes }: Piece): Placed {
  const end = boxes.length - 1
  const grown = (at: number): Point => {
    const [box, { x, y }] = [boxes[at]!, all[at]!]
    return { x: x - (widths[box]! - plain.widths[box]!) / 2, y: at === 0 ? y + plain.heights[box]! - heights[box]! : y }
  }
  const [first, last] = [grown(0), grown(end)]
  const [left, top] = [Math.min(0, first.x, last.x), Math.min(0, first.y)]
  const right = Math.max(width, first.x + widths[boxes[0]!]!, last.x + widths[boxes[end]!]!)
  return {
    width: right - left,
    height: Math.max(height, last.y + heights[boxes[end]!]!) - top,
    boxes: [first, ...all.slice(1, end), last].map(({ x, y }) => ({ x: x - left, y: y - top })),
    lines: lines.map((line) => line.map((value, axis) => value - (axis % 2 === 0 ? left : top))),
  }
}

function graphOf({ widths, heights, edges }: Sizes, { boxes, connections }: Piece, layoutOptions: ElkGraph['layoutOptions']): ElkGraph {
  const places = new Map(boxes.map((box, i) => [box, i]))
  return {
    id: 'root',
    layoutOptions,
    children: boxes.map((box, i) => ({ id: `n${i}`, width: widths[box]!, height: heights[box]! })),
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

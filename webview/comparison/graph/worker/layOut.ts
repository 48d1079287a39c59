import type { Layout, Sizes } from '../layout'
import { type Piece, piecesOf, whole } from './pieces'

interface Point {
  readonly x: number
  readonly y: number
}
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

/** A piece with its boxes and connections in the piece's own order. */
interface Placed {
  readonly width: number
  readonly height: number
  readonly boxes: readonly Point[]
  /** Points of each connection, x and y. */
  readonly lines: readonly (readonly number[])[]
}

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.padding': '[top=0,left=0,bottom=0,right=0]',
  'elk.spacing.nodeNode': '28',
  'elk.spacing.edgeNode': '16',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.componentComponent': '48',
  'elk.layered.spacing.nodeNodeBetweenLayers': '44',
  'elk.layered.spacing.edgeNodeBetweenLayers': '16',
  'elk.layered.considerModelOrder.strategy': 'PREFER_EDGES',
}
/** Keeps what leads through a piece straight, so that a column of pieces does not lean. */
const STRAIGHT = { 'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX' }
/** Width to height: models are long and narrow, and screens are not. */
const ASPECT = 1.5
const WRAPPED = { 'elk.layered.wrapping.strategy': 'MULTI_EDGE', 'elk.aspectRatio': String(ASPECT) }
/** Deeper graphs go on in the next column, as the lines of a newspaper do. */
const ONE_COLUMN = 24
/** A larger piece has columns of its own. */
const LARGE = 100
const MARGIN = 12
const GAP = 64
/** Of the height of the others. */
const LEAST_COLUMN = 0.3
/** From a box to where its line turns. */
const TURN = 20
const MOST_KEPT = 5000

/** Lays out graphs with elkjs, piece by piece where a graph has pieces, and remembers the pieces. */
export function layOutWith(elk: Elk): (sizes: Sizes) => Promise<Layout> {
  const known = new Map<string, Placed>()

  const placed = async (sizes: Sizes, piece: Piece): Promise<Placed> => {
    if (isLarge(piece)) return placedOf(await elk(graphOf(sizes, piece, { ...OPTIONS, ...WRAPPED })))
    const graph = graphOf(sizes, piece, { ...OPTIONS, ...STRAIGHT })
    const key = JSON.stringify([graph.children, graph.edges])
    const before = known.get(key)
    if (before) return before
    const made = placedOf(await elk(graph))
    if (known.size >= MOST_KEPT) known.clear()
    known.set(key, made)
    return made
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

const isLarge = ({ boxes }: Piece) => boxes.length > LARGE

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

/** Whether nothing lies above the box that a piece begins with, nor below the one it ends with: there the next one is joined on. */
function joins({ heights }: Sizes, pieces: readonly Piece[], i: number, { boxes }: Placed): boolean {
  const piece = pieces[i]!
  // In columns of its own nothing is over or under it.
  if (isLarge(piece)) return true
  const [first, last] = [boxes[0]!, boxes.at(-1)!]
  const under = first.y + heights[piece.boxes[0]!]!
  const begins = i === 0 || boxes.every(({ y }, at) => at === 0 || y >= under)
  const ends = i === pieces.length - 1 || boxes.every(({ y }, at) => at === boxes.length - 1 || y + heights[piece.boxes[at]!]! <= last.y)
  return begins && ends
}

/** A piece, with how far it lies from where its layout has it; x within its column, y from the top. */
interface Shifted {
  readonly piece: Piece
  readonly placed: Placed
  readonly dx: number
  readonly dy: number
}

/** Deals pieces out, each under the one whose last box it begins with, into as many columns as make a picture that a screen can show. */
function columnsOf({ widths, heights }: Sizes, pieces: readonly Piece[], all: readonly Placed[]): Shifted[][] {
  const deep = all.reduce((sum, { height }) => sum + height, 0)
  const wide = all.reduce((most, { width }) => Math.max(most, width), 0)
  const wanted = widths.length > ONE_COLUMN ? Math.max(1, Math.round(Math.sqrt((ASPECT * deep) / (wide + GAP)))) : 1
  const target = deep / wanted
  const columns: Shifted[][] = []
  let remaining = deep
  for (const [i, placed] of all.entries()) {
    const piece = pieces[i]!
    const [column, above] = [columns.at(-1), columns.at(-1)?.at(-1)]
    const [box] = placed.boxes as readonly [Point]
    // The last few boxes are not worth a column.
    const full = above && above.dy + above.placed.height + placed.height / 2 > target && remaining > target * LEAST_COLUMN
    remaining -= placed.height
    if (!above || !column) columns.push([{ piece, placed, dx: 0, dy: 0 }])
    else if (full || isLarge(piece) || isLarge(above.piece))
      // Its first box stands at the end of the column before, and leaves its place to the line from there.
      columns.push([{ piece, placed, dx: 0, dy: isLarge(piece) ? TURN : TURN - box.y - heights[piece.boxes[0]!]! }])
    else {
      const shared = above.placed.boxes.at(-1)!
      column.push({ piece, placed, dx: shared.x + above.dx - box.x, dy: shared.y + above.dy - box.y })
    }
  }
  return columns
}

/** Joins pieces at the boxes that they share. */
function together(sizes: Sizes, pieces: readonly Piece[], all: readonly Placed[]): Layout {
  const { widths, heights, edges } = sizes
  const x = new Float32Array(widths.length)
  const y = new Float32Array(widths.length)
  const lines: (readonly number[])[] = Array.from({ length: edges.length / 2 }, () => [])
  const columns = columnsOf(sizes, pieces, all)
  let [left, bottom] = [MARGIN, 0]
  /** The middle under the box that the column before ended with. */
  let before: Point | undefined
  for (const column of columns) {
    const shift = left - Math.min(...column.map(({ dx }) => dx))
    for (const [i, { piece, placed, dx, dy }] of column.entries()) {
      const [right, down] = [dx + shift, dy + MARGIN]
      const from = i === 0 ? before : undefined
      const first = piece.boxes[0]!
      for (const [at, box] of piece.boxes.entries()) {
        if (from && box === first) continue
        x[box] = placed.boxes[at]!.x + right
        y[box] = placed.boxes[at]!.y + down
      }
      for (const [at, e] of piece.connections.entries()) {
        const line = placed.lines[at]!.map((value, axis) => value + (axis % 2 === 0 ? right : down))
        const [to = 0] = line
        const middle = placed.boxes[0]!.x + right + widths[first]! / 2
        lines[e] = from && edges[2 * e] === first ? [...over(from, to - middle, left - GAP / 2, to), ...line] : line
      }
    }
    const last = column.at(-1)!
    const box = last.piece.boxes.at(-1)!
    before = { x: x[box]! + widths[box]! / 2, y: y[box]! + heights[box]! }
    left = shift + Math.max(...column.map(({ dx, placed }) => dx + placed.width)) + GAP
    bottom = Math.max(bottom, last.dy + last.placed.height)
  }
  const starts = new Int32Array(lines.length + 1)
  for (const [e, line] of lines.entries()) starts[e + 1] = starts[e]! + line.length
  const points = new Float32Array(starts.at(-1)!)
  for (const [e, line] of lines.entries()) points.set(line, starts[e])
  return { x, y, width: left - GAP + MARGIN, height: bottom + 2 * MARGIN + (columns.length > 1 ? TURN : 0), points, starts }
}

/** From the end of a column, up between the two, and over to where a line of the next begins. */
const over = (from: Point, aside: number, between: number, to: number): readonly number[] => {
  const start = from.x + aside
  return [start, from.y, start, from.y + TURN, between, from.y + TURN, between, MARGIN, to, MARGIN]
}

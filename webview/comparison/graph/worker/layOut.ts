import type { Layout, Sizes } from '../layout'
import { type Piece, piecesOf } from './pieces'

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
    const made = known.get(key) ?? placedOf(await elk(graph))
    if (known.size >= MOST_KEPT) known.clear()
    known.set(key, made)
    return made
  }

  return async (sizes) => {
    const pieces = piecesOf(sizes.widths.length, sizes.edges)
    if (pieces.length > 1) {
      const all: Placed[] = []
      for (const piece of pieces) all.push(await placed(sizes, piece))
      if (all.every((one, i) => joins(sizes, pieces, i, one))) return together(sizes, pieces, all)
    }
    const whole: Piece = { boxes: [...sizes.widths.keys()], connections: Array.from({ length: sizes.edges.length / 2 }, (_, e) => e) }
    const options = sizes.widths.length > ONE_COLUMN ? { ...OPTIONS, ...WRAPPED } : OPTIONS
    return together(sizes, [whole], [placedOf(await elk(graphOf(sizes, whole, options)))])
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
  const [first, last] = [boxes[0]!, boxes.at(-1)!]
  const under = first.y + heights[piece.boxes[0]!]!
  // In columns of their own nothing is over or under them.
  if (isLarge(piece)) return true
  const begins = i === 0 || boxes.every(({ y }, at) => at === 0 || y >= under)
  const ends = i === pieces.length - 1 || boxes.every(({ y }, at) => at === boxes.length - 1 || y + heights[piece.boxes[at]!]! <= last.y)
  return begins && ends
}

/** Joins pieces at the boxes that they share, one under another, in as many columns as make a picture that a screen can show. */
function together({ widths, heights, edges }: Sizes, pieces: readonly Piece[], all: readonly Placed[]): Layout {
  const count = widths.length
  const x = new Float32Array(count)
  const y = new Float32Array(count)
  const lines: (readonly number[])[] = Array.from({ length: edges.length / 2 }, () => [])
  const deep = all.reduce((sum, { height }) => sum + height, 0)
  const wide = all.reduce((most, { width }) => Math.max(most, width), 0)
  const columns = count > ONE_COLUMN ? Math.max(1, Math.round(Math.sqrt((ASPECT * deep) / (wide + GAP)))) : 1
  /** Pieces of the column that is being made, with where each of them begins. */
  let column: { readonly piece: number; readonly dx: number; readonly dy: number }[] = []
  let bottom = 0
  let left = 0
  let height = 0
  /** The box that the column before ended with. */
  let before: { readonly x: number; readonly y: number } | undefined

  const end = () => {
    let [least, most] = [Infinity, -Infinity]
    for (const { piece, dx } of column) {
      least = Math.min(least, dx)
      most = Math.max(most, dx + all[piece]!.width)
    }
    const shift = left + MARGIN - least
    for (const [i, { piece, dx, dy }] of column.entries()) {
      const one = all[piece]!
      const ghost = i === 0 && before !== undefined
      for (const [at, box] of pieces[piece]!.boxes.entries()) {
        // It stands at the end of the column before.
        if (ghost && at === 0) continue
        x[box] = one.boxes[at]!.x + dx + shift
        y[box] = one.boxes[at]!.y + dy + MARGIN
      }
      for (const [at, e] of pieces[piece]!.connections.entries()) {
        const line = one.lines[at]!.map((value, axis) => value + (axis % 2 === 0 ? dx + shift : dy + MARGIN))
        const leads = ghost && edges[2 * e] === pieces[piece]!.boxes[0]
        lines[e] = leads ? [...over(before!, line, one.boxes[0]!.x + dx + shift, widths[edges[2 * e]!]!), ...line] : line
      }
    }
    const last = pieces[column.at(-1)!.piece]!.boxes.at(-1)!
    before = { x: x[last]! + widths[last]! / 2, y: y[last]! + heights[last]! }
    left = left + most - least + GAP
    height = Math.max(height, bottom)
    column = []
    bottom = 0
  }
  /** From the end of a column over to the beginning of the next. */
  const over = (from: Point, [startX = 0]: readonly number[], ghostX: number, ghostWidth: number): number[] => {
    const start = from.x + startX - (ghostX + ghostWidth / 2)
    const between = left + MARGIN - GAP / 2
    return [start, from.y, start, from.y + TURN, between, from.y + TURN, between, MARGIN, startX, MARGIN]
  }

  const target = deep / columns
  let remaining = deep
  for (const [piece, one] of all.entries()) {
    const [first, second] = [pieces[piece]!.boxes[0]!, one.boxes[0]!]
    // The last few boxes are not worth a column.
    const full = bottom + one.height / 2 > target && remaining > target * LEAST_COLUMN
    remaining -= one.height
    const fresh = column.length > 0 && (full || isLarge(pieces[piece]!) || isLarge(pieces[column.at(-1)!.piece]!))
    if (fresh) end()
    if (column.length > 0) {
      const { piece: above, dx, dy } = column.at(-1)!
      const shared = all[above]!.boxes.at(-1)!
      column.push({ piece, dx: shared.x + dx - second.x, dy: shared.y + dy - second.y })
    } else column.push({ piece, dx: 0, dy: !before ? 0 : isLarge(pieces[piece]!) ? TURN : TURN - second.y - heights[first]! })
    bottom = column.at(-1)!.dy + one.height
  }
  end()
  const starts = new Int32Array(lines.length + 1)
  for (const [e, line] of lines.entries()) starts[e + 1] = starts[e]! + line.length
  const points = new Float32Array(starts.at(-1)!)
  for (const [e, line] of lines.entries()) points.set(line, starts[e])
  return { x, y, width: left - GAP + 2 * MARGIN, height: height + 2 * MARGIN + (before && columns > 1 ? TURN : 0), points, starts }
}

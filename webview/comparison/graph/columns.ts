import type { Layout, Sizes } from './layout'
import { type Piece, piecesOf } from './pieces'

export interface Point {
  readonly x: number
  readonly y: number
}
/** A piece with its boxes and connections in the piece's own order. */
export interface Placed {
  readonly width: number
  readonly height: number
  readonly boxes: readonly Point[]
  /** Points of each connection, x and y. */
  readonly lines: readonly (readonly number[])[]
}

/** From a box to the one under it. */
export const UNDER = 44
/** Width to height: models are long and narrow, and screens are not. */
export const ASPECT = 1.5
/** Deeper graphs go on in the next column, as the lines of a newspaper do. */
export const ONE_COLUMN = 24
/** A larger piece has columns of its own. */
const LARGE = 100
const MARGIN = 12
const GAP = 64
/** Of the height of the others. */
const LEAST_COLUMN = 0.3
/** From a box to where its line turns. */
const TURN = 20

/** A graph whose boxes stand one under another, laid out at once; undefined where it has anything else. */
export function layOutStack(sizes: Sizes): Layout | undefined {
  // Most graphs have more, and are cut into pieces by the worker alone.
  if (sizes.edges.length !== 2 * (sizes.widths.length - 1)) return undefined
  const pieces = piecesOf(sizes.widths.length, sizes.edges)
  const all: Placed[] = []
  for (const piece of pieces) {
    const placed = stacked(sizes, piece)
    if (!placed) return undefined
    all.push(placed)
  }
  return together(sizes, pieces, all)
}

/** Where each box is connected to the next and to no other: one under another, as the engine places them too. */
export function stacked({ widths, heights, edges }: Sizes, { boxes, connections }: Piece): Placed | undefined {
  if (connections.length !== boxes.length - 1) return undefined
  if (connections.some((e, i) => edges[2 * e] !== boxes[i] || edges[2 * e + 1] !== boxes[i + 1])) return undefined
  const width = boxes.reduce((most, box) => Math.max(most, widths[box]!), 0)
  const places: Point[] = []
  let height = -UNDER
  for (const box of boxes) {
    const y = height + UNDER
    places.push({ x: (width - widths[box]!) / 2, y })
    height = y + heights[box]!
  }
  const lines = connections.map((_, i) => [width / 2, places[i + 1]!.y - UNDER, width / 2, places[i + 1]!.y])
  return { width, height, boxes: places, lines }
}

export const isLarge = ({ boxes }: Piece) => boxes.length > LARGE

/** Whether nothing lies above the box that a piece begins with, nor below the one it ends with: there the next one is joined on. */
export function joins({ heights }: Sizes, pieces: readonly Piece[], i: number, { boxes }: Placed): boolean {
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
export function together(sizes: Sizes, pieces: readonly Piece[], all: readonly Placed[]): Layout {
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

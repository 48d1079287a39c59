import type { MetricComparison } from '../../protocol/model'
import { toNumber } from '../../json'
import { number, position, rangeOf, type Style } from './terminal'

export interface ChartOptions {
  /** Epochs that all curves have in common: drawn once, in no model's colour. */
  readonly shared: number
  readonly columns: number
  readonly rows: number
}
type Point = { readonly x: number; readonly y: number }
interface Cell {
  dots: number
  /** Whose line goes through; -1 is the shared past. */
  readonly owners: Set<number>
}

export const letterOf = (model: number): string => String.fromCharCode(65 + (model % 26))
export const paintOf = (model: number, style: Style) =>
  [style.cyan, style.magenta, style.yellow, style.green, style.blue, style.red][model % 6] ?? style.cyan

// Braille cells are two dots wide and four high; a dot's bit by [row][column].
const bits = [
  [1, 8],
  [2, 16],
  [4, 32],
  [64, 128],
] as const

/** A small chart: the shared past once, then a line a model, its letter where it ends. Null if no curve has a finite value. */
export function chart(curves: MetricComparison['curves'], style: Style, { shared, columns, rows }: ChartOptions): string | null {
  const lines = curves.map(({ epochs, values }) => epochs.map((x, i) => ({ x, y: toNumber(values[i]) })))
  const ys = rangeOf(lines.flatMap((line) => line.map(({ y }) => y)))
  const xs = rangeOf(lines.flatMap((line) => line.map(({ x }) => x)))
  if (!ys || !xs) return null
  const labels = [number(ys[1]), number(ys[0])] as const
  const margin = Math.max(labels[0].length, labels[1].length)
  const wide = Math.max(8, Math.floor(columns) - margin - 5)
  const place = ({ x, y }: Point) => ({
    x: Math.round(position(x, xs) * (wide * 2 - 1)),
    y: Math.round((1 - position(y, ys)) * (rows * 4 - 1)),
  })
  const cells: (Cell | undefined)[][] = Array.from({ length: rows }, () => Array.from({ length: wide }, () => undefined))
  const dot = ({ x, y }: Point, owner: number) => {
    const row = cells[y >> 2]
    if (!row) return
    const cell = (row[x >> 1] ??= { dots: 0, owners: new Set() })
    cell.dots |= bits[y & 3]?.[x & 1] ?? 0
    cell.owners.add(owner)
  }
  const draw = (line: readonly Point[], owner: number) => {
    let before: Point | null = null
    for (const point of line) {
      // What is not finite is a gap, not a line across.
      const to: Point | null = Number.isFinite(point.y) ? place(point) : null
      if (to) for (const between of path(before ?? to, to)) dot(between, owner)
      before = to
    }
  }
  const forkAt = shared > 0 && lines.length > 1 ? shared : null
  const lastShared = lines.map((line) => (forkAt === null ? -1 : line.findLastIndex(({ x }) => x <= forkAt)))
  lines.forEach((line, i) => draw(line.slice(Math.max(0, lastShared[i] ?? 0)), i))
  if (forkAt !== null) {
    const past = lines.reduce<readonly Point[]>((longest, line, i) => {
      const head = line.slice(0, (lastShared[i] ?? -1) + 1)
      return head.length > longest.length ? head : longest
    }, [])
    draw(past, -1)
  }
  const forkColumn = forkAt !== null && forkAt >= xs[0] && forkAt <= xs[1] ? place({ x: forkAt, y: ys[0] }).x >> 1 : -1
  const ends = Array.from({ length: rows }, () => '')
  lines.forEach((line, i) => {
    const end = line.findLast(({ y }) => Number.isFinite(y))
    const row = end ? place(end).y >> 2 : -1
    if (row >= 0) ends[row] += paintOf(i, style)(letterOf(i))
  })
  const body = cells.map((row, y) => {
    const label = y === 0 ? labels[0] : y === rows - 1 ? labels[1] : ''
    const drawn = row.map((cell, x) => (cell ? cellText(cell, style) : x === forkColumn ? style.dim('┊') : ' ')).join('')
    return `${style.dim(label.padStart(margin))} ${style.dim('│')}${drawn} ${ends[y]}`.trimEnd()
  })
  const axis = Array.from({ length: wide }, (_, x) => (x === forkColumn ? '┴' : '─')).join('')
  const pad = ' '.repeat(margin + 1)
  return [...body, style.dim(`${pad}└${axis}`), style.dim(`${pad} ${ticks(xs, forkAt, forkColumn, wide)}`)].join('\n')
}

/** In colour a cell is its owner's braille; without, its owner's letter, for else nobody could tell the lines apart. */
function cellText({ dots, owners }: Cell, style: Style): string {
  const models = [...owners].filter((owner) => owner >= 0)
  const braille = String.fromCharCode(0x2800 + dots)
  const [only] = models
  if (owners.has(-1) || only === undefined) return braille
  if (style.colours) return models.length > 1 ? style.bold(braille) : paintOf(only, style)(braille)
  return models.length > 1 ? '*' : letterOf(only)
}

/** First and last epoch under their ends, the fork under its mark where there is room. */
function ticks([first, last]: readonly [number, number], fork: number | null, column: number, wide: number) {
  const from = String(first)
  if (first === last) return from.padStart(Math.ceil(wide / 2))
  const to = String(last)
  const middle = fork !== null && column >= 0 ? `fork ${fork}` : ''
  const at = Math.max(from.length + 1, Math.min(column - (middle.length >> 1), wide - to.length - middle.length - 1))
  const start = middle && at + middle.length + to.length < wide ? from.padEnd(at) + middle : from
  return start + to.padStart(wide - start.length)
}

function path(from: Point, to: Point): readonly Point[] {
  const steps = Math.max(1, Math.abs(to.x - from.x), Math.abs(to.y - from.y))
  return Array.from({ length: steps + 1 }, (_, i) => ({
    x: Math.round(from.x + ((to.x - from.x) * i) / steps),
    y: Math.round(from.y + ((to.y - from.y) * i) / steps),
  }))
}

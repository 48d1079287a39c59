import type { Comparison, Line } from '../../../server/protocol/comparison'
import { type Merged, merge, type Piece, placeFrom, type Range } from './points'
import { type Mean, smooth } from './smooth'

/** A metric on one line, ready to be drawn. */
export interface Series extends Merged {
  readonly metric: string
  readonly line: Line
  /** Null where nothing is smoothed. */
  readonly smoothed: Float64Array | null
  /** The last point of the past that it goes on from: drawn from there, so that there is no gap where they part. */
  readonly join: { readonly x: number; readonly value: number; readonly smoothed: number } | null
}

/** The lines that a model's history is made of, first to last. */
export const pathOf = (lines: readonly Line[], model: number): readonly Line[] =>
  lines.filter(({ models }) => models.includes(model)).sort((a, b) => a.from - b.from)

/** What is known of the pieces of one metric, by their lines. */
export interface Pieces {
  readonly coarse: ReadonlyMap<string, Piece>
  readonly fine?: ReadonlyMap<string, Piece> | undefined
  readonly range?: Range | undefined
}

/** A metric along the tree of lines: each goes on from the nearest past that has values, and so does its running mean. */
export function seriesOf(lines: readonly Line[], metric: string, { coarse, fine, range }: Pieces, smoothing: number): Series[] {
  const byId = new Map(lines.map((line) => [line.id, line]))
  const made = new Map<string, { readonly series: Series | undefined; readonly end: Series['join']; readonly mean: Mean | undefined }>()
  function make(line: Line) {
    const known = made.get(line.id)
    if (known) return known
    const parent = line.after === null ? undefined : byId.get(line.after)
    const before = parent && make(parent)
    const piece = coarse.get(line.id)
    let one: { series: Series | undefined; end: Series['join']; mean: Mean | undefined } = {
      series: undefined,
      end: before?.end ?? null,
      mean: before?.mean,
    }
    if (piece && piece.x.length > 0) {
      const merged = merge(piece, fine?.get(line.id), fine?.has(line.id) ? range : undefined)
      const mean = smoothing > 0 ? smooth(merged.value, merged.stride, smoothing, before?.mean) : undefined
      const series = { ...merged, metric, line, smoothed: mean?.smoothed ?? null, join: before?.end ?? null }
      const last = merged.x.length - 1
      const value = merged.value[last]!
      one = { series, end: { x: merged.x[last]!, value, smoothed: mean?.smoothed[last] ?? value }, mean: mean?.end }
    }
    made.set(line.id, one)
    return one
  }
  for (const line of lines) make(line)
  return lines.flatMap((line) => made.get(line.id)!.series ?? [])
}

/** Where forks begin, and where a model ends on the past of another. */
export interface Mark {
  readonly kind: 'fork' | 'end'
  /** The line at whose end it is. */
  readonly line: Line
  readonly labels: readonly string[]
}

export function marksOf({ lines, models }: Pick<Comparison, 'lines' | 'models'>): Mark[] {
  const byId = new Map(lines.map((line) => [line.id, line]))
  const forks = new Map<Line, string[]>()
  for (const line of lines) {
    const parent = line.after === null ? undefined : byId.get(line.after)
    if (!parent || parent.sessionId === line.sessionId) continue
    forks.set(parent, [...(forks.get(parent) ?? []), line.sessionName])
  }
  const ends = new Map<Line, string[]>()
  for (const [place, { label }] of models.entries()) {
    const last = pathOf(lines, place).at(-1)
    if (last && last.models.length > 1) ends.set(last, [...(ends.get(last) ?? []), label])
  }
  const all = [
    ...[...forks].map(([line, labels]): Mark => ({ kind: 'fork', line, labels })),
    ...[...ends].map(([line, labels]): Mark => ({ kind: 'end', line, labels })),
  ]
  return all.sort((a, b) => a.line.to - b.line.to)
}

export interface PlacedMark extends Mark {
  /** On the axis. */
  readonly at: number
}

/** The marks of all lines of which it is known where they end on the axis. */
export const placedMarks = (comparison: Pick<Comparison, 'lines' | 'models'>, endOf: (line: Line) => number | undefined): PlacedMark[] =>
  marksOf(comparison).flatMap((mark) => {
    const at = endOf(mark.line)
    return at === undefined ? [] : [{ ...mark, at }]
  })

/** In which row each label stands so that none covers another; -1 where there is no room. Labels in the order of their places. */
export function labelRows(labels: readonly { readonly left: number; readonly width: number }[], rows: number, gap: number): number[] {
  const ends = Array.from({ length: rows }, () => -Infinity)
  return labels.map(({ left, width }) => {
    const row = ends.findIndex((end) => left >= end + gap)
    if (row >= 0) ends[row] = left + width
    return row
  })
}

/**
 * The smallest and the largest value in a part of the axis, a positive one where the axis is logarithmic. What was logged within an
 * epoch that stands for itself may go beyond: its own value is what is compared.
 */
export function extent(series: readonly Series[], [from, to]: Range, log: boolean): readonly [number, number] {
  let low = Infinity
  let high = -Infinity
  for (const one of series) {
    for (let i = placeFrom(one.x, from); i < one.x.length && one.x[i]! <= to; i++) {
      const many = one.stride[i]! > 1
      const small = (many && one.low ? one.low : one.value)[i]!
      const large = (many && one.high ? one.high : one.value)[i]!
      if (small < low && small > -Infinity && (!log || small > 0)) low = small
      if (large > high && large < Infinity) high = large
      if (log && large > 0 && large < low) low = large
    }
  }
  return log && high <= 0 ? [Infinity, -Infinity] : [low, high]
}

/** What is to be said of a metric that makes no curve, or an unusual one. */
export type Remark =
  | { readonly kind: 'none' | 'onlyNaN' | 'nan' | 'notPositive' }
  | { readonly kind: 'one' | 'constant'; readonly value: number; readonly x: number }

export function remarksOf(series: readonly Series[], log: boolean): Remark[] {
  let count = 0
  let finite = 0
  let low = Infinity
  let high = -Infinity
  let gaps = 0
  let x = 0
  for (const one of series) {
    gaps += one.gaps.length
    for (let i = 0; i < one.x.length; i++) {
      count += one.stride[i]!
      const small = one.low ? one.low[i]! : one.value[i]!
      const large = one.high ? one.high[i]! : one.value[i]!
      if (!Number.isFinite(small) && !Number.isFinite(large)) continue
      finite += one.stride[i]!
      x = one.x[i]!
      low = Math.min(low, small)
      high = Math.max(high, large)
    }
  }
  if (count === 0) return [{ kind: 'none' }]
  if (finite === 0) return [{ kind: gaps > 0 ? 'onlyNaN' : 'none' }]
  const found: Remark[] = []
  if (finite === 1) found.push({ kind: 'one', value: high, x })
  else if (low === high) found.push({ kind: 'constant', value: high, x })
  if (gaps > 0) found.push({ kind: 'nan' })
  if (log && low <= 0) found.push({ kind: 'notPositive' })
  return found
}

import type { Curve, Floats } from '../../../server/protocol/comparison'
import { floats } from '../floats'

/** A metric on one line of the histories, as the server reduced it. */
export interface Piece {
  /** Points before reduction. */
  readonly count: number
  readonly x: Float64Array
  readonly value: Float64Array
  readonly low: Float64Array | null
  readonly high: Float64Array | null
  /** Null where x is the epoch's number. */
  readonly epoch: Float64Array | null
  readonly gaps: readonly number[]
  /** It can't be had more finely: it comes from a file. */
  readonly coarser: boolean
}

export type Range = readonly [from: number, to: number]

/** The pieces of an answer, in their order. Columns that came once are one array. */
export function piecesOf(curves: readonly Curve[]): Piece[] {
  const pieces: Piece[] = []
  const column = (text: Floats, of: (piece: Piece) => Float64Array | null) =>
    text.startsWith('=') ? of(pieces[Number(text.slice(1))]!)! : floats(text)
  for (const { count, x, value, low, high, epoch, gaps, coarser = false } of curves)
    pieces.push({
      count,
      x: column(x, (piece) => piece.x),
      value: floats(value),
      low: low === null ? null : floats(low),
      high: high === null ? null : floats(high),
      epoch: epoch === null ? null : column(epoch, (piece) => piece.epoch),
      gaps,
      coarser,
    })
  return pieces
}

/** Place of the first x that is not below `at`. */
export function placeFrom(x: Float64Array, at: number): number {
  let low = 0
  let high = x.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (x[middle]! < at) low = middle + 1
    else high = middle
  }
  return low
}

/** Place of the x that is nearest; -1 where there is none. */
export function nearestPlace(x: Float64Array, at: number): number {
  const place = placeFrom(x, at)
  if (place === x.length) return place - 1
  return place > 0 && at - x[place - 1]! < x[place]! - at ? place - 1 : place
}

/** The places that lie in a range: what comes from beyond it only leads there. */
function inside({ x }: Piece, range: Range | undefined): readonly [first: number, end: number] {
  if (!range) return [0, x.length]
  let end = placeFrom(x, range[1])
  while (end < x.length && x[end]! <= range[1]) end++
  return [placeFrom(x, range[0]), end]
}

/** Whether some of what is known stands for several points. */
export function isReduced(piece: Piece, range?: Range): boolean {
  const [first, end] = inside(piece, range)
  return piece.count > end - first
}

/** Only what lies in a range, at its end or before. */
export function cut(piece: Piece, range: Range): Piece {
  const [first, end] = inside(piece, range)
  const part = (all: Float64Array) => all.subarray(first, end)
  const { x, value, low, high, epoch, gaps } = piece
  return {
    ...piece,
    x: part(x),
    value: part(value),
    low: low && part(low),
    high: high && part(high),
    epoch: epoch && part(epoch),
    gaps: gaps.filter((place) => place >= first && place < end).map((place) => place - first),
  }
}

/** A piece of a curve, and a part of it that is known more finely. */
export interface Merged {
  readonly x: Float64Array
  readonly value: Float64Array
  readonly low: Float64Array | null
  readonly high: Float64Array | null
  readonly epoch: Float64Array | null
  /** How many points each stands for; of more than one, the place and the value may be those of different ones. */
  readonly stride: Float64Array
  /** Where a value is NaN or infinite. */
  readonly gaps: Float64Array
}

/** What is known of a piece: coarsely all of it, and finely the part in the range. */
export function merge(coarse: Piece, finer?: Piece, range?: Range): Merged {
  const fine = finer && range ? cut(finer, range) : undefined
  const [before, after] = fine ? inside(coarse, range) : [coarse.x.length, coarse.x.length]
  const middle = fine?.x.length ?? 0
  const size = before + middle + coarse.x.length - after
  const join = (rough: Float64Array, exact: Float64Array | undefined) => {
    const made = new Float64Array(size)
    made.set(rough.subarray(0, before))
    if (exact) made.set(exact, before)
    made.set(rough.subarray(after), before + middle)
    return made
  }
  const stride = new Float64Array(size).fill(strideOf(coarse))
  if (fine) stride.fill(strideOf(fine), before, before + middle)
  const gaps = [
    ...coarse.gaps.filter((place) => place < before || place >= after).map((place) => coarse.x[place]!),
    ...(fine ? fine.gaps.map((place) => fine.x[place]!) : []),
  ]
  const banded = coarse.low !== null || (fine?.low ?? null) !== null
  return {
    x: join(coarse.x, fine?.x),
    value: join(coarse.value, fine?.value),
    low: banded ? join(coarse.low ?? coarse.value, fine ? (fine.low ?? fine.value) : undefined) : null,
    high: banded ? join(coarse.high ?? coarse.value, fine ? (fine.high ?? fine.value) : undefined) : null,
    epoch: coarse.epoch ? join(coarse.epoch, fine ? (fine.epoch ?? fine.x) : undefined) : null,
    stride,
    gaps: Float64Array.from(gaps.sort((a, b) => a - b)),
  }
}

const strideOf = ({ count, x }: Piece) => (x.length ? Math.max(1, count / x.length) : 1)

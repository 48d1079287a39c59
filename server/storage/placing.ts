import type { CurvesQuery } from './ports'

/** Where an epoch lies on an axis. */
export interface Placed {
  readonly number: number
  readonly first: number
  readonly last: number
  readonly shift: number
}

/** Epochs of a scope with their places on the axis, in history order. */
export function placed<Epoch extends { readonly number: number }>(epochs: readonly Epoch[], axis: CurvesQuery['axis']): (Epoch & Placed)[] {
  if (axis.of === 'epoch') return epochs.map((epoch) => ({ ...epoch, first: epoch.number, last: epoch.number, shift: 0 }))
  const { number: numbers, first, last, shift } = axis.places
  const known = new Map(epochs.map((epoch) => [epoch.number, epoch]))
  const found: (Epoch & Placed)[] = []
  for (const [i, number] of numbers.entries()) {
    const epoch = known.get(number)
    if (epoch) found.push({ ...epoch, first: first[i]!, last: last[i]!, shift: shift[i]! })
  }
  return found
}

/** Which of them lie in the range, also with a part only: from `begin` to before `end`. */
export function inRange(epochs: readonly Placed[], [from, to]: CurvesQuery['range']): { readonly begin: number; readonly end: number } {
  const found = epochs.findIndex(({ last }) => last >= from)
  return { begin: found < 0 ? epochs.length : found, end: epochs.findLastIndex(({ first }) => first <= to) + 1 }
}

/** How an epoch is looked at: as a whole, from what is known of it; point by point; or, at an end of the range, only a part. */
export type Look = 'whole' | 'points' | 'edge'
export function lookAt({ first, last }: Placed, { axis, range }: CurvesQuery, width: number): Look {
  if (axis.of === 'epoch') return 'whole'
  if (first < range[0] || last > range[1]) return 'edge'
  return last - first < width ? 'whole' : 'points'
}

/** Where a point lies, but not outside its epoch. */
export const inside = ({ first, last, shift }: Placed, place: number) => Math.min(Math.max(place + shift, first), last)

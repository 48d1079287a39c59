export type Direction = 'min' | 'max'
export interface EpochValue {
  readonly epochId: string
  readonly number: number
  readonly value: number
}
export interface Tradeoff {
  readonly metric: number
  readonly cost: number
}

/** The epoch with the best value; NaN is passed over, the earliest epoch wins ties. */
export function best<T extends EpochValue>(values: Iterable<T>, direction: Direction): T | undefined {
  let found: T | undefined
  for (const item of values) {
    if (Number.isNaN(item.value)) continue
    if (!found || better(item.value, found.value, direction) || (item.value === found.value && item.number < found.number)) found = item
  }
  return found
}

/** Points that no other beats in both metric and cost, cheapest first; of equal points the first given. */
export function paretoFront<T extends Tradeoff>(points: readonly T[], direction: Direction): T[] {
  const front: T[] = []
  const known = points.filter((point) => !Number.isNaN(point.metric) && !Number.isNaN(point.cost))
  for (const point of known.toSorted(
    (a, b) => order(a.cost, b.cost) || (direction === 'min' ? order(a.metric, b.metric) : order(b.metric, a.metric)),
  )) {
    const last = front.at(-1)
    if (!last || better(point.metric, last.metric, direction)) front.push(point)
  }
  return front
}

function better(a: number, b: number, direction: Direction): boolean {
  return direction === 'min' ? a < b : a > b
}

/** A difference would be NaN between infinities. */
function order(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

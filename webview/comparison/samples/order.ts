import type { SampleGroups } from '../../../server/protocol/comparison'
import type { Json } from '../../../server/protocol/model'
import { change, valueText } from '../../parts/format'
import { numberOf } from '../figures'
import type { Direction } from '../judging'

export type GroupRow = SampleGroups['groups'][number]
/** By what groups are in order: their names, how many samples they have, a model's mean or its change. */
export type SortBy = 'group' | 'count' | `mean ${number}` | `change ${number}`
export interface Sorting {
  readonly by: SortBy
  readonly down: boolean
}

/** How far a model's mean is from that of the first, and whether that is better; undefined where there is nothing to tell. */
export function changeOf({ models }: GroupRow, place: number, direction: Direction, language: string) {
  const [from, to] = [models[0]?.mean, models[place]?.mean]
  if (place === 0 || from === undefined || to === undefined) return undefined
  const found = change(from, to, language)
  if (!found) return undefined
  const by = numberOf(to) - numberOf(from)
  const judged = direction === null || by === 0 ? null : (direction === 'higher') === by > 0 ? ('better' as const) : ('worse' as const)
  return { ...found, difference: by, judged }
}

/** How much worse a group's mean became from the first model to the worst of the others; how much it changed, where neither way is better. */
function worsening({ models }: GroupRow, direction: Direction): number {
  const first = numberOf(models[0]?.mean)
  if (Number.isNaN(first)) return Number.NEGATIVE_INFINITY
  const each = models.slice(1).map((one) => {
    if (!one) return Number.NEGATIVE_INFINITY
    const by = numberOf(one.mean) - first
    // What became NaN is the worst that can be.
    if (one.mean === 'NaN') return Number.POSITIVE_INFINITY
    const worse = direction === 'lower' ? by : direction === 'higher' ? -by : Math.abs(by)
    return Number.isNaN(worse) ? Number.NEGATIVE_INFINITY : worse
  })
  return each.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
}

/** Groups in the order that was chosen, else the worst change first. What has no value is last either way. */
export function sorted(rows: readonly GroupRow[], sorting: Sorting | undefined, direction: Direction): readonly GroupRow[] {
  if (!sorting) {
    const scores = new Map(rows.map((row) => [row, worsening(row, direction)]))
    return rows.toSorted((a, b) => (scores.get(a) === scores.get(b) ? 0 : scores.get(b)! - scores.get(a)!))
  }
  const { by, down } = sorting
  if (by === 'group') return rows.toSorted((a, b) => (down ? -1 : 1) * compareGroups(a.group, b.group))
  const place = Number(by.split(' ')[1])
  const value = ({ models }: GroupRow): number => {
    if (by === 'count') return Math.max(...models.map((one) => one?.count ?? 0))
    const at = numberOf(models[place]?.mean)
    return by.startsWith('mean') ? at : at - numberOf(models[0]?.mean)
  }
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)]
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y))
    return (down ? -1 : 1) * (x === y ? 0 : x - y)
  })
}

/** Numbers by their size, then texts. */
export function compareGroups(a: Json, b: Json): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'number' || typeof b === 'number') return typeof a === 'number' ? -1 : 1
  return valueText(a).localeCompare(valueText(b), undefined, { numeric: true })
}

/** Where a bar begins and how long it is, as shares of the room, when 0 and all values fit into it. */
export function bar(value: number, values: readonly number[]): { readonly start: number; readonly length: number } | undefined {
  if (!Number.isFinite(value)) return undefined
  const finite = values.filter((one) => Number.isFinite(one))
  const low = finite.reduce((a, b) => Math.min(a, b), 0)
  const high = finite.reduce((a, b) => Math.max(a, b), 0)
  // Halved, so that their distance is a number.
  const room = high / 2 - low / 2
  if (room === 0) return { start: 0, length: 0 }
  return { start: (Math.min(0, value) / 2 - low / 2) / room, length: Math.abs(value) / 2 / room }
}

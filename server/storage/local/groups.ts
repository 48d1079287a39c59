import type { Groups, GroupsQuery, Scope, Statistics } from '../ports'
import { type DistinctValues, ELSEWHERE, grown, inParts } from './distinct'
import { numbered, type SampleReader } from './samples'

/** Bytes of the statistics that are held at once. */
const MOST_BYTES = 1 << 26
const BYTES_EACH = 32

/** Counts, sums and bounds of one scope, by the number of the group. */
class Sums {
  count: Float64Array<ArrayBuffer> = new Float64Array(16)
  sum: Float64Array<ArrayBuffer> = new Float64Array(16)
  min: Float64Array<ArrayBuffer> = new Float64Array(16).fill(Number.POSITIVE_INFINITY)
  max: Float64Array<ArrayBuffer> = new Float64Array(16).fill(Number.NEGATIVE_INFINITY)

  reach(size: number) {
    const before = this.count.length
    if (size <= before) return
    this.count = grown(this.count, new Float64Array(size * 2))
    this.sum = grown(this.sum, new Float64Array(size * 2))
    this.min = grown(this.min, new Float64Array(size * 2).fill(Number.POSITIVE_INFINITY))
    this.max = grown(this.max, new Float64Array(size * 2).fill(Number.NEGATIVE_INFINITY))
  }

  of(group: number): Statistics | null {
    const count = this.count[group] ?? 0
    if (count === 0) return null
    const [min, max] = [this.min[group]!, this.max[group]!]
    // Where all are NaN there is neither.
    const none = min > max
    return { count, mean: this.sum[group]! / count, min: none ? Number.NaN : min, max: none ? Number.NaN : max }
  }
}

export function groupBy(
  samples: SampleReader,
  scopes: readonly Scope[],
  { split, by, field, better, most }: GroupsQuery,
  signal?: AbortSignal,
): Groups {
  const parts = inParts(Math.floor(MOST_BYTES / (BYTES_EACH * scopes.length)), 32, (values) => {
    const sums = scopes.map((scope) => summed(samples, scope, { split, by, field }, values, signal))
    const present: number[] = []
    const scores: number[] = []
    for (let group = 0; group < values.size; group++) {
      if (!sums.some(({ count }) => count[group])) continue
      present.push(group)
      scores.push(worsening(sums, group, better))
    }
    return {
      count: present.length,
      groups: highest(scores, most).map((place) => ({
        score: scores[place]!,
        group: values.value(present[place]!),
        scopes: sums.map((one) => one.of(present[place]!)),
      })),
    }
  })
  const all = parts.flatMap(({ groups }) => groups)
  const kept = highest(
    all.map(({ score }) => score),
    most,
  )
  return {
    groups: kept.map((place) => ({ group: all[place]!.group, scopes: all[place]!.scopes })),
    more: parts.reduce((sum, { count }) => sum + count, 0) - kept.length,
  }
}

function summed(
  samples: SampleReader,
  scope: Scope,
  { split, by, field }: Pick<GroupsQuery, 'split' | 'by' | 'field'>,
  distinct: DistinctValues,
  signal?: AbortSignal,
): Sums {
  const sums = new Sums()
  for (const [groups, measured] of samples.lines(scope, split, [by, field], signal)) {
    if (measured!.dictionary) continue // not numbers
    const { values, nulls } = measured!
    const numbers = numbered(groups!, distinct)
    sums.reach(distinct.size)
    const { count, sum, min, max } = sums
    for (let i = 0; i < values.length; i++) {
      const group = numbers[i]!
      if (nulls?.[i] || group === ELSEWHERE) continue
      const value = values[i]!
      count[group]!++
      sum[group]! += value
      if (value < min[group]!) min[group] = value
      if (value > max[group]!) max[group] = value
    }
  }
  sums.reach(distinct.size)
  return sums
}

/** How much worse a group's mean became from the first scope to the worst of the others; how much it changed, where neither way is better. */
function worsening(sums: readonly Sums[], group: number, better: GroupsQuery['better']): number {
  const mean = ({ count, sum }: Sums) => ((count[group] ?? 0) === 0 ? undefined : sum[group]! / count[group]!)
  const first = mean(sums[0]!)
  if (first === undefined || Number.isNaN(first)) return Number.NEGATIVE_INFINITY
  let worst = Number.NEGATIVE_INFINITY
  for (const other of sums.slice(1)) {
    const at = mean(other)
    if (at === undefined) continue
    const change = at - first
    // What became NaN is the worst that can be.
    const by = Number.isNaN(at) ? Number.POSITIVE_INFINITY : better === 'lower' ? change : better === 'higher' ? -change : Math.abs(change)
    if (by > worst) worst = by
  }
  return worst
}

/** Places of the highest scores, highest first; equal ones in their order. */
function highest(scores: readonly number[], most: number): number[] {
  const least = scores.length > most ? Float64Array.from(scores).sort()[scores.length - most]! : Number.NEGATIVE_INFINITY
  const above: number[] = []
  const equal: number[] = []
  for (const [place, score] of scores.entries()) {
    if (score > least) above.push(place)
    else if (score === least && equal.length < most) equal.push(place)
  }
  return [...above, ...equal].slice(0, most).sort((a, b) => scores[b]! - scores[a]! || a - b)
}

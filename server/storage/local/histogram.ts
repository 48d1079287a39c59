import type { Histogram, HistogramQuery, Scope } from '../ports'
import type { SampleReader, SampleValues } from './samples'

/** Bins over the values of all scopes, so that these can be laid over each other. Read twice: for the bounds, then for the counts. */
export function histogram(
  samples: SampleReader,
  scopes: readonly Scope[],
  { split, field, bins, log }: HistogramQuery,
  signal?: AbortSignal,
): Histogram {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  let integers = true
  const counted = scopes.map((scope) => {
    const of = { count: 0, outside: 0, sum: 0 }
    eachNumber(samples, scope, split, field, signal, (value) => {
      of.count++
      if (!Number.isFinite(value) || (log && value <= 0)) {
        of.outside++
        return
      }
      of.sum += value
      if (value < low) low = value
      if (value > high) high = value
      if (integers && !Number.isInteger(value)) integers = false
    })
    return of
  })
  const edges = low > high ? [] : edgesOf(low, high, bins, log, integers)
  const last = edges.length - 2
  const begin = scaled(edges[0] ?? 0, log)
  const width = scaled(edges.at(-1) ?? 0, log) - begin
  return {
    edges,
    scopes: scopes.map((scope, i) => {
      const counts = new Float64Array(Math.max(0, edges.length - 1))
      eachNumber(samples, scope, split, field, signal, (value) => {
        if (!Number.isFinite(value) || (log && value <= 0)) return
        let bin = width > 0 ? Math.min(last, Math.max(0, Math.floor(((scaled(value, log) - begin) / width) * (last + 1)))) : 0
        // What rounding put beside an edge goes where the edges say.
        while (bin > 0 && value < edges[bin]!) bin--
        while (bin < last && value >= edges[bin + 1]!) bin++
        counts[bin]!++
      })
      const { count, outside, sum } = counted[i]!
      return { counts, count, outside, mean: sum / (count - outside) }
    }),
  }
}

/** Halved, so that the distance between the largest numbers of both signs is still one. */
const scaled = (value: number, log: boolean) => (log ? Math.log(value) : value / 2)

function edgesOf(low: number, high: number, bins: number, log: boolean, integers: boolean): number[] {
  if (low === high) return [low, high]
  // Each whole number is a bin of its own.
  if (integers && !log && high - low < bins) return Array.from({ length: high - low + 2 }, (_, i) => low + i - 0.5)
  const round = log ? undefined : roundEdges(low, high, bins)
  if (round) return round
  const [begin, end] = log ? [Math.log(low), Math.log(high)] : [low, high]
  return Array.from({ length: bins + 1 }, (_, i) => {
    if (i === 0) return low
    if (i === bins) return high
    const at = begin * (1 - i / bins) + end * (i / bins)
    return log ? Math.exp(at) : at
  })
}

/** Edges that are multiples of 1, 2 or 5 times a power of ten, so that they can be read; none where values lie too close for that. */
function roundEdges(low: number, high: number, bins: number): number[] | undefined {
  const size = Math.max(Math.abs(low), Math.abs(high))
  const width = (high - low) / bins
  if (bins < 2 || !(width > size * 1e-12 && width > 1e-200 && size < 1e200)) return undefined
  for (let power = Math.floor(Math.log10(width)); ; power++)
    for (const digit of [1, 2, 5]) {
      // A division by a power of ten is exact where a product with its inverse is not.
      const at = (place: number) => (power < 0 ? (place * digit) / 10 ** -power : place * digit * 10 ** power)
      let [first, last] = [Math.floor(low / at(1)), Math.ceil(high / at(1))]
      // Where the division was rounded over an edge.
      if (at(first) > low) first--
      if (at(last) < high) last++
      if (last - first <= bins) return Array.from({ length: last - first + 1 }, (_, i) => at(first + i))
    }
}

function eachNumber(
  samples: SampleReader,
  scope: Scope,
  split: string,
  field: string,
  signal: AbortSignal | undefined,
  take: (value: number) => void,
) {
  for (const [column] of samples.lines(scope, split, [field], signal)) {
    const { values, nulls, dictionary }: SampleValues = column!
    if (dictionary) continue // not numbers
    for (let i = 0; i < values.length; i++) if (!nulls?.[i]) take(values[i]!)
  }
}

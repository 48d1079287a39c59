import { Buckets, bucketWidth } from '../../tracking/buckets'
import { best, type Direction } from '../../tracking/best'
import { Thinned } from '../../tracking/layerSizes'
import type { BestValue, CurvesQuery, Envelope, GraphChanges, MetricName, Points, ReducedCurve, SampleField } from '../ports'

/** Answers about the pieces of a scope, oldest first, become one about all of it. */

const same = (a: MetricName, b: MetricName) => a.split === b.split && a.name === b.name
/** As the embedded store sorts them: by bytes. */
const byName = (a: MetricName, b: MetricName) =>
  Buffer.compare(Buffer.from(a.split), Buffer.from(b.split)) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))

export function joinNames<Name extends MetricName>(parts: readonly (readonly Name[])[]): Name[] {
  const found = new Map<string, Name>()
  // Whether a field holds numbers is told by the last epoch that has it.
  for (const name of parts.flat()) found.set(JSON.stringify([name.split, name.name]), name)
  return [...found.values()].sort(byName)
}
export const joinFields: (parts: readonly (readonly SampleField[])[]) => SampleField[] = joinNames

export const joinBest = (parts: readonly (BestValue | undefined)[], direction: Direction): BestValue | undefined =>
  best(
    parts.filter((one) => one !== undefined),
    direction,
  )

function joinFloats(parts: readonly Float64Array[]): Float64Array<ArrayBuffer> {
  const all = new Float64Array(parts.reduce((n, one) => n + one.length, 0))
  let at = 0
  for (const one of parts) {
    all.set(one, at)
    at += one.length
  }
  return all
}

/** Parallel arrays one after the other, as those of `clock` and `spans`. */
export function joinColumns<Columns extends { readonly number: Float64Array }>(parts: readonly Columns[]): Columns {
  const names = Object.keys(parts[0]!) as (keyof Columns)[]
  return Object.fromEntries(names.map((name) => [name, joinFloats(parts.map((part) => part[name] as Float64Array))])) as unknown as Columns
}

export function joinPoints(parts: readonly Points[]): Points {
  const epoch = new Uint32Array(parts.reduce((n, part) => n + part.epoch.length, 0))
  let [at, epochs] = [0, 0]
  for (const part of parts) {
    for (const one of part.epoch) epoch[at++] = one + epochs
    epochs += part.epochIds.length
  }
  return {
    epochIds: parts.flatMap(({ epochIds }) => epochIds),
    epoch,
    step: joinFloats(parts.map(({ step }) => step)),
    value: joinFloats(parts.map(({ value }) => value)),
    time: joinFloats(parts.map(({ time }) => time)),
  }
}

/** Buckets of the pieces go whole to the bucket of their middle; none of these is empty. */
export function joinEnvelopes(parts: readonly Envelope[], buckets: number): Envelope {
  const count = parts.reduce((n, part) => n + part.count, 0)
  const size = Math.min(buckets, count)
  const start = new Float64Array(size).fill(-1)
  const low = new Float64Array(size).fill(Number.POSITIVE_INFINITY)
  const high = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
  let before = 0
  for (const part of parts) {
    const order = [...part.start.keys()].filter((i) => part.start[i]! >= 0)
    for (const [place, i] of order.entries()) {
      const from = before + part.start[i]!
      const next = order[place + 1]
      const to = before + (next === undefined ? part.count : part.start[next]!)
      const bucket = Math.min(size - 1, Math.floor(((from + (to - from) / 2) * size) / count))
      if (start[bucket] === -1) start[bucket] = from
      if (part.low[i]! < low[bucket]!) low[bucket] = part.low[i]!
      if (part.high[i]! > high[bucket]!) high[bucket] = part.high[i]!
    }
    before += part.count
  }
  const kept = [...start.keys()].filter((i) => start[i] !== -1)
  const band = (of: Float64Array) => Float64Array.from(kept, (i) => (low[i]! > high[i]! ? Number.NaN : of[i]!))
  return { count, start: Float64Array.from(kept, (i) => start[i]!), low: band(low), high: band(high) }
}

/** Where buckets begin does not depend on the range, so that those of all pieces fall into the same ones. */
export function joinCurves(parts: readonly (readonly ReducedCurve[])[], { metrics, range, buckets }: CurvesQuery): ReducedCurve[] {
  const [from, to] = range
  return metrics.flatMap((metric) => {
    const pieces = parts.flatMap((part) => part.find((one) => same(one, metric)) ?? [])
    if (pieces.length < 2) return pieces
    const count = pieces.reduce((n, piece) => n + piece.count, 0)
    const room = pieces.reduce((n, { x }) => n + x.reduce((inside, one) => inside + (from <= one && one <= to ? 1 : 0), 0), 0)
    const reduced = count <= buckets ? new Buckets(range, 0, room) : new Buckets(range, bucketWidth(range, buckets), buckets)
    for (const { x, value, low, high, epoch, gaps } of pieces) {
      const gap = new Set(gaps)
      for (let i = 0; i < x.length; i++) {
        const none = Number.isNaN(low[i]!)
        reduced.piece({
          first: x[i]!,
          last: x[i]!,
          value: value[i]!,
          low: none ? Number.POSITIVE_INFINITY : low[i]!,
          high: none ? Number.NEGATIVE_INFINITY : high[i]!,
          gap: gap.has(i),
          points: 0,
          epoch: epoch[i]!,
        })
      }
    }
    return [{ split: metric.split, name: metric.name, ...reduced.result(), count }]
  })
}

/** Each part knows all its changes; the first of one is none where the graph was the same before. */
export function joinGraphChanges(parts: readonly GraphChanges[], most: number): GraphChanges {
  const found = new Thinned<GraphChanges['epochs'][number]>(most)
  let before: string | undefined
  for (const epoch of parts.flatMap(({ epochs }) => epochs)) {
    if (epoch.graphHash !== before) found.add(epoch)
    before = epoch.graphHash
  }
  const epochs = found.values
  return { epochs, more: found.count - epochs.length }
}

import type { Axis, Curve, Curves, CurvesQuery, Floats } from '../protocol/comparison'
import type { Context } from '../requests'
import { parseMetric } from '../tracking/reference'
import { linesOf, type Model } from './models'

interface Raw {
  readonly x: number
  readonly value: number
  readonly epoch: number
}

/** Metrics along the lines of a comparison, reduced to what a chart can show. */
export async function curves(context: Context, models: readonly Model[], asked: CurvesQuery, signal?: AbortSignal): Promise<Curves> {
  const { axis, range, buckets } = asked
  const all = linesOf(models)
  const starts = new Map<string, number>()
  for (const line of all) starts.set(line.id, 0)
  const found: Curve[] = []
  for (const metric of asked.metrics) {
    const ends = new Map<string, Raw>()
    for (const line of all) {
      const scope = { segments: [{ sessionId: line.sessionId, from: line.from, to: line.to }] }
      const epochs = await context.stores.sessions.epochs(scope, signal)
      const numbers = new Map(epochs.map(({ id, number }) => [id, number]))
      const points = await pointsOf(context, scope, metric, axis, numbers, ends.get(line.after ?? ''), signal)
      ends.set(line.id, points.at(-1) ?? ends.get(line.after ?? '') ?? { x: 0, value: 0, epoch: 0 })
      if (asked.lines && !asked.lines.includes(line.id)) continue
      const seen = range ? points.filter(({ x }) => x >= range[0] && x <= range[1]) : points
      if (points.length) found.push({ metric, line: line.id, ...reduced(seen, buckets, axis) })
    }
  }
  return { curves: found }
}

async function pointsOf(
  { stores }: Context,
  scope: { readonly segments: { sessionId: string; from: number; to: number }[] },
  name: string,
  axis: Axis,
  numbers: ReadonlyMap<string, number>,
  before: Raw | undefined,
  signal: AbortSignal | undefined,
): Promise<Raw[]> {
  const metric = parseMetric(name)
  if (axis === 'epoch') {
    const last = await stores.documents.last(scope, [metric], signal)
    return last.map(({ epochId, value }) => ({ x: numbers.get(epochId)!, epoch: numbers.get(epochId)!, value })).sort((a, b) => a.x - b.x)
  }
  const points = await stores.documents.points(scope, metric, signal)
  const epochOf = (i: number) => numbers.get(points.epochIds[points.epoch[i]!]!)!
  const from = before?.x ?? 0
  const first = points.time[0] ?? 0
  return [...points.value].map((value, i) => ({
    x: axis === 'step' ? (Number.isNaN(points.step[i]!) ? epochOf(i) : points.step[i]!) : from + (points.time[i]! - first),
    epoch: epochOf(i),
    value,
  }))
}

function reduced(points: readonly Raw[], buckets: number, axis: Axis) {
  const count = points.length
  const n = Math.min(count, buckets)
  const x = new Float64Array(n)
  const value = new Float64Array(n)
  const low = new Float64Array(n)
  const high = new Float64Array(n)
  const epoch = new Float64Array(n)
  const gaps: number[] = []
  for (let b = 0; b < n; b++) {
    const part = points.slice(Math.floor((b * count) / n), Math.floor(((b + 1) * count) / n))
    const finite = part.map((one) => one.value).filter((one) => Number.isFinite(one))
    x[b] = part.at(-1)!.x
    value[b] = part.at(-1)!.value
    epoch[b] = part.at(-1)!.epoch
    low[b] = finite.length ? Math.min(...finite) : NaN
    high[b] = finite.length ? Math.max(...finite) : NaN
    if (finite.length < part.length) gaps.push(b)
  }
  return {
    count,
    x: floats(x),
    value: floats(value),
    low: count > n ? floats(low) : null,
    high: count > n ? floats(high) : null,
    epoch: axis === 'epoch' ? null : floats(epoch),
    gaps,
  }
}

const floats = (values: Float64Array): Floats => Buffer.from(values.buffer).toString('base64')

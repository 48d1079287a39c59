import { best, type Direction } from '../../tracking/best'
import type * as ports from '../ports'
import { pointsQuery, readPoints } from './points'
import { type Epoch, type Part, partsOf } from './scopes'
import { aggregate, damaged, objectOf, type Search } from './search'
import type { Json } from './server'

/** Buckets of one page. */
const PAGE = 10_000

/** Asks for the different combinations of some fields, page by page. */
export async function* combinations(
  search: Search,
  part: Pick<Part, 'indices' | 'filter'>,
  { query, sources, aggs }: { readonly query: readonly Json[]; readonly sources: readonly Json[]; readonly aggs?: Json },
  signal?: AbortSignal,
): AsyncGenerator<{ readonly key: Json; readonly bucket: Json }> {
  for (let after: Json | undefined; ;) {
    const composite = { size: PAGE, sources, ...(after ? { after } : {}) }
    const answer = await aggregate(search, part, { query, aggs: { found: { composite, ...(aggs ? { aggs } : {}) } } }, signal)
    if (!answer) return
    const { buckets, after_key: next } = objectOf(search.server, answer['found'])
    if (!Array.isArray(buckets)) throw damaged(search.server)
    for (const bucket of buckets as readonly unknown[]) {
      const one = objectOf(search.server, bucket)
      yield { key: objectOf(search.server, one['key']), bucket: one }
    }
    if (next === undefined || buckets.length < PAGE) return
    after = objectOf(search.server, next)
  }
}

export const source = (field: string, order: 'asc' | 'desc' = 'asc'): Json => ({ [field]: { terms: { field, order } } })

/** Sorted as texts, each once. */
export function sorted<Metric extends ports.MetricName>(found: Iterable<Metric>): Metric[] {
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  return [...found].sort((a, b) => compare(a.split, b.split) || compare(a.name, b.name))
}

export async function metrics(search: Search, epochs: readonly Epoch[]): Promise<ports.MetricName[]> {
  const found = new Map<string, ports.MetricName>()
  for (const part of partsOf(search, epochs))
    for await (const { key } of combinations(search, part, { query: pointsQuery('last'), sources: [source('split'), source('name')] })) {
      const { split, name } = key
      if (typeof split === 'string' && typeof name === 'string') found.set(JSON.stringify([split, name]), { split, name })
    }
  return sorted(found.values())
}

/** As everywhere: the last value of the whole epoch, else that of the highest step, last logged first. */
export async function last(
  search: Search,
  epochs: readonly Epoch[],
  metrics?: readonly ports.MetricName[],
  signal?: AbortSignal,
): Promise<{ readonly place: number; readonly metric: ports.MetricName; readonly value: number }[]> {
  if (metrics?.length === 0) return []
  const wanted = { which: 'last', ...(metrics ? { metrics } : {}) } as const
  const { points, series } = await readPoints(search, partsOf(search, epochs), epochs, wanted, signal)
  const found: { place: number; metric: ports.MetricName; value: number }[] = []
  const { epoch, series: of, step, value } = points
  let reached = Number.NaN
  let before = -1
  for (const i of points.order()) {
    const at = Number.isNaN(step[i]!) ? Number.POSITIVE_INFINITY : step[i]!
    if (before < 0 || epoch[before] !== epoch[i] || of[before] !== of[i]) {
      found.push({ place: epoch[i]!, metric: series.names[of[i]!]!, value: value[i]! })
      reached = at
    } else if (at >= reached) {
      found.at(-1)!.value = value[i]!
      reached = at
    }
    before = i
  }
  return found
}

export async function bestValue(
  search: Search,
  epochs: readonly Epoch[],
  metric: ports.MetricName,
  direction: Direction,
  signal?: AbortSignal,
): Promise<ports.BestValue | undefined> {
  const values = await last(search, epochs, [metric], signal)
  return best(
    values.map(({ place, value }) => ({ epochId: epochs[place]!.id, number: epochs[place]!.number, value })),
    direction,
  )
}

/** What each epoch takes up with what its own journal logged. */
export async function spans(search: Search, epochs: readonly Epoch[]): Promise<ports.Spans> {
  const empty = () => new Float64Array(epochs.length).fill(Number.NaN)
  const [firstStep, lastStep, firstTime, lastTime] = [empty(), empty(), empty(), empty()]
  const put = (column: Float64Array, place: number, found: unknown, choose: (a: number, b: number) => number) => {
    const value = typeof found === 'number' ? found : Number.NaN
    if (Number.isNaN(value)) return
    column[place] = Number.isNaN(column[place]!) ? value : choose(column[place]!, value)
  }
  const places = new Map(epochs.map(({ id }, place) => [id, place]))
  const bounds = {
    firstStep: { min: { field: 'step' } },
    lastStep: { max: { field: 'step' } },
    firstTime: { min: { field: 'time' } },
    lastTime: { max: { field: 'time' } },
  }
  const value = (bucket: Json, name: string) => objectOf(search.server, bucket[name])['value']
  for (const part of partsOf(search, epochs)) {
    const asked = { query: pointsQuery('outer', undefined, true), sources: [source('epoch')], aggs: bounds }
    for await (const { key, bucket } of combinations(search, part, asked)) {
      const place = places.get(String(key['epoch']))
      if (place === undefined) continue
      put(firstStep, place, value(bucket, 'firstStep'), Math.min)
      put(lastStep, place, value(bucket, 'lastStep'), Math.max)
      put(firstTime, place, value(bucket, 'firstTime'), Math.min)
      put(lastTime, place, value(bucket, 'lastTime'), Math.max)
    }
  }
  return { number: Float64Array.from(epochs, ({ number }) => number), firstStep, lastStep, firstTime, lastTime }
}

/** The highest step of the last epoch that has any; the last one is asked alone, because nearly always it has. */
export async function lastStep(search: Search, epochs: readonly Epoch[]): Promise<number | null> {
  const final = epochs.at(-1)
  if (!final) return null
  const [part] = partsOf(search, [final])
  const aggs = { step: { max: { field: 'step' } } }
  const answer = part && (await aggregate(search, part, { query: pointsQuery('outer', undefined, true), aggs }))
  const step = answer && objectOf(search.server, answer['step'])['value']
  if (typeof step === 'number') return step
  const { lastStep: steps } = await spans(search, epochs.slice(0, -1))
  return steps.findLast((one) => !Number.isNaN(one)) ?? null
}

/** Every point, in the order of history. */
export async function points(
  search: Search,
  epochs: readonly Epoch[],
  metric: ports.MetricName,
  signal?: AbortSignal,
): Promise<ports.Points> {
  const read = await readPoints(search, partsOf(search, epochs), epochs, { which: 'all', metrics: [metric] }, signal)
  const order = read.points.order()
  const taken = (column: Float64Array) => Float64Array.from(order, (i) => column[i]!)
  return {
    epochIds: epochs.map(({ id }) => id),
    epoch: Uint32Array.from(order, (i) => read.points.epoch[i]!),
    step: taken(read.points.step),
    value: taken(read.points.value),
    time: taken(read.points.time),
  }
}

/** As the embedded store reduces the points of a curve to buckets of as many each. */
export async function envelope(
  search: Search,
  epochs: readonly Epoch[],
  metric: ports.MetricName,
  buckets: number,
  signal?: AbortSignal,
): Promise<ports.Envelope> {
  const { value } = await points(search, epochs, metric, signal)
  const count = value.length
  const size = Math.min(buckets, count)
  const start = new Float64Array(size).fill(-1)
  const low = new Float64Array(size).fill(Number.POSITIVE_INFINITY)
  const high = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
  for (let at = 0; at < count; at++) {
    const bucket = Math.floor((at * size) / count)
    if (start[bucket] === -1) start[bucket] = at
    if (value[at]! < low[bucket]!) low[bucket] = value[at]!
    if (value[at]! > high[bucket]!) high[bucket] = value[at]!
  }
  for (let i = 0; i < size; i++) if (low[i]! > high[i]!) low[i] = high[i] = Number.NaN
  return { count, start, low, high }
}

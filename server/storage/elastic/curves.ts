import { checkAborted } from '../../errors'
import { Buckets, bucketWidth } from '../../tracking/buckets'
import { inRange, inside, lookAt, type Placed, placed } from '../placing'
import type { CurvesQuery, MetricName, ReducedCurve } from '../ports'
import { combinations, source } from './metrics'
import { Points, pointsQuery, readPoints, type Series } from './points'
import { type Epoch, partsOf } from './scopes'
import type { Search } from './search'
import type { Json } from './server'

type At = Epoch & Placed

/** The points of one curve in one epoch, as places among the columns. */
interface Rows {
  readonly epoch: At
  readonly series: number
  readonly places: Uint32Array
  /** Points that it has, of which some may not be among these. */
  readonly count: number
}

/**
 * Points that tell of their epoch as a whole are read of every epoch in the range and of those beside it; all others only where
 * an epoch is wider than a bucket, and of edges only those in the range.
 */
export async function curves(search: Search, scope: readonly Epoch[], query: CurvesQuery, signal?: AbortSignal): Promise<ReducedCurve[]> {
  const { axis, range, buckets } = query
  const epochs = placed(scope, axis)
  const { begin, end } = inRange(epochs, range)
  const width = bucketWidth(range, buckets)
  const every = axis.of === 'epoch'
  const near = epochs.slice(Math.max(0, begin - 1), end + 1)
  const { points, series } = await readPoints(
    search,
    partsOf(search.prefix, near),
    near,
    { which: 'outer', metrics: query.metrics },
    signal,
  )
  const known = rowsOf(points, near)
  const within = new Set(epochs.slice(begin, end))
  const counts = new Float64Array(series.names.length)
  for (const { epoch, series: one, count } of known) if (within.has(epoch)) counts[one]! += every ? 1 : count
  if (every && end - begin <= buckets) counts.fill(end - begin)
  const reduced = Array.from(counts, (count) => (count <= buckets ? new Buckets(range, 0, count) : new Buckets(range, width, buckets)))
  const reading = new Reading(search, query, width, series, reduced, signal)
  await reading.complete(points, near, known)
  reading.take(points, rowsOf(points, near))
  // Where a curve has nothing in the epoch beside the range, the nearest that has something tells what lies beyond.
  for (const [side, beyond] of [
    ['hasLeft', epochs.slice(0, Math.max(0, begin - 1)).reverse()],
    ['hasRight', epochs.slice(end + 1)],
  ] as const) {
    const without = series.names.filter((_, i) => !reduced[i]![side])
    if (without.length === 0 || beyond.length === 0) continue
    await reading.nearest(beyond, without)
  }
  return query.metrics.flatMap((metric) => {
    const number = series.has(metric)
    const curve = number === undefined ? undefined : reduced[number]!.result()
    return curve && curve.x.length > 0 ? { ...metric, ...curve } : []
  })
}

/** Curve by curve and epoch by epoch, in the order of history. */
function rowsOf(points: Points, epochs: readonly At[]): Rows[] {
  const order = points.order()
  const { epoch, series, step, source: by, at } = points
  const found: Rows[] = []
  for (let begin = 0, end = 0; begin < order.length; begin = end) {
    const [place, one] = [epoch[order[begin]!]!, series[order[begin]!]!]
    let count = 0
    let before = -1
    let logged = 0
    let highest = -1
    // Each journal numbers its points with a step, and those without, from 0.
    const close = () => (count += Math.max(logged, highest + 1))
    for (; end < order.length && epoch[order[end]!] === place && series[order[end]!] === one; end++) {
      const i = order[end]!
      if (before >= 0 && (by[before] !== by[i] || Number.isNaN(step[before]!) !== Number.isNaN(step[i]!))) {
        close()
        logged = 0
        highest = -1
      }
      logged++
      if (at[i]! > highest) highest = at[i]!
      before = i
    }
    close()
    found.push({ epoch: epochs[place]!, series: one, places: order.subarray(begin, end), count })
  }
  return found
}

class Reading {
  readonly #search: Search
  readonly #query: CurvesQuery
  readonly #width: number
  readonly #series: Series
  readonly #curves: readonly Buckets[]
  readonly #signal: AbortSignal | undefined

  constructor(
    search: Search,
    query: CurvesQuery,
    width: number,
    series: Series,
    curves: readonly Buckets[],
    signal: AbortSignal | undefined,
  ) {
    this.#search = search
    this.#query = query
    this.#width = width
    this.#series = series
    this.#curves = curves
    this.#signal = signal
  }

  #look = (epoch: At, series: number) =>
    this.#curves[series]!.single && this.#query.axis.of !== 'epoch' ? 'points' : lookAt(epoch, this.#query, this.#width)

  /** Reads what is missing of curves that are looked at point by point. */
  async complete(points: Points, epochs: readonly At[], known: readonly Rows[]) {
    if (this.#query.axis.of === 'epoch') return
    const missing = { whole: new Map<At, Set<number>>(), edge: new Map<At, Set<number>>() }
    for (const { epoch, series, places, count } of known) {
      if (places.length >= count) continue
      const look = this.#look(epoch, series)
      if (look === 'whole' && !(this.#query.axis.of === 'step' && falls(points, places))) continue
      const kind = lookAt(epoch, this.#query, this.#width) === 'edge' ? missing.edge : missing.whole
      const of = kind.get(epoch)
      if (of) of.add(series)
      else kind.set(epoch, new Set([series]))
    }
    const whole = [...missing.whole]
    if (whole.length > 0) {
      const metrics = [...new Set(whole.flatMap(([, of]) => [...of]))].map((one) => this.#series.names[one]!)
      await this.#inner(
        points,
        epochs,
        whole.map(([epoch]) => epoch),
        metrics,
        [],
      )
    }
    const [from, to] = this.#query.range
    for (const [epoch, of] of missing.edge) {
      // Beside the range its ends are enough.
      if (epoch.last < from || epoch.first > to) continue
      const range = { range: { [this.#query.axis.of]: { gte: from - epoch.shift, lte: to - epoch.shift } } }
      await this.#inner(
        points,
        epochs,
        [epoch],
        [...of].map((one) => this.#series.names[one]!),
        [range],
      )
    }
  }

  async #inner(points: Points, epochs: readonly At[], of: readonly At[], metrics: readonly MetricName[], more: readonly Json[]) {
    const read = await readPoints(
      this.#search,
      partsOf(this.#search.prefix, of),
      epochs,
      { which: 'all', metrics, more: [{ term: { role: 'inner' } }, ...more] },
      this.#signal,
    )
    const numbers = read.series.names.map((metric) => this.#series.has(metric)!)
    points.append(read.points, numbers)
  }

  take(points: Points, rows: readonly Rows[]) {
    for (const one of rows) {
      checkAborted(this.#signal)
      if (this.#look(one.epoch, one.series) === 'whole') this.#whole(points, one)
      else this.#points(points, one)
    }
  }

  /** Reads each of the curves in the first of these epochs that has it. */
  async nearest(epochs: readonly At[], metrics: readonly MetricName[]) {
    const places = new Map(epochs.map(({ id }, place) => [id, place]))
    const first = new Map<number, number>()
    for (const part of partsOf(this.#search.prefix, epochs)) {
      const asked = { query: pointsQuery('last', metrics), sources: ['epoch', 'split', 'name'].map((field) => source(field)) }
      for await (const { key } of combinations(this.#search, part, asked, this.#signal)) {
        const place = places.get(String(key['epoch']))
        const series = this.#series.of(String(key['split']), String(key['name']))
        if (place !== undefined && series !== undefined) first.set(series, Math.min(place, first.get(series) ?? place))
      }
    }
    const asked = new Map<number, MetricName[]>()
    for (const [series, place] of first) {
      const metric = this.#series.names[series]!
      if (!metrics.includes(metric)) continue
      asked.set(place, [...(asked.get(place) ?? []), metric])
    }
    for (const [place, of] of asked) {
      const epoch = epochs[place]!
      const read = await readPoints(
        this.#search,
        partsOf(this.#search.prefix, [epoch]),
        [epoch],
        { which: 'outer', metrics: of },
        this.#signal,
      )
      const points = new Points()
      points.append(
        read.points,
        read.series.names.map((metric) => this.#series.has(metric)!),
      )
      this.take(points, rowsOf(points, [epoch]))
    }
  }

  #points({ source: by, step, time, value }: Points, { epoch, series, places }: Rows) {
    const byStep = this.#query.axis.of === 'step'
    this.#curves[series]!.points(
      Float64Array.from(places, (i) =>
        by[i] !== 0 || (byStep && Number.isNaN(step[i]!)) ? epoch.last : inside(epoch, byStep ? step[i]! : time[i]!),
      ),
      Float64Array.from(places, (i) => value[i]!),
      epoch.number,
    )
  }

  /** The epoch as one piece. */
  #whole(points: Points, rows: Rows) {
    const { of } = this.#query.axis
    const every = of === 'epoch'
    const { epoch, series, places, count } = rows
    // Where its points lie is not told by its ends.
    if (of === 'step' && falls(points, places)) return this.#points(points, rows)
    let [first, last, value, low, high] = [Infinity, -Infinity, Number.NaN, Infinity, -Infinity]
    let gap = false
    let reached = -Infinity
    for (const i of places) {
      const step = points.step[i]!
      const own = points.source[i] === 0
      // As everywhere: the last value of the whole epoch, else that of the highest step, last logged first.
      const rank = Number.isNaN(step) ? Infinity : step
      const one = points.value[i]!
      if (rank >= reached) {
        reached = rank
        value = one
      }
      const [begin, end] = every
        ? [epoch.number, epoch.number]
        : !own || (of === 'step' && Number.isNaN(step))
          ? [epoch.last, epoch.last]
          : of === 'time'
            ? [epoch.first, epoch.last]
            : [inside(epoch, step), inside(epoch, step)]
      if (begin < first) first = begin
      if (end > last) last = end
      if (!Number.isFinite(one)) gap = true
      else {
        if (one < low) low = one
        if (one > high) high = one
      }
    }
    this.#curves[series]!.piece({ first, last, value, low, high, gap, points: every ? 1 : count, epoch: epoch.number })
  }
}

/** Whether an epoch's own journal logged a step that is below one before it. */
function falls({ step, source: by }: Points, places: Uint32Array): boolean {
  for (let k = 1; k < places.length; k++) {
    const [before, i] = [places[k - 1]!, places[k]!]
    if (by[before] === by[i] && step[i]! < step[before]!) return true
  }
  return false
}

import { checkAborted } from '../../errors'
import { Buckets, bucketWidth } from '../../tracking/buckets'
import { inRange, inside, lookAt, type Placed, placed } from '../placing'
import type { CurvesQuery, MetricName, ReducedCurve } from '../ports'
import { combinations, source } from './metrics'
import { type Cells, cellsByEpoch, cellsByGroup, cellsByPlace, type Group, type PlacedCell, type Shifted } from './cells'
import { Points, pointsQuery, readPoints, Series, type Which } from './points'
import { type Epoch, partsOf } from './scopes'
import { all, objectOf, type Search } from './search'
import type { Json } from './server'

type At = Epoch & Placed

const OWN = { term: { source: '' } }
const INNER = { term: { role: 'inner' } }

/** The points of one curve in one epoch, as places among the columns. */
interface Rows {
  readonly epoch: At
  readonly series: number
  readonly places: Uint32Array
  /** Points that it has, of which some may not be among these. */
  readonly count: number
}

/**
 * Epochs that are looked at as a whole come reduced from the server, many of them together where they are more than there are buckets.
 * Points are read where there are few, where an epoch is wider than a bucket, and of the epochs at the ends of the range.
 */
export async function curves(search: Search, scope: readonly Epoch[], query: CurvesQuery, signal?: AbortSignal): Promise<ReducedCurve[]> {
  const epochs = placed(scope, query.axis)
  const reading = new Reading(search, query, epochs, signal)
  await reading.read()
  return query.metrics.flatMap((metric) => {
    const curve = reading.result(metric)
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
  readonly #epochs: readonly At[]
  readonly #within: ReadonlySet<At>
  readonly #begin: number
  readonly #end: number
  readonly #width: number
  readonly #series: Series
  readonly #signal: AbortSignal | undefined
  /** What single points tell; `epoch` is a place among `#epochs`. */
  readonly #points = new Points()
  readonly #curves: Buckets[] = []
  /** Epochs whose own points came reduced. */
  #dense: ReadonlySet<At> = new Set()

  constructor(search: Search, query: CurvesQuery, epochs: readonly At[], signal: AbortSignal | undefined) {
    const { begin, end } = inRange(epochs, query.range)
    this.#search = search
    this.#query = query
    this.#epochs = epochs
    this.#within = new Set(epochs.slice(begin, end))
    this.#begin = begin
    this.#end = end
    this.#width = bucketWidth(query.range, query.buckets)
    this.#series = new Series(query.metrics)
    this.#signal = signal
  }

  result(metric: MetricName) {
    const number = this.#series.has(metric)
    return number === undefined ? undefined : this.#curves[number]!.result()
  }

  async read() {
    const { range, buckets, axis } = this.#query
    const every = axis.of === 'epoch'
    const within = [...this.#within]
    const beside = [...this.#epochs.slice(Math.max(0, this.#begin - 1), this.#begin), ...this.#epochs.slice(this.#end, this.#end + 1)]
    const whole = within.filter((epoch) => lookAt(epoch, this.#query, this.#width) === 'whole')
    const cells = whole.length > this.#search.limits.few ? await this.#cells(whole) : new Map<number, Cells>()
    // What the server did not reduce is read: whole curves, and single epochs of them.
    const single = new Set(whole)
    await this.#add('outer', [...beside, ...within.filter((epoch) => cells.size === 0 || !single.has(epoch))], this.#series.names)
    const rest = this.#series.names.filter((_, number) => !cells.has(number))
    if (cells.size > 0) {
      await this.#add('outer', whole, rest)
      const byNumber = new Map(whole.map((epoch) => [epoch.number, epoch]))
      const unclear = [...cells].flatMap(([number, of]) => of.unclear.map((epoch) => ({ number, epoch: byNumber.get(epoch) })))
      const of = new Set(unclear.map(({ number }) => number))
      const asked = new Set(unclear.flatMap(({ epoch }) => epoch ?? []))
      await this.#add(
        'outer',
        [...asked],
        this.#series.names.filter((_, number) => of.has(number)),
        (series, epoch) => cells.get(series)!.unclear.includes(epoch.number),
      )
    }
    const counts = new Float64Array(this.#series.names.length)
    for (const { epoch, series, count } of rowsOf(this.#points, this.#epochs))
      if (this.#within.has(epoch) && !this.#isCounted(epoch, series, cells)) counts[series]! += every ? 1 : count
    for (const [series, of] of cells) counts[series]! += of.points ?? of.cells.reduce((sum, { points }) => sum + points, 0)
    if (every && within.length <= buckets) counts.fill(within.length)
    for (const count of counts)
      this.#curves.push(count <= buckets ? new Buckets(range, 0, count) : new Buckets(range, this.#width, buckets))
    if (!every) {
      // Of a curve that is drawn point by point none is left out.
      const few = [...cells.keys()].filter((series) => this.#curves[series]!.single)
      await this.#add(
        'all',
        whole,
        few.map((series) => this.#series.names[series]!),
        (series, epoch) => !cells.get(series)!.unclear.includes(epoch.number),
      )
      for (const series of few) cells.delete(series)
    }
    const known = rowsOf(this.#points, this.#epochs)
    await this.#reduce(known)
    await this.#complete(known)
    this.#put(cells, whole)
    this.#take(rowsOf(this.#points, this.#epochs), cells)
    // Where a curve has nothing in the epoch beside the range, the nearest that has something tells what lies beyond.
    for (const [side, beyond] of [
      ['hasLeft', this.#epochs.slice(0, Math.max(0, this.#begin - 1)).reverse()],
      ['hasRight', this.#epochs.slice(this.#end + 1)],
    ] as const) {
      const without = this.#series.names.filter((_, i) => !this.#curves[i]![side])
      if (without.length > 0 && beyond.length > 0) await this.#nearest(beyond, without)
    }
  }

  /** What the server reduces of these epochs, by the numbers of the curves; some are left out. */
  async #cells(epochs: readonly At[]): Promise<Map<number, Cells>> {
    const [part, ...more] = partsOf(this.#search, epochs)
    const found = new Map<number, Cells>()
    if (!part?.numbered || more.length > 0) return found
    const { axis, buckets } = this.#query
    const keep = (answer: ReadonlyMap<number, Cells | undefined>) => {
      for (const [series, cells] of answer) if (cells) found.set(series, cells)
    }
    const { names } = this.#series
    const many = axis.of === 'epoch' ? epochs.length > buckets : epochs.length * names.length > this.#search.limits.cells
    const groups = many && Number.isFinite(this.#width) ? this.#groups(epochs) : epochs.map(({ number }) => ({ from: number, to: number }))
    if (groups.length < epochs.length) {
      const together = { series: this.#series, metrics: names, of: axis.of, width: this.#width, groups, most: buckets }
      keep(await cellsByGroup(this.#search, part, together, this.#signal))
    }
    const metrics = this.#series.names.filter((_, number) => !found.has(number))
    keep(await cellsByEpoch(this.#search, part, { series: this.#series, metrics, of: axis.of }, this.#signal))
    return found
  }

  /** Epochs that follow each other in one bucket, on axes of steps and times as far as one shift holds for them. */
  #groups(epochs: readonly At[]): Group[] {
    const groups: { from: number; to: number }[] = []
    let [bucket, shift] = [Number.NaN, Number.NaN]
    for (const epoch of epochs) {
      const at = Math.floor(epoch.first / this.#width)
      if (at === bucket && epoch.shift === shift) groups.at(-1)!.to = epoch.number
      else groups.push({ from: epoch.number, to: epoch.number })
      bucket = at
      shift = epoch.shift
    }
    return groups
  }

  /** Reads points of these epochs and curves, or of only some of each. */
  async #add(
    which: Which,
    epochs: readonly At[],
    metrics: readonly MetricName[],
    only?: (series: number, epoch: At) => boolean,
    more: readonly Json[] = [],
  ) {
    if (epochs.length === 0 || metrics.length === 0) return
    const parts = partsOf(this.#search, epochs)
    const read = await readPoints(this.#search, parts, this.#epochs, { which, metrics, more }, this.#signal)
    const numbers = read.series.names.map((metric) => this.#series.has(metric)!)
    this.#points.append(read.points, numbers, only && ((series, place) => only(series, this.#epochs[place]!)))
  }

  #put(cells: ReadonlyMap<number, Cells>, epochs: readonly At[]) {
    const { of } = this.#query.axis
    const byNumber = new Map(epochs.map((epoch) => [epoch.number, epoch]))
    for (const [series, { cells: all, points: counted }] of cells) {
      let count = counted
      for (const cell of all) {
        const [from, to] = [byNumber.get(cell.from), byNumber.get(cell.to)]
        // Documents of epochs that are not seen yet, or no longer.
        if (!from || !to) continue
        const [first, last] =
          of === 'epoch'
            ? [from.number, to.number]
            : of === 'time'
              ? [from.first, to.last]
              : Number.isNaN(cell.firstStep)
                ? [from.last, to.last]
                : [inside(from, cell.firstStep), inside(to, cell.lastStep)]
        this.#curves[series]!.piece({ ...cell, first, last, points: count ?? cell.points, epoch: from.number })
        if (count !== undefined) count = 0
      }
    }
  }

  #look = (epoch: At, series: number) =>
    this.#curves[series]!.single && this.#query.axis.of !== 'epoch' ? 'points' : lookAt(epoch, this.#query, this.#width)

  /** Whether an epoch's points were counted together with those of others. */
  #isCounted = (epoch: At, series: number, cells: ReadonlyMap<number, Cells>) =>
    cells.get(series)?.points !== undefined && this.#within.has(epoch) && lookAt(epoch, this.#query, this.#width) === 'whole'

  #isDense = (epoch: At, series: number) => this.#dense.has(epoch) && !this.#curves[series]!.single

  /** Where very many points are missing of curves that are looked at point by point, they come reduced too. */
  async #reduce(known: readonly Rows[]) {
    const { axis, range, buckets } = this.#query
    if (axis.of === 'epoch') return
    const [from, to] = range
    const missing = known.filter(
      ({ epoch, series }) =>
        this.#within.has(epoch) && !this.#curves[series]!.single && lookAt(epoch, this.#query, this.#width) !== 'whole',
    )
    if (missing.reduce((sum, { count, places }) => sum + count - places.length, 0) <= this.#search.limits.points) return
    const numbers = [...new Set(missing.map(({ series }) => series))]
    const metrics = numbers.map((series) => this.#series.names[series]!)
    const epochs = [...this.#within].filter((epoch) => lookAt(epoch, this.#query, this.#width) !== 'whole')
    this.#dense = new Set(epochs)
    // What has no place of its own lies at its epoch's end, and is read.
    const rest: Json[] = [
      { bool: { must_not: OWN } },
      ...(axis.of === 'step' ? [{ bool: { must_not: { exists: { field: 'step' } } } }] : []),
    ]
    await this.#add(
      'all',
      epochs.filter(({ last }) => last <= to),
      metrics,
      (series) => numbers.includes(series),
      [INNER, { bool: { should: rest } }],
    )
    const shifted: (Shifted & { readonly epochs: readonly At[] })[] = []
    for (let begin = 0, end = 0; begin < epochs.length; begin = end) {
      const { shift } = epochs[begin]!
      while (end < epochs.length && epochs[end]!.shift === shift) end++
      const some = epochs.slice(begin, end)
      for (const part of partsOf(this.#search, some)) shifted.push({ part, shift, from: from - shift, to: to - shift, epochs: some })
    }
    const asked = { series: this.#series, metrics, of: axis.of, width: this.#width, most: buckets }
    const found = await cellsByPlace(this.#search, shifted, asked, this.#signal)
    for (const [i, run] of shifted.entries()) {
      const last = await this.#lastAt(run.epochs, found[i]!)
      for (const [series, cells] of found[i]!)
        if (numbers.includes(series))
          for (const cell of cells)
            this.#curves[series]!.piece({
              ...cell,
              first: cell.first + run.shift,
              last: cell.last + run.shift,
              value: cell.value ?? last(series, cell.last),
            })
    }
    for (const epoch of epochs) {
      const nearest = epoch.first < from || epoch.last > to ? await this.#nearestIn(epoch, metrics) : []
      if (nearest.length > 0) await this.#add('all', [epoch], metrics, undefined, [INNER, OWN, { terms: { [axis.of]: nearest } }])
    }
  }

  /** Where several points lie at one place the one that was logged last counts. */
  async #lastAt(
    epochs: readonly At[],
    found: ReadonlyMap<number, readonly PlacedCell[]>,
  ): Promise<(series: number, place: number) => number> {
    const field = this.#query.axis.of as 'step' | 'time'
    const unclear = [...found].map(([series, cells]) => ({
      series,
      places: cells.filter(({ value }) => value === undefined).map(({ last }) => last),
    }))
    const values = new Map<string, number>()
    for (const { series, places } of unclear) {
      if (places.length === 0) continue
      const asked = { which: 'all', metrics: [this.#series.names[series]!], own: true, more: [{ terms: { [field]: places } }] } as const
      const { points } = await readPoints(this.#search, partsOf(this.#search, epochs), epochs, asked, this.#signal)
      for (const i of points.order()) values.set(`${series} ${points[field][i]}`, points.value[i]!)
    }
    return (series, place) => values.get(`${series} ${place}`) ?? Number.NaN
  }

  /** Reads what is missing of curves that are looked at point by point. */
  async #complete(known: readonly Rows[]) {
    if (this.#query.axis.of === 'epoch') return
    const missing = { whole: new Map<At, Set<number>>(), edge: new Map<At, Set<number>>() }
    for (const { epoch, series, places, count } of known) {
      if (places.length >= count || this.#isDense(epoch, series)) continue
      const look = this.#look(epoch, series)
      if (look === 'whole' && !(this.#query.axis.of === 'step' && falls(this.#points, places))) continue
      const kind = lookAt(epoch, this.#query, this.#width) === 'edge' ? missing.edge : missing.whole
      const of = kind.get(epoch)
      if (of) of.add(series)
      else kind.set(epoch, new Set([series]))
    }
    const whole = [...missing.whole]
    if (whole.length > 0) {
      const metrics = [...new Set(whole.flatMap(([, of]) => [...of]))].map((one) => this.#series.names[one]!)
      await this.#add(
        'all',
        whole.map(([epoch]) => epoch),
        metrics,
        (series, epoch) => missing.whole.get(epoch)?.has(series) ?? false,
        [INNER],
      )
    }
    const [from, to] = this.#query.range
    // Of an epoch beside the range its ends are enough.
    for (const [epoch, of] of missing.edge)
      if (epoch.last >= from && epoch.first <= to)
        await this.#edge(
          epoch,
          [...of].map((one) => this.#series.names[one]!),
        )
  }

  /** Of an epoch at an end of the range what lies in that, and the nearest beyond. */
  async #edge(epoch: At, metrics: readonly MetricName[]) {
    const { axis, range } = this.#query
    const [from, to] = [range[0] - epoch.shift, range[1] - epoch.shift]
    // Some too many, where it is a matter of rounding.
    const bounds = { gte: from - Math.abs(from) * 2 ** -50, lte: to + Math.abs(to) * 2 ** -50 }
    const read: Json[] = [all(OWN, { range: { [axis.of]: bounds } })]
    // At the epoch's end lies what has no place of its own.
    if (epoch.last <= range[1])
      read.push({ bool: { must_not: OWN } }, ...(axis.of === 'step' ? [{ bool: { must_not: { exists: { field: 'step' } } } }] : []))
    const nearest = await this.#nearestIn(epoch, metrics)
    if (nearest.length > 0) read.push(all(OWN, { terms: { [axis.of]: nearest } }))
    await this.#add('all', [epoch], metrics, undefined, [INNER, { bool: { should: read } }])
  }

  /** Where the nearest points beyond the range lie in an epoch at its end, other than those that are known already. */
  async #nearestIn({ shift, ...epoch }: At, metrics: readonly MetricName[]): Promise<number[]> {
    const field = this.#query.axis.of
    const [from, to] = this.#query.range
    const beyond = {
      below: { filter: { range: { [field]: { lt: from - shift } } }, aggs: { at: { max: { field } } } },
      above: { filter: { range: { [field]: { gt: to - shift } } }, aggs: { at: { min: { field } } } },
    }
    const asked = { query: [...pointsQuery('all', metrics, true), INNER], sources: [source('split'), source('name')], aggs: beyond }
    const nearest = new Set<number>()
    for (const part of partsOf(this.#search, [epoch]))
      for await (const { bucket } of combinations(this.#search, part, asked, this.#signal))
        for (const side of ['below', 'above']) {
          const { value } = objectOf(this.#search.server, objectOf(this.#search.server, bucket[side])['at'])
          if (typeof value === 'number') nearest.add(value)
        }
    return [...nearest]
  }

  #take(rows: readonly Rows[], cells: ReadonlyMap<number, Cells>) {
    for (const one of rows) {
      checkAborted(this.#signal)
      // What was counted with others is not counted again.
      const counted = this.#isCounted(one.epoch, one.series, cells)
      if (this.#look(one.epoch, one.series) === 'whole') this.#whole(this.#points, one, counted)
      else this.#spread(this.#points, this.#isDense(one.epoch, one.series) ? this.#withoutReduced(one) : one)
    }
  }

  #withoutReduced(rows: Rows): Rows {
    const { source: by, step, time } = this.#points
    const byStep = this.#query.axis.of === 'step'
    const [from, to] = this.#query.range
    return {
      ...rows,
      places: rows.places.filter((i) => {
        const place = byStep ? step[i]! : time[i]!
        // As the server was asked.
        return by[i] !== 0 || !(from - rows.epoch.shift <= place && place <= to - rows.epoch.shift)
      }),
    }
  }

  /** Reads each of the curves in the first of these epochs that has it. */
  async #nearest(epochs: readonly At[], metrics: readonly MetricName[]) {
    const places = new Map(epochs.map(({ id }, place) => [id, place]))
    const first = new Map<number, number>()
    for (const part of partsOf(this.#search, epochs)) {
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
      const read = await readPoints(this.#search, partsOf(this.#search, [epoch]), [epoch], { which: 'outer', metrics: of }, this.#signal)
      const points = new Points()
      points.append(
        read.points,
        read.series.names.map((metric) => this.#series.has(metric)!),
      )
      for (const rows of rowsOf(points, [epoch]))
        if (this.#look(epoch, rows.series) === 'whole') this.#whole(points, rows)
        else this.#spread(points, rows)
    }
  }

  #spread({ source: by, step, time, value }: Points, { epoch, series, places }: Rows) {
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
  #whole(points: Points, rows: Rows, counted = false) {
    const { of } = this.#query.axis
    const every = of === 'epoch'
    const { epoch, series, places, count } = rows
    // Where its points lie is not told by its ends.
    if (of === 'step' && falls(points, places)) return this.#spread(points, rows)
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
    this.#curves[series]!.piece({ first, last, value, low, high, gap, points: counted ? 0 : every ? 1 : count, epoch: epoch.number })
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

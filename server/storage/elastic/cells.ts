import type { CurvesQuery, MetricName } from '../ports'
import { pointsQuery, type Series } from './points'
import type { Part } from './scopes'
import { aggregate, aggregateAll, damaged, objectOf, type Search } from './search'
import type { Json, Server } from './server'

/** What a run of epochs comes to in one curve. */
export interface Cell {
  /** The first and the last of their numbers that have a point. */
  readonly from: number
  readonly to: number
  /** Of those that are numbers; above `high` where none is. */
  readonly low: number
  readonly high: number
  readonly gap: boolean
  /** Of the last epoch. */
  readonly value: number
  /** Steps, and how many points; only where they were asked for. */
  readonly firstStep: number
  readonly lastStep: number
  readonly points: number
}
export interface Cells {
  readonly cells: Cell[]
  /** Epochs, by their numbers, of which the answer does not tell enough. */
  readonly unclear: number[]
  /** All points, or epochs that have one, where they are not told cell by cell. */
  readonly points: number | undefined
}

/** Elasticsearch gives no more in one answer (`search.max_buckets` is 65,536). */
const MOST_BUCKETS = 65_000
/** Its cell; that it has a gap, and that its steps fall; its value of the whole epoch, and of a step. */
const OF_A_CELL = 5
/** Split and name. */
const OF_A_CURVE = 2
/** How many curves of so many cells are asked for at once. */
const curvesOf = (cells: number) => Math.max(1, Math.floor(MOST_BUCKETS / (OF_A_CELL * cells + OF_A_CURVE)))

interface Asked {
  readonly series: Series
  readonly metrics: readonly MetricName[]
  readonly of: CurvesQuery['axis']['of']
}

const OWN = { term: { source: '' } }
const not = (query: Json): Json => ({ bool: { must_not: query } })
const BY_NUMBER = { field: 'number', interval: 1, min_doc_count: 1 }

/**
 * Epoch by epoch, each curve by its number; undefined for a curve that is to be read point by point. Only points that tell of an epoch as a whole are
 * looked at.
 */
export async function cellsByEpoch(
  search: Search,
  part: Part,
  { series, metrics, of }: Asked,
  signal?: AbortSignal,
): Promise<Map<number, Cells | undefined>> {
  const found = new Map<number, Cells | undefined>()
  const inOne = Math.max(1, Math.floor((MOST_BUCKETS / Math.max(1, metrics.length) - OF_A_CURVE) / OF_A_CELL))
  for (let from = 0; from < part.epochs.length; from += inOne) {
    const some = part.epochs.slice(from, from + inOne)
    const aggs = {
      cells: { histogram: BY_NUMBER, aggs: { ...BAND, ...(of === 'epoch' ? {} : { ...STEPS, at: { max: { field: 'at' } } }) } },
      ...siblings(),
      ...(of === 'step' ? { falls: { filter: { term: { role: 'falls' } }, aggs: { found: { histogram: BY_NUMBER } } } } : {}),
      ...(of === 'epoch' ? {} : MIXED),
    }
    for (const [number, bucket] of await bySeries(search, part, { series, metrics, numbers: numbersOf(some), aggs }, signal)) {
      const before = found.get(number)
      if (found.has(number) && before === undefined) continue
      const answer = new Answer(search.server, bucket)
      if (of !== 'epoch' && answer.isMixed()) {
        found.set(number, undefined)
        continue
      }
      const cells = before?.cells ?? []
      const unclear = before?.unclear ?? []
      const [gaps, falls, values] = [answer.numbers('gaps'), answer.numbers('falls'), answer.values()]
      for (const cell of answer.buckets('cells')) {
        const at = numberIn(cell['key'])
        const value = values(at)
        if (value === undefined || falls.has(at)) {
          unclear.push(at)
          continue
        }
        cells.push({
          from: at,
          to: at,
          ...answer.band(cell),
          gap: gaps.has(at),
          value,
          firstStep: answer.value(cell, 'first'),
          lastStep: answer.value(cell, 'last'),
          points: of === 'epoch' ? 1 : answer.value(cell, 'at') + 1,
        })
      }
      found.set(number, { cells, unclear, points: undefined })
    }
  }
  return found
}

/** Epochs that lie in one bucket, by their numbers, both included. */
export interface Group {
  readonly from: number
  readonly to: number
}

/**
 * Many epochs together; undefined for a curve that is better asked epoch by epoch. On the axis of epochs where they have few points, each epoch
 * being one; on the others where steps fall.
 */
export async function cellsByGroup(
  search: Search,
  part: Part,
  {
    series,
    metrics,
    of,
    width,
    groups,
    most,
  }: Asked & { readonly width: number; readonly groups: readonly Group[]; readonly most: number },
  signal?: AbortSignal,
): Promise<Map<number, Cells | undefined>> {
  const every = of === 'epoch'
  // The upper end of a range is not in it.
  const range = { field: 'number', ranges: groups.map(({ from, to }) => ({ from, to: to + 1 })) }
  const places = every ? { histogram: { ...BY_NUMBER, interval: width } } : { range }
  const placeOf = (cell: Json) => (every ? Math.round(numberIn(cell['key']) / width) : numberIn(cell['from']))
  const aggs = (ends: boolean) => ({
    cells: {
      ...places,
      aggs: { ...BAND, ...(ends ? ENDS : {}), ...(of === 'step' ? STEPS : {}) },
    },
    // Nearly always the last epoch of a group has a value, so that the values of those are asked for at once.
    ...siblings(groups.map(({ to }) => to)),
    // Not one for each epoch: there may be more of those than an answer may hold.
    gaps: { filter: SPECIAL, aggs: { found: places } },
    ...MIXED,
    ...(of === 'step' ? { falls: { filter: { term: { role: 'falls' } } } } : {}),
    begun: { filter: { term: { at: 0 } } },
  })
  const byKey = new Map(groups.map((group) => [every ? Math.floor(group.from / width) : group.from, group]))
  const found = new Map<number, Cells | undefined>()
  const numbers = numbersOf(part.epochs)
  const inOne = curvesOf(groups.length)
  const ask = async (some: readonly MetricName[], ends: boolean) => {
    const counts = every ? undefined : await pointsOf(search, part, { series, metrics: some, numbers }, signal)
    const sparse: MetricName[] = []
    for (const [number, bucket] of await bySeries(search, part, { series, metrics: some, numbers, aggs: aggs(ends) }, signal)) {
      const answer = new Answer(search.server, bucket)
      const epochs = answer.count('begun')
      // Where a curve is logged in several ways its epochs can't be counted like this.
      if (answer.isMixed() || (every ? epochs <= most : answer.has('falls'))) {
        found.set(number, undefined)
        continue
      }
      // Where each epoch has a point the first and the last of a group need not be asked for.
      if (!ends && epochs !== part.epochs.length) {
        sparse.push(series.names[number]!)
        continue
      }
      const gaps = new Set(answer.below('gaps').flatMap((cell) => (cell['doc_count'] === 0 ? [] : placeOf(cell))))
      const values = answer.values()
      const cells: Cell[] = []
      const unclear: number[] = []
      for (const cell of answer.buckets('cells')) {
        if (cell['doc_count'] === 0) continue
        const place = placeOf(cell)
        const group = byKey.get(place)
        const [begin, end] = ends
          ? [answer.value(cell, 'begin'), answer.value(cell, 'end')]
          : [group?.from ?? Number.NaN, group?.to ?? Number.NaN]
        const value = values(end)
        if (value === undefined) unclear.push(end)
        cells.push({
          from: begin,
          to: end,
          ...answer.band(cell),
          gap: gaps.has(place),
          value: value ?? Number.NaN,
          firstStep: answer.value(cell, 'first'),
          lastStep: answer.value(cell, 'last'),
          points: 0,
        })
      }
      found.set(number, { cells, unclear, points: counts ? (counts.get(number) ?? 0) : epochs })
    }
    if (sparse.length > 0) await ask(sparse, true)
  }
  for (let from = 0; from < metrics.length; from += inOne) await ask(metrics.slice(from, from + inOne), false)
  return found
}

/** How many points curves have. */
async function pointsOf(
  search: Search,
  part: Part,
  { series, metrics, numbers }: { readonly series: Series; readonly metrics: readonly MetricName[]; readonly numbers: Json },
  signal?: AbortSignal,
): Promise<Map<number, number>> {
  const asked = { query: [...pointsQuery('all', metrics), numbers], aggs: nested(metrics.length, {}) }
  const found = nestedIn(search.server, await aggregate(search, part, asked, signal), series, metrics)
  return new Map(Array.from(found, ([number, bucket]) => [number, numberIn(bucket['doc_count'])]))
}

/** A bucket of points, where they lie on the axis. */
export interface PlacedCell extends Pick<Cell, 'low' | 'high' | 'gap' | 'points'> {
  /** Of the first point and the last, as they were logged. */
  readonly first: number
  readonly last: number
  /** Number of the epoch of the first. */
  readonly epoch: number
  /** Of the last point; undefined where several points lie there, or where it is no number. */
  readonly value: number | undefined
}
/** Epochs whose points lie on the axis as they were logged, but for one shift. */
export interface Shifted {
  readonly part: Part
  readonly shift: number
  readonly from: number
  readonly to: number
}

/** Own points of epochs in buckets of a width on the axis of steps or time: for each run of epochs, by the numbers of the curves. */
export async function cellsByPlace(
  search: Search,
  runs: readonly Shifted[],
  { series, metrics, of: field, width, most }: Asked & { readonly width: number; readonly most: number },
  signal?: AbortSignal,
): Promise<Map<number, PlacedCell[]>[]> {
  const found = runs.map(() => new Map<number, PlacedCell[]>())
  const inOne = curvesOf(most)
  for (let at = 0; at < metrics.length; at += inOne) {
    const some = metrics.slice(at, at + inOne)
    const query = pointsQuery('all', some, true)
    const answers = await aggregateAll(
      search,
      runs.map(({ part, shift, from, to }) => {
        // A single bucket is wider than any number is large.
        const histogram = { field, interval: Math.min(width, 2 ** 1000), offset: -shift, min_doc_count: 1 }
        const bounds = { first: { min: { field } }, last: { max: { field } }, epoch: { min: { field: 'number' } } }
        const aggs = {
          cells: { histogram, aggs: { ...BAND, ...bounds } },
          gaps: { filter: SPECIAL, aggs: { found: { histogram } } },
        }
        return { part, query: [...query, { range: { [field]: { gte: from, lte: to } } }], aggs: nested(some.length, aggs) }
      }),
      signal,
    )
    const places = answers.map((answer) => {
      const all = new Map<number, number[]>()
      for (const [number, bucket] of nestedIn(search.server, answer, series, some))
        all.set(
          number,
          bucketsOf(search.server, bucket['cells']).map((cell) => numberIn(objectOf(search.server, cell['last'])['value'])),
        )
      return all
    })
    const values = await valuesAt(search, runs, { series, of: field, most }, places, signal)
    for (const [i, answer] of answers.entries())
      for (const [number, bucket] of nestedIn(search.server, answer, series, some)) {
        const one = new Answer(search.server, bucket)
        // By the places where they begin, which have many digits.
        const gaps = new Set(bucketsOf(search.server, objectOf(search.server, bucket['gaps'])['found']).map(({ key }) => key))
        found[i]!.set(
          number,
          one.buckets('cells').map((cell) => {
            const last = one.value(cell, 'last')
            return {
              ...one.band(cell),
              gap: gaps.has(cell['key']),
              points: numberIn(cell['doc_count']),
              first: one.value(cell, 'first'),
              last,
              epoch: one.value(cell, 'epoch'),
              value: values[i]!.get(number)?.get(last),
            }
          }),
        )
      }
  }
  return found
}

/** The values of points at these places: for each run, by the curves' numbers, then by place; none where there are several. */
async function valuesAt(
  search: Search,
  runs: readonly Shifted[],
  { series, of: field, most }: Omit<Asked, 'metrics'> & { readonly most: number },
  places: readonly ReadonlyMap<number, readonly number[]>[],
  signal?: AbortSignal,
): Promise<Map<number, Map<number, number>>[]> {
  const found = runs.map(() => new Map<number, Map<number, number>>())
  const asked = runs.flatMap(({ part }, run) => {
    const all = [...new Set([...places[run]!.values()].flat())]
    // Curves that are logged together have their last points at the same places; of others each is asked alone.
    const groups =
      all.length > 2 * most
        ? Array.from(places[run]!, ([number, at]) => ({ numbers: [number], at }))
        : [{ numbers: [...places[run]!.keys()], at: all }]
    return groups
      .filter(({ at }) => at.length > 0)
      .map(({ numbers, at }) => ({ run, part, at, metrics: numbers.map((number) => series.names[number]!) }))
  })
  const answers = await aggregateAll(
    search,
    asked.map(({ part, metrics, at }) => ({
      part,
      query: [...pointsQuery('all', metrics, true), { terms: { [field]: at } }],
      aggs: nested(metrics.length, { at: { terms: { field, size: at.length }, aggs: { value: { max: { field: 'value' } } } } }),
    })),
    signal,
  )
  for (const [i, { run, metrics }] of asked.entries())
    for (const [number, bucket] of nestedIn(search.server, answers[i], series, metrics)) {
      const values = new Map<number, number>()
      for (const point of bucketsOf(search.server, bucket['at'])) {
        const value = objectOf(search.server, point['value'])['value']
        if (point['doc_count'] === 1 && typeof value === 'number') values.set(numberIn(point['key']), value)
      }
      found[run]!.set(number, values)
    }
  return found
}

const BAND = { low: { min: { field: 'value' } }, high: { max: { field: 'value' } } }
const ENDS = { begin: { min: { field: 'number' } }, end: { max: { field: 'number' } } }
const SPECIAL = { exists: { field: 'special' } }
const STEPS = { first: { min: { field: 'step' } }, last: { max: { field: 'step' } } }
/** Where a curve has several ways in which it was logged, its points are not told apart by their places alone. */
const MIXED = { foreign: { filter: not(OWN) }, level: { missing: { field: 'step' } } }

/** Where values are missing or infinite; and those that may be an epoch's value, of the whole epoch and of a step. */
function siblings(numbers?: readonly number[]): Json {
  const last = (level: Json) => ({
    filter: {
      bool: {
        filter: [not({ terms: { role: ['inner', 'outer', 'falls'] } }), level, ...(numbers ? [{ terms: { number: numbers } }] : [])],
      },
    },
    aggs: { found: { histogram: BY_NUMBER, aggs: { value: { max: { field: 'value' } } } } },
  })
  const stepped = { exists: { field: 'step' } }
  return {
    gaps: { filter: SPECIAL, aggs: { found: { histogram: BY_NUMBER } } },
    whole: last(not(stepped)),
    stepped: last(stepped),
  }
}

const numbersOf = (epochs: Part['epochs']) => ({
  range: { number: { gte: Math.min(...epochs.map(({ number }) => number)), lte: Math.max(...epochs.map(({ number }) => number)) } },
})

/** One bucket for each curve, by its number. */
async function bySeries(
  search: Search,
  part: Part,
  {
    series,
    metrics,
    numbers,
    aggs,
  }: { readonly series: Series; readonly metrics: readonly MetricName[]; readonly numbers: Json; readonly aggs: Json },
  signal?: AbortSignal,
): Promise<Map<number, Json>> {
  if (metrics.length === 0) return new Map()
  const query = [...pointsQuery('outer', metrics), numbers]
  return nestedIn(search.server, await aggregate(search, part, { query, aggs: nested(metrics.length, aggs) }, signal), series, metrics)
}

const nested = (size: number, aggs: Json): Json => ({
  splits: { terms: { field: 'split', size }, aggs: { names: { terms: { field: 'name', size }, aggs } } },
})

function nestedIn(server: Server, answer: Json | undefined, series: Series, metrics: readonly MetricName[]): Map<number, Json> {
  const found = new Map<number, Json>()
  if (!answer) return found
  const wanted = new Set(metrics.map((metric) => series.has(metric)))
  for (const split of bucketsOf(server, answer['splits']))
    for (const name of bucketsOf(server, split['names'])) {
      const number = series.of(String(split['key']), String(name['key']))
      if (number !== undefined && wanted.has(number)) found.set(number, name)
    }
  return found
}

function bucketsOf(server: Server, aggregation: unknown): readonly Json[] {
  const { buckets } = objectOf(server, aggregation)
  if (!Array.isArray(buckets)) throw damaged(server)
  return buckets as readonly Json[]
}

const numberIn = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN)

class Answer {
  readonly #server: Server
  readonly #bucket: Json
  constructor(server: Server, bucket: Json) {
    this.#server = server
    this.#bucket = bucket
  }

  buckets = (name: string) => bucketsOf(this.#server, this.#bucket[name])
  count = (name: string) => numberIn(objectOf(this.#server, this.#bucket[name])['doc_count'])
  value = (bucket: Json, name: string) => numberIn((bucket[name] as Json | undefined)?.['value'])
  isMixed = () => this.count('foreign') > 0 || (this.count('level') > 0 && this.count('level') < numberIn(this.#bucket['doc_count']))

  band(cell: Json): { readonly low: number; readonly high: number } {
    const [low, high] = [this.value(cell, 'low'), this.value(cell, 'high')]
    return Number.isNaN(low) ? { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY } : { low, high }
  }

  has = (name: string) => this.#bucket[name] !== undefined && this.count(name) > 0

  /** Buckets below a filter. */
  below(name: string): readonly Json[] {
    const filter = this.#bucket[name]
    return filter === undefined ? [] : bucketsOf(this.#server, objectOf(this.#server, filter)['found'])
  }
  /** Their keys. */
  numbers = (name: string) => new Set(this.below(name).map(({ key }) => numberIn(key)))

  /** The value of an epoch, where a single point may be it. */
  values(): (number: number) => number | undefined {
    const read = (name: string) =>
      new Map(
        bucketsOf(this.#server, objectOf(this.#server, this.#bucket[name])['found']).map((bucket) => [
          numberIn(bucket['key']),
          bucket['doc_count'] === 1 ? this.value(bucket, 'value') : Number.NaN,
        ]),
      )
    const [whole, stepped] = [read('whole'), read('stepped')]
    return (number) => {
      const value = whole.get(number) ?? stepped.get(number)
      return value === undefined || Number.isNaN(value) ? undefined : value
    }
  }
}

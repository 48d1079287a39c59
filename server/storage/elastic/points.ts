import { EpochtreeError } from '../../errors'
import type { MetricName } from '../ports'
import { termOf } from './layout'
import type { Epoch, Part } from './scopes'
import { pages, type Hit, type Search } from './search'
import type { Json } from './server'

/** Which points of a curve are read: all, those that tell of an epoch as a whole, or those that may be its value. */
export type Which = 'all' | 'outer' | 'last'

const ROLES: Readonly<Record<Which, readonly Json[]>> = {
  all: [],
  outer: [{ bool: { must_not: { term: { role: 'inner' } } } }],
  last: [{ bool: { must_not: { terms: { role: ['inner', 'outer', 'falls'] } } } }],
}

/** No more are held at once: 44 bytes each. */
const MOST_POINTS = 20_000_000

export const METRIC = { term: { kind: 'metric' } }

/** Points of these metrics; of others too, whose split and name come up among theirs. */
export function pointsQuery(which: Which, metrics?: readonly MetricName[], own = false): Json[] {
  const terms = (field: 'split' | 'name') => {
    const values = [...new Set(metrics!.map((metric) => termOf(metric[field])))]
    return values.length === 1 ? { term: { [field]: values[0] } } : { terms: { [field]: values } }
  }
  return [METRIC, ...(metrics ? [terms('split'), terms('name')] : []), ...(own ? [{ term: { source: '' } }] : []), ...ROLES[which]]
}

/** Numbers metrics, and finds them by their terms. */
export class Series {
  readonly #numbers = new Map<string, Map<string, number>>()
  readonly #open: boolean
  readonly names: MetricName[] = []

  /** Only these, or whatever comes. */
  constructor(metrics?: readonly MetricName[]) {
    this.#open = metrics === undefined
    for (const { split, name } of metrics ?? []) this.#add({ split, name })
  }
  #add(metric: MetricName): number {
    const [split, name] = [termOf(metric.split), termOf(metric.name)]
    let ofSplit = this.#numbers.get(split)
    if (!ofSplit) this.#numbers.set(split, (ofSplit = new Map()))
    let number = ofSplit.get(name)
    if (number === undefined) {
      ofSplit.set(name, (number = this.names.length))
      this.names.push(metric)
    }
    return number
  }
  of(split: string, name: string): number | undefined {
    return this.#numbers.get(split)?.get(name) ?? (this.#open ? this.#add({ split, name }) : undefined)
  }
  has = (metric: MetricName) => this.#numbers.get(termOf(metric.split))?.get(termOf(metric.name))
}

/** Points as columns, of which `epoch` and `series` are numbers. */
export class Points {
  n = 0
  epoch = new Uint32Array(1024)
  series = new Uint32Array(1024)
  source = new Uint32Array(1024)
  /** NaN for a value of the whole epoch. */
  step = new Float64Array(1024)
  value = new Float64Array(1024)
  time = new Float64Array(1024)
  at = new Float64Array(1024)
  readonly sources: string[] = ['']
  readonly #sources = new Map<string, number>([['', 0]])

  add(epoch: number, series: number, fields: Hit) {
    const value = valueOf(fields)
    // Somebody's document that says nothing.
    if (value === undefined) return
    if (this.n === this.value.length) this.#grow()
    const i = this.n++
    this.epoch[i] = epoch
    this.series[i] = series
    this.value[i] = value
    this.step[i] = numberOf(fields['step']) ?? Number.NaN
    this.time[i] = numberOf(fields['time']) ?? Number.NaN
    // In whatever order, where it does not say.
    this.at[i] = numberOf(fields['at']) ?? -1
    this.source[i] = this.#source(textOf(fields['source']) ?? '')
  }

  #source(source: string): number {
    let number = this.#sources.get(source)
    if (number === undefined) {
      this.#sources.set(source, (number = this.sources.length))
      this.sources.push(source)
    }
    return number
  }

  /** Takes over points whose metrics are numbered otherwise, or some of them. */
  append(other: Points, series: readonly number[], only?: (series: number, epoch: number) => boolean) {
    const sources = other.sources.map((source) => this.#source(source))
    for (let k = 0; k < other.n; k++) {
      if (only && !only(series[other.series[k]!]!, other.epoch[k]!)) continue
      if (this.n === this.value.length) this.#grow()
      const i = this.n++
      for (const name of ['epoch', 'step', 'value', 'time', 'at'] as const) this[name][i] = other[name][k]!
      this.series[i] = series[other.series[k]!]!
      this.source[i] = sources[other.source[k]!]!
    }
  }

  #grow() {
    const size = this.value.length * 2
    for (const name of ['epoch', 'series', 'source'] as const) {
      const larger = new Uint32Array(size)
      larger.set(this[name])
      this[name] = larger
    }
    for (const name of ['step', 'value', 'time', 'at'] as const) {
      const larger = new Float64Array(size)
      larger.set(this[name])
      this[name] = larger
    }
  }

  /** Places in the order of history: by epoch, then metric; values with a step first, then by who logged them, as they were logged. */
  order(): Uint32Array {
    const { epoch, series, source, step, at } = this
    const ranks = Uint32Array.from(this.sources.map((one) => this.sources.reduce((rank, other) => rank + (other < one ? 1 : 0), 0)))
    const compare = (a: number, b: number) =>
      epoch[a]! - epoch[b]! ||
      series[a]! - series[b]! ||
      Number(Number.isNaN(step[a]!)) - Number(Number.isNaN(step[b]!)) ||
      ranks[source[a]!]! - ranks[source[b]!]! ||
      at[a]! - at[b]!
    const order = Uint32Array.from({ length: this.n }, (_, i) => i)
    for (let i = 1; i < order.length; i++) if (compare(i - 1, i) > 0) return order.sort(compare)
    return order
  }
}

export const numberOf = (values: readonly unknown[] | undefined): number | undefined =>
  typeof values?.[0] === 'number' ? values[0] : undefined
export const textOf = (values: readonly unknown[] | undefined): string | undefined =>
  typeof values?.[0] === 'string' ? values[0] : undefined

function valueOf(fields: Hit): number | undefined {
  const special = textOf(fields['special'])
  if (special === undefined) return numberOf(fields['value'])
  return special === 'NaN' || special === 'Infinity' || special === '-Infinity' ? Number(special) : undefined
}

export interface Wanted {
  readonly which: Which
  readonly metrics?: readonly MetricName[]
  /** Only what the epochs' own journals logged. */
  readonly own?: boolean
  readonly more?: readonly Json[]
}

/** Reads points into columns; `epoch` is the place of an epoch among `epochs`. */
export async function readPoints(
  search: Search,
  parts: readonly Part[],
  epochs: readonly Epoch[],
  { which, metrics, own = false, more = [] }: Wanted,
  signal?: AbortSignal,
): Promise<{ points: Points; series: Series }> {
  const points = new Points()
  const series = new Series(metrics)
  const places = new Map(epochs.map(({ id }, place) => [id, place]))
  const alone = metrics?.length === 1
  const columns = ['epoch', ...(alone ? [] : ['split', 'name']), ...(own ? [] : ['source']), 'step', 'value', 'special', 'time', 'at']
  for (const part of parts)
    for await (const page of pages(search, part, { query: [...pointsQuery(which, metrics, own), ...more], columns }, signal))
      for (const { fields } of page) {
        // Documents of epochs that are not seen yet, or no longer.
        const place = places.get(textOf(fields['epoch']) ?? '')
        if (place === undefined) continue
        const [split, name] = [textOf(fields['split']), textOf(fields['name'])]
        if (points.n === MOST_POINTS)
          throw new EpochtreeError(
            'bad-argument',
            `There are more than ${MOST_POINTS.toLocaleString('en')} points in what was asked for. Ask for fewer epochs or metrics.`,
          )
        const number = alone ? 0 : split === undefined || name === undefined ? undefined : series.of(split, name)
        if (number !== undefined) points.add(place, number, fields)
      }
  return { points, series }
}

import { checkAborted } from '../../errors'
import { Buckets, bucketWidth } from '../../tracking/buckets'
import { inRange, inside, type Look, lookAt, placed as onAxis, type Placed as OnAxis } from '../placing'
import type { CurvesQuery, ReducedCurve, Scope } from '../ports'
import { float64, unpackSteps } from './columns'
import type { LocalDatabase } from './database'
import { rowList, scopeRows, seriesOf } from './documents'

/** An epoch of the scope, and where it lies on the axis. */
interface Placed extends OnAxis {
  readonly row: number
}
/** A chunk as the index knows it; `foreign` is what another journal than the epoch's own logged. */
type Head = readonly [
  epoch: number,
  series: number,
  level: 0 | 1,
  foreign: 0 | 1,
  n: number,
  step0: number | null,
  lastStep: number | null,
  last: number | null,
  low: number | null,
  high: number | null,
  rising: 0 | 1 | null,
  gaps: number | null,
  id: number,
]
/** A chunk with its columns. */
type Opened = readonly [
  epoch: number,
  series: number,
  level: 0 | 1,
  foreign: 0 | 1,
  n: number,
  step0: number | null,
  step1: number | null,
  axis: number | null,
  step: Uint8Array | null,
  time: Uint8Array | null,
  values: Uint8Array,
]

const HEAD = "c.epoch, c.series, c.level, c.source <> '', c.n, c.step0, c.last_step, c.last, c.lo, c.hi, c.rising, c.gaps, c.id"
const openedColumns = (time: boolean) =>
  `c.epoch, c.series, c.level, c.source <> '', c.n, c.step0, c.step1, c.axis, c.step, ${time ? 'c.extra' : 'NULL'}, c.val`
const HOLDING =
  'SELECT u.value FROM json_each(?) u WHERE EXISTS (SELECT 1 FROM chunk c INDEXED BY chunk_head WHERE c.epoch = u.value AND c.series = ?) LIMIT 1'

/** So many epochs are asked for at once: rows that come together come quicker, but not all are to be held. */
const TOGETHER = 64

/**
 * Only epochs in the range are looked at, and one beside it where a curve has any. What is narrower than a bucket is answered from
 * the headers that the index holds; of the rest only chunks in the range are opened.
 */
export function curves(db: LocalDatabase, scope: Scope, query: CurvesQuery, signal?: AbortSignal): ReducedCurve[] {
  const { metrics, axis, range, buckets } = query
  const epochs: Placed[] = onAxis(scopeRows(db, scope), axis)
  const { begin, end } = inRange(epochs, range)
  const named = metrics.map((metric) => ({ metric, id: seriesOf(db, 'metric', metric) }))
  const ids = [...new Set(named.flatMap(({ id }) => id ?? []))]
  const width = bucketWidth(range, buckets)
  const counts = countsOf(db, epochs.slice(begin, end), query)
  const reduced = new Map(
    ids.map((id) => {
      const count = counts(id)
      return [id, count <= buckets ? new Buckets(range, 0, count) : new Buckets(range, width, buckets)]
    }),
  )
  const reading = new Reading(db, query, width, reduced, signal)
  reading.read(epochs.slice(Math.max(0, begin - 1), end + 1), ids)
  for (const [id, one] of reduced) {
    if (!one.hasLeft) reading.readNearest(epochs.slice(0, Math.max(0, begin - 1)).reverse(), id)
    if (!one.hasRight) reading.readNearest(epochs.slice(end + 1), id)
  }
  return named.flatMap(({ metric, id }) => {
    const curve = id !== undefined && reduced.get(id)!.result()
    return curve && curve.x.length > 0 ? { ...metric, ...curve } : []
  })
}

/**
 * Chunks of these curves in these epochs. The loops are nested as written, and the index gives each epoch's chunks in their order:
 * nothing is left to sort. Curves whose numbers follow each other are read in one go, with what lies between them.
 */
function chunksOf(epochs: readonly Placed[], ids: readonly number[]): readonly [from: string, ...values: (string | number)[]] {
  const [least, most] = [Math.min(...ids), Math.max(...ids)]
  const [each, chunk] = ['FROM json_each(?) u', 'CROSS JOIN chunk c INDEXED BY chunk_head ON c.epoch = u.value AND c.series']
  return most - least < 2 * ids.length
    ? [`${each} ${chunk} BETWEEN ? AND ?`, rowList(epochs), least, most]
    : [`${each} CROSS JOIN json_each(?) s ${chunk} = s.value`, rowList(epochs), JSON.stringify(ids)]
}

/**
 * How many points a curve has at most in these epochs, or epochs on the axis of those. Nothing is counted further than it takes to
 * know that there are more than buckets: each chunk holds a point.
 */
function countsOf(db: LocalDatabase, epochs: readonly Placed[], { axis, buckets }: CurvesQuery): (id: number) => number {
  if (axis.of === 'epoch' && epochs.length <= buckets) return () => epochs.length
  const rows = rowList(epochs)
  const chunks = 'chunk c INDEXED BY chunk_head'
  const sql =
    axis.of === 'epoch'
      ? `SELECT count(*) FROM (SELECT 1 FROM json_each(?) u WHERE EXISTS (SELECT 1 FROM ${chunks} WHERE c.epoch = u.value AND c.series = ?) LIMIT ?)`
      : `SELECT sum(n) FROM (SELECT c.n FROM json_each(?) u CROSS JOIN ${chunks} ON c.epoch = u.value AND c.series = ? LIMIT ?)`
  return (id) => db.rows<readonly [number | null]>(sql, rows, id, buckets + 1)[0]![0] ?? 0
}

class Reading {
  readonly #db: LocalDatabase
  readonly #query: CurvesQuery
  readonly #width: number
  readonly #curves: ReadonlyMap<number, Buckets>
  readonly #signal: AbortSignal | undefined
  readonly #opened: string
  /** By axis: curves of an epoch that were logged in the same lines lie at the same places. */
  readonly #shared = new Map<number, Float64Array>()
  #row = 0

  constructor(db: LocalDatabase, query: CurvesQuery, width: number, curves: ReadonlyMap<number, Buckets>, signal: AbortSignal | undefined) {
    this.#db = db
    this.#query = query
    this.#width = width
    this.#curves = curves
    this.#signal = signal
    this.#opened = openedColumns(query.axis.of === 'time')
  }

  read(epochs: readonly Placed[], ids: readonly number[]) {
    // A curve whose points are kept each for itself needs all of them.
    const single = ids.filter((id) => this.#curves.get(id)!.single)
    const reduced = ids.filter((id) => !this.#curves.get(id)!.single)
    for (let from = 0, to = 0; from < epochs.length; from = to) {
      const look = this.#look(epochs[from]!)
      while (to < epochs.length && to - from < TOGETHER && this.#look(epochs[to]!) === look) to++
      const part = new Map(epochs.slice(from, to).map((epoch) => [epoch.row, epoch]))
      const every = this.#query.axis.of === 'epoch'
      if (look === 'edge') this.#readHeads(part, ids, 'edge')
      else if (look === 'points') this.#readPoints(part, ids)
      else {
        this.#readHeads(part, every ? ids : reduced, 'whole')
        if (!every) this.#readPoints(part, single)
      }
    }
  }

  #look = (epoch: Placed): Look => lookAt(epoch, this.#query, this.#width)

  /** Reads a curve in the first of these epochs that it has a point in. */
  readNearest(epochs: readonly Placed[], id: number) {
    if (epochs.length === 0) return
    const [found] = this.#db.rows<readonly [row: number]>(HOLDING, rowList(epochs), id)
    if (found) this.read([epochs.find(({ row }) => row === found[0])!], [id])
  }

  /** Takes all chunks of one curve in one epoch at a time. */
  #readHeads(epochs: ReadonlyMap<number, Placed>, ids: readonly number[], look: 'whole' | 'edge') {
    if (ids.length === 0) return
    checkAborted(this.#signal)
    const wanted = new Set(ids)
    const [from, ...values] = chunksOf([...epochs.values()], ids)
    const heads = this.#db.rows<Head>(`SELECT ${HEAD} ${from}`, ...values)
    for (let begin = 0, end = 0; begin < heads.length; begin = end) {
      const [row, series] = heads[begin]!
      while (heads[end]?.[0] === row && heads[end]![1] === series) end++
      if (!wanted.has(series)) continue
      const [epoch, curve, own] = [epochs.get(row)!, this.#curves.get(series)!, heads.slice(begin, end)]
      if (look === 'edge') this.#edge(epoch, curve, own)
      else this.#whole(epoch, curve, own)
    }
  }

  #readPoints(epochs: ReadonlyMap<number, Placed>, ids: readonly number[]) {
    if (ids.length === 0) return
    const wanted = new Set(ids)
    const [from, ...values] = chunksOf([...epochs.values()], ids)
    for (const chunk of this.#db.each<Opened>(`SELECT ${this.#opened} ${from}`, ...values)) {
      checkAborted(this.#signal)
      if (wanted.has(chunk[1])) this.#points(epochs.get(chunk[0])!, this.#curves.get(chunk[1])!, chunk)
    }
  }

  #points(epoch: Placed, curve: Buckets, chunk: Opened) {
    curve.points(this.#places(epoch, chunk), float64(chunk[10]), epoch.number)
  }

  /** Chunk by chunk: those beyond the range stay closed, but for those that may hold the nearest point. */
  #edge(epoch: Placed, curve: Buckets, heads: readonly Head[]) {
    const [from, to] = this.#query.range
    const beyond: Head[] = []
    let nearest = Number.POSITIVE_INFINITY
    for (const head of heads) {
      const [, , , foreign, , , , last, , , rising] = head
      const [first, end] = this.#reach(epoch, head)
      // Where steps don't rise in a chunk, or it is not known, its header does not tell how far it reaches.
      const exact = rising === 1 && this.#query.axis.of === 'step'
      if (exact && end < from && !foreign) curve.points(Float64Array.of(end), Float64Array.of(last ?? Number.NaN), epoch.number)
      else if (first <= to) this.#points(epoch, curve, this.#open(head))
      else {
        beyond.push(head)
        if (exact) nearest = Math.min(nearest, first)
      }
    }
    for (const head of beyond) if (this.#reach(epoch, head)[0] <= nearest) this.#points(epoch, curve, this.#open(head))
  }

  /** The epoch as one piece. */
  #whole(epoch: Placed, curve: Buckets, heads: readonly Head[]) {
    const { of } = this.#query.axis
    const every = of === 'epoch'
    // Where it begins is not told by headers of steps that don't rise.
    if (of === 'step' && heads.some(([, , , , , , , , , , rising]) => rising !== 1)) {
      for (const head of heads) this.#points(epoch, curve, this.#open(head))
      return
    }
    let first = Number.POSITIVE_INFINITY
    let last = Number.NEGATIVE_INFINITY
    let value = Number.NaN
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    let gap = false
    let points = 0
    let [atLevel, atStep] = [-1, Number.NEGATIVE_INFINITY]
    for (const head of heads) {
      const [, , level, , n, , lastStep, lastValue] = head
      // As everywhere: the last epoch-level value, else that of the highest step, last logged first.
      const step = lastStep ?? Number.POSITIVE_INFINITY
      if (level > atLevel || (level === atLevel && step >= atStep)) {
        atLevel = level
        atStep = step
        value = lastValue ?? Number.NaN
      }
      const [begin, end] = every ? [epoch.number, epoch.number] : this.#reach(epoch, head)
      if (begin < first) first = begin
      if (end > last) last = end
      points += n
      const band = this.#band(head)
      if (band.low < low) low = band.low
      if (band.high > high) high = band.high
      gap ||= band.gap
    }
    curve.piece({ first, last, value, low, high, gap, points: every ? 1 : points, epoch: epoch.number })
  }

  /** Of the values that are numbers. */
  #band(head: Head): { low: number; high: number; gap: boolean } {
    const [, , , , , , , , low, high, , gaps] = head
    if (low === null || high === null) return { low: Infinity, high: -Infinity, gap: true }
    if (gaps !== null && Number.isFinite(low) && Number.isFinite(high)) return { low, high, gap: gaps > 0 }
    const band = { low: Infinity, high: -Infinity, gap: false }
    for (const value of float64(this.#open(head)[10])) {
      if (!Number.isFinite(value)) band.gap = true
      else {
        if (value < band.low) band.low = value
        if (value > band.high) band.high = value
      }
    }
    return band
  }

  /** Where a chunk begins and ends, as far as its header tells. */
  #reach(epoch: Placed, [, , level, foreign, , step0, lastStep, , , , rising]: Head): readonly [first: number, last: number] {
    const { of } = this.#query.axis
    if (foreign || (level === 1 && of === 'step')) return [epoch.last, epoch.last]
    if (of === 'time' || step0 === null || lastStep === null || rising !== 1) return [epoch.first, epoch.last]
    return [inside(epoch, step0), inside(epoch, lastStep)]
  }

  #open(head: Head): Opened {
    checkAborted(this.#signal)
    return this.#db.rows<Opened>(`SELECT ${this.#opened} FROM chunk c WHERE c.id = ?`, head[12])[0]!
  }

  #places(epoch: Placed, [row, , level, foreign, n, step0, step1, axis, ownStep, ownTime]: Opened): Float64Array {
    if (row !== this.#row) this.#shared.clear()
    this.#row = row
    const { of } = this.#query.axis
    if (foreign || (level === 1 && of === 'step')) return new Float64Array(n).fill(epoch.last)
    const known = axis !== null && this.#shared.get(axis)
    if (known) return known
    const [step, time] = axis === null ? [ownStep, ownTime] : this.#axis(axis)
    const places = new Float64Array(n)
    if (of === 'step') unpackSteps(places, 0, n, step0, step1, step)
    else places.set(float64(time!))
    for (let i = 0; i < n; i++) places[i] = inside(epoch, places[i]!)
    if (axis !== null) this.#shared.set(axis, places)
    return places
  }

  #axis(id: number): readonly [step: Uint8Array | null, time: Uint8Array | null] {
    const wanted = this.#query.axis.of === 'time' ? 'NULL, time' : 'step, NULL'
    return this.#db.rows<readonly [Uint8Array | null, Uint8Array | null]>(`SELECT ${wanted} FROM axis WHERE id = ?`, id)[0]!
  }
}

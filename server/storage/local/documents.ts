import type { Envelope, LastValue, MetricName, Points, Scope } from '../ports'
import { AXIS } from './chunks'
import { float64, unpackSteps } from './columns'
import type { LocalDatabase } from './database'

/** Rows of the epoch table that a scope means, in history order. */
export function scopeRows(db: LocalDatabase, scope: Scope): { row: number; id: string; number: number }[] {
  if ('epochIds' in scope)
    return db.all(
      "SELECT e.row, e.id, e.number FROM json_each(?) u CROSS JOIN epoch e ON e.id = u.value AND e.state NOT IN ('refused', 'missing') ORDER BY u.key",
      JSON.stringify(scope.epochIds),
    )
  const committed = scope.segments.flatMap(({ sessionId, from, to }) =>
    db.all<{ row: number; id: string; number: number }>(
      "SELECT row, id, number FROM epoch WHERE session = ? AND state IN ('ok', 'verifying') AND number BETWEEN ? AND ? ORDER BY number",
      sessionId,
      from,
      to,
    ),
  )
  if (scope.open === undefined) return committed
  return [
    ...committed,
    ...db.all<(typeof committed)[number]>("SELECT row, id, number FROM epoch WHERE id = ? AND state = 'open'", scope.open),
  ]
}

export const rowList = (rows: readonly { row: number }[]) => JSON.stringify(rows.map(({ row }) => row))

export function seriesOf(db: LocalDatabase, kind: string, { split, name }: MetricName): number | undefined {
  return db.get<{ id: number }>('SELECT id FROM series WHERE kind = ? AND split = ? AND name = ?', kind, split, name)?.id
}

export function names(db: LocalDatabase, kind: 'metric' | 'sample', scope: Scope): MetricName[] {
  const rows = rowList(scopeRows(db, scope))
  return db
    .all<{ split: string; name: string }>(
      'SELECT split, name FROM series s WHERE kind = ? AND EXISTS (SELECT 1 FROM json_each(?) u CROSS JOIN chunk c ON c.series = s.id AND c.epoch = u.value) ORDER BY split, name',
      kind,
      rows,
    )
    .map(({ split, name }) => ({ split, name }))
}

export function last(db: LocalDatabase, scope: Scope, metrics?: readonly MetricName[]): LastValue[] {
  const epochs = scopeRows(db, scope)
  const ids = new Map(epochs.map(({ row, id }) => [row, id]))
  const wanted = metrics ? metrics.flatMap((metric) => seriesOf(db, 'metric', metric) ?? []) : null
  const series = db.all<{ id: number; split: string; name: string }>(
    "SELECT id, split, name FROM series WHERE kind = 'metric' AND (? IS NULL OR id IN (SELECT value FROM json_each(?)))",
    wanted ? 1 : null,
    JSON.stringify(wanted ?? []),
  )
  const byId = new Map(series.map((one) => [one.id, one]))
  const rows = rowList(epochs)
  // The loops are nested as written, and the index gives each epoch's chunks in the order asked for: nothing is left to sort.
  const sql = `SELECT c.epoch, c.series, c.level, c.last_step, c.last FROM json_each(?) u ${
    wanted ? 'CROSS JOIN json_each(?) s' : ''
  } CROSS JOIN chunk c INDEXED BY chunk_head ON c.epoch = u.value ${wanted ? 'AND c.series = s.value' : ''}`
  const found: LastValue[] = []
  let at: { epoch: number; series: number; level: number; step: number; value: number } | undefined
  const push = () => {
    const metric = at && byId.get(at.series)
    if (at && metric) found.push({ epochId: ids.get(at.epoch)!, split: metric.split, name: metric.name, value: at.value })
  }
  type Head = readonly [epoch: number, series: number, level: number, lastStep: number | null, last: number | null]
  for (const [epoch, one, level, lastStep, value] of db.each<Head>(sql, rows, ...(wanted ? [JSON.stringify(wanted)] : []))) {
    const step = lastStep ?? Number.POSITIVE_INFINITY
    if (at?.epoch !== epoch || at.series !== one) {
      push()
      at = { epoch, series: one, level, step, value: value ?? Number.NaN }
    } else if (level > at.level || (level === at.level && step >= at.step)) {
      at.level = level
      at.step = step
      at.value = value ?? Number.NaN
    }
  }
  push()
  return found
}

/** The highest step of the last epoch that has any; epoch by epoch backwards, because nearly always the last one has. */
export function lastStep(db: LocalDatabase, scope: Scope): number | null {
  const highest = db.prepare(
    "SELECT max(c.last_step) step FROM chunk c JOIN series s ON s.id = c.series AND s.kind = 'metric' WHERE c.epoch = ? AND c.source = ''",
  )
  for (const { row } of scopeRows(db, scope).reverse()) {
    const { step } = highest.get(row) as { step: number | null }
    if (step !== null) return step
  }
  return null
}

export function points(db: LocalDatabase, scope: Scope, metric: MetricName): Points {
  const epochs = scopeRows(db, scope)
  const series = seriesOf(db, 'metric', metric)
  const index = new Map(epochs.map(({ row }, at) => [row, at]))
  const from = 'FROM json_each(?) u CROSS JOIN chunk c INDEXED BY chunk_head ON c.series = ? AND c.epoch = u.value'
  const rows = rowList(epochs)
  const n = series === undefined ? 0 : (db.get<{ n: number | null }>(`SELECT sum(c.n) n ${from}`, rows, series)?.n ?? 0)
  const result: Points = {
    epochIds: epochs.map(({ id }) => id),
    epoch: new Uint32Array(n),
    step: new Float64Array(n),
    value: new Float64Array(n),
    time: new Float64Array(n),
  }
  if (series === undefined) return result
  let at = 0
  type Row = {
    epoch: number
    n: number
    step0: number | null
    step1: number | null
    step: Uint8Array | null
    time: Uint8Array
    val: Uint8Array
  }
  for (const row of db
    .prepare(
      `SELECT c.epoch, c.n, c.step0, c.step1, c.val, ${AXIS} ${from} LEFT JOIN axis a ON a.id = c.axis ORDER BY u.key, c.level, c.source, c.ordinal`,
    )
    .iterate(rows, series) as Iterable<unknown> as Iterable<Row>) {
    result.epoch.fill(index.get(row.epoch)!, at, at + row.n)
    unpackSteps(result.step, at, row.n, row.step0, row.step1, row.step)
    result.value.set(float64(row.val), at)
    result.time.set(float64(row.time), at)
    at += row.n
  }
  return result
}

export function envelope(db: LocalDatabase, scope: Scope, metric: MetricName, buckets: number): Envelope {
  const rows = rowList(scopeRows(db, scope))
  const series = seriesOf(db, 'metric', metric)
  const heads =
    series === undefined
      ? []
      : db.all<{ id: number; n: number; lo: number | null; hi: number | null }>(
          'SELECT c.id, c.n, c.lo, c.hi FROM json_each(?) u CROSS JOIN chunk c INDEXED BY chunk_head ON c.series = ? AND c.epoch = u.value ORDER BY u.key, c.level, c.source, c.ordinal',
          rows,
          series,
        )
  const count = heads.reduce((n, head) => n + head.n, 0)
  const size = Math.min(buckets, count)
  const start = new Float64Array(size).fill(-1)
  const low = new Float64Array(size).fill(Number.POSITIVE_INFINITY)
  const high = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
  const fromHeaders = heads.length >= buckets
  let at = 0
  const put = (bucket: number, position: number, lo: number, hi: number) => {
    if (start[bucket] === -1) start[bucket] = position
    if (lo < low[bucket]!) low[bucket] = lo
    if (hi > high[bucket]!) high[bucket] = hi
  }
  // Whole chunks go to the bucket of their middle: `start` tells where each bucket truly begins.
  if (fromHeaders) {
    for (const head of heads) {
      put(Math.floor(((at + head.n / 2) * size) / count), at, head.lo ?? Number.NaN, head.hi ?? Number.NaN)
      at += head.n
    }
  } else {
    const value = db.prepare('SELECT val FROM chunk WHERE id = ?')
    for (const head of heads) {
      const column = float64((value.get(head.id) as { val: Uint8Array }).val)
      for (let i = 0; i < column.length; i++, at++) put(Math.floor((at * size) / count), at, column[i]!, column[i]!)
    }
  }
  // A bucket without a number (only NaN, or no chunk's middle in it) says so.
  for (let i = 0; i < size; i++) if (low[i]! > high[i]!) low[i] = high[i] = Number.NaN
  return { count, start, low, high }
}

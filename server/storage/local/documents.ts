import type { Envelope, Group, LastValue, MetricName, Points, Scope } from '../ports'
import { bytesOf, float64, header, packSteps, sampleColumn, uint32, unpackSteps } from './columns'
import type { LocalDatabase } from './database'

/** The rows of a line that have a step, or those that have none: an epoch-level value outranks the others. */
interface Rows {
  readonly ordinal: number
  readonly level: 0 | 1
  /** Empty for epoch-level rows. */
  readonly steps: Float64Array
  readonly times: Float64Array
  /** Which rows of the line these are; undefined when they are all. */
  readonly chosen: readonly number[] | undefined
}
interface Part {
  readonly rows: Rows
  readonly values: ArrayLike<number>
}
interface Curve {
  readonly series: number
  readonly epoch: number
  readonly source: string
  readonly level: 0 | 1
  readonly parts: Part[]
}

/** Gathers the document lines of one transaction, so that each curve of each epoch becomes one chunk. */
export class DocumentBatch {
  readonly #db: LocalDatabase
  readonly #curves = new Map<string, Map<number, Curve>>()
  readonly #series = new Map<string, Map<string, number>>()

  constructor(db: LocalDatabase) {
    this.#db = db
  }

  seriesId(kind: 'metric' | 'sample', split: string, name: string): number {
    const key = `${kind} ${split}`
    let known = this.#series.get(key)
    if (!known) this.#series.set(key, (known = new Map()))
    let id = known.get(name)
    if (id === undefined) {
      this.#db.run('INSERT OR IGNORE INTO series(kind, split, name) VALUES(?, ?, ?)', kind, split, name)
      id = this.#db.get<{ id: number }>('SELECT id FROM series WHERE kind = ? AND split = ? AND name = ?', kind, split, name)!.id
      known.set(name, id)
    }
    return id
  }

  metrics(
    epoch: number,
    source: string,
    ordinal: number,
    split: string,
    steps: readonly (number | null)[] | null,
    times: Float64Array,
    values: ReadonlyMap<string, ArrayLike<number>>,
  ) {
    for (const rows of rowsOf(ordinal, steps, times)) {
      const at = `${epoch} ${rows.level} ${source}`
      let curves = this.#curves.get(at)
      if (!curves) this.#curves.set(at, (curves = new Map()))
      for (const [name, column] of values) {
        const series = this.seriesId('metric', split, name)
        let curve = curves.get(series)
        if (!curve) curves.set(series, (curve = { series, epoch, source, level: rows.level, parts: [] }))
        curve.parts.push({ rows, values: rows.chosen ? Float64Array.from(rows.chosen, (row) => column[row]!) : column })
      }
    }
  }

  samples(epoch: number, source: string, ordinal: number, split: string, fields: ReadonlyMap<string, readonly unknown[]>) {
    for (const [name, values] of fields) insertSamples(this.#db, this.seriesId('sample', split, name), epoch, source, ordinal, values)
  }

  /** Writes what was gathered; call it inside the transaction. */
  flush() {
    // The metrics of one line share its steps and times, and mostly come in the same lines.
    let last: Shared | undefined
    for (const curves of this.#curves.values()) {
      for (const { series, epoch, source, level, parts } of curves.values()) {
        if (!last || !isOf(last, parts)) last = shared(parts.map(({ rows }) => rows))
        insertPoints(this.#db, series, epoch, level, source, last, concat(parts.map(({ values }) => values)))
      }
    }
    this.#curves.clear()
  }
}

function rowsOf(ordinal: number, steps: readonly (number | null)[] | null, times: Float64Array): Rows[] {
  const none = new Float64Array(0)
  if (times.length === 0) return []
  if (steps === null) return [{ ordinal, level: 1, steps: none, times, chosen: undefined }]
  if (!steps.includes(null)) {
    const column = new Float64Array(steps.length)
    for (let i = 0; i < column.length; i++) column[i] = steps[i]!
    return [{ ordinal, level: 0, steps: column, times, chosen: undefined }]
  }
  return ([0, 1] as const).flatMap((level) => {
    const chosen = steps.flatMap((step, row) => ((step === null) === (level === 1) ? [row] : []))
    if (chosen.length === 0) return []
    return [
      {
        ordinal,
        level,
        steps: level === 0 ? Float64Array.from(chosen, (row) => steps[row]!) : none,
        times: Float64Array.from(chosen, (row) => times[row]!),
        chosen,
      },
    ]
  })
}

/** What curves that were logged in the same lines have in common. */
interface Shared {
  readonly rows: readonly Rows[]
  readonly ordinal: number
  readonly steps: Float64Array
  readonly packedSteps: Uint8Array | null
  readonly times: Float64Array
}

function shared(rows: readonly Rows[]): Shared {
  const steps = concat(rows.map((one) => one.steps))
  return {
    rows,
    ordinal: rows[0]!.ordinal,
    steps,
    packedSteps: steps.length ? packSteps(steps) : null,
    times: concat(rows.map(({ times }) => times)),
  }
}

const isOf = ({ rows }: Shared, parts: readonly Part[]) => rows.length === parts.length && rows.every((one, i) => one === parts[i]!.rows)

function concat(arrays: readonly ArrayLike<number>[]): Float64Array {
  if (arrays.length === 1 && arrays[0] instanceof Float64Array) return arrays[0]
  const whole = new Float64Array(arrays.reduce((n, array) => n + array.length, 0))
  let at = 0
  for (const array of arrays) {
    whole.set(array, at)
    at += array.length
  }
  return whole
}

const INSERT =
  'INSERT INTO chunk(series, epoch, level, source, ordinal, n, step0, step1, last_step, last, lo, hi, step, val, extra) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'

function insertPoints(
  db: LocalDatabase,
  series: number,
  epoch: number,
  level: 0 | 1,
  source: string,
  { ordinal, steps, packedSteps, times }: Omit<Shared, 'rows'>,
  values: Float64Array,
) {
  const stepped = level === 0
  const head = header(values, stepped ? steps : null)
  db.run(
    INSERT,
    series,
    epoch,
    level,
    source,
    ordinal,
    values.length,
    stepped ? steps[0]! : null,
    stepped ? steps[steps.length - 1]! : null,
    head.lastStep,
    Number.isNaN(head.last) ? null : head.last,
    head.low,
    head.high,
    stepped ? packedSteps : null,
    bytesOf(values),
    bytesOf(times),
  )
}

function insertSamples(db: LocalDatabase, series: number, epoch: number, source: string, ordinal: number, values: readonly unknown[]) {
  const column = sampleColumn(values)
  if ('numbers' in column)
    db.run(
      INSERT,
      series,
      epoch,
      0,
      source,
      ordinal,
      values.length,
      null,
      null,
      null,
      null,
      null,
      null,
      column.nulls,
      bytesOf(column.numbers),
      null,
    )
  else
    db.run(
      INSERT,
      series,
      epoch,
      0,
      source,
      ordinal,
      values.length,
      null,
      null,
      null,
      null,
      null,
      null,
      null,
      bytesOf(column.codes),
      Buffer.from(JSON.stringify(column.dictionary)),
    )
}

interface ChunkRow {
  readonly id: number
  readonly epoch: number
  readonly level: 0 | 1
  readonly source: string
  readonly ordinal: number
  readonly n: number
  readonly step0: number | null
  readonly step1: number | null
  readonly step: Uint8Array | null
  readonly val: Uint8Array
  readonly extra: Uint8Array | null
}

/** Merges the small chunks of a committed epoch's curves. Readers do not care when or whether this runs. */
export function seal(db: LocalDatabase, epoch: number) {
  const many = db.all<{ series: number; level: 0 | 1; source: string }>(
    "SELECT c.series, c.level, c.source FROM chunk c JOIN series s ON s.id = c.series WHERE c.epoch = ? AND s.kind = 'metric' GROUP BY c.series, c.level, c.source HAVING count(*) > 1",
    epoch,
  )
  for (const { series, level, source } of many) {
    const rows = db.all<ChunkRow>(
      'SELECT * FROM chunk WHERE series = ? AND epoch = ? AND level = ? AND source = ? AND n < 8192 ORDER BY ordinal, id',
      series,
      epoch,
      level,
      source,
    )
    if (rows.length < 2) continue
    const steps = new Float64Array(level === 0 ? rows.reduce((n, row) => n + row.n, 0) : 0)
    let at = 0
    for (const row of rows) {
      if (level === 0) unpackSteps(steps, at, row.n, row.step0, row.step1, row.step)
      at += row.n
    }
    const times = concat(rows.map(({ extra }) => float64(extra!)))
    const values = concat(rows.map(({ val }) => float64(val)))
    for (const row of rows) db.run('DELETE FROM chunk WHERE id = ?', row.id)
    insertPoints(
      db,
      series,
      epoch,
      level,
      source,
      { ordinal: rows[0]!.ordinal, steps, packedSteps: level === 0 ? packSteps(steps) : null, times },
      values,
    )
  }
}

/** Rows of the epoch table that a scope means, in history order. */
export function scopeRows(db: LocalDatabase, scope: Scope): { row: number; id: string }[] {
  if ('epochIds' in scope)
    return db.all(
      "SELECT e.row, e.id FROM json_each(?) u CROSS JOIN epoch e ON e.id = u.value AND e.state NOT IN ('refused', 'missing') ORDER BY u.key",
      JSON.stringify(scope.epochIds),
    )
  return scope.segments.flatMap(({ sessionId, from, to }) =>
    db.all<{ row: number; id: string }>(
      "SELECT row, id FROM epoch WHERE session = ? AND state IN ('ok', 'verifying') AND number BETWEEN ? AND ? ORDER BY number",
      sessionId,
      from,
      to,
    ),
  )
}

const rowList = (rows: readonly { row: number }[]) => JSON.stringify(rows.map(({ row }) => row))

function seriesOf(db: LocalDatabase, kind: string, { split, name }: MetricName): number | undefined {
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
  for (const row of db
    .prepare(`SELECT c.epoch, c.n, c.step0, c.step1, c.step, c.val, c.extra ${from} ORDER BY u.key, c.level, c.source, c.ordinal`)
    .iterate(rows, series) as Iterable<unknown> as Iterable<ChunkRow>) {
    result.epoch.fill(index.get(row.epoch)!, at, at + row.n)
    unpackSteps(result.step, at, row.n, row.step0, row.step1, row.step)
    result.value.set(float64(row.val), at)
    if (row.extra) result.time.set(float64(row.extra), at)
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

export function groupBy(db: LocalDatabase, scope: Scope, split: string, by: string, field: string): Group[] {
  const byId = seriesOf(db, 'sample', { split, name: by })
  const fieldId = seriesOf(db, 'sample', { split, name: field })
  if (byId === undefined || fieldId === undefined) return []
  const groups = new Map<unknown, { count: number; sum: number; min: number; max: number }>()
  const sql =
    'SELECT g.val gv, g.step gn, g.extra gd, v.val vv, v.step vn, v.extra vd FROM json_each(?) u CROSS JOIN chunk g INDEXED BY chunk_head ON g.series = ? AND g.epoch = u.value CROSS JOIN chunk v INDEXED BY chunk_head ON v.series = ? AND v.epoch = g.epoch AND v.level = 0 AND v.source = g.source AND v.ordinal = g.ordinal ORDER BY u.key, g.source, g.ordinal'
  type Row = { gv: Uint8Array; gn: Uint8Array | null; gd: Uint8Array | null; vv: Uint8Array; vn: Uint8Array | null; vd: Uint8Array | null }
  for (const row of db.prepare(sql).iterate(rowList(scopeRows(db, scope)), byId, fieldId) as Iterable<unknown> as Iterable<Row>) {
    if (row.vd) continue // not numbers
    const values = float64(row.vv)
    const dictionary = row.gd ? (JSON.parse(Buffer.from(row.gd).toString()) as unknown[]) : null
    const keys = dictionary ? uint32(row.gv) : float64(row.gv)
    for (let i = 0; i < values.length; i++) {
      if (row.vn?.[i]) continue
      const raw = keys[i]!
      const key = dictionary ? dictionaryKey(dictionary[raw]) : row.gn?.[i] ? null : raw
      let group = groups.get(key)
      if (!group) groups.set(key, (group = { count: 0, sum: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }))
      const value = values[i]!
      group.count++
      group.sum += value
      if (value < group.min) group.min = value
      if (value > group.max) group.max = value
    }
  }
  return [...groups].map(([group, { count, sum, min, max }]) => ({
    group: group as Group['group'],
    count,
    mean: sum / count,
    min: min > max ? Number.NaN : min,
    max: min > max ? Number.NaN : max,
  }))
}

const dictionaryKey = (value: unknown) => (typeof value === 'object' && value !== null ? JSON.stringify(value) : value)

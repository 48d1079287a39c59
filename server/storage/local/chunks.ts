import { bytesOf, extent, float64, header, packSteps, sampleColumn, unpackSteps } from './columns'
import type { LocalDatabase } from './database'

/** Steps and times of curves that were logged in the same lines; they are stored once. */
export interface Axis {
  /** Empty for epoch-level values. */
  readonly steps: Float64Array
  readonly times: Float64Array
}

/** A piece of one curve of one epoch. */
export interface Piece {
  readonly series: number
  readonly epoch: number
  readonly level: 0 | 1
  readonly source: string
  /** Of the first of its lines. */
  readonly ordinal: number
  readonly values: Float64Array
}

/** The columns of a chunk's axis, its own or the one it shares; `c` is the chunk, `a` its axis. */
export const AXIS = 'coalesce(a.step, c.step) step, coalesce(a.time, c.extra) time'

const INSERT =
  'INSERT INTO chunk(series, epoch, level, source, ordinal, n, step0, step1, last_step, last, lo, hi, step, val, extra, axis, rising, gaps) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'

const INSERT_SAMPLES = 'INSERT INTO chunk(series, epoch, level, source, ordinal, n, step, val, extra) VALUES(?, ?, 0, ?, ?, ?, ?, ?, ?)'

/** Writes the curves that have one axis in common. */
export function insertCurves(db: LocalDatabase, { steps, times }: Axis, pieces: readonly Piece[]) {
  const stepped = steps.length > 0
  const step = stepped ? packSteps(steps) : null
  const time = bytesOf(times)
  const insert = db.prepare(INSERT)
  const stepsExtent = stepped ? extent(steps) : null
  spread(db, pieces[0]!, stepsExtent, extent(times))
  // A single curve keeps its axis with itself.
  const axis = pieces.length > 1 ? Number(db.prepare('INSERT INTO axis(step, time) VALUES(?, ?)').run(step, time).lastInsertRowid) : null
  for (const { series, epoch, level, source, ordinal, values } of pieces) {
    const head = header(values, stepped ? steps : null)
    insert.run(
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
      axis === null ? step : null,
      bytesOf(values),
      axis === null ? time : null,
      axis,
      stepsExtent ? Number(stepsExtent.rising) : 1,
      head.gaps,
    )
  }
}

type Extent = Pick<ReturnType<typeof extent>, 'least' | 'most'>

/** An epoch takes up what its own journal logged in it; what another logs later has no place of its own on the axes. */
function spread(db: LocalDatabase, { epoch, source }: Piece, steps: Extent | null, times: Extent) {
  if (source !== '') return
  db.run(
    `UPDATE epoch SET first_step = coalesce(min(first_step, ?1), first_step, ?1), last_step = coalesce(max(last_step, ?2), last_step, ?2),
      first_time = coalesce(min(first_time, ?3), ?3), last_time = coalesce(max(last_time, ?4), ?4) WHERE row = ?5`,
    steps?.least ?? null,
    steps?.most ?? null,
    times.least,
    times.most,
    epoch,
  )
}

export function insertSamples(
  db: LocalDatabase,
  { series, epoch, source, ordinal }: Omit<Piece, 'values' | 'level'>,
  values: readonly unknown[],
) {
  const column = sampleColumn(values)
  const [step, val, extra] =
    'numbers' in column
      ? [column.nulls, bytesOf(column.numbers), null]
      : [null, bytesOf(column.codes), Buffer.from(JSON.stringify(column.dictionary))]
  db.prepare(INSERT_SAMPLES).run(series, epoch, source, ordinal, values.length, step, val, extra)
}

/** Chunks as long as this are left as they are. */
const LONG = 8192

interface Head {
  readonly id: number
  readonly series: number
  readonly level: 0 | 1
  readonly source: string
  readonly ordinal: number
  readonly n: number
}

/** Merges the small chunks of an epoch's curves. Readers do not care when or whether this runs. */
export function seal(db: LocalDatabase, epoch: number) {
  const heads = db.all<Head>(
    "SELECT c.id, c.series, c.level, c.source, c.ordinal, c.n FROM chunk c JOIN series s ON s.id = c.series AND s.kind = 'metric' WHERE c.epoch = ? ORDER BY c.series, c.level, c.source, c.ordinal, c.id",
    epoch,
  )
  const loaded = runs(heads).map((run) => load(db, epoch, run))
  if (loaded.length === 0) return
  const alike = new Map<string, { readonly rows: readonly ChunkRow[]; readonly pieces: Piece[] }>()
  for (const { axes, rows, piece } of loaded) {
    const one = alike.get(axes)
    if (one) one.pieces.push(piece)
    else alike.set(axes, { rows, pieces: [piece] })
  }
  for (const { rows, pieces } of alike.values()) insertCurves(db, joinAxes(rows), pieces)
  const before = loaded.flatMap(({ rows }) => rows)
  db.run('DELETE FROM chunk WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify(before.map(({ id }) => id)))
  db.run(
    'DELETE FROM axis WHERE id IN (SELECT value FROM json_each(?)) AND id NOT IN (SELECT axis FROM chunk WHERE epoch = ? AND axis IS NOT NULL)',
    JSON.stringify([...new Set(before.flatMap(({ axis }) => axis ?? []))]),
    epoch,
  )
}

/** Small chunks that follow each other in one curve. What lies between two of them keeps them apart, or points would change places. */
function runs(heads: readonly Head[]): Head[][] {
  const found: Head[][] = []
  let run: Head[] = []
  for (const head of heads) {
    const last = run.at(-1)
    const follows = last?.series === head.series && last.level === head.level && last.source === head.source
    if (!follows || head.n >= LONG) run = []
    if (head.n >= LONG) continue
    run.push(head)
    if (run.length === 2) found.push(run)
  }
  return found
}

interface ChunkRow {
  readonly id: number
  readonly axis: number | null
  readonly n: number
  readonly step0: number | null
  readonly step1: number | null
  readonly step: Uint8Array | null
  readonly time: Uint8Array
  readonly val: Uint8Array
}

function load(db: LocalDatabase, epoch: number, run: readonly Head[]) {
  const rows = run.map(({ id }) =>
    db.get<ChunkRow>(
      `SELECT c.id, c.axis, c.n, c.step0, c.step1, c.val, ${AXIS} FROM chunk c LEFT JOIN axis a ON a.id = c.axis WHERE c.id = ?`,
      id,
    )!,
  )
  const { series, level, source, ordinal } = run[0]!
  const piece: Piece = { series, epoch, level, source, ordinal, values: concat(rows.map(({ val }) => float64(val))) }
  return { rows, piece, axes: rows.map(({ id, axis }) => axis ?? `of ${id}`).join(' ') }
}

function joinAxes(rows: readonly ChunkRow[]): Axis {
  const stepped = rows[0]!.step0 !== null
  const steps = new Float64Array(stepped ? rows.reduce((n, row) => n + row.n, 0) : 0)
  let at = 0
  if (stepped)
    for (const { n, step0, step1, step } of rows) {
      unpackSteps(steps, at, n, step0, step1, step)
      at += n
    }
  return { steps, times: concat(rows.map(({ time }) => float64(time))) }
}

function concat(arrays: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(arrays.reduce((n, array) => n + array.length, 0))
  let at = 0
  for (const array of arrays) {
    whole.set(array, at)
    at += array.length
  }
  return whole
}

/** Bytes that the documents of these epochs take. */
export function documentBytes(db: LocalDatabase, epochs: readonly number[]): number {
  const rows = JSON.stringify(epochs)
  return (
    db.get<{ n: number }>(
      `SELECT (SELECT coalesce(sum(length(val) + coalesce(length(extra), 0) + coalesce(length(step), 0)), 0) FROM chunk WHERE epoch IN (SELECT value FROM json_each(?1)))
        + (SELECT coalesce(sum(length(time) + coalesce(length(step), 0)), 0) FROM axis WHERE id IN (SELECT axis FROM chunk WHERE epoch IN (SELECT value FROM json_each(?1)))) n`,
      rows,
    )?.n ?? 0
  )
}

export function removeDocuments(db: LocalDatabase, epochs: readonly number[]) {
  const rows = JSON.stringify(epochs)
  // An axis belongs to chunks of one epoch only.
  db.run('DELETE FROM axis WHERE id IN (SELECT axis FROM chunk WHERE epoch IN (SELECT value FROM json_each(?)))', rows)
  db.run('DELETE FROM chunk WHERE epoch IN (SELECT value FROM json_each(?))', rows)
}

/** All that an evaluation's run brought, so that it can be read anew. */
export function removeSource(db: LocalDatabase, source: string) {
  db.transaction(() => {
    const from = 'FROM chunk WHERE epoch IN (SELECT epoch FROM lines WHERE source = ?1) AND source = ?1'
    db.run(`DELETE FROM axis WHERE id IN (SELECT axis ${from})`, source)
    db.run(`DELETE ${from}`, source)
    db.run('DELETE FROM lines WHERE source = ?', source)
    for (const table of ['place', 'problem']) db.run(`DELETE FROM ${table} WHERE session = ?`, source)
    db.run('DELETE FROM session WHERE id = ?', source)
  })
}

import type { DocumentColumns } from '../team/ports'
import { AXIS } from './chunks'
import { float64, uint32, unpackSteps } from './columns'
import type { LocalDatabase } from './database'

/** Rows of a curve that are handed on at once. */
const MOST_ROWS = 65_536

/** An epoch as its documents name it; of one that an evaluation logged for, its trainer may be elsewhere. */
export interface HandedEpoch {
  readonly id: string
  readonly sessionId: string
  readonly number: number
}
type Of = { readonly epochId: string; readonly sessionId: string; readonly number: number; readonly source: string }

const rowOf = (db: LocalDatabase, epochId: string) => db.get<{ row: number }>('SELECT row FROM epoch WHERE id = ?', epochId)?.row

/** Who logged documents for an epoch: its own journal, whose name is empty, and evaluations. */
export function sourcesOf(db: LocalDatabase, epochId: string): string[] {
  const row = rowOf(db, epochId)
  if (row === undefined) return []
  return db.rows<readonly [string]>('SELECT DISTINCT source FROM chunk WHERE epoch = ? ORDER BY source', row).map(([source]) => source)
}

/**
 * What one source logged in an epoch, as a team's store takes it: curve by curve, then line of samples by line. Where a row stands among its like
 * depends on the journal alone, so that another machine or another time gives each document the same identity. A chunk is held at a time, and
 * nothing stays open in the store while whoever asks is busy with one.
 */
export function* documentsOf(db: LocalDatabase, { id: epochId, sessionId, number }: HandedEpoch, source = ''): Generator<DocumentColumns> {
  const row = rowOf(db, epochId)
  if (row === undefined) return
  const of = { epochId, sessionId, number, source }
  type Curve = readonly [series: number, split: string, name: string, level: 0 | 1]
  const curves = db.rows<Curve>(
    `SELECT DISTINCT s.id, s.split, s.name, c.level FROM chunk c INDEXED BY chunk_head JOIN series s ON s.id = c.series AND s.kind = 'metric'
      WHERE c.epoch = ? AND c.source = ? ORDER BY s.split, s.name, c.level`,
    row,
    source,
  )
  for (const [series, split, name, level] of curves) yield* curve(db, { row, series, split, name, level }, of)
  yield* samples(db, row, of)
}

interface Place {
  readonly row: number
  readonly series: number
  readonly split: string
  readonly name: string
  readonly level: 0 | 1
}
interface ChunkRow {
  readonly n: number
  readonly step0: number | null
  readonly step1: number | null
  readonly step: Uint8Array | null
  readonly time: Uint8Array
  readonly val: Uint8Array
}

function* curve(db: LocalDatabase, { row, series, split, name, level }: Place, of: Of): Generator<DocumentColumns> {
  let done = 0
  // Chunks that an evaluation's reader merges meanwhile are looked for again, behind the rows that are over.
  for (let whole = false; !whole;) {
    whole = true
    let end = 0
    for (const [id, n] of db.rows<readonly [number, number]>(
      'SELECT id, n FROM chunk INDEXED BY chunk_head WHERE epoch = ? AND series = ? AND level = ? AND source = ? ORDER BY ordinal, id',
      row,
      series,
      level,
      of.source,
    )) {
      const begin = end
      end += n
      if (end <= done) continue
      const chunk = db.get<ChunkRow>(
        `SELECT c.n, c.step0, c.step1, c.val, ${AXIS} FROM chunk c LEFT JOIN axis a ON a.id = c.axis WHERE c.id = ? AND c.epoch = ? AND c.series = ? AND c.n = ?`,
        id,
        row,
        series,
        n,
      )
      if (!chunk) {
        whole = false
        break
      }
      const steps = level === 1 ? null : new Float64Array(n)
      if (steps) unpackSteps(steps, 0, n, chunk.step0, chunk.step1, chunk.step)
      const values = float64(chunk.val)
      const times = float64(chunk.time)
      for (let from = done - begin; from < n; from += MOST_ROWS) {
        const to = Math.min(n, from + MOST_ROWS)
        yield {
          kind: 'metric',
          ...of,
          split,
          name,
          level,
          from: begin + from,
          steps: steps && steps.subarray(from, to),
          values: values.subarray(from, to),
          times: times.subarray(from, to),
        }
      }
      done = end
    }
  }
}

function* samples(db: LocalDatabase, row: number, of: Of): Generator<DocumentColumns> {
  type Line = readonly [ordinal: number, split: string]
  for (const [ordinal, split] of db.rows<Line>(
    `SELECT DISTINCT c.ordinal, s.split FROM chunk c INDEXED BY chunk_head JOIN series s ON s.id = c.series AND s.kind = 'sample'
      WHERE c.epoch = ? AND c.source = ? AND c.n > 0 ORDER BY c.ordinal`,
    row,
    of.source,
  )) {
    const fields = new Map<string, readonly unknown[]>()
    type Column = readonly [name: string, val: Uint8Array, nulls: Uint8Array | null, dictionary: Uint8Array | null]
    // In the order in which they were logged.
    for (const [name, val, nulls, dictionary] of db.rows<Column>(
      `SELECT s.name, c.val, c.step, c.extra FROM chunk c JOIN series s ON s.id = c.series AND s.kind = 'sample'
        WHERE c.epoch = ? AND c.source = ? AND c.ordinal = ? ORDER BY c.id`,
      row,
      of.source,
      ordinal,
    ))
      fields.set(name, dictionary ? listed(uint32(val), dictionary) : numbers(float64(val), nulls))
    if (fields.size > 0) yield { kind: 'samples', ...of, split, ordinal, from: 0, fields }
  }
}

function listed(codes: Uint32Array, dictionary: Uint8Array): unknown[] {
  const values = JSON.parse(Buffer.from(dictionary).toString()) as unknown[]
  return Array.from(codes, (code) => values[code])
}

const numbers = (column: Float64Array, nulls: Uint8Array | null): unknown[] =>
  Array.from(column, (value, i) => (nulls?.[i] ? null : Number.isFinite(value) ? value : String(value)))

/** How many documents a source has in an epoch, without reading them. */
export function documentCount(db: LocalDatabase, epochId: string, source = ''): number {
  const row = rowOf(db, epochId)
  if (row === undefined) return 0
  return db.get<{ n: number }>(
    `SELECT coalesce(sum(n), 0) n FROM (
      SELECT c.n n FROM chunk c INDEXED BY chunk_head JOIN series s ON s.id = c.series WHERE c.epoch = ?1 AND c.source = ?2 AND s.kind = 'metric'
      UNION ALL SELECT max(c.n) FROM chunk c INDEXED BY chunk_head JOIN series s ON s.id = c.series WHERE c.epoch = ?1 AND c.source = ?2 AND s.kind = 'sample' GROUP BY c.ordinal)`,
    row,
    source,
  )!.n
}

import { gunzipSync } from 'node:zlib'
import type { JsonObject, ModelGraph } from '../../protocol/model'
import type { Attempt, EpochRecord, FileRecord, Problem, Scope, Segment, SessionRecord } from '../ports'
import type { LocalDatabase } from './database'
import { history as lineage, type History } from '../../tracking/lineage'
import { scopeRows } from './documents'

interface SessionRow {
  id: string
  name: string | null
  model: string
  created: number
  key: string | null
  fork_session: string | null
  fork_epoch: string | null
  fork_number: number | null
  overrides: string
  command: string | null
  tags: string
  selected: string | null
  selected_number: number | null
  origin: string | null
  origin_number: number | null
  deleted: number | null
  attempt: string | null
  finished: string | null
  own: number
  latest: string | null
  latest_number: number | null
  open: string | null
  open_number: number | null
  problems: number
}

/** The selected epoch and the one it was forked from come along, so that ten thousand sessions are one query. */
const SELECT = `SELECT s.*, chosen.number selected_number, origin.session origin, origin.number origin_number FROM session s
  LEFT JOIN epoch chosen ON chosen.id = s.selected AND chosen.state IN ('ok', 'verifying')
  LEFT JOIN epoch origin ON origin.id = s.fork_epoch AND origin.state IN ('ok', 'verifying')`

const parse = <Value>(text: string | null): Value | null => (text === null ? null : (JSON.parse(text) as Value))

function record(row: SessionRow): SessionRecord {
  const { fork_session: sessionId, fork_epoch: epochId, fork_number: epochNumber } = row
  return {
    id: row.id,
    name: row.name ?? row.id,
    modelName: row.model,
    createdAt: row.created,
    forkedFrom: sessionId !== null && epochId !== null && epochNumber !== null ? { sessionId, epochId, epochNumber } : null,
    key: row.key,
    overrides: parse<JsonObject>(row.overrides) ?? {},
    command: parse<JsonObject>(row.command),
    tags: parse<string[]>(row.tags) ?? [],
    forkPoint: row.origin !== null && row.origin_number !== null ? { sessionId: row.origin, number: row.origin_number } : null,
    selected: row.selected !== null && row.selected_number !== null ? { id: row.selected, number: row.selected_number } : null,
    deletedAt: row.deleted,
    attempt: parse<Attempt>(row.attempt),
    finished: parse<NonNullable<SessionRecord['finished']>>(row.finished),
    own: row.own,
    latest: row.latest !== null && row.latest_number !== null ? { id: row.latest, number: row.latest_number } : null,
    open: row.open !== null && row.open_number !== null ? { id: row.open, number: row.open_number } : null,
    problems: row.problems,
  }
}

/** Evaluations have run folders of their own but are not models, so they are never listed. */
export function sessions(db: LocalDatabase, options: { readonly deleted?: boolean } = {}): SessionRecord[] {
  return db
    .all<SessionRow>(`${SELECT} WHERE s.evaluates IS NULL ${options.deleted ? '' : 'AND s.deleted IS NULL'} ORDER BY s.created, s.id`)
    .map(record)
}

export function session(db: LocalDatabase, id: string): SessionRecord | undefined {
  const row = db.get<SessionRow>(`${SELECT} WHERE s.id = ?`, id)
  return row && record(row)
}

export function sessionByName(db: LocalDatabase, name: string): SessionRecord | undefined {
  const row = db.get<SessionRow>(`${SELECT} WHERE s.name = ? AND s.evaluates IS NULL`, name.normalize('NFC'))
  return row && record(row)
}

export function forks(db: LocalDatabase, epochId: string): SessionRecord[] {
  return db
    .all<SessionRow>(`${SELECT} WHERE s.fork_epoch = ? AND s.deleted IS NULL AND s.evaluates IS NULL ORDER BY s.created, s.id`, epochId)
    .map(record)
}

export function history(db: LocalDatabase, sessionId: string): History {
  return lineage(sessionId, { session: (id) => session(db, id), epochOwner: (id) => epoch(db, id) })
}

interface EpochRow {
  id: string
  session: string
  number: number
  state: 'ok' | 'verifying'
  graph: string | null
  weights: string | null
  optimizer_state: string | null
  pruned: number
  released: number
  committed: number | null
}

const epochRecord = (row: EpochRow): EpochRecord => ({
  id: row.id,
  sessionId: row.session,
  number: row.number,
  state: row.state,
  graphHash: row.graph,
  weights: parse<FileRecord>(row.weights),
  optimizerState: parse<FileRecord>(row.optimizer_state),
  released: row.released === 1,
  pruned: row.pruned === 1,
  time: row.committed,
})

export function epoch(db: LocalDatabase, id: string): EpochRecord | undefined {
  const row = db.get<EpochRow>("SELECT * FROM epoch WHERE id = ? AND state IN ('ok', 'verifying')", id)
  return row && epochRecord(row)
}

/** Committed epochs only, in history order. */
export function epochs(db: LocalDatabase, scope: Scope): EpochRecord[] {
  const rows = JSON.stringify(scopeRows(db, scope).map(({ row }) => row))
  return db
    .all<EpochRow>(
      "SELECT e.* FROM json_each(?) u CROSS JOIN epoch e ON e.row = u.value WHERE e.state IN ('ok', 'verifying') ORDER BY u.key",
      rows,
    )
    .map(epochRecord)
}

export function count(db: LocalDatabase, segments: readonly Segment[]): number {
  return segments.reduce(
    (n, { sessionId, from, to }) =>
      n +
      db.get<{ n: number }>(
        "SELECT count(*) n FROM epoch WHERE session = ? AND state IN ('ok', 'verifying') AND number BETWEEN ? AND ?",
        sessionId,
        from,
        to,
      )!.n,
    0,
  )
}

export function graph(db: LocalDatabase, hash: string): ModelGraph | undefined {
  const row = db.get<{ body: Uint8Array }>('SELECT body FROM graph WHERE hash = ?', hash)
  return row && (JSON.parse(gunzipSync(row.body).toString()) as ModelGraph)
}

export function problems(db: LocalDatabase, sessionId?: string): Problem[] {
  return db
    .all<{ session: string; file: string; line: number; message: string }>(
      'SELECT * FROM problem WHERE ?1 IS NULL OR session = ?1 ORDER BY session, file, line',
      sessionId ?? null,
    )
    .map(({ session, file, line, message }) => ({ sessionId: session, file, line: line || null, message }))
}

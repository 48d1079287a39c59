import type { GraphSummary, JsonObject, ModelGraph } from '../../protocol/model'
import type {
  Attempt,
  Changes,
  Engine,
  EpochPage,
  EpochRecord,
  FileRecord,
  Problem,
  Scope,
  Segment,
  SessionName,
  SessionOverview,
  SessionRecord,
  StoreVersion,
} from '../ports'
import type { LocalDatabase } from './database'
import { history as lineage, type History } from '../../tracking/lineage'
import { summarize } from '../../tracking/graph'
import { scopeRows } from './documents'

type Text = string | null
type Count = number | null
/** Columns as `OVERVIEW` names them. Arrays, because ten thousand objects of named columns take twice the time. */
type OverviewRow = readonly [
  id: string,
  name: Text,
  model: string,
  created: number,
  key: Text,
  forkSession: Text,
  forkEpoch: Text,
  forkNumber: Count,
  tags: string,
  selected: Text,
  selectedNumber: Count,
  origin: Text,
  originNumber: Count,
  deleted: Count,
  started: 0 | 1,
  engine: Text,
  finished: Text,
  own: number,
  latest: Text,
  latestNumber: Count,
  open: Text,
  openNumber: Count,
  problems: number,
  handed: number,
  pulledBy: Text,
  staysHere: 0 | 1,
]
type SessionRow = readonly [...OverviewRow, overrides: string, command: Text, attempt: Text]

/** The selected epoch and the one it was forked from come along, so that ten thousand sessions are one query. */
const OVERVIEW = `s.id, s.name, s.model, s.created, s.key, s.fork_session, s.fork_epoch, s.fork_number, s.tags, s.selected, chosen.number selected_number,
  origin.session origin, origin.number origin_number, s.deleted, s.attempt IS NOT NULL started, CASE WHEN s.finished IS NULL THEN s.attempt END engine, s.finished,
  s.own, s.latest, s.latest_number, s.open, s.open_number, s.problems, s.handed,
  CASE WHEN s.pulled IS NOT NULL THEN json_extract(s.pulled, '$.by') END pulled_by, s.pulled IS NOT NULL AND json_extract(s.pulled, '$.team') IS coalesce((SELECT identity FROM team), json_extract(s.pulled, '$.team'))
  OR s.deleted IS NOT NULL AND s.handed < s.own AND s.id NOT IN (SELECT fork_session FROM session WHERE fork_session IS NOT NULL AND deleted IS NULL AND id <> fork_session) stays_here`
const FROM = `FROM session s
  LEFT JOIN epoch chosen ON chosen.id = s.selected AND chosen.state IN ('ok', 'verifying')
  LEFT JOIN epoch origin ON origin.id = s.fork_epoch AND origin.state IN ('ok', 'verifying')`

const parse = <Value>(text: string | null): Value | null => (text === null ? null : (JSON.parse(text) as Value))
const NO_TAGS: readonly string[] = []

const numbered = (id: Text, number: Count) => (id !== null && number !== null ? { id, number } : null)

function overview(db: LocalDatabase, row: OverviewRow | SessionRow): SessionOverview {
  const [
    id,
    name,
    modelName,
    createdAt,
    key,
    sessionId,
    epochId,
    epochNumber,
    tags,
    selected,
    selectedNumber,
    origin,
    originNumber,
    deletedAt,
  ] = row
  const [
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    ,
    started,
    engine,
    finished,
    own,
    latest,
    latestNumber,
    open,
    openNumber,
    problems,
    handed,
    by,
    staysHere,
  ] = row
  return {
    id,
    name: name ?? id,
    modelName,
    createdAt,
    forkedFrom: sessionId !== null && epochId !== null && epochNumber !== null ? { sessionId, epochId, epochNumber } : null,
    key,
    tags: tags === '[]' ? NO_TAGS : (JSON.parse(tags) as string[]),
    forkPoint: origin !== null && originNumber !== null ? { sessionId: origin, number: originNumber } : null,
    selected: numbered(selected, selectedNumber),
    deletedAt,
    started: started === 1,
    engine: parse<Engine>(engine),
    finished: parse<NonNullable<SessionOverview['finished']>>(finished),
    own,
    latest: numbered(latest, latestNumber),
    open: numbered(open, openNumber),
    problems,
    // What was brought here from the same team others have from its trainer; what is deleted and no fork needs is handed on to nobody.
    ...(db.hasTeam ? { team: { elsewhere: false, by, waiting: staysHere ? 0 : Math.max(0, own - handed), aliveUntil: null } } : {}),
  }
}

function record(db: LocalDatabase, row: SessionRow): SessionRecord {
  const [overrides, command, attempt] = row.slice(-3) as unknown as readonly [string, Text, Text]
  return {
    ...overview(db, row),
    overrides: parse<JsonObject>(overrides) ?? {},
    command: parse<JsonObject>(command),
    attempt: parse<Attempt>(attempt),
  }
}

/** Evaluations have run folders of their own but are not models, so they are never listed. */
export function sessions(
  db: LocalDatabase,
  options: { readonly deleted?: boolean; readonly ids?: readonly string[] } = {},
): SessionOverview[] {
  const { deleted, ids } = options
  const chosen = ids ? 'AND s.id IN (SELECT value FROM json_each(?))' : ''
  return (
    db
      .rows<OverviewRow>(
        `SELECT ${OVERVIEW} ${FROM} WHERE s.evaluates IS NULL ${deleted ? '' : 'AND s.deleted IS NULL'} ${chosen} ORDER BY s.id`,
        ...(ids ? [JSON.stringify(ids)] : []),
      )
      .map((row) => overview(db, row))
      // Ids begin with the time, so they are nearly in this order already, and SQLite would sort them all.
      .sort((a, b) => a.createdAt - b.createdAt)
  )
}

export function names(db: LocalDatabase): SessionName[] {
  return db
    .rows<readonly [string, Text]>('SELECT id, name FROM session WHERE evaluates IS NULL ORDER BY created, id')
    .map(([id, name]) => ({ id, name: name ?? id }))
}

export function changes(db: LocalDatabase, since?: StoreVersion): Changes {
  const store = db.get<{ id: string }>('SELECT id FROM identity')!.id
  const known = since?.store === store ? since.version : 0
  const rows = db.all<{ version: number; session: string }>('SELECT version, session FROM change WHERE version > ? ORDER BY version', known)
  return {
    at: { store, version: rows.at(-1)?.version ?? known },
    sessionIds: rows.map(({ session: id }) => id),
    all: since?.store !== store,
  }
}

export function session(db: LocalDatabase, id: string): SessionRecord | undefined {
  const [row] = db.rows<SessionRow>(`SELECT ${OVERVIEW}, s.overrides, s.command, s.attempt ${FROM} WHERE s.id = ?`, id)
  return row && record(db, row)
}

export function sessionByName(db: LocalDatabase, name: string): SessionRecord | undefined {
  const [row] = db.rows<SessionRow>(
    `SELECT ${OVERVIEW}, s.overrides, s.command, s.attempt ${FROM} WHERE s.name = ? AND s.evaluates IS NULL`,
    name.normalize('NFC'),
  )
  return row && record(db, row)
}

export function forks(db: LocalDatabase, epochId: string): SessionRecord[] {
  return db
    .rows<SessionRow>(
      `SELECT ${OVERVIEW}, s.overrides, s.command, s.attempt ${FROM} WHERE s.fork_epoch = ? AND s.deleted IS NULL AND s.evaluates IS NULL ORDER BY s.created, s.id`,
      epochId,
    )
    .map((row) => record(db, row))
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

/** Newest first, from the last segment back; segments that lie before the page are only counted. */
export function page(db: LocalDatabase, { segments }: History, { offset, limit, pruned }: EpochPage): EpochRecord[] {
  const found: EpochRecord[] = []
  const wanted = `session = ? AND state IN ('ok', 'verifying') AND number BETWEEN ? AND ?${pruned ? ' AND pruned = 1' : ''}`
  let before = offset
  for (const { sessionId, from, to } of segments.toReversed()) {
    const rows = db.all<EpochRow>(
      `SELECT * FROM epoch INDEXED BY ${pruned ? 'epoch_pruned' : 'epoch_history'} WHERE ${wanted} ORDER BY number DESC LIMIT ? OFFSET ?`,
      sessionId,
      from,
      to,
      limit - found.length,
      before,
    )
    found.push(...rows.map(epochRecord))
    if (found.length === limit) break
    if (before > 0 && rows.length === 0)
      before -= db.get<{ n: number }>(`SELECT count(*) n FROM epoch WHERE ${wanted}`, sessionId, from, to)!.n
    else before = 0
  }
  return found
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
  // Loaded when a graph is asked for: a list of sessions unpacks none.
  return row && (JSON.parse(process.getBuiltinModule('node:zlib').gunzipSync(row.body).toString()) as ModelGraph)
}

export function graphSummary(db: LocalDatabase, hash: string): GraphSummary | undefined {
  const row = db.get<{ summary: string | null }>('SELECT summary FROM graph WHERE hash = ?', hash)
  if (row?.summary) return JSON.parse(row.summary) as GraphSummary
  // Stored before summaries were.
  const found = row && graph(db, hash)
  return found && summarize(found)
}

export function problems(db: LocalDatabase, sessionId?: string): Problem[] {
  return db
    .all<{ session: string; file: string; line: number; message: string }>(
      'SELECT * FROM problem WHERE ?1 IS NULL OR session = ?1 ORDER BY session, file, line',
      sessionId ?? null,
    )
    .map(({ session, file, line, message }) => ({ sessionId: session, file, line: line || null, message }))
}

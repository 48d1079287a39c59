import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { processGone } from '../../journal/liveness'
import { signature } from '../../journal/runFiles'
import type { EpochRecord, SessionRecord } from '../ports'
import type { Agreed, Noted } from '../team/decisions'
import type { LocalDatabase } from './database'
import { documentCount } from './handOn'
import { epoch as epochOf, session as sessionOf, sessions as sessionsOf } from './sessions'

/** How far an epoch was handed on, as the store notes it. */
export const step = { weights: 1, graph: 2, documents: 3, visible: 4 } as const

/** The team that the notes are about; undefined before the first. */
export const notedTeam = (db: LocalDatabase): string | undefined => db.get<{ identity: string }>('SELECT identity FROM team')?.identity

/** Notes another team: what was noted about the one before says nothing about it. */
export function noteTeam(db: LocalDatabase, identity: string) {
  db.transaction(() => {
    db.run('DELETE FROM team')
    db.run('INSERT INTO team(identity) VALUES(?)', identity)
    db.run('UPDATE epoch SET team = NULL WHERE team IS NOT NULL')
    db.run('UPDATE lines SET team = 0 WHERE team <> 0')
    db.run('UPDATE session SET team = NULL, handed = 0, handed_last = 0 WHERE team IS NOT NULL OR handed <> 0')
  })
}

/** What was handed on of these sessions, or of all, is to be handed on once more: the servers may have lost it. What they have is passed over then. */
export function forgetHanded(db: LocalDatabase, sessions: readonly string[] | undefined) {
  const some = sessions ? 'IN (SELECT value FROM json_each(?))' : 'IS NOT ?'
  const given = sessions ? JSON.stringify(sessions) : null
  db.transaction(() => {
    db.run(`UPDATE lines SET team = 0 WHERE team <> 0 AND epoch IN (SELECT row FROM epoch WHERE session ${some})`, given)
    db.run(`UPDATE epoch SET team = NULL WHERE team IS NOT NULL AND session ${some}`, given)
    db.run(`UPDATE session SET handed = 0, handed_last = 0 WHERE handed <> 0 AND id ${some}`, given)
  })
}

/** Beyond this no lease is believed: its clock was wrong. */
const LONGEST_LEASE_SECONDS = 3600

/** Names this process, for as long as it lives, to whoever comes after it. */
export const newHolder = () => `${process.pid}@${hostname()} ${randomBytes(8).toString('hex')}`

/** Whether whoever held a lease is gone without leaving it. */
function isGone(holder: string): boolean {
  const [, pid, host] = /^(\d+)@(.*) [0-9a-f]+$/.exec(holder) ?? []
  return host === hostname() && processGone(Number(pid))
}

/** One process at a time for a folder; false where another has it. Taken again before the seconds are over. */
export function takeLease(db: LocalDatabase, name: string, holder: string, seconds: number, now = Date.now() / 1000): boolean {
  const before = db.get<{ holder: string }>('SELECT holder FROM lease WHERE name = ?', name)?.holder
  const gone = before !== undefined && before !== holder && isGone(before) ? before : null
  return (
    db.run(
      `INSERT INTO lease(name, holder, until) VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE lease.holder = excluded.holder OR lease.holder IS ?6 OR lease.until < ?4 OR lease.until > ?5`,
      name,
      holder,
      now + seconds,
      now,
      now + LONGEST_LEASE_SECONDS,
      gone,
    ) > 0
  )
}

export const leaveLease = (db: LocalDatabase, name: string, holder: string) =>
  db.run('DELETE FROM lease WHERE name = ? AND holder = ?', name, holder)

/** What is known here of a session that a team is told of. */
export interface Told extends Noted {
  readonly record: SessionRecord
  /** What it is called here where the team's name for it is another session's. */
  readonly alias: string | null
  /** Of one that was brought here: from which team. */
  readonly pulledFrom: string | null
  /** What the team was told last, as a hash; null where it was told nothing yet. */
  readonly told: string | null
}

type ToldRow = readonly [name: string | null, selected: string | null, marks: string, pulled: string | null, team: string | null]

export function toldOf(db: LocalDatabase, id: string, identity: string): Told | undefined {
  const record = sessionOf(db, id)
  const [row] = db.rows<ToldRow>('SELECT name, selected, marks, pulled, team FROM session WHERE id = ? AND evaluates IS NULL', id)
  if (!record || !row || row[0] === null) return undefined
  const [name, selected, text, pulled, team] = row
  const marks = JSON.parse(text) as Agreed & {
    readonly agreed?: (Agreed & { readonly team: string; readonly alias?: string | null }) | null
    readonly made?: readonly string[]
  }
  const noted = marks.agreed?.team === identity ? marks.agreed : undefined
  const before: Agreed = noted ? { name: noted.name!, selected: noted.selected!, tags: noted.tags!, deleted: noted.deleted! } : {}
  const alias = noted && noted.alias === name ? name : null
  return {
    record,
    decisions: { name: alias === null ? name : noted!.name!, selected, tags: record.tags, deleted: record.deletedAt },
    before,
    made: marks.made ?? [],
    decided: new Set((['name', 'selected', 'tags', 'deleted'] as const).filter((field) => marks[field] !== undefined)),
    alias,
    pulledFrom: pulled === null ? null : (JSON.parse(pulled) as { team: string }).team,
    told: team === null ? null : (JSON.parse(team) as { told: string }).told,
  }
}

export const noteTold = (db: LocalDatabase, id: string, told: string) =>
  db.run('UPDATE session SET team = ? WHERE id = ?', JSON.stringify({ told }), id)

/** It is told anew, and what the team has of it is looked at. */
export const forgetTold = (db: LocalDatabase, id: string) => db.run('UPDATE session SET team = NULL WHERE id = ?', id)

/** How many epochs of sessions the team was given. */
export const handedOf = (db: LocalDatabase, sessions: readonly string[]): ReadonlyMap<string, number> =>
  new Map(
    db.rows<readonly [string, number]>(
      'SELECT s.id, s.handed FROM json_each(?) u CROSS JOIN session s ON s.id = u.value',
      JSON.stringify(sessions),
    ),
  )

/** Whether a session that is not deleted starts in it. */
export const isNeeded = (db: LocalDatabase, id: string): boolean =>
  db.get('SELECT 1 FROM session WHERE fork_session = ? AND deleted IS NULL AND id <> fork_session LIMIT 1', id) !== undefined

/** Epochs that the team shows, as far as it is noted. */
export const visibleOf = (db: LocalDatabase, id: string): string[] =>
  ids(db, `SELECT id FROM epoch WHERE session = ? AND team = ${step.visible}`, id)

/**
 * Epochs that the team turned out to show: as after the store was built anew, or where another copy of the folder was handed on. Those that were noted
 * before it was asked, and that it does not show, are handed on anew.
 */
export function noteKnown(db: LocalDatabase, id: string, known: readonly string[], noted: readonly string[]) {
  const shown = new Set(known)
  db.transaction(() => {
    db.run(
      'UPDATE epoch SET team = NULL WHERE session = ? AND id IN (SELECT value FROM json_each(?))',
      id,
      JSON.stringify(noted.filter((epoch) => !shown.has(epoch))),
    )
    db.run(
      `UPDATE epoch SET team = ${step.visible} WHERE session = ? AND state = 'ok' AND id IN (SELECT value FROM json_each(?))`,
      id,
      JSON.stringify(known),
    )
    db.run(
      `UPDATE session SET (handed, handed_last) = (SELECT count(*), coalesce(max(number), 0) FROM epoch WHERE session = ?1 AND team = ${step.visible}) WHERE id = ?1`,
      id,
    )
  })
}

export interface NextEpoch {
  readonly row: number
  readonly epoch: EpochRecord
  readonly begun: number | null
  readonly started: number | null
  readonly documents: number
  readonly step: number
}
interface NextRow {
  readonly row: number
  readonly id: string
  readonly number: number
  readonly state: 'ok' | 'verifying'
  readonly begun: number | null
  readonly started: number | null
  readonly team: number | null
}

/** So long an epoch whose file is missing holds up those after it: a copy of a run may bring its journal before its files. */
const MISSING_SECONDS = 3600

/**
 * The next epochs of a session that others can't see, in order, up to one that is not ready; at most so many, and only the first of more documents or bytes.
 * One that came late, after the numbers that others see, is none of them.
 */
export function nextEpochs(
  db: LocalDatabase,
  sessionId: string,
  most: { readonly epochs: number; readonly documents: number; readonly bytes: number },
  now = Date.now() / 1000,
): readonly NextEpoch[] {
  const last = db.get<{ last: number }>('SELECT handed_last last FROM session WHERE id = ?', sessionId)?.last ?? 0
  const [missing] = db.rows<readonly [number]>(
    "SELECT number FROM epoch WHERE session = ? AND state = 'missing' AND number > ? AND committed > ? ORDER BY number LIMIT 1",
    sessionId,
    last,
    now - MISSING_SECONDS,
  )
  const found: NextEpoch[] = []
  let [documents, bytes] = [0, 0]
  for (const { row, id, number, state, begun, started, team } of db.all<NextRow>(
    "SELECT row, id, number, state, begun, started, team FROM epoch WHERE session = ? AND state IN ('ok', 'verifying') AND number > ? ORDER BY number LIMIT ?",
    sessionId,
    last,
    most.epochs,
  )) {
    if (state !== 'ok' || (missing && missing[0] < number)) break
    const epoch = epochOf(db, id)!
    const count = documentCount(db, id)
    documents += count
    bytes += (epoch.weights?.bytes ?? 0) + (epoch.optimizerState?.bytes ?? 0)
    if (found.length > 0 && (documents > most.documents || bytes > most.bytes)) break
    found.push({ row, epoch, begun, started, documents: count, step: team ?? 0 })
  }
  return found
}

/** Epochs that became whole only after later ones were handed on. */
export const lateEpochs = (db: LocalDatabase, sessionId: string): number[] =>
  db
    .rows<readonly [number]>(
      `SELECT number FROM epoch WHERE session = ?1 AND state = 'ok' AND team IS NOT ${step.visible} AND number <= (SELECT handed_last FROM session WHERE id = ?1) ORDER BY number LIMIT 10`,
      sessionId,
    )
    .map(([number]) => number)

export const noteStep = (db: LocalDatabase, rows: readonly number[], to: number) =>
  db.run('UPDATE epoch SET team = ?1 WHERE row IN (SELECT value FROM json_each(?2)) AND coalesce(team, 0) < ?1', to, JSON.stringify(rows))

/** Others see it from now on. */
export function noteVisible(db: LocalDatabase, sessionId: string, row: number, number: number) {
  db.transaction(() => {
    if (db.run(`UPDATE epoch SET team = ${step.visible} WHERE row = ? AND team IS NOT ${step.visible}`, row) > 0)
      db.run('UPDATE session SET handed = handed + 1, handed_last = max(handed_last, ?) WHERE id = ?', number, sessionId)
  })
}

/** Documents of an epoch that came with an evaluation, and are not all handed on. */
export interface Evaluated {
  readonly source: string
  readonly row: number
  readonly epoch: { readonly id: string; readonly sessionId: string; readonly number: number }
  /** Lines of them that are stored. */
  readonly stored: number
  /** False while others can't see the epoch itself yet. */
  readonly ready: boolean
}

export function nextEvaluated(db: LocalDatabase, source: string): Evaluated | undefined {
  type Row = readonly [
    row: number,
    id: string,
    session: string | null,
    number: number | null,
    stored: number,
    evaluates: string,
    team: number | null,
  ]
  const [found] = db.rows<Row>(
    `SELECT e.row, e.id, e.session, e.number, l.stored, s.evaluates, e.team FROM lines l JOIN session s ON s.id = l.source AND s.evaluates IS NOT NULL
      JOIN epoch e ON e.row = l.epoch WHERE l.source = ? AND l.stored > l.team AND s.pulled IS NULL LIMIT 1`,
    source,
  )
  if (!found) return undefined
  const [row, id, session, number, stored, evaluates, team] = found
  const named = JSON.parse(evaluates) as { sessionId: string; epochNumber: number }
  const here = session !== null && number !== null
  return {
    source,
    row,
    epoch: { id, sessionId: session ?? named.sessionId, number: number ?? named.epochNumber },
    stored,
    ready: !here || team === step.visible || db.get('SELECT 1 FROM session WHERE id = ? AND pulled IS NOT NULL', session) !== undefined,
  }
}

export const noteEvaluated = (db: LocalDatabase, source: string, row: number, stored: number) =>
  db.run('UPDATE lines SET team = max(team, ?) WHERE source = ? AND epoch = ?', stored, source, row)

// ---- whose turn it is

export const allSessions = (db: LocalDatabase): string[] => ids(db, 'SELECT id FROM session')

const ids = (db: LocalDatabase, sql: string, ...values: string[]): string[] => db.rows<readonly [string]>(sql, ...values).map(([id]) => id)

/** Runs that evaluated epochs of these sessions. */
export const evaluationsOf = (db: LocalDatabase, sessions: readonly string[]): string[] =>
  ids(
    db,
    "SELECT id FROM session WHERE evaluates IS NOT NULL AND json_extract(evaluates, '$.sessionId') IN (SELECT value FROM json_each(?))",
    JSON.stringify(sessions),
  )

/** Sessions that start at one of the epochs, and that the team was told of. */
export const forksOf = (db: LocalDatabase, epochs: readonly string[]): string[] =>
  ids(db, 'SELECT s.id FROM json_each(?) u CROSS JOIN session s ON s.fork_epoch = u.value WHERE s.team IS NOT NULL', JSON.stringify(epochs))

/** Those of the sessions with epochs that others can't see, and evaluations. */
export const withSomethingToHandOn = (db: LocalDatabase, sessions: readonly string[]): string[] =>
  ids(
    db,
    'SELECT s.id FROM json_each(?) u CROSS JOIN session s ON s.id = u.value WHERE s.own > s.handed OR s.evaluates IS NOT NULL',
    JSON.stringify(sessions),
  )

/** Which of the sessions are here, evaluations aside. */
export const hereOf = (db: LocalDatabase, sessions: readonly string[]): string[] =>
  ids(
    db,
    'SELECT s.id FROM json_each(?) u CROSS JOIN session s ON s.id = u.value WHERE s.evaluates IS NULL AND s.name IS NOT NULL',
    JSON.stringify(sessions),
  )

/** Sessions whose engine has not said how it ended. */
export function unended(db: LocalDatabase) {
  const open = ids(db, 'SELECT id FROM session WHERE evaluates IS NULL AND pulled IS NULL AND attempt IS NOT NULL AND finished IS NULL')
  return open.length === 0 ? [] : sessionsOf(db, { deleted: true, ids: open })
}

/** Whether all that a session's journal holds now was read. */
export const isRead = (db: LocalDatabase, id: string, run: string): boolean =>
  (db.get<{ signature: string }>('SELECT signature FROM place WHERE session = ?', id)?.signature ?? '') ===
  signature(join(run, 'journal.jsonl'))

/** Epochs of the sessions that others can't see and are to see. */
export const waiting = (db: LocalDatabase, sessions: readonly string[]): number =>
  db.get<{ n: number }>(
    `SELECT coalesce(sum(max(0, s.own - s.handed)), 0) n FROM json_each(?) u CROSS JOIN session s ON s.id = u.value
      WHERE s.evaluates IS NULL AND (s.pulled IS NULL OR json_extract(s.pulled, '$.team') IS NOT coalesce((SELECT identity FROM team), json_extract(s.pulled, '$.team')))
        AND (s.deleted IS NULL OR EXISTS (SELECT 1 FROM session f WHERE f.fork_session = s.id AND f.deleted IS NULL AND f.id <> s.id))`,
    JSON.stringify(sessions),
  )!.n

/** What stands in the way where nothing went wrong. */
export function whyWaiting(db: LocalDatabase, id: string): string {
  const states = new Set(ids(db, "SELECT DISTINCT state FROM epoch WHERE session = ? AND state IN ('verifying', 'missing')", id))
  if (states.has('verifying')) return 'Its weights are still being verified: `epochtree ingest` finishes it.'
  if (states.has('missing')) return 'A file that a commit names is missing.'
  return 'It went on meanwhile.'
}

/** Whether others see an epoch, or it is none of this folder's. */
export function isThere(db: LocalDatabase, epochId: string): boolean {
  const [row] = db.rows<readonly [string | null, number | null, string | null]>(
    'SELECT e.session, e.team, s.pulled FROM epoch e LEFT JOIN session s ON s.id = e.session WHERE e.id = ?',
    epochId,
  )
  return !row || row[0] === null || row[1] === step.visible || row[2] !== null
}

/** The session of an epoch that others will see soon, but don't yet. */
export function onItsWay(db: LocalDatabase, epochId: string, identity: string): string | undefined {
  const [row] = db.rows<readonly [string]>(
    `SELECT s.id FROM epoch e JOIN session s ON s.id = e.session WHERE e.id = ?1 AND e.state IN ('ok', 'verifying') AND e.team IS NOT ${step.visible}
      AND e.number > s.handed_last AND (s.pulled IS NULL OR json_extract(s.pulled, '$.team') IS NOT ?2)`,
    epochId,
    identity,
  )
  return row?.[0]
}

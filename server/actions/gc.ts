import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { statusOf } from '../journal/liveness'
import { mark } from '../journal/marks'
import { nameFile } from '../journal/names'
import { folders, readText, removeQuietly } from '../journal/runFiles'
import { recountHanded, summarizeSession } from '../journal/summary'
import type { CollectedJson } from '../protocol/model'
import { documentBytes, removeDocuments } from '../storage/local/chunks'
import type { LocalDatabase } from '../storage/local/database'
import * as documents from '../storage/local/documents'
import { step } from '../storage/local/handing'
import * as stored from '../storage/local/sessions'
import type { EpochRecord, SessionOverview } from '../storage/ports'
import { best } from '../tracking/best'
import { type Freed, freedBytes } from './freed'
import type { Keep } from './keep'

const YOUNG_SECONDS = 3600
const LARGEST_NAME_FILE = 1024 * 1024

export interface GcOptions {
  readonly dryRun?: boolean | undefined
  readonly keep?: Keep | undefined
  /** Files younger than this are spared: someone may be about to name them. */
  readonly youngSeconds?: number
}

type Item = CollectedJson['items'][number]

/** One run of gc. */
interface Sweep {
  readonly db: LocalDatabase
  readonly dir: string
  readonly dryRun: boolean
  readonly youngSeconds: number
  readonly all: readonly SessionOverview[]
  readonly items: Item[]
  readonly freed: Freed
  /** Rows of epochs whose weights are let go of in this run. */
  readonly gone: Set<number>
  /** Sessions whose run folder goes as a whole. */
  readonly removed: Set<string>
}

/** Takes away what nothing reaches any more. Each step is a small transaction that looks again before it removes. */
export function collect(
  db: LocalDatabase,
  dir: string,
  { dryRun = false, keep, youngSeconds = YOUNG_SECONDS }: GcOptions = {},
): CollectedJson {
  const all = stored.sessions(db, { deleted: true })
  const items: Item[] = []
  const sweep: Sweep = { db, dir, dryRun, youngSeconds, all, items, freed: freedBytes(), gone: new Set(), removed: new Set() }
  sweepAll(sweep, keep)
  if (!dryRun) db.db.exec('PRAGMA incremental_vacuum')
  return { items, bytes: sum(items), dryRun }
}

const sum = (items: readonly Item[]) => items.reduce((all, { bytes }) => all + bytes, 0)

function sweepAll(sweep: Sweep, keep?: Keep): readonly Item[] {
  const { all, items } = sweep
  for (const session of all) if (session.deletedAt !== null) collectDeleted(sweep, session)
  for (const session of all) if (session.deletedAt === null) discardUncommitted(sweep, session)
  if (keep) release(sweep, keep)
  sweepWeights(sweep)
  sweepLeftovers(sweep)
  return items
}

/** What `collect` would free if a session were deleted, beyond what it would free anyway. Nothing is written. */
export function deletable(db: LocalDatabase, dir: string, sessionId: string): { readonly bytes: number; readonly young: number } {
  const freed = (deleted: string | undefined, youngSeconds: number) => {
    const all = stored.sessions(db, { deleted: true }).map((one) => (one.id === deleted ? { ...one, deletedAt: one.deletedAt ?? 0 } : one))
    return sum(sweepAll({ db, dir, dryRun: true, youngSeconds, all, items: [], freed: freedBytes(), gone: new Set(), removed: new Set() }))
  }
  const bytes = freed(sessionId, 0) - freed(undefined, 0)
  // What a dead writer left in the session's folder goes with it at once, and would have gone anyway.
  return { bytes, young: Math.max(0, bytes - (freed(sessionId, YOUNG_SECONDS) - freed(undefined, YOUNG_SECONDS))) }
}

/** The highest own epoch of a session that a session which stays has inherited; undefined when none has. */
function neededUpTo(db: LocalDatabase, sessionId: string, all: readonly SessionOverview[]): number | undefined {
  const needed = all
    .filter(({ id, deletedAt }) => id !== sessionId && deletedAt === null && stored.session(db, id)?.deletedAt === null)
    .flatMap(({ id }) => stored.history(db, id).segments.flatMap((segment) => (segment.sessionId === sessionId ? segment.to : [])))
  return needed.length ? needed.reduce((a, b) => Math.max(a, b)) : undefined
}

/** Sessions whose deletion a team was not told of yet: without them nobody could tell it, and there they would stay. */
export const untold = (db: LocalDatabase, sessionId?: string): { readonly name: string }[] =>
  db.hasTeam
    ? db.all<{ name: string }>(
        `SELECT name FROM session WHERE ${sessionId === undefined ? '' : 'id = ? AND'} deleted IS NOT NULL AND team IS NOT NULL AND pulled IS NULL
          AND json_extract(marks, '$.agreed.deleted') IS NULL`,
        ...(sessionId === undefined ? [] : [sessionId]),
      )
    : []

function collectDeleted({ db, dir, dryRun, all, items, freed, gone, removed }: Sweep, session: SessionOverview) {
  const { run: runOf } = folders(dir)
  if (statusOf(session, runOf) === 'running' || untold(db, session.id).length > 0) return
  const run = runOf(session.id)
  const documentsFreed = db.transaction(() => {
    // Looked at again under the lock: it may have been restored, or forked, since.
    if (!dryRun && stored.session(db, session.id)?.deletedAt == null) return undefined
    const upTo = neededUpTo(db, session.id, all)
    const rows = db
      .all<{ row: number }>(
        'SELECT row FROM epoch WHERE session = ? AND (number > ? OR state NOT IN (?, ?))',
        session.id,
        upTo ?? 0,
        'ok',
        'verifying',
      )
      .map(({ row }) => row)
    for (const row of rows) gone.add(row)
    const bytes = documentBytes(db, rows)
    if (!dryRun) {
      removeDocuments(db, rows)
      if (upTo === undefined) {
        for (const table of ['epoch', 'place']) db.run(`DELETE FROM ${table} WHERE session = ?`, session.id)
        for (const table of ['problem', 'session'])
          db.run(`DELETE FROM ${table} WHERE ${table === 'session' ? 'id' : 'session'} = ?`, session.id)
        db.run('DELETE FROM lines WHERE source = ?', session.id)
      } else {
        db.run(
          "UPDATE epoch SET state = 'discarded', weights_sha = NULL, state_sha = NULL WHERE row IN (SELECT value FROM json_each(?))",
          JSON.stringify(rows),
        )
        summarizeSession(db, session.id)
        recountHanded(db, session.id)
      }
    }
    const line = db.get<{ line: number }>('SELECT line FROM place WHERE session = ?', session.id)?.line ?? 0
    return { bytes, upTo, line, epochs: rows.length }
  })
  if (!documentsFreed) return
  const { bytes, upTo, line, epochs } = documentsFreed
  if (upTo === undefined) {
    items.push({ kind: 'session', what: session.name, bytes: bytes + freed(run) + freed(nameFile(dir, session.name)) })
    removed.add(session.id)
    if (!dryRun) {
      rmSync(run, { recursive: true, force: true })
      removeQuietly(nameFile(dir, session.name))
    }
  } else if (epochs > 0) {
    items.push({ kind: 'epochs', what: `${session.name}: epochs after ${upTo}, which no fork needs`, bytes })
    if (!dryRun) mark(db, dir, session.id, { collected: upTo, collectedLine: line })
  }
}

function discardUncommitted({ db, dir, dryRun, items }: Sweep, session: SessionOverview) {
  const running = statusOf(session, folders(dir).run) === 'running'
  const states = running ? "('abandoned', 'refused', 'damaged')" : "('abandoned', 'refused', 'damaged', 'open')"
  const found = db.all<{ row: number; id: string }>(
    `SELECT row, id FROM epoch WHERE session = ? AND state IN ${states} AND EXISTS (SELECT 1 FROM chunk WHERE chunk.epoch = epoch.row)`,
    session.id,
  )
  if (!found.length) return
  const rows = found.map(({ row }) => row)
  items.push({
    kind: 'documents',
    what: `${session.name}: ${found.length} epochs that were never committed`,
    bytes: documentBytes(db, rows),
  })
  if (dryRun) return
  const before = db.get<{ marks: string }>('SELECT marks FROM session WHERE id = ?', session.id)?.marks ?? '{}'
  const { discarded = [] } = JSON.parse(before) as { discarded?: string[] }
  mark(db, dir, session.id, { discarded: [...new Set([...discarded, ...found.map(({ id }) => id)])] })
  db.transaction(() => {
    removeDocuments(db, rows)
    db.run(
      "UPDATE epoch SET state = 'discarded' WHERE state IN ('abandoned', 'open') AND row IN (SELECT value FROM json_each(?))",
      JSON.stringify(rows),
    )
    summarizeSession(db, session.id)
  })
}

/** What each model's whole history holds to be kept: the best epoch may be one that it inherited. */
function keptEpochs(db: LocalDatabase, all: readonly SessionOverview[], keep: Keep): ReadonlySet<string> {
  const kept = new Set<string>()
  for (const session of all) {
    if (session.deletedAt !== null) continue
    const { forkedFrom, latest, selected } = session
    const newest = latest?.id ?? forkedFrom?.epochId
    if (keep.latest && newest) kept.add(newest)
    if (keep.selected && selected) kept.add(selected.id)
    if (keep.forks && forkedFrom) kept.add(forkedFrom.epochId)
    if (!keep.best.length) continue
    const epochs = stored.epochs(db, stored.history(db, session.id))
    const numbers = new Map(epochs.map(({ id, number }) => [id, number]))
    for (const { metric, direction } of keep.best) {
      const values = documents.last(db, { epochIds: [...numbers.keys()] }, [metric])
      const found = best(
        values.map(({ epochId, value }) => ({ epochId, number: numbers.get(epochId)!, value })),
        direction,
      )
      if (found) kept.add(found.epochId)
    }
  }
  return kept
}

/** Epochs whose weights a team does not have yet: let go of here, they would be nowhere. */
export const unbrought = (db: LocalDatabase, sessionId?: string): string[] =>
  db.hasTeam
    ? db
        .all<{ id: string }>(
          `SELECT epoch.id FROM epoch JOIN session ON session.id = epoch.session
            WHERE ${sessionId === undefined ? '' : 'session.id = ? AND'} pulled IS NULL AND deleted IS NULL AND weights IS NOT NULL AND released = 0
              AND coalesce(epoch.team, 0) < ?`,
          ...(sessionId === undefined ? [] : [sessionId]),
          step.weights,
        )
        .map(({ id }) => id)
    : []

function release({ db, dir, dryRun, all, items, gone }: Sweep, keep: Keep) {
  const kept = keptEpochs(db, all, keep)
  for (const session of all) {
    if (session.deletedAt !== null || statusOf(session, folders(dir).run) === 'running') continue
    const own = stored.epochs(db, { segments: [{ sessionId: session.id, from: 1, to: Number.MAX_SAFE_INTEGER }] })
    // Nothing that a resume starts from is ever let go of.
    const last = session.finished?.status === 'completed' ? undefined : own.findLast(({ weights, released }) => weights && !released)
    const waiting = new Set(unbrought(db, session.id))
    const stays = ({ id, number }: EpochRecord) =>
      kept.has(id) || id === last?.id || waiting.has(id) || (keep.every !== undefined && number % keep.every === 0)
    const letGo = own.filter((epoch) => epoch.weights && !epoch.released && !stays(epoch))
    if (!letGo.length) continue
    for (const { id } of letGo) gone.add(db.get<{ row: number }>('SELECT row FROM epoch WHERE id = ?', id)!.row)
    items.push({
      kind: 'epochs',
      what: `${session.name}: weights of ${letGo.length === 1 ? '1 epoch' : `${letGo.length} epochs`}`,
      bytes: 0,
    })
    if (dryRun) continue
    const before = db.get<{ marks: string }>('SELECT marks FROM session WHERE id = ?', session.id)?.marks ?? '{}'
    const { released = [] } = JSON.parse(before) as { released?: string[] }
    mark(db, dir, session.id, { released: [...new Set([...released, ...letGo.map(({ id }) => id)])] })
  }
}

function sweepWeights({ db, dir, dryRun, items, gone, youngSeconds, freed }: Sweep) {
  const { weights } = folders(dir)
  if (!existsSync(weights)) return
  for (const shelf of readdirSync(weights)) {
    if (!/^[0-9a-f]{2}$/.test(shelf)) continue
    for (const sha of readdirSync(join(weights, shelf))) {
      const path = join(weights, shelf, sha)
      const reached = () =>
        db
          .all<{ row: number }>(
            "SELECT row FROM epoch WHERE (weights_sha = ?1 OR state_sha = ?1) AND released = 0 AND state IN ('ok', 'verifying', 'missing', 'open')",
            sha,
          )
          .some(({ row }) => !gone.has(row))
      const stat = statSync(path, { throwIfNoEntry: false })
      if (!stat || isYoung(stat, youngSeconds) || reached()) continue
      const remove = () => {
        items.push({ kind: 'weights', what: sha, bytes: freed(path) })
        if (!dryRun) removeQuietly(path)
      }
      if (dryRun) remove()
      else db.transaction(() => reached() || remove())
    }
  }
}

const isYoung = ({ mtimeMs }: { readonly mtimeMs: number }, seconds: number) => Date.now() - mtimeMs < seconds * 1000

/** What dead writers left behind: half-made run folders, temporary files, weights of epochs that never committed. */
function sweepLeftovers({ db, dir, dryRun, items, youngSeconds, freed, removed }: Sweep) {
  const { runs, run: runOf } = folders(dir)
  const remove = (path: string) => {
    items.push({ kind: 'leftover', what: path.slice(dir.length + 1), bytes: freed(path) })
    if (!dryRun) rmSync(path, { recursive: true, force: true })
  }
  for (const id of existsSync(runs) ? readdirSync(runs) : []) {
    const run = join(runs, id)
    const stat = statSync(run, { throwIfNoEntry: false })
    if (!stat?.isDirectory() || !/^[0-9a-f]{24}$/.test(id) || removed.has(id)) continue
    if (!existsSync(join(run, 'session.json'))) {
      if (!isYoung(stat, youngSeconds)) {
        remove(run)
        removed.add(id)
      }
      continue
    }
    const session = stored.session(db, id)
    if (!session || statusOf(session, runOf) === 'running') continue
    const named = new Set(
      db
        .all<{ weights: string | null; optimizer_state: string | null }>(
          "SELECT weights, optimizer_state FROM epoch WHERE session = ? AND state IN ('verifying', 'missing', 'ok', 'damaged')",
          id,
        )
        .flatMap(({ weights, optimizer_state: state }) =>
          [weights, state].flatMap((file) => (file ? (JSON.parse(file) as { file: string }).file : [])),
        ),
    )
    for (const folder of ['', 'weights', 'graphs']) {
      const at = join(run, folder)
      for (const file of existsSync(at) ? readdirSync(at) : []) {
        const path = join(at, file)
        const stale = file.endsWith('.tmp') || (folder === 'weights' && !named.has(`weights/${file}`))
        const found = stale ? statSync(path, { throwIfNoEntry: false }) : undefined
        if (found?.isFile() && !isYoung(found, youngSeconds)) remove(path)
      }
    }
  }
  sweepPulling()
  sweepNames()

  /** What a pull had brought that nobody went on with. */
  function sweepPulling() {
    const pulling = join(dir, 'pulling')
    if (!existsSync(pulling) || db.get('SELECT 1 FROM lease WHERE name = ? AND until > ?', 'pull', Date.now() / 1000)) return
    for (const name of readdirSync(pulling)) {
      const path = join(pulling, name)
      const newest = [path, join(path, 'journal.jsonl')].flatMap((one) => statSync(one, { throwIfNoEntry: false }) ?? [])
      if (newest.length > 0 && !newest.some((stat) => isYoung(stat, youngSeconds))) remove(path)
    }
  }

  /** A name whose writer died before its session was there would stay taken for good. */
  function sweepNames() {
    const { names } = folders(dir)
    for (const file of existsSync(names) ? readdirSync(names) : []) {
      const path = join(names, file)
      const stat = statSync(path, { throwIfNoEntry: false })
      const owner = stat?.isFile() && !isYoung(stat, youngSeconds) ? ownerOf(path) : undefined
      if (owner !== undefined && (removed.has(owner) || !existsSync(join(runs, owner))) && !stored.session(db, owner)) remove(path)
    }
  }
}

/** The session that a file in `names/` reserves its name for. */
function ownerOf(path: string): string | undefined {
  try {
    const { sessionId } = JSON.parse(readText(path, LARGEST_NAME_FILE)) as { sessionId?: unknown }
    return typeof sessionId === 'string' && /^[0-9a-f]{24}$/.test(sessionId) ? sessionId : undefined
  } catch {
    return undefined
  }
}

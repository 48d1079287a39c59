import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { EpochtreeError } from '../errors'
import { statusOf } from '../journal/liveness'
import { mark } from '../journal/marks'
import { nameFile } from '../journal/names'
import { folders, removeQuietly } from '../journal/runFiles'
import type { CollectedJson } from '../protocol/model'
import { documentBytes, removeDocuments } from '../storage/local/chunks'
import type { LocalDatabase } from '../storage/local/database'
import * as documents from '../storage/local/documents'
import * as stored from '../storage/local/sessions'
import type { EpochRecord, SessionOverview } from '../storage/ports'
import { best, type Direction } from '../tracking/best'
import { parseMetric } from '../tracking/reference'

const YOUNG_SECONDS = 3600

/** Whose weights stay. */
export interface Keep {
  readonly latest: boolean
  readonly selected: boolean
  readonly forks: boolean
  readonly every: number | undefined
  readonly best: readonly { readonly metric: ReturnType<typeof parseMetric>; readonly direction: Direction }[]
}

/** `latest,selected,best:val/loss,max:val/acc,forks,every:10` */
export function parseKeep(text: string): Keep {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  const kept: { -readonly [K in keyof Keep]: Keep[K] } = { latest: false, selected: false, forks: false, every: undefined, best: [] }
  for (const word of words) {
    const [, kind, metric] = /^(best|min|max):(.+)$/s.exec(word) ?? []
    const [, every] = /^every:([1-9]\d{0,8})$/.exec(word) ?? []
    if (word === 'latest' || word === 'selected' || word === 'forks') kept[word] = true
    else if (every) kept.every = Number(every)
    else if (kind && metric)
      kept.best = [...kept.best, { metric: parseMetric(metric), direction: kind === 'best' ? directionOf(metric) : (kind as Direction) }]
    else
      throw new EpochtreeError(
        'bad-argument',
        `--keep does not know "${word.slice(0, 60)}". It takes latest, selected, forks, best:METRIC, min:METRIC, max:METRIC, every:N, with commas between them.`,
      )
  }
  if (!words.length) throw new EpochtreeError('bad-argument', '--keep needs at least one word, such as latest,selected,forks.')
  return kept
}

const directionOf = (metric: string): Direction =>
  /acc|auc|f1|precision|recall|iou|map|bleu|score|psnr|ssim|reward/i.test(metric) ? 'max' : 'min'

export interface GcOptions {
  readonly dryRun?: boolean | undefined
  readonly keep?: Keep | undefined
  /** Files younger than this are spared: someone may be about to name them. */
  readonly youngSeconds?: number
}

type Item = CollectedJson['items'][number]

/** Takes away what nothing reaches any more. Each step is a small transaction that looks again before it removes. */
export function collect(
  db: LocalDatabase,
  dir: string,
  { dryRun = false, keep, youngSeconds = YOUNG_SECONDS }: GcOptions = {},
): CollectedJson {
  const items: Item[] = []
  const all = stored.sessions(db, { deleted: true })
  const gone = new Set<number>() // rows of epochs whose weights are let go of in this run
  for (const session of all) if (session.deletedAt !== null) collectDeleted(db, dir, session, all, dryRun, items, gone)
  for (const session of all) if (session.deletedAt === null) discardUncommitted(db, dir, session, dryRun, items)
  if (keep) release(db, dir, all, keep, dryRun, items, gone)
  sweepWeights(db, dir, dryRun, items, gone, youngSeconds)
  sweepLeftovers(db, dir, dryRun, items, youngSeconds)
  if (!dryRun) db.db.exec('PRAGMA incremental_vacuum')
  return { items, bytes: items.reduce((sum, { bytes }) => sum + bytes, 0), dryRun }
}

/** The highest own epoch of a session that a session which stays has inherited; undefined when none has. */
function neededUpTo(db: LocalDatabase, sessionId: string, all: readonly SessionOverview[]): number | undefined {
  const needed = all
    .filter(({ id, deletedAt }) => id !== sessionId && deletedAt === null && stored.session(db, id)?.deletedAt === null)
    .flatMap(({ id }) => stored.history(db, id).segments.flatMap((segment) => (segment.sessionId === sessionId ? segment.to : [])))
  return needed.length ? needed.reduce((a, b) => Math.max(a, b)) : undefined
}

function collectDeleted(
  db: LocalDatabase,
  dir: string,
  session: SessionOverview,
  all: readonly SessionOverview[],
  dryRun: boolean,
  items: Item[],
  gone: Set<number>,
) {
  const run = folders(dir).run(session.id)
  if (statusOf(session, run) === 'running') return
  const documentsFreed = db.transaction(() => {
    // Looked at again under the lock: it may have been restored, or forked, since.
    if (stored.session(db, session.id)?.deletedAt == null) return undefined
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
      } else
        db.run(
          "UPDATE epoch SET state = 'discarded', weights_sha = NULL, state_sha = NULL WHERE row IN (SELECT value FROM json_each(?))",
          JSON.stringify(rows),
        )
    }
    return { bytes, upTo, epochs: rows.length }
  })
  if (!documentsFreed) return
  const { bytes, upTo, epochs } = documentsFreed
  if (upTo === undefined) {
    items.push({ kind: 'session', what: session.name, bytes: bytes + folderBytes(run) })
    if (!dryRun) {
      rmSync(run, { recursive: true, force: true })
      removeQuietly(nameFile(dir, session.name))
    }
  } else if (epochs > 0) {
    items.push({ kind: 'epochs', what: `${session.name}: epochs after ${upTo}, which no fork needs`, bytes })
    if (!dryRun) mark(db, dir, session.id, { collected: upTo })
  }
}

function discardUncommitted(db: LocalDatabase, dir: string, session: SessionOverview, dryRun: boolean, items: Item[]) {
  const running = statusOf(session, folders(dir).run(session.id)) === 'running'
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
    db.run(
      "UPDATE session SET open = NULL, open_number = NULL WHERE id = ? AND open IN (SELECT id FROM epoch WHERE state = 'discarded')",
      session.id,
    )
  })
}

function release(
  db: LocalDatabase,
  dir: string,
  all: readonly SessionOverview[],
  keep: Keep,
  dryRun: boolean,
  items: Item[],
  gone: Set<number>,
) {
  const forked = new Set(all.flatMap(({ forkedFrom, deletedAt }) => (forkedFrom && deletedAt === null ? forkedFrom.epochId : [])))
  const selected = new Set(all.flatMap((session) => session.selected?.id ?? []))
  for (const session of all) {
    if (session.deletedAt !== null || statusOf(session, folders(dir).run(session.id)) === 'running') continue
    const own = stored.epochs(db, { segments: [{ sessionId: session.id, from: 1, to: Number.MAX_SAFE_INTEGER }] })
    const kept = new Set<string>()
    const scope = { epochIds: own.map(({ id }) => id) }
    for (const { metric, direction } of keep.best) {
      const numbers = new Map(own.map(({ id, number }) => [id, number]))
      const found = best(
        documents.last(db, scope, [metric]).map(({ epochId, value }) => ({ epochId, number: numbers.get(epochId)!, value })),
        direction,
      )
      if (found) kept.add(found.epochId)
    }
    if (keep.latest && session.latest) kept.add(session.latest.id)
    // Nothing that a resume or a running engine starts from is ever let go of.
    const last = own.findLast(({ weights, released }) => weights && !released)
    if (last && session.finished?.status !== 'completed') kept.add(last.id)
    const stays = ({ id, number }: EpochRecord) =>
      kept.has(id) ||
      (keep.selected && selected.has(id)) ||
      (keep.forks && forked.has(id)) ||
      (keep.every !== undefined && number % keep.every === 0)
    const letGo = own.filter((epoch) => epoch.weights && !epoch.released && !stays(epoch))
    if (!letGo.length) continue
    for (const { id } of letGo) gone.add(db.get<{ row: number }>('SELECT row FROM epoch WHERE id = ?', id)!.row)
    items.push({ kind: 'epochs', what: `${session.name}: weights of ${letGo.length} epochs`, bytes: 0 })
    if (dryRun) continue
    const before = db.get<{ marks: string }>('SELECT marks FROM session WHERE id = ?', session.id)?.marks ?? '{}'
    const { released = [] } = JSON.parse(before) as { released?: string[] }
    mark(db, dir, session.id, { released: [...new Set([...released, ...letGo.map(({ id }) => id)])] })
  }
}

function sweepWeights(db: LocalDatabase, dir: string, dryRun: boolean, items: Item[], gone: ReadonlySet<number>, youngSeconds: number) {
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
      // A second name, as in a fork's parent folder, keeps the bytes on the disk.
      const item: Item = { kind: 'weights', what: sha, bytes: stat.nlink > 1 ? 0 : stat.size }
      if (dryRun) items.push(item)
      else
        db.transaction(() => {
          if (reached()) return
          removeQuietly(path)
          items.push(item)
        })
    }
  }
}

const isYoung = ({ mtimeMs, ctimeMs }: { mtimeMs: number; ctimeMs: number }, seconds: number) =>
  Date.now() - Math.max(mtimeMs, ctimeMs) < seconds * 1000

/** What dead writers left behind: half-made run folders, temporary files, weights of epochs that never committed. */
function sweepLeftovers(db: LocalDatabase, dir: string, dryRun: boolean, items: Item[], youngSeconds: number) {
  const { runs } = folders(dir)
  const remove = (path: string) => {
    items.push({ kind: 'leftover', what: path.slice(dir.length + 1), bytes: folderBytes(path) })
    if (!dryRun) rmSync(path, { recursive: true, force: true })
  }
  for (const id of existsSync(runs) ? readdirSync(runs) : []) {
    const run = join(runs, id)
    const stat = statSync(run, { throwIfNoEntry: false })
    if (!stat?.isDirectory() || !/^[0-9a-f]{24}$/.test(id)) continue
    if (!existsSync(join(run, 'session.json'))) {
      if (!isYoung(stat, youngSeconds)) remove(run)
      continue
    }
    const session = stored.session(db, id)
    if (!session || statusOf(session, run) === 'running') continue
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
}

/** Bytes that removing would truly free: a file with a second name elsewhere frees none. */
function folderBytes(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return 0
  if (stat.isFile()) return stat.nlink > 1 ? 0 : stat.size
  return readdirSync(path, { recursive: true, withFileTypes: true }).reduce((sum, entry) => {
    const inner = entry.isFile() ? statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false }) : undefined
    return sum + (inner && inner.nlink <= 1 ? inner.size : 0)
  }, 0)
}

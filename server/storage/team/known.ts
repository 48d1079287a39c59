import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { checkAborted } from '../../errors'
import type { SessionOverview, StoreVersion } from '../ports'
import type { TeamConfig, TeamSessions } from './ports'
import { isMissed, type ServerState } from './watched'

/** Who trained an epoch, and its number there: that never changes. */
export interface Owner {
  readonly sessionId: string
  readonly number: number
}
type Source = Pick<TeamSessions, 'changes' | 'sessions' | 'newest'>

const FORMAT = 1
const SCHEMA = `
CREATE TABLE overview (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE owner (epoch TEXT PRIMARY KEY, session TEXT NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version=${FORMAT};
`
/** The newest sessions come first, and are shown while the others come. */
const FIRST = 200
const PAGE = 1000
const WRITTEN_AT_ONCE = 1000

/**
 * The team's sessions as lists show them, kept on this machine: read at once where the servers are away, and brought up to date by what changed since.
 * Several processes may keep one file: each writes what it read only where none is further than itself.
 */
export class Known {
  readonly sessions = new Map<string, SessionOverview>()
  readonly owners = new Map<string, Owner>()
  readonly #file: string
  /** Whose sessions they are: another team's are forgotten. */
  readonly #whose: string
  #db: DatabaseSync | undefined
  #at: StoreVersion | undefined
  #polling: Promise<string[]> | undefined
  #opened = false
  #polled = false

  constructor(file: string, { mongo, gcs }: TeamConfig) {
    this.#file = file
    this.#whose = createHash('sha256')
      .update(JSON.stringify([mongo.uri, mongo.database, gcs.bucket]))
      .digest('hex')
  }

  /** Whether anything was ever read of the team. */
  get isEmpty() {
    return this.#at === undefined
  }

  /** Reads what an earlier process kept. */
  load() {
    if (this.#opened) return
    this.#opened = true
    try {
      this.#db = this.#open()
      this.#read(this.#db)
    } catch {
      // It can be had again from the server: one that is damaged goes, and where none can be kept, nothing is.
      this.#forget()
    }
  }

  #open(): DatabaseSync {
    mkdirSync(dirname(this.#file), { recursive: true })
    const db = new DatabaseSync(this.#file)
    try {
      db.exec(
        'PRAGMA busy_timeout=2000; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=16777216; BEGIN IMMEDIATE',
      )
      const version = Number(db.prepare('PRAGMA user_version').get()!['user_version'])
      if (version === 0) db.exec(SCHEMA)
      else if (version !== FORMAT) throw new Error('of another format')
      const whose = note(db, 'whose')
      if (whose !== this.#whose) {
        db.exec('DELETE FROM overview; DELETE FROM owner; DELETE FROM note')
        setNote(db, 'whose', this.#whose)
      }
      db.exec('COMMIT')
      return db
    } catch (error) {
      db.close()
      throw error
    }
  }

  #read(db: DatabaseSync) {
    for (const { id, body } of db.prepare('SELECT id, body FROM overview').iterate() as Iterable<unknown> as Iterable<{
      id: string
      body: string
    }>)
      this.sessions.set(id, JSON.parse(body) as SessionOverview)
    for (const { epoch, session, number } of db.prepare('SELECT * FROM owner').iterate() as Iterable<unknown> as Iterable<{
      epoch: string
      session: string
      number: number
    }>)
      this.owners.set(epoch, { sessionId: session, number })
    const at = note(db, 'at')
    this.#at = at === undefined ? undefined : (JSON.parse(at) as StoreVersion)
  }

  #forget() {
    this.#db?.close()
    this.#db = undefined
    this.sessions.clear()
    this.owners.clear()
    this.#at = undefined
    try {
      for (const suffix of ['', '-wal', '-shm']) rmSync(this.#file + suffix, { force: true })
      this.#db = this.#open()
    } catch {
      // Then it is known while this process lives.
    }
  }

  /** Takes over what changed on the server; ids of what did. Of a list that is read as a whole `part` is told part by part instead. One at a time: whoever comes meanwhile waits for the same. */
  poll(source: Source, part: (ids: readonly string[]) => void = () => {}, signal?: AbortSignal): Promise<string[]> {
    this.load()
    return (this.#polling ??= this.#poll(source, part, signal).finally(() => (this.#polling = undefined)))
  }

  async #poll(source: Source, part: (ids: readonly string[]) => void, signal?: AbortSignal): Promise<string[]> {
    // Before what is read: what changes meanwhile is told the next time.
    // The ids of all would be read only to be read again with the sessions.
    const { at, sessionIds: changed, all } = await source.changes(this.#at, false)
    // What something else wrote and took away counts no change: each process looks once whether such sessions are there still.
    const foreign = this.#polled ? [] : [...this.sessions.values()].filter(({ team }) => team?.by === null).map(({ id }) => id)
    const sessionIds = [...new Set([...changed, ...foreign])]
    const read: SessionOverview[] = []
    const there = new Set<string>()
    const take = (found: readonly SessionOverview[]) => {
      checkAborted(signal)
      const fresh = found.filter((one) => !isSame(this.sessions.get(one.id), one))
      for (const one of found) there.add(one.id)
      for (const one of fresh) {
        this.sessions.set(one.id, one)
        read.push(one)
      }
      return fresh.map(({ id }) => id)
    }
    if (all) {
      part(take(await source.newest(FIRST, true)))
      part(take(await source.sessions({ deleted: true })))
    } else
      for (let from = 0; from < sessionIds.length; from += PAGE)
        take(await source.sessions({ deleted: true, ids: sessionIds.slice(from, from + PAGE) }))
    const gone = (all ? [...this.sessions.keys()] : sessionIds).filter((id) => !there.has(id) && this.sessions.delete(id))
    const moved = this.#at?.store !== at.store || this.#at.version !== at.version || gone.length > 0
    this.#at = at
    this.#polled = true
    if (moved) await this.#write(read, gone, all, at)
    return [...(all ? [] : read.map(({ id }) => id)), ...gone]
  }

  async #write(read: readonly SessionOverview[], gone: readonly string[], all: boolean, at: StoreVersion) {
    const db = this.#db
    if (!db) return
    try {
      const isBehind = () => {
        const kept = note(db, 'at')
        const { store, version } = kept === undefined ? at : (JSON.parse(kept) as StoreVersion)
        return store === at.store && version > at.version
      }
      for (let from = 0; from === 0 || from < read.length; from += WRITTEN_AT_ONCE) {
        if (from > 0) await setImmediate()
        const last = from + WRITTEN_AT_ONCE >= read.length
        db.exec('BEGIN IMMEDIATE')
        try {
          if (!isBehind()) {
            const put = db.prepare('INSERT OR REPLACE INTO overview VALUES(?, ?)')
            for (const one of read.slice(from, from + WRITTEN_AT_ONCE)) put.run(one.id, JSON.stringify(one))
            if (last) {
              const drop = db.prepare('DELETE FROM overview WHERE id = ?')
              for (const id of gone) drop.run(id)
              if (all) this.#dropOthers(db)
              setNote(db, 'at', JSON.stringify(at))
            }
          }
          db.exec('COMMIT')
        } catch (error) {
          if (db.isTransaction) db.exec('ROLLBACK')
          throw error
        }
      }
    } catch {
      // A full disk, or a busy file: the next change is written again, with all that it builds on.
      this.#db?.close()
      this.#db = undefined
    }
  }

  /** What another server's list had. */
  #dropOthers(db: DatabaseSync) {
    db.prepare('DELETE FROM overview WHERE id NOT IN (SELECT value FROM json_each(?))').run(JSON.stringify([...this.sessions.keys()]))
  }

  keepOwners(found: ReadonlyMap<string, Owner>) {
    this.load()
    for (const [epoch, owner] of found) this.owners.set(epoch, owner)
    try {
      const put = this.#db?.prepare('INSERT OR REPLACE INTO owner VALUES(?, ?, ?)')
      for (const [epoch, { sessionId, number }] of found) put?.run(epoch, sessionId, number)
    } catch {
      // Then it is asked for again.
    }
  }

  /** The servers that were away when they were last asked, with since when. */
  states(): readonly ServerState[] {
    this.load()
    try {
      const text = this.#db && note(this.#db, 'servers')
      return text === undefined ? [] : (JSON.parse(text) as ServerState[]).filter(isMissed)
    } catch {
      return []
    }
  }

  /** Of one server alone: of the others another process may know more. */
  keepState(state: ServerState) {
    this.load()
    const db = this.#db
    try {
      db?.exec('BEGIN IMMEDIATE')
      const others = this.states().filter(({ name }) => name !== state.name)
      if (db) setNote(db, 'servers', JSON.stringify([...others, state]))
      db?.exec('COMMIT')
    } catch {
      // As with owners.
      if (db?.isTransaction) db.exec('ROLLBACK')
    }
  }

  close() {
    this.#db?.close()
    this.#db = undefined
    this.#opened = true
  }
}

const CLOCKS_DIFFER_SECONDS = 2
/** Until when one counts as living is told by the server's clock, which is never read as the same twice. */
function isSame(known: SessionOverview | undefined, found: SessionOverview): boolean {
  if (!known) return false
  const [before, now] = [known.team?.aliveUntil ?? 0, found.team?.aliveUntil ?? 0]
  const fixed = (one: SessionOverview) => JSON.stringify({ ...one, team: one.team && { ...one.team, aliveUntil: null } })
  return Math.abs(now - before) < CLOCKS_DIFFER_SECONDS && fixed(known) === fixed(found)
}

const note = (db: DatabaseSync, key: string) => db.prepare('SELECT value FROM note WHERE key = ?').get(key)?.['value'] as string | undefined
const setNote = (db: DatabaseSync, key: string, value: string) => db.prepare('INSERT OR REPLACE INTO note VALUES(?, ?)').run(key, value)

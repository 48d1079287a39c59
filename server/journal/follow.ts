import { existsSync, type FSWatcher, readdirSync, statSync, watch as watchFolder } from 'node:fs'
import type { Status } from '../protocol/model'
import type { Progress, SessionOverview, Stores, StoreVersion } from '../storage/ports'
import { statusOf } from './liveness'
import { folders } from './runFiles'

/** A session as it is followed: what the store holds, and whether its engine lives. */
export interface Followed extends SessionOverview {
  readonly status: Status
}
export interface Change {
  readonly sessions: readonly Followed[]
  readonly removed: readonly string[]
}
export interface FollowOptions {
  /** Unfinished runs are looked at this often even where the file system tells nothing. */
  readonly unfinishedEveryMs?: number
  readonly allEveryMs?: number
  /** False reads the store only, for a folder that must not be written to. */
  readonly ingest?: boolean
  readonly changed: (change: Change) => void | Promise<void>
  /** What went wrong, once until it goes well again. */
  readonly trouble?: (error: unknown) => void
  readonly progress?: (progress: Progress) => void
  /** Called with every look at the folder, for what else lies there. */
  readonly looked?: () => void
}

const UNFINISHED_EVERY_MS = 1000
const ALL_EVERY_MS = 60_000
/** Many events of one write become one look. */
const GATHER_MS = 30
/** Runs whose folders are watched one by one, where the system can't watch a whole tree cheaply. */
const MOST_WATCHED = 256
/** An interrupted run may be taken up again at any time, but hardly after so long without being noticed by the look at all of them. */
const RECENT_SECONDS = 24 * 3600
const EXPECTED_MS = 60_000
/** Sessions that are asked of the store at once. */
const READ_AT_ONCE = 1000
const SESSION_ID = /^[0-9a-f]{24}$/

/** Keeps an up-to-date list of a folder's sessions: told by the file system where that works, and looking for itself where it does not. */
export class Follower {
  readonly sessions = new Map<string, Followed>()
  readonly #stores: Stores
  readonly #dir: string
  readonly #options: FollowOptions
  readonly #stopped = new AbortController()
  readonly #touched = new Set<string>()
  /** Sessions that were ended and are being resumed, and until when that is waited for. */
  readonly #resuming = new Map<string, number>()
  /** Folders that came and hold no session yet, with the time until which one is waited for: session.json is written last. */
  readonly #expected = new Map<string, number>()
  readonly #watchers = new Map<string, FSWatcher>()
  #at: StoreVersion | undefined
  #pending = false
  #woken: () => void = () => {}
  #verifying: Promise<unknown> | undefined
  #verifyAgain = false
  #running: Promise<void> | undefined
  #troubled = false
  #hasRuns = false

  constructor(stores: Stores, dir: string, options: FollowOptions) {
    this.#stores = stores
    this.#dir = dir
    this.#options = options
    stores.listen?.(() => this.#wake())
  }

  /** Follows until `close`; begins with what the store knows already, so that lists are there at once. */
  start() {
    this.#running ??= this.#follow()
  }

  /** An engine is about to take up a session that has ended: it is looked at until that is seen. */
  expect(sessionId: string) {
    this.#resuming.set(sessionId, performance.now() + EXPECTED_MS)
    this.look(sessionId)
  }

  /** Brings the list up to the store's present state, as the store has it: for whoever has just written. */
  async load() {
    if (existsSync(this.#dir)) await this.#refresh()
  }

  /** Looks now, for instance after this process has written. */
  look(...sessionIds: readonly string[]) {
    for (const id of sessionIds) this.#touched.add(id)
    this.#wake()
  }

  async close() {
    this.#stopped.abort()
    this.#wake()
    this.#unwatch(this.#watchers.keys())
    await this.#running
    await this.#verifying
  }

  async #follow() {
    const { unfinishedEveryMs = UNFINISHED_EVERY_MS, allEveryMs = ALL_EVERY_MS } = this.#options
    const { signal } = this.#stopped
    let all = Number.NEGATIVE_INFINITY
    let unfinished = Number.NEGATIVE_INFINITY
    while (!signal.aborted) {
      this.#pending = false
      try {
        if (this.#runsCame()) all = Number.NEGATIVE_INFINITY
        if (!existsSync(this.#dir)) {
          // Nothing was tracked here yet, or it was taken away: opening the store would make the folder.
          await this.#forget()
          await this.#wait(unfinishedEveryMs)
          continue
        }
        this.#watch()
        this.#options.looked?.()
        const now = performance.now()
        if (all === Number.NEGATIVE_INFINITY) await this.#refresh()
        const due = now - unfinished >= unfinishedEveryMs
        if (due) unfinished = now
        const ids = [...new Set([...this.#touched, ...(due ? this.#unfinished() : [])])]
        this.#touched.clear()
        let looked = true
        if (this.#options.ingest !== false) {
          if (now - all >= allEveryMs) {
            all = now
            await this.#stores.ingest({
              verify: false,
              closely: true,
              signal,
              ...(this.#options.progress ? { progress: this.#options.progress } : {}),
            })
          } else if (ids.length) await this.#stores.ingest({ only: ids, verify: false, signal })
          else looked = false
        } else all = now
        const changed = await this.#refresh()
        if (all === now) this.#expectYoung()
        // Whoever hands on to a team notes in the store that it lives: that alone begins no threads.
        if (looked || changed) this.#verify()
        this.#troubled = false
      } catch (error) {
        if (!signal.aborted && !this.#troubled) this.#options.trouble?.(error)
        this.#troubled = true
      }
      await this.#wait(
        this.#unfinished().length > 0 || this.#troubled
          ? unfinishedEveryMs
          : Math.max(0, Math.min(allEveryMs - (performance.now() - all), this.#nextSilenceMs())),
      )
    }
  }

  /** Weights are hashed beside the following, so that metrics never wait for gigabytes. */
  #verify() {
    if (this.#options.ingest === false) return
    // What came meanwhile has its turn afterwards.
    this.#verifyAgain = this.#verifying !== undefined
    if (this.#verifying) return
    this.#verifying = this.#stores
      .ingest({ only: [], verify: true, signal: this.#stopped.signal })
      .catch((error: unknown) => (this.#stopped.signal.aborted ? undefined : this.#options.trouble?.(error)))
      .then(async () => {
        this.#verifying = undefined
        if (this.#stopped.signal.aborted) return
        await this.#refresh().catch(() => {})
        if (this.#verifyAgain) this.#verify()
      })
  }

  /** Takes over what changed in the store, and whose engine came to its end without a word; whether anything did. */
  async #refresh(): Promise<boolean> {
    const { at, sessionIds, all } = await this.#stores.sessions.changes(this.#at)
    // A fork whose parent was unknown may have found it: nothing of its own changed then.
    const orphans = sessionIds.length ? [...this.sessions.values()].filter(({ forkedFrom, forkPoint }) => forkedFrom && !forkPoint) : []
    const ids = [...new Set([...sessionIds, ...orphans.map(({ id }) => id)])]
    const fresh = await this.#read(ids)
    const { run } = folders(this.#dir)
    const sessions = fresh.map((session): Followed => ({ ...session, status: statusOf(session, run) }))
    const came = new Set(sessions.map(({ id }) => id))
    const gone = (all ? [...this.sessions.keys()] : sessionIds).filter((id) => !came.has(id) && this.sessions.has(id))
    for (const id of gone) this.sessions.delete(id)
    for (const session of this.sessions.values()) {
      if (session.finished || came.has(session.id)) continue
      if (session.status !== 'running' && session.status !== 'interrupted') continue
      const status = statusOf(session, run)
      if (status !== session.status) sessions.push({ ...session, status })
    }
    for (const session of sessions) this.sessions.set(session.id, session)
    this.#at = at
    if (sessions.length === 0 && gone.length === 0) return false
    await this.#options.changed({ sessions, removed: gone })
    return true
  }

  /** While one part is taken over here, the store's thread reads the next. */
  async #read(ids: readonly string[]): Promise<SessionOverview[]> {
    const parts: Promise<readonly SessionOverview[]>[] = []
    for (let from = 0; from < ids.length; from += READ_AT_ONCE)
      parts.push(this.#stores.sessions.sessions({ deleted: true, ids: ids.slice(from, from + READ_AT_ONCE) }))
    return (await Promise.all(parts)).flat()
  }

  /** Folders that came before they were watched, and whose session may still be on its way. */
  #expectYoung() {
    const { runs, run } = folders(this.#dir)
    if (!existsSync(runs)) return
    for (const id of readdirSync(runs)) {
      if (!SESSION_ID.test(id) || this.sessions.has(id)) continue
      const changed = statSync(run(id), { throwIfNoEntry: false })?.mtimeMs ?? 0
      if (Date.now() - changed < EXPECTED_MS) this.#expected.set(id, performance.now() + EXPECTED_MS)
    }
  }

  async #forget() {
    const removed = [...this.sessions.keys()]
    this.sessions.clear()
    this.#at = undefined
    // What watches a folder that is gone hears nothing of another in its place.
    this.#unwatch(this.#watchers.keys())
    if (removed.length) await this.#options.changed({ sessions: [], removed })
  }

  /** Of a run that ended long ago without saying so, the look at all runs finds out soon enough. */
  #unfinished(): string[] {
    const recently = Date.now() / 1000 - RECENT_SECONDS
    const ids: string[] = []
    for (const { id, finished, status, team, engine, createdAt } of this.sessions.values()) {
      // Nothing of it is here to be looked at.
      if (finished !== null || team?.elsewhere) continue
      if (status === 'running' || Math.max(engine?.time ?? 0, createdAt) > recently) ids.push(id)
    }
    for (const [id, until] of this.#expected)
      if (this.sessions.has(id) || performance.now() > until) this.#expected.delete(id)
      else ids.push(id)
    for (const [id, until] of this.#resuming)
      if (!this.sessions.get(id)?.finished || performance.now() > until) this.#resuming.delete(id)
      else ids.push(id)
    return ids
  }

  /** When the next of those that are trained elsewhere would have to give a sign of life. */
  #nextSilenceMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { status, team } of this.sessions.values())
      if (status === 'running' && team?.elsewhere && team.aliveUntil !== null) next = Math.min(next, team.aliveUntil)
    return Math.max(UNFINISHED_EVERY_MS, next * 1000 - Date.now())
  }

  /** Those that ended lately, the last of them last: somebody may take them up again. */
  #ended(): string[] {
    const recently = Date.now() / 1000 - RECENT_SECONDS
    return [...this.sessions.values()]
      .filter(({ finished, team }) => !team?.elsewhere && (finished?.time ?? 0) > recently)
      .sort((a, b) => (a.finished?.time ?? 0) - (b.finished?.time ?? 0))
      .map(({ id }) => id)
  }

  /** Whether the folder of runs is there and was not before: what already lies in it came unnoticed. */
  #runsCame(): boolean {
    const { runs } = folders(this.#dir)
    const before = this.#hasRuns
    this.#hasRuns = existsSync(runs)
    if (!this.#hasRuns) this.#unwatch([runs])
    return this.#hasRuns && !before
  }

  #watch() {
    const { runs, run } = folders(this.#dir)
    const whole = process.platform !== 'linux'
    this.#watchOne(this.#dir, false, (file) => file?.startsWith('store.sqlite') || file === 'runs' || file === 'config.json')
    this.#watchOne(runs, whole, (file) => {
      const id = file?.split(/[/\\]/)[0]
      if (id !== undefined && SESSION_ID.test(id)) {
        this.#touched.add(id)
        if (!this.sessions.has(id)) this.#expected.set(id, performance.now() + EXPECTED_MS)
      }
      return true
    })
    if (whole) return
    const wanted = new Set([...this.#ended(), ...this.#unfinished()].slice(-MOST_WATCHED).map(run))
    this.#unwatch([...this.#watchers.keys()].filter((path) => path !== this.#dir && path !== runs && !wanted.has(path)))
    for (const path of wanted)
      this.#watchOne(path, false, () => {
        this.#touched.add(path.slice(-24))
        return true
      })
  }

  #unwatch(paths: Iterable<string>) {
    for (const path of paths) {
      this.#watchers.get(path)?.close()
      this.#watchers.delete(path)
    }
  }

  #watchOne(path: string, recursive: boolean, matters: (file: string | null) => boolean | undefined) {
    if (this.#watchers.has(path) || !existsSync(path)) return
    try {
      const watcher = watchFolder(path, { recursive, persistent: false }, (_, file) => {
        if (matters(file)) this.#wake()
      })
      // Network file systems, and folders that vanish: then the clock alone has to do.
      watcher.on('error', () => {
        watcher.close()
        this.#watchers.delete(path)
      })
      this.#watchers.set(path, watcher)
    } catch {
      // Out of watches: the clock has to do.
    }
  }

  #wake() {
    this.#pending = true
    this.#woken()
  }

  async #wait(ms: number) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#woken = () => {
        this.#woken = () => {}
        clearTimeout(timer)
        setTimeout(resolve, this.#stopped.signal.aborted ? 0 : GATHER_MS)
      }
      if (this.#pending || this.#stopped.signal.aborted) this.#woken()
    })
    this.#woken = () => {}
  }
}

import { setTimeout as wait } from 'node:timers/promises'
import { BaseCache } from './drafts/baseCache'
import { EpochtreeError, explain } from './errors'
import { makeFolder } from './folder'
import { directionOf, mainMetrics } from './tracking/direction'
import { type Followed, Follower } from './journal/follow'
import { jsonNumber } from './json'
import type { Changed, Failed, FolderState, MainMetric, MetricValue, SessionRow } from './protocol/editor'
import type { Context } from './requests'
import { type TeamSeen, ThreadedStores } from './storage/local/threads'
import type { MetricName } from './storage/ports'
import { type GivenTeam, readTeam } from './storage/team/config'
import type { TeamConfig } from './storage/team/ports'
import { between, type History, inheritedCounts } from './tracking/lineage'
import { formatMetric, parseMetric } from './tracking/reference'

export interface FolderEvents {
  readonly changed: (change: Changed) => void
  readonly failed: (failure: Failed) => void
  readonly log: (message: string) => void
  /** Paths of the workspace folders that lead to a folder. */
  readonly rootsOf: (dir: string) => readonly string[]
  /** What lies in a folder besides sessions may have changed. */
  readonly configured: () => void
}
export interface FolderSettings {
  readonly mainMetric: string
  readonly refreshSeconds: number
}

/** So many epochs are looked through while someone waits; more are looked through in pieces, between other questions. */
const LOOKED_AT_ONCE = 2000
const PIECE = 250
/** Opening a session asks a dozen questions one after another: without a pause each of them would find a piece before it. */
const PAUSE_MS = 5
/** Sessions elsewhere whose metrics are looked for at once. */
const LOOKED_AT_ELSEWHERE = 4
/** What was asked for together with it is answered first. */
const LATER_MS = 200
const HANDED_ON_AFTER_MS = 2000
interface FolderStart {
  readonly readOnly: boolean
  /** Versions go on from those of whoever followed the folder before. */
  readonly version: number
  /** Null where it has no team. */
  readonly team: GivenTeam | null
}

/** How sessions belong together, by their ids. */
interface Shape {
  /** By the session that trained the epoch where they start; oldest first. */
  readonly forks: ReadonlyMap<string, readonly string[]>
  /** By model; newest first. */
  readonly models: ReadonlyMap<string, readonly string[]>
}

const newestFirst = (a: Followed, b: Followed) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)

/** Where a folder's team is; what is wrong with what says so is told, and the folder goes on without. */
function serversOf(dir: string, team: GivenTeam): { readonly servers?: TeamConfig; readonly trouble?: string } {
  try {
    const servers = readTeam(dir, process.env, team)
    return servers ? { servers } : {}
  } catch (error) {
    return { trouble: explain(error).message }
  }
}

interface Best {
  readonly metric: MetricName
  /** The last epoch that was looked at, and what was best up to it. */
  readonly upTo: { readonly id: string; readonly number: number }
  readonly main: MainMetric
}

/** A `.epochtree` folder that is followed: its stores, and all its sessions as lists show them. */
export class TrackedFolder implements Context {
  readonly dir: string
  readonly name: string
  readonly stores: ThreadedStores
  readonly drafts = new BaseCache()
  readonly #events: FolderEvents
  readonly #follower: Follower
  readonly #best = new Map<string, Best>()
  /** Sessions elsewhere, as they are now, in which no metric was found: the servers are not asked again with each list. */
  readonly #without = new WeakSet<Followed>()
  readonly #searching = new Set<string>()
  readonly #loaded: Promise<void>
  /** Why a team that is set can't be asked. */
  readonly #teamTrouble: string | null
  readonly #hasTeam: boolean
  /** Of sessions elsewhere a few are looked at at once: others ask the same servers. */
  readonly #elsewhere: (() => void)[] = []
  #lookedAt = 0
  #servers: TeamSeen['servers'] | undefined
  #settings: FolderSettings
  #version = 0
  #closed = false
  #trouble: string | null = null
  #shape: Shape | undefined

  constructor(dir: string, name: string, settings: FolderSettings, events: FolderEvents, { readOnly, version, team }: FolderStart) {
    this.dir = dir
    this.name = name
    const { servers, trouble } = team && !readOnly ? serversOf(dir, team) : {}
    this.#hasTeam = servers !== undefined
    this.#teamTrouble = trouble ?? null
    // Of a team there is something to see before anything was trained here.
    if (servers) makeFolder(dir)
    this.stores = new ThreadedStores(dir, { readOnly, servers })
    this.#version = version
    this.#events = events
    this.#settings = settings
    this.#follower = new Follower(this.stores, dir, {
      unfinishedEveryMs: settings.refreshSeconds * 1000,
      changed: ({ sessions, removed }) => this.#changed(sessions, removed),
      trouble: (error) => this.#troubled(error),
      looked: events.configured,
    })
    this.#loaded = this.#follower.load().catch((error: unknown) => this.#troubled(error))
    void this.#loaded.then(() => this.#follower.start())
    if (!servers) return
    this.stores.watchTeam((seen) => this.#sees(seen))
    void this.#loaded.then(() => this.#handOnSoon())
  }

  /** The first list comes first: a thread that loads the same clients takes the processor from whoever reads it. */
  async #handOnSoon() {
    await wait(HANDED_ON_AFTER_MS, undefined, { ref: false })
    if (!this.#closed) this.stores.handOn()
  }

  #sees({ servers, trouble }: TeamSeen) {
    if (this.#closed) return
    if (trouble !== null) this.#events.log(`${this.dir}: ${trouble}`)
    const before = this.#servers
    this.#servers = servers
    if (before) void this.#tell([], [], false)
  }

  /** Tells what the folder is like, also where it has nothing that changed. */
  async announce() {
    await this.#loaded
    if (!this.#closed) await this.#tell([], [], true)
  }

  get hasTeam() {
    return this.#hasTeam
  }

  get version() {
    return this.#version
  }

  /** All sessions, deleted ones among them, once the store has been read. */
  async sessions(): Promise<ReadonlyMap<string, Followed>> {
    await this.#loaded
    if (this.#trouble !== null && this.#follower.sessions.size === 0) throw new EpochtreeError('failed', this.#trouble)
    return this.#follower.sessions
  }

  async session(id: string): Promise<Followed> {
    const found = (await this.sessions()).get(id)
    if (!found)
      throw new EpochtreeError(
        'unknown-session',
        'The session is not there any more. It was removed by `epochtree gc`, or its folder is gone.',
      )
    return found
  }

  async state(): Promise<FolderState> {
    await this.#loaded
    return this.#state()
  }

  #state(): FolderState {
    let sessions = 0
    let running = 0
    let waiting = 0
    for (const { deletedAt, status, team } of this.#follower.sessions.values()) {
      waiting += team?.waiting ?? 0
      if (deletedAt !== null) continue
      sessions++
      // What others train is no business of this machine's status bar.
      if (status === 'running' && !team?.elsewhere) running++
    }
    return {
      dir: this.dir,
      name: this.name,
      roots: this.#events.rootsOf(this.dir),
      sessions,
      running,
      version: this.#version,
      trouble: this.#trouble,
      team: this.#servers || this.#teamTrouble !== null ? { servers: this.#servers ?? [], waiting, trouble: this.#teamTrouble } : null,
    }
  }

  configure(settings: FolderSettings) {
    if (settings.mainMetric !== this.#settings.mainMetric) this.#best.clear()
    this.#settings = settings
  }

  /** Looks at what this process itself has just written, and answers when lists know it. */
  async wrote(...sessionIds: readonly string[]) {
    await this.#follower.load()
    this.#follower.look(...sessionIds)
  }

  /** An engine is about to be started for a session. */
  expect(sessionId: string) {
    this.#follower.expect(sessionId)
  }

  async rows(sessions: readonly Followed[]): Promise<SessionRow[]> {
    const [inherited, { forks }, all] = [await this.#inheritedCounts(sessions), this.#shapeNow(), this.#follower.sessions]
    return Promise.all(
      sessions.map(async (session): Promise<SessionRow> => {
        const { id, forkedFrom, forkPoint, open, status } = session
        const latest = session.latest ?? (forkedFrom && forkPoint ? { id: forkedFrom.epochId, number: forkPoint.number } : null)
        return {
          dir: this.dir,
          id,
          name: session.name,
          modelName: session.modelName,
          status,
          epochs: (inherited.get(id) ?? 0) + session.own,
          own: session.own,
          latest,
          selected: session.selected,
          live: status === 'running' ? (open ?? latest) : null,
          uncommitted: status === 'running' ? null : open,
          main: await this.mainMetric(session),
          forkedFrom: forkedFrom && { ...forkedFrom, name: all.get(forkedFrom.sessionId)?.name ?? null },
          forks: forks.get(id)?.length ?? 0,
          tags: session.tags,
          deleted: session.deletedAt !== null,
          createdAt: session.createdAt,
          error: session.finished?.error ?? null,
          parentMissing: forkedFrom !== null && forkPoint === null,
          problems: session.problems,
          team: session.team
            ? { elsewhere: session.team.elsewhere, copy: session.team.copy ?? false, by: session.team.by, waiting: session.team.waiting }
            : null,
        }
      }),
    )
  }

  /** Sessions that start at an epoch which this one trained, oldest first. */
  forksOf(sessionId: string): Followed[] {
    return this.#named(this.#shapeNow().forks.get(sessionId))
  }

  /** The sessions of a model, newest first. */
  sessionsOfModel(modelName: string): Followed[] {
    return this.#named(this.#shapeNow().models.get(modelName))
  }

  #named(ids: readonly string[] = []): Followed[] {
    return ids.flatMap((id) => this.#follower.sessions.get(id) ?? [])
  }

  /** Made anew only when sessions come, go, or lie elsewhere: trainings change many times a second. */
  #shapeNow(): Shape {
    if (this.#shape) return this.#shape
    const forks = new Map<string, string[]>()
    const models = new Map<string, string[]>()
    const add = (to: Map<string, string[]>, key: string, id: string) => {
      const before = to.get(key)
      if (before) before.push(id)
      else to.set(key, [id])
    }
    const shown = [...this.#follower.sessions.values()].filter(({ deletedAt }) => deletedAt === null)
    for (const { id, forkPoint } of shown) if (forkPoint) add(forks, forkPoint.sessionId, id)
    for (const { id, modelName } of shown.sort(newestFirst)) add(models, modelName, id)
    return (this.#shape = { forks, models })
  }

  /**
   * The metric that stands for a model in lists. A history only grows, so what was best so far is kept and only the new epochs are looked at.
   * Where they are many, what is known is answered, and the rest is told when it is found.
   */
  async mainMetric(session: Followed): Promise<MainMetric | null> {
    const { id, latest, forkedFrom } = session
    const newest = latest?.id ?? forkedFrom?.epochId
    if (newest === undefined) return null
    const known = this.#best.get(id)
    if (known?.upTo.id === newest) return known.main
    if (!session.team?.elsewhere && (known || !this.#beginsElsewhere(session))) return this.#findMain(session, newest, known)
    if (this.#without.has(session)) return null
    // The team's servers are asked beside the list.
    this.#later(id, () => this.#inTurn(() => this.#findMain(session, newest, known)))
    return known?.main ?? null
  }

  /** Whether its history leads through sessions that others trained. */
  #beginsElsewhere(session: Followed): boolean {
    if (!this.#hasTeam) return false
    const seen = new Set<string>()
    for (let at: Followed | undefined = session; at?.forkPoint && !seen.has(at.id);) {
      seen.add(at.id)
      at = this.#follower.sessions.get(at.forkPoint.sessionId)
      if (!at || at.team?.elsewhere) return true
    }
    return false
  }

  /** A few at a time. */
  async #inTurn(look: () => Promise<unknown>): Promise<void> {
    if (this.#lookedAt >= LOOKED_AT_ELSEWHERE) await new Promise<void>((resolve) => this.#elsewhere.push(resolve))
    this.#lookedAt++
    try {
      if (!this.#closed) await look()
    } finally {
      this.#lookedAt--
      this.#elsewhere.shift()?.()
    }
  }

  async #findMain(session: Followed, newest: string, known: Best | undefined): Promise<MainMetric | null> {
    const { id, latest, forkPoint } = session
    try {
      const last = await this.stores.documents.last({ epochIds: [newest] })
      const metric = known?.metric ?? this.#chooseMetric(last)
      if (!metric) {
        this.#without.add(session)
        return null
      }
      const name = formatMetric(metric)
      const direction = directionOf(name)
      const value = last.find((one) => formatMetric(one) === name)?.value
      const history = await this.stores.sessions.history(id)
      const number = latest?.number ?? forkPoint?.number ?? 0
      const main = (best: MetricValue | null): MainMetric => ({
        metric: name,
        direction,
        last: value === undefined ? null : { number, value: jsonNumber(value) },
        best,
      })
      const from = (known?.upTo.number ?? 0) + 1
      const found = (best: MetricValue | null) => {
        const one = main(best)
        this.#best.set(id, { metric, upTo: { id: newest, number }, main: one })
        return one
      }
      const before = known?.main.best ?? null
      if (!direction) return found(null)
      // The servers look through what they have in one go.
      if (number - from < LOOKED_AT_ONCE || session.team?.elsewhere)
        return found(await this.#betterIn(before, history, from, number, metric, direction))
      this.#later(id, async () => {
        let best = before
        for (let at = from; at <= number && !this.#closed; at += PIECE) {
          best = await this.#betterIn(best, history, at, Math.min(number, at + PIECE - 1), metric, direction)
          await wait(PAUSE_MS, undefined, { ref: false })
        }
        found(best)
      })
      return main(before)
    } catch (error) {
      const { code, message } = explain(error)
      // That is told where it is seen for all.
      if (code !== 'server-away' && code !== 'server-refused') this.#events.log(message)
      return known?.main ?? null
    }
  }

  async #betterIn(
    before: MetricValue | null,
    history: History,
    from: number,
    to: number,
    metric: MetricName,
    direction: 'lower' | 'higher',
  ): Promise<MetricValue | null> {
    const found = await this.stores.documents.best(between(history, from, to), metric, direction === 'lower' ? 'min' : 'max')
    if (!found) return before
    const better = !before || (direction === 'lower' ? found.value < Number(before.value) : found.value > Number(before.value))
    return better ? { number: found.number, value: jsonNumber(found.value) } : before
  }

  /** One search a session at a time; the list is told when it is done. */
  #later(id: string, search: () => Promise<void>) {
    if (this.#searching.has(id)) return
    this.#searching.add(id)
    void wait(LATER_MS, undefined, { ref: false })
      .then(search)
      .then(() => {
        const session = this.#follower.sessions.get(id)
        return session && this.#tell([session], [], false)
      })
      .catch((error: unknown) => this.#events.log(explain(error).message))
      .finally(() => this.#searching.delete(id))
  }

  #chooseMetric(last: readonly MetricName[]): MetricName | undefined {
    const { mainMetric } = this.#settings
    const [name] = mainMetric ? [mainMetric] : mainMetrics(last.map(formatMetric), 1)
    return name === undefined ? undefined : (last.find((one) => formatMetric(one) === name) ?? parseMetric(name))
  }

  /** Only the lines that lead to these sessions are walked, not ten thousand others. */
  #inheritedCounts(sessions: readonly Followed[]): Promise<ReadonlyMap<string, number>> {
    const all = this.#follower.sessions
    const lines = new Map<string, Followed>()
    for (const session of sessions)
      for (let at: Followed | undefined = session; at && !lines.has(at.id); at = at.forkPoint ? all.get(at.forkPoint.sessionId) : undefined)
        lines.set(at.id, at)
    return inheritedCounts([...lines.values()], (sessionId, to) => this.stores.sessions.count([{ sessionId, from: 1, to }]))
  }

  #troubled(error: unknown) {
    this.#trouble = explain(error).message
    this.#events.log(`${this.dir}: ${this.#trouble}`)
    void this.#tell([], [], true)
  }

  readonly #seen = new Map<string, { readonly status: string; readonly place: string }>()

  async #changed(sessions: readonly Followed[], removed: readonly string[]) {
    this.#trouble = null
    let structure = removed.length > 0
    for (const id of removed) {
      this.#seen.delete(id)
      this.#best.delete(id)
    }
    for (const session of sessions) {
      const before = this.#seen.get(session.id)
      const { forkPoint, deletedAt, modelName } = session
      const place = `${forkPoint?.sessionId} ${forkPoint?.number} ${deletedAt !== null} ${modelName}`
      if (before?.place !== place) structure = true
      // Only what ended before our eyes needs a person now. That its engine is gone may be seen before its last line is read.
      if (session.status === 'failed' && before && before.status !== 'failed' && !session.team?.elsewhere)
        this.#events.failed({
          dir: this.dir,
          session: { id: session.id, name: session.name },
          error: session.finished?.error ?? 'It ended with an error.',
        })
      this.#seen.set(session.id, { status: session.status, place })
    }
    if (structure) this.#shape = undefined
    await this.#tell(sessions, removed, structure)
  }

  async #tell(sessions: readonly Followed[], removed: readonly string[], structure: boolean) {
    const version = ++this.#version
    // At the start everything is new; whoever shows lists asks for them anyway.
    const few = sessions.length <= 200 ? await this.rows(sessions) : []
    this.#events.changed({
      dir: this.dir,
      version,
      sessions: few,
      removed,
      structure: structure || few.length < sessions.length,
      folder: this.#state(),
    })
  }

  async close() {
    this.#closed = true
    await this.#follower.close()
    await this.stores.close()
  }
}

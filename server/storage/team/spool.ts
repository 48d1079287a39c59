import { existsSync } from 'node:fs'
import { EpochtreeError, explain, onlyRead } from '../../errors'
import { statusOf } from '../../journal/liveness'
import { mark } from '../../journal/marks'
import { isFreeFor, reserveName } from '../../journal/names'
import { setProblem } from '../../journal/problems'
import { folders } from '../../journal/runFiles'
import { documentCount, documentsOf } from '../local/handOn'
import * as notes from '../local/handing'
import * as stored from '../local/sessions'
import { mendName } from '../../tracking/reference'
import type { LocalDatabase } from '../local/database'
import type { LocalStores } from '../local/stores'
import type { Marks, Progress, SessionOverview, StoreVersion } from '../ports'
import { agree, baseOf, type Decisions, isAgreed, isNoted, readDecisions, sameDecisions } from './decisions'
import { Bell, delay, unlessAborted } from './patience'
import type { DocumentColumns, ServerName, Team, TeamDecisions, TeamWeights } from './ports'
import { Queue } from './queue'
import { checkRights } from './rights'
import { digest, uploadOf } from './upload'

/** A server that can't be used now. */
export interface ServerAway {
  readonly name: ServerName
  /** Seconds since 1970. */
  readonly since: number
  readonly code: 'server-away' | 'server-refused' | 'server-damaged'
  readonly message: string
}
export interface SpoolEvents {
  /** Servers went away or came back. */
  readonly servers?: (away: readonly ServerAway[]) => void
  /** Others see epochs of a session that they did not see before. */
  readonly handed?: (sessionId: string, epochs: number) => void
  /** Others took a session's name first, so that it has another one now. */
  readonly renamed?: (before: string, name: string) => void
  /** It is another team than before: everything is handed on anew. */
  readonly anew?: () => void
  /** What neither a server nor a session is to blame for; it goes on by itself. */
  readonly trouble?: (error: unknown) => void
}
export interface SpoolTimes {
  /** How often what changed here is looked for. */
  readonly hereMs: number
  readonly thereMs: number
  /** How often running sessions give a sign of life. */
  readonly lifeMs: number
  readonly leaseSeconds: number
  /** The longest time between two tries. */
  readonly retryMs: number
  /** How long `once` waits for a server that is away. */
  readonly patienceMs: number
}
const TIMES: SpoolTimes = { hereMs: 500, thereMs: 2000, lifeMs: 60_000, leaseSeconds: 30, retryMs: 30_000, patienceMs: 30_000 }

/** What was handed on at once, and what was not. */
export interface HandedOn {
  readonly sessions: number
  readonly epochs: number
  readonly documents: number
  /** Of weights that were not there yet. */
  readonly bytes: number
  readonly left: readonly { readonly sessionId: string; readonly name: string; readonly epochs: number; readonly why: string }[]
}

/** Sessions whose epochs are handed on side by side, so that large weights of one don't hold up the others. */
const HANDERS = 3
/** One turn of a session. */
const MOST_EPOCHS = 32
const MOST_DOCUMENTS = 100_000
const MOST_BYTES = 256 * 1024 * 1024
/** Small files go side by side: most of the time is that of the way to the servers. */
const SIDE_BY_SIDE = 4
const MOST_GRAPHS = 10_000
/** `gc` spares graphs for hours after they were brought. */
const GRAPH_MS = 600_000
const LEASE = 'spool'
const LIVING_EVERY_MS = 10_000
const IDENTITY_EVERY_MS = 60_000
const PARENT_MS = 1000
const TROUBLE_FIRST_MS = 5000
const TROUBLE_LONGEST_MS = 300_000
/** A server that answers, and yet is lost so often in a row by one session, is not what is wrong. */
const MOST_FLAPS = 5
const MOST_TRIES = 20
const ASKED_AT_ONCE = 1000
/** A fork waits for its parent no longer than this, whatever is in the parent's way. */
const PARENT_LONGEST_MS = 60_000
const HEARD_LATE_SECONDS = 3600
/** What problems of handing on are told of, in the place of a file. */
const PROBLEMS = { telling: 'team/session', handing: 'team/epochs' } as const

const NEVER = Number.POSITIVE_INFINITY

class Server {
  readonly name: ServerName
  /** Sees whether it can be used; before the first use also makes what is needed there. */
  readonly open: (signal: AbortSignal) => Promise<void>
  /** Undefined before it was tried. */
  away: ServerAway | undefined
  up = false
  failures = 0
  /** When it is tried again; never where nobody waits for it any more. */
  nextAt = 0

  constructor(name: ServerName, open: (signal: AbortSignal) => Promise<void>) {
    this.name = name
    this.open = (signal) => unlessAborted(signal, () => open(signal))
  }
}

/** Thrown where a server is not there: whoever needs it waits. */
class Away extends Error {
  readonly server: Server
  constructor(server: Server) {
    super(server.name)
    this.server = server
  }
}

/** One run of the spool: until it is stopped, or until nothing waits that can be handed on. */
interface Run {
  readonly signal: AbortSignal
  readonly once: boolean
  /** Only these sessions, and those that they start from. */
  readonly only: readonly string[] | undefined
  readonly progress: (progress: Progress) => void
  readonly stop: AbortController
  readonly bell: Bell
  readonly telling: Queue<Server>
  readonly handing: Queue<Server>
  /** Sessions that are told of even where nothing changed here: a sign of life is due, or somebody decided something. */
  readonly due: Set<string>
  readonly failures: Map<string, number>
  readonly flaps: Map<string, number>
  /** What stands in the way of a session, by the queue that it stands in; of late epochs by itself. */
  readonly why: Map<string, { readonly what: Queue<Server> | 'late'; readonly text: string }>
  /** All that had a turn. */
  readonly touched: Set<string>
  /** Since when forks wait for their parents. */
  readonly waiting: Map<string, number>
  /** Sessions of which others see more than before. */
  readonly sessions: Set<string>
  readonly handed: { epochs: number; documents: number; bytes: number }
  /** Epochs that waited in the beginning. */
  total: number
  isOver: boolean
}

/**
 * Hands on what the embedded store has and a team does not: session by session, each epoch with its weights, graph and documents before others can see
 * it. Everything can be repeated, so whoever is killed begins again where the store's notes end.
 */
export class Spool {
  readonly #stores: Pick<LocalStores, 'use' | 'dir'>
  readonly #team: Team
  readonly #events: SpoolEvents
  readonly #times: SpoolTimes
  readonly #holder = notes.newHolder()
  readonly #mongo: Server
  readonly #elastic: Server
  readonly #bucket: Server
  #identity = ''
  /** Another team than before was found: all have to be looked at. */
  #isAnew = false
  /** Graphs that the team has, and when that was seen here: those that nobody needs are taken away there some day. */
  readonly #graphs = new Map<string, number>()
  readonly #contacts = new Map<string, Promise<boolean>>()
  readonly #running = new Set<string>()

  constructor(stores: Pick<LocalStores, 'use' | 'dir'>, team: Team, events: SpoolEvents = {}, times: Partial<SpoolTimes> = {}) {
    this.#stores = stores
    this.#team = team
    this.#events = events
    this.#times = { ...TIMES, ...times }
    const { sessions, documents, weights } = team
    const opening = (name: ServerName, port: Pick<TeamWeights, 'prepare' | 'check' | 'missingRights'>) => {
      let prepared = false
      return async (signal: AbortSignal) => {
        // Whoever may only read there is told so, and not of the first thing that can't be written.
        await checkRights(name, port, signal)
        if (prepared) await port.check(signal)
        else await port.prepare(signal)
        prepared = true
      }
    }
    const openSessions = opening('MongoDB', sessions)
    this.#mongo = new Server('MongoDB', async (signal) => {
      await openSessions(signal)
      await this.#identify()
    })
    this.#elastic = new Server('Elasticsearch', opening('Elasticsearch', documents))
    this.#bucket = new Server('Google Cloud Storage', opening('Google Cloud Storage', weights))
  }

  get #servers() {
    return [this.#mongo, this.#elastic, this.#bucket]
  }

  /** The servers that can't be used now, with since when. */
  away(): readonly ServerAway[] {
    return this.#servers.flatMap(({ away }) => away ?? [])
  }

  /** Goes on until the signal says otherwise; nothing ends it before. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      try {
        if (await this.#takeLease()) {
          await this.#go(signal, false)
          failures = 0
        } else await new Bell().wait((this.#times.leaseSeconds * 1000) / 4, signal)
      } catch (error) {
        if (signal.aborted) break
        this.#events.trouble?.(error)
        await new Bell().wait(delay(failures++, this.#times.retryMs), signal)
      }
    }
    await this.#stores.use((db) => notes.leaveLease(db, LEASE, this.#holder)).catch(() => {})
  }

  /** Hands on all that waits, of these sessions and those that they start from, or of all. `again`: also what was handed on before. */
  async once(
    signal: AbortSignal,
    progress: (progress: Progress) => void = () => {},
    only?: readonly string[],
    again = false,
  ): Promise<HandedOn> {
    // Where another process hands on for this folder, both do: what one has done the other passes over.
    if (await this.#stores.use((db) => db.folderIsReadOnly)) throw onlyRead()
    await this.#takeLease()
    try {
      if (again) await this.#stores.use((db) => notes.forgetHanded(db, only))
      return await this.#go(signal, true, progress, only)
    } finally {
      await this.#stores.use((db) => notes.leaveLease(db, LEASE, this.#holder)).catch(() => {})
    }
  }

  #takeLease(): Promise<boolean> {
    return this.#stores.use((db) => !db.folderIsReadOnly && notes.takeLease(db, LEASE, this.#holder, this.#times.leaseSeconds))
  }

  /** All parts of a run end together: with the signal, with the last that waited, or with the first that fails. */
  async #go(signal: AbortSignal, once: boolean, progress: Run['progress'] = () => {}, only?: readonly string[]): Promise<HandedOn> {
    const stop = new AbortController()
    const run: Run = {
      signal: AbortSignal.any([signal, stop.signal]),
      once,
      only,
      progress,
      stop,
      bell: new Bell(),
      telling: new Queue(),
      handing: new Queue(),
      due: new Set(),
      failures: new Map(),
      flaps: new Map(),
      why: new Map(),
      touched: new Set(),
      waiting: new Map(),
      sessions: new Set(),
      handed: { epochs: 0, documents: 0, bytes: 0 },
      total: 0,
      isOver: false,
    }
    for (const server of this.#servers) if (!server.up) server.nextAt = 0
    let failed: { readonly error: unknown } | undefined
    const part = (work: Promise<unknown>) =>
      work
        .catch((error: unknown) => {
          if (!run.signal.aborted) failed ??= { error }
        })
        .finally(() => {
          if (failed) stop.abort()
        })
    if (once) await this.#gather(run)
    const looked = once ? this.#lookThere(run) : Promise.resolve()
    const work = async (queue: Queue<Server>, one: (id: string) => Promise<boolean | number>) => {
      await looked
      await this.#work(run, queue, one)
    }
    const workers = [
      work(run.telling, (id) => this.#tell(run, id)),
      ...Array.from({ length: HANDERS }, () => work(run.handing, (id) => this.#handOn(run, id))),
    ].map(part)
    const beside = [
      ...this.#servers.map((server) => this.#revive(run, server)),
      this.#keepLease(run),
      ...(once ? [] : [this.#watchHere(run), this.#watchThere(run), this.#watchLife(run)]),
    ].map(part)
    await Promise.all(once ? workers : beside)
    stop.abort()
    await Promise.all([...workers, ...beside])
    if (failed) throw failed.error
    if (once && signal.aborted)
      throw new EpochtreeError('aborted', 'It was cancelled. What others can see already stays; the next time it goes on from there.')
    return this.#summary(run)
  }

  // ---- the servers

  /** Brings a server back, and up in the first place; nobody else tries it while it is away. */
  async #revive(run: Run, server: Server) {
    while (!run.signal.aborted && !run.isOver) {
      if (!server.up && server.nextAt <= Date.now()) {
        try {
          await server.open(run.signal)
          this.#back(run, server)
          if (this.#isAnew) {
            this.#isAnew = false
            await this.#gather(run)
          }
        } catch (error) {
          if (run.signal.aborted) return
          if (!(error instanceof EpochtreeError) || isOurs(error)) throw error
          this.#gone(server, error)
          // Who is not let in need not wait.
          const { code, since } = server.away!
          if (run.once && (code === 'server-refused' || Date.now() - since * 1000 > this.#times.patienceMs)) server.nextAt = NEVER
          run.bell.ring()
        }
      }
      await run.bell.wait(server.up ? NEVER : server.nextAt - Date.now(), run.signal)
    }
  }

  #back(run: Run, server: Server) {
    server.up = true
    server.failures = 0
    const told = server.away !== undefined
    server.away = undefined
    if (told) this.#events.servers?.(this.away())
    for (const queue of [run.telling, run.handing]) queue.unpark(server)
    run.bell.ring()
  }

  #gone(server: Server, error: unknown) {
    const { code, message } = explain(error)
    const before = server.away
    server.up = false
    server.nextAt = Date.now() + delay(server.failures++, this.#times.retryMs)
    server.away = {
      name: server.name,
      since: before?.since ?? Date.now() / 1000,
      code: code === 'server-refused' || code === 'server-damaged' ? code : 'server-away',
      message,
    }
    if (!before || before.message !== message) this.#events.servers?.(this.away())
  }

  /** Asks servers for something. Where it fails, each is looked at: one that can't be used is noted, else what was asked is to blame. */
  async #ask<Answer>(run: Run, servers: readonly [Server, ...Server[]], work: () => Promise<Answer>): Promise<Answer> {
    const missing = servers.find(({ up }) => !up)
    if (missing) throw new Away(missing)
    try {
      return await unlessAborted(run.signal, work)
    } catch (error) {
      if (run.signal.aborted || !(error instanceof EpochtreeError) || !error.code.startsWith('server-')) throw error
      for (const server of servers) {
        try {
          await server.open(run.signal)
        } catch (reason) {
          if (run.signal.aborted) throw reason
          this.#gone(server, reason)
          run.bell.ring()
          throw new Away(server)
        }
      }
      throw error
    }
  }

  async #identify() {
    const identity = await this.#team.sessions.identity()
    const before = await this.#stores.use((db) => {
      const noted = notes.notedTeam(db)
      if (noted !== identity) notes.noteTeam(db, identity)
      return noted
    })
    if (identity === this.#identity) return
    const first = this.#identity === ''
    this.#identity = identity
    this.#graphs.clear()
    if (before !== undefined && before !== identity) {
      this.#isAnew = true
      this.#events.anew?.()
    }
    // What was begun for the one before is begun again.
    if (!first) throw new EpochtreeError('server-away', 'The database is another than before: everything is handed on anew.')
  }

  // ---- whose turn it is

  /** All sessions, or some with those that they start from, and evaluations of their epochs. */
  async #gather(run: Run) {
    const { only } = run
    const ids = await this.#stores.use((db) => {
      if (!only) return notes.allSessions(db)
      const lines = only.flatMap((id) => stored.history(db, id).segments.map(({ sessionId }) => sessionId))
      const chosen = [...new Set([...lines, ...only])]
      return [...chosen, ...notes.evaluationsOf(db, chosen)]
    })
    run.total = await this.#stores.use((db) => notes.waiting(db, ids))
    await this.#add(run, ids)
  }

  async #add(run: Run, ids: readonly string[]) {
    if (ids.length === 0) return
    const withDocuments = new Set(await this.#stores.use((db) => notes.withSomethingToHandOn(db, ids)))
    // They begin with the time: who was forked from comes before the fork.
    for (const id of ids.toSorted()) {
      run.touched.add(id)
      run.telling.add(id)
      if (withDocuments.has(id)) run.handing.add(id)
    }
    run.bell.ring()
  }

  /** One of those who work through a queue. `work` tells whether there is more to do, or until when to wait. */
  async #work(run: Run, queue: Queue<Server>, work: (id: string) => Promise<boolean | number>) {
    while (!run.signal.aborted) {
      const id = queue.take(Date.now())
      if (id === undefined) {
        if (run.once && this.#isOver(run)) return
        await run.bell.wait(Math.max(queue.next() - Date.now(), 1), run.signal)
        continue
      }
      try {
        const more = await work(id)
        run.flaps.delete(id)
        run.failures.delete(id)
        if (run.why.get(id)?.what === queue) run.why.delete(id)
        if (typeof more === 'number') queue.doneUntil(id, more)
        else queue.done(id, more)
      } catch (error) {
        if (run.signal.aborted) return
        await this.#failed(run, queue, id, error)
      }
      if (run.once) run.bell.ring()
    }
  }

  async #failed(run: Run, queue: Queue<Server>, id: string, error: unknown) {
    if (error instanceof Away) {
      run.why.set(id, { what: queue, text: error.server.away?.message ?? `${error.server.name} was not asked yet.` })
      // It may be back since.
      return error.server.up ? queue.done(id, true) : queue.park(id, error.server)
    }
    const { code, message } = explain(error)
    // The store itself: whoever runs this begins again.
    if (isOurs({ code })) throw error
    const flaps = (run.flaps.get(id) ?? 0) + 1
    if (code === 'server-away' && flaps < MOST_FLAPS) {
      run.flaps.set(id, flaps)
      return queue.doneUntil(id, Date.now() + delay(flaps, this.#times.retryMs))
    }
    run.flaps.delete(id)
    const failures = run.failures.get(id) ?? 0
    run.failures.set(id, failures + 1)
    run.why.set(id, { what: queue, text: message })
    const which = queue === run.telling ? PROBLEMS.telling : PROBLEMS.handing
    await this.#stores.use((db) => setProblem(db, id, which, `It is not handed on. ${message}`))
    if (run.once) queue.done(id, false)
    else queue.doneUntil(id, Date.now() + delay(failures, TROUBLE_LONGEST_MS, TROUBLE_FIRST_MS))
  }

  #isOver(run: Run): boolean {
    if (run.isOver) return true
    const waitedFor = [...run.telling.parked().values(), ...run.handing.parked().values()]
    const over = [run.telling, run.handing].every((queue) => queue.isIdle() && queue.next() === NEVER) && waitedFor.every(isGivenUp)
    if (over) {
      run.isOver = true
      run.bell.ring()
    }
    return over
  }

  async #keepLease(run: Run) {
    const every = (this.#times.leaseSeconds * 1000) / 3
    for (;;) {
      await new Bell().wait(every, run.signal)
      if (run.signal.aborted || run.isOver) return
      // Somebody else took it while this process slept: it waits for its turn.
      if (!(await this.#takeLease()) && !run.once) return run.stop.abort()
    }
  }

  // ---- what changed

  async #watchHere(run: Run) {
    let at: StoreVersion | undefined
    while (!run.signal.aborted) {
      const seen = at
      const { sessionIds, ...changes } = await this.#stores.use((db) => stored.changes(db, seen))
      at = changes.at
      await this.#add(run, sessionIds)
      await new Bell().wait(this.#times.hereMs, run.signal)
    }
  }

  /** What others decided about sessions from here, and whether the database is still the same. */
  async #watchThere(run: Run) {
    const { sessions } = this.#team
    let at: StoreVersion | undefined
    let identified = Date.now()
    while (!run.signal.aborted) {
      try {
        if (this.#mongo.up && Date.now() - identified > IDENTITY_EVERY_MS) {
          identified = Date.now()
          await this.#ask(run, [this.#mongo], () => this.#identify())
        }
        const found = await this.#ask(run, [this.#mongo], () => sessions.changes(at))
        const here = await this.#stores.use((db) => notes.hereOf(db, found.sessionIds))
        for (let from = 0; from < here.length; from += ASKED_AT_ONCE) {
          await this.#compare(run, here.slice(from, from + ASKED_AT_ONCE))
        }
        at = found.at
      } catch (error) {
        if (run.signal.aborted) return
        // Whoever is to blame is looked at by the next who asks.
        if (!(error instanceof Away) && !(error instanceof EpochtreeError)) throw error
      }
      await new Bell().wait(this.#times.thereMs, run.signal)
    }
  }

  /** What others decided about the sessions of a single run. */
  async #lookThere(run: Run) {
    const isBack = async () => {
      while (!this.#mongo.up && !isGivenUp(this.#mongo) && !run.signal.aborted) await run.bell.wait(NEVER, run.signal)
      return this.#mongo.up
    }
    await isBack()
    const here = await this.#stores.use((db) => notes.hereOf(db, [...run.touched]))
    for (let from = 0, flaps = 0; from < here.length && (await isBack());) {
      try {
        await this.#compare(run, here.slice(from, from + ASKED_AT_ONCE))
        from += ASKED_AT_ONCE
        flaps = 0
      } catch (error) {
        if (error instanceof Away) continue
        if (!(error instanceof EpochtreeError) || error.code !== 'server-away' || ++flaps === MOST_FLAPS) throw error
        await new Bell().wait(delay(flaps, this.#times.retryMs), run.signal)
      }
    }
  }

  async #compare(run: Run, ids: readonly string[]) {
    // Read before the server is asked, so that no epoch which is just being handed on counts as lost.
    const handed = await this.#stores.use((db) => notes.handedOf(db, ids))
    const there = await this.#ask(run, [this.#mongo], () => this.#team.sessions.sessions({ deleted: true, ids }))
    const known = new Set(there.map(({ id }) => id))
    const found = await this.#stores.use((db) => [
      // What was removed there is told once more, and the answer says so; not where it is deleted here too.
      ...ids.filter((id) => {
        const told = known.has(id) ? undefined : notes.toldOf(db, id, this.#identity)
        return told && told.told !== null && told.pulledFrom !== this.#identity && told.decisions.deleted === null
      }),
      ...there.flatMap((one) => {
        const told = notes.toldOf(db, one.id, this.#identity)
        if (!told) return []
        const theirs = { name: one.name, selected: one.selected?.id ?? null, tags: one.tags, deleted: one.deletedAt }
        const differs = !sameDecisions(theirs, told.decisions)
        // A database that was set back to an earlier state has fewer epochs than it was given.
        const lost = one.own < (handed.get(one.id) ?? 0) && one.deletedAt === null && told.pulledFrom !== this.#identity
        if (lost) notes.forgetTold(db, one.id)
        return differs || lost ? [one.id] : []
      }),
    ])
    for (const id of found) run.due.add(id)
    await this.#add(run, found)
  }

  async #watchLife(run: Run) {
    let signed = Date.now()
    while (!run.signal.aborted) {
      const now = new Set(
        await this.#stores.use((db) => notes.unended(db).flatMap((session) => (this.#lives(db, session) ? [session.id] : []))),
      )
      const due = Date.now() - signed >= this.#times.lifeMs
      if (due) signed = Date.now()
      const changed = [...now, ...this.#running].filter((id) => due || now.has(id) !== this.#running.has(id))
      this.#running.clear()
      for (const id of now) this.#running.add(id)
      for (const id of changed) run.due.add(id)
      await this.#add(run, [...new Set(changed)])
      await new Bell().wait(Math.min(LIVING_EVERY_MS, this.#times.lifeMs), run.signal)
    }
  }

  /** Whether its engine lives. One that is gone counts as alive until all that it wrote was read: only then it is known how it ended. */
  #lives(db: LocalDatabase, session: SessionOverview): boolean {
    const { run } = folders(this.#stores.dir)
    const status = statusOf(session, run)
    return status === 'running' || (status === 'interrupted' && !notes.isRead(db, session.id, run(session.id)))
  }

  // ---- what a session is told, and what people decided about it

  /** Whether the team knows of the session now; false where there is nothing to be told. */
  #contact(run: Run, id: string): Promise<boolean> {
    let contact = this.#contacts.get(id)
    if (!contact) this.#contacts.set(id, (contact = this.#putSession(run, id).finally(() => this.#contacts.delete(id))))
    return contact
  }

  async #tell(run: Run, id: string): Promise<boolean | number> {
    const told = await this.#told(id)
    if (!told) return false
    if (await this.#waitsForParent(run, told)) return Date.now() + PARENT_MS
    await this.#contact(run, id)
    await this.#stores.use((db) => setProblem(db, id, PROBLEMS.telling, undefined))
    return false
  }

  async #told(id: string): Promise<notes.Told | undefined> {
    if (!this.#mongo.up) throw new Away(this.#mongo)
    return this.#stores.use((db) => {
      const told = notes.toldOf(db, id, this.#identity)
      const isUnknown = told && told.told === null && told.pulledFrom !== this.#identity
      return isUnknown && told.record.deletedAt !== null && !notes.isNeeded(db, id) ? undefined : told
    })
  }

  /** A fork comes after the epoch that it starts at, unless that can't be handed on. */
  async #waitsForParent(run: Run, { told, record: { id, forkedFrom } }: notes.Told): Promise<boolean> {
    if (told !== null || forkedFrom === null) return false
    const parent = await this.#stores.use((db) => notes.onItsWay(db, forkedFrom.epochId, this.#identity))
    if (parent === undefined || (run.once && !run.handing.has(parent))) return false
    const lost = this.#servers.find(isGivenUp)
    if (lost) throw new Away(lost)
    const since = run.waiting.get(id) ?? Date.now()
    run.waiting.set(id, since)
    return Date.now() - since < PARENT_LONGEST_MS && !run.failures.has(parent)
  }

  async #putSession(run: Run, id: string): Promise<boolean> {
    const isDue = run.due.delete(id)
    try {
      return await this.#agreeAbout(run, id, isDue)
    } catch (error) {
      if (isDue) run.due.add(id)
      throw error
    }
  }

  async #agreeAbout(run: Run, id: string, isDue: boolean): Promise<boolean> {
    const { sessions, config } = this.#team
    let isNew = false
    for (let tries = 0; ; tries++) {
      const before = await this.#told(id)
      if (!before) return false
      if (before.pulledFrom === this.#identity) return this.#agreeAboutPulled(run, before, isDue)
      const { told, alive } = await this.#stores.use((db) => {
        const lives = this.#lives(db, before.record)
        // How it ended may have been read meanwhile.
        return { alive: lives, told: lives ? before : (notes.toldOf(db, id, this.#identity) ?? before) }
      })
      // Whoever looks for those that have ended has to know of it, however soon it ends.
      if (alive) this.#running.add(id)
      const upload = uploadOf(told.record, config.by, alive, this.#stores.dir)
      const now = digest(upload)
      const isKnown = told.told === now && !isDue && tries === 0
      if (isKnown && isAgreed(told)) return true
      let there: TeamDecisions
      try {
        there = await this.#ask(run, [this.#mongo], () => sessions.putSession(upload, run.signal))
      } catch (error) {
        // Gone on both sides: nothing is left to be told.
        if (explain(error).code === 'session-deleted' && told.record.deletedAt !== null) return false
        throw error
      }
      if (told.told === null) {
        const noted = await this.#stores.use((db) => notes.visibleOf(db, id))
        const known = await this.#ask(run, [this.#mongo], () =>
          sessions.epochs({ segments: [{ sessionId: id, from: 1, to: Number.MAX_SAFE_INTEGER }] }, run.signal),
        )
        isNew = known.length === 0
        await this.#stores.use((db) =>
          notes.noteKnown(
            db,
            id,
            known.map((epoch) => epoch.id),
            noted,
          ),
        )
        // It may turn out to have fewer than was noted.
        run.handing.add(id)
        run.bell.ring()
      }
      await this.#stores.use((db) => notes.noteTold(db, id, now))
      if (await this.#agree(run, told, there, isNew, (marks) => sessions.decide(id, marks, there.version))) return true
      if (tries === MOST_TRIES) throw new EpochtreeError('team-busy', 'Others change it all the time. It is tried again.')
    }
  }

  async #agreeAboutPulled(run: Run, told: notes.Told, isDue: boolean): Promise<boolean> {
    const { sessions } = this.#team
    const { id } = told.record
    if (!isDue && isAgreed(told)) return true
    const there = await this.#ask(run, [this.#mongo], () => sessions.session(id))
    if (!there) return false
    const decisions = { name: there.name, selected: there.selected?.id ?? null, tags: there.tags, deleted: there.deletedAt }
    // Where not, somebody decided something here meanwhile, and it has its turn again.
    await this.#agree(run, told, decisions, false, (marks) => sessions.mark(id, marks))
    return true
  }

  /** Brings both sides together; false where somebody decided something meanwhile, and all is looked at again. */
  async #agree(run: Run, told: notes.Told, there: Decisions, isNew: boolean, decide: (marks: Marks) => Promise<unknown>): Promise<boolean> {
    const { decisions: here, record } = told
    const theirs = readDecisions(there, here)
    const found = agree(here, { ...baseOf(told), ...(isNew ? { name: here.name } : {}) }, theirs)
    let { agreed } = found
    let toThere: Marks = found.there
    let toHere: Marks = found.here
    // What the team does not have yet nobody can select there.
    const { selected, deleted } = toThere
    if (selected != null && !(await this.#stores.use((db) => notes.isThere(db, selected)))) {
      const { selected: _, ...others } = toThere
      toThere = others
      agreed = { ...agreed, selected: theirs.selected }
    }
    // Whoever puts a copy away that was brought here leaves the others theirs.
    if (deleted !== undefined && told.pulledFrom === this.#identity) {
      const { deleted: _, ...others } = toThere
      toThere = others
      agreed = { ...agreed, deleted: theirs.deleted }
    } else if (deleted != null && Date.now() / 1000 - deleted > HEARD_LATE_SECONDS) {
      // Others hear of it only now: the time in which they can take it back begins now.
      const now = { deleted: Date.now() / 1000 }
      toThere = { ...toThere, ...now }
      toHere = { ...toHere, ...now }
      agreed = { ...agreed, ...now }
    }
    if (Object.keys(toThere).length > 0) {
      try {
        if ((await this.#ask(run, [this.#mongo], () => decide(toThere))) === undefined) return false
      } catch (error) {
        if (!(error instanceof EpochtreeError) || error.code !== 'bad-name' || toThere.name === undefined) throw error
        // Others took that name. The rest is told with the next look.
        return this.#rename(run, record.id, toThere.name)
      }
    }
    const { name } = toHere
    const isTaken = name !== undefined && !isFreeFor(this.#stores.dir, name, record.id)
    if (isTaken && told.pulledFrom !== this.#identity) return this.#rename(run, record.id, name)
    const isDone = await this.#stores.use((db) => {
      const now = notes.toldOf(db, record.id, this.#identity)
      if (!now) return true
      if (!sameDecisions(now.decisions, here)) return false
      if (Object.keys(toHere).length === 0 && isNoted(now, agreed)) return true
      const alias = isTaken ? reserveName(this.#stores.dir, mendName(name), record.id) : name === undefined ? now.alias : null
      const noted = { team: this.#identity, ...agreed, ...(alias === null ? {} : { alias }) }
      mark(db, this.#stores.dir, record.id, { ...toHere, ...(isTaken ? { name: alias! } : {}), agreed: noted })
      return true
    })
    if (isDone && isNew && name !== undefined && !isTaken) this.#events.renamed?.(here.name, name)
    return isDone
  }

  /** Gives a session the first name that is free on both sides. */
  async #rename(run: Run, id: string, base: string): Promise<boolean> {
    for (let n = 2; n < 10_000; n++) {
      const name = `${base}-${n}`
      if (!isFreeFor(this.#stores.dir, name, id)) continue
      try {
        await this.#ask(run, [this.#mongo], () => this.#team.sessions.mark(id, { name }))
      } catch (error) {
        if (error instanceof EpochtreeError && error.code === 'bad-name') continue
        throw error
      }
      await this.#stores.use((db) => mark(db, this.#stores.dir, id, { name }))
      this.#events.renamed?.(base, name)
      return false
    }
    throw new EpochtreeError('bad-name', `No name like "${base}" is free in the team. Rename it: \`epochtree rename ${base} NAME\`.`)
  }

  // ---- epochs

  async #handOn(run: Run, id: string): Promise<boolean | number> {
    const evaluated = await this.#stores.use((db) => notes.nextEvaluated(db, id))
    if (evaluated) return this.#handOnEvaluated(run, evaluated)
    const told = await this.#told(id)
    if (!told || told.pulledFrom === this.#identity) return false
    if (told.record.deletedAt !== null && !(await this.#stores.use((db) => notes.isNeeded(db, id)))) return false
    const next = await this.#stores.use((db) =>
      notes.nextEpochs(db, id, { epochs: MOST_EPOCHS, documents: MOST_DOCUMENTS, bytes: MOST_BYTES }),
    )
    if (next.length === 0) return this.#nothingNext(run, id)
    if (await this.#waitsForParent(run, told)) return Date.now() + PARENT_MS
    // In its own turn it is told of what changed; here it only has to be known.
    if (told.told === null && !(await this.#contact(run, id))) return false
    // Those that the team turned out to have are passed over.
    if (told.told === null) return true
    await this.#handOnEpochs(run, told, next)
    await this.#stores.use((db) => setProblem(db, id, PROBLEMS.handing, undefined))
    return true
  }

  async #nothingNext(run: Run, id: string): Promise<boolean> {
    const late = await this.#stores.use((db) => notes.lateEpochs(db, id))
    const why =
      late.length === 0 ? undefined : `Epochs that were whole only after later ones had been handed on stay here: ${late.join(', ')}.`
    if (why !== undefined) run.why.set(id, { what: 'late', text: why })
    await this.#stores.use((db) => setProblem(db, id, PROBLEMS.handing, why))
    return false
  }

  async #handOnEpochs(run: Run, { record: { id, name } }: notes.Told, next: readonly notes.NextEpoch[]) {
    const { documents, sessions } = this.#team
    const at = next[0]!.epoch.number
    const show = (what: string, done = run.handed.epochs, total = run.total) => run.progress({ what, done, total })
    const rest = [...next]
    const some = async () => {
      for (let one = rest.shift(); one; one = rest.shift()) {
        show(`Handing on ${name}@${one.epoch.number}`)
        await this.#handOnFiles(run, one, show)
        await this.#handOnGraph(run, one)
      }
    }
    const tried = await Promise.allSettled(Array.from({ length: SIDE_BY_SIDE }, some))
    for (const one of tried) if (one.status === 'rejected') throw one.reason
    const unwritten = next.filter((one) => one.step < notes.step.documents)
    // Of a try that was cut off all may be there already.
    const counts = next.some((one) => one.step === notes.step.documents)
      ? await this.#ask(run, [this.#elastic], () => documents.count(next.map(({ epoch }) => epoch.id)))
      : new Map<string, number>()
    const toWrite = [...unwritten, ...next.filter((one) => one.step === notes.step.documents && counts.get(one.epoch.id) !== one.documents)]
    const total = toWrite.reduce((sum, one) => sum + one.documents, 0)
    if (total > 0) {
      const columns = this.#documents(toWrite.map(({ epoch }) => ({ epoch, source: '' })))
      const { written, known } = await this.#ask(run, [this.#elastic, this.#mongo], () =>
        documents.write(columns, {
          signal: run.signal,
          progress: (progress) => show(`Handing on documents of ${name}@${at}`, progress.done, Math.max(total, progress.total)),
        }),
      )
      if (written + known !== total)
        throw new EpochtreeError('server-damaged', `Of ${total} documents Elasticsearch took ${written + known}. It is tried again.`)
      run.handed.documents += written
    }
    await this.#stores.use((db) =>
      notes.noteStep(
        db,
        next.map(({ row }) => row),
        notes.step.documents,
      ),
    )
    let visible = 0
    try {
      for (const { row, epoch, begun, started, documents: count } of next) {
        await this.#ask(run, [this.#mongo], () => sessions.putEpoch({ ...epoch, begun, started, documents: count }))
        await this.#stores.use((db) => notes.noteVisible(db, id, row, epoch.number))
        visible++
        run.handed.epochs++
        run.sessions.add(id)
        show(`Handing on ${name}@${epoch.number}`)
      }
    } finally {
      if (visible > 0) this.#events.handed?.(id, visible)
    }
    // What evaluations logged for them waited; and forks that were told of before them are told of once more.
    const { evaluations, forks } = await this.#stores.use((db) => ({
      evaluations: notes.evaluationsOf(db, [id]),
      forks: notes.forksOf(
        db,
        next.map(({ epoch }) => epoch.id),
      ),
    }))
    for (const fork of forks) run.due.add(fork)
    // And it may have selected one of them: until now nobody could there.
    await this.#add(run, [id, ...evaluations, ...forks])
  }

  async #handOnFiles(run: Run, { row, epoch, step }: notes.NextEpoch, show: (what: string, done: number, total: number) => void) {
    const { sessions, weights } = this.#team
    const files = epoch.released ? [] : [epoch.weights, epoch.optimizerState].filter((file) => file !== null)
    for (const { sha256, bytes, format } of files) {
      const path = folders(this.#stores.dir).weightsFile(sha256)
      if (!existsSync(path))
        throw new EpochtreeError(
          'no-weights',
          `The weights file ${sha256} of its epoch ${epoch.number} is not in ${folders(this.#stores.dir).weights} any more. Bring it back from a backup; the other sessions go on.`,
        )
      // Noted is not enough: long ago it may have been, and since then somebody may have tidied up there.
      const isThere = run.once && (await this.#ask(run, [this.#bucket], () => weights.has(sha256, bytes)))
      const location = await this.#ask(run, [this.#bucket], () =>
        weights.put(sha256, path, {
          signal: run.signal,
          progress: (done, total) => show(`Handing on weights of epoch ${epoch.number}`, done, total),
        }),
      )
      if (!isThere) run.handed.bytes += bytes
      await this.#ask(run, [this.#mongo], () => sessions.putWeights({ sha256, bytes, format, location, graphHash: epoch.graphHash }))
    }
    if (step < notes.step.weights) await this.#stores.use((db) => notes.noteStep(db, [row], notes.step.weights))
  }

  async #handOnGraph(run: Run, { row, epoch: { graphHash }, step }: notes.NextEpoch) {
    if (graphHash !== null && Math.abs(Date.now() - (this.#graphs.get(graphHash) ?? 0)) > GRAPH_MS) {
      const { graph, summary } = await this.#stores.use((db) => ({
        graph: stored.graph(db, graphHash),
        summary: stored.graphSummary(db, graphHash),
      }))
      if (!graph || !summary)
        throw new EpochtreeError('not-found', `Its graph ${graphHash} is not in the store. \`epochtree doctor --rebuild\` reads it again.`)
      await this.#ask(run, [this.#mongo, this.#bucket], () => this.#team.sessions.putGraph(graphHash, graph, summary, run.signal))
      if (this.#graphs.size > MOST_GRAPHS) this.#graphs.clear()
      this.#graphs.set(graphHash, Date.now())
    }
    if (step < notes.step.graph) await this.#stores.use((db) => notes.noteStep(db, [row], notes.step.graph))
  }

  /** Chunk by chunk, with whatever happened to the store in between. */
  async *#documents(
    of: readonly {
      readonly epoch: { readonly id: string; readonly sessionId: string; readonly number: number }
      readonly source: string
    }[],
  ): AsyncGenerator<DocumentColumns> {
    for (const { epoch, source } of of) {
      const columns = await this.#stores.use((db) => documentsOf(db, epoch, source))
      for (;;) {
        const next = await this.#stores.use(() => columns.next())
        if (next.done) break
        yield next.value
      }
    }
  }

  async #handOnEvaluated(run: Run, { source, row, epoch, stored: lines, ready }: notes.Evaluated): Promise<boolean | number> {
    // It comes again once others see the epoch.
    if (!ready) return false
    if (!this.#mongo.up) throw new Away(this.#mongo)
    const total = await this.#stores.use((db) => documentCount(db, epoch.id, source))
    const { written, known } = await this.#ask(run, [this.#elastic, this.#mongo], () =>
      this.#team.documents.write(this.#documents([{ epoch, source }]), { signal: run.signal }),
    )
    if (written + known < total)
      throw new EpochtreeError(
        'server-damaged',
        `Of ${total} documents of an evaluation Elasticsearch took ${written + known}. It is tried again.`,
      )
    run.handed.documents += written
    await this.#stores.use((db) => notes.noteEvaluated(db, source, row, lines))
    return true
  }

  // ---- in the end

  #summary({ touched, sessions, handed, why }: Run): Promise<HandedOn> {
    return this.#stores.use((db) => {
      const left = stored.sessions(db, { deleted: true, ids: [...touched] }).flatMap(({ id, name }) => {
        const epochs = notes.waiting(db, [id])
        return epochs > 0 || why.has(id) ? [{ sessionId: id, name, epochs, why: why.get(id)?.text ?? notes.whyWaiting(db, id) }] : []
      })
      return { sessions: sessions.size, ...handed, left }
    })
  }
}

/** What is wrong with the embedded store, or the disk that it lies on. */
const isOurs = ({ code }: Pick<EpochtreeError, 'code'>) => code.startsWith('store-') || code === 'disk-full' || code === 'read-only'

const isGivenUp = ({ up, nextAt }: Server) => !up && nextAt === NEVER

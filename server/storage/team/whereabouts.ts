import type { LocalDatabase } from '../local/database'
import type { LocalStores } from '../local/stores'
import type { EpochRecord, Scope, Segment, SessionOverview, SessionStore } from '../ports'
import { type History, history as lineage } from '../../tracking/lineage'
import { EpochtreeError } from '../../errors'
import type { Known, Owner } from './known'

/** A part of a scope that one kind of store has all of. */
export interface Piece {
  /** The embedded store has it; else the servers do. */
  readonly here: boolean
  readonly scope: Scope
}
/** A piece of a history, whose numbers the session store is asked for. */
export interface SegmentPiece {
  readonly here: boolean
  readonly segments: readonly Segment[]
}

/** Epochs that the embedded store can answer for. Of an awaited one it only has what an evaluation logged. */
const HERE = "state NOT IN ('refused', 'missing', 'awaited') AND session IS NOT NULL"

const ownLast = (db: LocalDatabase, ids: readonly string[]) =>
  new Map(
    db.rows<readonly [id: string, last: number | null]>(
      'SELECT id, latest_number FROM session WHERE id IN (SELECT value FROM json_each(?))',
      JSON.stringify(ids),
    ),
  )
const epochsHere = (db: LocalDatabase, ids: readonly string[]) =>
  new Set(
    db
      .rows<readonly [string]>(`SELECT id FROM epoch WHERE id IN (SELECT value FROM json_each(?)) AND ${HERE}`, JSON.stringify(ids))
      .map(([id]) => id),
  )
const NOT_HERE = (column: string) =>
  `s.${column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM epoch e WHERE e.id = s.${column} AND e.state IN ('ok', 'verifying'))`
const owners = (db: LocalDatabase, ids: readonly string[]) =>
  db.rows<readonly [id: string, session: string, number: number]>(
    "SELECT id, session, number FROM epoch WHERE id IN (SELECT value FROM json_each(?)) AND state IN ('ok', 'verifying')",
    JSON.stringify(ids),
  )
/** Sessions that start at an epoch which is not here. */
const forkedElsewhere = (db: LocalDatabase) =>
  db.rows<readonly [id: string, epoch: string]>(`SELECT s.id, s.fork_epoch FROM session s WHERE ${NOT_HERE('fork_epoch')}`)
/** Sessions that selected an epoch which is not here. */
const selectedElsewhere = (db: LocalDatabase) =>
  db.rows<readonly [id: string, epoch: string]>(`SELECT s.id, s.selected FROM session s WHERE ${NOT_HERE('selected')}`)

/** Who has what: sessions and epochs lie in the embedded store, with the team, or in both. */
export class Whereabouts {
  readonly local: LocalStores
  readonly #team: Pick<SessionStore, 'epochs' | 'session'>
  readonly #known: Known
  /** Whether MongoDB was away when it was asked last. */
  readonly isAway: () => boolean

  constructor(local: LocalStores, team: Pick<SessionStore, 'epochs' | 'session'>, known: Known, isAway: () => boolean) {
    this.local = local
    this.#team = team
    this.#known = known
    this.isAway = isAway
  }

  /** Segments cut where the embedded store's part of a session ends: of one that was pulled, the team may have more. */
  async cutSegments(segments: readonly Segment[]): Promise<SegmentPiece[]> {
    const ids = [...new Set(segments.map(({ sessionId }) => sessionId))]
    const last = await this.local.use((db) => ownLast(db, ids))
    this.#known.load()
    const pieces: { here: boolean; segments: Segment[] }[] = []
    const add = (here: boolean, segment: Segment) => {
      if (segment.from > segment.to) return
      const before = pieces.at(-1)
      if (before?.here === here) before.segments.push(segment)
      else pieces.push({ here, segments: [segment] })
    }
    for (const segment of segments) {
      const { sessionId, from, to } = segment
      const own = last.get(sessionId)
      const theirs = this.#known.sessions.get(sessionId)?.latest?.number ?? 0
      if (own === undefined) add(false, segment)
      else if (theirs <= (own ?? 0)) add(true, segment)
      else {
        add(true, { sessionId, from, to: Math.min(to, own ?? 0) })
        add(false, { sessionId, from: Math.max(from, (own ?? 0) + 1), to })
      }
    }
    return pieces
  }

  async cut(scope: Scope): Promise<Piece[]> {
    if ('segments' in scope) {
      const { segments, open } = scope
      const pieces: Piece[] = (await this.cutSegments(segments)).map(({ here, segments: own }) => ({ here, scope: { segments: own } }))
      if (open === undefined) return pieces
      // What is not committed is known to its trainer alone.
      const last = pieces.at(-1)
      return last?.here && 'segments' in last.scope
        ? [...pieces.slice(0, -1), { here: true, scope: { ...last.scope, open } }]
        : [...pieces, { here: true, scope: { segments: [], open } }]
    }
    const found = await this.local.use((db) => epochsHere(db, scope.epochIds))
    const pieces: { here: boolean; scope: { epochIds: string[] } }[] = []
    for (const id of scope.epochIds) {
      const here = found.has(id)
      const before = pieces.at(-1)
      if (before?.here === here) before.scope.epochIds.push(id)
      else pieces.push({ here, scope: { epochIds: [id] } })
    }
    return pieces
  }

  async isHere(sessionId: string): Promise<boolean> {
    return (await this.local.use((db) => ownLast(db, [sessionId]))).has(sessionId)
  }

  /** What sessions say of epochs that lie in the other place, as far as these are known by now. */
  async told<Session extends SessionOverview>(sessions: readonly Session[]): Promise<Session[]> {
    this.#known.load()
    const selected = new Map(await this.local.use(selectedElsewhere))
    const missing = sessions.flatMap(({ forkedFrom, forkPoint }) => (forkedFrom && !forkPoint ? forkedFrom.epochId : []))
    const here = new Map(missing.length ? (await this.local.use((db) => owners(db, missing))).map(([id, ...owner]) => [id, owner]) : [])
    const ownerOf = (epochId: string): Owner | undefined => {
      const [sessionId, number] = here.get(epochId) ?? []
      return sessionId === undefined ? this.#known.owners.get(epochId) : { sessionId, number: number! }
    }
    return sessions.map((one) => {
      const owner = one.forkedFrom && !one.forkPoint ? ownerOf(one.forkedFrom.epochId) : undefined
      const chosen = one.selected ? undefined : selected.get(one.id)
      const number = chosen === undefined ? undefined : this.#known.owners.get(chosen)?.number
      if (!owner && number === undefined) return one
      return {
        ...one,
        ...(owner ? { forkPoint: owner } : {}),
        ...(number === undefined ? {} : { selected: { id: chosen!, number } }),
      }
    })
  }

  /** Looks for epochs that sessions here name and that are elsewhere; ids of the sessions that name one that was found. */
  async learn(signal?: AbortSignal): Promise<string[]> {
    const named = await this.local.use((db) => [...forkedElsewhere(db), ...selectedElsewhere(db)])
    this.#known.load()
    const wanted = named.filter(([, epoch]) => !this.#known.owners.has(epoch))
    if (wanted.length === 0) return []
    this.#keep(await this.#team.epochs({ epochIds: [...new Set(wanted.map(([, epoch]) => epoch))] }, signal))
    return wanted.flatMap(([id, epoch]) => (this.#known.owners.has(epoch) ? id : []))
  }

  #keep(epochs: readonly EpochRecord[]) {
    if (epochs.length) this.#known.keepOwners(new Map(epochs.map(({ id, sessionId, number }) => [id, { sessionId, number }])))
  }

  /** A model's history, through sessions here and elsewhere. With the servers away, what is known of it. */
  async history(sessionId: string): Promise<History> {
    const own = await this.local.sessions.history(sessionId)
    if (own.segments.length > 0 && !own.parentMissing) return own
    type Known = Pick<SessionOverview, 'id' | 'forkedFrom' | 'forkPoint'>
    const sessions = new Map<string, Known>()
    const owners = new Map<string, Owner>()
    for (let at: string | undefined = sessionId; at !== undefined && !sessions.has(at);) {
      const one: Known | undefined = await this.#overview(at)
      if (!one) break
      sessions.set(at, one)
      const fork = one.forkedFrom
      const owner: Owner | undefined = fork ? (one.forkPoint ?? (await this.#ownerOf(fork.epochId))) : undefined
      if (owner) owners.set(fork!.epochId, owner)
      at = owner?.sessionId
    }
    return lineage(sessionId, { session: (id) => sessions.get(id), epochOwner: (id) => owners.get(id) })
  }

  async #overview(id: string) {
    const [here] = await this.local.sessions.sessions({ deleted: true, ids: [id] })
    this.#known.load()
    return here ?? this.#known.sessions.get(id) ?? (await this.whenThere(() => this.#team.session(id)))
  }

  async #ownerOf(epochId: string): Promise<Owner | undefined> {
    const known = this.#known.owners.get(epochId) ?? (await this.local.sessions.epoch(epochId))
    if (known) return known
    const found = await this.whenThere(() => this.#team.epochs({ epochIds: [epochId] }))
    this.#keep(found ?? [])
    return found?.[0]
  }

  /** What is here does not wait for a server that is known to be away. */
  async whenThere<Answer>(work: () => Promise<Answer>): Promise<Answer | undefined> {
    return this.isAway() ? undefined : quietly(work)
  }
}

/** What only the servers know counts as unknown while they are away. */
export async function quietly<Answer>(work: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof EpochtreeError && ['server-away', 'server-refused', 'server-damaged'].includes(error.code)) return undefined
    throw error
  }
}

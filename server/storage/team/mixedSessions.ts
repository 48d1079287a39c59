import { setImmediate } from 'node:timers/promises'
import { checkAborted, EpochtreeError } from '../../errors'
import { pairGraphs } from '../../tracking/graphPair'
import { LayerColumns } from '../../tracking/layerSizes'
import type { Changes, EpochRecord, Scope, Segment, SessionOverview, SessionRecord, SessionStore, StoreVersion, TeamState } from '../ports'
import { joinColumns, joinGraphChanges } from './joined'
import type { Known } from './known'
import type { TeamSessions } from './ports'
import { quietly, type Whereabouts } from './whereabouts'

export interface MixedOptions {
  readonly where: Whereabouts
  readonly known: Known
  readonly team: TeamSessions
  /** Ids that changed since, wherever. */
  readonly changes: (since?: StoreVersion) => Promise<Changes>
  /** Takes over what changed on the server. */
  readonly refresh: () => Promise<unknown>
  /** Own committed epochs of sessions here that others can't see yet. */
  readonly waiting: (ids: readonly string[]) => Promise<ReadonlyMap<string, number>>
}

const ELSEWHERE: TeamState = { elsewhere: true, by: null, waiting: 0, aliveUntil: null }

/** Sessions of the folder and of the team as one list. What is trained here is told by the embedded store, all else by the servers. */
export class MixedSessions implements SessionStore {
  readonly #where: Whereabouts
  readonly #known: Known
  readonly #team: TeamSessions
  readonly #refresh: MixedOptions['refresh']
  readonly #waiting: MixedOptions['waiting']
  readonly changes: SessionStore['changes']

  constructor({ where, known, team, changes, refresh, waiting }: MixedOptions) {
    this.#where = where
    this.#known = known
    this.#team = team
    this.#refresh = refresh
    this.#waiting = waiting
    this.changes = changes
  }

  get #local(): SessionStore {
    return this.#where.local.sessions
  }

  async #here<Session extends SessionOverview>(sessions: readonly Session[]): Promise<Session[]> {
    const waiting = await this.#waiting(sessions.map(({ id }) => id))
    return (await this.#where.told(sessions)).map((one) => ({
      ...one,
      team: { elsewhere: false, by: null, waiting: waiting.get(one.id) ?? 0, aliveUntil: null },
    }))
  }

  readonly sessions: SessionStore['sessions'] = async ({ deleted = false, ids } = {}) => {
    this.#known.load()
    const known = this.#known.sessions
    const here = await this.#here(await this.#local.sessions({ deleted: true, ...(ids ? { ids } : {}) }))
    const own = new Set(here.map(({ id }) => id))
    const others = ids ? [...new Set(ids)].flatMap((id) => known.get(id) ?? []) : [...known.values()]
    return [...here, ...others.filter(({ id }) => !own.has(id)).map(elsewhere)]
      .filter(({ deletedAt }) => deleted || deletedAt === null)
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  readonly names: SessionStore['names'] = async () => (await this.sessions({ deleted: true })).map(({ id, name }) => ({ id, name }))

  readonly session: SessionStore['session'] = async (id) => {
    const here = await this.#local.session(id)
    if (here) return (await this.#here([here]))[0]
    this.#known.load()
    if (this.#known.sessions.has(id)) return this.#record(await this.#team.session(id))
    return this.#known.isEmpty ? this.#record(await quietly(() => this.#team.session(id))) : undefined
  }

  #record = (found: SessionRecord | undefined) => found && elsewhere(found)

  readonly sessionByName: SessionStore['sessionByName'] = async (name) => {
    const here = await this.#local.sessionByName(name)
    if (here) return (await this.#here([here]))[0]
    this.#known.load()
    const wanted = name.normalize('NFC')
    for (const one of this.#known.sessions.values()) if (one.name === wanted) return this.session(one.id)
    return undefined
  }

  readonly history: SessionStore['history'] = (id) => this.#where.history(id)

  readonly forks: SessionStore['forks'] = async (epochId) => {
    const here = await this.#here(await this.#local.forks(epochId))
    const others = (await quietly(() => this.#team.forks(epochId))) ?? []
    const also: SessionRecord[] = []
    for (const one of others) if (!(await this.#where.isHere(one.id))) also.push(elsewhere(one))
    return [...here, ...also].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  async #joined<Answer>(
    scope: Scope,
    ask: (store: SessionStore, scope: Scope) => Promise<Answer>,
    join: (parts: readonly Answer[]) => Answer,
  ): Promise<Answer> {
    const pieces = await this.#where.cut(scope)
    if (pieces.length === 0) return ask(this.#local, scope)
    const parts = await Promise.all(pieces.map((piece) => ask(piece.here ? this.#local : this.#team, piece.scope)))
    return parts.length === 1 ? parts[0]! : join(parts)
  }

  readonly epochs: SessionStore['epochs'] = (scope, signal) =>
    this.#joined(
      scope,
      (store, part) => store.epochs(part, signal),
      (parts) => parts.flat(),
    )

  readonly page: SessionStore['page'] = async ({ segments }, { offset, limit, pruned }, signal) => {
    const found: EpochRecord[] = []
    let before = offset
    for (const { here, segments: own } of (await this.#where.cutSegments(segments)).toReversed()) {
      const store = here ? this.#local : this.#team
      const history = { segments: own, parentMissing: false }
      const only = pruned ? { pruned } : {}
      const rows = await store.page(history, { offset: before, limit: limit - found.length, ...only }, signal)
      found.push(...rows)
      if (found.length === limit) break
      // Those that lie before the page are counted; of a few kinds only, they are few.
      if (rows.length > 0) before = 0
      else if (before > 0)
        before -= pruned ? (await store.page(history, { offset: 0, limit: before, pruned }, signal)).length : await store.count(own)
    }
    return found
  }

  readonly epoch: SessionStore['epoch'] = async (id) => (await this.#local.epoch(id)) ?? this.#team.epoch(id)

  readonly clock: SessionStore['clock'] = (scope) => this.#joined(scope, (store, part) => store.clock(part), joinColumns)

  readonly count: SessionStore['count'] = async (segments: readonly Segment[]) => {
    const pieces = await this.#where.cutSegments(segments)
    const counts = await Promise.all(pieces.map(({ here, segments: own }) => (here ? this.#local : this.#team).count(own)))
    return counts.reduce((sum, n) => sum + n, 0)
  }

  readonly graph: SessionStore['graph'] = async (hash) => (await this.#local.graph(hash)) ?? this.#team.graph(hash)

  readonly graphSummary: SessionStore['graphSummary'] = async (hash) =>
    (await this.#local.graphSummary(hash)) ?? this.#team.graphSummary(hash)

  async #graphIsHere(hash: string | null): Promise<boolean> {
    return hash === null || (await this.#local.graphSummary(hash)) !== undefined
  }

  readonly graphPair: SessionStore['graphPair'] = async (a, b) => {
    if ((await this.#graphIsHere(a)) && (await this.#graphIsHere(b))) return this.#local.graphPair(a, b)
    const [one, other] = await Promise.all([a, b].map(async (hash) => (hash === null ? undefined : this.graph(hash))))
    return pairGraphs(one, other)
  }

  readonly graphChanges: SessionStore['graphChanges'] = async ({ segments }, most, signal) => {
    const pieces = await this.#where.cutSegments(segments)
    const all = pieces.length > 1 ? Number.MAX_SAFE_INTEGER : most
    const parts = await Promise.all(
      pieces.map(({ here, segments: own }) =>
        (here ? this.#local : this.#team).graphChanges({ segments: own, parentMissing: false }, all, signal),
      ),
    )
    return parts.length === 1 ? parts[0]! : joinGraphChanges(parts, most)
  }

  readonly layerSizes: SessionStore['layerSizes'] = async (hashes, most, signal) => {
    const here = await Promise.all(hashes.map((hash) => this.#graphIsHere(hash)))
    if (here.every(Boolean)) return this.#local.layerSizes(hashes, most, signal)
    if (!here.some(Boolean)) return this.#team.layerSizes(hashes, most, signal)
    const columns = new LayerColumns(hashes.length)
    for (const [column, hash] of hashes.entries()) {
      checkAborted(signal)
      const found = await this.graph(hash)
      if (found) columns.add(column, found)
      await setImmediate()
    }
    return columns.sizes(most)
  }

  readonly problems: SessionStore['problems'] = async (sessionId) => {
    if (sessionId === undefined || (await this.#where.isHere(sessionId))) return this.#local.problems(sessionId)
    return (await quietly(() => this.#team.problems(sessionId))) ?? []
  }

  readonly mark: SessionStore['mark'] = async (sessionId, marks) => {
    const name = marks.name?.normalize('NFC')
    if (name !== undefined && (await this.names()).some((one) => one.name === name && one.id !== sessionId))
      throw new EpochtreeError('bad-name', `Another session has the name "${name}". Choose another, for example "${name}-2".`)
    if (await this.#where.isHere(sessionId)) return (await this.#here([await this.#local.mark(sessionId, marks)]))[0]!
    const marked = await this.#team.mark(sessionId, marks)
    await quietly(this.#refresh)
    return elsewhere(marked)
  }
}

/** As the server tells it; who is elsewhere is never here. */
const elsewhere = <Session extends SessionOverview>(one: Session): Session => (one.team ? one : { ...one, team: ELSEWHERE })

import { setImmediate } from 'node:timers/promises'
import { checkAborted, EpochtreeError } from '../../errors'
import { pairGraphs } from '../../tracking/graphPair'
import { LayerColumns } from '../../tracking/layerSizes'
import type {
  Changes,
  EpochRecord,
  Marks,
  Scope,
  Segment,
  SessionOverview,
  SessionRecord,
  SessionStore,
  StoreVersion,
  TeamState,
} from '../ports'
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
}

const MOST_COUNTS = 100_000
const BRIEFLY_MS = 1000
const sum = async (numbers: readonly Promise<number>[]) => (await Promise.all(numbers)).reduce((all, n) => all + n, 0)

const ELSEWHERE: TeamState = { elsewhere: true, by: null, waiting: 0, aliveUntil: null }

/** Sessions of the folder and of the team as one list. What is trained here is told by the embedded store, all else by the servers. */
export class MixedSessions implements SessionStore {
  readonly #where: Whereabouts
  readonly #known: Known
  readonly #team: TeamSessions
  readonly #refresh: MixedOptions['refresh']
  readonly #counts = new Map<string, number>()
  readonly changes: SessionStore['changes']

  constructor({ where, known, team, changes, refresh }: MixedOptions) {
    this.#where = where
    this.#known = known
    this.#team = team
    this.#refresh = refresh
    this.changes = changes
  }

  get #local(): SessionStore {
    return this.#where.local.sessions
  }

  /** Of what was pulled from this team its trainer tells; that others have not said anything of it here does not matter. */
  #isCopy({ id, team }: SessionOverview): boolean {
    return team?.by != null && this.#known.sessions.has(id)
  }

  /** A session elsewhere of which a copy is here. While the server is away, people's decisions about it are those that are noted here. */
  #copied<Session extends SessionOverview>(one: Session, { name, tags, selected, deletedAt }: SessionOverview): Session {
    const there = elsewhere(one)
    const copied = deletedAt === null ? { ...there, team: { ...there.team, copy: true as const } } : there
    return this.#where.isAway() ? { ...copied, name, tags, selected } : copied
  }

  readonly sessions: SessionStore['sessions'] = async ({ deleted = false, ids } = {}) => {
    this.#known.load()
    const known = this.#known.sessions
    const all = await this.#local.sessions({ deleted: true, ...(ids ? { ids } : {}) })
    const here = new Map(all.map((one) => [one.id, one]))
    const others = (ids ? [...new Set(ids)].flatMap((id) => known.get(id) ?? []) : [...known.values()]).flatMap((one) => {
      const copy = here.get(one.id)
      return !copy ? elsewhere(one) : this.#isCopy(copy) ? this.#copied(one, copy) : []
    })
    const both = await this.#where.told([...all.filter((one) => !this.#isCopy(one)), ...others])
    return both.filter(({ deletedAt }) => deleted || deletedAt === null).sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  readonly names: SessionStore['names'] = async () => (await this.sessions({ deleted: true })).map(({ id, name }) => ({ id, name }))

  readonly session: SessionStore['session'] = async (id) => {
    this.#known.load()
    const here = await this.#local.session(id)
    if (here && !this.#isCopy(here)) return (await this.#where.told([here]))[0]
    const overview = this.#known.sessions.get(id)
    // A copy tells what it knows while the server is away.
    if (here) {
      const theirs = { ...here, ...overview, ...(await this.#where.whenThere(() => this.#team.session(id))) }
      return (await this.#where.told([this.#copied(theirs, here)]))[0]
    }
    if (!overview && !this.#known.isEmpty) return undefined
    const found = overview ? await this.#team.session(id) : await this.#where.whenThere(() => this.#team.session(id))
    return found && (await this.#where.told([elsewhere(found)]))[0]
  }

  readonly sessionByName: SessionStore['sessionByName'] = async (name) => {
    this.#known.load()
    const here = await this.#local.sessionByName(name)
    if (here && !this.#isCopy(here)) return this.session(here.id)
    const wanted = name.normalize('NFC')
    for (const one of this.#known.sessions.values()) if (one.name === wanted) return this.session(one.id)
    return undefined
  }

  readonly history: SessionStore['history'] = (id) => this.#where.history(id)

  readonly forks: SessionStore['forks'] = async (epochId) => {
    const found = new Map((await this.#local.forks(epochId)).map((one) => [one.id, one]))
    this.#known.load()
    for (const one of (await this.#where.whenThere(() => this.#team.forks(epochId))) ?? []) {
      const here = found.get(one.id) ?? (await this.#local.session(one.id))
      // One that is deleted here, and not yet there, is no fork any more.
      if (!here || this.#isCopy(here)) found.set(one.id, elsewhere(one))
    }
    return (await this.#where.told([...found.values()])).sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
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

  /** Weights that were let go of here, or were not brought along with a copy, may well lie in the bucket. */
  async #asThere(epochs: readonly EpochRecord[], signal?: AbortSignal, longestMs?: number): Promise<readonly EpochRecord[]> {
    const epochIds = epochs.flatMap(({ id, released }) => (released ? id : []))
    if (epochIds.length === 0 || this.#where.isAway()) return epochs
    const late = longestMs === undefined ? [] : [AbortSignal.timeout(longestMs)]
    const given = AbortSignal.any([...(signal ? [signal] : []), ...late])
    const found =
      (await quietly(() => this.#team.epochs({ epochIds }, given)).catch((error: unknown) => {
        if (signal?.aborted || !late[0]?.aborted) throw error
        return undefined
      })) ?? []
    const there = new Set(found.flatMap(({ id, released }) => (released ? [] : id)))
    return epochs.map((one) => (one.released && there.has(one.id) ? { ...one, released: false } : one))
  }

  readonly epochs: SessionStore['epochs'] = (scope, signal) =>
    this.#joined(
      scope,
      async (store, part) => {
        const found = await store.epochs(part, signal)
        return store === this.#local ? this.#asThere(found, signal) : found
      },
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
      // A list of what is here does not wait for a slow server.
      found.push(...(here ? await this.#asThere(rows, signal, BRIEFLY_MS) : rows))
      if (found.length === limit) break
      // Those that lie before the page are counted; of a few kinds only, they are few.
      if (rows.length > 0) before = 0
      else if (before > 0)
        before -= pruned ? (await store.page(history, { offset: 0, limit: before, pruned }, signal)).length : await store.count(own)
    }
    return found
  }

  readonly epoch: SessionStore['epoch'] = async (id) => {
    const here = await this.#local.epoch(id)
    return here ? (await this.#asThere([here]))[0] : this.#team.epoch(id)
  }

  readonly clock: SessionStore['clock'] = (scope) => this.#joined(scope, (store, part) => store.clock(part), joinColumns)

  readonly count: SessionStore['count'] = async (segments) => {
    const pieces = await this.#where.cutSegments(segments)
    return sum(pieces.map(({ here, segments: own }) => (here ? this.#local.count(own) : sum(own.map((one) => this.#countThere(one))))))
  }

  /** Of a session as a whole the list tells it. What lies before its last epoch does not change any more. */
  async #countThere({ sessionId, from, to }: Segment): Promise<number> {
    const one = this.#known.sessions.get(sessionId)
    const [before, last] = [one?.forkedFrom?.epochNumber ?? 0, one?.latest?.number ?? 0]
    if (one && from <= before + 1 && to >= last) return one.own
    const key = `${sessionId} ${from} ${to}`
    const known = this.#counts.get(key)
    if (known !== undefined) return known
    const found = await this.#where.whenThere(() => this.#team.count([{ sessionId, from, to }]))
    // Numbers are seldom left out: so many it is at most, until the server can be asked.
    if (found === undefined) return Math.max(0, Math.min(to, last) - Math.max(from - 1, before))
    if (to <= last && this.#counts.size < MOST_COUNTS) this.#counts.set(key, found)
    return found
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
    return (await this.#where.whenThere(() => this.#team.problems(sessionId))) ?? []
  }

  readonly mark: SessionStore['mark'] = async (sessionId, marks) => {
    const name = marks.name?.normalize('NFC')
    if (name !== undefined && (await this.names()).some((one) => one.name === name && one.id !== sessionId))
      throw new EpochtreeError('bad-name', `Another session has the name "${name}". Choose another, for example "${name}-2".`)
    this.#known.load()
    const here = await this.#local.session(sessionId)
    if (here && !this.#isCopy(here)) return (await this.#where.told([await this.#local.mark(sessionId, marks)]))[0]!
    if (here) return this.#markCopy(here, marks)
    const marked = await this.#team.mark(sessionId, marks)
    await quietly(this.#refresh)
    return elsewhere(marked)
  }

  /** A copy is deleted by itself, before the session is; what else is decided about it holds for all, and is handed on once the server is back. */
  async #markCopy(copy: SessionOverview, { deleted, ...marks }: Marks): Promise<SessionRecord> {
    const { id } = copy
    const ofCopy = deleted === null ? (this.#known.sessions.get(id)?.deletedAt ?? null) === null : copy.deletedAt === null
    if (deleted !== undefined && ofCopy) await this.#local.mark(id, { deleted })
    const theirs = { ...marks, ...(deleted === undefined || ofCopy ? {} : { deleted }) }
    if (Object.keys(theirs).length > 0 && !(await this.#where.whenThere(() => this.#team.mark(id, theirs))))
      await this.#local.mark(id, marks)
    await this.#where.whenThere(this.#refresh)
    return (await this.session(id))!
  }
}

const elsewhere = <Session extends SessionOverview>(one: Session): Session & { readonly team: TeamState } => ({
  ...one,
  team: { ...ELSEWHERE, ...one.team, elsewhere: true },
})

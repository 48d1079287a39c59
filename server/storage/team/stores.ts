import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { EpochtreeError } from '../../errors'
import type { LocalStores } from '../local/stores'
import type { Changes, DocumentStore, IngestOptions, SessionStore, Stores, StoreVersion, WeightsStore } from '../ports'
import { Known } from './known'
import { MixedDocuments } from './mixedDocuments'
import { MixedSessions } from './mixedSessions'
import { mixedWeights } from './mixedWeights'
import { openTeam } from './open'
import { knownFile, teamPlaces } from './places'
import type { Team, TeamConfig } from './ports'
import { isMissed, type ServerState, Watched } from './watched'
import { quietly, Whereabouts } from './whereabouts'

export interface TeamStoresOptions {
  readonly known?: Known
  readonly watched?: Watched
  /** How often others' changes are looked for while somebody follows. */
  readonly everyMs?: number
}

/** Opens a folder with its team; nothing is asked of any server yet. */
export function openTeamStores(
  local: LocalStores,
  config: TeamConfig,
  { env = process.env, server }: { readonly env?: NodeJS.ProcessEnv; readonly server?: (state: ServerState) => void } = {},
): TeamStores {
  const known = new Known(knownFile(local.file), config)
  const watched = new Watched(
    (state) => {
      known.keepState(state)
      server?.(state)
    },
    known.states(),
    () => known.states(),
  )
  return new TeamStores(local, openTeam(config, teamPlaces(env), watched), { known, watched })
}

/** Others' changes are to be seen within two seconds. */
const EVERY_MS = 1500
/** Whoever follows asks at least once a minute. */
const FOLLOWED_MS = 150_000
const AWAY_EVERY_MS = 5000
/** So long a single command waits for what changed on a server that may be away; longer than that needs to be sure. */
const PATIENCE_MS = 7000
const AWAY_PATIENCE_MS = 1000

/** The embedded stores and a team's servers as one. */
export class TeamStores implements Stores {
  readonly local: LocalStores
  readonly team: Team
  readonly sessions: SessionStore
  readonly documents: DocumentStore
  readonly weights: WeightsStore
  readonly #known: Known
  readonly #where: Whereabouts
  readonly #watched: Watched
  readonly #everyMs: number
  readonly #listeners = new Set<() => void>()
  /** Of this list of changes. */
  readonly #store = randomUUID()
  readonly #versions = new Map<string, number>()
  readonly #closing = new AbortController()
  #version = 0
  #localAt: StoreVersion | undefined
  #until = 0
  #timer: NodeJS.Timeout | undefined
  #checked = Number.NEGATIVE_INFINITY

  constructor(local: LocalStores, team: Team, { known, watched = new Watched(), everyMs = EVERY_MS }: TeamStoresOptions = {}) {
    this.local = local
    this.team = team
    this.#watched = watched
    this.#everyMs = everyMs
    this.#known = known ?? new Known(knownFile(local.file), team.config)
    this.#where = new Whereabouts(local, team.sessions, this.#known, () => isMissed(this.#watched.state('MongoDB')))
    this.sessions = new MixedSessions({
      where: this.#where,
      known: this.#known,
      team: team.sessions,
      changes: (since) => this.#changes(since),
      refresh: () => this.refresh(),
    })
    this.documents = new MixedDocuments(this.#where, team.documents)
    this.weights = mixedWeights(local.weights, team.weights)
  }

  get states(): readonly ServerState[] {
    return this.#watched.states
  }

  /** Reads the journals and, for whoever does not follow, what others changed; servers that are away are not waited for for long. */
  async ingest(options: IngestOptions = {}): Promise<void> {
    const others = options.only ? undefined : this.#lookOnce()
    await this.local.ingest(options)
    await others
  }

  async #lookOnce() {
    const over = new AbortController()
    // Whoever was away a moment ago may have come back, but is not waited for again.
    const ms = this.#watched.state('MongoDB') ? AWAY_PATIENCE_MS : PATIENCE_MS
    if ((await Promise.race([quietly(() => this.refresh()), this.#late(ms, over.signal)])) === 'late')
      this.#watched.failed(
        'MongoDB',
        new EpochtreeError('server-away', `MongoDB has not answered for ${ms / 1000} s. Check that it runs, and the network on the way.`),
      )
    over.abort()
  }

  /** Ends once the server has not answered for so long: a long list may take its time on the way, and meanwhile a small question is answered. */
  async #late(ms: number, signal: AbortSignal): Promise<'late' | undefined> {
    const half = () => wait(ms / 2, undefined, { signal, ref: false })
    try {
      for (let answered = true; answered;) {
        await half()
        answered = false
        this.team.sessions.identity().then(
          () => (answered = true),
          () => undefined,
        )
        await half()
      }
      return 'late'
    } catch {
      return undefined
    }
  }

  /** Takes over what others changed, and what sessions here need to know of them. */
  async refresh(): Promise<void> {
    const changed = await this.#known.poll(this.team.sessions, (ids) => this.#changed(ids), this.#closing.signal)
    this.#changed([...changed, ...(await this.#where.learn(this.#closing.signal))])
  }

  #changed(ids: readonly string[]) {
    if (ids.length === 0) return
    this.#note(ids)
    for (const told of this.#listeners) told()
  }

  #note(ids: readonly string[]) {
    for (const id of ids) this.#versions.set(id, ++this.#version)
  }

  async #changes(since?: StoreVersion): Promise<Changes> {
    this.#follow()
    if (!this.#localAt) {
      this.#known.load()
      this.#note([...this.#known.sessions.keys()])
    }
    const { at, sessionIds } = await this.local.sessions.changes(this.#localAt)
    this.#localAt = at
    this.#note(sessionIds)
    const all = since?.store !== this.#store
    const after = all ? 0 : since.version
    return {
      at: { store: this.#store, version: this.#version },
      // A team has many sessions, and mostly none of them changed.
      sessionIds: after < this.#version ? [...this.#versions].flatMap(([id, version]) => (version > after ? id : [])) : [],
      all,
    }
  }

  readonly listen = (changed: () => void) => {
    this.#listeners.add(changed)
  }

  /** While somebody asks for changes, the server is asked as well, beside: nothing that is here waits for it. */
  #follow() {
    this.#until = performance.now() + FOLLOWED_MS
    if (!this.#timer && !this.#closing.signal.aborted) this.#next(0)
  }

  #next(ms: number) {
    this.#timer = setTimeout(() => void this.#look(), ms).unref()
  }

  async #look() {
    // Who was asked has noted what is wrong, and it is asked again.
    const answered = await this.refresh().then(
      () => true,
      () => false,
    )
    await this.#check()
    this.#timer = undefined
    if (performance.now() < this.#until && !this.#closing.signal.aborted)
      this.#next(answered ? this.#everyMs : Math.max(this.#everyMs, AWAY_EVERY_MS))
  }

  /** Whether the two that are not asked by themselves are there, at first and while they are away. */
  async #check() {
    const { documents, weights } = this.team
    const asked = (
      [
        ['Elasticsearch', documents],
        ['Google Cloud Storage', weights],
      ] as const
    ).filter(([name]) => {
      const state = this.#watched.state(name)
      return !state || isMissed(state)
    })
    if (asked.length === 0 || performance.now() - this.#checked < AWAY_EVERY_MS) return
    this.#checked = performance.now()
    await Promise.allSettled(asked.map(([, port]) => port.check(this.#closing.signal)))
  }

  /** Gives back the memory of what was read. */
  async rest() {
    await this.local.rest()
  }

  async close() {
    this.#closing.abort()
    clearTimeout(this.#timer)
    this.#known.close()
    await Promise.all([this.team.close(), this.local.close()])
  }
}

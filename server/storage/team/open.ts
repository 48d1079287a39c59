import type { Scope } from '../ports'
import type { Team, TeamConfig, TeamDocuments, TeamSessions, TeamWeights } from './ports'

/** An epoch that a scope means, and who trained it. */
export interface Resolved {
  readonly id: string
  readonly number: number
  readonly sessionId: string
}
export type Resolve = (scope: Scope, signal?: AbortSignal) => Promise<readonly Resolved[]>

export interface TeamPlaces {
  /** The folder for weights that were brought here. */
  readonly cache: string
  readonly cacheBytes: number
}
export interface Adapters {
  readonly openMongo: (
    config: TeamConfig['mongo'],
    options: { readonly large: Pick<TeamWeights, 'putBytes' | 'getBytes'> },
  ) => TeamSessions | Promise<TeamSessions>
  readonly openElastic: (config: TeamConfig['elastic'], resolve: Resolve) => TeamDocuments | Promise<TeamDocuments>
  readonly openGcs: (config: TeamConfig['gcs'], places: TeamPlaces) => TeamWeights | Promise<TeamWeights>
}

/** Loaded when a team is opened, and never before: they and their clients are larger than all else. */
export async function loadAdapters(): Promise<Adapters> {
  throw new Error('The adapters of a team are not here yet.')
}

/** A team's three servers, as one. Nothing is asked of any of them yet: whoever is away is found out by the first question. */
export async function openTeam(config: TeamConfig, places: TeamPlaces, adapters: () => Promise<Adapters> = loadAdapters): Promise<Team> {
  const { openMongo, openElastic, openGcs } = await adapters()
  const weights = await openGcs(config.gcs, places)
  const sessions = await openMongo(config.mongo, { large: weights })
  const documents = await openElastic(config.elastic, async (scope, signal) =>
    (await sessions.epochs(scope, signal)).map(({ id, number, sessionId }) => ({ id, number, sessionId })),
  )
  return {
    config,
    sessions,
    documents,
    weights,
    async close() {
      await Promise.all([sessions.close(), documents.close(), weights.close()])
    },
  }
}

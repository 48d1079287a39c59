import type { Scope } from '../ports'
import type { Team, TeamConfig, TeamDocuments, TeamSessions, TeamWeights } from './ports'
import { Watched } from './watched'

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
/** How each of the three is opened: loaded when it is first asked, because they and their clients are larger than all else. */
export interface Adapters {
  readonly mongo: (
    config: TeamConfig['mongo'],
    options: { readonly large: Pick<TeamWeights, 'putBytes' | 'getBytes'> },
  ) => Promise<TeamSessions>
  readonly elastic: (config: TeamConfig['elastic'], resolve: Resolve) => Promise<TeamDocuments>
  readonly gcs: (config: TeamConfig['gcs'], places: TeamPlaces) => Promise<TeamWeights>
}

export const adapters: Adapters = {
  mongo: async (config, options) => (await import('../mongo/openMongo')).openMongo(config, options),
  elastic: async (config, resolve) => (await import('../elastic/documents')).openElastic(config, resolve),
  gcs: async (config, places) => (await import('../gcs/weights')).openGcs(config, places),
}

/** A page asks many questions about one scope at a time: which epochs that has is asked once for all that are under way. */
function together(resolve: (scope: Scope) => Promise<readonly Resolved[]>): Resolve {
  const underWay = new Map<string, Promise<readonly Resolved[]>>()
  return (scope) => {
    const key = JSON.stringify(scope)
    const asked = underWay.get(key) ?? resolve(scope).finally(() => underWay.delete(key))
    underWay.set(key, asked)
    return asked
  }
}

/** A team's three servers, as one. None is asked before there is a question for it: whoever is away is found out then, and noted. */
export function openTeam(config: TeamConfig, places: TeamPlaces, watched = new Watched(), { mongo, elastic, gcs } = adapters): Team {
  const weights = watched.port<TeamWeights>('Google Cloud Storage', () => gcs(config.gcs, places), { streams: ['list'], here: ['path'] })
  const sessions = watched.port<TeamSessions>('MongoDB', () => mongo(config.mongo, { large: weights }), {
    streams: ['removeGraphs'],
  })
  const resolve = together(async (scope) => (await sessions.epochs(scope)).map(({ id, number, sessionId }) => ({ id, number, sessionId })))
  const documents = watched.port<TeamDocuments>('Elasticsearch', () => elastic(config.elastic, resolve), { streams: ['read'] })
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

import { samplesIn } from '../../server/storage/local/samples'
import type { LocalStores } from '../../server/storage/local/stores'
import type { Team, TeamConfig, TeamDocuments, TeamSessions, TeamWeights } from '../../server/storage/team/ports'

export const CONFIG: TeamConfig = {
  mongo: { uri: 'mongodb://127.0.0.1:1/', database: 'epochtree' },
  elastic: { node: 'http://127.0.0.1:1', prefix: 'epochtree' },
  gcs: { bucket: 'weights', prefix: '' },
  by: 'tests',
}

/** What a team can do that a folder can't, and that nobody asks of it here. */
const others = <Port extends object>(own: Partial<Port>): Port =>
  new Proxy(own as Port, {
    get: (of, method) => {
      if (method in of) return of[method as keyof Port]
      return async () => {
        throw new Error(`A folder has no ${String(method)}.`)
      }
    },
  })

/** Another folder's embedded stores in a team's place: they answer the same questions. */
export function teamLike(stores: LocalStores): Team {
  const { sessions, documents, weights } = stores
  const nothing = async () => {}
  return {
    config: CONFIG,
    sessions: others<TeamSessions>({
      ...sessions,
      newest: async (limit) => (await sessions.sessions({ deleted: true })).toReversed().slice(0, limit),
      check: nothing,
      close: nothing,
    }),
    documents: others<TeamDocuments>({
      ...documents,
      samples: async (scopes, split, fields, signal) => {
        const lines = await stores.use(
          (db) => new Map(scopes.map((scope) => [scope, [...samplesIn(db).lines(scope, split, fields, signal)]])),
        )
        return {
          lines: (scope) => lines.get(scope)!,
          count: (scope) => lines.get(scope)!.reduce((sum, [column]) => sum + column!.values.length, 0),
        }
      },
      check: nothing,
      close: nothing,
    }),
    weights: others<TeamWeights>({ ...weights, check: nothing, close: nothing }),
    close: nothing,
  }
}

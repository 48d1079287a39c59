import { samplesIn } from '../../server/storage/local/samples'
import type { LocalStores } from '../../server/storage/local/stores'
import { documentsOf, sourcesOf } from '../../server/storage/local/handOn'
import type { Team, TeamConfig } from '../../server/storage/team/ports'

export const CONFIG: TeamConfig = {
  mongo: { uri: 'mongodb://127.0.0.1:1/', database: 'epochtree' },
  elastic: { node: 'http://127.0.0.1:1', prefix: 'epochtree' },
  gcs: { bucket: 'weights', prefix: '' },
  by: 'tests',
}

const none = async (): Promise<never> => {
  throw new Error('no server')
}

/** Another folder's embedded stores in a team's place: they answer the same questions. What is written goes into their folder's journals. */
export function teamLike(stores: LocalStores): Team {
  const { sessions, documents, weights } = stores
  const nothing = async () => {}
  return {
    config: CONFIG,
    sessions: {
      ...sessions,
      prepare: nothing,
      identity: async () => 'a folder',
      putSession: none,
      putGraph: none,
      putWeights: none,
      putEpoch: none,
      async *newest() {
        yield (await sessions.sessions({ deleted: true })).toReversed()
      },
      decide: none,
      takeLease: none,
      leaveLease: none,
      startRemoval: none,
      removal: none,
      finishRemoval: none,
      unneededWeights: none,
      claimWeights: none,
      dropWeights: none,
      unneededGraphs: none,
      async *removeGraphs() {},
      check: nothing,
      close: nothing,
    },
    documents: {
      ...documents,
      prepare: nothing,
      write: none,
      async *read(epochIds) {
        for (const epoch of await sessions.epochs({ epochIds }))
          yield* await stores.use((db) => sourcesOf(db, epoch.id).flatMap((source) => [...documentsOf(db, epoch, source)]))
      },
      samples: async (scopes, split, fields, signal) => {
        const lines = await stores.use(
          (db) => new Map(scopes.map((scope) => [scope, [...samplesIn(db).lines(scope, split, fields, signal)]])),
        )
        return {
          lines: (scope) => lines.get(scope)!,
          count: (scope) => lines.get(scope)!.reduce((sum, [column]) => sum + column!.values.length, 0),
        }
      },
      count: none,
      countAbove: none,
      bytesEach: none,
      remove: none,
      check: nothing,
      close: nothing,
    },
    weights: {
      ...weights,
      prepare: nothing,
      put: none,
      putBytes: none,
      getBytes: none,
      list: async function* () {},
      remove: none,
      check: nothing,
      close: nothing,
    },
    close: nothing,
  }
}

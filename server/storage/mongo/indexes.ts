import { type Db, type IndexDescription, MongoServerError } from 'mongodb'
import { EpochtreeError } from '../../errors'
import { isDuplicate } from './errors'

const NO_COLLECTION = 26

const INDEXES: Readonly<Record<string, readonly (IndexDescription & { readonly name: string })[]>> = {
  TrainingSession: [
    // Sparse: sessions that something else wrote have no name of their own.
    { name: 'name', key: { name: 1 }, unique: true, sparse: true },
    { name: 'change', key: { change: 1 } },
    { name: 'forks', key: { 'forkedFrom.epochId': 1 } },
    { name: 'forksOf', key: { 'forkedFrom.sessionId': 1 } },
    { name: 'forksAt', key: { 'forkPoint.sessionId': 1 } },
    { name: 'format', key: { format: 1 } },
  ],
  Epoch: [
    { name: 'history', key: { sessionId: 1, number: 1 }, unique: true, sparse: true },
    { name: 'weights', key: { weightsId: 1 } },
    { name: 'state', key: { stateId: 1 } },
    { name: 'graph', key: { modelGraphId: 1 } },
  ],
  ModelGraph: [{ name: 'hash', key: { hash: 1 } }],
  Removed: [{ name: 'change', key: { change: 1 } }],
}

/** Makes the indexes that are not there, and looks whether those that are do what they must. */
export async function makeIndexes(db: Db) {
  await Promise.all(
    Object.entries(INDEXES).map(async ([collection, wanted]) => {
      const missing = await missingIndexes(db, collection, wanted)
      if (missing.length === 0) return
      try {
        await db.collection(collection).createIndexes(missing)
      } catch (error) {
        throw refusal(error, collection)
      }
      const [still] = await missingIndexes(db, collection, missing)
      if (still) throw conflict(collection, undefined, `the server did not make one on ${JSON.stringify(still.key)}`)
    }),
  )
}

async function missingIndexes<Index extends IndexDescription>(db: Db, collection: string, wanted: readonly Index[]): Promise<Index[]> {
  const there = await db
    .collection(collection)
    .listIndexes()
    .toArray()
    .catch((error: unknown) => {
      if (error instanceof MongoServerError && error.code === NO_COLLECTION) return []
      throw error
    })
  return wanted.filter(({ key, unique = false }) => {
    const fields = JSON.stringify(key)
    // Whatever it is called: what counts is what it does.
    const found = there.find((one) => JSON.stringify(one['key']) === fields)
    if (found && (found['unique'] === true) !== unique)
      throw conflict(collection, String(found['name']), `on ${fields} it must ${unique ? '' : 'not '}be unique`)
    return !found
  })
}

function refusal(error: unknown, collection: string): unknown {
  if (isDuplicate(error))
    return new EpochtreeError(
      'server-refused',
      `Documents in ${collection} of MongoDB have the same value where each must have its own (${(error as Error).message.slice(0, 200)}). Remove one of them.`,
      { cause: error },
    )
  // IndexOptionsConflict, IndexKeySpecsConflict.
  if (error instanceof MongoServerError && (error.code === 85 || error.code === 86))
    return conflict(collection, undefined, error.message.slice(0, 200), error)
  return error
}

const conflict = (collection: string, name: string | undefined, why: string, cause?: unknown) =>
  new EpochtreeError(
    'server-refused',
    `An index of ${collection} in MongoDB${name === undefined ? '' : `, ${JSON.stringify(name)},`} is in the way: ${why}. Drop it (db.${collection}.dropIndex(...)); Epochtree makes its own.`,
    { cause },
  )

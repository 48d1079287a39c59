import { checkAborted } from '../../errors'
import { identity } from './changes'
import { hashesOf } from './graphs'
import { makeIndexes } from './indexes'
import { type Mongo, objectId, pieces } from './mongo'

/**
 * Makes the database ready to be written: its indexes, and older documents brought to the form of today where it is found by fields that they lack.
 * All else that is older is read as it is, and brought forward when it is written.
 */
export async function prepare(mongo: Mongo, signal?: AbortSignal) {
  await mongo.ask((db) => makeIndexes(db), { signal })
  // Refuses a database that a newer Epochtree has written.
  await identity(mongo)
  await nameGraphs(mongo, signal)
}

const MOST_AT_ONCE = 1000

/** Graphs that something else wrote are found by their hash once their document has it. */
async function nameGraphs(mongo: Mongo, signal?: AbortSignal) {
  const found = await mongo.ask(
    (db) =>
      db
        .collection('ModelGraph')
        .find({ hash: null }, { projection: { _id: 1 }, limit: MOST_AT_ONCE })
        .toArray(),
    { signal },
  )
  for (const some of pieces(found, 50)) {
    checkAborted(signal)
    const hashes = await hashesOf(
      mongo,
      some.map(({ _id }) => String(_id)).filter((id) => objectId(id)),
      signal,
    )
    for (const [id, hash] of hashes)
      await mongo.ask((db) => db.collection('ModelGraph').updateOne({ _id: objectId(id)!, hash: null }, { $set: { hash } }), { signal })
  }
}

import { BSON, type Document, type ObjectId } from 'mongodb'
import { checkAborted } from '../../errors'
import { nextChange } from './changes'
import type { Removal } from '../team/ports'
import { isDuplicate } from './errors'
import { anyOf, hashId, type Mongo, objectId, objectIds, pieces } from './mongo'
import { damage, epochClock, fileHash, FORMAT, LISTED, listedSession, parse, sessionEpochs, weightsDocument } from './schema'

const SMALL_PIECE = 200
/** Whoever claimed weights and did not come back in that time has died. */
export const CLAIM_SECONDS = 3600

/** By the server's clock. */
async function ago(mongo: Mongo, seconds: number): Promise<Date> {
  const { offset, within } = await mongo.connection.clock()
  return new Date(Date.now() + (offset - within - seconds) * 1000)
}

/** First step of taking a session away: from here on nobody can bring it back. The ids of the epochs that go. */
export async function startRemoval(mongo: Mongo, sessionId: string, deletedBefore: number): Promise<readonly string[] | undefined> {
  const _id = objectId(sessionId)
  if (!_id) return undefined
  const change = await nextChange(mongo)
  const { matchedCount } = await mongo.ask((db) =>
    db
      .collection('TrainingSession')
      .updateOne(
        { _id, deletedAt: { $lte: deletedBefore }, format: { $gte: 1 } },
        { $set: { removing: true, change: change.n }, $inc: { version: 1 } },
      ),
  )
  // Begun before, or nobody has deleted it so long ago.
  if (matchedCount === 0 && !(await isRemoving(mongo, _id))) return undefined
  return (await ownEpochs(mongo, _id, await decideEnd(mongo, _id))).map(({ id }) => id)
}

/** What that would come to, once these other sessions are gone. */
export async function removal(
  mongo: Mongo,
  sessionId: string,
  deletedBefore: number,
  gone: ReadonlySet<string>,
): Promise<Removal | undefined> {
  const _id = objectId(sessionId)
  const session =
    _id &&
    (await mongo.ask((db) =>
      db.collection('TrainingSession').findOne({ _id, format: { $gte: 1 } }, { projection: { deletedAt: 1, removing: 1, keepTo: 1 } }),
    ))
  if (!session) return undefined
  const deletedAt: unknown = session['deletedAt']
  const begun = session['removing'] === true
  if (!begun && !(typeof deletedAt === 'number' && deletedAt <= deletedBefore)) return undefined
  const kept: unknown = session['keepTo']
  const above = begun && typeof kept === 'number' ? kept : await neededUpTo(mongo, _id, gone)
  const epochIds = (await ownEpochs(mongo, _id, above)).map(({ id }) => id)
  const whole =
    above === 0 || (await mongo.ask((db) => db.collection('Epoch').countDocuments({ sessionId: _id, number: { $lte: above } }))) === 0
  return begun || whole || epochIds.length > 0 ? { above, epochIds, whole } : undefined
}

/**
 * Up to which of its own epochs a session stays: found out once, and written down. A fork that comes later sees it there (`Writes`), so none relies on
 * what is going.
 */
async function decideEnd(mongo: Mongo, _id: ObjectId): Promise<number> {
  for (;;) {
    const known = await mongo.ask((db) => db.collection('TrainingSession').findOne({ _id, removing: true }, { projection: { keepTo: 1 } }))
    if (!known) return Number.MAX_SAFE_INTEGER
    if (typeof known['keepTo'] === 'number') return known['keepTo']
    const keepTo = await neededUpTo(mongo, _id)
    await mongo.ask((db) => db.collection('TrainingSession').updateOne({ _id, removing: true, keepTo: null }, { $set: { keepTo } }))
  }
}

/** Last step: the epochs' documents are gone, now they go themselves, and the session with its last one. */
export async function finishRemoval(mongo: Mongo, sessionId: string): Promise<void> {
  const _id = objectId(sessionId)
  if (!_id || !(await isRemoving(mongo, _id))) return
  const gone = await ownEpochs(mongo, _id, await decideEnd(mongo, _id))
  for (const some of pieces(gone, SMALL_PIECE))
    await mongo.ask((db) => db.collection('Epoch').deleteMany({ _id: { $in: some.map(({ id }) => objectId(id)!) } }))
  const [last] = await mongo.ask((db) =>
    db
      .collection('Epoch')
      .find({ sessionId: _id }, { projection: { number: 1, weightsId: 1 }, sort: { number: -1 }, limit: 1 })
      .toArray(),
  )
  const change = await nextChange(mongo)
  if (!last) {
    // First for those who follow: a session that is gone tells nothing any more.
    await mongo.ask((db) => db.collection('Removed').updateOne({ _id }, { $set: { change: change.n } }, { upsert: true }))
    await mongo.ask((db) => db.collection('TrainingSession').deleteOne({ _id, removing: true }))
    mongo.forgetOrigin(sessionId)
    return
  }
  // Forks need the rest of it. It stays deleted, and comes back shorter if somebody restores it.
  const own = await mongo.ask((db) => db.collection('Epoch').countDocuments({ sessionId: _id }))
  const document = await mongo.ask((db) => db.collection('TrainingSession').findOne({ _id }, { projection: { epochs: 1 } }))
  const { value, damaged } = parse('TrainingSession', sessionEpochs, document)
  if (damaged) throw damaged.error
  const end = value.epochs.indexOf(String(last['_id']))
  if (end < 0) throw damage('TrainingSession', document, 'epochs: without one that the session has')
  await mongo.ask((db) =>
    db.collection('TrainingSession').updateOne(
      { _id, removing: true },
      {
        $set: {
          epochs: (document!['epochs'] as ObjectId[]).slice(0, end + 1),
          own,
          latest: { id: last['_id'], number: last['number'] as unknown },
          floatingWeightsId: (last['weightsId'] ?? null) as unknown,
          weightsId: (last['weightsId'] ?? null) as unknown,
          change: change.n,
        },
        $unset: { removing: '', keepTo: '', selected: '', open: '' },
        $inc: { version: 1 },
      },
    ),
  )
}

const isRemoving = async (mongo: Mongo, _id: ObjectId): Promise<boolean> =>
  (await mongo.ask((db) => db.collection('TrainingSession').findOne({ _id }, { projection: { removing: 1 } })))?.['removing'] === true

const epochsOf = async (mongo: Mongo, filter: Document): Promise<{ readonly id: string; readonly number: number }[]> => {
  const documents = await mongo.ask((db) =>
    db
      .collection('Epoch')
      .find(filter, { projection: { sessionId: 1, number: 1 }, sort: { number: 1 } })
      .toArray(),
  )
  return documents.map((document) => {
    const { value, damaged } = parse('Epoch', epochClock, document)
    if (damaged) throw damaged.error
    return { id: value._id, number: value.number }
  })
}

/** Own epochs above a number. */
const ownEpochs = (mongo: Mongo, sessionId: ObjectId, above: number) => epochsOf(mongo, { sessionId, number: { $gt: above } })

/** The last of its own epochs that a fork starts from; 0 where none does. */
async function neededUpTo(mongo: Mongo, sessionId: ObjectId, gone: ReadonlySet<string> = new Set()): Promise<number> {
  // Whatever named it: the session that a reference meant, or the one that trained the epoch.
  const forks = await mongo.ask((db) =>
    db
      .collection('TrainingSession')
      .find({ $or: [{ 'forkPoint.sessionId': sessionId }, { 'forkedFrom.sessionId': sessionId }] }, { projection: LISTED })
      .toArray(),
  )
  const starts = new Set<string>()
  for (const document of forks) {
    const { value, damaged } = parse('TrainingSession', listedSession, document)
    // Who can't tell what it needs needs everything.
    if (damaged) return Number.MAX_SAFE_INTEGER
    if (!gone.has(value._id) && value.forkedFrom) starts.add(value.forkedFrom.epochId)
  }
  let needed = 0
  for (const some of pieces([...starts], SMALL_PIECE))
    for (const { number } of await epochsOf(mongo, { ...anyOf(objectIds(some)), sessionId })) needed = Math.max(needed, number)
  return needed
}

/** Those of the files that an epoch names as its weights or state. */
async function named(mongo: Mongo, sha256s: readonly string[], signal?: AbortSignal, gone?: ReadonlySet<string>): Promise<Set<string>> {
  const found = new Set<string>()
  for (const some of pieces(sha256s, SMALL_PIECE)) {
    checkAborted(signal)
    const ids = some.flatMap((sha256) => hashId(sha256) ?? [])
    const documents = await mongo.ask(
      (db) =>
        db
          .collection('Epoch')
          .find(
            { $or: [{ weightsId: { $in: ids } }, { stateId: { $in: ids } }], released: { $ne: true } },
            { projection: { weightsId: 1, stateId: 1 } },
          )
          .toArray(),
      { signal },
    )
    // Twelve bytes of a hash are enough to spare a file.
    const used = new Set(
      documents.flatMap(({ _id, weightsId, stateId }) => (gone?.has(String(_id)) ? [] : [String(weightsId), String(stateId)])),
    )
    for (const sha256 of some) if (used.has(sha256.slice(0, 24))) found.add(sha256)
  }
  return found
}

/** Records that something else wrote have ids of their own, and who names them can't be told by a hash: all of them count as needed. */
async function keptByHand(mongo: Mongo, signal?: AbortSignal): Promise<string[]> {
  const documents = await mongo.ask(
    (db) =>
      db
        .collection('Weights')
        .find({ format: null }, { projection: { sha256: 1, weightsFileLocation: 1 } })
        .toArray(),
    { signal },
  )
  return documents.flatMap((document) => {
    const { value } = parse('Weights', weightsDocument, document)
    return value ? (fileHash(value) ?? []) : []
  })
}

/** Files that nobody needs: no epoch names them, and nobody has brought them for so long. */
export async function unneededWeights(
  mongo: Mongo,
  sha256s: readonly string[],
  idleSeconds: number,
  signal?: AbortSignal,
  gone?: ReadonlySet<string>,
): Promise<readonly string[]> {
  const since = await ago(mongo, idleSeconds)
  const used = await named(mongo, sha256s, signal, gone)
  for (const sha256 of await keptByHand(mongo, signal)) used.add(sha256)
  const left = sha256s.filter((sha256) => !used.has(sha256))
  const fresh = new Set<string>()
  for (const some of pieces(left, SMALL_PIECE)) {
    const documents = await mongo.ask(
      (db) =>
        db
          .collection('Weights')
          .find({ ...anyOf(some.flatMap((sha256) => hashId(sha256) ?? [])), usedAt: { $gt: since } }, { projection: { _id: 1 } })
          .toArray(),
      { signal },
    )
    for (const { _id } of documents) fresh.add(String(_id))
  }
  return left.filter((sha256) => !fresh.has(sha256.slice(0, 24)))
}

/**
 * Takes unneeded files for removal: until they are dropped, nobody can bring them or make an epoch of them. What was claimed is looked at once
 * more, because an epoch may have come in between; whoever makes one looks the other way round.
 */
export async function claimWeights(
  mongo: Mongo,
  sha256s: readonly string[],
  idleSeconds: number,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const wanted = await unneededWeights(mongo, sha256s, idleSeconds, signal)
  const since = await ago(mongo, idleSeconds)
  const claimed: string[] = []
  for (const sha256 of wanted) {
    checkAborted(signal)
    if (await claim(mongo, sha256, since)) claimed.push(sha256)
  }
  const used = await named(mongo, claimed, signal)
  for (const sha256 of used)
    await mongo.ask((db) => db.collection('Weights').updateOne({ _id: hashId(sha256)! }, { $unset: { removing: '', claimedAt: '' } }))
  return claimed.filter((sha256) => !used.has(sha256))
}

/** Also of a file that no record tells of, and of one that was claimed before by somebody who did not come to its end. */
async function claim(mongo: Mongo, sha256: string, since: Date): Promise<boolean> {
  const _id = hashId(sha256)
  if (!_id) return false
  const idle: Document = { $or: [{ usedAt: null }, { usedAt: { $lte: since } }] }
  try {
    await mongo.ask((db) =>
      db
        .collection('Weights')
        .updateOne(
          { _id, ...idle },
          { $set: { sha256, format: FORMAT, removing: true }, $currentDate: { claimedAt: true } },
          { upsert: true },
        ),
    )
    return true
  } catch (error) {
    // Brought at this moment.
    if (isDuplicate(error)) return false
    throw error
  }
}

/** The files are gone from the bucket: so are their records. */
export async function dropWeights(mongo: Mongo, sha256s: readonly string[]): Promise<void> {
  for (const some of pieces(sha256s, SMALL_PIECE))
    await mongo.ask((db) =>
      db.collection('Weights').deleteMany({ _id: { $in: some.flatMap((sha256) => hashId(sha256) ?? []) }, removing: true }),
    )
}

/** What was claimed by somebody who did not come to its end. */
export async function claimedWeights(mongo: Mongo, signal?: AbortSignal): Promise<readonly string[]> {
  const documents = await mongo.ask(
    (db) =>
      db
        .collection('Weights')
        .find({ removing: true }, { projection: { sha256: 1 } })
        .toArray(),
    {
      signal,
    },
  )
  return documents.flatMap(({ sha256 }) => (typeof sha256 === 'string' && HASH.test(sha256) ? sha256 : []))
}

/** Graphs that no epoch names, and that nobody has brought for so long. */
export async function unneededGraphs(
  mongo: Mongo,
  hashes: readonly string[],
  idleSeconds: number,
  signal?: AbortSignal,
  gone?: ReadonlySet<string>,
): Promise<readonly string[]> {
  const since = await ago(mongo, idleSeconds)
  const left: string[] = []
  for (const some of pieces(hashes, SMALL_PIECE)) {
    checkAborted(signal)
    const ids = some.flatMap((hash) => hashId(hash) ?? [])
    const [named, fresh] = await Promise.all([
      mongo.ask(
        (db) =>
          db
            .collection('Epoch')
            .find({ modelGraphId: { $in: ids } }, { projection: { modelGraphId: 1 } })
            .toArray(),
        { signal },
      ),
      mongo.ask(
        (db) =>
          db
            .collection('ModelGraph')
            .find({ ...anyOf(ids), usedAt: { $gt: since } }, { projection: { _id: 1 } })
            .toArray(),
        {
          signal,
        },
      ),
    ])
    const used = new Set([
      ...named.flatMap(({ _id, modelGraphId }) => (gone?.has(String(_id)) ? [] : String(modelGraphId))),
      ...fresh.map(({ _id }) => String(_id)),
    ])
    for (const hash of some) if (!used.has(hash.slice(0, 24))) left.push(hash)
  }
  return left
}

/**
 * Removes the documents of graphs that nobody needs. Whoever is about to name one has noted that before (`usedAt`), and then it is not removed; who
 * comes later finds none, and brings it.
 */
export async function* removeGraphs(
  mongo: Mongo,
  idleSeconds: number,
  signal?: AbortSignal,
  gone?: ReadonlySet<string>,
): AsyncGenerator<{ readonly hash: string; readonly bytes: number }> {
  const since = await ago(mongo, idleSeconds)
  // Of a graph that something else wrote nobody knows who needs it.
  const old = { format: { $gte: 1 }, $or: [{ usedAt: null }, { usedAt: { $lte: since } }] }
  let after: ObjectId | undefined
  for (;;) {
    checkAborted(signal)
    const page = await mongo.ask(
      (db) =>
        db
          .collection('ModelGraph')
          .find({ ...old, ...(after ? { _id: { $gt: after } } : {}) }, { projection: { hash: 1 }, sort: { _id: 1 }, limit: SMALL_PIECE })
          .toArray(),
      { signal },
    )
    const last = page.at(-1)
    if (!last) return
    after = last._id
    const hashes = page.flatMap(({ hash }) => (typeof hash === 'string' && HASH.test(hash) ? hash : []))
    for (const hash of await unneededGraphs(mongo, hashes, idleSeconds, signal, gone)) {
      const _id = hashId(hash)!
      const document = await mongo.ask((db) => db.collection('ModelGraph').findOne({ _id, hash }), { signal })
      if (!document) continue
      if (!gone) {
        const { deletedCount } = await mongo.ask((db) => db.collection('ModelGraph').deleteOne({ _id, hash, ...old }))
        if (deletedCount === 0) continue
      }
      yield { hash, bytes: BSON.calculateObjectSize(document) }
    }
  }
}
const HASH = /^[0-9a-f]{64}$/

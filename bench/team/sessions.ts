import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Document, MongoClient, ObjectId } from 'mongodb'
import { LocalStores } from '../../server/storage/local/stores'
import { openTeam } from '../../server/storage/team/open'
import type { TeamConfig } from '../../server/storage/team/ports'
import { aSession, anEpoch } from '../../test/services/mongoRecords'
import { id, RunFolder } from '../fixtures'

export const plainMongo = ({ uri, username, password }: TeamConfig['mongo']) =>
  new MongoClient(uri, username === undefined ? {} : { auth: { username, password: password ?? '' } })

export const sessionId = (n: number) => id(0x6a00, n)

/** So many finished sessions of others, an epoch each. The adapter writes the first, and the driver as many like it: one by one they would take long. */
export async function writeSessions(config: TeamConfig, count: number) {
  const team = openTeam(config, { cache: mkdtempSync(join(tmpdir(), 'epochtree-bench-')), cacheBytes: 0 })
  const first = anEpoch(sessionId(1), 1, 0x6b00_0000, { weights: null })
  await team.sessions.prepare()
  await team.sessions.putSession({ record: aSession(sessionId(1), { name: 'net-1' }), by: 'bob@lab', alive: false })
  await team.sessions.putEpoch(first)
  await team.close()
  const client = plainMongo(config.mongo)
  const db = client.db(config.mongo.database)
  const [session, epoch] = [await db.collection('TrainingSession').findOne(), await db.collection('Epoch').findOne()]
  if (!session || !epoch) throw new Error('The session that was just written is not there.')
  const { n } = (await db.collection<Counter>('Counter').findOne({ _id: 'changes' }))!
  for (let from = 2; from <= count; from += 1000) {
    const some = Array.from({ length: Math.min(1000, count - from + 1) }, (_, i) => from + i)
    const ids = new Map(some.map((one) => [one, new ObjectId(id(0x6b00, one))]))
    await db
      .collection('Epoch')
      .insertMany(some.map((one): Document => ({ ...epoch, _id: ids.get(one)!, sessionId: new ObjectId(sessionId(one)) })))
    await db.collection('TrainingSession').insertMany(
      some.map((one): Document => ({
        ...session,
        _id: new ObjectId(sessionId(one)),
        name: `net-${one}`,
        epochs: [ids.get(one)!],
        latest: { id: ids.get(one)!, number: 1 },
        change: n + one,
      })),
    )
  }
  await db.collection<Counter>('Counter').updateOne({ _id: 'changes' }, { $set: { n: n + count } })
  return { client, db }
}
interface Counter {
  readonly _id: string
  readonly n: number
}

/** A folder with one session of its own, and the environment of a server that has a cache of its own. */
export async function ownFolder() {
  const workspace = mkdtempSync(join(tmpdir(), 'epochtree-bench-'))
  const dir = join(workspace, '.epochtree')
  const run = new RunFolder(dir, { session: id(0x6c00, 1), name: 'mine' })
  run.epoch(id(0x6d00, 1), 1)
  run.commit(id(0x6d00, 1))
  run.finish()
  const stores = new LocalStores(dir)
  await stores.ingest()
  await stores.close()
  return { workspace, dir, env: { XDG_CACHE_HOME: join(workspace, 'cache') } }
}

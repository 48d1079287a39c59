import { isDuplicate } from './errors'
import type { Mongo } from './mongo'

interface Lease {
  readonly _id: string
  readonly holder: string
  readonly until: Date
}
const CLOCK_MS = 30_000

/** By the server's clock, as well as it is known: another's lease is over only when it surely is. */
export async function takeLease(mongo: Mongo, name: string, holder: string, seconds: number): Promise<boolean> {
  const { offset, within } = await mongo.connection.clock(CLOCK_MS)
  const now = Date.now() + offset * 1000
  try {
    await mongo.ask((db) =>
      db
        .collection<Lease>('Lease')
        .updateOne(
          { _id: name, $or: [{ holder }, { until: { $lt: new Date(now - within * 1000) } }] },
          { $set: { holder, until: new Date(now + seconds * 1000) } },
          { upsert: true },
        ),
    )
    return true
  } catch (error) {
    // Another has it: a second one of that name can't be made.
    if (isDuplicate(error)) return false
    throw error
  }
}

export async function leaveLease(mongo: Mongo, name: string, holder: string) {
  await mongo.ask((db) => db.collection<Lease>('Lease').deleteOne({ _id: name, holder }))
}

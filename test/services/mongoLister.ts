import { MongoClient } from 'mongodb'
import { keep } from '../../server/storage/mongo/mongo'

/** A process of its own that looks at all sessions of a database, and tells how much memory it took for that. */
const [uri, database] = process.argv.slice(2) as [string, string]
const client = new MongoClient(uri)
// As a server parts them whose answers are no larger than MongoDB's.
const found = client.db(database).collection('TrainingSession').find({}, { batchSize: 1 })
const lengths = await keep(found, ({ by }) => {
  // What could be let go of counts for nothing.
  globalThis.gc!()
  return (by as string).length
})
await client.close()
process.stdout.write(JSON.stringify({ lengths, kilobytes: process.resourceUsage().maxRSS }))

import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { toStderr } from '../vscode/root'
import { startElastic } from './elastic'
import { makeBucket, startGcs } from './gcs'
import { startMongo } from './mongo'
import { place } from './place'
import type { Running } from './running'

const { values } = parseArgs({ options: { data: { type: 'string' } } })
const running: Running[] = []
let ending = false

async function main(): Promise<void> {
  const data = values.data === undefined ? join(place(), 'data') : resolve(values.data)
  for (const name of ['mongo', 'elastic', 'gcs']) mkdirSync(join(data, name), { recursive: true })
  const say = toStderr
  const keep = async (starting: Promise<Running>) => {
    const server = await starting
    running.push(server)
    return server
  }
  say('Starting the three servers of a team, for trying out and for tests.')
  const [mongo, elastic, gcs] = await Promise.all([
    keep(startMongo({ dataDir: join(data, 'mongo'), say })),
    keep(startElastic({ dataDir: join(data, 'elastic'), say })),
    keep(startGcs({ dataDir: join(data, 'gcs'), say })),
  ])
  await makeBucket(gcs.url, 'epochtree')
  const store = {
    mode: 'team',
    mongo: { uri: mongo.url, database: 'epochtree' },
    elastic: { node: elastic.url },
    gcs: { bucket: 'epochtree', endpoint: gcs.url },
  }
  console.log(`
Their data are kept in ${data}. Into a folder's .epochtree/config.json, to work with them there:

${JSON.stringify({ store }, null, 2)}

Or, for a command:

export EPOCHTREE_MONGO_URI=${mongo.url} EPOCHTREE_ELASTIC_NODE=${elastic.url} EPOCHTREE_GCS_BUCKET=epochtree EPOCHTREE_GCS_ENDPOINT=${gcs.url}

Or, for \`npm run test:services\` to use them:

export EPOCHTREE_TEST_MONGO=${mongo.url} EPOCHTREE_TEST_ELASTIC=${elastic.url} EPOCHTREE_TEST_GCS=${gcs.url}

They run until Ctrl-C.`)
}

async function end(): Promise<void> {
  if (ending) return
  ending = true
  await Promise.all(running.map((server) => server.stop()))
  process.exit(process.exitCode ?? 0)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end())
process.on('disconnect', () => void end())
// Nothing else holds this process: the servers don't.
setInterval(() => {}, 60_000)
main().catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
  void end()
})

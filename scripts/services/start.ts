import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { EpochtreeError } from '../../server/errors'
import { toStderr } from '../vscode/root'
import { startElastic } from './elastic'
import { makeBucket, startGcs } from './gcs'
import { startMongo } from './mongo'
import { place } from './place'
import { isFree, type Running } from './running'

const NAMES = ['mongo', 'elastic', 'gcs'] as const
type Name = (typeof NAMES)[number]

const { values } = parseArgs({ options: { data: { type: 'string' } } })
const running: Running[] = []
let ending = false

async function main(): Promise<void> {
  const data = values.data === undefined ? join(place(), 'data') : resolve(values.data)
  for (const name of NAMES) mkdirSync(join(data, name), { recursive: true })
  takeAlone(data)
  const say = toStderr
  const ports = await earlierPorts(data)
  const keep = async (starting: Promise<Running>) => {
    const server = await starting
    running.push(server)
    return server
  }
  const at = (name: Name) => ({ dataDir: join(data, name), say, ...(ports[name] === undefined ? {} : { port: ports[name] }) })
  say('Starting the three servers of a team, for trying out and for tests.')
  const [mongo, elastic, gcs] = await Promise.all([
    keep(startMongo(at('mongo'))),
    keep(startElastic(at('elastic'))),
    keep(startGcs(at('gcs'))),
  ])
  await makeBucket(gcs.url, 'epochtree')
  writeFileSync(join(data, 'ports.json'), JSON.stringify({ mongo: mongo.port, elastic: elastic.port, gcs: gcs.port }))
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

/** Two servers on the same data would ruin them. */
function takeAlone(data: string): void {
  const file = join(data, 'running.pid')
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
  if (pid > 0 && isAlive(pid))
    throw new EpochtreeError(
      'failed',
      `Process ${pid} runs servers on ${data} already. Stop it, or name another folder: \`npm run services -- --data FOLDER\`.`,
    )
  writeFileSync(file, String(process.pid))
  process.on('exit', () => rmSync(file, { force: true }))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Those of the last run, so that settings hold from one to the next; without any that somebody else took meanwhile. */
async function earlierPorts(data: string): Promise<Partial<Record<Name, number>>> {
  const file = join(data, 'ports.json')
  if (!existsSync(file)) return {}
  const ports = JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<Name, number>>
  for (const name of NAMES) if (ports[name] !== undefined && !(await isFree(ports[name]))) delete ports[name]
  return ports
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

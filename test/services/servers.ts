import { randomBytes } from 'node:crypto'
import { startElastic } from '../../scripts/services/elastic'
import { makeBucket, startGcs } from '../../scripts/services/gcs'
import { startMongo } from '../../scripts/services/mongo'
import type { Running } from '../../scripts/services/running'
import type { TeamConfig } from '../../server/storage/team/ports'

/** Where a server answers; one that was started for this run, or one that a variable of the environment names. */
export interface Server {
  readonly url: string
  /** Only of a server that was started here. */
  readonly running: Running | undefined
}

const started = new Map<string, Promise<Server>>()

/** Started at most once a run, by whoever asks first. Tests that kill a server start one of their own. */
function shared(variable: string, start: () => Promise<Running>): Promise<Server> {
  let server = started.get(variable)
  if (server === undefined) {
    const url = process.env[variable]
    server = url
      ? Promise.resolve({ url: url.replace(/\/$/, ''), running: undefined })
      : start().then((running) => ({ url: running.url, running }))
    started.set(variable, server)
  }
  return server
}

export const mongo = () => shared('EPOCHTREE_TEST_MONGO', () => startMongo())
export const elastic = () => shared('EPOCHTREE_TEST_ELASTIC', () => startElastic())
export const gcs = () => shared('EPOCHTREE_TEST_GCS', () => startGcs())

/** Ends what was started for this run. */
export async function stopServers(): Promise<void> {
  const all = [...started.values()]
  started.clear()
  await Promise.all(all.map(async (server) => (await server.catch(() => undefined))?.running?.stop()))
}

export interface Through {
  /** Other addresses of the servers, such as a proxy's, or servers of the test's own. */
  readonly mongo?: string
  readonly elastic?: string
  readonly gcs?: string
  readonly by?: string
}

/** A name that no other test uses, in any run. */
export const freshName = () => `t${Date.now().toString(36)}${randomBytes(4).toString('hex')}`

/** A team of its own: an empty database, indices and a bucket that nobody else uses. Only the servers that are not given are started. */
export async function freshTeam(through: Through = {}): Promise<TeamConfig> {
  const name = freshName()
  const [mongoUrl, elasticUrl, gcsUrl] = await Promise.all([
    through.mongo ?? mongo().then(({ url }) => url),
    through.elastic ?? elastic().then(({ url }) => url),
    through.gcs ?? gcs().then(({ url }) => url),
  ])
  return {
    mongo: mongoAt(mongoUrl, name),
    elastic: elasticAt(elasticUrl, name),
    gcs: await gcsAt(gcsUrl, name),
    by: through.by ?? 'ada@lab',
  }
}

export function mongoAt(url: string, database = freshName()): TeamConfig['mongo'] {
  const { uri, ...secrets } = withoutSecrets(url)
  return { uri, database, ...secrets }
}

export function elasticAt(url: string, prefix = freshName()): TeamConfig['elastic'] {
  const { uri, ...secrets } = withoutSecrets(url)
  return { node: uri.replace(/\/$/, ''), prefix, ...secrets }
}

/** `gs://BUCKET` is a bucket at Google; anything else an endpoint, where a new bucket is made. */
export async function gcsAt(url: string, name = freshName()): Promise<TeamConfig['gcs']> {
  if (url.startsWith('gs://')) return { bucket: url.slice('gs://'.length).replace(/\/.*$/, ''), prefix: `${name}/` }
  await makeBucket(url, name)
  return { bucket: name, prefix: '', endpoint: url }
}

function withoutSecrets(url: string): { readonly uri: string; readonly username?: string; readonly password?: string } {
  const found = /^([a-z+]+:\/\/)([^@/:]+):([^@/]+)@(.*)$/.exec(url)
  if (!found) return { uri: url }
  const [, scheme, username, password, rest] = found as unknown as [string, string, string, string, string]
  return { uri: scheme + rest, username: decodeURIComponent(username), password: decodeURIComponent(password) }
}

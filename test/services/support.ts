import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { ask } from '../../scripts/services/ask'
import { LocalStores } from '../../server/storage/local/stores'
import { openTeam } from '../../server/storage/team/open'
import type { Team, TeamConfig } from '../../server/storage/team/ports'
import { type Child, start } from '../fault/support'
import { Spool, type SpoolEvents, type SpoolTimes } from '../../server/storage/team/spool'

/** A machine: its folder, its stores and its way to the team. */
export interface Machine {
  readonly root: string
  readonly dir: string
  readonly stores: LocalStores
  readonly team: Team
  readonly spool: (events?: SpoolEvents, times?: Partial<SpoolTimes>) => Spool
  /** Opens the store anew, as after it was built again. */
  readonly reopened: () => Promise<LocalStores>
  readonly close: () => Promise<void>
}

export function machine(config: TeamConfig, { root = mkdtempSync(join(tmpdir(), 'epochtree-team-')), by = config.by } = {}): Machine {
  const dir = join(root, '.epochtree')
  let stores = new LocalStores(dir, {}, { team: true })
  const team = openTeam({ ...config, by }, { cache: join(root, 'cache'), cacheBytes: 1e9 })
  return {
    root,
    dir,
    get stores() {
      return stores
    },
    team,
    spool: (events, times) => new Spool(stores, team, events, { hereMs: 50, thereMs: 100, retryMs: 300, ...times }),
    reopened: async () => {
      await stores.close()
      return (stores = new LocalStores(dir, {}, { team: true }))
    },
    close: async () => {
      await team.close()
      await stores.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export const never = (): AbortSignal => new AbortController().signal

/** Where the command line finds a team. */
export const teamEnvironment = ({ mongo, elastic, gcs, by }: TeamConfig): Record<string, string> => ({
  EPOCHTREE_STORE: 'team',
  EPOCHTREE_BY: by,
  EPOCHTREE_MONGO_URI:
    mongo.username === undefined
      ? mongo.uri
      : mongo.uri.replace('://', `://${encodeURIComponent(mongo.username)}:${encodeURIComponent(mongo.password ?? '')}@`),
  EPOCHTREE_MONGO_DATABASE: mongo.database,
  EPOCHTREE_ELASTIC_NODE: elastic.node,
  EPOCHTREE_ELASTIC_PREFIX: elastic.prefix,
  ...(elastic.apiKey === undefined ? {} : { EPOCHTREE_ELASTIC_API_KEY: elastic.apiKey }),
  ...(elastic.username === undefined
    ? {}
    : { EPOCHTREE_ELASTIC_USERNAME: elastic.username, EPOCHTREE_ELASTIC_PASSWORD: elastic.password ?? '' }),
  EPOCHTREE_GCS_BUCKET: gcs.bucket,
  EPOCHTREE_GCS_PREFIX: gcs.prefix,
  ...(gcs.endpoint === undefined ? {} : { EPOCHTREE_GCS_ENDPOINT: gcs.endpoint }),
})

/** Waits for the thing itself, and fails with what it last was. */
export async function until<Value>(look: () => Promise<Value> | Value, isThere: (value: Value) => boolean, seconds = 60): Promise<Value> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const value = await look()
    if (isThere(value)) return value
    if (Date.now() > end) throw new Error(`It did not come in ${seconds} s; it is ${JSON.stringify(value)?.slice(0, 2000)}`)
    await new Promise((done) => setTimeout(done, 50))
  }
}

/** A process that hands on what waits in a machine's folder. */
export function spoolChild(config: TeamConfig, root: string): Child {
  return start(process.execPath, ['out/test/services/spoolProcess.js', root, JSON.stringify(config)], join(root, '.epochtree'))
}

/** Removes what a test left on the servers. */
export async function dropTeam({ mongo, elastic }: TeamConfig): Promise<void> {
  const client = new MongoClient(mongo.uri)
  await client.db(mongo.database).dropDatabase()
  await client.close()
  await ask(`${elastic.node}/${elastic.prefix}-*`, { method: 'DELETE' }).catch(() => {})
}

export function pullChild(config: TeamConfig, root: string, sessionId: string): Child {
  return start(process.execPath, ['out/test/services/pullProcess.js', root, JSON.stringify(config), sessionId], join(root, '.epochtree'))
}

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EpochtreeError, explain } from '../../errors'
import type { TriedServer } from '../../protocol/editor'
import { addressOf, teamConfig, type TeamSecrets, type TeamSettings } from './config'
import { adapters } from './open'
import type { ServerName } from './ports'
import { checkRights } from './rights'

/** Any address that can be read: only one of the three is looked at. */
const ELSEWHERE = {
  mode: 'team',
  mongo: { uri: 'mongodb://localhost' },
  elastic: { node: 'http://localhost' },
  gcs: { bucket: 'none' },
} as const

/** What a server says that lets nobody do this who has not said who they are; certificates and the like are another matter. */
const ASKS_WHO = /password|API key|may not do this|does not allow|may only read/

const NAMES: Readonly<Record<TriedServer['server'], ServerName>> = {
  mongo: 'MongoDB',
  elastic: 'Elasticsearch',
  gcs: 'Google Cloud Storage',
}

/** What a team's configuration would be with this server in it. */
function configWith(tried: TriedServer, dir: string) {
  const settings: TeamSettings = { ...ELSEWHERE, [tried.server]: tried.settings }
  const login = 'login' in tried ? tried.login : undefined
  const secrets: TeamSecrets =
    tried.server === 'mongo'
      ? { mongo: { for: addressOf('mongo', tried.settings.uri), ...login } }
      : tried.server === 'elastic'
        ? { elastic: { for: addressOf('elastic', tried.settings.node), ...login } }
        : {}
  // The person who types it says so: it is their own, and what the environment keeps secret is no part of it.
  return teamConfig({ dir, env: { EPOCHTREE_STORE: 'team' }, settings, own: settings, secrets })!
}

/** Opens one of a team's servers, asks it, and makes what has to be there before anything can be brought: so whoever may not write is found out now. */
export async function tryServer(tried: TriedServer, dir: string): Promise<{ readonly message: string; readonly login: boolean } | null> {
  try {
    const config = configWith(tried, dir)
    const opened =
      tried.server === 'mongo'
        ? await adapters.mongo(config.mongo, { large: { putBytes: nothing, getBytes: nothing } })
        : tried.server === 'elastic'
          ? await adapters.elastic(config.elastic, async () => [])
          : await adapters.gcs(config.gcs, { cache: join(tmpdir(), `epochtree-tried-${process.pid}`), cacheBytes: 0 })
    try {
      await opened.check()
      // Where all is there already nothing needs to be made.
      await checkRights(NAMES[tried.server], opened)
      await opened.prepare()
    } finally {
      await opened.close().catch(() => undefined)
    }
    return null
  } catch (error) {
    const { code, message } = explain(error)
    const nobody = tried.server !== 'gcs' && tried.login?.username === undefined && tried.login?.apiKey === undefined
    return { message, login: code === 'server-refused' && nobody && ASKS_WHO.test(message) }
  }
}

const nothing = async () => {
  throw new EpochtreeError('failed', 'Nothing is written while a server is tried.')
}

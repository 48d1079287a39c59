import { explain } from '../errors'
import type { TeamJson } from '../protocol/model'
import { readTeam } from '../storage/team/config'
import { openTeam } from '../storage/team/open'
import type { ServerName, TeamConfig } from '../storage/team/ports'
import { SERVERS, type ServerState, Watched } from '../storage/team/watched'

/** A server that takes longer than this to say anything is away. */
const ANSWERS_WITHIN_MS = 20_000

/** What goes on while some servers can't be used, and what has to wait. */
export function stillWorks(without: readonly ServerName[]): string[] {
  if (without.length === 0) return []
  return [
    'Training, and all that was trained on this machine, goes on as ever. What is new is uploaded by itself once they can be reached.',
    ...(without.includes('MongoDB') ? ['Sessions of others are shown as they were last seen here, and can not be changed until then.'] : []),
    ...(without.includes('Elasticsearch') ? ['Metrics and samples of others can not be read until then.'] : []),
    ...(without.includes('Google Cloud Storage')
      ? ['Weights of others that are not on this machine yet can not be fetched until then.']
      : []),
  ]
}

/** Where they are, without what may be secret: options of an address may hold a token. */
const addresses = ({ mongo, elastic, gcs }: TeamConfig): Readonly<Record<ServerName, string>> => ({
  MongoDB: `${/^[a-z+]+:\/\/[^/?]*/.exec(mongo.uri)?.[0] ?? ''}/${mongo.database}`,
  Elasticsearch: `${elastic.node} (${elastic.prefix})`,
  'Google Cloud Storage': `gs://${gcs.bucket}/${gcs.prefix}${gcs.endpoint === undefined ? '' : ` on ${gcs.endpoint}`}`,
})

import { EpochtreeError } from '../../errors'
import type { ServerName, TeamWeights } from './ports'

const NEEDED: Readonly<Record<ServerName, string>> = {
  MongoDB: "the role readWrite on the team's database",
  Elasticsearch: "the rights `write`, `create_index` and `manage` on the team's indices",
  'Google Cloud Storage': 'the role Storage Object User (roles/storage.objectUser) on the bucket',
}

/** What is told to whoever can see what others brought, and bring nothing. */
export const onlyReads = (name: ServerName, missing: readonly string[]) =>
  `Who logs in to ${name} from here may only read there (missing: ${missing.join(', ')}). Have ${NEEDED[name]} given, so that what is trained here can be brought to the team.`

/** Refuses a server that can only be read from here. */
export async function checkRights(name: ServerName, port: Pick<TeamWeights, 'missingRights'>, signal?: AbortSignal) {
  const missing = await port.missingRights(signal)
  if (missing.length > 0) throw new EpochtreeError('server-refused', onlyReads(name, missing))
}

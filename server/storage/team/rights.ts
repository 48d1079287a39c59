import type { ServerName } from './ports'

const NEEDED: Readonly<Record<ServerName, string>> = {
  MongoDB: "the role readWrite on the team's database",
  Elasticsearch: "the rights `write`, `create_index` and `manage` on the team's indices",
  'Google Cloud Storage': 'the role Storage Object User (roles/storage.objectUser) on the bucket',
}

/** What is told to whoever can see what others brought, and bring nothing. */
export const onlyReads = (name: ServerName, missing: readonly string[]) =>
  `Who logs in to ${name} from here may only read there (missing: ${missing.join(', ')}). Have ${NEEDED[name]} given, so that what is trained here can be brought to the team.`

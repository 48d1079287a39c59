// Brings a session of a team into a machine's folder, for tests that kill it.
import { LocalStores } from '../../server/storage/local/stores'
import { openTeam } from '../../server/storage/team/open'
import type { TeamConfig } from '../../server/storage/team/ports'
import { pull } from '../../server/storage/team/pull'

const [root, config, sessionId] = process.argv.slice(2) as [string, string, string]
const stores = new LocalStores(`${root}/.epochtree`, {}, { team: true })
const team = openTeam(JSON.parse(config) as TeamConfig, { cache: `${root}/cache`, cacheBytes: 1e9 })
const brought = await pull(stores, team, sessionId)
process.stdout.write(JSON.stringify(brought))
await team.close()
await stores.close()

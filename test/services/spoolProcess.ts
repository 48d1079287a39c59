// Hands on what waits in a machine's folder, for tests that kill it.
import { LocalStores } from '../../server/storage/local/stores'
import { openTeam } from '../../server/storage/team/open'
import type { TeamConfig } from '../../server/storage/team/ports'
import { Spool } from '../../server/storage/team/spool'

const [root, config] = process.argv.slice(2) as [string, string]
const stores = new LocalStores(`${root}/.epochtree`, {}, { team: true })
const team = openTeam(JSON.parse(config) as TeamConfig, { cache: `${root}/cache`, cacheBytes: 1e9 })
const handed = await new Spool(stores, team).once(new AbortController().signal)
process.stdout.write(JSON.stringify(handed))
await team.close()
await stores.close()

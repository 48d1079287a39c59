import type { LocalStores } from '../storage/local/stores'
import type { Stores } from '../storage/ports'
import { loadTeam } from '../storage/team/load'
import type { TeamConfig } from '../storage/team/ports'
import type { TeamStores } from '../storage/team/stores'
import { isMissed } from '../storage/team/watched'
import { relativeTime } from './text/terminal'

export { readTeam } from '../storage/team/config'

/** The folder with its team, for one command. */
export async function openWithTeam(local: LocalStores, servers: TeamConfig): Promise<Stores> {
  const { openTeamStores } = await loadTeam()
  return openTeamStores(local, servers)
}

/** Why others' sessions are shown as they were last seen; undefined where they are not. */
export function lastSeen(stores: Stores): string | undefined {
  const mongo = (stores as TeamStores).states.find((one) => one.name === 'MongoDB' && isMissed(one))
  if (!mongo) return undefined
  const since = relativeTime(mongo.since, Date.now() / 1000)
  const what = mongo.state === 'away' ? 'MongoDB went away' : 'MongoDB could no longer be used'
  return `${what} ${since}. ${mongo.message ?? ''} Sessions of others are shown as they were then.`
}

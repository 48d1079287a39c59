/** All that a folder with a team needs, as a program of its own: whoever has no team loads none of it. */
export { openTeam } from './open'
export { pull } from './pull'
export { Spool } from './spool'
export { openTeamStores } from './stores'
export { tryServer } from './tryServer'

import { built } from '../local/built'

/** The team's program, which lies beside this one: its clients are larger than all else, and loaded where a folder has a team. */
export const loadTeam = () => import(built('team.js').href) as Promise<typeof import('./main')>

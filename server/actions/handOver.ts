import { EpochtreeError } from '../errors'
import type { CollectedJson, PulledJson, PushedJson } from '../protocol/model'
import { findSession, modelOf } from '../references'
import { type Context, sessionJson } from '../requests'
import type { LocalStores } from '../storage/local/stores'
import type { Progress, Stores } from '../storage/ports'
import { collectTeam } from '../storage/team/gc'
import { readTeam } from '../storage/team/config'
import { loadTeam } from '../storage/team/load'
import { unlessAborted } from '../storage/team/patience'
import { teamPlaces } from '../storage/team/places'
import type { Team } from '../storage/team/ports'
import type { SpoolEvents } from '../storage/team/spool'

export interface Handing {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  readonly progress?: (progress: Progress) => void
  /** Told at once, because what comes then takes long. */
  readonly note?: (text: string) => void
}
interface Place extends Context {
  readonly stores: LocalStores
}

async function withTeam<Answer>(dir: string, env: Handing['env'], work: (team: Team) => Promise<Answer>): Promise<Answer> {
  const config = readTeam(dir, env)
  if (!config)
    throw new EpochtreeError(
      'no-team',
      'This folder has no team. Set EPOCHTREE_STORE=team and where its servers are, or name them in .epochtree/config.json; docs/team.md tells how.',
    )
  const { openTeam } = await loadTeam()
  const team = openTeam(config, teamPlaces(env))
  try {
    return await work(team)
  } finally {
    await team.close()
  }
}

/** Hands on what others don't have yet, of some sessions or of all. `again`: what they had too, where the servers lost it. */
export async function push(
  { dir, stores }: Place,
  sessions: readonly string[],
  { env, signal, progress, note, again = false }: Handing & { readonly again?: boolean },
): Promise<PushedJson> {
  const only: string[] = []
  for (const text of sessions) only.push((await findSession(stores, text)).id)
  return withTeam(dir, env, async (team) => {
    const { Spool } = await loadTeam()
    const told = new Set<string>()
    const servers: SpoolEvents['servers'] = (away) => {
      for (const { name, code, message } of away) {
        if (code !== 'server-away' || told.has(name)) continue
        told.add(name)
        note?.(`${message} It is tried again for half a minute; Ctrl-C ends it.`)
      }
    }
    const renamed: SpoolEvents['renamed'] = (before, name) =>
      note?.(`Others in the team have a session called ${before} already: the one here is called ${name} from now on.`)
    return new Spool(stores, team, { servers, renamed }).once(
      signal ?? new AbortController().signal,
      progress,
      only.length ? only : undefined,
      again,
    )
  })
}

/** Brings a team's session here, with its whole history. */
export async function pull(
  { dir, stores }: Place,
  reference: string,
  { env, signal, progress, weights }: Handing & { readonly weights?: boolean },
): Promise<PulledJson> {
  const { id, ...brought } = await withTeam(dir, env, async (team) => {
    const { session } = await unlessAborted(signal, () => modelOf(onlyAsked(team), reference))
    const options = { ...(signal ? { signal } : {}), ...(progress ? { progress } : {}), ...(weights === undefined ? {} : { weights }) }
    return { id: session.id, ...(await (await loadTeam()).pull(stores, team, session.id, options)) }
  })
  return { session: await sessionJson({ dir, stores }, id), ...brought }
}

const SECONDS_A_DAY = 24 * 3600

/** Removes for good what the team's servers need not keep. */
export const collectFromTeam = (
  dir: string,
  { env, signal, progress, dryRun, graceDays }: Handing & { readonly dryRun: boolean; readonly graceDays?: number | undefined },
): Promise<CollectedJson> =>
  withTeam(dir, env, (team) =>
    collectTeam(team, {
      dryRun,
      ...(signal ? { signal } : {}),
      ...(progress ? { progress } : {}),
      ...(graceDays === undefined ? {} : { graceSeconds: graceDays * SECONDS_A_DAY }),
    }),
  )

/** A team as references are looked up in it: nothing of it is read from journals. */
const onlyAsked = ({ sessions, documents, weights }: Team): Stores => ({
  sessions,
  documents,
  weights,
  ingest: async () => {},
  close: async () => {},
})

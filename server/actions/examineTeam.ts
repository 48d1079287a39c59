import { EpochtreeError, explain } from '../errors'
import type { TeamJson } from '../protocol/model'
import type { LocalStores } from '../storage/local/stores'
import { readTeam } from '../storage/team/config'
import { loadTeam } from '../storage/team/load'
import type { TeamPlaces } from '../storage/team/open'
import type { ServerName, TeamConfig } from '../storage/team/ports'
import { SERVERS, type ServerState, Watched } from '../storage/team/watched'

/** A server that takes longer than this to say anything is away. */
const ANSWERS_WITHIN_MS = 20_000

/** What goes on while some servers can't be used, and what has to wait. */
export function stillWorks(without: readonly ServerName[]): string[] {
  if (without.length === 0) return []
  return [
    'Training, and all that was trained on this machine, goes on as ever. What is new is uploaded by itself once they can be reached.',
    ...(without.includes('MongoDB')
      ? ['Sessions of others are shown as they were last seen here, and can not be changed until then.']
      : []),
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

export interface ExaminedTeam {
  /** What was known before of the team, and of how its servers were. */
  readonly states: readonly ServerState[]
  readonly places: TeamPlaces
  /** Epochs that others can't see yet. */
  readonly waiting: number
  /** Told how the servers are now. */
  readonly keep: (states: readonly ServerState[]) => void
}

/** Asks each of a team's servers how it is, all at once. */
export async function examineTeam(config: TeamConfig, { states, places, waiting, keep }: ExaminedTeam): Promise<TeamJson> {
  const watched = new Watched(() => undefined, states)
  const { openTeam } = await loadTeam()
  const team = openTeam(config, places, watched)
  try {
    await Promise.all(
      (
        [
          ['MongoDB', team.sessions],
          ['Elasticsearch', team.documents],
          ['Google Cloud Storage', team.weights],
        ] as const
      ).map(async ([name, port]) => {
        try {
          await within(port.check(AbortSignal.timeout(ANSWERS_WITHIN_MS)), name)
        } catch (error) {
          // What is none of the server's own errors is told as well: something is wrong on the way to it.
          watched.failed(name, error)
          if (watched.state(name)?.state === 'ok' || !watched.state(name))
            watched.failed(name, new EpochtreeError('server-away', `${name} could not be asked: ${(error as Error).message}`))
        }
      }),
    )
  } finally {
    await team.close().catch(() => undefined)
  }
  keep(watched.states)
  const at = addresses(config)
  return {
    trouble: null,
    servers: watched.states.map(({ name, state, since, message }) => ({ name, address: at[name], state, since, message })),
    waiting,
    works: stillWorks(watched.states.flatMap(({ name, state }) => (state === 'ok' ? [] : [name]))),
  }
}

/** Some clients wait longer than anybody does, whatever they were told. */
async function within(asked: Promise<void>, name: ServerName) {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new EpochtreeError(
            'server-away',
            `${name} has not answered for ${ANSWERS_WITHIN_MS / 1000} s. Check that it runs, and the network on the way.`,
          ),
        ),
      ANSWERS_WITHIN_MS + 1000,
    )
  })
  try {
    await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Null where the folder has no team. */
export async function teamOfFolder({ dir }: LocalStores, env: NodeJS.ProcessEnv): Promise<TeamJson | null> {
  const waiting = 0
  let config: TeamConfig | undefined
  try {
    config = readTeam(dir, env)
  } catch (error) {
    return { trouble: explain(error).message, servers: [], waiting, works: stillWorks(SERVERS) }
  }
  return config ? examineTeam(config, { states: [], places: { cache: '', cacheBytes: 0 }, waiting, keep: () => undefined }) : null
}

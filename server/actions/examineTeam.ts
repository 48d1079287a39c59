import { EpochtreeError, explain } from '../errors'
import type { ProblemJson, TeamJson } from '../protocol/model'
import type { LocalStores } from '../storage/local/stores'
import { readTeam } from '../storage/team/config'
import { loadTeam } from '../storage/team/load'
import type { ServerName, Team, TeamConfig } from '../storage/team/ports'
import { SERVERS, type ServerState } from '../storage/team/watched'

/** A server that takes longer than this to say anything is away. */
const ANSWERS_WITHIN_MS = 20_000

/** What goes on while some servers can't be used, or only be read, and what has to wait. */
function stillWorks(without: readonly ServerName[], read: readonly ServerName[] = []): string[] {
  const only =
    read.length > 0
      ? [
          ...(without.length > 0 ? [] : ['What others brought can be seen, compared, forked and pulled, and trainings go on as ever.']),
          'What is trained here others do not see until the missing right is given; then it is uploaded by itself.',
          ...(read.includes('MongoDB') ? ["Others' sessions can not be selected, renamed, tagged or deleted until then."] : []),
        ]
      : []
  if (without.length === 0) return only
  return [
    'Training, and all that was trained on this machine, goes on as ever. What is new is uploaded by itself once they can be reached.',
    ...(without.includes('MongoDB')
      ? [
          'Sessions of others are shown as they were last seen here; those that were not pulled can not be opened, compared, forked or changed until then.',
        ]
      : []),
    ...(without.includes('Elasticsearch')
      ? [
          'Metrics and samples of others can not be read until then, and their epochs not be forked: a fork goes on from the last step that was logged.',
        ]
      : []),
    ...(without.includes('Google Cloud Storage')
      ? ['Weights of others that are not on this machine yet can not be fetched until then.']
      : []),
    ...only,
  ]
}

/** Where they are, without what may be secret: options of an address may hold a token. */
const addresses = ({ mongo, elastic, gcs }: TeamConfig): Readonly<Record<ServerName, string>> => ({
  MongoDB: `${/^[a-z+]+:\/\/[^/?]*/.exec(mongo.uri)?.[0] ?? ''}/${mongo.database}`,
  Elasticsearch: `${elastic.node} (${elastic.prefix})`,
  'Google Cloud Storage': `gs://${gcs.bucket}/${gcs.prefix}${gcs.endpoint === undefined ? '' : ` on ${gcs.endpoint}`}`,
})

interface Examined {
  /** Null where the folder has none. What is wrong with what says where its servers are is an answer as well. */
  readonly team: TeamJson | null
  /** Documents of the team that are passed over, because they are not what they should be. */
  readonly problems: readonly ProblemJson[]
}

/** How a folder's team is. */
export async function examineTeam(stores: LocalStores, env: NodeJS.ProcessEnv): Promise<Examined> {
  let config: TeamConfig | undefined
  try {
    config = readTeam(stores.dir, env)
  } catch (error) {
    return { team: { trouble: explain(error).message, servers: [], waiting: 0, works: stillWorks(SERVERS) }, problems: [] }
  }
  if (!config) return { team: null, problems: [] }
  const { openTeamStores } = await loadTeam()
  const opened = openTeamStores(stores, config, { env })
  try {
    const states = await Promise.all(SERVERS.map(async (name) => askOne(name, opened.team, () => opened.states)))
    const isThere = !named(states, 'away', 'refused').includes('MongoDB')
    const at = addresses(config)
    const sessions = await stores.sessions.sessions({ deleted: true })
    return {
      team: {
        trouble: null,
        servers: states.map(({ name, state, since, message }) => ({ name, address: at[name], state, since, message })),
        waiting: sessions.reduce((sum, { team }) => sum + (team?.waiting ?? 0), 0),
        works: stillWorks(named(states, 'away', 'refused'), named(states, 'reads')),
      },
      // Where they can't be read any more, the next look tells why.
      problems: isThere ? await opened.team.sessions.problems().catch(() => []) : [],
    }
  } finally {
    // What is here belongs to whoever asked.
    await opened.team.close().catch(() => undefined)
  }
}

const named = (seen: readonly ServerState[], ...wanted: readonly ServerState['state'][]) =>
  seen.flatMap(({ name, state }) => (wanted.includes(state) ? [name] : []))

/** Asks what tells that it can be worked with. */
async function ask({ sessions, documents, weights }: Team, name: ServerName, signal: AbortSignal) {
  const port = { MongoDB: sessions, Elasticsearch: documents, 'Google Cloud Storage': weights }[name]
  await port.check(signal)
  // Who may not read is let in by a mere call.
  if (name === 'MongoDB') await sessions.changes()
  await port.missingRights(signal)
}

async function askOne(name: ServerName, team: Team, states: () => readonly ServerState[]): Promise<ServerState> {
  const known = () => states().find((one) => one.name === name)
  try {
    await within(ask(team, name, AbortSignal.timeout(ANSWERS_WITHIN_MS)), name)
    return known() ?? { name, state: 'ok', since: Date.now() / 1000, message: null }
  } catch (error) {
    const seen = known()
    if (seen && seen.state !== 'ok') return seen
    // It is none of the server's own errors: something is wrong on the way to it.
    const { code, message } = explain(error)
    return { name, state: code === 'server-away' ? 'away' : 'refused', since: Date.now() / 1000, message }
  }
}

/** Some clients wait longer than anybody does, whatever they were told. */
async function within(asked: Promise<unknown>, name: ServerName) {
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

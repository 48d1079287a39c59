import { shellText } from '../../actions/command'
import { maskSecrets } from '../../tracking/secrets'
import type { SavedFile } from '../../protocol/comparison'
import type {
  CheckoutJson,
  CollectedJson,
  DoctorJson,
  IngestJson,
  ProblemJson,
  PulledJson,
  PushedJson,
  SessionJson,
  StartedJson,
  TeamJson,
} from '../../protocol/model'
import { bytes, plural, relativeTime, safe, type Style, table } from './terminal'
import { epochText, shortId, statusText } from './words'

/** What became of a session after a command changed it. */
export function renderChanged(session: SessionJson, what: string, style: Style): string {
  const name = style.bold(safe(session.name, 60))
  const tags = session.tags.length ? `  ${session.tags.map((tag) => style.cyan(`#${safe(tag, 30)}`)).join(' ')}` : ''
  const model = session.selected ? `selected epoch ${epochText(session.selected)}` : `latest epoch ${epochText(session.latest)}`
  return `${name} ${style.dim(shortId(session.id))}: ${what}, ${statusText(session.status, style)}, ${plural(session.epochs, 'epoch')}, ${model}${tags}`
}

export function renderStarted({ session, runDir, forkedFrom, launch, exitCode }: StartedJson, style: Style): string {
  const origin = forkedFrom ? `, starts at epoch ${forkedFrom.epochNumber} (${shortId(forkedFrom.epochId)})` : ''
  const head =
    session.id === null
      ? `Would make ${style.bold(safe(session.name, 60))}${origin}`
      : `${style.bold(safe(session.name, 60))} ${style.dim(shortId(session.id))}${origin}, ${statusText(session.status, style)}`
  if (exitCode !== undefined) return `${head}: the command ended with status ${exitCode}`
  const command = launch
    ? [`  command  ${safe(shellText(maskSecrets(launch.argv)), 300)}`, `  in       ${safe(launch.cwd, 300)}`]
    : ['  How it was started is not recorded: run its script yourself.']
  if (session.id === null) return [head, ...command].join('\n')
  const next = launch
    ? `Train it with \`epochtree resume ${safe(session.name, 60)} --run\`, or run its script with EPOCHTREE_SESSION=${session.id}.`
    : `Run its script with EPOCHTREE_SESSION=${session.id}.`
  return [head, ...command, ...(runDir ? [`  folder   ${safe(runDir, 300)}`] : []), next].join('\n')
}

export const renderCheckout = ({ session, epoch, graph, weights, state }: CheckoutJson): string =>
  [
    `${safe(session.name, 60)}@${epoch.number}, verified:`,
    ...[graph, weights, state].flatMap((path) => (path ? `  ${safe(path, 400)}` : [])),
  ].join('\n')

export const renderWritten = ({ file, bytes: size }: SavedFile): string =>
  `Wrote ${safe(file, 400)}, ${bytes(size)}. Open it in any browser; it needs no network.`

const MOST = 50

export function renderCollected({ items, bytes: total, dryRun, team }: CollectedJson, style: Style): string {
  if (!items.length)
    return team
      ? "Nothing to remove on the team's servers. (Deleted sessions stay for the grace time, and weights that were brought within a day are spared.)"
      : 'Nothing to remove: everything is reached by a session. (What is younger than an hour is spared.)'
  const rows = items.slice(0, MOST).map(({ kind, what, bytes: size }) => [style.dim(kind), safe(what, 90), bytes(size)])
  const more = items.length > MOST ? [`  and ${plural(items.length - MOST, 'more item')}`] : []
  return [
    `${dryRun ? 'Would free' : 'Freed'} ${bytes(total)}${team ? " on the team's servers" : ''}:`,
    table(rows, { indent: 2, align: ['left', 'left', 'right'] }),
    ...more,
  ].join('\n')
}

/** A document of a team's server lies in no folder. */
const placeOf = ({ sessionId, file, line }: ProblemJson) =>
  file.startsWith('MongoDB ') ? safe(file, 60) : `runs/${sessionId}/${safe(file, 60)}${line === null ? '' : `:${line}`}`
const problemText = (problem: ProblemJson) => `  ${placeOf(problem)}  ${safe(problem.message, 300)}`

const problemLines = (problems: readonly ProblemJson[]) => [
  ...problems.slice(0, MOST).map(problemText),
  ...(problems.length > MOST ? [`  and ${plural(problems.length - MOST, 'more problem')}; --json shows all`] : []),
]

const figures = ({ epochs, documents, bytes: size }: Pick<PushedJson, 'epochs' | 'documents' | 'bytes'>) =>
  `${plural(epochs, 'epoch')}, ${plural(documents, 'document')}, ${bytes(size)} of weights`

export function renderPushed({ left, ...handed }: PushedJson, style: Style): string {
  const head =
    handed.epochs + handed.documents > 0
      ? `Handed on ${plural(handed.sessions, 'session')}: ${figures(handed)}.`
      : left.length > 0
        ? 'Nothing was handed on.'
        : 'Others have everything.'
  const waiting = left
    .slice(0, MOST)
    .map(
      ({ name, epochs, why }) =>
        `  ${style.bold(safe(name, 60))}: ${epochs > 0 ? `${plural(epochs, 'epoch')} left. ` : ''}${safe(why, 300)}`,
    )
  return [head, ...waiting, ...(left.length > MOST ? [`  and ${plural(left.length - MOST, 'more session')}; --json shows all`] : [])].join(
    '\n',
  )
}

export const renderPulled = ({ session, ...brought }: PulledJson, style: Style): string =>
  `${style.bold(safe(session.name, 60))} ${style.dim(shortId(session.id))}: ${
    brought.sessions + brought.bytes > 0
      ? `brought ${plural(brought.sessions, 'session')}, ${figures(brought)}`
      : 'all of it is here already'
  }.`

export const renderIngested = (answer: IngestJson | undefined): string =>
  answer
    ? [`${plural(answer.sessions, 'session')}, ${plural(answer.problems.length, 'problem')}.`, ...problemLines(answer.problems)].join('\n')
    : 'Stopped following the journals.'

export const renderDoctor = (
  { version, node, sqlite, dir, store, sessions, problems, team }: DoctorJson,
  style: Style,
  now: number,
): string =>
  [
    `Epochtree ${version}, Node ${node}, SQLite ${sqlite ?? 'unknown'}`,
    `folder  ${safe(dir, 300)}`,
    `store   ${safe(store.file, 300)}: sound, ${bytes(store.bytes)}${store.rebuilt ? ', built again from the run folders' : ''}`,
    ...(team ? teamLines(team, style, now) : []),
    `${plural(sessions, 'session')}, ${plural(problems.length, 'problem')}${problems.length ? ':' : '.'}`,
    ...problemLines(problems),
  ].join('\n')

/** Each server with its state, what mends it, and what goes on meanwhile. */
function teamLines({ trouble, servers, waiting, works }: TeamJson, style: Style, now: number): string[] {
  const word = {
    ok: style.green('reached'),
    away: style.yellow('away'),
    refused: style.red('can not be used'),
    reads: style.yellow('may only be read'),
  }
  const rows = servers.map(({ name, address, state, since }) => [
    name,
    word[state],
    state === 'ok' || state === 'reads' ? '' : `since ${when(since)} (${relativeTime(since, now)})`,
    style.dim(safe(address, 200)),
  ])
  return [
    ...(trouble === null ? ['team'] : [`team    ${style.red('not connected')}: ${safe(trouble, 1000)}`]),
    ...(rows.length ? [table(rows, { indent: 2 })] : []),
    ...servers.flatMap(({ name, message }) => (message === null ? [] : [`  ${name}: ${safe(message, 1000)}`])),
    ...(waiting > 0 ? [`  ${plural(waiting, 'epoch')} not uploaded yet.`] : []),
    ...works.map((one) => `  ${one}`),
  ]
}

const when = (seconds: number) => new Date(seconds * 1000).toLocaleString('sv-SE', { dateStyle: 'short', timeStyle: 'short' })

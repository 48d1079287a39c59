import type { SessionJson } from '../../protocol/model'
import { mainMetrics } from '../../tracking/direction'
import { number, plural, relativeTime, safe, table, type Style } from './terminal'
import { epochText, shortId, statusText } from './words'

const nothingYet = `No sessions here yet. To get one:
  track a script with \`import epochtree\`, then run it as usual
  or see how it looks with \`epochtree demo\``

export function renderSessions(sessions: readonly SessionJson[], style: Style, now: number, columns?: number): string {
  if (!sessions.length) return nothingYet
  const names = new Map(sessions.map((session) => [session.id, session.name]))
  const head = ['ID', 'NAME', 'STATUS', 'EPOCHS', 'LATEST', 'SELECTED', 'FORKED FROM', 'CREATED'].map(style.bold)
  const rows = sessions.map((session) => [
    style.dim(shortId(session.id)),
    nameText(session, style),
    statusText(session.status, style),
    session.own === session.epochs ? number(session.epochs) : `${number(session.epochs)} (${number(session.own)} own)`,
    epochText(session.latest),
    epochText(session.selected),
    originText(session, names),
    relativeTime(session.createdAt, now),
  ])
  const notes = sessions.flatMap((session) => sessionNotes(session, style))
  return [
    table([head, ...rows], { align: ['left', 'left', 'left', 'right'], columns, expendable: [5, 7, 4, 6, 0] }),
    ...(notes.length ? ['', ...notes] : []),
  ].join('\n')
}

function nameText(session: SessionJson, style: Style) {
  const tags = session.tags
    .slice(0, 4)
    .map((tag) => ` #${safe(tag, 16)}`)
    .join('')
  const name = safe(session.name, 32)
  return (session.deleted ? style.dim(`${name} (deleted)`) : name) + style.dim(tags)
}

export function originText(session: SessionJson, names: ReadonlyMap<string, string> = new Map()): string {
  const from = session.forkedFrom
  if (!from) return '-'
  return `${safe(names.get(from.sessionId) ?? shortId(from.sessionId), 32)}@${from.epochNumber}`
}

/** What is going on in a session, or wrong with it, that no column tells. */
export function sessionNotes(session: SessionJson, style: Style): readonly string[] {
  const name = safe(session.name, 32)
  const notes: string[] = []
  const point = session.live ?? session.uncommitted
  if (point) {
    const metrics = mainMetrics(Object.keys(point.metrics), 4).map((metric) => `${safe(metric, 24)} ${number(point.metrics[metric])}`)
    const doing = session.live ? 'is training' : 'left uncommitted'
    notes.push(`${style.cyan(name)} ${doing} epoch ${point.number}${metrics.length ? `: ${metrics.join(', ')}` : ''}`)
  }
  if (session.error !== null) notes.push(`${style.red(name)} failed: ${safe(session.error, 160)}`)
  if (session.parentMissing) notes.push(`${style.yellow(name)} was forked from a session not known here yet; only its own epochs are shown`)
  if (session.problems)
    notes.push(`${style.yellow(name)}: ${plural(session.problems, 'problem')} in its journal; \`epochtree doctor\` tells more`)
  return notes
}

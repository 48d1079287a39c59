import { mainMetrics } from './tracking/direction'
import { number, plural } from './cli/text/terminal'
import { findSession } from './references'
import { listEpochs, sessionRow } from './sessionList'
import type { ReferencePart } from './script/types'
import type { TrackedFolder } from './trackedFolder'
import { formatMetric } from './tracking/reference'

/** What may stand at a place in a reference. */
export interface Choice {
  readonly label: string
  readonly detail: string
  /** What is written; the label where it is absent. */
  readonly insert?: string
  readonly kind: 'session' | 'epoch' | 'word' | 'metric'
  /** Whether more can be chosen behind it. */
  readonly goesOn?: boolean
}

const SHOWN_SESSIONS = 200
const SHOWN_EPOCHS = 100

/** The part's range is replaced by what is chosen. */
export async function choicesFor(folder: TrackedFolder, part: ReferencePart): Promise<Choice[]> {
  switch (part.kind) {
    case 'session':
      return sessionChoices(folder, part.typed)
    case 'epoch':
      return epochChoices(folder, part.session)
    case 'metric':
      return (await metricsOf(folder, part.session)).map((metric) => ({ label: metric, detail: '', kind: 'metric' }))
    default:
      return []
  }
}

async function sessionChoices(folder: TrackedFolder, typed: string): Promise<Choice[]> {
  const wanted = typed.toLowerCase()
  const found = []
  for (const session of (await folder.sessions()).values())
    if (session.deletedAt === null && session.name.toLowerCase().includes(wanted)) found.push(session)
  found.sort((a, b) => b.createdAt - a.createdAt)
  return (await folder.rows(found.slice(0, SHOWN_SESSIONS))).map(({ name, status, epochs, main }) => ({
    label: name,
    detail: [status, plural(epochs, 'epoch'), ...(main?.best ? [`${main.metric} ${number(main.best.value)}`] : [])].join(', '),
    insert: `${name}@`,
    kind: 'session',
    goesOn: true,
  }))
}

async function epochChoices(folder: TrackedFolder, name: string): Promise<Choice[]> {
  const session = await findSession(folder.stores, name)
  const row = await sessionRow(folder, session.id)
  const { rows } = await listEpochs(folder, { dir: folder.dir, session: session.id, offset: 0, limit: SHOWN_EPOCHS })
  const value = (metric: string | null, at: number | string | null) =>
    metric !== null && at !== null ? `${metric} ${number(at as number)}` : ''
  const words: Choice[] = [
    ...(row.latest ? [{ label: 'latest', detail: `epoch ${row.latest.number}`, kind: 'word' as const }] : []),
    ...(row.selected ? [{ label: 'selected', detail: `epoch ${row.selected.number}`, kind: 'word' as const }] : []),
    { label: 'max(…)', detail: 'the epoch with the highest value of a metric', insert: 'max(', kind: 'word', goesOn: true },
    { label: 'min(…)', detail: 'the epoch with the lowest value of a metric', insert: 'min(', kind: 'word', goesOn: true },
  ]
  const epochs = rows.map((epoch): Choice => ({
    label: String(epoch.number),
    detail: [value(epoch.metric, epoch.value), ...epoch.marks].filter((part) => part !== '').join(', '),
    kind: 'epoch',
  }))
  return [...words, ...epochs]
}

async function metricsOf(folder: TrackedFolder, name: string): Promise<readonly string[]> {
  const session = await findSession(folder.stores, name)
  const latest = session.latest?.id ?? session.forkedFrom?.epochId
  const known = latest === undefined ? [] : await folder.stores.documents.metrics({ epochIds: [latest] })
  return mainMetrics(known.map(formatMetric), Number.POSITIVE_INFINITY)
}

/** So that choices are shown in the order they come in. */
export const sortKey = (place: number): string => String(place).padStart(6, '0')

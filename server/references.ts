import { EpochtreeError } from './errors'
import type { EpochRecord, MetricName, Scope, SessionRecord, Stores } from './storage/ports'
import { best, type Direction } from './tracking/best'
import { upTo, type History } from './tracking/lineage'
import { formatMetric, nearest, parseReference } from './tracking/reference'

/** An epoch, in the model whose history it is seen in. */
export interface Found {
  readonly session: SessionRecord
  /** The model's whole history. */
  readonly history: History
  readonly epoch: EpochRecord
  /** False where the reference named a session alone. */
  readonly named: boolean
}

const DIGITS = /^[0-9a-f]{6,24}$/

export async function findSession({ sessions }: Stores, text: string): Promise<SessionRecord> {
  const named = await sessions.sessionByName(text)
  if (named) return named
  const all = await sessions.sessions({ deleted: true })
  const digits = text.toLowerCase()
  if (DIGITS.test(digits)) {
    const matching = all.filter(({ id }) => id.startsWith(digits) || id.endsWith(digits))
    if (matching.length === 1) return (await sessions.session(matching[0]!.id))!
    if (matching.length > 1) {
      const names = matching.slice(0, 5).map(({ name, id }) => `${name} (${id})`)
      throw new EpochtreeError('ambiguous-reference', `"${text}" may mean ${names.join(', ')}. Give more digits, or the name.`)
    }
  }
  const candidates = nearest(
    text,
    all.map(({ name }) => name),
  )
  throw new EpochtreeError(
    'unknown-session',
    `There is no session "${text.slice(0, 100)}". ${candidates.length ? `The nearest are ${candidates.join(', ')}.` : 'There is none yet: run a script that uses `import epochtree`.'}`,
  )
}

/** The epoch that a reference means. */
export async function resolve(stores: Stores, text: string): Promise<Found> {
  const reference = parseReference(text)
  const wanted = reference.epoch
  const lone =
    wanted.kind === 'absent' && /^[0-9a-f]{24}$/i.test(reference.session)
      ? await loneEpoch(stores, reference.session.toLowerCase())
      : undefined
  const session = lone ? (await stores.sessions.session(lone.sessionId))! : await findSession(stores, reference.session)
  const history = await stores.sessions.history(session.id)
  const epochs = await stores.sessions.epochs(history)
  if (epochs.length === 0)
    throw new EpochtreeError('unknown-epoch', `${session.name} has no committed epoch yet. Train it, or wait for its first commit.`)
  const numbers = epochs.map(({ number }) => number)
  let at: number
  if (lone) at = epochs.findIndex(({ id }) => id === lone.id)
  else if (wanted.kind === 'number') at = numbers.indexOf(wanted.number)
  else if (wanted.kind === 'id') at = epochs.findIndex(({ id }) => id === wanted.id)
  else if (wanted.kind === 'latest') at = epochs.length - 1
  else if (wanted.kind === 'selected' || wanted.kind === 'absent') {
    at = epochs.findIndex(({ id }) => id === session.selected?.id)
    if (at < 0 && wanted.kind === 'selected') {
      throw new EpochtreeError(
        'unknown-epoch',
        `No epoch of ${session.name} is selected. Select one with \`epochtree select ${session.name}@N\`, or write ${session.name}@latest.`,
      )
    }
    if (at < 0) at = epochs.length - 1
  } else {
    const found = await bestEpoch(stores, epochs, await knownMetric(stores, history, wanted.metric), wanted.kind)
    at = epochs.findIndex(({ id }) => id === found.epochId)
  }
  const epoch = epochs[at - reference.back]
  if (at >= 0 && epoch) return { session, history, epoch, named: lone !== undefined || wanted.kind !== 'absent' || reference.back > 0 }
  const near =
    wanted.kind === 'number'
      ? numbers.toSorted((a, b) => Math.abs(a - wanted.number) - Math.abs(b - wanted.number)).slice(0, 3)
      : [at < 0 ? numbers.at(-1)! : numbers[0]!]
  throw new EpochtreeError(
    'unknown-epoch',
    `"${text.slice(0, 200)}" is not in the history of ${session.name}, which has ${epochs.length} epochs (${numbers[0]} to ${numbers.at(-1)}). The nearest: ${near.map((number) => `${session.name}@${number}`).join(', ')}.`,
  )
}

/** The metric that a text means. A split may hold a slash as well; then the metrics that were logged decide where the name begins. */
export async function knownMetric({ documents }: Stores, scope: Scope, metric: MetricName): Promise<MetricName> {
  if (!metric.name.includes('/')) return metric
  const known = await documents.metrics(scope)
  const same = known.filter((one) => formatMetric(one) === formatMetric(metric))
  return same.find(({ split }) => split === metric.split) ?? same[0] ?? metric
}

/** 24 digits alone are a session's id, else an epoch's. */
async function loneEpoch({ sessions }: Stores, id: string): Promise<EpochRecord | undefined> {
  return (await sessions.session(id)) ? undefined : sessions.epoch(id)
}

export async function bestEpoch({ documents }: Stores, epochs: readonly EpochRecord[], metric: MetricName, direction: Direction) {
  const scope = { epochIds: epochs.map(({ id }) => id) }
  const numbers = new Map(epochs.map(({ id, number }) => [id, number]))
  const values = (await documents.last(scope, [metric])).map(({ epochId, value }) => ({ epochId, number: numbers.get(epochId)!, value }))
  const found = best(values, direction)
  if (found) return found
  const known = (await documents.metrics(scope)).map(formatMetric)
  const likely = nearest(formatMetric(metric), known, 5)
  throw new EpochtreeError(
    'unknown-metric',
    `No epoch has a value of ${formatMetric(metric)}. ${known.length ? `There are ${(likely.length ? likely : known.slice(0, 5)).join(', ')}.` : 'Nothing was logged.'}`,
  )
}

/** What was named: the model's history up to that epoch, or all of it where only a session was named. */
export const scopeOf = ({ history, epoch, named }: Found): History => (named ? upTo(history, epoch) : history)

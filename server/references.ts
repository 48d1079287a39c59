import { EpochtreeError } from './errors'
import type { EpochRecord, MetricName, Scope, SessionRecord, Stores } from './storage/ports'
import type { Direction } from './tracking/best'
import { between, type History, upTo } from './tracking/lineage'
import { type EpochReference, formatMetric, nearest, parseReference } from './tracking/reference'

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
  const digits = text.toLowerCase()
  const exact = digits.length === 24 && DIGITS.test(digits) ? await sessions.session(digits) : undefined
  if (exact) return exact
  const all = await sessions.names()
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

/** The epoch that a reference means. Nothing here reads a whole history: it may be a hundred thousand epochs long. */
export async function resolve(stores: Stores, text: string): Promise<Found> {
  const { sessions } = stores
  const reference = parseReference(text)
  const wanted = reference.epoch
  const lone =
    wanted.kind === 'absent' && /^[0-9a-f]{24}$/i.test(reference.session)
      ? await loneEpoch(stores, reference.session.toLowerCase())
      : undefined
  const session = lone ? (await sessions.session(lone.sessionId))! : await findSession(stores, reference.session)
  const history = await sessions.history(session.id)
  // Who tells the epoch itself does not wait for the last one.
  const given = lone !== undefined || wanted.kind === 'number' || wanted.kind === 'id'
  const latest = given ? undefined : await lastOf(stores, session, history)
  const found = lone ?? (await named(stores, session, history, latest, wanted))
  const epoch = found && reference.back > 0 ? await earlier(stores, history, found, reference.back) : found
  if (epoch) return { session, history, epoch, named: lone !== undefined || wanted.kind !== 'absent' || reference.back > 0 }
  const last = latest ?? (await lastOf(stores, session, history))
  const count = await sessions.count(history.segments)
  const first = (await newest(stores, history, count - 1))!
  const near = wanted.kind === 'number' && !found ? await nearestNumbers(stores, history, wanted.number) : [(found ? first : last).number]
  throw new EpochtreeError(
    'unknown-epoch',
    `"${text.slice(0, 200)}" is not in the history of ${session.name}, which has ${count} epochs (${first.number} to ${last.number}). The nearest: ${near.map((number) => `${session.name}@${number}`).join(', ')}.`,
  )
}

const newest = async ({ sessions }: Stores, history: History, offset = 0): Promise<EpochRecord | undefined> =>
  (await sessions.page(history, { offset, limit: 1 }))[0]

async function lastOf(stores: Stores, { name }: SessionRecord, history: History): Promise<EpochRecord> {
  const last = await newest(stores, history)
  if (last) return last
  throw new EpochtreeError('unknown-epoch', `${name} has no committed epoch yet. Train it, or wait for its first commit.`)
}

async function named(
  stores: Stores,
  session: SessionRecord,
  history: History,
  latest: EpochRecord | undefined,
  wanted: EpochReference,
): Promise<EpochRecord | undefined> {
  const withId = async (id: string) => {
    const epoch = await stores.sessions.epoch(id)
    return epoch && inHistory(history, epoch) ? epoch : undefined
  }
  switch (wanted.kind) {
    case 'number':
      return newest(stores, between(history, wanted.number, wanted.number))
    case 'id':
      return withId(wanted.id)
    case 'latest':
      return latest
    case 'absent':
      return (session.selected && (await withId(session.selected.id))) ?? latest
    case 'selected': {
      const selected = session.selected && (await withId(session.selected.id))
      if (selected) return selected
      throw new EpochtreeError(
        'unknown-epoch',
        `No epoch of ${session.name} is selected. Select one with \`epochtree select ${session.name}@N\`, or write ${session.name}@latest.`,
      )
    }
    default:
      return withId((await bestEpoch(stores, history, await knownMetric(stores, history, wanted.metric), wanted.kind)).epochId)
  }
}

/** The session that trained a model's epoch. */
export const trainerOf = async ({ sessions }: Stores, { session, epoch }: Pick<Found, 'session' | 'epoch'>): Promise<SessionRecord> =>
  epoch.sessionId === session.id ? session : ((await sessions.session(epoch.sessionId)) ?? session)

export const inHistory = ({ segments }: History, { sessionId, number }: EpochRecord) =>
  segments.some((one) => one.sessionId === sessionId && one.from <= number && number <= one.to)

/** So many epochs earlier; undefined where the history is not that long. */
async function earlier(stores: Stores, history: History, epoch: EpochRecord, back: number): Promise<EpochRecord | undefined> {
  const later = await stores.sessions.count(between(history, epoch.number + 1, Number.MAX_SAFE_INTEGER).segments)
  return newest(stores, history, later + back)
}

async function nearestNumbers(stores: Stores, history: History, number: number): Promise<number[]> {
  const after = between(history, number + 1, Number.MAX_SAFE_INTEGER)
  const later = await stores.sessions.count(after.segments)
  const around = [
    ...(await stores.sessions.page(after, { offset: Math.max(0, later - 3), limit: 3 })),
    ...(await stores.sessions.page(between(history, 0, number - 1), { offset: 0, limit: 3 })),
  ]
  return around
    .map((epoch) => epoch.number)
    .sort((a, b) => Math.abs(a - number) - Math.abs(b - number) || a - b)
    .slice(0, 3)
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

export async function bestEpoch({ documents }: Stores, scope: Scope, metric: MetricName, direction: Direction) {
  const found = await documents.best(scope, metric, direction)
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

/** A model as lists of epochs show it: all of it where a session alone was named, also without any epoch yet, or where one is selected. */
export async function modelOf(stores: Stores, text: string): Promise<{ readonly session: SessionRecord; readonly scope: History }> {
  const { session: word, epoch, back } = parseReference(text)
  const alone = epoch.kind === 'absent' && back === 0 && !(/^[0-9a-f]{24}$/i.test(word) && (await loneEpoch(stores, word.toLowerCase())))
  if (!alone) {
    const found = await resolve(stores, text)
    return { session: found.session, scope: scopeOf(found) }
  }
  const session = await findSession(stores, word)
  return { session, scope: await stores.sessions.history(session.id) }
}

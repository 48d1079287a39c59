import type { Followed } from './journal/follow'
import type { EpochMark, EpochRow, EpochsQuery, Group, Page, SessionGroup, SessionRow, SessionSort, SessionsQuery } from './protocol/editor'
import type { JsonNumber } from './protocol/model'
import type { EpochRecord } from './storage/ports'
import { bestEpoch, knownMetric } from './references'
import { directionOf, mainMetrics } from './tracking/direction'
import { jsonNumber } from './json'
import { formatMetric, parseMetric } from './tracking/reference'
import { between } from './tracking/lineage'
import type { TrackedFolder } from './trackedFolder'

const MOST_FORK_POINTS = 20
const SHOWN_PRUNED = 3
const DAY = 24 * 3600

/** Whether a session is among those that a filter's words mean: all of them must stand in its name, model, state or tags. */
export function matches(
  { name, modelName, status, tags }: Pick<Followed, 'name' | 'modelName' | 'status' | 'tags'>,
  filter: string,
): boolean {
  const text = [name, modelName, status, ...tags].join('\n').toLocaleLowerCase()
  return filter
    .toLocaleLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

/** The group that a session belongs to, and its place among the groups. */
export function groupOf(
  session: Pick<Followed, 'modelName' | 'status' | 'createdAt'>,
  by: SessionGroup,
  now: number,
): { key: string; label: string; order: number } {
  const { modelName, status, createdAt } = session
  if (by === 'model') return { key: modelName, label: modelName, order: 0 }
  if (by === 'state') return { key: status, label: status, order: STATES.indexOf(status) }
  if (by === 'none') return { key: '', label: '', order: 0 }
  const midnight = new Date(now * 1000).setHours(0, 0, 0, 0) / 1000
  const days = Math.ceil((midnight - createdAt) / DAY)
  if (days <= 0) return { key: 'today', label: 'Today', order: 0 }
  if (days === 1) return { key: 'yesterday', label: 'Yesterday', order: 1 }
  if (days <= 7) return { key: 'week', label: 'Last 7 days', order: 2 }
  const month = new Date(createdAt * 1000).toISOString().slice(0, 7)
  return { key: month, label: month, order: 10 + (midnight - createdAt) / DAY }
}

const STATES = ['running', 'failed', 'interrupted', 'created', 'stopped', 'completed']
const collator = new Intl.Collator(undefined, { numeric: true })

async function chosen(folder: TrackedFolder, query: Omit<SessionsQuery, 'offset' | 'limit'>): Promise<Followed[]> {
  const { nested, filter, group, deleted } = query
  const all = await folder.sessions()
  const now = Date.now() / 1000
  const found: Followed[] = []
  for (const session of all.values()) {
    if ((session.deletedAt !== null) !== (deleted === true)) continue
    if (filter?.trim()) {
      if (!matches(session, filter.trim())) continue
    } else if (nested && hasPlaceBelow(session, all)) continue
    if (group && groupOf(session, group.by, now).key !== group.key) continue
    found.push(session)
  }
  return found
}

/** Whether its place in the tree is under an epoch of another session that is shown. */
function hasPlaceBelow({ forkPoint }: Followed, all: ReadonlyMap<string, Followed>): boolean {
  const parent = forkPoint && all.get(forkPoint.sessionId)
  return parent !== null && parent !== undefined && parent.deletedAt === null
}

export async function listGroups(folder: TrackedFolder, by: SessionGroup, filter: string | undefined, deleted = false): Promise<Group[]> {
  const now = Date.now() / 1000
  const groups = new Map<string, { key: string; label: string; order: number; sessions: number }>()
  for (const session of await chosen(folder, { dir: folder.dir, nested: by === 'model', deleted, ...(filter ? { filter } : {}) })) {
    const group = groupOf(session, by, now)
    const known = groups.get(group.key)
    if (known) known.sessions++
    else groups.set(group.key, { ...group, sessions: 1 })
  }
  return [...groups.values()]
    .sort((a, b) => a.order - b.order || collator.compare(a.label, b.label))
    .map(({ key, label, sessions }) => ({ key, label, sessions }))
}

export async function listSessions(folder: TrackedFolder, query: SessionsQuery): Promise<Page<SessionRow>> {
  const version = folder.version
  const found = await chosen(folder, query)
  const { offset, limit, sort = 'newest' } = query
  const cut = <Row>(rows: readonly Row[]) => rows.slice(offset, offset + limit)
  if (sort === 'best' || sort === 'epochs') {
    // The order is known only once the rows are.
    const rows = await folder.rows(found)
    return { rows: cut(rows.sort(orderOfRows(sort))), total: found.length, version }
  }
  found.sort(orderOf(sort))
  return { rows: await folder.rows(cut(found)), total: found.length, version }
}

const newest = (a: { createdAt: number; id: string }, b: { createdAt: number; id: string }) =>
  b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)

const orderOf = (sort: SessionSort) => (a: Followed, b: Followed) =>
  (sort === 'name' ? collator.compare(a.name, b.name) : 0) || newest(a, b)

const orderOfRows = (sort: SessionSort) => (a: SessionRow, b: SessionRow) => {
  if (sort === 'epochs') return b.epochs - a.epochs || newest(a, b)
  const [x, y] = [a.main?.best?.value, b.main?.best?.value]
  if (x === undefined || y === undefined) return (x === undefined ? 1 : 0) - (y === undefined ? 1 : 0) || newest(a, b)
  // Values of different metrics can't be compared: each metric's sessions stay together.
  return (
    collator.compare(a.main!.metric, b.main!.metric) ||
    (a.main!.direction === 'lower' ? Number(x) - Number(y) : Number(y) - Number(x)) ||
    newest(a, b)
  )
}

export async function sessionRow(folder: TrackedFolder, id: string): Promise<SessionRow> {
  const [row] = await folder.rows([await folder.session(id)])
  return row!
}

/** Sessions that start at an epoch. */
export async function forksAt(folder: TrackedFolder, epochId: string): Promise<SessionRow[]> {
  const found: Followed[] = []
  for (const session of (await folder.sessions()).values())
    if (session.forkedFrom?.epochId === epochId && session.deletedAt === null) found.push(session)
  return folder.rows(found.sort(newest))
}

/** Rows of epochs in the history of one model. */
export async function epochRows(
  folder: TrackedFolder,
  session: Followed,
  epochs: readonly EpochRecord[],
  asked?: string,
): Promise<EpochRow[]> {
  const main = await folder.mainMetric(session)
  const metric = asked ?? main?.metric ?? null
  const ids = epochs.map(({ id }) => id)
  const values = new Map<string, JsonNumber>()
  if (metric !== null)
    for (const { epochId, value } of await folder.stores.documents.last({ epochIds: ids }, [
      await knownMetric(folder.stores, { epochIds: ids }, parseMetric(metric)),
    ]))
      values.set(epochId, jsonNumber(value))
  const forks = new Map<string, string[]>()
  for (const fork of folder.forksOf(session.id)) {
    const at = fork.forkedFrom!.epochId
    forks.set(at, [...(forks.get(at) ?? []), fork.id])
  }
  const latest = session.latest?.id ?? session.forkedFrom?.epochId
  return epochs.map((epoch): EpochRow => {
    const starting = forks.get(epoch.id) ?? []
    const marks: EpochMark[] = []
    if (epoch.id === latest) marks.push('latest')
    if (epoch.id === session.selected?.id) marks.push('selected')
    if (epoch.number === main?.best?.number) marks.push('best')
    if (starting.length) marks.push('fork')
    if (epoch.pruned) marks.push('pruned')
    return {
      dir: folder.dir,
      session: { id: session.id, name: session.name },
      id: epoch.id,
      number: epoch.number,
      sessionId: epoch.sessionId,
      inherited: epoch.sessionId !== session.id,
      state: epoch.state,
      marks,
      value: values.get(epoch.id) ?? null,
      metric,
      weights: epoch.weights && {
        sha256: epoch.weights.sha256,
        bytes: epoch.weights.bytes,
        format: epoch.weights.format,
        released: epoch.released,
      },
      time: epoch.time,
      forks: starting,
    }
  })
}

/** The epochs that people look for first: the latest, the selected, the best, where forks start, and the last that were pruned; newest first. */
export async function notableEpochs(folder: TrackedFolder, id: string): Promise<EpochRow[]> {
  const session = await folder.session(id)
  const { sessions } = folder.stores
  const history = await sessions.history(id)
  const [latest] = await sessions.page(history, { offset: 0, limit: 1 })
  if (!latest) return []
  const best = (await folder.mainMetric(session))?.best?.number
  const forkPoints = folder
    .forksOf(id)
    .slice(-MOST_FORK_POINTS)
    .map(({ forkedFrom }) => forkedFrom!.epochId)
  const pruned = await sessions.page(history, { offset: 0, limit: SHOWN_PRUNED, pruned: true })
  const bestFound = best === undefined ? [] : await sessions.page(between(history, best, best), { offset: 0, limit: 1 })
  const named = await sessions.epochs({ epochIds: [...new Set([...(session.selected ? [session.selected.id] : []), ...forkPoints])] })
  const all = new Map([latest, ...bestFound, ...pruned, ...named].map((epoch) => [epoch.id, epoch]))
  return epochRows(
    folder,
    session,
    [...all.values()].sort((a, b) => b.number - a.number),
  )
}

/** A page of a model's history, newest first, or best first by a metric. */
export async function listEpochs(
  folder: TrackedFolder,
  { session: id, offset, limit, metric: asked, upTo }: EpochsQuery,
): Promise<Page<EpochRow>> {
  const version = folder.version
  const session = await folder.session(id)
  const { sessions, documents } = folder.stores
  const whole = await sessions.history(id)
  const history = upTo === undefined ? whole : between(whole, 0, upTo)
  const total = await sessions.count(history.segments)
  if (asked === undefined) {
    const epochs = await sessions.page(history, { offset, limit })
    return { rows: await epochRows(folder, session, epochs), total, version }
  }
  const metric = await knownMetric(folder.stores, history, parseMetric(asked))
  const values = await documents.last(history, [metric])
  if (values.length === 0) await bestEpoch(folder.stores, history, metric, 'max')
  const sign = directionOf(formatMetric(metric)) === 'lower' ? 1 : -1
  const ids = values
    .toSorted((a, b) => (Number.isNaN(a.value) ? 1 : 0) - (Number.isNaN(b.value) ? 1 : 0) || sign * (a.value - b.value) || 0)
    .slice(offset, offset + limit)
    .map(({ epochId }) => epochId)
  return {
    rows: await epochRows(folder, session, await sessions.epochs({ epochIds: ids }), formatMetric(metric)),
    total: values.length,
    version,
  }
}

/** The metrics that a model's history has, the most telling first. */
export async function listMetrics(folder: TrackedFolder, id: string): Promise<string[]> {
  const session = await folder.session(id)
  const { sessions, documents } = folder.stores
  const names = (await documents.metrics(await sessions.history(id))).map(formatMetric)
  const main = (await folder.mainMetric(session))?.metric
  const first = mainMetrics(names, names.length)
  return [...new Set([...(main !== undefined && names.includes(main) ? [main] : []), ...first, ...names])]
}

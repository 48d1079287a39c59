import { EpochtreeError } from './errors'
import { statusOf } from './journal/liveness'
import { folders } from './journal/runFiles'
import { jsonNumber, isObject, mergeDeep } from './json'
import type { CompareJson, EpochJson, GraphDifference, JsonNumber, JsonObject, LogJson, ModelGraph, SessionJson, ShowJson } from './protocol/model'
import type { LocalDatabase } from './storage/local/database'
import * as documents from './storage/local/documents'
import * as stored from './storage/local/sessions'
import type { EpochRecord, MetricName, Segment, SessionRecord } from './storage/ports'
import { best, type Direction, paretoFront } from './tracking/best'
import { differences } from './tracking/differences'
import { summarize } from './tracking/graph'
import { diffGraphs } from './tracking/graphDiff'
import { history, sharedSegments, type History } from './tracking/lineage'
import { formatMetric, nearest, parseReference } from './tracking/reference'
import { existsSync } from 'node:fs'

/** What every answer needs: the open store and the folder it belongs to. */
export interface Context {
  readonly db: LocalDatabase
  readonly dir: string
}
export interface Found {
  readonly session: SessionRecord
  readonly history: History
  readonly epoch: EpochRecord
}

export function historyOf({ db }: Context, sessionId: string): History {
  return history(sessionId, {
    session: (id) => stored.session(db, id),
    epochOwner: (id) => stored.epoch(db, id),
  })
}

const HEX = /^[0-9a-f]{6,24}$/

export function findSession({ db }: Context, text: string): SessionRecord {
  const named = stored.sessionByName(db, text)
  if (named) return named
  const all = stored.sessions(db, { deleted: true })
  const digits = text.toLowerCase()
  if (HEX.test(digits)) {
    const matching = all.filter(({ id }) => id.startsWith(digits) || id.endsWith(digits))
    if (matching.length === 1) return matching[0]!
    if (matching.length > 1) throw new EpochtreeError('ambiguous-reference', `"${text}" may mean ${matching.slice(0, 5).map(({ name, id }) => `${name} (${id})`).join(', ')}. Give more digits, or the name.`)
  }
  const candidates = nearest(text, all.map(({ name }) => name))
  throw new EpochtreeError('unknown-session', `There is no session "${text.slice(0, 100)}". ${candidates.length ? `The nearest are ${candidates.join(', ')}.` : 'There is none yet: run a script that uses `import epochtree`.'}`)
}

/** The epoch that a reference means, with the model whose history it is seen in. */
export function resolve(context: Context, text: string): Found {
  const { db } = context
  const reference = parseReference(text)
  const lone = reference.epoch.kind === 'absent' && /^[0-9a-f]{24}$/.test(reference.session) && !stored.session(db, reference.session) ? stored.epoch(db, reference.session) : undefined
  const session = lone ? stored.session(db, lone.sessionId)! : findSession(context, reference.session)
  const line = historyOf(context, session.id)
  const epochs = stored.epochs(db, line)
  if (epochs.length === 0) throw new EpochtreeError('unknown-epoch', `${session.name} has no committed epoch yet. Train it, or wait for its first commit.`)
  const wanted = reference.epoch
  let at: number
  if (lone) at = epochs.findIndex(({ id }) => id === lone.id)
  else if (wanted.kind === 'number') at = epochs.findIndex(({ number }) => number === wanted.number)
  else if (wanted.kind === 'id') at = epochs.findIndex(({ id }) => id === wanted.id)
  else if (wanted.kind === 'latest') at = epochs.length - 1
  else if (wanted.kind === 'selected' || wanted.kind === 'absent') {
    at = session.selected ? epochs.findIndex(({ id }) => id === session.selected) : -1
    if (at < 0 && wanted.kind === 'selected') throw new EpochtreeError('unknown-epoch', `No epoch of ${session.name} is selected. Select one with \`epochtree select ${session.name}@N\`, or write ${session.name}@latest.`)
    if (at < 0) at = epochs.length - 1
  } else {
    const found = bestEpoch(context, line, wanted.metric, wanted.kind)
    at = epochs.findIndex(({ id }) => id === found.epochId)
  }
  const epoch = epochs[at - reference.back]
  if (at < 0 || !epoch) {
    const numbers = epochs.map(({ number }) => String(number))
    const candidates = wanted.kind === 'number' ? [...numbers].sort((a, b) => Math.abs(Number(a) - wanted.number) - Math.abs(Number(b) - wanted.number)).slice(0, 3) : [numbers.at(-1)!]
    throw new EpochtreeError('unknown-epoch', `"${text.slice(0, 200)}" is not in the history of ${session.name}, which has ${epochs.length} epochs (${numbers[0]} to ${numbers.at(-1)}). The nearest: ${candidates.map((number) => `${session.name}@${number}`).join(', ')}.`)
  }
  return { session, history: line, epoch }
}

export function bestEpoch({ db }: Context, line: History, metric: MetricName, direction: Direction) {
  const values = documents.last(db, line, [metric]).map(({ epochId, value }) => ({ epochId, number: stored.epoch(db, epochId)!.number, value }))
  const found = best(values, direction)
  if (!found) {
    const known = documents.names(db, 'metric', line).map(formatMetric)
    throw new EpochtreeError('unknown-metric', `No epoch has a value of ${formatMetric(metric)}. ${known.length ? `There are ${nearest(formatMetric(metric), known, 5).join(', ') || known.slice(0, 5).join(', ')}.` : 'Nothing was logged.'}`)
  }
  return found
}

function metricsOf({ db }: Context, epochIds: readonly string[]): Map<string, Record<string, JsonNumber>> {
  const found = new Map<string, Record<string, JsonNumber>>()
  for (const { epochId, value, ...metric } of documents.last(db, { epochIds })) {
    let one = found.get(epochId)
    if (!one) found.set(epochId, (one = {}))
    one[formatMetric(metric)] = jsonNumber(value)
  }
  return found
}

export function sessionJson(context: Context, session: SessionRecord): SessionJson {
  const { db, dir } = context
  const line = session.forkedFrom ? historyOf(context, session.id) : { segments: [] as Segment[], parentMissing: false }
  const inherited = stored.count(db, line.segments.slice(0, -1))
  const status = statusOf(session, folders(dir).run(session.id))
  const selected = session.selected ? stored.epoch(db, session.selected) : undefined
  const fork = session.forkedFrom
  const begun = session.open && { ...session.open, metrics: metricsOf(context, [session.open.id]).get(session.open.id) ?? {} }
  return {
    id: session.id,
    name: session.name,
    modelName: session.modelName,
    status,
    forkedFrom: fork,
    epochs: inherited + session.own,
    own: session.own,
    latest: session.latest ?? (fork && !line.parentMissing ? { id: fork.epochId, number: fork.epochNumber } : null),
    selected: selected ? { id: selected.id, number: selected.number } : null,
    live: status === 'running' ? begun : null,
    uncommitted: status === 'running' ? null : begun,
    createdAt: session.createdAt,
    tags: session.tags,
    deleted: session.deletedAt !== null,
    error: session.finished?.error ?? null,
    parentMissing: line.parentMissing,
    problems: session.problems,
  }
}

export const listSessions = (context: Context): SessionJson[] => stored.sessions(context.db).map((session) => sessionJson(context, session))

function epochJson(epoch: EpochRecord, sessionId: string, metrics: Readonly<Record<string, JsonNumber>>): EpochJson {
  const { weights } = epoch
  return {
    id: epoch.id,
    number: epoch.number,
    sessionId: epoch.sessionId,
    inherited: epoch.sessionId !== sessionId,
    state: epoch.state,
    graphHash: epoch.graphHash,
    weights: weights && { sha256: weights.sha256, bytes: weights.bytes, format: weights.format, released: epoch.released },
    pruned: epoch.pruned,
    time: epoch.time,
    metrics,
  }
}

export function log(context: Context, text: string): LogJson {
  const session = findSession(context, parseReference(text).session)
  const epochs = stored.epochs(context.db, historyOf(context, session.id))
  const metrics = metricsOf(context, epochs.map(({ id }) => id))
  return { session: sessionJson(context, session), epochs: epochs.map((epoch) => epochJson(epoch, session.id, metrics.get(epoch.id) ?? {})) }
}

const graphOf = ({ db }: Context, { graphHash }: EpochRecord): ModelGraph | undefined => (graphHash ? stored.graph(db, graphHash) : undefined)

export function graph(context: Context, text: string): ModelGraph {
  const { epoch, session } = resolve(context, text)
  const found = graphOf(context, epoch)
  if (!found) throw new EpochtreeError('not-found', `Epoch ${epoch.number} of ${session.name} was committed without a graph. Give \`graph=\` to \`commit\` in the training script.`)
  return found
}

const used = ({ attempt, overrides }: SessionRecord): { hyperparameters: JsonObject; pruningPlan: JsonObject | null } => {
  if (attempt) return { hyperparameters: attempt.hyperparameters, pruningPlan: attempt.pruningPlan }
  const { hyperparameters, pruningPlan } = overrides
  return { hyperparameters: isObject(hyperparameters) ? mergeDeep({}, hyperparameters) : {}, pruningPlan: isObject(pruningPlan) ? pruningPlan : null }
}

export function show(context: Context, text: string): ShowJson {
  const { db, dir } = context
  const { session, epoch } = resolve(context, text)
  const found = graphOf(context, epoch)
  const forks = db.all<{ id: string; name: string }>('SELECT id, name FROM session WHERE fork_epoch = ? AND deleted IS NULL ORDER BY created', epoch.id).map(({ id, name }) => ({ id, name }))
  const weightsPath = epoch.weights ? folders(dir).weightsFile(epoch.weights.sha256) : null
  return {
    ...epochJson(epoch, session.id, metricsOf(context, [epoch.id]).get(epoch.id) ?? {}),
    session: { id: session.id, name: session.name },
    graph: found ? summarize(found) : null,
    forks,
    graphPath: null,
    weightsPath: weightsPath && existsSync(weightsPath) ? weightsPath : null,
    ...used(stored.session(db, epoch.sessionId) ?? session),
  }
}

export function diff(context: Context, a: string, b: string): GraphDifference {
  return diffGraphs(graph(context, a), graph(context, b))
}

export function compare(context: Context, references: readonly string[]): CompareJson {
  const found = references.map((text) => ({ text, ...resolve(context, text) }))
  const histories = found.map(({ session, epoch, history: line, text }) => ({ session, epoch, text, epochs: stored.epochs(context.db, line) }))
  const shared = (a: number, b: number) => {
    const { segments, at } = sharedSegments(found[a]!.history.segments, found[b]!.history.segments)
    const count = stored.count(context.db, segments)
    const last = at && histories[a]!.epochs[count - 1]
    return { count, at: last ? { id: last.id, number: last.number } : null }
  }
  const pairs = found.flatMap((a, i) =>
    found.slice(i + 1).map((b, j) => {
      const { count, at } = shared(i, i + 1 + j)
      return { a: a.session.name, b: b.session.name, shared: count, at }
    }),
  )
  const metrics = histories.map(({ epochs }) => metricsOf(context, epochs.map(({ id }) => id)))
  const names = [...new Set(metrics.flatMap((one) => [...one.values()].flatMap(Object.keys)))].sort()
  const graphs = found.map(({ epoch }) => graphOf(context, epoch))
  const settings = found.map(({ session }) => used(session))
  return {
    models: found.map(({ session, epoch, text }, i) => ({ id: session.id, name: session.name, reference: text, epoch: { id: epoch.id, number: epoch.number }, epochs: histories[i]!.epochs.length, status: statusOf(session, folders(context.dir).run(session.id)), graph: graphs[i] ? summarize(graphs[i]) : null })),
    sharedEpochs: found.slice(1).reduce((least, _, i) => Math.min(least, shared(0, i + 1).count), histories[0]?.epochs.length ?? 0),
    pairs,
    metrics: Object.fromEntries(
      names.map((name) => [
        name,
        {
          values: histories.map(({ epoch }, i) => metrics[i]!.get(epoch.id)?.[name] ?? null),
          curves: histories.map(({ epochs }, i) => ({ epochs: epochs.map(({ number }) => number), values: epochs.map(({ id }) => metrics[i]!.get(id)?.[name] ?? null) })),
        },
      ]),
    ),
    hyperparameters: differences(settings.map(({ hyperparameters }) => hyperparameters)),
    pruningPlan: differences(settings.map(({ pruningPlan }) => pruningPlan ?? undefined)),
    graph: found.slice(1).map(({ session }, i) => ({ a: found[0]!.session.name, b: session.name, ...diffGraphs(graphs[0], graphs[i + 1]) })),
  }
}

export function bestOf(context: Context, text: string, metric: MetricName, direction: Direction, pareto: boolean) {
  const session = findSession(context, parseReference(text).session)
  const line = historyOf(context, session.id)
  const found = bestEpoch(context, line, metric, direction)
  const byId = new Map(stored.epochs(context.db, line).map((epoch) => [epoch.id, epoch]))
  const front = () => {
    const points = documents.last(context.db, line, [metric]).flatMap(({ epochId, value }) => {
      const epoch = byId.get(epochId)
      const counted = epoch && graphOf(context, epoch)
      const parameters = counted ? summarize(counted).parameters : null
      return epoch && parameters !== null ? [{ id: epochId, number: epoch.number, metric: value, cost: parameters }] : []
    })
    return paretoFront(points, direction).map(({ id, number, metric: value, cost }) => ({ id, number, value, parameters: cost }))
  }
  return {
    best: { id: found.epochId, number: found.number, value: found.value, sessionId: byId.get(found.epochId)!.sessionId },
    metric: formatMetric(metric),
    direction,
    ...(pareto ? { pareto: front() } : {}),
  }
}

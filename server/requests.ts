import { EpochtreeError } from './errors'
import { statusOf } from './journal/liveness'
import { folders } from './journal/runFiles'
import { isObject, jsonNumber, mergeDeep } from './json'
import type {
  BestJson,
  CompareJson,
  EpochJson,
  GraphDifference,
  JsonNumber,
  JsonObject,
  LogJson,
  MetricCurve,
  ModelGraph,
  QueryJson,
  SessionJson,
  ShowJson,
} from './protocol/model'
import { bestEpoch, knownMetric, modelOf, resolve, scopeOf, trainerOf } from './references'
import type { EpochRecord, MetricName, Scope, SessionOverview, SessionRecord, Stores } from './storage/ports'
import { type Direction, paretoFront } from './tracking/best'
import { differences } from './tracking/differences'
import { summarize } from './tracking/graph'
import { diffGraphs } from './tracking/graphDiff'
import { inheritedCounts, sharedSegments } from './tracking/lineage'
import { formatMetric, nearest } from './tracking/reference'

/** What every answer needs: the stores and the folder they belong to. */
export interface Context {
  readonly stores: Stores
  readonly dir: string
}

type Metrics = Readonly<Record<string, JsonNumber>>

async function metricsOf({ stores }: Context, scope: Scope, metrics?: readonly MetricName[]): Promise<Map<string, Metrics>> {
  const found = new Map<string, Record<string, JsonNumber>>()
  for (const { epochId, value, ...metric } of await stores.documents.last(scope, metrics)) {
    let one = found.get(epochId)
    if (!one) found.set(epochId, (one = {}))
    // An own property, also for a metric called __proto__.
    Object.defineProperty(one, formatMetric(metric), { value: jsonNumber(value), enumerable: true, configurable: true, writable: true })
  }
  return found
}

async function sessionsJson(
  context: Context,
  sessions: readonly SessionOverview[],
  all: readonly SessionOverview[],
): Promise<SessionJson[]> {
  const { stores, dir } = context
  const inherited = await inheritedCounts(all, (sessionId, to) => stores.sessions.count([{ sessionId, from: 1, to }]))
  // Of one that is trained elsewhere the team has nothing before it is committed, and a list must not wait for servers.
  const open = sessions.flatMap(({ open: begun, team }) => (begun && !team?.elsewhere ? begun.id : []))
  const metrics = open.length ? await metricsOf(context, { epochIds: open }) : new Map<string, Metrics>()
  const { run } = folders(dir)
  return sessions.map((session) => {
    const { forkedFrom, forkPoint } = session
    const status = session.finished?.status ?? statusOf(session, run)
    const begun = session.open && { ...session.open, metrics: metrics.get(session.open.id) ?? {} }
    return {
      id: session.id,
      name: session.name,
      modelName: session.modelName,
      status,
      forkedFrom,
      epochs: inherited.get(session.id)! + session.own,
      own: session.own,
      latest: session.latest ?? (forkedFrom && forkPoint ? { id: forkedFrom.epochId, number: forkPoint.number } : null),
      selected: session.selected,
      live: status === 'running' ? begun : null,
      uncommitted: status === 'running' ? null : begun,
      createdAt: session.createdAt,
      tags: session.tags,
      deleted: session.deletedAt !== null,
      error: session.finished?.error ?? null,
      parentMissing: forkedFrom !== null && forkPoint === null,
      problems: session.problems,
    }
  })
}

export async function listSessions(context: Context, options: { readonly deleted?: boolean } = {}): Promise<SessionJson[]> {
  const all = await context.stores.sessions.sessions({ deleted: true })
  return sessionsJson(context, options.deleted ? all : all.filter(({ deletedAt }) => deletedAt === null), all)
}

/** One session, with the sessions that its history leads through. */
export async function sessionJson(context: Context, sessionId: string): Promise<SessionJson> {
  const { sessions } = context.stores
  const { segments } = await sessions.history(sessionId)
  const line = await sessions.sessions({ deleted: true, ids: segments.map(({ sessionId: id }) => id) })
  const own = await sessions.session(sessionId)
  if (!own) throw new EpochtreeError('unknown-session', `There is no session ${sessionId}.`)
  const [json] = await sessionsJson(context, [own], [...line.filter(({ id }) => id !== sessionId), own])
  return json!
}

function epochJson(epoch: EpochRecord, sessionId: string, metrics: Metrics): EpochJson {
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

export async function log(context: Context, text: string): Promise<LogJson> {
  const { session, scope } = await modelOf(context.stores, text)
  const epochs = await context.stores.sessions.epochs(scope)
  const metrics = await metricsOf(context, scope)
  return {
    session: await sessionJson(context, session.id),
    epochs: epochs.map((epoch) => epochJson(epoch, session.id, metrics.get(epoch.id) ?? {})),
  }
}

export const graphOf = async ({ stores }: Context, { graphHash }: EpochRecord): Promise<ModelGraph | undefined> =>
  graphHash ? stores.sessions.graph(graphHash) : undefined

export async function graph(context: Context, text: string): Promise<ModelGraph> {
  const { session, epoch } = await resolve(context.stores, text)
  const found = await graphOf(context, epoch)
  if (!found)
    throw new EpochtreeError(
      'not-found',
      `${session.name}@${epoch.number} was committed without a graph. Give \`commit\` one: commit(graph=...).`,
    )
  return found
}

interface Settings {
  readonly hyperparameters: JsonObject
  readonly pruningPlan: JsonObject | null
}

/** What the engine truly used; before it started, what was asked for on top of what the parent used. */
export async function settingsOf(context: Context, { attempt, overrides, forkedFrom }: SessionRecord, depth = 0): Promise<Settings> {
  if (attempt) return { hyperparameters: attempt.hyperparameters, pruningPlan: attempt.pruningPlan }
  const parent = forkedFrom && depth < 100 ? await context.stores.sessions.session(forkedFrom.sessionId) : undefined
  const before = parent ? await settingsOf(context, parent, depth + 1) : { hyperparameters: {}, pruningPlan: null }
  const { hyperparameters, pruningPlan } = overrides
  return {
    hyperparameters: isObject(hyperparameters) ? mergeDeep(before.hyperparameters, hyperparameters) : before.hyperparameters,
    pruningPlan: isObject(pruningPlan) ? pruningPlan : before.pruningPlan,
  }
}

export async function show(context: Context, text: string): Promise<ShowJson> {
  const { stores } = context
  const found = await resolve(stores, text)
  const { session, epoch } = found
  const forks = await stores.sessions.forks(epoch.id)
  return {
    ...epochJson(epoch, session.id, (await metricsOf(context, { epochIds: [epoch.id] })).get(epoch.id) ?? {}),
    session: { id: session.id, name: session.name },
    graph: (epoch.graphHash && (await stores.sessions.graphSummary(epoch.graphHash))) || null,
    forks: forks.map(({ id, name }) => ({ id, name })),
    weightsPath: (epoch.weights && !epoch.released && (await stores.weights.path(epoch.weights.sha256))) || null,
    ...(await settingsOf(context, await trainerOf(stores, found))),
  }
}

export async function diff(context: Context, a: string, b: string): Promise<GraphDifference> {
  return diffGraphs(await graph(context, a), await graph(context, b))
}

export interface CompareOptions {
  readonly metrics?: readonly MetricName[] | undefined
  /** Also every curve of points, reduced to at most so many buckets. */
  readonly points?: number | undefined
}

export async function compare(context: Context, references: readonly string[], options: CompareOptions = {}): Promise<CompareJson> {
  const { stores } = context
  const models = await Promise.all(
    references.map(async (text) => {
      const found = await resolve(stores, text)
      const scope = scopeOf(found)
      const epochs = await stores.sessions.epochs(scope)
      const metrics = await metricsOf(context, scope, await known(context, scope, options.metrics))
      return {
        text,
        ...found,
        scope,
        epochs,
        metrics,
        graph: await graphOf(context, found.epoch),
        settings: await settingsOf(context, found.named ? await trainerOf(stores, found) : found.session),
      }
    }),
  )
  const [first] = models
  const shared = async (a: (typeof models)[number], b: (typeof models)[number]) => {
    const count = await stores.sessions.count(sharedSegments(a.scope.segments, b.scope.segments).segments)
    const last = a.epochs[count - 1]
    return { count, at: last ? { id: last.id, number: last.number } : null }
  }
  const pairs: { a: string; b: string; shared: number; at: { id: string; number: number } | null }[] = []
  for (const [i, a] of models.entries()) {
    for (const b of models.slice(i + 1)) {
      const { count, at } = await shared(a, b)
      pairs.push({ a: a.session.name, b: b.session.name, shared: count, at })
    }
  }
  const common = await Promise.all(models.slice(1).map((model) => shared(first!, model)))
  const names = [...new Set(models.flatMap(({ metrics }) => [...metrics.values()].flatMap(Object.keys)))].sort()
  if (options.metrics)
    for (const metric of options.metrics) if (!names.includes(formatMetric(metric))) await bestEpoch(stores, first!.scope, metric, 'max')
  const metrics = new Map<string, CompareJson['metrics'][string]>()
  for (const name of names) {
    const value = (model: (typeof models)[number], id: string) => model.metrics.get(id)?.[name] ?? null
    const metric = metricNamed(name)
    metrics.set(name, {
      values: models.map((model) => value(model, model.epoch.id)),
      curves: models.map((model) => ({
        epochs: model.epochs.map(({ number }) => number),
        values: model.epochs.map(({ id }) => value(model, id)),
      })),
      ...(options.points
        ? {
            points: await Promise.all(
              models.map(async ({ scope }) => envelope(context, scope, await knownMetric(stores, scope, metric), options.points!)),
            ),
          }
        : {}),
    })
  }
  return {
    models: models.map(({ session, epoch, text, epochs, graph: found }) => ({
      id: session.id,
      name: session.name,
      reference: text,
      epoch: { id: epoch.id, number: epoch.number },
      epochs: epochs.length,
      status: statusOf(session, folders(context.dir).run),
      graph: found ? summarize(found) : null,
    })),
    sharedEpochs: common.reduce((least, { count }) => Math.min(least, count), first?.epochs.length ?? 0),
    pairs,
    metrics: Object.fromEntries(metrics),
    hyperparameters: differences(models.map(({ settings }) => settings.hyperparameters)),
    pruningPlan: differences(models.map(({ settings }) => settings.pruningPlan ?? undefined)),
    graph: models.slice(1).map((model) => ({ a: first!.session.name, b: model.session.name, ...diffGraphs(first!.graph, model.graph) })),
  }
}

/** A metric by the name that answers give it: always with its split. */
const metricNamed = (name: string): MetricName => ({ split: name.slice(0, name.indexOf('/')), name: name.slice(name.indexOf('/') + 1) })

const known = ({ stores }: Context, scope: Scope, metrics: readonly MetricName[] | undefined) =>
  metrics && Promise.all(metrics.map((metric) => knownMetric(stores, scope, metric)))

async function envelope({ stores }: Context, scope: Scope, metric: MetricName, buckets: number) {
  const { count, start, low, high } = await stores.documents.envelope(scope, metric, buckets)
  const numbers = (array: Float64Array) => Array.from(array, jsonNumber)
  return { count, start: Array.from(start), low: numbers(low), high: numbers(high) }
}

export interface QueryOptions {
  readonly metrics?: readonly MetricName[] | undefined
  readonly split?: string | undefined
  readonly groupBy?: string | undefined
  readonly points?: number | undefined
}

/** The epoch-scoped query: values per epoch, reduced curves, or samples by group. */
export async function query(context: Context, text: string, options: QueryOptions): Promise<QueryJson> {
  const { stores } = context
  const found = await resolve(stores, text)
  const scope = scopeOf(found)
  // A session alone is asked about as a whole, also where an earlier epoch of it is selected.
  const [last] = found.named ? [] : await stores.sessions.page(scope, { offset: 0, limit: 1 })
  const { id, number } = last ?? found.epoch
  const about = { session: { id: found.session.id, name: found.session.name }, epoch: { id, number } }
  if (options.groupBy !== undefined) {
    const groups = await groupsOf(context, found.named ? { epochIds: [found.epoch.id] } : scope, options, options.groupBy)
    return { ...about, ...groups }
  }
  const epochs = await stores.sessions.epochs(scope)
  const wanted =
    (await known(context, scope, options.metrics)) ??
    (await stores.documents.metrics(scope)).filter(({ split }) => options.split === undefined || split === options.split)
  if (options.split !== undefined && !wanted.length) throw noSplit(options.split, await stores.documents.metrics(scope))
  const values = await metricsOf(context, scope, wanted)
  const metrics = new Map<string, MetricCurve>()
  for (const metric of wanted) {
    const name = formatMetric(metric)
    if (![...values.values()].some((one) => Object.hasOwn(one, name))) await bestEpoch(stores, scope, metric, 'max')
    const points = options.points ? { points: await envelope(context, scope, metric, options.points) } : {}
    metrics.set(name, {
      epochs: epochs.map(({ number }) => number),
      values: epochs.map(({ id }) => values.get(id)?.[name] ?? null),
      ...points,
    })
  }
  return { ...about, metrics: Object.fromEntries(metrics) }
}

function noSplit(split: string, known: readonly MetricName[]): EpochtreeError {
  const splits = [...new Set(known.map((metric) => metric.split))]
  return new EpochtreeError(
    'unknown-metric',
    `Nothing was logged with the split "${split.slice(0, 100)}". ${splits.length ? `There are ${nearest(split, splits, 5).join(', ')}.` : 'Log something first.'}`,
  )
}

async function groupsOf(
  { stores }: Context,
  scope: Scope,
  { metrics, split }: QueryOptions,
  by: string,
): Promise<Pick<QueryJson, 'groups'>> {
  const known = await stores.documents.sampleFields(scope)
  const inSplit = known.filter((field) => field.name === by && (split === undefined || field.split === split))
  const chosen = split ?? metrics?.[0]?.split ?? inSplit[0]?.split
  const fields =
    metrics?.map(({ name }) => name) ?? known.filter((field) => field.split === chosen && field.name !== by).map(({ name }) => name)
  if (chosen === undefined || !inSplit.some((field) => field.split === chosen)) {
    const names = known.map(formatMetric)
    throw new EpochtreeError(
      'unknown-metric',
      `No samples with a field "${by}" were logged there. ${names.length ? `The fields are ${names.slice(0, 8).join(', ')}.` : 'Log some with epoch.log_samples({...}).'}`,
    )
  }
  const groups: Record<string, NonNullable<QueryJson['groups']>[string]> = {}
  for (const field of fields) {
    const found = await stores.documents.groupBy([scope], { split: chosen, by, field, better: null, most: Infinity })
    if (found.groups.length)
      groups[`${chosen}/${field}`] = found.groups.map(({ group, scopes: [of] }) => ({
        group,
        count: of!.count,
        mean: jsonNumber(of!.mean),
        min: jsonNumber(of!.min),
        max: jsonNumber(of!.max),
      }))
  }
  return { groups }
}

export async function bestOf(context: Context, text: string, asked: MetricName, direction: Direction, pareto: boolean): Promise<BestJson> {
  const { stores } = context
  const { scope: history } = await modelOf(stores, text)
  const epochs = await stores.sessions.epochs(history)
  const metric = await knownMetric(stores, history, asked)
  const found = await bestEpoch(stores, history, metric, direction)
  const byId = new Map(epochs.map((epoch) => [epoch.id, epoch]))
  const front = async () => {
    const parameters = new Map<string, number | null>()
    const points = []
    for (const { epochId, value } of await stores.documents.last(history, [metric])) {
      const { number, graphHash } = byId.get(epochId)!
      if (graphHash === null) continue
      // Few graphs serve many epochs.
      if (!parameters.has(graphHash)) parameters.set(graphHash, (await stores.sessions.graphSummary(graphHash))?.parameters ?? null)
      const cost = parameters.get(graphHash)!
      if (cost !== null) points.push({ id: epochId, number, metric: value, cost })
    }
    return paretoFront(points, direction).map(({ id, number, metric: value, cost }) => ({ id, number, value, parameters: cost }))
  }
  return {
    best: { id: found.epochId, number: found.number, value: jsonNumber(found.value), sessionId: byId.get(found.epochId)!.sessionId },
    metric: formatMetric(metric),
    direction,
    ...(pareto ? { pareto: await front() } : {}),
  }
}

import { maskSecrets } from '../tracking/secrets'
import { statusOf } from '../journal/liveness'
import { folders } from '../journal/runFiles'
import { isObject } from '../json'
import type { Compared, ComparedSettings, Comparison, ComparisonMetric, ComparisonModel } from '../protocol/comparison'
import type { Json, JsonObject } from '../protocol/model'
import { trainerOf } from '../references'
import { type Context, settingsOf } from '../requests'
import type { SessionRecord } from '../storage/ports'
import { differences } from '../tracking/differences'
import { directionOf, mainMetrics } from '../tracking/direction'
import { sharedSegments } from '../tracking/lineage'
import { formatMetric } from '../tracking/reference'
import { linesOf, type Model, modelsOf } from './models'

const MOST_METRICS = 5000

/** The frame of a comparison: all but curves, values, graphs and samples, which are asked for when they are looked at. */
export async function comparison(context: Context, { references }: Pick<Compared, 'references'>): Promise<Comparison> {
  const { sessions } = context.stores
  const models = await modelsOf(context, references)
  const shared = async (a: Model, b: Model) => {
    const { segments } = sharedSegments(a.scope.segments, b.scope.segments)
    const [at] = segments.length ? await sessions.page({ segments, parentMissing: false }, { offset: 0, limit: 1 }) : []
    return { shared: await sessions.count(segments), at: at ? { id: at.id, number: at.number } : null }
  }
  const pairs: Comparison['pairs'][number][] = []
  for (const [a, one] of models.entries())
    for (const [b, other] of models.entries()) if (a < b) pairs.push({ a, b, ...(await shared(one, other)) })
  const names = new Map<string, string>()
  const nameOf = async (id: string) => {
    if (!names.has(id)) names.set(id, (await sessions.session(id))?.name ?? id)
    return names.get(id)!
  }
  const metrics = await metricsOf(context, models)
  return {
    dir: context.dir,
    models: numbered(await Promise.all(models.map((model) => modelView(context, model, models)))),
    lines: await Promise.all(linesOf(models).map(async (line) => ({ ...line, sessionName: await nameOf(line.sessionId) }))),
    sharedEpochs: pairs.filter(({ a }) => a === 0).reduce((least, one) => Math.min(least, one.shared), Infinity),
    pairs,
    metrics: metrics.slice(0, MOST_METRICS),
    moreMetrics: Math.max(0, metrics.length - MOST_METRICS),
    settings: await settings(context, models),
    main: metrics.find(({ direction }) => direction !== null)?.metric ?? null,
  }
}

/** One epoch that came by two references, such as its number and `latest`, is two models of one label: they are numbered. */
function numbered(models: readonly ComparisonModel[]): ComparisonModel[] {
  const times = new Map<string, number>()
  return models.map((model) => {
    const time = (times.get(model.label) ?? 0) + 1
    times.set(model.label, time)
    return time === 1 ? model : { ...model, label: `${model.label} (${time})` }
  })
}

async function modelView(
  context: Context,
  { session, reference, epoch, named, scope }: Model,
  all: readonly Model[],
): Promise<ComparisonModel> {
  const { sessions } = context.stores
  const { forkedFrom, forkPoint } = session
  const parent = forkedFrom && (await sessions.session(forkedFrom.sessionId))
  const twice = all.filter((other) => other.session.id === session.id).length > 1
  return {
    id: session.id,
    name: session.name,
    modelName: session.modelName,
    reference,
    label: named || twice ? `${session.name}@${epoch.number}` : session.name,
    status: statusOf(session, folders(context.dir).run),
    epoch: { id: epoch.id, number: epoch.number },
    epochs: await sessions.count(scope.segments),
    forkedFrom: forkedFrom && { sessionId: forkedFrom.sessionId, name: parent?.name ?? null, number: forkedFrom.epochNumber },
    createdAt: session.createdAt,
    parentMissing: forkedFrom !== null && forkPoint === null,
    deleted: session.deletedAt !== null,
    graph: (epoch.graphHash && (await sessions.graphSummary(epoch.graphHash))) || null,
  }
}

async function metricsOf({ stores }: Context, models: readonly Model[]): Promise<ComparisonMetric[]> {
  const found = new Map<string, { split: string; name: string; models: number[] }>()
  for (const [place, { scope }] of models.entries()) {
    for (const metric of await stores.documents.metrics(scope)) {
      const name = formatMetric(metric)
      const one = found.get(name) ?? { ...metric, models: [] }
      if (one.models.at(-1) !== place) one.models.push(place)
      found.set(name, one)
    }
  }
  return mainMetrics(found.keys(), Infinity).map((metric) => ({ metric, direction: directionOf(metric), ...found.get(metric)! }))
}

/** A key that names the data a model was trained with. */
const DATA = /(^|[._-])(data|dataset|datasets|corpus|train_set|val_set|test_set)([._[-]|$)/i

/** What each was trained with, of the session that trained the compared epoch: where they differ, and where they are alike. */
async function settings(context: Context, models: readonly Model[]): Promise<ComparedSettings> {
  const trainers = await Promise.all(models.map((model) => trainerOf(context.stores, model)))
  const used = await Promise.all(trainers.map((trainer) => settingsOf(context, trainer)))
  const all = (values: readonly (JsonObject | null | undefined)[]) =>
    differences(
      values.map((value) => value ?? undefined),
      { all: true },
    )
  const hyperparameters = all(used.map((one) => one.hyperparameters))
  const environment = all(trainers.map(({ attempt }) => attempt?.environment))
  return {
    hyperparameters,
    pruningPlan: all(used.map(({ pruningPlan }) => pruningPlan)),
    environment,
    command: all(trainers.map(commandOf)),
    data: [...hyperparameters, ...environment].filter(({ path }) => DATA.test(path)),
  }
}

function commandOf({ command }: SessionRecord): JsonObject | null {
  if (!isObject(command)) return null
  const argv: Json | undefined = command['argv']
  const words = Array.isArray(argv) ? argv.filter((word): word is string => typeof word === 'string') : []
  return { command: maskSecrets(words).join(' '), folder: command['cwd'] ?? null }
}

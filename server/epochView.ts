import { firstGraphHash } from './firstGraph'
import { jsonNumber } from './json'
import type { EpochGraph, EpochMetric, EpochView } from './protocol/editor'
import type { JsonNumber, JsonObject } from './protocol/model'
import { resolve, trainerOf } from './references'
import { settingsOf } from './requests'
import { epochRows, forksAt } from './sessionList'
import type { EpochRecord, MetricName, SessionRecord } from './storage/ports'
import { differences } from './tracking/differences'
import { directionOf, judge, mainMetrics } from './tracking/direction'
import { summarize } from './tracking/graph'
import { layerTree, pruned } from './tracking/layers'
import { type History, upTo } from './tracking/lineage'
import { formatMetric } from './tracking/reference'
import type { TrackedFolder } from './trackedFolder'

const MOST_METRICS = 200
/** Metrics of a whole history are asked for one by one. */
const MOST_WITH_BEST = 60
const MOST_LAYERS = 2000
const MOST_FORKS = 200
/** Epochs that a curve shows. */
const CURVE = 120

/** Everything about one epoch in the model whose history it is seen in. */
export async function epochView(folder: TrackedFolder, reference: string): Promise<EpochView> {
  const { sessions } = folder.stores
  const found = await resolve(folder.stores, reference)
  const { session: record, history, epoch } = found
  const session = await folder.session(record.id)
  const trainer = await trainerOf(folder.stores, found)
  const [row] = await epochRows(folder, session, [epoch])
  const epochs = await sessions.count(history.segments)
  const place = await sessions.count(upTo(history, epoch).segments)
  // Pages are counted from the newest epoch.
  const at = async (wanted: number) =>
    wanted >= 1 && wanted <= epochs ? (await sessions.page(history, { offset: epochs - wanted, limit: 1 }))[0] : undefined
  const [before, next] = [await at(place - 1), await at(place + 1)]
  const forks = await forksAt(folder, epoch.id)
  const parent = trainer.forkedFrom ? await sessions.session(trainer.forkedFrom.sessionId) : undefined
  const used = await settingsOf(folder, trainer)
  const parentUsed = parent && (await settingsOf(folder, parent))
  return {
    row: row!,
    reference: `${record.name}@${epoch.number}`,
    trainer: {
      id: trainer.id,
      name: trainer.name,
      forkedFrom: parent && trainer.forkedFrom ? { name: parent.name, number: trainer.forkedFrom.epochNumber } : null,
    },
    status: session.status,
    epochs,
    place,
    ...(await metricsOf(folder, history, epoch, before, { epochs, place })),
    ...used,
    changedHyperparameters: parentUsed ? differences([parentUsed.hyperparameters, used.hyperparameters]) : [],
    changedPruningPlan: parentUsed ? differences([parentUsed.pruningPlan ?? undefined, used.pruningPlan ?? undefined]) : [],
    environment: environmentOf(trainer),
    graph: await graphOf(folder, history, epoch, before, epochs),
    trainingState: epoch.optimizerState && { bytes: epoch.optimizerState.bytes, format: epoch.optimizerState.format },
    forks: forks.slice(0, MOST_FORKS).map(({ id, name, status, epochs: all, main }) => ({ id, name, status, epochs: all, main })),
    previous: before?.number ?? null,
    next: next?.number ?? null,
  }
}

const environmentOf = ({ attempt }: SessionRecord): JsonObject => attempt?.environment ?? {}

async function metricsOf(
  { stores }: TrackedFolder,
  history: History,
  epoch: EpochRecord,
  before: EpochRecord | undefined,
  { epochs, place }: { readonly epochs: number; readonly place: number },
): Promise<Pick<EpochView, 'metrics' | 'moreMetrics' | 'curveEpochs'>> {
  const values = await stores.documents.last({ epochIds: [epoch.id] })
  const byName = new Map(values.map((one) => [formatMetric(one), one]))
  const all = mainMetrics(byName.keys(), Infinity)
  const shown = all.slice(0, MOST_METRICS).map((name) => byName.get(name)!)
  const earlier = new Map(
    (before ? await stores.documents.last({ epochIds: [before.id] }, shown) : []).map((one) => [formatMetric(one), one.value]),
  )
  // This epoch in the middle, as far as there are epochs on both sides.
  const newest = Math.min(epochs, Math.max(place + CURVE / 2, CURVE))
  const around = (await stores.sessions.page(history, { offset: epochs - newest, limit: CURVE })).toReversed()
  const curves = await curvesOf(stores.documents, around, shown)
  const metrics: EpochMetric[] = []
  for (const [i, metric] of shown.entries()) {
    const name = formatMetric(metric)
    const direction = directionOf(name)
    const found = direction && i < MOST_WITH_BEST && (await stores.documents.best(history, metric, direction === 'lower' ? 'min' : 'max'))
    const value = jsonNumber(metric.value)
    const previous = earlier.get(name)
    metrics.push({
      metric: name,
      value,
      before: previous === undefined ? null : jsonNumber(previous),
      best: found ? { number: found.number, value: jsonNumber(found.value) } : null,
      direction,
      judged: previous === undefined ? null : judge(name, jsonNumber(previous), value),
      curve: curves.get(name) ?? [],
    })
  }
  return { metrics, moreMetrics: all.length - shown.length, curveEpochs: around.map(({ number }) => number) }
}

async function curvesOf(documents: TrackedFolder['stores']['documents'], epochs: readonly EpochRecord[], metrics: readonly MetricName[]) {
  const places = new Map(epochs.map(({ id }, i) => [id, i]))
  const curves = new Map(metrics.map((metric): [string, (JsonNumber | null)[]] => [formatMetric(metric), epochs.map(() => null)]))
  for (const { epochId, value, ...metric } of await documents.last({ epochIds: [...places.keys()] }, metrics))
    curves.get(formatMetric(metric))![places.get(epochId)!] = jsonNumber(value)
  return curves
}

/** Graphs never change, so what was found out about three of them is kept for the next look. */
const known = new Map<string, EpochGraph>()
const MOST_KNOWN = 8

async function graphOf(
  { stores: { sessions } }: TrackedFolder,
  history: History,
  { graphHash: hash }: EpochRecord,
  before: EpochRecord | undefined,
  epochs: number,
): Promise<EpochGraph | null> {
  if (hash === null) return null
  const first = await firstGraphHash(sessions, history, epochs)
  const key = [first, before?.graphHash ?? null, hash].join(' ')
  const kept = known.get(key)
  if (kept) return kept
  const now = await sessions.graph(hash)
  if (!now) return null
  const graphAt = async (wanted: string | null | undefined) =>
    wanted === hash ? now : wanted === null || wanted === undefined ? undefined : sessions.graph(wanted)
  const graphs = { first: await graphAt(first), before: await graphAt(before?.graphHash), now }
  const { rows, more } = layerTree(graphs, MOST_LAYERS)
  const found: EpochGraph = {
    ...summarize(now),
    hash,
    original: graphs.first ? summarize(graphs.first).parameters : null,
    pruned: graphs.before ? pruned(graphs.before, now) : null,
    layers: rows,
    moreLayers: more,
  }
  if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value!)
  known.set(key, found)
  return found
}

import { firstGraphHash } from '../firstGraph'
import type { Tradeoff, TradeoffQuery } from '../protocol/comparison'
import { knownMetric } from '../references'
import type { Context } from '../requests'
import type { EpochRecord, Scope, Stores } from '../storage/ports'
import { paretoFront } from '../tracking/best'
import type { Better } from '../tracking/direction'
import { sparsity } from '../tracking/graph'
import { outermost } from '../tracking/outermost'
import { parseMetric } from '../tracking/reference'
import { floats } from './floats'
import { linesOf, type Model } from './models'

/** More points than a picture can show apart. */
const MOST_POINTS = 6000
const MOST_OF_FRONT = 1000

interface Point {
  readonly line: string
  readonly epoch: number
  readonly metric: number
  readonly cost: number
}

/** A metric against a cost, for the epochs of all models; a past that they share is there once. */
export async function tradeoff(
  { stores }: Context,
  models: readonly Model[],
  { metric, direction, cost, costDirection }: TradeoffQuery,
  signal: AbortSignal | undefined,
): Promise<Tradeoff> {
  const lines: { readonly id: string; readonly points: readonly Point[] }[] = []
  let without = 0
  const graphs = summaries(stores)
  for (const { id, sessionId, from, to, models: places } of linesOf(models)) {
    const scope = { segments: [{ sessionId, from, to }] }
    const epochs = await stores.sessions.epochs(scope, signal)
    const values = await valuesOf(stores, scope, metric, signal)
    const costs = await costsOf(stores, epochs, scope, cost, { graphs, model: models[places[0]!]!, signal })
    const points = epochs.flatMap((epoch): Point[] => {
      const point = { line: id, epoch: epoch.number, metric: values.get(epoch.id) ?? Number.NaN, cost: costs.get(epoch.id) ?? Number.NaN }
      return Number.isNaN(point.metric) || Number.isNaN(point.cost) ? [] : [point]
    })
    without += epochs.length - points.length
    lines.push({ id, points })
  }
  const all = lines.flatMap(({ points }) => points)
  const front = best(all, direction, costDirection)
  const named = front.length <= MOST_OF_FRONT ? front : spread(front, MOST_OF_FRONT)
  const kept = new Set(named)
  const places = new Map<Point, number>()
  const sent = lines.map(({ id, points }) => {
    const shown = new Set(outermost(points, Math.ceil((MOST_POINTS * points.length) / Math.max(1, all.length))))
    const some = points.filter((point, i) => shown.has(i) || kept.has(point))
    for (const [i, point] of some.entries()) places.set(point, i)
    return {
      line: id,
      epoch: floats(some.map(({ epoch }) => epoch)),
      value: floats(some.map((point) => point.metric)),
      cost: floats(some.map((point) => point.cost)),
    }
  })
  return {
    lines: sent,
    front: named.map((point) => [point.line, places.get(point)!]),
    count: all.length,
    frontCount: front.length,
    without,
  }
}

function best(points: readonly Point[], direction: Better, costDirection: Better): Point[] {
  const sign = costDirection === 'lower' ? 1 : -1
  const turned = points.map((point) => ({ point, metric: point.metric, cost: sign * point.cost }))
  return paretoFront(turned, direction === 'lower' ? 'min' : 'max').map(({ point }) => point)
}

/** The first, the last, and as many between as fit, at even distances. */
const spread = <T>(items: readonly T[], most: number): T[] =>
  Array.from({ length: most }, (_, i) => items[Math.round((i * (items.length - 1)) / (most - 1))]!)

async function valuesOf(stores: Stores, scope: Scope, metric: string, signal: AbortSignal | undefined): Promise<Map<string, number>> {
  const values = await stores.documents.last(scope, [await knownMetric(stores, scope, parseMetric(metric))], signal)
  return new Map(values.map(({ epochId, value }) => [epochId, value]))
}

async function costsOf(
  stores: Stores,
  epochs: readonly EpochRecord[],
  scope: Scope,
  cost: string,
  {
    graphs,
    model,
    signal,
  }: { readonly graphs: ReturnType<typeof summaries>; readonly model: Model; readonly signal: AbortSignal | undefined },
): Promise<Map<string, number>> {
  if (cost !== 'weights' && cost !== 'parameters' && cost !== 'sparsity') return valuesOf(stores, scope, cost, signal)
  const found = new Map<string, number>()
  if (cost === 'weights') {
    for (const { id, weights } of epochs) if (weights) found.set(id, weights.bytes)
    return found
  }
  const first = cost === 'sparsity' ? await graphs(await firstGraphHash(stores.sessions, model.scope)) : null
  for (const { id, graphHash } of epochs) {
    const graph = await graphs(graphHash)
    const figure = cost === 'parameters' ? (graph?.parameters ?? null) : sparsity(graph, first)
    if (figure !== null) found.set(id, figure)
  }
  return found
}

/** Few graphs serve many epochs: each is counted once. */
function summaries({ sessions }: Stores) {
  const known = new Map<string, Awaited<ReturnType<typeof sessions.graphSummary>> | null>()
  return async (hash: string | null) => {
    if (hash === null) return null
    if (!known.has(hash)) known.set(hash, (await sessions.graphSummary(hash)) ?? null)
    return known.get(hash) ?? null
  }
}

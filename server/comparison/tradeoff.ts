import { firstGraphHash } from '../firstGraph'
import type { Tradeoff, TradeoffQuery } from '../protocol/comparison'
import type { GraphSummary } from '../protocol/model'
import { knownMetric } from '../references'
import type { Context } from '../requests'
import type { EpochRecord, Segment, Stores } from '../storage/ports'
import { paretoFront } from '../tracking/best'
import type { Better } from '../tracking/direction'
import { sparsity } from '../tracking/graph'
import { evenly } from '../tracking/evenly'
import { outermost } from '../tracking/outermost'
import { packFloats } from '../tracking/packed'
import { parseMetric } from '../tracking/reference'
import { linesOf, type Model } from './models'

/** More points than a picture can show apart. */
const MOST_POINTS = 6000
const MOST_OF_FRONT = 1000
/** Epochs that are looked at together: whoever else asks the server waits for no more. */
const TOGETHER = 4096

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
  asked: TradeoffQuery,
  signal: AbortSignal | undefined,
): Promise<Tradeoff> {
  const lines = linesOf(models)
  const all = await stores.sessions.count(lines)
  const graphs = summaries(stores)
  const shown: { readonly line: string; readonly points: Point[] }[] = []
  const candidates: Point[] = []
  let count = 0
  for (const {
    id,
    models: [first],
    ...line
  } of lines) {
    const figures = await figuresOf(stores, models[first!]!, asked, graphs, signal)
    const outer: Point[][] = []
    const best: Point[][] = []
    for await (const epochs of backwards(stores, line, signal)) {
      const points = (await figures(epochs)).map((figure) => ({ line: id, ...figure }))
      count += points.length
      const places = outermost(points, Math.max(4, Math.floor((MOST_POINTS * points.length) / all)))
      outer.push(places.map((place) => points[place]!))
      // What is beaten among these is beaten among all.
      best.push(front(points, asked))
    }
    shown.push({ line: id, points: outer.reverse().flat() })
    candidates.push(...best.reverse().flat())
  }
  const whole = front(candidates, asked)
  const named = evenly(whole, MOST_OF_FRONT)
  const places = new Map<string, number>()
  const sent = shown.map(({ line, points }) => {
    const own = new Map([...points, ...named.filter((point) => point.line === line)].map((point) => [point.epoch, point]))
    const sorted = [...own.values()].sort((a, b) => a.epoch - b.epoch)
    for (const [i, { epoch }] of sorted.entries()) places.set(`${line} ${epoch}`, i)
    return {
      line,
      epoch: packFloats(sorted.map(({ epoch }) => epoch)),
      value: packFloats(sorted.map(({ metric }) => metric)),
      cost: packFloats(sorted.map(({ cost }) => cost)),
    }
  })
  return {
    lines: sent,
    front: named.map(({ line, epoch }) => [line, places.get(`${line} ${epoch}`)!]),
    count,
    frontCount: whole.length,
    without: all - count,
  }
}

/** The epochs of a line, its last ones first, each part in the order of training. */
async function* backwards({ sessions }: Stores, { sessionId, from, to }: Segment, signal: AbortSignal | undefined) {
  for (let last = to; ;) {
    signal?.throwIfAborted()
    const history = { segments: [{ sessionId, from, to: last }], parentMissing: false }
    const epochs = (await sessions.page(history, { offset: 0, limit: TOGETHER }, signal)).toReversed()
    if (!epochs.length) return
    yield epochs
    last = epochs[0]!.number - 1
  }
}

function front(points: readonly Point[], { direction, costDirection }: TradeoffQuery): Point[] {
  const sign = costDirection === 'lower' ? 1 : -1
  const turned = points.map((point) => ({ point, metric: point.metric, cost: sign * point.cost }))
  return paretoFront(turned, better[direction]).map(({ point }) => point)
}
const better = { lower: 'min', higher: 'max' } as const satisfies Record<Better, 'min' | 'max'>

type Graphs = (hash: string | null) => Promise<GraphSummary | null>

/** Finds both figures of epochs of a model, and passes over those that lack one, or where it is NaN. */
async function figuresOf(
  stores: Stores,
  { scope }: Model,
  { metric, cost }: TradeoffQuery,
  graphs: Graphs,
  signal: AbortSignal | undefined,
): Promise<(epochs: readonly EpochRecord[]) => Promise<Omit<Point, 'line'>[]>> {
  const isMetric = cost !== 'weights' && cost !== 'parameters' && cost !== 'sparsity'
  const name = await knownMetric(stores, scope, parseMetric(metric))
  const costName = isMetric ? await knownMetric(stores, scope, parseMetric(cost)) : undefined
  const first = cost === 'sparsity' ? await graphs(await firstGraphHash(stores.sessions, scope)) : null
  const sizeOf = async ({ graphHash, weights }: EpochRecord) => {
    if (cost === 'weights') return weights?.bytes ?? null
    const graph = await graphs(graphHash)
    return cost === 'parameters' ? (graph?.parameters ?? null) : sparsity(graph, first)
  }
  return async (epochs) => {
    const { sessionId, number: from } = epochs[0]!
    const segments = [{ sessionId, from, to: epochs.at(-1)!.number }]
    const valuesOf = async (wanted: typeof name) =>
      new Map((await stores.documents.last({ segments }, [wanted], signal)).map(({ epochId, value }) => [epochId, value]))
    const values = await valuesOf(name)
    const costs = costName && (await valuesOf(costName))
    const found: Omit<Point, 'line'>[] = []
    for (const epoch of epochs) {
      const value = values.get(epoch.id)
      const size = costs ? costs.get(epoch.id) : await sizeOf(epoch)
      if (value === undefined || size === undefined || size === null || Number.isNaN(value) || Number.isNaN(size)) continue
      found.push({ epoch: epoch.number, metric: value, cost: size })
    }
    return found
  }
}

/** Few graphs serve many epochs: each is counted once. */
function summaries({ sessions }: Stores): Graphs {
  const known = new Map<string, GraphSummary | null>()
  return async (hash) => {
    if (hash === null) return null
    if (!known.has(hash)) known.set(hash, (await sessions.graphSummary(hash)) ?? null)
    return known.get(hash) ?? null
  }
}

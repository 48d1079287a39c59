import { firstGraphHash } from '../firstGraph'
import type { Effect, Effects, GraphEffect } from '../protocol/comparison'
import type { ModelGraph } from '../protocol/model'
import type { Context } from '../requests'
import type { EpochRecord, Stores } from '../storage/ports'
import { pruned } from '../tracking/layers'
import { between } from '../tracking/lineage'
import { linesOf, type Model } from './models'

/** What each model did to its graph after it went its own way. */
export async function effects({ stores }: Context, models: readonly Model[]): Promise<Effects> {
  const lines = linesOf(models)
  const own = (place: number) => lines.find((line) => line.models.length === 1 && line.models[0] === place)
  const before = (place: number) => lines.find(({ id }) => id === own(place)?.after)
  return { models: await Promise.all(models.map((model, i) => effect(stores, model, own(i) && (before(i)?.to ?? 'first')))) }
}

async function effect({ sessions }: Stores, { scope, last }: Model, parted: number | 'first' | undefined): Promise<Effect> {
  const summary = async (hash: string | null | undefined) => (hash && (await sessions.graphSummary(hash))) || null
  const since = parted === undefined ? undefined : await sinceEpoch()
  const [first, left, after] = [
    await summary(await firstGraphHash(sessions, scope)),
    await summary(since?.graphHash),
    await summary(last.graphHash),
  ]
  return {
    since: since ? { id: since.id, number: since.number } : null,
    until: { id: last.id, number: last.number },
    first,
    before: left,
    after,
    change: left && after ? await changeBetween(sessions, since!.graphHash!, last.graphHash!) : null,
  }

  async function sinceEpoch(): Promise<EpochRecord | undefined> {
    if (parted !== 'first') return (await sessions.page(between(scope, parted!, parted!), { offset: 0, limit: 1 }))[0]
    return (await sessions.page(scope, { offset: (await sessions.count(scope.segments)) - 1, limit: 1 }))[0]
  }
}

/** Graphs never change, so what was found out about two of them is kept for the next look. */
const known = new Map<string, GraphEffect>()
const MOST_KNOWN = 100

async function changeBetween(sessions: Stores['sessions'], from: string, to: string): Promise<GraphEffect | null> {
  if (from === to) return { layers: 0, removed: 0, masked: 0, layersRemoved: 0, layersAdded: 0 }
  const key = `${from} ${to}`
  const kept = known.get(key)
  if (kept) return kept
  const [before, now] = [await sessions.graph(from), await sessions.graph(to)]
  if (!before || !now) return null
  const missing = (a: ModelGraph, b: ModelGraph) => Object.keys(a.nodes).filter((id) => !Object.hasOwn(b.nodes, id)).length
  const found = { ...pruned(before, now), layersRemoved: missing(before, now), layersAdded: missing(now, before) }
  if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value!)
  known.set(key, found)
  return found
}

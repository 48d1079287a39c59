import { jsonNumber } from '../json'
import type { Point, Values, ValuesQuery } from '../protocol/comparison'
import { knownMetric } from '../references'
import type { Context } from '../requests'
import type { EpochRecord, Stores } from '../storage/ports'
import { between } from '../tracking/lineage'
import { formatMetric, parseMetric } from '../tracking/reference'
import type { Model } from './models'

/** The figures of all models, each at one epoch. */
export async function values({ stores }: Context, models: readonly Model[], asked: ValuesQuery): Promise<Values> {
  const epochs = await Promise.all(models.map((model) => epochAt(stores, model, asked)))
  const last = await stores.documents.last({ epochIds: epochs.flatMap((epoch) => epoch?.id ?? []) })
  const metrics = new Map<string, Map<string, number>>()
  for (const { epochId, value, ...name } of last) {
    const metric = formatMetric(name)
    metrics.set(metric, (metrics.get(metric) ?? new Map<string, number>()).set(epochId, value))
  }
  return {
    epochs: epochs.map((epoch) => (epoch ? { id: epoch.id, number: epoch.number } : null)),
    metrics: [...metrics].map(([metric, found]) => ({
      metric,
      values: epochs.map((epoch) => {
        const value = epoch && found.get(epoch.id)
        return value === undefined ? null : jsonNumber(value)
      }),
    })),
    graphs: await Promise.all(
      epochs.map(async (epoch) => (epoch?.graphHash && (await stores.sessions.graphSummary(epoch.graphHash))) || null),
    ),
    weights: epochs.map((epoch) => epoch?.weights?.bytes ?? null),
  }
}

async function epochAt(stores: Stores, model: Model, { at, metric, direction }: ValuesQuery): Promise<EpochRecord | undefined> {
  const { scope, session, epoch, last } = model
  const numbered = async (number: number) => (await stores.sessions.page(between(scope, number, number), { offset: 0, limit: 1 }))[0]
  const found: { readonly [at in Exclude<Point, number>]: () => Promise<EpochRecord | undefined> } = {
    compared: async () => epoch,
    last: async () => last,
    selected: async () => {
      const selected = session.selected && (await numbered(session.selected.number))
      return selected && selected.id === session.selected?.id ? selected : undefined
    },
    best: async () => {
      if (metric === undefined || direction === undefined) return undefined
      const name = await knownMetric(stores, scope, parseMetric(metric))
      const best = await stores.documents.best(scope, name, direction === 'lower' ? 'min' : 'max')
      return best && numbered(best.number)
    },
  }
  return typeof at === 'number' ? numbered(at) : found[at]()
}

import { EpochtreeError } from '../errors'
import { jsonNumber } from '../json'
import type { Values, ValuesQuery } from '../protocol/comparison'
import type { JsonNumber } from '../protocol/model'
import { inHistory, knownMetric } from '../references'
import type { Context } from '../requests'
import type { EpochRecord } from '../storage/ports'
import { mainMetrics } from '../tracking/direction'
import { between } from '../tracking/lineage'
import { formatMetric, parseMetric } from '../tracking/reference'
import type { Model } from './models'

/** What each model has at one epoch of its history: all metrics, the graph's size, the bytes of weights. */
export async function values(context: Context, models: readonly Model[], asked: ValuesQuery): Promise<Values> {
  const { sessions, documents } = context.stores
  const epochs = await Promise.all(models.map((model) => epochAt(context, model, asked)))
  const metrics = new Map<string, (JsonNumber | null)[]>()
  const logged = await Promise.all(epochs.map(async (epoch) => (epoch ? documents.last({ epochIds: [epoch.id] }) : [])))
  for (const [place, all] of logged.entries()) {
    for (const { value, ...metric } of all) {
      const name = formatMetric(metric)
      const row = metrics.get(name) ?? models.map(() => null)
      row[place] = jsonNumber(value)
      metrics.set(name, row)
    }
  }
  return {
    epochs: epochs.map((epoch) => epoch && { id: epoch.id, number: epoch.number }),
    metrics: mainMetrics(metrics.keys(), Infinity).map((metric) => ({ metric, values: metrics.get(metric)! })),
    graphs: await Promise.all(epochs.map(async (epoch) => (epoch?.graphHash && (await sessions.graphSummary(epoch.graphHash))) || null)),
    weights: epochs.map((epoch) => epoch?.weights?.bytes ?? null),
  }
}

async function epochAt({ stores }: Context, model: Model, { at, metric, direction }: ValuesQuery): Promise<EpochRecord | null> {
  const { sessions, documents } = stores
  const { scope, session, epoch, last } = model
  const inScope = async (id: string) => {
    const found = await sessions.epoch(id)
    return found && inHistory(scope, found) ? found : null
  }
  switch (at) {
    case 'compared':
      return epoch
    case 'last':
      return last
    case 'selected':
      return session.selected && inScope(session.selected.id)
    case 'best': {
      if (metric === undefined || direction === undefined)
        throw new EpochtreeError('bad-argument', 'Which epoch is the best depends on a metric, and on which way it gets better. Name both.')
      const known = await knownMetric(stores, scope, parseMetric(metric))
      const best = await documents.best(scope, known, direction === 'lower' ? 'min' : 'max')
      return best ? inScope(best.epochId) : null
    }
    default:
      return (await sessions.page(between(scope, at, at), { offset: 0, limit: 1 }))[0] ?? null
  }
}

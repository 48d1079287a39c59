import type { LayersOverEpochs, LayersQuery } from '../protocol/comparison'
import { resolve, scopeOf } from '../references'
import type { Context } from '../requests'
import type { Model } from './models'

/** So many columns are more than a page shows apart, and so many values are read from graphs in well under a second. */
const MOST_COLUMNS = 120
const FEWEST_COLUMNS = 8
const MOST_VALUES = 200_000
const MOST_LAYERS = 2000

/** How large each layer was over the epochs of a model, told where its graph became another. */
export async function layers(
  { stores }: Context,
  _: readonly Model[],
  { reference }: LayersQuery,
  signal?: AbortSignal,
): Promise<LayersOverEpochs> {
  const { sessions } = stores
  const history = scopeOf(await resolve(stores, reference))
  const [last] = await sessions.page(history, { offset: 0, limit: 1 })
  const { nodes } = (last?.graphHash && (await sessions.graphSummary(last.graphHash))) || { nodes: 1 }
  const most = Math.max(FEWEST_COLUMNS, Math.min(MOST_COLUMNS, Math.floor(MOST_VALUES / nodes)))
  const { epochs, more } = await sessions.graphChanges(history, most, signal)
  return {
    ...(await sessions.layerSizes(
      epochs.map(({ graphHash }) => graphHash),
      MOST_LAYERS,
      signal,
    )),
    epochs: epochs.map(({ id, number }) => ({ id, number })),
    until: last!.number,
    moreEpochs: more,
  }
}

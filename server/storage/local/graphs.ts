import { setImmediate } from 'node:timers/promises'
import { checkAborted } from '../../errors'
import type { GraphPair, LayerSizes } from '../../protocol/comparison'
import { pairGraphs } from '../../tracking/graphPair'
import { LayerColumns, Thinned } from '../../tracking/layerSizes'
import type { History } from '../../tracking/lineage'
import type { GraphChanges } from '../ports'
import type { LocalDatabase } from './database'
import { graph } from './sessions'

const graphOf = (db: LocalDatabase, hash: string | null) => (hash === null ? undefined : graph(db, hash))

export const graphPair = (db: LocalDatabase, a: string | null, b: string | null): GraphPair => pairGraphs(graphOf(db, a), graphOf(db, b))

/** Row by row: a history may be long, and only a few of its epochs are kept. */
export function graphChanges(db: LocalDatabase, { segments }: History, most: number, signal?: AbortSignal): GraphChanges {
  const found = new Thinned<GraphChanges['epochs'][number]>(most)
  let before: string | undefined
  for (const { sessionId, from, to } of segments) {
    for (const [id, number, graphHash] of db.each<readonly [string, number, string]>(
      `SELECT id, number, graph FROM epoch INDEXED BY epoch_history
       WHERE session = ? AND state IN ('ok', 'verifying') AND number BETWEEN ? AND ? AND graph IS NOT NULL ORDER BY number`,
      sessionId,
      from,
      to,
    )) {
      checkAborted(signal)
      if (graphHash !== before) found.add({ id, number, graphHash })
      before = graphHash
    }
  }
  const epochs = found.values
  return { epochs, more: found.count - epochs.length }
}

/** Graph by graph, with time for other questions in between. */
export async function layerSizes(db: LocalDatabase, hashes: readonly string[], most: number, signal?: AbortSignal): Promise<LayerSizes> {
  const columns = new LayerColumns(hashes.length)
  for (const [column, hash] of hashes.entries()) {
    checkAborted(signal)
    const found = graph(db, hash)
    if (found) columns.add(column, found)
    await setImmediate()
  }
  return columns.sizes(most)
}

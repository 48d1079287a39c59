import type { SessionStore } from './storage/ports'
import type { History } from './tracking/lineage'

/** Where a model began without graphs, the first ones that it has are looked for among so many epochs. */
const OLDEST = 50

/** The hash of the graph that a model began with. */
export async function firstGraphHash(sessions: SessionStore, history: History, epochs?: number): Promise<string | null> {
  // Pages are counted from the newest epoch.
  const offset = Math.max(0, (epochs ?? (await sessions.count(history.segments))) - OLDEST)
  const oldest = (await sessions.page(history, { offset, limit: OLDEST })).toReversed()
  return oldest.find(({ graphHash }) => graphHash !== null)?.graphHash ?? null
}

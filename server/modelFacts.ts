import { sparkline } from './cli/text/terminal'
import type { Followed } from './journal/follow'
import type { SessionRow } from './protocol/editor'
import type { GraphSummary } from './protocol/model'
import type { TrackedFolder } from './trackedFolder'
import { between } from './tracking/lineage'
import { parseMetric } from './tracking/reference'

const SPARK_BARS = 16
/** A longer history is drawn by its end only: whoever hovers waits for nothing. */
const SPARK_EPOCHS = 1000

/** What is told of a model in one glance. */
export interface ModelFacts {
  readonly row: SessionRow
  /** The main metric over the history. */
  readonly spark: string
  readonly graph: GraphSummary | null
  /** Of the graph that the model began with. */
  readonly firstGraph: GraphSummary | null
}

/** Kept for as long as its newest epoch is the same. */
const kept = new WeakMap<TrackedFolder, Map<string, { readonly key: string; readonly facts: Promise<Omit<ModelFacts, 'row'>> }>>()

export async function modelFacts(folder: TrackedFolder, session: Followed): Promise<ModelFacts> {
  const [row] = await folder.rows([session])
  const key = `${row!.latest?.id} ${row!.main?.metric}`
  let ofFolder = kept.get(folder)
  if (!ofFolder) kept.set(folder, (ofFolder = new Map()))
  let known = ofFolder.get(session.id)
  if (known?.key !== key) ofFolder.set(session.id, (known = { key, facts: find(folder, row!) }))
  try {
    return { row: row!, ...(await known.facts) }
  } catch (error) {
    ofFolder.delete(session.id)
    throw error
  }
}

async function find(folder: TrackedFolder, { id, latest, main, epochs }: SessionRow): Promise<Omit<ModelFacts, 'row'>> {
  const { sessions, documents } = folder.stores
  if (!latest) return { spark: '', graph: null, firstGraph: null }
  const history = await sessions.history(id)
  const summary = async (offset: number) => {
    const [epoch] = await sessions.page(history, { offset, limit: 1 })
    return (epoch?.graphHash && (await sessions.graphSummary(epoch.graphHash))) || null
  }
  const recent = between(history, latest.number - SPARK_EPOCHS, latest.number)
  const values = main ? await documents.last(recent, [parseMetric(main.metric)]) : []
  return {
    spark: sparkline(
      values.map(({ value }) => value as never),
      SPARK_BARS,
    ),
    graph: await summary(0),
    firstGraph: await summary(Math.max(0, epochs - 1)),
  }
}

/** Shares of the original that are gone, and that are there but zero; kept apart, since only the first makes a model smaller. */
export function sparsity(
  graph: GraphSummary | null,
  first: GraphSummary | null,
): { readonly removed: number | null; readonly masked: number | null } {
  const parameters = graph?.parameters ?? null
  const began = first?.parameters ?? null
  return {
    removed: parameters !== null && began ? 1 - parameters / began : null,
    masked: parameters && graph?.nonzero != null ? 1 - graph.nonzero / parameters : null,
  }
}

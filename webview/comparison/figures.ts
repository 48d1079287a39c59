import type { GraphSummary, Json } from '../../server/protocol/model'

/** Whether all models have one value. */
export const alike = (values: readonly Json[]) => values.every((value) => JSON.stringify(value) === JSON.stringify(values[0]))

/** The share of a model's first graph, 0 to 1, that is gone or zero; null where the graphs do not tell. */
export function sparsity(graph: GraphSummary | null, first: GraphSummary | null): number | null {
  const left = graph?.nonzero ?? graph?.parameters ?? null
  const all = first?.parameters ?? null
  return left === null || !all ? null : Math.max(0, 1 - left / all)
}

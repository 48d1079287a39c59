import type { GraphSummary, Json, JsonNumber } from '../../server/protocol/model'

/** NaN and infinities have no form of their own in JSON: they are texts there. */
export const asJson = (value: number): JsonNumber => (Number.isFinite(value) ? value : (String(value) as JsonNumber))

/** A recorded value as a number; NaN where it is none. */
export const numberOf = (value: Json | undefined): number =>
  typeof value === 'number' ? value : value === 'Infinity' || value === '-Infinity' ? Number(value) : Number.NaN

/** Whether all models have one value. */
export const alike = (values: readonly Json[]) => values.every((value) => JSON.stringify(value) === JSON.stringify(values[0]))

/** The share of a model's first graph, 0 to 1, that is gone or zero; null where the graphs do not tell. */
export function sparsity(graph: GraphSummary | null, first: GraphSummary | null): number | null {
  const left = graph?.nonzero ?? graph?.parameters ?? null
  const all = first?.parameters ?? null
  return left === null || !all ? null : Math.max(0, 1 - left / all)
}

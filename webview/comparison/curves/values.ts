import type { ComparisonModel, Line } from '../../../server/protocol/comparison'
import { csv } from '../csv'
import type { Group } from './groups'
import type { Range } from './points'
import { pathOf, type Series } from './tree'

/** Values of one name side by side: a row for each place on the axis, a column for each model of each split. */
export interface Values {
  readonly columns: readonly { readonly metric: string; readonly split: string; readonly model: number }[]
  readonly rows: readonly { readonly x: number; readonly values: readonly (number | undefined)[] }[]
}

/** Every point that is known, as it was logged. The past that models share is told of each. */
export function valuesOf(
  group: Group,
  lines: readonly Line[],
  models: readonly ComparisonModel[],
  all: readonly Series[],
  range?: Range,
): Values {
  const columns = group.metrics.flatMap(({ metric, split, models: having }) =>
    models.flatMap((_, model) => (having.includes(model) ? [{ metric, split, model }] : [])),
  )
  const rows = new Map<number, (number | undefined)[]>()
  for (const [column, { metric, model }] of columns.entries()) {
    const path = new Set(pathOf(lines, model).map(({ id }) => id))
    for (const { metric: its, line, x, value } of all) {
      if (its !== metric || !path.has(line.id)) continue
      for (let i = 0; i < x.length; i++) {
        const at = x[i]!
        if (range && (at < range[0] || at > range[1])) continue
        let row = rows.get(at)
        if (!row) rows.set(at, (row = Array.from({ length: columns.length })))
        row[column] = value[i]
      }
    }
  }
  return { columns, rows: [...rows].sort(([a], [b]) => a - b).map(([x, values]) => ({ x, values })) }
}

/** As a spreadsheet reads it; numbers in full. */
export function csvOf({ columns, rows }: Values, axis: string, models: readonly ComparisonModel[]): string {
  const head = [axis, ...columns.map(({ metric, model }) => `${models[model]!.label} ${metric}`)]
  return csv([head, ...rows.map(({ x, values }) => [String(x), ...values.map((one) => (one === undefined ? '' : String(one)))])])
}

/** A name for a file, from what anyone may have called a metric. */
export const fileName = (name: string, extension: string) =>
  `${
    name
      .replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')
      .replaceAll(/^[-.]+|[-.]+$/g, '')
      .slice(0, 80) || 'metric'
  }.${extension}`

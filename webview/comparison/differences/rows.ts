import type { Comparison, Values } from '../../../server/protocol/comparison'
import type { GraphSummary, Json, JsonNumber } from '../../../server/protocol/model'
import { bytes, change, share, short, valueText, whole } from '../../parts/format'
import { alike, numberOf, sparsity } from '../figures'
import type { Direction } from '../judging'

export const groups = ['hyperparameters', 'pruningPlan', 'metrics', 'size', 'command', 'environment', 'data'] as const
export type Group = (typeof groups)[number]
export const sizes = ['parameters', 'nonzero', 'sparsity', 'layers', 'weights'] as const
export type Size = (typeof sizes)[number]

export interface Row {
  readonly group: Group
  /** A path, a metric, or one of the sizes. */
  readonly name: string
  /** One a model; null where it has none. Sparsity is a share, weights are bytes. */
  readonly values: readonly Json[]
  readonly differs: boolean
}

const rowOf = (group: Group, name: string, values: readonly Json[]): Row => ({ group, name, values, differs: !alike(values) })

/** All that can be set side by side. */
export function allRows(
  { settings, metrics: known }: Pick<Comparison, 'settings' | 'metrics'>,
  values: Values | undefined,
  firsts: readonly (GraphSummary | null)[],
): Row[] {
  const set = (group: keyof Comparison['settings']) => settings[group].map(({ path, values: found }) => rowOf(group, path, found))
  return [
    ...set('hyperparameters'),
    ...set('pruningPlan'),
    ...(values ? [...metricRows(known, values), ...sizeRows(values, firsts)] : []),
    ...set('command'),
    ...set('environment'),
    ...set('data'),
  ]
}

/** The metrics that matter most first, as the comparison has them. */
function metricRows(known: Comparison['metrics'], { metrics }: Values): Row[] {
  const places = new Map(known.map(({ metric }, place) => [metric, place]))
  const place = (metric: string) => places.get(metric) ?? Number.MAX_SAFE_INTEGER
  return metrics.map((one) => rowOf('metrics', one.metric, one.values)).sort((a, b) => place(a.name) - place(b.name))
}

function sizeRows({ graphs, weights }: Values, firsts: readonly (GraphSummary | null)[]): Row[] {
  const found: Readonly<Record<Size, readonly (number | null)[]>> = {
    parameters: graphs.map((graph) => graph?.parameters ?? null),
    nonzero: graphs.map((graph) => graph?.nonzero ?? null),
    sparsity: graphs.map((graph, i) => sparsity(graph, firsts[i] ?? null)),
    layers: graphs.map((graph) => graph?.nodes ?? null),
    weights,
  }
  return sizes.flatMap((name) => (found[name].some((one) => one !== null) ? [rowOf('size', name, found[name])] : []))
}

export interface Sorting {
  /** `name`, or the place of a model. */
  readonly by: 'name' | number
  readonly down: boolean
}

/** Those that differ, or all; those that hold a text; in another order, each group in itself. */
export function chosen(
  rows: readonly Row[],
  {
    all,
    text,
    sorting,
    title,
  }: { readonly all: boolean; readonly text: string; readonly sorting: Sorting | undefined; readonly title: (row: Row) => string },
): Row[] {
  const wanted = text.trim().toLocaleLowerCase()
  const holds = (found: string) => found.toLocaleLowerCase().includes(wanted)
  const kept = rows.filter(
    (row) =>
      (all || row.differs) && (wanted === '' || holds(title(row)) || row.values.some((value) => value !== null && holds(valueText(value)))),
  )
  if (!sorting) return kept
  const { by, down } = sorting
  const order = (a: Row, b: Row) =>
    by === 'name' ? (down ? -1 : 1) * compareTexts(title(a), title(b)) : compareValues(a.values[by], b.values[by], down)
  return groups.flatMap((group) => kept.filter((row) => row.group === group).sort(order))
}

const compareTexts = (a: string, b: string) => a.localeCompare(b, undefined, { numeric: true })

/** Numbers before texts; what is absent, or NaN, is last either way. */
function compareValues(a: Json | undefined, b: Json | undefined, down: boolean): number {
  const rank = (value: Json | undefined) =>
    value === null || value === undefined || value === 'NaN' ? 2 : Number.isNaN(numberOf(value)) ? 1 : 0
  const [x, y] = [rank(a), rank(b)]
  if (x !== y || x === 2) return x - y
  const order = x === 0 ? Math.sign(numberOf(a) - numberOf(b)) || 0 : compareTexts(valueText(a), valueText(b))
  return down ? -order : order
}

const isFigure = (value: Json): value is JsonNumber =>
  typeof value === 'number' || value === 'NaN' || value === 'Infinity' || value === '-Infinity'

/** A value as it is shown. */
export function cellText({ group, name }: Row, value: Json | undefined, language: string): string {
  if (value === null || value === undefined) return '–'
  if (group === 'metrics' && isFigure(value)) return short(value, language)
  if (group !== 'size' || typeof value !== 'number') return valueText(value)
  if (name === 'weights') return bytes(value, language)
  return name === 'sparsity' ? share(value, 1, language) : whole(value, language)
}

export interface Change {
  readonly by: string
  /** It is in points of a percent. */
  readonly points: boolean
  /** Of the first model's value; empty where that is 0. */
  readonly share: string
  readonly judged: 'better' | 'worse' | null
}

/** How far a figure is from that of the first model, and whether that is better; undefined where there is nothing to say. */
export function changeOf({ group, name, values }: Row, place: number, direction: Direction, language: string): Change | undefined {
  const [from, to] = [values[0] ?? null, values[place] ?? null]
  if (place === 0 || (group !== 'metrics' && group !== 'size') || !isFigure(from) || !isFigure(to)) return undefined
  const found = change(from, to, language)
  if (!found || typeof from !== 'number' || typeof to !== 'number' || from === to) return undefined
  const judged = group === 'metrics' && direction ? ((direction === 'higher') === to > from ? 'better' : 'worse') : null
  const sign = to > from ? '+' : '−'
  if (group === 'size' && name === 'weights')
    return { by: sign + bytes(Math.abs(to - from), language), points: false, share: found.share, judged }
  if (group === 'size' && name === 'sparsity')
    return {
      by: sign + (100 * Math.abs(to - from)).toLocaleString(language, { maximumFractionDigits: 1 }),
      points: true,
      share: '',
      judged,
    }
  return { ...found, points: false, judged }
}

/** Rows as a table in Markdown, for people. */
export function markdown(rows: readonly (readonly string[])[], head: readonly string[]): string {
  const cell = (text: string) =>
    text
      .replaceAll(/[\r\n]+/g, ' ')
      .replaceAll('\\', '\\\\')
      .replaceAll('|', '\\|')
      .replaceAll('<', '&lt;')
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |\n`
  return `${line(head)}|${' --- |'.repeat(head.length)}\n${rows.map(line).join('')}`
}

import type { ComparisonMetric } from '../../../server/protocol/comparison'

/** The metrics of one name: one chart. */
export interface Group {
  readonly name: string
  readonly metrics: readonly ComparisonMetric[]
}

/** One group a name, in the order in which they come: those that matter most first. */
export function groupsOf(metrics: readonly ComparisonMetric[]): Group[] {
  const groups = new Map<string, ComparisonMetric[]>()
  for (const metric of metrics) {
    const group = groups.get(metric.name)
    if (group) group.push(metric)
    else groups.set(metric.name, [metric])
  }
  return [...groups].map(([name, metrics]) => ({ name, metrics }))
}

/** Pinned ones first, in the order in which they were pinned. */
export function pinnedFirst<One extends { readonly name: string }>(groups: readonly One[], pinned: readonly string[]): One[] {
  const places = new Map(pinned.map((name, i) => [name, i]))
  const rank = ({ name }: One) => places.get(name) ?? pinned.length
  return [...groups].sort((a, b) => rank(a) - rank(b))
}

/** Whether every word of the search is in a metric's name, whatever its case. */
export function finder(search: string): (group: Group) => boolean {
  const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return () => true
  return ({ metrics }) =>
    metrics.some(({ metric }) => {
      const name = metric.toLocaleLowerCase()
      return words.every((word) => name.includes(word))
    })
}

const DASHES: readonly (readonly number[])[] = [[], [5, 3], [1.5, 2.5], [8, 3, 2, 3], [10, 4], [3, 2, 1, 2]]

/** How the lines of each split are dashed: the same in every chart, and whole where a chart has only one. */
export function dashesOf(metrics: readonly ComparisonMetric[]): (group: Group, split: string) => readonly number[] {
  const splits = [...new Set(metrics.map(({ split }) => split))]
  return (group, split) => (group.metrics.length === 1 ? [] : DASHES[splits.indexOf(split) % DASHES.length]!)
}

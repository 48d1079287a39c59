import type { GraphDifference, GraphNode, JsonObject, ModelGraph, NodeChange } from '../protocol/model'
import { differences, sameJson } from './differences'
import { nodeAt, nodeParameters, summarize } from './graph'

/** What became of `a`'s nodes in `b`, by id. Nothing is said of nodes where one of the graphs is not known. */
export function diffGraphs(a: ModelGraph | undefined, b: ModelGraph | undefined): GraphDifference {
  const summary = [a ? summarize(a) : null, b ? summarize(b) : null] as const
  const nodes: NodeChange[] = []
  let kept = 0
  if (a && b) {
    for (const id of Object.keys(a.nodes)) {
      const change = changeOf(id, nodeAt(a, id), nodeAt(b, id))
      if (change) nodes.push(change)
      else kept++
    }
    for (const id of Object.keys(b.nodes)) {
      const change = Object.hasOwn(a.nodes, id) ? undefined : changeOf(id, undefined, nodeAt(b, id))
      if (change) nodes.push(change)
    }
  }
  const count = (kind: NodeChange['change']): number => nodes.filter((node) => node.change === kind).length
  return { summary, added: count('added'), removed: count('removed'), changed: count('changed'), kept, nodes }
}

function changeOf(id: string, a: GraphNode | undefined, b: GraphNode | undefined): NodeChange | undefined {
  const before = a && content(a)
  const after = b && content(b)
  if (before && after && sameJson(before, after)) return undefined
  const name: unknown = b?.name ?? a?.name
  return {
    id,
    name: typeof name === 'string' && name ? name : id,
    change: !before ? 'added' : !after ? 'removed' : 'changed',
    differences: before && after ? differences([before, after], { nulls: true }) : [],
    parameters: [a ? nodeParameters(a) : null, b ? nodeParameters(b) : null],
  }
}

/** What the graph's hash covers, so that graphs with the same hash have no differences, and others do. */
function content(node: GraphNode): JsonObject {
  const { pruning_plan_id: _, ...rest } = node
  return rest
}

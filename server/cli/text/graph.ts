import type { GraphNode, Json, ModelGraph } from '../../protocol/model'
import { number, plural, safe, table, type Style } from './terminal'
import { isObject, isShape, shortId, valueText } from './words'

const most = 500

/** The layers in the graph's own order. */
export function renderGraph(graph: ModelGraph, style: Style): string {
  const nodes = Object.entries(graph.nodes)
  if (!nodes.length) return 'The graph has no nodes.'
  const counts = nodes.map(([, node]) => parametersOf(node))
  const known = counts.filter((count) => count !== null)
  const head = ['NODE', 'TYPE', 'SHAPE', 'PARAMETERS', 'INPUTS'].map(style.bold)
  const rows = nodes
    .slice(0, most)
    .map(([key, node], i) => [
      safe(node.name ?? node.id ?? key, 40) +
        (node.pruning_plan_id === undefined ? '' : style.dim(` plan ${shortId(node.pruning_plan_id)}`)),
      typeOf(node),
      shapeOf(node),
      number(counts[i] ?? null),
      safe(inputsOf(node).join(', '), 40),
    ])
  const total = known.length ? `, ${number(known.reduce((sum, count) => sum + count, 0))} parameters` : ''
  return [
    table([head, ...rows], { align: ['left', 'left', 'left', 'right'] }),
    ...(nodes.length > most ? [style.dim(`and ${plural(nodes.length - most, 'more node')}; --json shows all`)] : []),
    '',
    plural(nodes.length, 'node') + total,
  ].join('\n')
}

const first = (node: GraphNode, keys: readonly string[]): Json | undefined =>
  keys.map((key) => node.data?.[key]).find((value) => value !== undefined && value !== null)

const typeOf = (node: GraphNode) => valueText(first(node, ['type', 'op', 'operation', 'class', 'kind', 'layer']), 24)

/** Tensors of a node by name: `{weight: [64, 3]}` or `{weight: {shape: [64, 3]}}`. */
function tensorsOf(node: GraphNode): readonly (readonly number[])[] {
  const named = first(node, ['parameters', 'params', 'weights', 'tensors'])
  if (!isObject(named)) return []
  return Object.values(named)
    .map((value) => (isObject(value) ? value['shape'] : value))
    .filter(isShape)
}

function shapeOf(node: GraphNode) {
  const shape = first(node, ['shape', 'weight_shape', 'weightShape', 'output_shape', 'outputShape']) ?? tensorsOf(node)[0]
  if (shape !== undefined) return valueText(shape, 24)
  const sides = [first(node, ['in_features', 'in_channels', 'in']), first(node, ['out_features', 'out_channels', 'out', 'units'])]
  return sides.some((side) => side !== undefined) ? sides.map((side) => valueText(side, 11)).join(' → ') : '-'
}

function parametersOf(node: GraphNode): number | null {
  const count = first(node, ['parameters', 'params', 'parameterCount', 'num_parameters', 'numParameters'])
  if (typeof count === 'number') return count
  const tensors = tensorsOf(node)
  return tensors.length ? tensors.reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0) : null
}

/** Where each input comes from, or its own name if the connection doesn't say. */
function inputsOf(node: GraphNode): readonly string[] {
  return Object.entries(node.inputs ?? {})
    .slice(0, 8)
    .map(([name, connection]) => {
      const from = ['node', 'nodeId', 'node_id', 'from', 'source', 'id']
        .map((key) => connection?.[key])
        .find((value) => typeof value === 'string')
      return typeof from === 'string' ? from : name
    })
}

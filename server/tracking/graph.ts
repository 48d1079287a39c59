import { EpochtreeError } from '../errors'
import { canonicalJson, isObject } from '../json'
import type { GraphNode, GraphSummary, Json, ModelGraph } from '../protocol/model'

const chunk = 1 << 20

/** SHA-256 over the canonical JSON of the nodes; which plan made a node is not part of what the graph is. */
export function graphHash(graph: ModelGraph): string {
  // Loaded where something is hashed: most that read graphs hash none.
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256')
  // Written node by node: the whole text of a very large graph may be longer than a string can be.
  let written = ''
  let before = '{'
  for (const id of Object.keys(graph.nodes).sort()) {
    const { pruning_plan_id: _, ...node } = graph.nodes[id] as GraphNode
    written += `${before}${canonicalJson(id)}:${canonicalJson(node, 1)}`
    before = ','
    if (written.length > chunk) {
      hash.update(written)
      written = ''
    }
  }
  return hash.update(written || before === ',' ? `${written}}` : '{}').digest('hex')
}

/** Node ids and edges are taken as they are: cycles, and edges to nowhere, are the model's business. */
export function checkGraph(value: unknown): ModelGraph {
  if (!isObject(value)) throw new EpochtreeError('bad-graph', `The graph is ${kind(value)}. Give an object {"id": ..., "nodes": {...}}.`)
  const nodes = value['nodes']
  if (!isObject(nodes)) throw new EpochtreeError('bad-graph', `The graph's "nodes" is ${kind(nodes)}. Give an object from node id to node.`)
  for (const id of Object.keys(nodes)) {
    if (!isObject(nodes[id]))
      throw new EpochtreeError(
        'bad-graph',
        `The graph's node "${id.slice(0, 80)}" is ${kind(nodes[id])}. Give an object with id, name, data, inputs and outputs.`,
      )
  }
  return value as unknown as ModelGraph
}

/** Parameters of a node, null where it does not tell them. */
export function nodeParameters(node: GraphNode): number | null {
  return total(node, 'parameters')
}

/** Parameters of a node that are not 0, null where it does not tell them. */
export function nodeNonzero(node: GraphNode): number | null {
  return total(node, 'nonzero')
}

export function summarize(graph: ModelGraph): GraphSummary {
  let nodes = 0
  let parameters: number | null = null
  let nonzero: number | null = null
  let told = true
  for (const id of Object.keys(graph.nodes)) {
    const node = graph.nodes[id] as GraphNode
    const all = nodeParameters(node)
    const left = nodeNonzero(node)
    nodes++
    if (all !== null) parameters = (parameters ?? 0) + all
    if (left !== null) nonzero = (nonzero ?? 0) + left
    // A sum over some of the layers would pass for that of the model.
    else if (all) told = false
  }
  return { nodes, parameters, nonzero: told ? nonzero : null }
}

/** A node of a graph by its id, which is none of what every object has. */
export const nodeAt = (graph: ModelGraph | undefined, id: string): GraphNode | undefined =>
  graph && Object.hasOwn(graph.nodes, id) ? graph.nodes[id] : undefined

/** The share of a model's first graph, 0 to 1, that is gone or zero; null where the graphs do not tell. */
export function sparsity(graph: GraphSummary | null, first: GraphSummary | null): number | null {
  const left = graph?.nonzero ?? graph?.parameters ?? null
  const all = first?.parameters ?? null
  return left === null || !all ? null : Math.max(0, 1 - left / all)
}

function total(node: GraphNode, key: 'parameters' | 'nonzero'): number | null {
  const data: unknown = node.data
  const value = isObject(data) && Object.hasOwn(data, key) ? data[key] : undefined
  if (!isObject(value)) return count(value)
  let sum = 0
  for (const name of Object.keys(value)) {
    const part = value[name]
    const size = Array.isArray(part) ? product(part as readonly Json[]) : count(part)
    if (size === null) return null
    sum += size
  }
  return sum
}

function product(shape: readonly Json[]): number | null {
  let size = 1
  for (const length of shape) {
    const known = count(length)
    if (known === null) return null
    size *= known
  }
  return size
}

function count(value: Json | undefined): number | null {
  // Integers beyond 2^53 travel as strings.
  const number = typeof value === 'string' && /^\d{1,30}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 ? number : null
}

function kind(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}

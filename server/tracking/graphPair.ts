import { isObject } from '../json'
import type { GraphPair, NodeChanges, NodeDifferences } from '../protocol/comparison'
import type { Difference, GraphNode, Json, ModelGraph } from '../protocol/model'
import { nodeAt, nodeNonzero, nodeParameters } from './graph'
import { diffGraphs } from './graphDiff'
import { nameOf, shapeOf, typeOf } from './layers'
import { packFloats, packIntegers } from './packed'

const CHANGES: NodeChanges = ['kept', 'changed', 'removed', 'added']

export interface PairLimits {
  readonly nodes: number
  readonly edges: number
}
const MOST: PairLimits = { nodes: 40_000, edges: 200_000 }
/** Of a node's id and name, as they are sent. */
export const LONGEST_NAME = 500
const LONGEST_VALUE = 300
const MOST_DIFFERENCES = 50
/** Characters of all differences together. */
const MOST_TEXT = 8_000_000

type Graph = ModelGraph | undefined

/** Two graphs as one: every node of either with what became of it, and every connection with the sides that have it. */
export function pairGraphs(a: Graph, b: Graph, most = MOST): GraphPair {
  const diff = diffGraphs(a, b)
  const changes = new Map(diff.nodes.map((node) => [node.id, node]))
  const all = [...inOneOrder(a, b)]
  const sent = all.length <= most.nodes ? all : changedFirst(all, (id) => changes.has(id), most.nodes)
  const places = new Map(sent.map((id, place) => [id, place]))
  const known = a && b ? diff.kept : all.length
  const types = new Numbering<string>()
  const shapes = new Numbering<string>()
  const shapeList: (readonly number[])[] = []
  const side = (graph: Graph) => ({
    shape: packIntegers(
      sent.map((id) => {
        const node = nodeAt(graph, id)
        const shape = node && shapeOf(node)
        if (!shape) return -1
        const number = shapes.of(String(shape))
        shapeList[number] ??= shape
        return number
      }),
    ),
    parameters: packFloats(sent.map((id) => numberOf(nodeAt(graph, id), nodeParameters))),
    nonzero: packFloats(sent.map((id) => numberOf(nodeAt(graph, id), nodeNonzero))),
  })
  const [sideA, sideB] = [side(a), side(b)]
  const shown = (id: string) => nodeAt(b, id) ?? nodeAt(a, id)!
  const connections = connect(a, b, places, most.edges)
  let text = 0
  return {
    summary: diff.summary,
    counts: { kept: known, changed: diff.changed, removed: diff.removed, added: diff.added },
    nodes: {
      id: sent.map((id) => id.slice(0, LONGEST_NAME)),
      name: sent.map((id) => nameOf(shown(id), id)).map((name, place) => (name === sent[place] ? '' : name.slice(0, LONGEST_NAME))),
      type: packIntegers(
        sent.map((id) => {
          const type = typeOf(shown(id))
          return type === null ? -1 : types.of(type)
        }),
      ),
      change: packIntegers(sent.map((id) => CHANGES.indexOf(changes.get(id)?.change ?? 'kept'))),
      a: sideA,
      b: sideB,
    },
    types: types.all,
    shapes: shapeList,
    edges: packIntegers(connections.edges),
    differences: sent.flatMap((id, place): (readonly [number, string])[] => {
      const found = changes.get(id)?.differences ?? []
      if (found.length === 0 || text > MOST_TEXT) return []
      const written = JSON.stringify(bounded(found))
      text += written.length
      return [[place, written]]
    }),
    moreNodes: all.length - sent.length,
    moreEdges: connections.more,
    looseEdges: connections.loose,
  }
}

/** Each value once, with its place. */
class Numbering<Value> {
  readonly all: Value[] = []
  readonly #places = new Map<Value, number>()

  of(value: Value): number {
    let place = this.#places.get(value)
    if (place === undefined) {
      this.#places.set(value, (place = this.all.length))
      this.all.push(value)
    }
    return place
  }
}

const numberOf = (node: GraphNode | undefined, read: (node: GraphNode) => number | null) => (node ? read(node) : null)

/** In `b`'s order; what is only in `a` follows the node that it followed there. */
function* inOneOrder(a: Graph, b: Graph): Generator<string> {
  const after = new Map<string | undefined, string[]>()
  let last: string | undefined
  for (const id of a ? Object.keys(a.nodes) : []) {
    if (nodeAt(b, id)) last = id
    else if (after.has(last)) after.get(last)!.push(id)
    else after.set(last, [id])
  }
  yield* after.get(undefined) ?? []
  for (const id of b ? Object.keys(b.nodes) : []) {
    yield id
    yield* after.get(id) ?? []
  }
}

/** What differs is what is looked for; the rest as far as there is room. All in their order. */
function changedFirst(all: readonly string[], changed: (id: string) => boolean, most: number): string[] {
  let room = Math.max(0, most - all.filter(changed).length)
  return all.filter((id) => changed(id) || room-- > 0).slice(0, most)
}

/** Inputs and outputs tell of the same connections. They are taken as they are: cycles are no matter, and edges to nowhere are counted. */
function connect(a: Graph, b: Graph, places: ReadonlyMap<string, number>, most: number) {
  /** Bits by the two places as one number: 1 in `a`, 2 in `b`. */
  const found = new Map<number, number>()
  let more = 0
  let loose = 0
  const add = (from: number, to: number, bit: number) => {
    const key = from * places.size + to
    const known = found.get(key)
    if (known !== undefined) found.set(key, known | bit)
    else if (found.size < most) found.set(key, bit)
    else more++
  }
  for (const [graph, bit] of [
    [a, 1],
    [b, 2],
  ] as const) {
    for (const id of graph ? Object.keys(graph.nodes) : []) {
      const { inputs, outputs } = graph!.nodes[id]!
      const here = places.get(id)
      for (const [ends, into] of [
        [inputs, true],
        [outputs, false],
      ] as const) {
        for (const other of connected(graph!, ends, into)) {
          if (other === undefined) loose++
          const there = other === undefined ? undefined : places.get(other)
          if (here === undefined || there === undefined) continue
          if (into) add(there, here, bit)
          else add(here, there, bit)
        }
      }
    }
  }
  const edges = new Int32Array(found.size * 3)
  let i = 0
  for (const [key, bits] of found) {
    edges.set([Math.floor(key / places.size), key % places.size, bits], i)
    i += 3
  }
  return { edges, more, loose }
}

/** The nodes that connections name, by their key or inside; undefined for one that leads nowhere. */
function* connected(graph: ModelGraph, ends: unknown, into: boolean): Generator<string | undefined> {
  if (!isObject(ends) && !Array.isArray(ends)) return
  const keys = into ? ['node', 'source', 'from'] : ['node', 'target', 'to']
  for (const [key, end] of Object.entries(ends as Readonly<Record<string, Json>>)) {
    const named = isObject(end) ? keys.map((one) => (Object.hasOwn(end, one) ? end[one] : undefined)) : [end]
    yield [...named, key].find((one): one is string => typeof one === 'string' && Object.hasOwn(graph.nodes, one))
  }
}

function bounded(differences: readonly Difference[]): NodeDifferences {
  return {
    differences: differences.slice(0, MOST_DIFFERENCES).map(({ path, values }) => ({
      path: path.slice(0, LONGEST_VALUE),
      values: values.map((value) => {
        if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
        const text = typeof value === 'string' ? value : JSON.stringify(value)
        return text.length <= LONGEST_VALUE ? value : `${text.slice(0, LONGEST_VALUE)}…`
      }),
    })),
    more: Math.max(0, differences.length - MOST_DIFFERENCES),
  }
}

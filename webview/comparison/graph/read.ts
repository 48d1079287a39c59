import type { ComparedGraph, GraphSide, NodeChanges } from '../../../server/protocol/comparison'
import { floats, integers } from '../floats'

export const changes: NodeChanges = ['kept', 'changed', 'removed', 'added']
export type Change = NodeChanges[number]

export interface Side {
  readonly shape: readonly number[] | null
  readonly parameters: number | null
  readonly nonzero: number | null
}
export interface Node {
  readonly place: number
  readonly id: string
  readonly name: string
  readonly type: string | null
  readonly change: Change
  /** Null where the node is not there. */
  readonly a: Side | null
  readonly b: Side | null
}
/** Two graphs as one, as the page works with them. */
export interface Graph {
  readonly about: Pick<ComparedGraph, 'a' | 'b' | 'summary' | 'counts' | 'moreNodes' | 'moreEdges' | 'looseEdges'>
  readonly nodes: readonly Node[]
  /** Three numbers a connection: from, to, and 1, 2 or 3 where `a`, `b` or both have it. */
  readonly edges: Int32Array
  /** JSON of what differs, by node. */
  readonly differences: ReadonlyMap<number, string>
}

export const numberOr = (value: number | undefined): number | null => (value === undefined || Number.isNaN(value) ? null : value)

export function readGraph(answer: ComparedGraph): Graph {
  const { nodes, types, shapes } = answer
  const [type, change] = [integers(nodes.type), integers(nodes.change)]
  const side = (one: GraphSide, known: boolean, absent: Change) => {
    const [shape, parameters, nonzero] = [integers(one.shape), floats(one.parameters), floats(one.nonzero)]
    return (place: number, what: Change): Side | null =>
      known && what !== absent
        ? { shape: shapes[shape[place]!] ?? null, parameters: numberOr(parameters[place]), nonzero: numberOr(nonzero[place]) }
        : null
  }
  const a = side(nodes.a, answer.summary[0] !== null, 'added')
  const b = side(nodes.b, answer.summary[1] !== null, 'removed')
  return {
    about: answer,
    nodes: nodes.id.map((id, place): Node => {
      const what = changes[change[place]!]!
      return {
        place,
        id,
        name: nodes.name[place] || id,
        type: types[type[place]!] ?? null,
        change: what,
        a: a(place, what),
        b: b(place, what),
      }
    }),
    edges: integers(answer.edges),
    differences: new Map(answer.differences),
  }
}

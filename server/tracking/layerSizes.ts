import type { LayerSizes } from '../protocol/comparison'
import type { ModelGraph } from '../protocol/model'
import { evenly } from './evenly'
import { nodeNonzero, nodeParameters, summarize } from './graph'
import { LONGEST_NAME } from './graphPair'
import { nameOf, typeOf } from './layers'
import { packFloats } from './packed'

/** Of so many things seen one after another so many, evenly: the first and the last always among them. */
export class Thinned<Value> {
  readonly #most: number
  #kept: Value[] = []
  #every = 1
  #last: Value | undefined
  /** How many were seen. */
  count = 0

  constructor(most: number) {
    this.#most = most
  }

  add(value: Value) {
    if (this.count++ % this.#every === 0) {
      this.#kept.push(value)
      if (this.#kept.length >= 2 * this.#most) {
        this.#kept = this.#kept.filter((_, i) => i % 2 === 0)
        this.#every *= 2
      }
    }
    this.#last = value
  }

  get values(): readonly Value[] {
    return evenly((this.count - 1) % this.#every === 0 || this.count === 0 ? this.#kept : [...this.#kept, this.#last!], this.#most)
  }
}

interface Layer {
  readonly id: string
  name: string
  type: string | null
  readonly parameters: Float64Array
  readonly nonzero: Float64Array
  /** The most parameters that it ever had. */
  largest: number
}

/** Parameters of layers in one graph after another. Layers without any are left out. */
export class LayerColumns {
  readonly #columns: number
  readonly #layers = new Map<string, Layer>()
  readonly #parameters: Float64Array
  readonly #nonzero: Float64Array

  constructor(columns: number) {
    this.#columns = columns
    this.#parameters = new Float64Array(columns).fill(NaN)
    this.#nonzero = new Float64Array(columns).fill(NaN)
  }

  add(column: number, graph: ModelGraph) {
    const { parameters: all, nonzero: left } = summarize(graph)
    for (const id of Object.keys(graph.nodes)) {
      const node = graph.nodes[id]!
      const parameters = nodeParameters(node)
      if (!parameters && !this.#layers.has(id)) continue
      const nonzero = nodeNonzero(node)
      const layer = this.#layer(id)
      layer.name = nameOf(node, id)
      layer.type = typeOf(node)
      layer.parameters[column] = parameters ?? NaN
      layer.nonzero[column] = nonzero ?? NaN
      layer.largest = Math.max(layer.largest, parameters ?? 0)
    }
    this.#parameters[column] = all ?? NaN
    this.#nonzero[column] = left ?? NaN
  }

  #layer(id: string): Layer {
    let layer = this.#layers.get(id)
    if (!layer) {
      const none = () => new Float64Array(this.#columns).fill(NaN)
      this.#layers.set(id, (layer = { id, name: id, type: null, parameters: none(), nonzero: none(), largest: 0 }))
    }
    return layer
  }

  /** The largest layers where there are too many; in the order in which they came. */
  sizes(most: number): LayerSizes {
    const all = [...this.#layers.values()]
    const least = all.length > most ? all.map(({ largest }) => largest).sort((a, b) => b - a)[most - 1]! : 0
    const sent = all.filter(({ largest }) => largest >= least).slice(0, most)
    return {
      layers: sent.map(({ id, name, type, parameters, nonzero }) => ({
        id: id.slice(0, LONGEST_NAME),
        name: name.slice(0, LONGEST_NAME),
        type,
        parameters: packFloats(parameters),
        nonzero: packFloats(nonzero),
      })),
      parameters: packFloats(this.#parameters),
      nonzero: packFloats(this.#nonzero),
      moreLayers: all.length - sent.length,
    }
  }
}

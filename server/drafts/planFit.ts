import type { GraphNode, Json, JsonObject, ModelGraph } from '../protocol/model'
import { nearest } from '../tracking/reference'
import { isObject } from '../json'
import { sameJson } from '../tracking/differences'
import { summarize } from '../tracking/graph'
import type { Remark } from './remarks'

/** What of a graph decides whether a plan fits it. */
export interface GraphFacts {
  /** Names and ids of its nodes. */
  readonly layers: readonly string[]
  /** Names of the nodes that have parameters: those that a plan is about. */
  readonly prunable: readonly string[]
  /** The share that is gone, against the graph the model began with. */
  readonly reached: Sparsity
}
export interface Sparsity {
  /** Of the parameters, removed or masked; null where the graphs don't tell. */
  readonly parameters: number | null
  /** Of the units (channels, neurons) of the layers that became smaller; null where none did, or the graphs don't tell. */
  readonly units: number | null
}

export function graphFacts(graph: ModelGraph, first: ModelGraph): GraphFacts {
  const nodes = Object.entries<GraphNode>(graph.nodes)
  return {
    layers: [...new Set(nodes.flatMap(([id, { name }]) => (typeof name === 'string' ? [name, id] : [id])))],
    prunable: nodes.filter(([, node]) => hasParameters(node)).map(([id, { name }]) => (typeof name === 'string' ? name : id)),
    reached: reachedSparsity(graph, first),
  }
}

/** How sparse a model already is: what pruning removed, and what it masked with zeros. */
export function reachedSparsity(graph: ModelGraph, first: ModelGraph): Sparsity {
  const [now, before] = [summarize(graph), summarize(first)]
  const left = now.nonzero ?? now.parameters
  let units = 0
  let unitsBefore = 0
  for (const [id, node] of Object.entries<GraphNode>(first.nodes)) {
    const after = graph.nodes[id]
    if (!after || !hasParameters(node)) continue
    const [was, is] = [shapeOf(node), shapeOf(after)]
    // Pruning a layer changes one length of its output: that of its units.
    const at = was.findIndex((length, i) => is[i] !== length)
    if (at < 0 || is.length !== was.length || is[at]! >= was[at]!) continue
    unitsBefore += was[at]!
    units += is[at]!
  }
  return {
    parameters: left === null || !before.parameters ? null : Math.max(0, 1 - left / before.parameters),
    units: unitsBefore === 0 ? null : 1 - units / unitsBefore,
  }
}

const hasParameters = ({ data }: GraphNode) => isObject(data) && data['parameters'] !== undefined

function shapeOf({ data }: GraphNode): readonly number[] {
  const shape = isObject(data) ? data['shape'] : undefined
  return Array.isArray(shape) && shape.every((length) => typeof length === 'number') ? shape : []
}

/** Whether the plan's words name a layer: its name or id, a part of the model by its beginning (`encoder` for `encoder.0`), or a pattern with `*`. */
export function namesLayer(word: string, layers: readonly string[]): boolean {
  if (word.includes('*')) {
    const pattern = new RegExp(`^${word.split('*').map(escaped).join('.*')}$`, 's')
    return layers.some((layer) => pattern.test(layer))
  }
  return layers.some((layer) => layer === word || layer.startsWith(`${word}.`) || layer.startsWith(`${word}/`))
}

const escaped = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
const percent = (share: number) => `${(share * 100).toFixed(1).replace(/\.0$/, '')} %`

interface Trained {
  /** The epoch it starts from, and up to which it is trained; null where that is not known. */
  readonly from: number
  readonly upTo: number | null
  /** The plan until then: what is as it was may look odd, but did train. */
  readonly before: JsonObject | null
}

/** Where a plan and the epoch it would begin at don't go together. */
export function planFit(plan: JsonObject, graph: GraphFacts | null, { from, upTo, before }: Trained): Remark[] {
  const found: Remark[] = []
  const own = !sameJson(plan, before ?? undefined)
  const ignoredBefore = before?.['ignoredLayers']
  const say = (severity: Remark['severity'], key: string, message: string, more: Partial<Remark> = {}) =>
    found.push({ severity, at: ['pruningPlan', key], message, ...more })
  if (graph) {
    const ignored = plan['ignoredLayers']
    for (const [i, word] of (Array.isArray(ignored) ? (ignored as readonly Json[]) : []).entries()) {
      if (typeof word !== 'string' || namesLayer(word, graph.layers)) continue
      const near = nearest(word, graph.prunable.length ? graph.prunable : graph.layers)
      say(
        Array.isArray(ignoredBefore) && ignoredBefore.includes(word) ? 'warning' : 'error',
        'ignoredLayers',
        `The graph of epoch ${from} has no layer "${word.slice(0, 80)}".${near.length ? ` The nearest are ${near.join(', ')}.` : ''}`,
        { at: ['pruningPlan', 'ignoredLayers', i], instead: near },
      )
    }
    const target = plan['targetSparsity']
    const measures = [graph.reached.parameters, graph.reached.units].filter((one) => one !== null)
    const most = Math.max(...measures)
    if (typeof target === 'number' && measures.length && most > target + ROUNDED)
      say(
        own && Math.min(...measures) > target + ROUNDED ? 'error' : own ? 'warning' : 'information',
        'targetSparsity',
        `${reachedText(graph.reached)} gone at epoch ${from} already, so a target of ${percent(target)} is below what is reached. Nothing would be pruned: give a higher one, or fork an earlier epoch.`,
      )
  }
  const severity = own ? 'warning' : 'information'
  const [start, end] = [plan['startEpoch'], plan['endEpoch']]
  if (typeof end === 'number' && end <= from)
    say(
      severity,
      'endEpoch',
      `The plan ends at epoch ${end}, and the first epoch trained here is ${from + 1}, so it would change nothing. Give a later endEpoch.`,
    )
  else if (typeof end === 'number' && end !== before?.['endEpoch'] && upTo !== null && end > upTo)
    say('information', 'endEpoch', `Training ends at epoch ${upTo}, before the plan does at epoch ${end}.`)
  if (typeof start === 'number' && upTo !== null && start > upTo)
    say(
      severity,
      'startEpoch',
      `The plan starts at epoch ${start}, and training ends at epoch ${upTo}, so it would change nothing. Give an earlier startEpoch, or more epochs.`,
    )
  return found
}

/** Whole units are removed, so a target is hardly ever met to the last digit. */
const ROUNDED = 0.01

function reachedText({ parameters, units }: Sparsity): string {
  if (parameters === null) return `${percent(units!)} of the units of the pruned layers are`
  return `${percent(parameters)} of the parameters${units === null ? '' : ` (${percent(units)} of the pruned layers' units)`} are`
}

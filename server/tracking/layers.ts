import { isObject } from '../json'
import type { LayerRow, LayerTensor } from '../protocol/editor'
import type { GraphNode, Json, JsonObject, ModelGraph } from '../protocol/model'
import { sameJson } from './differences'
import { nodeAt, nodeNonzero, nodeParameters } from './graph'

/** The graphs that a model's layers are seen against; undefined where one is not known. */
export interface LayerGraphs {
  /** The one that the model began with: what is missing since then was removed. */
  readonly first: ModelGraph | undefined
  /** That of the epoch before. */
  readonly before: ModelGraph | undefined
  readonly now: ModelGraph
}
export interface Layers {
  /** In the order of a tree that is wholly open: each row comes before what is inside it. */
  readonly rows: readonly LayerRow[]
  /** Layers that are not among the rows. */
  readonly more: number
}

/** What a layer, or all layers inside a name, hold. */
interface Totals {
  parameters: number | null
  before: number | null
  removed: number | null
  masked: number | null
}
interface Branch {
  /** The part of the name that it adds. */
  label: string
  readonly path: string
  children: Map<string, Branch> | undefined
  /** The node that it is; undefined where it is only a name. */
  id: string | undefined
  state: LayerRow['state']
  readonly totals: Totals
  /** Layers at and below it. */
  layers: number
}

const SEPARATOR = '.'
/** Deeper than any module is nested; a name of ten thousand dots is one label from here on. */
const DEEPEST = 32
const SHOWN_TENSORS = 8

/** The layers by their names, whose dots nest, with what structural pruning removed and what is only masked kept apart. */
export function layerTree(graphs: LayerGraphs, most: number): Layers {
  const root = branch('', '')
  for (const id of idsOf(graphs)) place(root, id, graphs)
  sum(root)
  const rows: LayerRow[] = []
  const shown = nearestToTheRoot(root, most)
  for (const child of childrenOf(root)) write(child, 0, shown, graphs, rows)
  return { rows, more: root.layers - rows.reduce((all, row) => all + (row.group ? 0 : 1), 0) }
}

/** Those that are there, in their graph's order; then those that are gone. */
function* idsOf({ first, before, now }: LayerGraphs): Generator<string> {
  yield* Object.keys(now.nodes)
  for (const id of before ? Object.keys(before.nodes) : []) if (!Object.hasOwn(now.nodes, id)) yield id
  for (const id of first ? Object.keys(first.nodes) : [])
    if (!Object.hasOwn(now.nodes, id) && !(before && Object.hasOwn(before.nodes, id))) yield id
}

/** A graph says nothing of what is not known: neither is null taken for 0. */
function figuresOf(
  node: GraphNode | undefined,
  earlier: GraphNode | undefined,
  original: GraphNode | undefined,
  hasBefore: boolean,
): Totals {
  const parameters = node ? nodeParameters(node) : null
  const nonzero = node ? nodeNonzero(node) : null
  const began = original ? nodeParameters(original) : null
  return {
    parameters,
    before: earlier ? nodeParameters(earlier) : node && hasBefore ? 0 : null,
    removed: began === null || (node && parameters === null) ? null : Math.max(0, began - (parameters ?? 0)),
    masked: parameters === null || nonzero === null ? null : Math.max(0, parameters - nonzero),
  }
}

/** What is told of the node itself; its figures are those of its branch. */
function aboutNode(id: string, { first, before, now }: LayerGraphs): Pick<LayerRow, 'name' | 'type' | 'shape' | 'shapeBefore' | 'tensors'> {
  const [node, earlier] = [nodeAt(now, id), nodeAt(before, id)]
  const shown = node ?? earlier ?? nodeAt(first, id)!
  const shape = shapeOf(shown)
  const shapeBefore = node && earlier ? shapeOf(earlier) : null
  return {
    name: nameOf(shown, id),
    type: typeOf(shown),
    shape,
    shapeBefore: shapeBefore && !sameJson(shape ?? undefined, shapeBefore) ? shapeBefore : null,
    tensors: tensorsOf(shown),
  }
}

function stateOf(node: GraphNode | undefined, earlier: GraphNode | undefined, before: ModelGraph | undefined): LayerRow['state'] {
  if (!node) return earlier ? 'removed' : 'gone'
  if (!before) return 'same'
  if (!earlier) return 'added'
  return sameJson(content(node), content(earlier)) ? 'same' : 'changed'
}

/** Which plan made a layer is not part of what it is. */
function content(node: GraphNode): JsonObject {
  const { pruning_plan_id: _, ...rest } = node
  return rest
}

export function nameOf(node: GraphNode, id: string): string {
  const name: unknown = node.name
  return typeof name === 'string' && name !== '' ? name : id
}

const told = (node: GraphNode, keys: readonly string[]): Json | undefined => {
  const data: unknown = node.data
  if (!isObject(data)) return undefined
  return keys.map((key) => (Object.hasOwn(data, key) ? data[key] : undefined)).find((value) => value !== undefined && value !== null)
}

export function typeOf(node: GraphNode): string | null {
  const type = told(node, ['type', 'op', 'operation', 'class', 'kind', 'layer'])
  return typeof type === 'string' && type !== '' ? type.slice(0, 100) : null
}

const isShape = (value: Json | undefined): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.length <= 8 && (value as readonly Json[]).every((size) => Number.isInteger(size))

export function shapeOf(node: GraphNode): readonly number[] | null {
  const shape = told(node, ['shape', 'weight_shape', 'weightShape', 'output_shape', 'outputShape'])
  if (isShape(shape)) return shape
  return tensorsOf(node)[0]?.shape ?? null
}

/** `{weight: [64, 3]}` or `{weight: {shape: [64, 3]}}`. */
function tensorsOf(node: GraphNode): readonly LayerTensor[] {
  const named = told(node, ['parameters', 'params', 'weights', 'tensors'])
  if (!isObject(named)) return []
  const tensors: LayerTensor[] = []
  for (const name of Object.keys(named).slice(0, SHOWN_TENSORS)) {
    const value = named[name]
    const shape = isObject(value) ? value['shape'] : value
    if (isShape(shape)) tensors.push({ name, shape })
  }
  return tensors
}

const branch = (label: string, path: string): Branch => ({
  label,
  path,
  children: undefined,
  id: undefined,
  state: 'same',
  totals: { parameters: null, before: null, removed: null, masked: null },
  layers: 0,
})

const childrenOf = ({ children }: Branch): Iterable<Branch> => children?.values() ?? []

function place(root: Branch, id: string, { first, before, now }: LayerGraphs) {
  const [node, earlier, original] = [nodeAt(now, id), nodeAt(before, id), nodeAt(first, id)]
  const name = nameOf((node ?? earlier ?? original)!, id)
  let at = root
  let parent = root
  for (const part of pathOf(name)) {
    parent = at
    at.children ??= new Map()
    let child = at.children.get(part)
    if (!child) at.children.set(part, (child = branch(part, at === root ? part : at.path + SEPARATOR + part)))
    at = child
  }
  if (at.id !== undefined) {
    // Two nodes may have one name: the second is a layer beside the first.
    const twin = branch(`${at.label} (${id})`, `${at.path} (${id})`)
    parent.children!.set(twin.label, twin)
    at = twin
  }
  at.id = id
  at.state = stateOf(node, earlier, before)
  Object.assign(at.totals, figuresOf(node, earlier, original, before !== undefined))
}

function pathOf(name: string): readonly string[] {
  const parts = name.split(SEPARATOR)
  // A name such as `.`, `a..b` or `...` is no path: it stays one label.
  if (parts.includes('')) return [name]
  return parts.length > DEEPEST ? [...parts.slice(0, DEEPEST), parts.slice(DEEPEST).join(SEPARATOR)] : parts
}

const add = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : a + b)

/** Sums what lies inside, and joins names that lead to one place only. */
function sum(at: Branch) {
  const { totals } = at
  at.layers = at.id === undefined ? 0 : 1
  // A name is as its layers are; where they differ, it has changed. What went long before changes nothing now.
  let state = at.id === undefined ? undefined : at.state
  for (const [key, child] of at.children ?? []) {
    sum(child)
    at.layers += child.layers
    totals.parameters = add(totals.parameters, child.totals.parameters)
    totals.before = add(totals.before, child.totals.before)
    totals.removed = add(totals.removed, child.totals.removed)
    totals.masked = add(totals.masked, child.totals.masked)
    if (state === undefined || state === 'gone') state = child.state
    else if (child.state !== 'gone' && child.state !== state) state = 'changed'
    const [only] = childrenOf(child)
    if (child.id !== undefined || !only || child.children!.size > 1) continue
    only.label = child.label + SEPARATOR + only.label
    at.children!.set(key, only)
  }
  if (at.id === undefined && state !== undefined) at.state = state
}

/** Level by level, so that of a very large model the outline is there. */
function nearestToTheRoot(root: Branch, most: number): ReadonlySet<Branch> {
  const shown = new Set<Branch>()
  for (let level = [...childrenOf(root)]; level.length && shown.size < most;) {
    for (const one of level) if (shown.size < most) shown.add(one)
    level = level.flatMap((one) => (shown.has(one) ? [...childrenOf(one)] : []))
  }
  return shown
}

function write(at: Branch, depth: number, shown: ReadonlySet<Branch>, graphs: LayerGraphs, rows: LayerRow[]) {
  if (!shown.has(at)) return
  const { label, path, id, state, totals } = at
  let hidden = 0
  for (const child of childrenOf(at)) if (!shown.has(child)) hidden += child.layers
  const about = id === undefined ? { name: path, type: null, shape: null, shapeBefore: null, tensors: [] } : aboutNode(id, graphs)
  rows.push({
    id: id ?? `${path}${SEPARATOR}`,
    ...about,
    label,
    depth,
    group: id === undefined,
    inside: at.children?.size ?? 0,
    hidden,
    ...totals,
    state,
  })
  for (const child of childrenOf(at)) write(child, depth + 1, shown, graphs, rows)
}

/** What became of the parameters from one epoch to the next. */
export function pruned(
  before: ModelGraph,
  now: ModelGraph,
): { readonly layers: number; readonly removed: number; readonly masked: number } {
  let layers = 0
  let removed = 0
  let masked = 0
  for (const id of Object.keys(before.nodes)) {
    const [a, b] = [nodeAt(before, id)!, nodeAt(now, id)]
    const [from, to] = [nodeParameters(a) ?? 0, b ? (nodeParameters(b) ?? 0) : 0]
    const zeros = (node: GraphNode | undefined, all: number) => (node ? all - (nodeNonzero(node) ?? all) : 0)
    const less = Math.max(0, from - to)
    const emptied = Math.max(0, zeros(b, to) - zeros(a, from))
    if (less || emptied) layers++
    removed += less
    masked += emptied
  }
  return { layers, removed, masked }
}

import type { Change, Graph, Node } from './read'

/** A shorter stretch of unchanged nodes is shown node by node. */
const SHORTEST_STRETCH = 4
/** What one level shows at most. */
const ROOM = 60
/** As many as are seen at once without being opened. */
const AT_FIRST = 240
/** A graph this small is not outlined. */
const SMALL = 40

/** What is drawn as one: a node, or several that can be opened. */
export interface Item {
  /** Stays the same while its nodes do, also in another pair of graphs. */
  readonly key: string
  /** Null for several. */
  readonly node: Node | null
  /** In the order of the data's way through them. */
  readonly nodes: readonly Node[]
  /** Names of the first and the last, or what their names have in common. */
  readonly title: string
  readonly counts: Readonly<Record<Change, number>>
  readonly parameters: { readonly a: number | null; readonly b: number | null }
  /** Equal parts one after another: how many, and of how many nodes each; null where there are none. */
  readonly repeats: { readonly times: number; readonly nodes: number } | null
  /** Made when they are looked at. */
  readonly children: readonly Item[]
}

/**
 * A graph as few enough items, each of which opens into others: long stretches of unchanged nodes as one, and of very large graphs
 * whole modules. Nodes of an item are never before and after one outside it, so no item goes round in a circle.
 */
export function outline({ nodes, edges }: Graph): readonly Item[] {
  const order = inOrder(nodes.length, edges)
  let top = divide(stretches(nodes, edges, order))
  // Where all is one stretch there is nothing beside it.
  while (top.length === 1 && top[0]!.node === null) top = top[0]!.children
  return top
}

/** What is open at first: what holds changes, as long as there is room. */
export function openAtFirst(top: readonly Item[]): Set<string> {
  const open = new Set<string>()
  const all = top.reduce((sum, item) => sum + item.nodes.length, 0)
  let shown = top.length
  for (let level = top; level.length > 0;) {
    const next: Item[] = []
    for (const item of level) {
      if (item.node || (item.counts.kept === item.nodes.length && all > SMALL)) continue
      if (shown + item.children.length - 1 > AT_FIRST) continue
      open.add(item.key)
      shown += item.children.length - 1
      next.push(...item.children)
    }
    level = next
  }
  return open
}

/** Along the edges, and as given where these leave it open; edges that close a circle are passed over. */
export function inOrder(count: number, edges: Int32Array): Int32Array {
  const { starts, ends } = successors(count, edges)
  const next = starts.slice(0, count)
  const seen = new Uint8Array(count)
  const stack: number[] = []
  const order = new Int32Array(count)
  let at = count
  for (let first = count - 1; first >= 0; first--) {
    if (seen[first]) continue
    seen[first] = 1
    stack.push(first)
    while (stack.length) {
      const node = stack.at(-1)!
      const place = next[node]!
      if (place === starts[node + 1]) {
        order[--at] = node
        stack.pop()
        continue
      }
      next[node] = place + 1
      const to = ends[place]!
      if (seen[to]) continue
      seen[to] = 1
      stack.push(to)
    }
  }
  return order
}

/** Of each node the nodes it leads to, the last first: `ends` from `starts[node]` up to `starts[node + 1]`. */
function successors(count: number, edges: Int32Array) {
  const starts = new Int32Array(count + 1)
  for (let i = 0; i < edges.length; i += 3) starts[edges[i]! + 1]!++
  for (let node = 0; node < count; node++) starts[node + 1]! += starts[node]!
  const ends = new Int32Array(edges.length / 3)
  const free = starts.slice(0, count)
  for (let i = 0; i < edges.length; i += 3) ends[free[edges[i]!]!++] = edges[i + 1]!
  for (let node = 0; node < count; node++) ends.subarray(starts[node], starts[node + 1]).sort((a, b) => b - a)
  return { starts, ends }
}

/** Connected runs of unchanged nodes as one item each, all else as it is. */
function stretches(nodes: readonly Node[], edges: Int32Array, order: Int32Array): Item[] {
  const run = new Int32Array(nodes.length).fill(-1)
  let runs = 0
  for (const [i, place] of order.entries()) {
    if (nodes[place]!.change !== 'kept') continue
    const before = i > 0 ? run[order[i - 1]!]! : -1
    run[place] = before >= 0 ? before : runs++
  }
  const groups = new Joined(nodes.length)
  for (let i = 0; i < edges.length; i += 3) {
    const [from, to] = [edges[i]!, edges[i + 1]!]
    if (run[from]! >= 0 && run[from] === run[to]) groups.join(from, to)
  }
  const members = new Map<number, Node[]>()
  for (const place of order) {
    const group = groups.of(place)
    const known = members.get(group)
    if (known) known.push(nodes[place]!)
    else members.set(group, [nodes[place]!])
  }
  return [...members.values()].flatMap((all) =>
    all.length >= SHORTEST_STRETCH ? [several(all, () => divide(all.map(single)))] : all.map(single),
  )
}

/** Sets that are joined. */
class Joined {
  readonly #parent: Int32Array

  constructor(count: number) {
    this.#parent = Int32Array.from({ length: count }, (_, i) => i)
  }

  of(one: number): number {
    let at = one
    while (this.#parent[at] !== at) {
      this.#parent[at] = this.#parent[this.#parent[at]!]!
      at = this.#parent[at]!
    }
    return at
  }

  join(a: number, b: number) {
    this.#parent[this.of(b)] = this.of(a)
  }
}

const EMPTY: readonly Item[] = []

function single(node: Node): Item {
  return {
    key: node.id,
    node,
    nodes: [node],
    title: node.name,
    counts: { kept: 0, changed: 0, removed: 0, added: 0, [node.change]: 1 },
    parameters: { a: node.a?.parameters ?? null, b: node.b?.parameters ?? null },
    repeats: null,
    children: EMPTY,
  }
}

function several(nodes: readonly Node[], open: () => readonly Item[]): Item {
  const counts = { kept: 0, changed: 0, removed: 0, added: 0 }
  let [a, b]: [number | null, number | null] = [null, null]
  for (const node of nodes) {
    counts[node.change]++
    if (node.a?.parameters != null) a = (a ?? 0) + node.a.parameters
    if (node.b?.parameters != null) b = (b ?? 0) + node.b.parameters
  }
  let children: readonly Item[] | undefined
  let repeats: Item['repeats'] | undefined
  return {
    key: `${nodes[0]!.id}\n${nodes.at(-1)!.id}\n${nodes.length}`,
    node: null,
    nodes,
    title: titleOf(nodes),
    counts,
    parameters: { a, b },
    get repeats() {
      return (repeats ??= repetition(nodes))
    },
    get children() {
      return (children ??= open())
    },
  }
}

const SEPARATOR = /[./]/
const partsOf = ({ name }: Node) => name.split(SEPARATOR)

function titleOf(nodes: readonly Node[]): string {
  const [first, last] = [nodes[0]!, nodes.at(-1)!]
  const [a, b] = [partsOf(first), partsOf(last)]
  let same = 0
  while (same < a.length - 1 && same < b.length - 1 && a[same] === b[same]) same++
  const common = a.slice(0, same).join('.')
  if (common && nodes.every(({ name }) => name.startsWith(first.name.slice(0, common.length)))) return common
  // As far down as their modules differ.
  const short = (parts: readonly string[]) => parts.slice(0, Math.max(1, Math.min(same + 2, parts.length - 1))).join('.')
  return short(a) === short(b) ? `${first.name} – ${last.name}` : `${short(a)} – ${short(b)}`
}

/** The same types over and over, as in repeated blocks: the shortest row of them, found as the longest border of the whole. */
export function repetition(nodes: readonly Node[]): Item['repeats'] {
  const border = new Int32Array(nodes.length)
  let matched = 0
  for (let i = 1; i < nodes.length; i++) {
    while (matched > 0 && nodes[i]!.type !== nodes[matched]!.type) matched = border[matched - 1]!
    if (nodes[i]!.type === nodes[matched]!.type) matched++
    border[i] = matched
  }
  const period = nodes.length - matched
  const times = Math.floor(nodes.length / period)
  return times >= 2 && period > 1 ? { times, nodes: period } : null
}

/** Items as few enough groups: by the modules that their names tell, by what repeats, or just one after another. */
function divide(items: readonly Item[]): readonly Item[] {
  if (items.length <= ROOM) return items
  let groups = byModule(items)
  if (groups.length > items.length / 1.5) {
    const repeats = repetition(items.map((item) => item.node ?? item.nodes[0]!))
    groups = repeats && repeats.times > 2 ? inParts(items, repeats.nodes) : items.map((item) => [item])
  }
  if (groups.length > ROOM) groups = inParts(groups, Math.ceil(groups.length / ROOM)).map((some) => some.flat())
  if (groups.length === 1) groups = inParts(items, Math.ceil(items.length / ROOM))
  return groups.flatMap((group) => (group.length <= 2 ? group : [together(group)]))
}

const together = (items: readonly Item[]) =>
  several(
    items.flatMap(({ nodes }) => nodes),
    () => divide(items),
  )

function inParts<Value>(all: readonly Value[], size: number): Value[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
}

/** Those one after another whose names are alike one part further than all names are. */
function byModule(items: readonly Item[]): (readonly Item[])[] {
  const names = items.map(({ nodes }) => partsOf(nodes[0]!))
  const nested = names.filter((parts) => parts.length > 1)
  const first = nested[0] ?? []
  let depth = 0
  while (depth < first.length - 1 && nested.every((parts) => parts.length > depth + 1 && parts[depth] === first[depth])) depth++
  const groups: Item[][] = []
  let before: string | undefined
  for (const [i, item] of items.entries()) {
    // A name without modules, as calls have that are no module, belongs where it stands.
    const module = names[i]!.length > depth + 1 ? names[i]![depth] : before
    if (groups.length > 0 && module === before) groups.at(-1)!.push(item)
    else groups.push([item])
    before = module
  }
  return groups
}

/** What is seen of an outline, and what leads from one to another. */
export interface Seen {
  readonly items: readonly Item[]
  /** Open items, each before those inside it, with the range of what is seen of it. */
  readonly opened: readonly { readonly item: Item; readonly from: number; readonly to: number }[]
  /** Three numbers a connection: places in `items`, and bits of the sides. */
  readonly edges: Int32Array
}

/** How many items would be seen, counted no further than a limit. */
export function countSeen(top: readonly Item[], isOpen: (item: Item) => boolean, limit = Infinity): number {
  let count = 0
  const stack = [...top]
  while (stack.length && count <= limit) {
    const item = stack.pop()!
    if (item.node === null && isOpen(item)) for (const child of item.children) stack.push(child)
    else count++
  }
  return count
}

export function seen({ nodes, edges }: Graph, top: readonly Item[], isOpen: (item: Item) => boolean): Seen {
  const items: Item[] = []
  const opened: { item: Item; from: number; to: number }[] = []
  const place = new Int32Array(nodes.length)
  const walk = (some: readonly Item[]) => {
    for (const item of some) {
      if (item.node === null && isOpen(item)) {
        const one = { item, from: items.length, to: 0 }
        opened.push(one)
        walk(item.children)
        one.to = items.length
        continue
      }
      for (const node of item.nodes) place[node.place] = items.length
      items.push(item)
    }
  }
  walk(top)
  const found = new Map<number, number>()
  for (let i = 0; i < edges.length; i += 3) {
    const [from, to] = [place[edges[i]!]!, place[edges[i + 1]!]!]
    // Inside an item that is closed; a node that leads to itself does so visibly.
    if (from === to && items[from]!.node === null) continue
    const key = from * items.length + to
    found.set(key, (found.get(key) ?? 0) | edges[i + 2]!)
  }
  const shown = new Int32Array(found.size * 3)
  let i = 0
  for (const [key, bits] of found) {
    shown.set([Math.floor(key / items.length), key % items.length, bits], i)
    i += 3
  }
  return { items, opened, edges: shown }
}

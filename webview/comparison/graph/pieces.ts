/** A part of a graph. It shares its first box with the piece before it, and its last with the piece after it. */
export interface Piece {
  /** In the graph's order, but for the shared ones. */
  readonly boxes: readonly number[]
  readonly connections: readonly number[]
}

/**
 * Cuts a graph at the boxes that everything passes through, as a residual network has one after each block. So each block is laid
 * out by itself, and blocks that are alike only once. One piece where there is no such box, or where connections go in circles.
 *
 * @param edges from and to of each connection, one after another
 */
export function piecesOf(count: number, edges: Int32Array): readonly Piece[] {
  const levels = levelsOf(count, edges)
  if (!levels) return [whole(count, edges)]
  const cuts = cutsOf(levels, edges)
  const pieces = Array.from({ length: cuts.length + 1 }, (_, i) => ({
    boxes: i > 0 ? [cuts[i - 1]!] : [],
    connections: [] as number[],
    last: cuts[i],
  }))
  /** For each level, the piece that begins at it or before it. */
  const begun = new Int32Array(count)
  for (const box of cuts) begun[levels[box]!] = 1
  for (let level = 1; level < count; level++) begun[level]! += begun[level - 1]!
  const ends = new Set(cuts)
  for (let box = 0; box < count; box++) if (!ends.has(box)) pieces[begun[levels[box]!]!]!.boxes.push(box)
  for (let e = 0; 2 * e < edges.length; e++) {
    const [from, to] = [edges[2 * e]!, edges[2 * e + 1]!]
    // What leads back to its own box belongs to where that is the last one.
    pieces[begun[levels[from]!]! - (from === to && ends.has(from) ? 1 : 0)]!.connections.push(e)
  }
  const places = new Int32Array(count)
  for (const { boxes, connections, last } of pieces) {
    if (last !== undefined) boxes.push(last)
    for (const [place, box] of boxes.entries()) places[box] = place
    // In one order, whatever theirs was in the graph: so pieces that are alike are known to be.
    const [from, to] = [(e: number) => places[edges[2 * e]!]!, (e: number) => places[edges[2 * e + 1]!]!]
    connections.sort((a, b) => from(a) - from(b) || to(a) - to(b))
  }
  return pieces
}

/** A graph as one piece. */
export const whole = (count: number, edges: Int32Array): Piece => ({
  boxes: Array.from({ length: count }, (_, box) => box),
  connections: Array.from({ length: edges.length / 2 }, (_, e) => e),
})

/** How far each box is from the beginning: as far as it can be without what follows being further; none where it goes in circles. */
function levelsOf(count: number, edges: Int32Array): Int32Array | undefined {
  const after: number[][] = Array.from({ length: count }, () => [])
  const waiting = new Int32Array(count)
  for (let e = 0; e < edges.length; e += 2) {
    const [from, to] = [edges[e]!, edges[e + 1]!]
    if (from === to) continue
    after[from]!.push(to)
    waiting[to]!++
  }
  const levels = new Int32Array(count)
  const order: number[] = []
  for (let box = 0; box < count; box++) if (waiting[box] === 0) order.push(box)
  for (let i = 0; i < order.length; i++)
    for (const to of after[order[i]!]!) {
      levels[to] = Math.max(levels[to]!, levels[order[i]!]! + 1)
      if (--waiting[to]! === 0) order.push(to)
    }
  if (order.length < count) return undefined
  // What only one box needs, as a constant, stands just before that one, and not at the beginning.
  for (const box of order.toReversed())
    if (after[box]!.length > 0) levels[box] = after[box]!.reduce((least, to) => Math.min(least, levels[to]! - 1), Infinity)
  return levels
}

/** Boxes alone on their level, past which no connection leads. */
function cutsOf(levels: Int32Array, edges: Int32Array): number[] {
  const deepest = levels.reduce((most, level) => Math.max(most, level), 0)
  const alone = new Int32Array(deepest + 1).fill(-1)
  const many = new Uint8Array(deepest + 1)
  for (const [box, level] of levels.entries()) {
    if (alone[level] !== -1) many[level] = 1
    alone[level] = box
  }
  const passing = new Int32Array(deepest + 2)
  for (let e = 0; e < edges.length; e += 2) {
    const [from, to] = [levels[edges[e]!]!, levels[edges[e + 1]!]!]
    if (to - from < 2) continue
    passing[from + 1]!++
    passing[to]!--
  }
  const cuts: number[] = []
  for (let level = 0, past = 0; level <= deepest; level++) {
    past += passing[level]!
    if (past === 0 && !many[level] && level > 0 && level < deepest) cuts.push(alone[level]!)
  }
  return cuts
}

/** Where a value stands between the first edge and the last, 0 to 1. */
export function place(value: number, edges: readonly number[], log: boolean): number {
  // Halved, so that the distance between the largest numbers of both signs is one.
  const scaled = (one: number) => (log ? Math.log(one) : one / 2)
  const [low, high] = [scaled(edges[0]!), scaled(edges.at(-1)!)]
  return high > low ? (scaled(value) - low) / (high - low) : value === edges[0] ? 0 : 1
}

/** The outline of bins whose edges stand at `places`, as an SVG path in a square of 1 by 1; closed along the bottom to be filled. */
export function outline(places: readonly number[], heights: readonly number[], most: number, closed: boolean): string {
  // One value alone: a bar over the whole width.
  const at = places.length === 2 && places[0] === places[1] ? [0, 1] : places
  const steps = heights.map((height, i) => `V${round(1 - height / most)}H${round(at[i + 1]!)}`)
  return `M${round(at[0]!)} 1${steps.join('')}V1${closed ? 'Z' : ''}`
}

const round = (value: number) => Math.round(value * 1e5) / 1e5

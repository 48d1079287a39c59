import type { Tradeoff } from './best'

/**
 * Places of at most so many points that still show how far all of them reach: of each stretch of them the lowest and the highest
 * in both figures. All places where there are no more points than that.
 */
export function outermost(points: readonly Tradeoff[], most: number): number[] {
  if (points.length <= most) return [...points.keys()]
  const stretches = Math.max(1, Math.floor(most / 4))
  const places = new Set<number>()
  for (let i = 0; i < stretches; i++) {
    const from = Math.floor((i * points.length) / stretches)
    const to = Math.floor(((i + 1) * points.length) / stretches)
    for (const figure of ['metric', 'cost'] as const) {
      let [low, high] = [from, from]
      for (let at = from; at < to; at++) {
        if (points[at]![figure] < points[low]![figure]) low = at
        if (points[at]![figure] > points[high]![figure]) high = at
      }
      places.add(low).add(high)
    }
  }
  return [...places].sort((a, b) => a - b)
}

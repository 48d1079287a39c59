import type { EpochMetric } from '../../server/protocol/editor'
import { svg } from '../parts/element'

const WIDTH = 160
const HEIGHT = 32
const MARGIN = 3.5

/** A metric over the epochs around this one, drawn from its smallest to its largest value. */
export function curve({ curve: values }: EpochMetric, epochs: readonly number[], here: number, label: string): SVGSVGElement {
  const known = values.flatMap((value, i) => (typeof value === 'number' ? [{ i, value }] : []))
  const numbers = known.map(({ value }) => value)
  const low = numbers.reduce((a, b) => Math.min(a, b), Infinity)
  const high = numbers.reduce((a, b) => Math.max(a, b), -Infinity)
  const last = Math.max(1, epochs.length - 1)
  const x = (i: number) => round(MARGIN + (i / last) * (WIDTH - 2 * MARGIN))
  // What never changes lies in the middle.
  const y = (value: number) => round(high > low ? MARGIN + (1 - (value - low) / (high - low)) * (HEIGHT - 2 * MARGIN) : HEIGHT / 2)
  const stretches: { i: number; value: number }[][] = []
  for (const point of known) {
    const current = stretches.at(-1)
    // An epoch without a value breaks the line; a metric of every fifth epoch is still one line.
    if (current && point.i - current.at(-1)!.i <= gapOf(known)) current.push(point)
    else stretches.push([point])
  }
  const at = epochs.indexOf(here)
  const now = typeof values[at] === 'number' ? values[at] : undefined
  return svg(
    'svg',
    { class: 'curve', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: 'img', 'aria-label': label },
    at >= 0 && svg('line', { class: 'here', x1: x(at), x2: x(at), y1: 0, y2: HEIGHT }),
    ...stretches.map((points) => svg('polyline', { points: points.map(({ i, value }) => `${x(i)},${y(value)}`).join(' ') })),
    now !== undefined && svg('circle', { cx: x(at), cy: y(now), r: 3 }),
  )
}

/** The usual distance between two values, and a little more. */
function gapOf(known: readonly { readonly i: number }[]): number {
  const gaps = known.slice(1).map(({ i }, place) => i - known[place]!.i)
  return 2 * (gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? 1)
}

const round = (value: number) => Math.round(value * 10) / 10

import { svg } from '../../parts/element'
import { colourClass } from '../names'
import { limits, logTicks, ticks, tickTexts } from '../ticks'
import { placeNames, type Point, type Points } from './points'

export interface Look {
  readonly width: number
  readonly height: number
  readonly log: boolean
  readonly language: string
  /** What stands at the axes. */
  readonly valueText: string
  readonly costText: string
  /** How a cost is written at its axis; undefined as other numbers are. */
  readonly costTick: ((cost: number) => string) | undefined
}
export interface Scatter {
  readonly picture: SVGSVGElement
  /** Where a point lies, in pixels; undefined where it is not drawn. */
  place(point: Point): { readonly x: number; readonly y: number } | undefined
  nearest(x: number, y: number): Point | undefined
}

const [LEFT, RIGHT, TOP, BOTTOM] = [64, 16, 12, 44]
/** Pixels from a point within which it is meant. */
const NEAR = 24
const NAME_HEIGHT = 15
const NAME_CHARACTERS = 20

const finite = ({ value, cost }: Point) => Number.isFinite(value) && Number.isFinite(cost)

/** Every epoch a dot, cost to the right, in the colour of its model; those of the front named, and joined by what they reach. */
export function drawScatter({ all, front }: Points, look: Look): Scatter {
  const { width, height, log, language } = look
  const drawn = all.filter(finite)
  const [left, right, top, bottom] = [LEFT, width - RIGHT, TOP, height - BOTTOM]
  const [fromCost, toCost] = limits(least(drawn, 'cost'), most(drawn, 'cost'), log)
  const [fromValue, toValue] = limits(least(drawn, 'value'), most(drawn, 'value'), false)
  const along = (at: number, from: number, to: number) => (log ? Math.log(at / from) / Math.log(to / from) : (at - from) / (to - from))
  const x = (cost: number) => left + along(cost, fromCost, toCost) * (right - left)
  const y = (value: number) => bottom - ((value - fromValue) / (toValue - fromValue)) * (bottom - top)
  const place = (point: Point) => (finite(point) ? { x: x(point.cost), y: y(point.value) } : undefined)

  const costAt = (log ? logTicks : ticks)(fromCost, toCost, Math.max(2, Math.floor((right - left) / 90)))
  const costTexts = look.costTick ? costAt.map(look.costTick) : tickTexts(costAt, language)
  const valueAt = ticks(fromValue, toValue, Math.max(2, Math.floor((bottom - top) / 44)))
  const valueTexts = tickTexts(valueAt, language)
  const grid = [
    ...costAt.flatMap((at, i) => [
      svg('line', { class: 'grid', x1: x(at), x2: x(at), y1: top, y2: bottom }),
      svg('text', { class: 'tick', x: x(at), y: bottom + 17, 'text-anchor': 'middle' }, costTexts[i]),
    ]),
    ...valueAt.flatMap((at, i) => [
      svg('line', { class: 'grid', x1: left, x2: right, y1: y(at), y2: y(at) }),
      svg('text', { class: 'tick', x: left - 8, y: y(at) + 4, 'text-anchor': 'end' }, valueTexts[i]),
    ]),
    svg('text', { class: 'axis', x: (left + right) / 2, y: height - 8, 'text-anchor': 'middle' }, shortened(look.costText)),
    svg(
      'text',
      { class: 'axis', x: 14, y: (top + bottom) / 2, 'text-anchor': 'middle', transform: `rotate(-90 14 ${(top + bottom) / 2})` },
      shortened(look.valueText),
    ),
  ]
  const picture = svg(
    'svg',
    { width, height, 'aria-hidden': 'true' },
    ...grid,
    ...dots(drawn, x, y),
    ...frontOf(front.filter(finite), x, y, look),
  )
  const named = new Set(front)
  const placed = drawn.map((point) => ({ point, at: { x: x(point.cost), y: y(point.value) }, best: named.has(point) }))
  return {
    picture,
    place,
    nearest(px, py) {
      let found: Point | undefined
      let distance = NEAR
      // What is on the front is meant before what lies under it.
      for (const { point, at, best } of placed) {
        const away = Math.hypot(at.x - px, at.y - py) - (best ? 4 : 0)
        if (away < distance) [found, distance] = [point, away]
      }
      return found
    },
  }
}

const least = (points: readonly Point[], figure: 'value' | 'cost') => points.reduce((low, point) => Math.min(low, point[figure]), Infinity)
const most = (points: readonly Point[], figure: 'value' | 'cost') =>
  points.reduce((high, point) => Math.max(high, point[figure]), -Infinity)
const shortened = (text: string) => (text.length > 60 ? `${text.slice(0, 59)}…` : text)
const pixel = (at: number) => at.toFixed(1)

/** One path for all dots of a colour: each is a line of no length with round ends. */
function dots(points: readonly Point[], x: (cost: number) => number, y: (value: number) => number): SVGElement[] {
  const paths = new Map<string, string[]>()
  // The past that they share lies under their own.
  for (const { models, cost, value } of [...points].sort((a, b) => b.models.length - a.models.length)) {
    const name = colourClass(models)
    const path = paths.get(name)
    const dot = `M${pixel(x(cost))} ${pixel(y(value))}h0`
    if (path) path.push(dot)
    else paths.set(name, [dot])
  }
  return [...paths].map(([name, path]) => svg('path', { class: `dots ${name}`, d: path.join('') }))
}

function frontOf(
  front: readonly Point[],
  x: (cost: number) => number,
  y: (value: number) => number,
  { width, height }: Look,
): SVGElement[] {
  if (!front.length) return []
  const steps = front.map(({ cost, value }, i) => `${i ? `H${pixel(x(cost))}V` : `M${pixel(x(cost))} `}${pixel(y(value))}`)
  const short = (name: string) => (name.length > NAME_CHARACTERS ? `${name.slice(0, 10)}…${name.slice(-8)}` : name)
  // Isolated: a name that runs from right to left leaves its epoch where it is.
  const named = front.map(({ session, epoch }) => `\u2068${short(session)}\u2069@${epoch}`)
  const anchors = front.map(({ cost, value }, i) => ({ x: x(cost), y: y(value), width: (named[i]!.length - 2) * 6.8 }))
  const frame = { x: LEFT, y: 0, width: width - LEFT, height: height - BOTTOM }
  return [
    svg('path', { class: 'front-line', d: steps.join('') }),
    ...front.map(({ cost, value, models }) => svg('circle', { class: `best ${colourClass(models)}`, cx: x(cost), cy: y(value), r: 5 })),
    ...placeNames(anchors, NAME_HEIGHT, frame).flatMap((box, i) =>
      box ? [svg('text', { class: 'named', x: box.x, y: box.y + NAME_HEIGHT - 4 }, named[i])] : [],
    ),
  ]
}

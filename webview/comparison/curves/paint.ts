import { placeFrom } from './points'
import { labelRows, type PlacedMark, type Series } from './tree'

/** What a line is drawn with: a canvas has it, and so has the text of an SVG. */
export interface Pen {
  moveTo(x: number, y: number): void
  lineTo(x: number, y: number): void
}
export interface Stroke {
  readonly colour: string
  readonly width: number
  readonly dash?: readonly number[]
  readonly opacity?: number
}
export interface TextStyle {
  readonly colour: string
  readonly align: 'left' | 'center' | 'right'
  readonly size?: number
  readonly bold?: boolean
}
/** Where a chart is drawn on: the page's canvas, a picture's, or an SVG. Lengths in its own units. */
export interface Painter {
  stroke(style: Stroke, draw: (pen: Pen) => void): void
  fill(colour: string, opacity: number, draw: (pen: Pen) => void): void
  dot(x: number, y: number, radius: number, fill: string, stroke?: Stroke): void
  /** On its middle line; what does not fit into `width` is cut, and told whole where one points at it. */
  text(x: number, y: number, text: string, style: TextStyle, width?: number): void
  widthOf(text: string): number
  inside(frame: Frame, draw: () => void): void
}

/** The plotting area, and what it shows. */
export interface Frame {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly xMin: number
  readonly xMax: number
  readonly yMin: number
  readonly yMax: number
  readonly log: boolean
  /** Length of a CSS pixel. */
  readonly pixel: number
}

export interface Look {
  readonly foreground: string
  readonly quiet: string
  readonly grid: string
  readonly background: string
  readonly font: string
  colour(models: readonly number[]): string
}

export interface Drawing {
  readonly series: readonly Series[]
  readonly marks: readonly PlacedMark[]
  readonly dash: (metric: string) => readonly number[]
}

export const placeX = ({ left, width, xMin, xMax }: Frame, x: number) => left + ((x - xMin) / (xMax - xMin)) * width

/** NaN for what a logarithmic axis has no place for. */
export function placeY({ top, height, yMin, yMax, log }: Frame, y: number): number {
  const share = log ? (Math.log(y) - Math.log(yMin)) / (Math.log(yMax) - Math.log(yMin)) : (y - yMin) / (yMax - yMin)
  return Number.isFinite(share) ? top + (1 - share) * height : NaN
}

/** Height of a row of labels above the plotting area, and how many rows there may be. */
export const LABEL_ROW = 15
export const MOST_ROWS = 3
const LABEL_WIDTH = 150
const LINE_WIDTH = 1.6
/** Lines of more points in a chart are a pixel wide: without a graphics card those are drawn twenty times as fast. */
const MANY_POINTS = 1500

/** The curves of a chart, with the marks of forks and ends. */
export function paint(painter: Painter, frame: Frame, drawing: Drawing, look: Look): void {
  const { series, dash, marks } = drawing
  const { pixel, top, height } = frame
  painter.inside(frame, () => {
    for (const { at } of marks) {
      const x = placeX(frame, at)
      painter.stroke({ colour: look.quiet, width: pixel, dash: [2 * pixel, 3 * pixel], opacity: 0.7 }, (pen) => {
        pen.moveTo(x, top)
        pen.lineTo(x, top + height)
      })
    }
    for (const one of series) if (one.low && one.high) band(painter, frame, one, look.colour(one.line.models))
    const width = (pointsIn(frame, series) > MANY_POINTS ? 1 : LINE_WIDTH) * pixel
    for (const one of series) {
      const colour = look.colour(one.line.models)
      const style = { colour, width, dash: dash(one.metric).map((length) => length * pixel) }
      if (one.smoothed) {
        painter.stroke({ ...style, width: pixel, dash: [], opacity: 0.3 }, (pen) => trace(pen, frame, one, one.value, one.join?.value))
        painter.stroke(style, (pen) => trace(pen, frame, one, one.smoothed!, one.join?.smoothed))
      } else painter.stroke(style, (pen) => trace(pen, frame, one, one.value, one.join?.value))
      lonely(painter, frame, one, colour)
      crosses(painter, frame, one, colour)
    }
    for (const mark of marks) {
      for (const one of series) {
        if (one.line.id !== mark.line.id) continue
        const last = one.x.length - 1
        const y = placeY(frame, (one.smoothed ?? one.value)[last]!)
        if (Number.isNaN(y)) continue
        const stroke = { colour: look.colour(one.line.models), width: LINE_WIDTH * pixel }
        painter.dot(placeX(frame, one.x[last]!), y, (mark.kind === 'fork' ? 3.5 : 4.5) * pixel, look.background, stroke)
        if (mark.kind === 'end') painter.dot(placeX(frame, one.x[last]!), y, 2 * pixel, stroke.colour)
      }
    }
  })
  labels(painter, frame, drawing, look)
}

function pointsIn({ xMin, xMax }: Frame, series: readonly Series[]): number {
  let points = 0
  for (const { x } of series) points += placeFrom(x, xMax) - placeFrom(x, xMin)
  return points
}

/** The names of forks and ends, above their places. */
function labels(painter: Painter, frame: Frame, { marks }: Drawing, look: Look) {
  const { pixel, left, width, top } = frame
  const shown = marks.flatMap((mark) => {
    const x = placeX(frame, mark.at)
    if (x < left - 1 || x > left + width + 1) return []
    const text = mark.labels.join(', ')
    const size = Math.min(painter.widthOf(text), LABEL_WIDTH * pixel)
    return [{ x, text, width: size, left: Math.max(left, Math.min(x - size / 2, left + width - size)) }]
  })
  const rows = labelRows(shown, MOST_ROWS, 8 * pixel)
  for (const [i, label] of shown.entries()) {
    const row = rows[i]!
    if (row < 0) continue
    const y = top - (row * LABEL_ROW + 9) * pixel
    painter.text(label.left, y, label.text, { colour: look.foreground, align: 'left' }, label.width)
    if (row > 0)
      painter.stroke({ colour: look.quiet, width: pixel, dash: [2 * pixel, 3 * pixel], opacity: 0.7 }, (pen) => {
        pen.moveTo(label.x, y + 8 * pixel)
        pen.lineTo(label.x, top)
      })
  }
}

/** How many rows of labels the whole picture needs, so that they don't come and go as one zooms. */
export function rowsOf(painter: Painter, frame: Frame, { marks }: Drawing): number {
  const places = marks.map(({ at, labels: names }) => {
    const width = Math.min(painter.widthOf(names.join(', ')), LABEL_WIDTH * frame.pixel)
    return { width, left: Math.max(frame.left, Math.min(placeX(frame, at) - width / 2, frame.left + frame.width - width)) }
  })
  return Math.max(0, ...labelRows(places, MOST_ROWS, 8 * frame.pixel).map((row) => row + 1))
}

/** A line from the past that it goes on from, broken where there is no value. */
export function trace(pen: Pen, frame: Frame, { x, join }: Series, values: Float64Array, joined: number | undefined): void {
  const from = Math.max(0, placeFrom(x, frame.xMin) - 1)
  const to = Math.min(x.length - 1, placeFrom(x, frame.xMax))
  let drawing = false
  if (from === 0 && join && joined !== undefined) {
    const y = placeY(frame, joined)
    if (!Number.isNaN(y)) {
      pen.moveTo(placeX(frame, join.x), y)
      drawing = true
    }
  }
  for (let i = from; i <= to; i++) {
    const y = placeY(frame, values[i]!)
    if (Number.isNaN(y)) drawing = false
    else if (drawing) pen.lineTo(placeX(frame, x[i]!), y)
    else {
      pen.moveTo(placeX(frame, x[i]!), y)
      drawing = true
    }
  }
}

/** A band is drawn in columns of so many CSS pixels, and some columns at a time: one polygon of many corners takes far longer. */
const COLUMN = 2
const TOGETHER = 48
const columns = { x: new Float64Array(TOGETHER), low: new Float64Array(TOGETHER), high: new Float64Array(TOGETHER) }

/** From the smallest to the largest value of what each point stands for. */
function band(painter: Painter, frame: Frame, { x, low, high }: Series, colour: string) {
  const from = Math.max(0, placeFrom(x, frame.xMin) - 1)
  const to = Math.min(x.length - 1, placeFrom(x, frame.xMax))
  const floor = frame.top + frame.height
  const place = (value: number) => {
    const y = placeY(frame, value)
    return Number.isNaN(y) ? floor : y
  }
  let count = 0
  function fill() {
    if (count > 1)
      painter.fill(colour, 0.18, (pen) => {
        pen.moveTo(columns.x[0]!, columns.high[0]!)
        for (let i = 1; i < count; i++) pen.lineTo(columns.x[i]!, columns.high[i]!)
        for (let i = count - 1; i >= 0; i--) pen.lineTo(columns.x[i]!, columns.low[i]!)
      })
    count = 0
  }
  for (let i = from; i <= to; i++) {
    if (!Number.isFinite(high![i])) {
      fill()
      continue
    }
    // On whole columns, so that two polygons beside each other leave no seam.
    const at = Math.round(placeX(frame, x[i]!) / (COLUMN * frame.pixel)) * COLUMN * frame.pixel
    const top = place(high![i]!)
    const bottom = place(low![i]!)
    const last = count - 1
    if (count > 0 && columns.x[last] === at) {
      columns.high[last] = Math.min(columns.high[last]!, top)
      columns.low[last] = Math.max(columns.low[last]!, bottom)
      continue
    }
    if (count === TOGETHER) {
      const [x, high, low] = [columns.x[last]!, columns.high[last]!, columns.low[last]!]
      fill()
      columns.x[0] = x
      columns.high[0] = high
      columns.low[0] = low
      count = 1
    }
    columns.x[count] = at
    columns.high[count] = top
    columns.low[count] = bottom
    count++
  }
  fill()
}

/** A point that has none beside it makes no line. */
function lonely(painter: Painter, frame: Frame, { x, value, join }: Series, colour: string) {
  const to = Math.min(x.length - 1, placeFrom(x, frame.xMax))
  for (let i = Math.max(0, placeFrom(x, frame.xMin) - 1); i <= to; i++) {
    if (!Number.isFinite(value[i])) continue
    const before = i > 0 ? value[i - 1]! : (join?.value ?? NaN)
    if (Number.isFinite(before) || Number.isFinite(value[i + 1])) continue
    const y = placeY(frame, value[i]!)
    if (!Number.isNaN(y)) painter.dot(placeX(frame, x[i]!), y, 2.5 * frame.pixel, colour)
  }
}

/** Where a value is NaN or infinite; of many close to each other, some. */
function crosses(painter: Painter, frame: Frame, { gaps }: Series, colour: string) {
  const size = 3 * frame.pixel
  const y = frame.top + frame.height - 7 * frame.pixel
  let before = -Infinity
  for (let i = placeFrom(gaps, frame.xMin); i < gaps.length && gaps[i]! <= frame.xMax; i++) {
    const x = placeX(frame, gaps[i]!)
    if (x - before < 3 * size) continue
    before = x
    painter.stroke({ colour, width: LINE_WIDTH * frame.pixel }, (pen) => {
      pen.moveTo(x - size, y - size)
      pen.lineTo(x + size, y + size)
      pen.moveTo(x - size, y + size)
      pen.lineTo(x + size, y - size)
    })
  }
}

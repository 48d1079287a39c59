import { type Drawing, type Frame, LABEL_ROW, type Look, paint, type Painter, placeX, placeY, rowsOf } from './paint'

/** A chart as a file shows it: with its title, its axes and who is who. */
export interface Picture {
  readonly title: string
  readonly axis: string
  readonly x: { readonly at: readonly number[]; readonly texts: readonly string[] }
  readonly y: { readonly at: readonly number[]; readonly texts: readonly string[] }
  readonly view: Pick<Frame, 'xMin' | 'xMax' | 'yMin' | 'yMax' | 'log'>
  readonly drawing: Drawing
  /** Whose colour is whose, and what the dashes mean. */
  readonly legend: readonly { readonly text: string; readonly colour: string; readonly dash: readonly number[] }[]
  readonly remarks: readonly string[]
}

export const PICTURE_WIDTH = 960
const PLOT_HEIGHT = 400
const LEFT = 72
const RIGHT = 24
const TOP = 52
const ROW = 20

export const pictureHeight = ({ legend, remarks }: Picture) =>
  TOP + 3 * LABEL_ROW + PLOT_HEIGHT + 56 + Math.ceil(legend.length / 2) * ROW + remarks.length * ROW + 12

/** Draws it in CSS pixels. */
export function paintPicture(painter: Painter, picture: Picture, look: Look): void {
  const { title, axis, x, y, view, drawing, legend, remarks } = picture
  const wide = { left: LEFT, top: TOP, width: PICTURE_WIDTH - LEFT - RIGHT, height: PLOT_HEIGHT, pixel: 1, ...view }
  const top = TOP + rowsOf(painter, wide, drawing) * LABEL_ROW
  const frame: Frame = { ...wide, top, height: TOP + 3 * LABEL_ROW + PLOT_HEIGHT - top }
  const bottom = frame.top + frame.height
  painter.text(LEFT, 26, title, { colour: look.foreground, align: 'left', size: 16, bold: true }, frame.width)
  for (const [i, at] of x.at.entries()) {
    const place = placeX(frame, at)
    painter.stroke({ colour: look.grid, width: 1 }, (pen) => {
      pen.moveTo(place, frame.top)
      pen.lineTo(place, bottom)
    })
    painter.text(place, bottom + 16, x.texts[i]!, { colour: look.quiet, align: 'center' })
  }
  for (const [i, at] of y.at.entries()) {
    const place = placeY(frame, at)
    painter.stroke({ colour: look.grid, width: 1 }, (pen) => {
      pen.moveTo(frame.left, place)
      pen.lineTo(frame.left + frame.width, place)
    })
    painter.text(frame.left - 8, place, y.texts[i]!, { colour: look.quiet, align: 'right' })
  }
  painter.text(frame.left + frame.width / 2, bottom + 36, axis, { colour: look.quiet, align: 'center' })
  paint(painter, frame, drawing, look)
  const column = frame.width / 2
  for (const [i, { text, colour, dash }] of legend.entries()) {
    const left = LEFT + (i % 2) * column
    const row = bottom + 62 + Math.floor(i / 2) * ROW
    painter.stroke({ colour, width: 2, dash }, (pen) => {
      pen.moveTo(left, row)
      pen.lineTo(left + 22, row)
    })
    painter.text(left + 30, row, text, { colour: look.foreground, align: 'left' }, column - 44)
  }
  const below = bottom + 62 + Math.ceil(legend.length / 2) * ROW
  for (const [i, remark] of remarks.entries())
    painter.text(LEFT, below + i * ROW, remark, { colour: look.quiet, align: 'left' }, frame.width)
}

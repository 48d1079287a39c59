import type { Frame, Painter, Pen, Stroke, TextStyle } from './paint'

const SIZE = 11

/** Draws on a canvas, and leaves its settings as they were. */
export class CanvasPainter implements Painter {
  readonly #context: CanvasRenderingContext2D
  readonly #font: string
  readonly #pixel: number

  constructor(context: CanvasRenderingContext2D, font: string, pixel: number) {
    this.#context = context
    this.#font = font
    this.#pixel = pixel
  }

  stroke({ colour, width, dash = [], opacity = 1 }: Stroke, draw: (pen: Pen) => void) {
    const context = this.#context
    context.strokeStyle = colour
    context.lineWidth = width
    context.lineJoin = 'round'
    context.globalAlpha = opacity
    context.setLineDash(dash as number[])
    context.beginPath()
    draw(context)
    context.stroke()
    context.globalAlpha = 1
  }

  fill(colour: string, opacity: number, draw: (pen: Pen) => void) {
    const context = this.#context
    context.fillStyle = colour
    context.globalAlpha = opacity
    context.beginPath()
    draw(context)
    context.fill()
    context.globalAlpha = 1
  }

  dot(x: number, y: number, radius: number, fill: string, stroke?: Stroke) {
    const context = this.#context
    context.beginPath()
    context.arc(x, y, radius, 0, 2 * Math.PI)
    context.fillStyle = fill
    context.fill()
    if (!stroke) return
    context.strokeStyle = stroke.colour
    context.lineWidth = stroke.width
    context.setLineDash([])
    context.stroke()
  }

  text(x: number, y: number, text: string, { colour, align, size = SIZE, bold }: TextStyle, width = Infinity) {
    const context = this.#context
    this.#write(size, bold)
    context.fillStyle = colour
    context.textAlign = align
    context.textBaseline = 'middle'
    context.fillText(this.#cut(text, width), x, y)
  }

  widthOf(text: string) {
    this.#write(SIZE)
    return this.#context.measureText(text).width + this.#pixel
  }

  inside({ left, top, width, height, pixel }: Frame, draw: () => void) {
    const context = this.#context
    context.save()
    context.beginPath()
    // Points at the border are seen whole.
    context.rect(left - 5 * pixel, top - pixel, width + 10 * pixel, height + 2 * pixel)
    context.clip()
    draw()
    context.restore()
  }

  #write(size: number, bold = false) {
    this.#context.font = `${bold ? '600 ' : ''}${size * this.#pixel}px ${this.#font}`
  }

  #cut(text: string, width: number): string {
    if (this.#context.measureText(text).width <= width) return text
    const points = Array.from(text)
    let low = 0
    let high = points.length
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#context.measureText(`${points.slice(0, middle).join('')}…`).width <= width) low = middle
      else high = middle - 1
    }
    return `${points.slice(0, low).join('')}…`
  }
}

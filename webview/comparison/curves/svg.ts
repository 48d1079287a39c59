import type { Frame, Painter, Pen, Stroke } from './paint'

const SIZE = 11

/** Draws into the text of an SVG. Widths of words are guessed: nothing measures them here. */
export class SvgPainter implements Painter {
  readonly #parts: string[] = []
  readonly #font: string
  #clips = 0

  constructor(font: string) {
    this.#font = font
  }

  stroke({ colour, width, dash, opacity }: Stroke, draw: (pen: Pen) => void) {
    const d = pathOf(draw)
    if (!d) return
    const dashes = dash?.length ? ` stroke-dasharray="${dash.map(round).join(' ')}"` : ''
    this.#parts.push(
      `<path d="${d}" fill="none" stroke="${escaped(colour)}" stroke-width="${round(width)}" stroke-linejoin="round"${dashes}${seeThrough('stroke', opacity)}/>`,
    )
  }

  fill(colour: string, opacity: number, draw: (pen: Pen) => void) {
    const d = pathOf(draw)
    if (d) this.#parts.push(`<path d="${d}" fill="${escaped(colour)}"${seeThrough('fill', opacity)}/>`)
  }

  dot(x: number, y: number, radius: number, fill: string, stroke?: Stroke) {
    const border = stroke ? ` stroke="${escaped(stroke.colour)}" stroke-width="${round(stroke.width)}"` : ''
    this.#parts.push(`<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}" fill="${escaped(fill)}"${border}/>`)
  }

  text(x: number, y: number, text: string, { colour, align, size = SIZE, bold }: Parameters<Painter['text']>[3], width = Infinity) {
    const most = Math.max(2, Math.floor(width / this.widthOf('n', size)))
    const points = Array.from(text)
    const shown = points.length > most ? `${points.slice(0, most - 1).join('')}…` : text
    const anchor = { left: 'start', center: 'middle', right: 'end' }[align]
    const whole = shown === text ? '' : `<title>${escaped(text)}</title>`
    this.#parts.push(
      `<text x="${round(x)}" y="${round(y)}" dy="0.35em" font-size="${size}"${bold ? ' font-weight="600"' : ''} fill="${escaped(colour)}" text-anchor="${anchor}">${whole}${escaped(shown)}</text>`,
    )
  }

  widthOf(text: string, size = SIZE) {
    return Array.from(text).length * size * 0.56
  }

  inside({ left, top, width, height }: Frame, draw: () => void) {
    const id = `clip${++this.#clips}`
    this.#parts.push(
      `<clipPath id="${id}"><rect x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${round(height)}"/></clipPath><g clip-path="url(#${id})">`,
    )
    draw()
    this.#parts.push('</g>')
  }

  /** The whole file. */
  done(width: number, height: number, background: string, title: string): string {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escaped(this.#font)}"><title>${escaped(title)}</title><rect width="${width}" height="${height}" fill="${escaped(background)}"/>${this.#parts.join('')}</svg>\n`
  }
}

function pathOf(draw: (pen: Pen) => void): string {
  const steps: string[] = []
  draw({
    moveTo: (x, y) => void steps.push(`M${round(x)} ${round(y)}`),
    lineTo: (x, y) => void steps.push(`L${round(x)} ${round(y)}`),
  })
  return steps.join('')
}

const round = (value: number) => String(Math.round(value * 100) / 100)
const seeThrough = (what: string, opacity: number | undefined) => (opacity === undefined ? '' : ` ${what}-opacity="${opacity}"`)

/** As text in XML, which knows no control characters. */
const escaped = (text: string) =>
  text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '�')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

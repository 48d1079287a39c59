import { element, heading, svg } from '../../parts/element'
import { change, fill, short } from '../../parts/format'
import { asJson } from '../figures'
import { swatch } from '../names'
import type { Group } from './groups'
import type { Reading } from './reading'
import type { Shared } from './shared'

/** The values of all models at one place: one a metric of the group, of each model. */
export type Readings = readonly (readonly (Reading | undefined)[])[]

export interface Readout {
  readonly element: HTMLElement
  /** `title` says of what place, `asking` that a value is on its way. */
  show(title: string, readings: Readings): void
  /** The same in a sentence. */
  text(title: string, readings: Readings): string
}

/** Digits of a difference. */
const DIGITS = 3
/** Of more splits than these, each has rows of its own: side by side they are wider than a chart. */
const SIDE_BY_SIDE = 2

/** How many rows it has, before it is made. */
export const readoutRows = ({ metrics }: Group, { page }: Shared) =>
  (metrics.length <= SIDE_BY_SIDE ? 1 : metrics.length) * (page.comparison.models.length + 1)

/** The legend of a chart: who is who, and the values at the cursor, with the difference to the first model. */
export function readout(group: Group, shared: Shared): Readout {
  const { page } = shared
  const { texts, language } = page
  const { models } = page.comparison
  const places = [...group.metrics.keys()]
  const blocks = places.length <= SIDE_BY_SIDE ? [places] : places.map((place) => [place])
  const tables = blocks.map((metrics) => block(group, metrics, shared))
  return {
    element: element('div', { class: 'readout' }, ...tables.map(({ table }) => table)),
    show(place, readings) {
      for (const { title, rows, metrics } of tables) {
        set(title, place)
        for (const [model, { epoch, cells }] of rows.entries()) {
          const found = metrics.map((metric) => readings[metric]![model])
          const at = found.find((one) => one !== undefined)
          set(epoch, at ? (at.epoch?.toLocaleString(language) ?? '') : '–')
          for (const [i, { value, by }] of cells.entries()) {
            const reading = found[i]
            if (!reading) set(value, '–')
            else if (reading.leftOut) set(value, '?', texts.notInFile)
            else if (reading.value === undefined) set(value, '…')
            else set(value, short(asJson(reading.value), language), String(reading.value))
            const difference = model === 0 ? undefined : differenceOf(readings[metrics[i]!]![0], reading, language)
            set(by, difference?.by ?? '', difference ? `${difference.exact} ${difference.share}`.trim() : '')
          }
        }
      }
    },
    text: (place, readings) =>
      [
        place,
        ...models.map(({ label }, model) => {
          const values = group.metrics.map(({ split }, i) => {
            const reading = readings[i]![model]
            if (reading?.leftOut) return `${split} ${texts.curvesNotInFile}`
            return `${split} ${reading?.value === undefined ? '–' : short(asJson(reading.value), language)}`
          })
          return `${label}: ${values.join(', ')}`
        }),
      ].join('. '),
  }

  /** Some metrics side by side. */
  function block({ name, metrics: all }: Group, metrics: readonly number[], { dash }: Shared) {
    const title = element('th', { scope: 'col' })
    const rows = models.map(({ label }, model) => {
      const epoch = element('td', { class: 'figure quiet' })
      const cells = metrics.map(() => ({ value: element('td', { class: 'figure' }), by: element('td', { class: 'figure quiet' }) }))
      const who = element('th', { scope: 'row', title: label }, swatch(`var(--model-${model})`), element('bdi', {}, label))
      return { epoch, cells, row: element('tr', { 'data-model': model }, who, epoch, ...cells.flatMap(({ value, by }) => [value, by])) }
    })
    const heads = metrics.flatMap((metric) => {
      const { split } = all[metric]!
      return [
        heading(element('span', { title: split }, dashSample(dash(group, split)), element('bdi', {}, split)), { class: 'figure' }),
        heading('Δ', { class: 'figure', title: fill(texts.curvesDifference, models[0]!.label), 'aria-label': texts.curvesDifferenceShort }),
      ]
    })
    const table = element(
      'table',
      {},
      element('caption', { class: 'unseen' }, fill(texts.curvesValuesOf, metrics.length === all.length ? name : all[metrics[0]!]!.metric)),
      element('thead', {}, element('tr', {}, title, heading(texts.curvesEpoch, { class: 'figure' }), ...heads)),
      element('tbody', {}, ...rows.map(({ row }) => row)),
    )
    return { table, title, rows, metrics }
  }
}

function differenceOf(first: Reading | undefined, other: Reading | undefined, language: string) {
  if (first?.value === undefined || other?.value === undefined) return undefined
  const whole = change(asJson(first.value), asJson(other.value), language)
  // A few digits tell how far it is; the rest where one points at it.
  const rounded = change(0, Number((other.value - first.value).toPrecision(DIGITS)), language)
  return whole && rounded && { by: rounded.by, exact: whole.by, share: whole.share }
}

export function dashSample(dash: readonly number[]): SVGSVGElement {
  return svg(
    'svg',
    { class: 'dash', width: 18, height: 8, viewBox: '0 0 18 8', 'aria-hidden': 'true' },
    svg('line', { x1: 0, x2: 18, y1: 4, y2: 4, 'stroke-dasharray': dash.length ? dash.join(' ') : null }),
  )
}

/** Only what changed is written: the table of every chart follows the cursor. */
function set(cell: HTMLElement, text: string, title = '') {
  if (cell.textContent !== text) cell.textContent = text
  if (cell.title !== title) cell.title = title
}

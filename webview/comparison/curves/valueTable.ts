import { element, heading, table } from '../../parts/element'
import { fill } from '../../parts/format'
import { redrawWhen } from '../../parts/redraw'
import type { Shared } from './shared'
import type { Values } from './values'

const PAGE = 100

/** The values of a chart, as they were logged, some rows at a time. */
export interface ValueTable {
  readonly element: HTMLElement
  /** Who reads a page of them stays there while values come, and begins anew where they begin elsewhere. */
  show(values: Values): void
}

export function valueTable(name: string, shared: Shared): ValueTable {
  const { texts, language } = shared.page
  const region = table(fill(texts.curvesValuesOf, name), [], [])
  const head = region.querySelector('tr')!
  const body = region.querySelector('tbody')!
  const told = element('span')
  const earlier = element('button', { type: 'button' }, texts.curvesEarlier)
  const later = element('button', { type: 'button' }, texts.curvesLater)
  const pages = element('p', { class: 'pages' }, earlier, told, later)
  let known: Values = { columns: [], rows: [] }
  let at = 0
  const tell = () => {
    const { columns, rows } = known
    const models = columns.map(({ split, model }) => [shared.page.comparison.models[model]!.label, split] as const)
    redrawWhen(head, [shared.axisText(), ...models], () => [
      heading(shared.axisText()),
      ...models.map(([label, split]) =>
        heading(element('span', {}, element('bdi', {}, label), ' ', element('bdi', {}, split)), { class: 'figure' }),
      ),
    ])
    const shown = rows.slice(at, at + PAGE)
    while (body.rows.length > shown.length) body.deleteRow(-1)
    for (const [place, { x, values }] of shown.entries())
      refill(body.rows[place] ?? body.insertRow(), [
        shared.placeNumber(x).toLocaleString(language, { maximumFractionDigits: 3 }),
        ...values.map((value) => (value === undefined ? '' : String(value))),
      ])
    pages.hidden = rows.length <= PAGE
    told.textContent = fill(texts.curvesRows, at + 1, at + shown.length, rows.length)
    const focused = document.activeElement
    earlier.disabled = at === 0
    later.disabled = at + PAGE >= rows.length
    // A button that does no more lets go of the focus.
    if (focused === earlier && earlier.disabled) later.focus()
    if (focused === later && later.disabled) earlier.focus()
  }
  const turn = (by: number) => {
    at += by
    region.scrollTop = 0
    tell()
  }
  earlier.addEventListener('click', () => turn(-PAGE))
  later.addEventListener('click', () => turn(PAGE))
  return {
    element: element('div', { class: 'values' }, region, pages),
    show(values) {
      if (values.rows[0]?.x !== known.rows[0]?.x || at >= values.rows.length) at = 0
      known = values
      tell()
    },
  }
}

/** Only what changed is written: a screen reader keeps its place. */
function refill(row: HTMLTableRowElement, texts: readonly string[]) {
  if (row.cells.length !== texts.length)
    row.replaceChildren(...texts.map((_, place) => (place === 0 ? element('th', { scope: 'row' }) : element('td', { class: 'figure' }))))
  for (const [place, text] of texts.entries()) if (row.cells[place]!.textContent !== text) row.cells[place]!.textContent = text
}

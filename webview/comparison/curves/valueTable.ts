import { element, heading, table } from '../../parts/element'
import { fill } from '../../parts/format'
import type { Shared } from './shared'
import type { Values } from './values'

const PAGE = 100

/** The values of a chart, as they were logged, some rows at a time. */
export function valueTable(name: string, { columns, rows }: Values, shared: Shared, at = 0): HTMLElement {
  const { texts, comparison, language } = shared.page
  const label = fill(texts.curvesValuesOf, name)
  const head = [
    heading(shared.axisText()),
    ...columns.map(({ split, model }) =>
      heading(element('span', {}, element('bdi', {}, comparison.models[model]!.label), ' ', element('bdi', {}, split)), {
        class: 'figure',
      }),
    ),
  ]
  const shown = rows
    .slice(at, at + PAGE)
    .map(({ x, values }) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, shared.placeNumber(x).toLocaleString(language, { maximumFractionDigits: 3 })),
        ...values.map((value) => element('td', { class: 'figure' }, value === undefined ? '' : String(value))),
      ),
    )
  const box = element('div', { class: 'values' }, table(label, head, shown))
  if (rows.length > PAGE) {
    const page = (to: number, text: string) => {
      const button = element('button', { type: 'button', disabled: to < 0 || to >= rows.length }, text)
      button.addEventListener('click', () => box.replaceWith(valueTable(name, { columns, rows }, shared, to)))
      return button
    }
    box.append(
      element(
        'p',
        { class: 'pages' },
        page(at - PAGE, texts.curvesEarlier),
        element('span', {}, fill(texts.curvesRows, at + 1, Math.min(rows.length, at + PAGE), rows.length)),
        page(at + PAGE, texts.curvesLater),
      ),
    )
  }
  return box
}

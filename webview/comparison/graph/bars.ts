import type { LayersOverEpochs } from '../../../server/protocol/comparison'
import { breakable, element, heading, svg, table, unseen } from '../../parts/element'
import { fill, share, whole } from '../../parts/format'
import { floats } from '../floats'
import type { Page } from '../page'
import { numberOr } from './read'

/** How a layer stands at one epoch: what is left, what is only masked, what was removed since the first epoch. */
export interface Parts {
  readonly left: number
  readonly masked: number
  readonly removed: number
  /** All it had at first. */
  readonly original: number
}
export interface Row {
  readonly name: string
  readonly type: string | null
  /** One a column; null where the layer is not told of. */
  readonly columns: readonly (Parts | null)[]
  readonly changed: boolean
}

/** Layers as rows, with all of them together first. */
export function rowsOf(
  { layers, parameters, nonzero }: LayersOverEpochs,
  all: string,
): { readonly total: Row; readonly rows: readonly Row[] } {
  return {
    total: rowOf(all, null, floats(parameters), floats(nonzero)),
    rows: layers.map((layer) => rowOf(layer.name, layer.type, floats(layer.parameters), floats(layer.nonzero))),
  }
}

function rowOf(name: string, type: string | null, parameters: Float64Array, nonzero: Float64Array): Row {
  const original = parameters.find((value) => !Number.isNaN(value)) ?? 0
  let was = false
  const columns = Array.from(parameters, (_, i): Parts | null => {
    const count = numberOr(parameters[i])
    // Once there and now not: all of it was removed.
    if (count === null) return was ? { left: 0, masked: 0, removed: original, original } : null
    was = true
    const masked = Math.max(0, count - (numberOr(nonzero[i]) ?? count))
    return { left: count - masked, masked, removed: Math.max(0, original - count), original }
  })
  const first = JSON.stringify(columns[0])
  return { name, type, columns, changed: columns.some((one) => JSON.stringify(one) !== first) }
}

/** The column that holds at an epoch: the last one that is not after it. */
export const columnAt = (epochs: readonly { readonly number: number }[], epoch: number) =>
  Math.max(
    0,
    epochs.findLastIndex(({ number }) => number <= epoch),
  )

const WIDTH = 1000
const HEIGHT = 30
const FEW = 10
const MORE = 40
const KINDS = ['left', 'masked', 'removed'] as const

export interface Bars {
  readonly element: HTMLElement
  /** Marks an epoch, and tells the figures there. */
  mark(epoch: number): void
}

/** How large each layer is over the epochs of a model: what was removed and what is only masked stay apart. */
export function bars(
  page: Page,
  answer: LayersOverEpochs,
  label: string,
  model: number,
  epoch: number,
  choose: (epoch: number) => void,
): Bars {
  const { texts, language } = page
  const { epochs, until } = answer
  const { total, rows } = rowsOf(answer, texts.graphAllLayers)
  const first = epochs[0]?.number ?? 1
  const all = until - first + 1
  const x = (number: number) => ((number - first) / all) * WIDTH
  const changed = rows.filter((row) => row.changed)
  const some = (changed.length > 0 ? changed : rows).slice(0, FEW)
  const pattern = `masked-${model}`
  let shown: readonly Row[] = some
  let at = epoch
  const marks: { readonly row: Row; readonly line: SVGLineElement; readonly told: HTMLElement }[] = []
  const slider = element('input', {
    type: 'range',
    min: first,
    max: until,
    step: 1,
    value: at,
    'aria-label': `${label}: ${texts.graphEpoch}`,
    disabled: first === until,
  })
  slider.addEventListener('input', () => choose(Number(slider.value)))
  const list = element('div', { class: 'bar-rows' })
  const every = element('button', { type: 'button', class: 'plain' })
  // Some at a time: there may be thousands.
  every.addEventListener('click', () => {
    shown = shown.length === rows.length ? some : rows.slice(0, shown === some ? MORE : shown.length + MORE)
    draw()
  })
  const figures = (parts: Parts | null) =>
    parts === null
      ? '–'
      : [
          `${whole(parts.left + parts.masked, language)}${parts.removed > 0 ? ` ${fill(texts.graphOf, whole(parts.original, language))}` : ''}`,
          parts.masked > 0 && fill(texts.graphMasked, whole(parts.masked, language)),
        ]
          .filter(Boolean)
          .join(', ')
  function draw() {
    marks.length = 0
    list.replaceChildren(...[total, ...shown].map(drawRow))
    every.hidden = rows.length <= some.length
    every.textContent =
      shown.length === rows.length ? texts.graphFewer : fill(texts.graphMoreOf, whole(shown.length, language), whole(rows.length, language))
    mark(at)
  }
  function drawRow(row: Row): HTMLElement {
    const highest = Math.max(1, ...row.columns.map((parts) => (parts ? parts.left + parts.masked + parts.removed : 0)))
    const paths = { left: '', masked: '', removed: '' }
    for (const [i, parts] of row.columns.entries()) {
      if (!parts) continue
      const [from, to] = [x(epochs[i]!.number), x(epochs[i + 1]?.number ?? until + 1)]
      const width = Math.max((to - from) * 0.5, to - from - 3)
      let top = HEIGHT
      for (const kind of KINDS) {
        const height = (parts[kind] / highest) * HEIGHT
        top -= height
        if (height > 0) paths[kind] += `M${from} ${top}h${width}v${height}h${-width}z`
      }
    }
    const line = svg('line', { class: 'cursor', y1: 0, y2: HEIGHT })
    const strip = svg(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', 'data-strip': row.name },
      ...KINDS.map((kind) => svg('path', { class: kind, d: paths[kind], fill: kind === 'masked' ? `url(#${pattern})` : null })),
      line,
    )
    const point = ({ clientX, buttons, type }: PointerEvent) => {
      if (type === 'pointermove' && !(buttons & 1)) return
      const { left, width } = strip.getBoundingClientRect()
      choose(Math.min(until, Math.max(first, Math.floor(first + ((clientX - left) / width) * all))))
    }
    strip.addEventListener('pointerdown', (event) => {
      strip.setPointerCapture(event.pointerId)
      point(event)
    })
    strip.addEventListener('pointermove', point)
    const told = element('span', { class: 'figure' })
    marks.push({ row, line, told })
    return element(
      'div',
      { class: row === total ? 'bar-row total' : 'bar-row' },
      element(
        'span',
        { class: 'bar-name', title: row.name },
        element('span', {}, ...breakable(row.name)),
        row.type && element('span', { class: 'quiet' }, row.type),
      ),
      strip,
      told,
    )
  }
  function mark(to: number) {
    at = to
    const column = columnAt(epochs, to)
    slider.value = String(to)
    slider.setAttribute('aria-valuetext', `${fill(texts.graphEpochOf, to, until)}: ${figures(total.columns[column] ?? null)}`)
    head.textContent = fill(texts.graphAtEpoch, to)
    for (const { row, line, told } of marks) {
      const middle = x(to) + WIDTH / all / 2
      line.setAttribute('x1', String(middle))
      line.setAttribute('x2', String(middle))
      const parts = row.columns[column] ?? null
      told.replaceChildren(figures(parts))
      if (parts && parts.removed > 0)
        told.append(element('span', { class: 'quiet' }, ` −${share(parts.removed, parts.original, language)}`))
    }
  }
  const asTable = element('details', {}, element('summary', {}, texts.graphAsTable))
  asTable.addEventListener('toggle', () => {
    if (asTable.open && asTable.childElementCount === 1) asTable.append(tableOf())
  })
  function tableOf(): HTMLElement {
    const told = [total, ...some]
    return table(
      `${label}: ${texts.graphBars}`,
      [texts.graphEpochName, ...told.map(({ name }) => heading(name, { class: 'figure' }))],
      epochs.map(({ number }, i) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, String(number)),
          ...told.map(({ columns }) => element('td', { class: 'figure' }, figures(columns[i] ?? null))),
        ),
      ),
    )
  }
  const head = element('span', { class: 'figure quiet' })
  // Lines across stay as they are however wide the bars are.
  const masked = svg(
    'svg',
    { class: 'unseen', 'aria-hidden': 'true' },
    svg(
      'pattern',
      { id: pattern, width: 5, height: 5, patternUnits: 'userSpaceOnUse' },
      svg('rect', { class: 'ground', width: 5, height: 5 }),
      svg('rect', { class: 'stripe', width: 5, height: 2 }),
    ),
  )
  const made = element(
    'div',
    { class: 'bars', role: 'group', 'aria-label': label },
    masked,
    masked,
    element('h3', {}, element('span', { class: `swatch model-${model}`, 'aria-hidden': 'true' }), label),
    element('div', { class: 'bar-row heads' }, element('span', {}, unseen(texts.graphLayer)), slider, head),
    list,
    element(
      'p',
      { class: 'axis quiet' },
      element('span', {}, fill(texts.graphEpochNumber, first)),
      element('span', {}, fill(texts.graphEpochNumber, until)),
    ),
    every,
    changed.length === 0 && element('p', { class: 'quiet' }, texts.graphNothingPruned),
    answer.moreEpochs > 0 &&
      element('p', { class: 'quiet' }, fill(texts.graphMoreEpochs, whole(epochs.length, language), whole(answer.moreEpochs, language))),
    answer.moreLayers > 0 && element('p', { class: 'quiet' }, fill(texts.graphMoreLayers, whole(answer.moreLayers, language))),
    asTable,
  )
  made.style.setProperty('--bar', `var(--model-${model})`)
  draw()
  return { element: made, mark }
}

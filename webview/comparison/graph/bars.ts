import type { LayersOverEpochs } from '../../../server/protocol/comparison'
import { breakable, element, heading, svg, table, unseen } from '../../parts/element'
import { fill, share, whole } from '../../parts/format'
import { arrange } from '../../parts/redraw'
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
  /** Null for all layers together. */
  readonly id: string | null
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
    total: rowOf(null, all, null, floats(parameters), floats(nonzero)),
    rows: layers.map((layer) => rowOf(layer.id, layer.name, layer.type, floats(layer.parameters), floats(layer.nonzero))),
  }
}

function rowOf(id: string | null, name: string, type: string | null, parameters: Float64Array, nonzero: Float64Array): Row {
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
  return { id, name, type, columns, changed: columns.some((one) => JSON.stringify(one) !== first) }
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
  /** Takes what is known now. What was opened, and what is in hand, stays. */
  update(answer: LayersOverEpochs): void
  /** Marks an epoch, and tells the figures there. */
  mark(epoch: number): void
}

/** A row as it is drawn: it stays while a training goes on, so that a drag along it does too. */
interface DrawnRow {
  readonly element: HTMLElement
  update(row: Row): void
  mark(): void
}

/** What a row is about, whatever its figures are. */
const keyOf = ({ id, name, type }: Row) => JSON.stringify([id, name, type])

/** How large each layer is over the epochs of a model: what was removed and what is only masked stay apart. */
export function bars(page: Page, first: LayersOverEpochs, model: number, epoch: number, choose: (epoch: number) => void): Bars {
  const { texts, language } = page
  let answer = first
  let { total, rows } = rowsOf(answer, texts.graphAllLayers)
  let at = epoch
  /** How many rows were asked for; null for the few that changed. */
  let wanted: number | null = null
  const drawn = new Map<string, DrawnRow>()
  const from = () => answer.epochs[0]?.number ?? 1
  const all = () => answer.until - from() + 1
  const x = (number: number) => ((number - from()) / all()) * WIDTH
  const changed = () => rows.filter((row) => row.changed)
  const few = () => (changed().length > 0 ? changed() : rows).slice(0, FEW)
  const shown = () => (wanted === null ? few() : rows.slice(0, wanted))
  const pattern = `masked-${model}`
  const slider = element('input', { type: 'range', step: 1 })
  slider.addEventListener('input', () => choose(Number(slider.value)))
  const list = element('div', { class: 'bar-rows' })
  const every = element('button', { type: 'button', class: 'plain' })
  // Some at a time: there may be thousands.
  every.addEventListener('click', () => {
    wanted = shown().length === rows.length ? null : (wanted ?? 0) + MORE
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
    const told = [total, ...shown()]
    const kept = new Set(told.map(keyOf))
    for (const key of drawn.keys()) if (!kept.has(key)) drawn.delete(key)
    for (const row of told) {
      const one = drawn.get(keyOf(row)) ?? drawRow(row)
      drawn.set(keyOf(row), one)
      one.update(row)
    }
    arrange(list, ...told.map((row) => drawn.get(keyOf(row))!.element))
    every.hidden = rows.length <= few().length
    every.textContent =
      shown().length === rows.length
        ? texts.graphFewer
        : fill(texts.graphMoreOf, whole(shown().length, language), whole(rows.length, language))
    mark(at)
  }
  function drawRow({ id, name, type }: Row): DrawnRow {
    let row: Row
    const line = svg('line', { class: 'cursor', y1: 0, y2: HEIGHT })
    const paths = KINDS.map((kind) => svg('path', { class: kind, fill: kind === 'masked' ? `url(#${pattern})` : null }))
    const strip = svg(
      'svg',
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', 'data-strip': name },
      ...paths,
      line,
    )
    const point = ({ clientX, buttons, type: moved }: PointerEvent) => {
      if (moved === 'pointermove' && !(buttons & 1)) return
      const { left, width } = strip.getBoundingClientRect()
      choose(Math.min(answer.until, Math.max(from(), Math.floor(from() + ((clientX - left) / width) * all()))))
    }
    strip.addEventListener('pointerdown', (event) => {
      strip.setPointerCapture(event.pointerId)
      point(event)
    })
    strip.addEventListener('pointermove', point)
    const told = element('span', { class: 'figure' })
    return {
      element: element(
        'div',
        { class: id === null ? 'bar-row total' : 'bar-row' },
        element(
          'span',
          { class: 'bar-name', title: name },
          element('span', {}, ...breakable(name)),
          type && element('span', { class: 'quiet' }, type),
        ),
        strip,
        told,
      ),
      update: (now) => {
        row = now
        for (const [i, d] of linesOf(row).entries()) paths[i]!.setAttribute('d', d)
      },
      mark: () => {
        const middle = x(at) + WIDTH / all() / 2
        line.setAttribute('x1', String(middle))
        line.setAttribute('x2', String(middle))
        const parts = row.columns[columnAt(answer.epochs, at)] ?? null
        told.replaceChildren(figures(parts))
        if (parts && parts.removed > 0)
          told.append(element('span', { class: 'quiet' }, ` −${share(parts.removed, parts.original, language)}`))
      },
    }
  }
  /** One for each of `KINDS`. */
  function linesOf({ columns }: Row): readonly string[] {
    const highest = Math.max(1, ...columns.map((parts) => (parts ? parts.left + parts.masked + parts.removed : 0)))
    const lines = { left: '', masked: '', removed: '' }
    for (const [i, parts] of columns.entries()) {
      if (!parts) continue
      const [begin, end] = [x(answer.epochs[i]!.number), x(answer.epochs[i + 1]?.number ?? answer.until + 1)]
      const width = Math.max((end - begin) * 0.5, end - begin - 3)
      let top = HEIGHT
      for (const kind of KINDS) {
        const height = (parts[kind] / highest) * HEIGHT
        top -= height
        if (height > 0) lines[kind] += `M${begin} ${top}h${width}v${height}h${-width}z`
      }
    }
    return KINDS.map((kind) => lines[kind])
  }
  function mark(to: number) {
    at = to
    slider.value = String(to)
    const parts = total.columns[columnAt(answer.epochs, to)] ?? null
    slider.setAttribute('aria-valuetext', `${fill(texts.graphEpochOf, to, answer.until)}: ${figures(parts)}`)
    head.textContent = fill(texts.graphAtEpoch, to)
    for (const row of drawn.values()) row.mark()
  }
  const asTable = element('details', {}, element('summary', {}, texts.graphAsTable))
  const scroll = table('', [], [])
  asTable.addEventListener('toggle', () => {
    if (!asTable.open) return
    asTable.append(scroll)
    fillTable()
  })
  function fillTable() {
    const told = [total, ...few()]
    const made = table(
      '',
      [texts.graphEpochName, ...told.map(({ name }) => heading(name, { class: 'figure' }))],
      answer.epochs.map(({ number }, i) =>
        element(
          'tr',
          {},
          element('th', { scope: 'row' }, String(number)),
          ...told.map(({ columns }) => element('td', { class: 'figure' }, figures(columns[i] ?? null))),
        ),
      ),
    )
    scroll.replaceChildren(...made.children)
  }
  const head = element('span', { class: 'figure quiet' })
  const name = element('span', {})
  const [begin, end] = [element('span', {}), element('span', {})]
  const nothing = element('p', { class: 'quiet' }, texts.graphNothingPruned)
  const [more, moreLayers] = [element('p', { class: 'quiet' }), element('p', { class: 'quiet' })]
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
    { class: 'bars', role: 'group' },
    masked,
    element('h3', {}, element('span', { class: `swatch model-${model}`, 'aria-hidden': 'true' }), name),
    element('div', { class: 'bar-row heads' }, element('span', {}, unseen(texts.graphLayer)), slider, head),
    list,
    element('p', { class: 'axis quiet' }, begin, end),
    every,
    nothing,
    more,
    moreLayers,
    asTable,
  )
  made.style.setProperty('--bar', `var(--model-${model})`)
  /** All but the rows. */
  function tell() {
    const { label } = page.comparison.models[model]!
    const { epochs, until, moreEpochs } = answer
    made.setAttribute('aria-label', label)
    name.textContent = label
    slider.setAttribute('aria-label', `${label}: ${texts.graphEpoch}`)
    scroll.setAttribute('aria-label', `${label}: ${texts.graphBars}`)
    slider.min = String(from())
    slider.max = String(until)
    slider.disabled = from() === until
    begin.textContent = fill(texts.graphEpochNumber, from())
    end.textContent = fill(texts.graphEpochNumber, until)
    nothing.hidden = changed().length > 0
    more.hidden = moreEpochs === 0
    more.textContent = fill(texts.graphMoreEpochs, whole(epochs.length, language), whole(moreEpochs, language))
    moreLayers.hidden = answer.moreLayers === 0
    moreLayers.textContent = fill(texts.graphMoreLayers, whole(answer.moreLayers, language))
  }
  tell()
  draw()
  return {
    element: made,
    update: (now) => {
      answer = now
      ;({ total, rows } = rowsOf(answer, texts.graphAllLayers))
      tell()
      draw()
      if (asTable.open) fillTable()
    },
    mark,
  }
}

import type { EpochGraph, LayerRow } from '../../server/protocol/editor'
import { element, heading, table, unseen } from '../parts/element'
import { fill, shapeText, whole } from '../parts/format'
import { sized } from './graph'
import type { Page } from './page'

/** With so few rows all of the tree is open at first. */
const FEW = 80
const INDENT = 16

/** The tree of layers, with what structural pruning removed and what is only masked kept apart. */
export function layers(page: Page, { layers: rows, moreLayers }: EpochGraph): HTMLElement {
  const { texts, view, language, state, arrange } = page
  const opened = isOpen(rows.length, state.toggled)
  const parents = rows.filter(({ inside }) => inside > 0)
  const shown = state.onlyChanged ? changedOnes(rows) : visible(rows, opened)
  const most = rows.reduce((largest, row) => Math.max(largest, row.depth === 0 ? original(row) : 0), 1)
  const head = [
    texts.layer,
    heading(texts.shape, { class: 'figure' }),
    heading(texts.parameters, { class: 'figure' }),
    heading(texts.removed, { class: 'figure' }),
    heading(texts.masked, { class: 'figure' }),
    heading(unseen(texts.shares), { class: 'wide' }),
  ]
  const button = (key: string, text: string, pressed: boolean | null, act: () => void) => {
    const made = element(
      'button',
      { type: 'button', class: 'plain', 'data-key': key, 'aria-pressed': pressed === null ? null : String(pressed) },
      text,
    )
    made.addEventListener('click', act)
    return made
  }
  const all = (open: boolean) => arrange({ toggled: parents.filter(({ id }) => isOpen(rows.length, [])(id) !== open).map(({ id }) => id) })
  return element(
    'div',
    { class: 'tree' },
    element(
      'div',
      { class: 'tools' },
      element('h3', {}, texts.layers),
      view.graph?.pruned != null &&
        button('onlyChanged', texts.onlyChanged, state.onlyChanged, () => arrange({ onlyChanged: !state.onlyChanged })),
      parents.length > 1 && !state.onlyChanged && button('openAll', texts.openAll, null, () => all(true)),
      parents.length > 1 && !state.onlyChanged && button('closeAll', texts.closeAll, null, () => all(false)),
    ),
    shown.length === 0
      ? element('p', { class: 'quiet' }, texts.nothingChanged)
      : table(
          texts.layers,
          head,
          shown.map((row) => layerRow(page, row, row.inside > 0 && !state.onlyChanged ? opened(row.id) : null, most)),
          { class: 'layers' },
        ),
    moreLayers > 0 && element('p', { class: 'quiet' }, fill(texts.moreLayers, whole(moreLayers, language), view.reference)),
  )
}

/** Small trees are open at first, large ones closed; what the user toggled is the other way. */
const isOpen = (count: number, toggled: readonly string[]) => {
  const others = new Set(toggled)
  return (id: string) => count <= FEW !== others.has(id)
}

function visible(rows: readonly LayerRow[], opened: (id: string) => boolean): LayerRow[] {
  const shown: LayerRow[] = []
  let closedAt = Infinity
  for (const row of rows) {
    if (row.depth > closedAt) continue
    closedAt = row.inside > 0 && !opened(row.id) ? row.depth : Infinity
    shown.push(row)
  }
  return shown
}

/** By their whole names, each for itself. */
const changedOnes = (rows: readonly LayerRow[]) =>
  rows.filter(({ group, state }) => !group && state !== 'same' && state !== 'gone').map((row) => ({ ...row, depth: 0, label: row.name }))

const original = ({ parameters, removed }: LayerRow) => (parameters ?? 0) + (removed ?? 0)

function layerRow({ texts, language, state, arrange }: Page, row: LayerRow, open: boolean | null, most: number): HTMLTableRowElement {
  const away = row.state === 'removed' || row.state === 'gone'
  const name = element('th', { scope: 'row' })
  name.style.paddingInlineStart = `${row.depth * INDENT + (open === null ? INDENT : 0)}px`
  if (open !== null) {
    const toggle = element('button', {
      type: 'button',
      class: 'twisty',
      'aria-expanded': String(open),
      'aria-label': fill(texts.open, row.name),
      'data-key': `layer ${row.id}`,
    })
    toggle.addEventListener('click', () =>
      arrange({ toggled: state.toggled.includes(row.id) ? state.toggled.filter((id) => id !== row.id) : [...state.toggled, row.id] }),
    )
    name.append(toggle)
  }
  // A screen reader comes to the row without those above it.
  if (row.depth > 0) name.append(unseen(row.name.slice(0, row.name.length - row.label.length)))
  name.append(element('span', { class: away ? 'away' : row.group ? 'quiet' : null, title: row.name }, row.label))
  if (row.type !== null) name.append(element('span', { class: 'quiet beside' }, row.type))
  // Where the page is too narrow for a column of its own.
  if (row.shape && !away) name.append(element('span', { class: 'quiet beside narrow' }, shapeText(row.shape)))
  if (row.state !== 'same' && !row.group) name.append(element('span', { class: `tag ${row.state}` }, stateText(row, texts)))
  if (row.hidden > 0 && open !== false)
    name.append(element('span', { class: 'quiet beside' }, fill(texts.hiddenInside, whole(row.hidden, language))))
  const tensors = row.tensors.map((tensor) => `${tensor.name} ${shapeText(tensor.shape)}`).join('\n')
  return element(
    'tr',
    { 'data-layer': row.name, class: away ? 'gone' : null },
    name,
    element(
      'td',
      { class: 'figure', title: tensors || null },
      row.shapeBefore && element('span', { class: 'quiet' }, `${shapeText(row.shapeBefore)} → `),
      row.shape && !away ? shapeText(row.shape) : row.group ? '' : '–',
    ),
    element('td', { class: 'figure' }, away ? '–' : parametersText(row, language)),
    element('td', { class: 'figure' }, whole(row.removed, language)),
    element('td', { class: 'figure' }, whole(row.masked, language)),
    element('td', { class: 'wide' }, shares(row, most)),
  )
}

const stateText = ({ state }: LayerRow, texts: Page['texts']) =>
  ({ same: '', changed: texts.changed, added: texts.added, removed: texts.removedLayer, gone: texts.gone })[state]

function parametersText({ parameters, before }: LayerRow, language: string): DocumentFragment | string {
  if (parameters === null || before === null || before === parameters) return whole(parameters, language)
  const both = document.createDocumentFragment()
  both.append(element('span', { class: 'quiet' }, `${whole(before, language)} → `), whole(parameters, language))
  return both
}

/** As long as the layer was at first beside the largest one; the figures beside it say the same. */
function shares(row: LayerRow, most: number): HTMLElement | null {
  const all = original(row)
  if (all === 0) return null
  const masked = row.masked ?? 0
  const bar = element(
    'div',
    { class: 'bar small', 'aria-hidden': 'true' },
    ...(
      [
        ['kept', (row.parameters ?? 0) - masked],
        ['masked', masked],
        ['removed', row.removed ?? 0],
      ] as const
    ).flatMap(([name, count]) => (count > 0 ? sized(element('span', { class: name }), count) : [])),
  )
  bar.style.width = `${Math.max(3, Math.min(1, all / most) * 100)}%`
  return bar
}

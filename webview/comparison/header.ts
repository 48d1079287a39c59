import { element, svg } from '../parts/element'
import { fill } from '../parts/format'
import { icon } from '../parts/icons'
import { redraw } from '../parts/redraw'
import { button, signButton } from './controls'
import { drawLineage, lineage } from './lineage'
import { nameOf } from './names'
import type { Page } from './page'
import { partings } from './partings'
import { spoken } from './sentence'

const ROW = 26
/** Of more models the histories are drawn only when asked for: they would push everything else down. */
const MOST_OPEN = 5

/** Who is compared, each in its colour, and how their histories hang together. */
export function header(page: Page): HTMLElement {
  const top = element('div', { class: 'top' })
  const draw = () => {
    const kept = page.choice('history')
    const open = typeof kept === 'boolean' ? kept : page.comparison.models.length <= MOST_OPEN
    top.classList.toggle('open', open)
    redraw(
      top,
      element('h1', { class: 'unseen' }, page.texts.title),
      models(page, open),
      open ? history(page) : undefined,
      toggle(page, open, draw),
    )
  }
  draw()
  return top
}

function models(page: Page, open: boolean): HTMLElement {
  const { comparison, texts, language } = page
  return element(
    'ol',
    { class: 'models', 'aria-label': texts.models },
    ...comparison.models.map(({ status, epochs }, i) =>
      element(
        'li',
        {},
        nameOf(page, i),
        element('span', { class: `state ${status}` }, element('span', { class: 'dot', 'aria-hidden': 'true' }), texts[status]),
        open &&
          element(
            'span',
            { class: 'quiet count' },
            epochs === 1 ? texts.oneEpoch : fill(texts.epochCount, epochs.toLocaleString(language)),
          ),
        open && actions(page, i),
      ),
    ),
  )
}

/** Another order, or fewer of them. */
function actions({ comparison, texts, host }: Page, place: number): HTMLElement | undefined {
  const { compare } = host
  if (!compare) return undefined
  const references = comparison.models.map(({ reference }) => reference)
  const { label, reference } = comparison.models[place]!
  const to = (key: 'up' | 'remove', text: string, others: readonly string[] | undefined) =>
    others && signButton(`${key} ${reference}`, icon(key), fill(text, label), () => compare(others))
  const without = references.filter((_, i) => i !== place)
  return element(
    'span',
    { class: 'change' },
    to('up', texts.moveUp, place > 0 ? [...without.slice(0, place - 1), reference, ...without.slice(place - 1)] : undefined),
    to('remove', texts.removeModel, without.length > 1 ? without : undefined),
  )
}

function history(page: Page): HTMLElement {
  const { comparison, texts } = page
  const said = partings(comparison, texts).map((one) => spoken(one, page))
  const box = element('div', { class: 'lineage', role: 'img', 'aria-label': fill(texts.lineage, said.join(' ')) }, svg('svg'))
  const drawn = lineage(comparison.lines, comparison.models.length)
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry!.contentRect.width)
    if (width > 0) box.replaceChildren(drawLineage(drawn, width, ROW))
  }).observe(box)
  return box
}

function toggle(page: Page, open: boolean, draw: () => void): HTMLElement {
  const { hideHistory, showHistory } = page.texts
  const turn = () => {
    page.choose('history', !open)
    draw()
  }
  const made = button('history', open ? hideHistory : showHistory, turn, 'plain toggle')
  made.setAttribute('aria-expanded', String(open))
  return made
}

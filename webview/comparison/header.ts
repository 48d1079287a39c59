import { element, svg } from '../parts/element'
import { fill } from '../parts/format'
import { icon } from '../parts/icons'
import { redrawWhen } from '../parts/redraw'
import { button, signButton } from './controls'
import { drawLineage, lineage } from './lineage'
import { nameOf } from './names'
import type { Page } from './page'
import { partings } from './partings'
import { spoken } from './sentence'

const ROW = 26
/** Of more models the histories are drawn only when asked for: they would push everything else down. */
const MOST_OPEN = 5

export interface Header {
  readonly element: HTMLElement
  /** Tells what changed since; what can be pressed stays where it is, also under a button that is held down. */
  readonly renew: () => void
}

/** Who is compared, each in its colour, and how their histories hang together. */
export function header(page: Page): Header {
  const { texts, language } = page
  const top = element('div', { class: 'top' })
  const { models } = page.comparison
  const states = models.map(() => element('span', {}, element('span', { class: 'dot', 'aria-hidden': 'true' }), element('span')))
  const counts = models.map(() => element('span', { class: 'quiet count' }))
  const past = history(page)
  const renew = () => {
    const kept = page.choice('history')
    const open = typeof kept === 'boolean' ? kept : models.length <= MOST_OPEN
    const names = page.comparison.models.map(({ name, label }) => [name, label])
    top.classList.toggle('open', open)
    redrawWhen(top, [open, names], () => [
      element('h1', { class: 'unseen' }, texts.title),
      element(
        'ol',
        { class: 'models', 'aria-label': texts.models },
        ...models.map((_, i) => element('li', {}, nameOf(page, i), states[i], open && counts[i], open && actions(page, i))),
      ),
      open ? past.element : undefined,
      toggle(page, open, renew),
    ])
    for (const [i, { status, epochs }] of page.comparison.models.entries()) {
      states[i]!.className = `state ${status}`
      states[i]!.lastElementChild!.textContent = texts[status]
      counts[i]!.textContent = epochs === 1 ? texts.oneEpoch : fill(texts.epochCount, epochs.toLocaleString(language))
    }
    if (open) past.renew()
  }
  renew()
  return { element: top, renew }
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

function history(page: Page): Header {
  const box = element('div', { class: 'lineage', role: 'img' }, svg('svg'))
  let width = 0
  const draw = () => {
    const { lines, models } = page.comparison
    if (width > 0) box.replaceChildren(drawLineage(lineage(lines, models.length), width, ROW))
  }
  new ResizeObserver(([entry]) => {
    width = Math.floor(entry!.contentRect.width)
    draw()
  }).observe(box)
  const renew = () => {
    const said = partings(page.comparison, page.texts).map((one) => spoken(one, page))
    box.setAttribute('aria-label', fill(page.texts.lineage, said.join(' ')))
    draw()
  }
  return { element: box, renew }
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

import { element, section } from '../parts/element'
import { fill, short } from '../parts/format'
import type { Page } from './page'

/** The sessions that start at this epoch; each opens the epoch in its own history. */
export function forks({ view, texts, language, send }: Page): HTMLElement {
  if (!view.forks.length) return section('forks', texts.forks, element('p', { class: 'quiet' }, texts.noForks))
  const items = view.forks.map(({ id, name, status, epochs, main }) => {
    const button = element('button', { type: 'button', class: 'link', 'data-key': `fork ${id}` }, name)
    button.addEventListener('click', () => send({ type: 'openFork', session: id }))
    const best = main?.best ?? main?.last
    const about = [
      texts[status],
      epochs === 1 ? texts.oneEpoch : fill(texts.epochs, epochs.toLocaleString(language)),
      best && main && `${main.metric} ${short(best.value, language)}`,
    ]
    return element(
      'li',
      {},
      element('span', { class: `dot ${status}`, 'aria-hidden': 'true' }),
      button,
      element('span', { class: 'quiet' }, about.filter(Boolean).join(' · ')),
    )
  })
  return section('forks', texts.forks, element('ul', { class: 'forks' }, ...items))
}

import { element } from '../parts/element'
import type { Page } from './page'

/** Who is compared, each in its colour. */
export function header({ comparison, texts }: Page): HTMLElement {
  return element(
    'div',
    { class: 'top' },
    element('h1', {}, texts.title),
    element(
      'ul',
      { class: 'models', 'aria-label': texts.models },
      ...comparison.models.map(({ label }, i) =>
        element('li', {}, element('span', { class: `swatch model-${i}`, 'aria-hidden': 'true' }), label),
      ),
    ),
  )
}

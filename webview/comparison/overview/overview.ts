import { element } from '../../parts/element'
import { fill } from '../../parts/format'
import type { MakeView, Page } from '../page'

/** What a reader wants to know first: where they parted, what was changed, which is better and at what cost. */
export const overview: MakeView = (page) => {
  const box = element('div', { class: 'overview' })
  const draw = () => box.replaceChildren(parted(page))
  draw()
  return { element: box, shown: () => {}, hidden: () => {}, renewed: draw }
}

function parted({ comparison: { models, pairs }, texts }: Page): HTMLElement {
  const label = (place: number) => models[place]!.label
  const sentences = pairs.map(({ a, b, at }) =>
    element('li', {}, at ? fill(texts.partedAt, label(a), label(b), at.number) : `${label(a)}, ${label(b)}: ${texts.noCommonPast}`),
  )
  return element('ul', {}, ...sentences)
}

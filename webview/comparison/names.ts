import { element } from '../parts/element'
import type { Page } from './page'

/** The colour of a model, or of a past that several have, as a class. */
export const colourClass = (models: readonly number[]) => (models.length === 1 ? `model-${models[0]}` : 'shared')

/** How a model is called, in its colour. */
export function nameOf({ comparison }: Page, place: number): HTMLElement {
  const { name, label } = comparison.models[place]!
  return named(name, label.startsWith(name) ? label.slice(name.length) : '', [place])
}

/** A session's name, which is cut where there is no room, and what follows it, which is not: its epoch. */
export const named = (name: string, rest: string, models: readonly number[]) =>
  element(
    'span',
    { class: `name ${colourClass(models)}`, title: name + rest },
    swatch(),
    element('bdi', {}, name),
    rest !== '' && element('span', {}, rest),
  )

/** In a colour of its own, or in that of the name that it stands in. */
export function swatch(colour?: string): HTMLElement {
  const made = element('span', { class: 'swatch', 'aria-hidden': 'true' })
  if (colour !== undefined) made.style.background = colour
  return made
}

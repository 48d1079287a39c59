import type { SampledEpochs } from '../../../server/protocol/comparison'
import { element } from '../../parts/element'
import { fill } from '../../parts/format'
import { button } from '../controls'
import type { Page } from '../page'
import type { Field } from './fields'

/** The samples that all parts of the view are about. */
export interface Given {
  readonly split: string
  readonly fields: readonly Field[]
}

/** One part of the view, which asks for what it shows. */
export interface Part {
  readonly element: HTMLElement
  /** Other samples are looked at. */
  anew(given: Given): void
  /** They are the same, and more may have come. */
  again(): void
  stop(): void
}

export const section = (name: string, title: string, ...content: readonly (Node | string)[]) =>
  element('section', { class: name, 'aria-labelledby': `samples-${name}` }, element('h2', { id: `samples-${name}` }, title), ...content)

export const fieldOptions = (fields: readonly Field[]) => fields.map(({ name }) => [name, name] as const)

export const note = (text: string, kind: 'quiet' | 'trouble' = 'quiet') => element('p', { class: kind }, text)

/** What must be logged for a part to be filled, to be copied. */
export function example(page: Page, text: string, fields: readonly string[], split: string): HTMLElement {
  const columns = fields.map((field) => `    ${JSON.stringify(field)}: ${VALUES[field] ?? field},\n`).join('')
  const code = `epoch.log_samples({\n${columns}}, split=${JSON.stringify(split)})\n`
  return element(
    'div',
    { class: 'empty' },
    element('p', {}, text),
    element('pre', { tabindex: 0, 'aria-label': 'Python' }, code),
    button('copy example', page.texts.copyExample, () => {
      page.host.copy(code)
      page.say(page.texts.copiedExample)
    }),
  )
}

/** Columns as they are called in most scripts. */
const VALUES: Readonly<Record<string, string>> = { sample: 'ids', label: 'labels', prediction: 'predictions', loss: 'losses' }

/** Of which epochs the samples are, where it isn't the one that is compared. */
export function epochNotes({ comparison, texts }: Page, epochs: SampledEpochs, places = comparison.models.map((_, i) => i)): HTMLElement[] {
  const notes = places.flatMap((place, i) => {
    const { label, epoch } = comparison.models[place]!
    const at = epochs[i]
    if (!at) return [fill(texts.samplesMissing, label)]
    return at.id === epoch.id ? [] : [fill(texts.samplesAt, label, at.number, epoch.number)]
  })
  return notes.map((text) => note(text))
}

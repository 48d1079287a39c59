import type { ComparisonModel } from '../../../server/protocol/comparison'
import type { Json } from '../../../server/protocol/model'
import { element } from '../../parts/element'
import { fill } from '../../parts/format'
import type { Page } from '../page'

/** Which epoch of which model. */
export interface Choice {
  readonly model: number
  /** Null for the one that the model is compared at, also when that is another one later. */
  readonly epoch: number | null
}
export type Sides = readonly [a: Choice, b: Choice]

/** The first model against the second, or what was chosen before. */
export function chosenSides(kept: Json | undefined, { models }: Page['comparison']): Sides {
  const one = (place: 0 | 1): Choice => {
    const [model, epoch] = Array.isArray(kept) && Array.isArray(kept[place]) ? (kept[place] as readonly Json[]) : []
    return typeof model === 'number' && models[model]
      ? { model, epoch: typeof epoch === 'number' ? epoch : null }
      : { model: place, epoch: null }
  }
  return [one(0), one(1)]
}

export const epochOf = ({ model, epoch }: Choice, { models }: Page['comparison']) => epoch ?? models[model]!.epoch.number

export function referenceOf({ model, epoch }: Choice, { models }: Page['comparison']): string {
  const { id, reference, epoch: compared } = models[model]! satisfies ComparisonModel
  return epoch === null || epoch === compared.number ? reference : `${id}@${epoch}`
}

/** Numbers of the first and the last epoch of a model's history. */
export function rangeOf(model: number, { lines, models }: Page['comparison']): readonly [number, number] {
  const own = lines.filter((line) => line.models.includes(model))
  if (own.length === 0) return [models[model]!.epoch.number, models[model]!.epoch.number]
  return [Math.min(...own.map(({ from }) => from)), Math.max(...own.map(({ to }) => to))]
}

export interface SidePicker {
  readonly element: HTMLElement
  /** Shows what is chosen, and the epochs whose graph is another than the one before. */
  update(choice: Choice, changes: readonly number[]): void
}

/** A model and one of its epochs. */
export function sidePicker(page: Page, which: 'a' | 'b', first: Choice, choose: (choice: Choice) => void): SidePicker {
  const { texts } = page
  const name = which === 'a' ? texts.graphFrom : texts.graphTo
  let choice = first
  let changes: readonly number[] = []
  const swatch = element('span', { 'aria-hidden': 'true' })
  const model = element('select', { 'aria-label': `${name}: ${texts.graphModel}`, 'data-side': which })
  const slider = element('input', { type: 'range', step: 1, 'aria-label': `${name}: ${texts.graphEpoch}`, 'data-side': which })
  const told = element('output', { class: 'quiet' })
  const ticks = element('datalist', { id: `graph-changes-${which}` })
  slider.setAttribute('list', ticks.id)
  const step = (direction: 1 | -1) => {
    const label = direction > 0 ? texts.graphNext : texts.graphPrevious
    const button = element(
      'button',
      { type: 'button', class: 'plain', title: label, 'aria-label': `${name}: ${label}`, 'data-step': `${which}${direction}` },
      direction > 0 ? '›' : '‹',
    )
    button.addEventListener('click', () => {
      const at = epochOf(choice, page.comparison)
      const to = direction > 0 ? changes.find((one) => one > at) : changes.findLast((one) => one < at)
      const [from, until] = rangeOf(choice.model, page.comparison)
      choose({ ...choice, epoch: to ?? (direction > 0 ? until : from) })
    })
    return button
  }
  model.addEventListener('change', () => choose({ model: Number(model.value), epoch: null }))
  slider.addEventListener('input', () => choose({ ...choice, epoch: Number(slider.value) }))
  const update = (now: Choice, at: readonly number[]) => {
    choice = now
    const { comparison } = page
    const models = comparison.models.map(({ label }) => label)
    if (models.join('\n') !== [...model.options].map(({ text }) => text).join('\n'))
      model.replaceChildren(...models.map((label, i) => element('option', { value: i }, label)))
    model.value = String(now.model)
    swatch.className = `swatch model-${now.model}`
    const [from, to] = rangeOf(now.model, comparison)
    const epoch = epochOf(now, comparison)
    slider.min = String(from)
    slider.max = String(to)
    slider.value = String(epoch)
    slider.disabled = from === to
    slider.setAttribute('aria-valuetext', fill(texts.graphEpochOf, epoch, to))
    told.textContent = fill(texts.graphEpochOf, epoch, to)
    if (at !== changes) ticks.replaceChildren(...at.slice(1).map((value) => element('option', { value })))
    changes = at
  }
  update(first, changes)
  return {
    element: element(
      'div',
      { class: 'side', role: 'group', 'aria-label': name },
      element('span', { class: 'which' }, name),
      swatch,
      model,
      element('span', { class: 'slide' }, step(-1), slider, step(1)),
      told,
      ticks,
    ),
    update,
  }
}

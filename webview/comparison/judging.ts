import { element } from '../parts/element'
import { fill } from '../parts/format'
import type { Page } from './page'

export type Direction = 'lower' | 'higher' | null

const CHOICE = 'directions'

function chosen(page: Page): Readonly<Record<string, unknown>> {
  const kept = page.choice(CHOICE)
  return typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? (kept as Readonly<Record<string, unknown>>) : {}
}

/** Which way a metric gets better: as the user said, else as its name tells; of what is no metric of the comparison, as is told here. */
export function directionOf(page: Page, metric: string, otherwise: Direction = null): Direction {
  const all = chosen(page)
  const said = Object.hasOwn(all, metric) ? all[metric] : undefined
  if (said === 'lower' || said === 'higher' || said === null) return said
  return page.comparison.metrics.find((one) => one.metric === metric)?.direction ?? otherwise
}

const NEXT = { higher: 'lower', lower: null } as const

/** Says which way a metric gets better; a press turns it. */
export function directionButton(page: Page, metric: string, changed: () => void, otherwise: Direction = null): HTMLElement {
  const { texts } = page
  const direction = directionOf(page, metric, otherwise)
  const said = direction === 'higher' ? texts.higherBetter : direction === 'lower' ? texts.lowerBetter : texts.noDirection
  const sign = direction === 'higher' ? '↑' : direction === 'lower' ? '↓' : '↕'
  const button = element(
    'button',
    {
      type: 'button',
      class: 'direction',
      'data-key': `direction ${metric}`,
      'aria-label': fill(texts.changeDirection, metric, said),
      title: said,
    },
    element('span', { 'aria-hidden': 'true' }, sign),
    element('span', { class: 'said', 'aria-hidden': 'true' }, said),
  )
  button.addEventListener('click', () => {
    const next = direction === null ? 'higher' : NEXT[direction]
    page.choose(CHOICE, { ...chosen(page), [metric]: next } as Record<string, Direction>)
    page.say(next === null ? texts.noDirection : texts[`${next}Better`])
    changed()
  })
  return button
}

/** The metric that models are judged by: the one chosen, else the main one, else the first. */
export function judged(page: Page): string | undefined {
  const { comparison } = page
  const kept = page.choice('metric')
  if (typeof kept === 'string' && comparison.metrics.some(({ metric }) => metric === kept)) return kept
  return comparison.main ?? comparison.metrics[0]?.metric
}

/** A choice among all metrics. */
export function metricChoice(
  { comparison }: Page,
  label: string,
  at: string | undefined,
  changed: (metric: string) => void,
): HTMLSelectElement {
  const made = element(
    'select',
    { 'aria-label': label, 'data-key': `metric ${label}` },
    ...comparison.metrics.map(({ metric }) => element('option', { value: metric, selected: metric === at }, metric)),
  )
  made.addEventListener('change', () => changed(made.value))
  return made
}

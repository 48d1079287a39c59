import type { Comparison, ComparisonMetric } from '../../server/protocol/comparison'
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
  return byName(page.comparison.metrics).get(metric)?.direction ?? otherwise
}

const known = new WeakMap<Comparison['metrics'], ReadonlyMap<string, ComparisonMetric>>()
function byName(metrics: Comparison['metrics']): ReadonlyMap<string, ComparisonMetric> {
  let found = known.get(metrics)
  if (!found) known.set(metrics, (found = new Map(metrics.map((one) => [one.metric, one]))))
  return found
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
  if (typeof kept === 'string' && byName(comparison.metrics).has(kept)) return kept
  return comparison.main ?? comparison.metrics[0]?.metric
}

/** Of more, a choice offers those that matter most, and whatever is looked for. */
const MOST_OFFERED = 300

interface Choice {
  readonly label: string
  readonly at: string | undefined
  /** What can be chosen beside metrics, with its text. */
  readonly others?: readonly (readonly [value: string, text: string])[]
  readonly changed: (chosen: string) => void
}

/** A choice among all metrics. */
export function metricChoice({ comparison, texts }: Page, { label, at, others = [], changed }: Choice): HTMLElement[] {
  const names = comparison.metrics.map(({ metric }) => metric)
  const select = element('select', { 'aria-label': label, 'data-key': `choice ${label}` })
  const option = (value: string, text: string) => element('option', { value, selected: value === at }, text)
  const offer = (wanted: string) => {
    const found = names.filter((name) => name.toLocaleLowerCase().includes(wanted))
    const some = found.slice(0, MOST_OFFERED)
    if (at !== undefined && names.includes(at) && !some.includes(at)) some.unshift(at)
    const metrics = some.map((name) => option(name, name))
    if (!others.length) return select.replaceChildren(...metrics)
    select.replaceChildren(
      element('optgroup', { label: texts.size }, ...others.map(([value, text]) => option(value, text))),
      element('optgroup', { label: texts.metrics }, ...metrics),
    )
  }
  offer('')
  select.addEventListener('change', () => changed(select.value))
  if (names.length <= MOST_OFFERED) return [select]
  const finder = element('input', {
    type: 'search',
    'aria-label': `${label}: ${texts.findMetric}`,
    placeholder: fill(texts.findAmong, names.length),
    'data-key': `find ${label}`,
  })
  finder.addEventListener('input', () => offer(finder.value.trim().toLocaleLowerCase()))
  finder.addEventListener('keydown', ({ key }) => {
    const first = names.find((name) => name.toLocaleLowerCase().includes(finder.value.trim().toLocaleLowerCase()))
    if (key === 'Enter' && first !== undefined) changed(first)
  })
  return [select, finder]
}

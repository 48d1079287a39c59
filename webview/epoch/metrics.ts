import type { EpochMetric } from '../../server/protocol/editor'
import { curve } from './curve'
import { element, heading, section, table, unseen } from '../parts/element'
import { change, fill, short } from '../parts/format'
import type { Page } from './page'

/** The values of this epoch, against the epoch before and the best of the model's history. */
export function metrics(page: Page): HTMLElement {
  const { view, texts } = page
  if (!view.metrics.length) return section('metrics', texts.metrics, element('p', { class: 'quiet' }, texts.noMetrics))
  const [from = 0, to = 0] = [view.curveEpochs[0], view.curveEpochs.at(-1)]
  const head = [
    texts.metric,
    heading(texts.value, { class: 'figure' }),
    ...(view.previous === null ? [] : [heading(fill(texts.since, view.previous), { class: 'figure' })]),
    heading(texts.bestValue, { class: 'figure' }),
    heading(fill(texts.curve, from, to), { class: 'wide' }),
  ]
  const rows = view.metrics.map((metric) => metricRow(page, metric, from, to))
  return section(
    'metrics',
    texts.metrics,
    table(texts.metrics, head, rows, { class: 'metrics' }),
    view.moreMetrics > 0 && element('p', { class: 'quiet' }, fill(texts.moreMetrics, view.moreMetrics, view.reference)),
  )
}

function metricRow({ view, texts, language }: Page, metric: EpochMetric, from: number, to: number): HTMLTableRowElement {
  const { best, value } = metric
  const isBest = best?.number === view.row.number
  const slash = metric.metric.indexOf('/')
  const numbers = metric.curve.filter((one) => typeof one === 'number')
  const label = fill(
    texts.curveLabel,
    metric.metric,
    from,
    to,
    short(numbers.length ? Math.min(...numbers) : 'NaN', language),
    short(numbers.length ? Math.max(...numbers) : 'NaN', language),
  )
  return element(
    'tr',
    { 'data-metric': metric.metric },
    element(
      'th',
      { scope: 'row' },
      element('span', { class: 'quiet' }, metric.metric.slice(0, slash + 1)),
      element('wbr'),
      metric.metric.slice(slash + 1),
    ),
    element('td', { class: 'figure strong', title: String(value) }, short(value, language)),
    view.previous !== null && element('td', { class: 'figure' }, changeText(metric, texts, language)),
    element(
      'td',
      { class: 'figure', title: best ? String(best.value) : null },
      best ? element('span', isBest ? { class: 'better' } : {}, short(best.value, language)) : '–',
      best && element('span', { class: 'quiet beside' }, isBest ? texts.thisEpoch : fill(texts.atEpoch, best.number)),
    ),
    element('td', { class: 'wide' }, curve(metric, view.curveEpochs, view.row.number, label)),
  )
}

function changeText({ before, value, judged }: EpochMetric, texts: Page['texts'], language: string): HTMLElement | string {
  const difference = before === null ? undefined : change(before, value, language)
  if (!difference) return '–'
  return element(
    'span',
    { class: judged === 'better' || judged === 'worse' ? judged : 'quiet', title: `${String(before)} → ${String(value)}` },
    difference.by,
    difference.share !== '' && element('span', { class: 'share' }, ` ${difference.share}`),
    judged === 'better' || judged === 'worse' ? unseen(`, ${texts[judged]}`) : null,
  )
}

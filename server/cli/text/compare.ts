import type { CompareJson, ComparedModel, Difference } from '../../protocol/model'
import { type Figure, toNumber } from '../../json'
import { directionOf, judge, mainMetrics, placeOfBest } from '../../tracking/direction'
import { chart, letterOf, paintOf } from './chart'
import { renderDiff } from './diff'
import { number, percent, plural, safe, table, type Style } from './terminal'
import { shortId, statusText, valueText } from './words'

const mostCharts = 6

export function renderCompare(compare: CompareJson, style: Style, columns = 80): string {
  const metrics = mainMetrics(Object.keys(compare.metrics), Infinity)
  const parts = [
    [style.bold(`Comparing ${plural(compare.models.length, 'model')}`), models(compare, style)].join('\n'),
    parting(compare).join('\n'),
    ...charts(compare, metrics, style, columns),
    ...section('Values', values(compare, metrics, style), style),
    ...section('Better', verdicts(compare, metrics, style), style),
    ...section('Hyper-parameters', differences(compare, compare.hyperparameters, style), style),
    ...section('Pruning plan', differences(compare, compare.pruningPlan, style), style),
    ...section('Size', sizes(compare, style), style),
    ...compare.graph.flatMap((graph, i) =>
      section(
        `Graph of ${label(compare, graph.b, i + 1, style)} against ${label(compare, graph.a, 0, style)}`,
        renderDiff(graph, style).replace(/^/gm, '  '),
        style,
      ),
    ),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

const section = (title: string, body: string, style: Style): readonly string[] => (body ? [`${style.bold(title)}\n${body}`] : [])
const letters = (compare: CompareJson, style: Style) => compare.models.map((_, i) => paintOf(i, style)(letterOf(i)))
const title = (model: ComparedModel) => `${safe(model.name, 40)}@${model.epoch.number}`

/** Its place tells which model is meant where one session is compared with itself; its id does where places don't fit. */
function label({ models }: CompareJson, id: string, place: number, style: Style) {
  const isMeant = (model: ComparedModel | undefined) => model?.id === id || model?.reference === id
  const index = isMeant(models[place]) ? place : models.findIndex(isMeant)
  return index < 0 ? safe(id, 24) : paintOf(index, style)(letterOf(index))
}

function models(compare: CompareJson, style: Style) {
  return table(
    compare.models.map((model, i) => [
      paintOf(i, style)(letterOf(i)),
      title(model),
      style.dim(shortId(model.epoch.id)),
      plural(model.epochs, 'epoch'),
      statusText(model.status, style),
    ]),
    { indent: 2, align: ['left', 'left', 'left', 'right'] },
  )
}

function parting({ models, sharedEpochs, pairs }: CompareJson): readonly string[] {
  if (models.length < 2) return []
  const at = pairs.find((pair) => pair.shared === sharedEpochs)?.at
  const equal = models.every((model) => model.epochs === sharedEpochs)
  const all =
    sharedEpochs === 0
      ? 'They share no epoch.'
      : `They share ${sharedEpochs === 1 ? 'epoch 1' : `epochs 1 to ${number(sharedEpochs)}`}${equal ? ', all there are' : ` and part after epoch ${at?.number ?? sharedEpochs}${at ? ` (${shortId(at.id)})` : ''}`}.`
  // Of three models two may go on together after the third has left.
  const longer = pairs.flatMap((pair, i) => {
    if (pair.shared === sharedEpochs) return []
    const [a, b] = placesOf(i, models.length)
    return [`${letterOf(a)} and ${letterOf(b)} share ${plural(pair.shared, 'epoch')}.`]
  })
  return [all, ...longer]
}

/** Pairs come in the order (0,1), (0,2), ..., (1,2), ... */
function placesOf(pair: number, count: number): readonly [number, number] {
  let left = pair
  for (let a = 0; a < count - 1; a++) {
    if (left < count - 1 - a) return [a, a + 1 + left]
    left -= count - 1 - a
  }
  return [0, 0]
}

function charts(compare: CompareJson, metrics: readonly string[], style: Style, columns: number): readonly string[] {
  const drawable = metrics.filter((metric) => compare.metrics[metric]?.curves.some(isLine))
  const drawn = drawable.slice(0, mostCharts).map((metric) => {
    const curves = compare.metrics[metric]?.curves ?? []
    const direction = directionOf(metric)
    const picture = chart(curves, style, { shared: compare.sharedEpochs, columns: Math.min(columns, 100), rows: 8 })
    return `${style.bold(safe(metric, 60))}${direction ? style.dim(`  ${direction} is better`) : ''}\n${picture ?? style.dim('  no finite value to draw')}`
  })
  const rest = drawable.length - drawn.length
  return rest > 0 ? [...drawn, style.dim(`${plural(rest, 'more metric')} not drawn; name the ones to see with --metric`)] : drawn
}

/** One value alone is told by the table. */
const isLine = ({ values: all }: { readonly values: readonly Figure[] }) => all.filter((value) => value !== null).length > 1

function values(compare: CompareJson, metrics: readonly string[], style: Style) {
  if (!metrics.length) return ''
  const heads = letters(compare, style)
  const head = ['', ...heads.flatMap((letter, i) => (i ? [letter, style.dim('change')] : [letter]))]
  const rows = metrics.map((metric) => {
    const own = compare.metrics[metric]?.values ?? []
    return [
      safe(metric, 32),
      ...compare.models.flatMap((_, i) => (i ? [number(own[i]), changeOf(metric, own[0], own[i], style)] : [number(own[i])])),
    ]
  })
  return table([head, ...rows], {
    indent: 2,
    align: ['left', ...compare.models.flatMap((_, i): ('left' | 'right')[] => (i ? ['right', 'left'] : ['right']))],
  })
}

function changeOf(metric: string, from: Figure, to: Figure, style: Style) {
  const [a, b] = [toNumber(from), toNumber(to)]
  if (!Number.isFinite(a) || !Number.isFinite(b)) return ''
  if (a === b) return style.dim('same')
  const sign = b > a ? '+' : ''
  const share = a === 0 ? '' : ` (${sign}${percent((b - a) / Math.abs(a))})`
  const verdict = judge(metric, a, b)
  const paint = verdict === 'better' ? style.green : verdict === 'worse' ? style.red : (text: string) => text
  return paint(`${sign}${number(b - a)}${share}${verdict ? ` ${verdict}` : ''}`)
}

function verdicts(compare: CompareJson, metrics: readonly string[], style: Style) {
  const winners = metrics.map((metric) => placeOfBest(metric, compare.metrics[metric]?.values ?? []))
  const word = compare.models.length > 2 ? 'is best by' : 'is better by'
  return compare.models
    .flatMap((model, i) => {
      const won = metrics.filter((_, m) => winners[m] === i)
      return won.length
        ? [
            `  ${paintOf(i, style)(letterOf(i))} ${title(model)} ${word} ${won
              .slice(0, 12)
              .map((metric) => safe(metric, 32))
              .join(', ')}${won.length > 12 ? ', …' : ''}`,
          ]
        : []
    })
    .join('\n')
}

function differences(compare: CompareJson, found: readonly Difference[], style: Style) {
  if (!found.length) return ''
  const rows = found.map(({ path, values }) => [safe(path, 40), ...compare.models.map((_, i) => valueText(values[i], 32))])
  return table([['', ...letters(compare, style)], ...rows], { indent: 2 })
}

function sizes({ models: compared }: CompareJson, style: Style) {
  const rows = (['parameters', 'nonzero', 'nodes'] as const).flatMap((key) => {
    const figures = compared.map(({ graph }) => graph?.[key] ?? null)
    const from = figures[0] ?? null
    return figures.every((figure) => figure === null)
      ? []
      : [
          [
            key,
            ...figures.map(
              (figure, i) =>
                number(figure) +
                (i && from && figure !== null && figure !== from
                  ? style.dim(` (${figure > from ? '+' : ''}${percent((figure - from) / from)})`)
                  : ''),
            ),
          ],
        ]
  })
  const head = ['', ...compared.map((_, i) => paintOf(i, style)(letterOf(i)))]
  return rows.length ? table([head, ...rows], { indent: 2, align: ['left', ...compared.map(() => 'right' as const)] }) : ''
}

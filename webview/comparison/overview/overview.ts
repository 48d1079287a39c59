import type { Effects, Values } from '../../../server/protocol/comparison'
import type { Difference, JsonNumber } from '../../../server/protocol/model'
import { breakable, element, heading, table } from '../../parts/element'
import { bytes, fill, share, short, valueText, whole } from '../../parts/format'
import { redraw, redrawWhen } from '../../parts/redraw'
import { asking } from '../asking'
import { button } from '../controls'
import { alike, sparsity } from '../figures'
import { directionButton, directionOf, judged, metricChoice } from '../judging'
import { nameOf } from '../names'
import type { MakeView, Page } from '../page'
import { partings } from '../partings'
import { type Sentence, say, written } from '../sentence'
import { effectSentences, shares } from './effects'
import { leader, verdict } from './verdict'

const MOST_CHANGES = 8
/** Models that are told of one by one. */
const MOST_APART = 4

interface Known {
  readonly metric: string
  readonly here: Values
  readonly best: Values | undefined
  readonly effects: Effects
}

/** What a reader wants to know first: where they parted, what was changed, which is better and at what cost, what the plans did. */
export const overview: MakeView = (page) => {
  const { texts } = page
  const bodies = { parted: element('div', {}), changed: element('div', {}), verdict: element('div', {}), effects: element('div', {}) }
  const controls = element('div', { class: 'controls' })
  const box = element(
    'div',
    { class: 'overview' },
    card('parted', texts.whereParted, bodies.parted),
    card('changed', texts.whatChanged, bodies.changed),
    card('verdict', texts.whichBetter, controls, bodies.verdict),
    card('effects', texts.whatPlansDid, bodies.effects),
  )
  let known: Known | undefined
  const draw = (trouble?: string) => {
    box.classList.toggle('many', page.comparison.models.length > MOST_APART)
    redraw(bodies.parted, ...parted(page))
    redraw(bodies.changed, ...changed(page))
    drawControls()
    redraw(bodies.verdict, ...better(page, known, trouble))
    redraw(bodies.effects, ...plans(page, known, trouble))
  }
  function drawControls() {
    const metric = judged(page)
    const { metrics } = page.comparison
    controls.hidden = metric === undefined
    redrawWhen(controls, [metric, metric && directionOf(page, metric), metrics.length], () =>
      metric === undefined
        ? []
        : [
            element('span', {}, texts.judgedBy),
            ...metricChoice(page, {
              label: texts.judgedBy,
              at: metric,
              changed: (chosen) => {
                page.choose('metric', chosen)
                anew()
              },
            }),
            directionButton(page, metric, anew),
          ],
    )
  }
  const questions = asking(async (signal) => {
    const metric = judged(page)
    const direction = metric === undefined ? null : directionOf(page, metric)
    const { host } = page
    const [here, best, effects] = await Promise.all([
      host.ask('values', { at: 'compared' }, signal),
      metric !== undefined && direction ? host.ask('values', { at: 'best', metric, direction }, signal) : undefined,
      host.ask('effects', null, signal),
    ])
    known = { metric: metric ?? '', here, best, effects }
    draw()
  }, draw)
  function anew() {
    draw()
    questions.anew()
  }
  draw()
  return {
    element: box,
    // Another view may have changed which metric counts, and which way.
    shown: anew,
    hidden: () => questions.stop(),
    renewed: () => questions.again(),
  }
}

const card = (id: string, title: string, ...content: readonly (Node | string | undefined)[]) =>
  element('section', { class: `card ${id}` }, element('h2', {}, title), ...content)

const quiet = (text: string) => element('p', { class: 'quiet' }, text)

function parted(page: Page): Node[] {
  const { comparison, texts } = page
  return [...partings(comparison, texts), ...ownEpochs(page)].map((sentence) => written(sentence, page))
}

/** How far each went on alone. */
function ownEpochs({ comparison: { models, pairs, lines }, texts }: Page): Sentence[] {
  if (models.length > MOST_APART) return []
  return models.flatMap(({ epochs }, place) => {
    const shared = Math.max(...pairs.flatMap((pair) => (pair.a === place || pair.b === place ? [pair.shared] : [])))
    const last = lines.findLast((line) => line.models.includes(place))
    if (!last || shared === 0 || epochs === shared) return []
    return [say(epochs - shared === 1 ? texts.ownEpoch : texts.ownEpochs, { models: [place] }, last.to, epochs - shared)]
  })
}

function changed(page: Page): Node[] {
  const { comparison, texts } = page
  const { hyperparameters, pruningPlan, environment, command, data } = comparison.settings
  const differing = (all: readonly Difference[]) => all.filter(({ values }) => !alike(values))
  const others = (
    [
      ['environment', environment],
      ['command', command],
      ['data', data],
    ] as const
  ).filter(([, all]) => differing(all).length > 0)
  const link = button('differences', texts.allDifferences, () => page.go('differences'), 'link')
  const row = ({ path, values }: Difference) =>
    element(
      'tr',
      { 'data-path': path },
      element('th', { scope: 'row' }, ...breakable(path)),
      ...values.map((value) => element('td', { class: 'value', title: valueText(value) }, valueText(value))),
    )
  const parts = (
    [
      [texts.hyperparameters, differing(hyperparameters)],
      [texts.pruningPlan, differing(pruningPlan)],
    ] as const
  ).filter(([, found]) => found.length)
  const bodies = parts.map(([title, found]) =>
    element(
      'tbody',
      {},
      element('tr', { class: 'group' }, element('th', { scope: 'rowgroup', colspan: comparison.models.length + 1 }, title)),
      ...found.slice(0, MOST_CHANGES).map(row),
    ),
  )
  const left = parts.reduce((all, [, found]) => all + Math.max(0, found.length - MOST_CHANGES), 0)
  const sames = [
    hyperparameters.length > 0 && !differing(hyperparameters).length && texts.sameHyperparameters,
    pruningPlan.length > 0 && !differing(pruningPlan).length && texts.samePlan,
    pruningPlan.length === 0 && texts.noPlanAtAll,
    others.length > 0 &&
      fill(
        texts.changedElse,
        new Intl.ListFormat(page.language).format(others.map(([name]) => texts[name].toLocaleLowerCase(page.language))),
      ),
  ].filter((text) => text !== false)
  const made = table(texts.whatChanged, [texts.settingName, ...modelHeads(page)], [])
  made.querySelector('tbody')!.replaceWith(...bodies)
  return [
    ...(bodies.length ? [made] : []),
    ...sames.map(quiet),
    element('p', {}, left > 0 ? `${fill(texts.moreChanges, left)} · ` : '', link),
  ]
}

const modelHeads = (page: Page) => page.comparison.models.map((_, i) => heading(nameOf(page, i)))

function better(page: Page, known: Known | undefined, trouble: string | undefined): Node[] {
  const { comparison, texts, language } = page
  const metric = judged(page)
  if (metric === undefined) return [quiet(texts.noMetrics)]
  if (trouble !== undefined) return [element('p', { class: 'trouble', role: 'status' }, trouble)]
  if (!known || known.metric !== metric) return [quiet(texts.asking)]
  const direction = directionOf(page, metric)
  const { here, best } = known
  const valuesAt = (values: Values | undefined) =>
    values?.metrics.find((one) => one.metric === metric)?.values ?? comparison.models.map(() => null)
  const figuresAt = (values: Values) => ({
    epochs: values.epochs,
    values: valuesAt(values),
    parameters: values.graphs.map((graph) => graph?.parameters ?? null),
    weights: values.weights,
  })
  const bestValues = valuesAt(best)
  const sentences = verdict(metric, figuresAt(here), direction, texts, language)
  const atBest = best && atBestSentences(page, metric, best, bestValues)
  return [
    ...sentences.map((sentence) => written(sentence, page)),
    figureTable(page, known, valuesAt(here), bestValues),
    ...(atBest ?? []).map((sentence) => written(sentence, page)),
  ]
}

/** At the best epoch of each: whose is ahead, or that all have it in common. */
function atBestSentences(page: Page, metric: string, best: Values, values: readonly (JsonNumber | null)[]): Sentence[] {
  const { comparison, texts, language } = page
  const [first] = best.epochs
  if (best.epochs.every((epoch) => epoch === null)) return [say(texts.noBest, metric)]
  if (first && best.epochs.every((epoch) => epoch?.id === first.id))
    return [say(texts.sameBest, metric, short(values[0]!, language), first.number)]
  const ahead = leader(values, directionOf(page, metric))
  if (ahead === undefined || comparison.models.length < 2) return []
  return [say(texts.aheadAtBest, { models: [ahead] }, short(values[ahead]!, language), best.epochs[ahead]!.number)]
}

function figureTable(
  page: Page,
  { metric, here, best, effects }: Known,
  values: readonly (JsonNumber | null)[],
  bestValues: readonly (JsonNumber | null)[],
): HTMLElement {
  const { comparison, texts, language } = page
  const direction = directionOf(page, metric)
  const [ahead, aheadAtBest] = [leader(values, direction), leader(bestValues, direction)]
  const value = (found: JsonNumber | null, at: Values | undefined, place: number, first: boolean) =>
    element(
      'td',
      { class: 'figure', title: found === null ? null : String(found) },
      element('span', { class: first ? 'better' : null }, found === null ? '–' : short(found, language)),
      at?.epochs[place] && element('span', { class: 'quiet at' }, fill(texts.atEpoch, at.epochs[place].number)),
    )
  const rows = comparison.models.map((_, place) => {
    const graph = here.graphs[place] ?? null
    const sparse = sparsity(graph, effects.models[place]?.first ?? null)
    const weights = here.weights[place] ?? null
    return element(
      'tr',
      { 'data-model': place },
      element('th', { scope: 'row' }, nameOf(page, place)),
      value(values[place] ?? null, here, place, place === ahead),
      best && value(bestValues[place] ?? null, best, place, place === aheadAtBest),
      element('td', { class: 'figure' }, whole(graph?.parameters ?? null, language)),
      element('td', { class: 'figure' }, sparse === null ? '–' : share(sparse, 1, language)),
      element('td', { class: 'figure' }, weights === null ? '–' : bytes(weights, language)),
    )
  })
  const head = [
    texts.model,
    heading(metric, { class: 'figure metric', title: metric }),
    ...(best ? [heading(texts.bestValue, { class: 'figure' })] : []),
    ...[texts.parameters, texts.sparsity, texts.weights].map((text) => heading(text, { class: 'figure' })),
  ]
  return table(texts.whichBetter, head, rows, { class: 'figures' })
}

function plans(page: Page, known: Known | undefined, trouble: string | undefined): Node[] {
  const { comparison, texts } = page
  if (trouble !== undefined) return [element('p', { class: 'trouble', role: 'status' }, trouble)]
  if (!known) return [quiet(texts.asking)]
  const named = comparison.settings.pruningPlan.find(({ path }) => path === 'name')?.values
  const any = (place: number) => comparison.settings.pruningPlan.some(({ values }) => values[place] !== null && values[place] !== undefined)
  const shown = comparison.models.map((_, place) => {
    const effect = known.effects.models[place]!
    const name = named?.[place]
    const plan = typeof name === 'string' ? fill(texts.plan, name) : any(place) ? texts.pruningPlan : texts.noPlan
    return element(
      'li',
      { 'data-model': place },
      element(
        'p',
        { class: 'whose' },
        nameOf(page, place),
        element('span', { class: 'quiet plan', title: plan }, element('bdi', {}, plan)),
      ),
      ...effectSentences(effect, texts).map((sentence) => written(sentence, page)),
      bar(page, effect),
    )
  })
  const all = known.effects.models.flatMap((effect) => shares(effect) ?? [])
  const legend = element(
    'p',
    { class: 'legend quiet', 'aria-hidden': 'true' },
    ...PARTS.filter((part) => all.some((one) => one[part] > 0)).map((part) => element('span', { class: part }, texts[LEGEND[part]])),
  )
  return [element('ul', { class: 'plans' }, ...shown), ...(all.length ? [legend] : [])]
}

const PARTS = ['kept', 'masked', 'removed', 'earlier'] as const
const LEGEND = { kept: 'kept', masked: 'masked', removed: 'removed', earlier: 'removedBefore' } as const

/** What became of the parameters that the model began with. */
function bar({ texts, language }: Page, effect: Effects['models'][number]): HTMLElement | undefined {
  const found = shares(effect)
  if (!found) return undefined
  const parts = PARTS.filter((part) => found[part] > 0)
  const said = parts.map((part) => `${texts[LEGEND[part]]} ${whole(found[part], language)}`).join(', ')
  const made = element(
    'div',
    { class: 'bar', role: 'img', 'aria-label': said, title: said },
    ...parts.map((part) => element('span', { class: part })),
  )
  for (const [i, part] of parts.entries()) (made.children[i] as HTMLElement).style.flexGrow = String(found[part])
  return made
}

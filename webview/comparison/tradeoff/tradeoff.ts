import type { Tradeoff, TradeoffQuery } from '../../../server/protocol/comparison'
import { element, heading, table as tableOf } from '../../parts/element'
import { bytes, fill, share, short, whole } from '../../parts/format'
import { icon } from '../../parts/icons'
import { redraw, redrawWhen } from '../../parts/redraw'
import { asking } from '../asking'
import { check, signButton } from '../controls'
import { epochMenu } from '../epochMenu'
import { asJson } from '../figures'
import { directionButton, directionOf, judged, metricChoice } from '../judging'
import { openMenu } from '../menu'
import { named, swatch } from '../names'
import type { MakeView, Page } from '../page'
import { type Point, type Points, pointsOf } from './points'
import { drawScatter, type Scatter } from './scatter'

const SIZES = ['parameters', 'sparsity', 'weights'] as const
const SIZE_TEXTS = { parameters: 'costParameters', sparsity: 'costSparsity', weights: 'costWeights' } as const
type SizeName = (typeof SIZES)[number]
const isSize = (cost: string): cost is SizeName => (SIZES as readonly string[]).includes(cost)

/** Which epoch of which model is the best trade between a metric and what it costs. */
export const tradeoff: MakeView = (page) => {
  const { texts, host, language } = page
  let found: Tradeoff | undefined
  let points: Points = { all: [], front: [] }
  let scatter: Scatter | undefined
  let at: Point | undefined
  const controls = element('div', { class: 'controls', role: 'group', 'aria-label': texts.tradeoff })
  const status = element('div', { class: 'status', role: 'status' })
  const picture = element('div', { class: 'picture' })
  const ring = element('span', { class: 'ring', hidden: true })
  const tip = element('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' })
  const plot = element('div', { class: 'plot', role: 'application', tabindex: 0 }, picture, ring, tip)
  const front = element('div', { class: 'front' })
  const legend = element(
    'p',
    { class: 'legend quiet', 'aria-hidden': 'true' },
    element('span', { class: 'name shared' }, swatch(), texts.shared),
    element('span', {}, element('span', { class: 'ring-sign' }), texts.front.toLocaleLowerCase(language)),
  )
  const both = element('div', { class: 'both' }, element('div', { class: 'chart' }, plot, legend), front)
  const box = element('div', { class: 'tradeoff' }, controls, status, both)

  const metric = () => judged(page)
  const cost = () => costOf(page)
  /** As chosen, else where the costs are of very different sizes; never where one of them is not above 0. */
  const isLog = () => {
    const costs = points.all.map((point) => point.cost)
    const [least, most] = [costs.reduce((a, b) => Math.min(a, b), Infinity), costs.reduce((a, b) => Math.max(a, b), 0)]
    const kept = page.choice('tradeoff.log')
    return least > 0 && most < Infinity && (typeof kept === 'boolean' ? kept : most / least >= 10)
  }
  const hasFront = () => directionOf(page, metric() ?? '') !== null && (isSize(cost()) || directionOf(page, cost()) !== null)
  const questions = asking(
    async (signal) => {
      const query = queryOf(page)
      if (!query) return
      found = await host.ask('tradeoff', query, signal)
      points = pointsOf(found, page.comparison)
      if (!hasFront()) points = { ...points, front: [] }
      // After an update the same epoch is looked at.
      at = at && points.all.find(({ reference }) => reference === at!.reference)
      drawControls()
      draw()
    },
    (reason) => {
      found = undefined
      points = { all: [], front: [] }
      draw()
      status.replaceChildren(element('p', { class: 'trouble' }, reason))
    },
  )
  function anew() {
    drawControls()
    questions.anew()
  }

  function drawControls() {
    const chosen = metric()
    const against = cost()
    const shows = [chosen, directionOf(page, chosen ?? ''), against, directionOf(page, against), isLog(), page.comparison.metrics.length]
    redrawWhen(controls, shows, () => {
      if (chosen === undefined) return []
      const keep = (name: string) => (value: string) => {
        page.choose(name, value)
        at = undefined
        anew()
      }
      const others = SIZES.map((size) => [size, texts[SIZE_TEXTS[size]]] as const)
      const metrics = metricChoice(page, { label: texts.tradeoffOf, at: chosen, changed: keep('metric') })
      const costs = metricChoice(page, { label: texts.tradeoffAgainst, at: against, others, changed: keep('tradeoff.cost') })
      return [
        element('span', { class: 'pair' }, texts.tradeoffOf, ...metrics),
        directionButton(page, chosen, anew),
        element('span', { class: 'pair' }, texts.tradeoffAgainst, ...costs),
        isSize(against) ? undefined : directionButton(page, against, anew),
        check('log', texts.logAxis, isLog(), (checked) => {
          page.choose('tradeoff.log', checked)
          drawPicture()
        }),
      ]
    })
  }

  function draw() {
    status.replaceChildren(...about().map((text) => element('p', {}, text)))
    both.hidden = points.all.length === 0
    plot.setAttribute('aria-label', fill(texts.scatter, metric() ?? '', costName(page, cost())))
    drawPicture()
    redraw(front, ...frontTable(page, points.front, cost(), menu))
  }

  /** What a reader must know of what is not in the picture. */
  function about(): string[] {
    const of = metric()
    if (of === undefined) return [texts.noMetrics]
    if (!found) return [texts.asking]
    if (!points.all.length) return [fill(texts.noPoints, of, costName(page, cost()))]
    const count = (number: number) => number.toLocaleString(language)
    const infinite = points.all.filter(({ value, cost: other }) => !Number.isFinite(value) || !Number.isFinite(other)).length
    const undirected = [of, ...(isSize(cost()) ? [] : [cost()])].find((one) => directionOf(page, one) === null)
    return [
      undirected !== undefined && fill(texts.frontUnknown, undirected),
      found.count > points.all.length && fill(texts.manyPoints, count(found.count), count(points.all.length)),
      hasFront() && found.frontCount > points.front.length && fill(texts.manyOnFront, count(found.frontCount), count(points.front.length)),
      found.without > 0 && fill(texts.withoutFigures, count(found.without)),
      infinite > 0 && fill(texts.infiniteFigures, count(infinite)),
    ].filter((text) => text !== false)
  }

  function drawPicture() {
    const width = Math.floor(plot.clientWidth)
    if (width <= 0 || !points.all.length) return
    const of = cost()
    scatter = drawScatter(points, {
      width,
      height: Math.round(Math.min(520, Math.max(300, width * 0.62))),
      log: isLog(),
      language,
      valueText: metric() ?? '',
      costText: costName(page, of),
      costTick: of === 'weights' ? (value) => bytes(value, language) : of === 'sparsity' ? (value) => share(value, 1, language) : undefined,
    })
    picture.replaceChildren(scatter.picture)
    show(at)
  }

  /** Looks at a point; by keyboard it is said too. */
  function show(point: Point | undefined, aloud = false) {
    at = point
    const place = point && scatter?.place(point)
    for (const part of [ring, tip]) part.hidden = !place
    if (point && aloud) page.say(said(point))
    if (!point || !place) return
    ring.style.left = `${place.x}px`
    ring.style.top = `${place.y}px`
    tip.replaceChildren(...tipOf(page, point, points.front.includes(point), metric() ?? '', cost()))
    const right = place.x > plot.clientWidth / 2
    tip.style.left = right ? 'auto' : `${place.x + 14}px`
    tip.style.right = right ? `${plot.clientWidth - place.x + 14}px` : 'auto'
    tip.style.top = `${Math.max(0, place.y - 12)}px`
  }

  function said(point: Point): string {
    const place = points.front.indexOf(point)
    return [
      point.reference,
      `${metric()} ${short(asJson(point.value), language)}`,
      `${costName(page, cost())} ${costText(point.cost, cost(), language)}`,
      place >= 0 && `${texts.onFront}, ${fill(texts.place, place + 1, points.front.length)}`,
    ]
      .filter(Boolean)
      .join(', ')
  }

  function menu({ reference }: Point, place: { readonly x: number; readonly y: number }, back: HTMLElement) {
    if (!host.act) return
    const parts = epochMenu(page, () => reference)
    openMenu(place, fill(texts.epochActions, reference), [{ kind: 'heading', text: reference }, ...parts], back)
  }

  const inPlot = (event: MouseEvent) => {
    const { left, top } = plot.getBoundingClientRect()
    return scatter?.nearest(event.clientX - left, event.clientY - top)
  }
  plot.addEventListener('pointermove', (event) => show(inPlot(event)))
  plot.addEventListener('pointerleave', () => show(undefined))
  plot.addEventListener('click', (event) => {
    const point = inPlot(event)
    show(point)
    if (point) menu(point, { x: event.clientX, y: event.clientY }, plot)
  })
  plot.addEventListener('keydown', (event) => {
    const go = (among: readonly Point[], by: number) => {
      if (!among.length) return
      const now = at ? among.indexOf(at) : -1
      const next = now < 0 ? (by > 0 ? 0 : among.length - 1) : Math.min(Math.max(now + by, 0), among.length - 1)
      show(among[next], true)
    }
    const moves: Readonly<Record<string, () => void>> = {
      ArrowRight: () => go(points.front, 1),
      ArrowLeft: () => go(points.front, -1),
      Home: () => show(points.front[0], true),
      End: () => show(points.front.at(-1), true),
      ArrowDown: () => go(points.all, 1),
      ArrowUp: () => go(points.all, -1),
      PageDown: () => go(points.all, 10),
      PageUp: () => go(points.all, -10),
      Escape: () => show(undefined),
      Enter: () => {
        const place = at && scatter?.place(at)
        const { left, top } = plot.getBoundingClientRect()
        if (at && place) menu(at, { x: left + place.x, y: top + place.y }, plot)
      },
    }
    const move = moves[event.key === ' ' ? 'Enter' : event.key]
    if (!move || event.target !== plot) return
    event.preventDefault()
    move()
  })
  new ResizeObserver(drawPicture).observe(plot)
  drawControls()
  draw()
  return {
    element: box,
    shown: anew,
    hidden: () => questions.stop(),
    renewed: () => questions.again(),
  }
}

function costOf(page: Page): string {
  const kept = page.choice('tradeoff.cost')
  return typeof kept === 'string' && (isSize(kept) || page.comparison.metrics.some(({ metric }) => metric === kept)) ? kept : 'parameters'
}

/** Where a direction is not known, there is no front to be asked for; the points are the same. */
function queryOf(page: Page): TradeoffQuery | undefined {
  const metric = judged(page)
  if (metric === undefined) return undefined
  const cost = costOf(page)
  const costDirection = cost === 'sparsity' ? 'higher' : isSize(cost) ? 'lower' : (directionOf(page, cost) ?? 'lower')
  return { metric, direction: directionOf(page, metric) ?? 'lower', cost, costDirection }
}

const costName = ({ texts }: Page, cost: string) => (isSize(cost) ? texts[SIZE_TEXTS[cost]] : cost)

function costText(value: number, cost: string, language: string): string {
  if (cost === 'weights') return bytes(value, language)
  if (cost === 'sparsity') return share(value, 1, language)
  return cost === 'parameters' ? whole(value, language) : short(asJson(value), language)
}

function tipOf(page: Page, point: Point, best: boolean, metric: string, cost: string): Node[] {
  const { texts, language, comparison } = page
  const figure = (name: string, value: string) =>
    element('div', { class: 'pair' }, element('span', { class: 'quiet' }, name), element('span', { class: 'figure' }, value))
  return [
    reference(point),
    figure(metric, short(asJson(point.value), language)),
    figure(costName(page, cost), costText(point.cost, cost, language)),
    ...(point.models.length > 1
      ? [
          element(
            'div',
            { class: 'quiet' },
            fill(
              texts.sharedBy,
              new Intl.ListFormat(language).format(point.models.slice(0, 4).map((place) => comparison.models[place]!.label)),
            ) + (point.models.length > 4 ? ` +${point.models.length - 4}` : ''),
          ),
        ]
      : []),
    ...(best ? [element('div', {}, texts.onFront)] : []),
  ]
}

const reference = ({ session, epoch, models }: Point) => named(session, `@${epoch}`, models)

type Menu = (point: Point, place: { readonly x: number; readonly y: number }, back: HTMLElement) => void

/** The front as a table: all that the picture tells, for those who don't see it. */
function frontTable(page: Page, front: readonly Point[], cost: string, menu: Menu): HTMLElement[] {
  const { texts, language, host } = page
  if (!front.length) return []
  const metric = judged(page) ?? ''
  const rows = front.map((point) => {
    const more = signButton(`menu ${point.reference}`, icon('more'), fill(texts.epochActions, point.reference), () => {
      const { left, bottom } = more.getBoundingClientRect()
      menu(point, { x: left, y: bottom }, more)
    })
    more.setAttribute('aria-haspopup', 'menu')
    return element(
      'tr',
      { 'data-reference': point.reference },
      element('th', { scope: 'row' }, reference(point)),
      element('td', { class: 'figure', title: String(point.value) }, short(asJson(point.value), language)),
      element('td', { class: 'figure', title: String(point.cost) }, costText(point.cost, cost, language)),
      host.act && element('td', { class: 'menu' }, more),
    )
  })
  const name = (text: string) => heading(element('span', { class: 'head', title: text }, text), { class: 'figure' })
  return [
    element('h2', {}, texts.front),
    element('p', { class: 'quiet' }, texts.frontAbout),
    tableOf(
      texts.front,
      [
        texts.epoch,
        name(metric),
        name(costName(page, cost)),
        host.act && heading(element('span', { class: 'unseen' }, texts.actions)),
      ].filter(Boolean),
      rows,
    ),
  ]
}

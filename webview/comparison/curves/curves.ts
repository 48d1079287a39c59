import type { Axis, Curves, Line } from '../../../server/protocol/comparison'
import type { Json } from '../../../server/protocol/model'
import { element } from '../../parts/element'
import { fill, short } from '../../parts/format'
import { searchField } from '../controls'
import type { MakeView, Page } from '../page'
import { secondsOf, ticks, tickTexts, type TimeUnit, timeUnit } from '../ticks'
import { Asking } from './asking'
import { Card } from './card'
import { dashesOf, finder, groupsOf, pinnedFirst } from './groups'
import { Paced } from './paced'
import { merge, type Range } from './points'
import type { Shared } from './shared'
import { Theme } from './theme'
import { marksOf, type Series } from './tree'
import { csvOf, valuesOf } from './values'

const AXES = ['epoch', 'step', 'time', 'sinceFork'] as const
type AxisChoice = (typeof AXES)[number]

/** How far beyond the screen charts are made, so that one who scrolls finds them there. */
const NEAR = '300px'
/** Padding and border of a card, in CSS pixels. */
const CARD_EDGES = 26
/** A little air beside the first and the last point. */
const MARGIN = 0.015
/** The narrowest part of the axis that one can zoom to, as a share of the whole. */
const NARROWEST = 1e-6
/** Only commits are told: what a training logs within an epoch is looked for so often. */
const LOGGING_MS = 2000
/** Nothing was zoomed so far away that it is the whole again. */
const ALMOST = 0.999
/** Tables that are opened again after a reload: the newest. */
const MOST_KEPT = 100

interface Chosen {
  axis: AxisChoice
  smoothing: number
  range: Range | null
  log: string[]
  pinned: string[]
  tables: string[]
}

/** The metrics of all models over their epochs: a chart for each name. */
export const curves: MakeView = (page) => new CurvesView(page)

class CurvesView implements Shared {
  readonly page: Page
  readonly element: HTMLElement
  readonly look: Theme
  readonly paced = new Paced()
  cursor: number | null = null
  readonly #chosen: Chosen
  readonly #asking: Asking
  readonly #grid = element('div', { class: 'grid' })
  readonly #cards = new Map<string, Card>()
  /** Those near enough to the screen to be made, and those on it. */
  readonly #seen = new Set<Card>()
  readonly #shown = new Set<Card>()
  readonly #frames = new Paced()
  readonly #near: IntersectionObserver
  readonly #onScreen: IntersectionObserver
  readonly #search: HTMLInputElement
  readonly #found = element('p', { class: 'quiet found', role: 'status' })
  readonly #trouble = element('p', { class: 'failed', role: 'alert', hidden: true })
  readonly #reset: HTMLButtonElement
  readonly #key: HTMLElement
  #dash: ReturnType<typeof dashesOf>
  #hidden = false
  #whole: Range | undefined
  /** By their lines, on the axis that is shown. */
  #ends = new Map<string, number>()
  #keep: ReturnType<typeof setTimeout> | undefined
  #logging: ReturnType<typeof setInterval> | undefined

  constructor(page: Page) {
    this.page = page
    const { texts } = page
    this.#chosen = chosenOf(page)
    this.#dash = dashesOf(page.comparison.metrics)
    this.look = new Theme(page)
    this.#asking = new Asking({
      page,
      axis: () => this.axis,
      view: () => this.view(),
      isWhole: () => this.#chosen.range === null,
      cursor: () => this.cursor,
      cards: () => (this.#hidden ? [] : [...this.#seen]),
      came: (ends) => this.#came(ends),
      failed: (error) => this.failed(error),
    })
    this.#near = this.#observe({ rootMargin: `${NEAR} 0px` }, (...moved) => this.#cameNear(...moved))
    this.#onScreen = this.#observe({}, (card, isOnScreen) => this.#cameOnScreen(card, isOnScreen))
    this.#search = searchField(page, 'curves.search', texts.curvesSearch, () => this.#filter())
    this.#reset = element('button', { type: 'button', class: 'reset', title: texts.curvesResetHow }, texts.curvesReset)
    this.#reset.addEventListener('click', () => this.zoom(null))
    this.#key = element('ul', { class: 'key quiet', 'aria-label': texts.curvesKey })
    this.element = element(
      'div',
      { class: 'curves' },
      element('div', { class: 'controls' }, this.#search, this.#axisChoice(), this.#smoothingChoice(), this.#reset),
      element('div', { class: 'below' }, this.#key, this.#found),
      this.#trouble,
      this.#grid,
      element('p', { class: 'quiet how' }, texts.curvesHow),
    )
    this.#arrange()
    page.onTheme(() => {
      this.look.renew()
      for (const card of this.#seen) {
        this.#drawSoon(card)
        card.point()
      }
    })
  }

  get axis(): Axis {
    return this.#chosen.axis === 'sinceFork' ? 'time' : this.#chosen.axis
  }
  get smoothing(): number {
    return this.#chosen.smoothing
  }

  shown(): void {
    this.#hidden = false
    if (this.#seen.size === 0) void this.#enterFirst()
    this.#asking.load()
    if (this.#chosen.range) this.#asking.sharpen()
    // What was called off when it was hidden.
    void this.#asking.renew([])
    this.#follow()
  }
  hidden(): void {
    this.#hidden = true
    this.#asking.stop()
    this.#follow()
  }
  renewed(sessions: readonly string[]): void {
    this.#hidden = false
    this.#follow()
    this.#arrange()
    this.#whole = undefined
    // Those that could not be had before, too.
    this.#asking.load()
    void this.#asking.renew(sessions)
    for (const card of this.#seen) card.renew()
  }

  isLog = (name: string) => this.#chosen.log.includes(name)
  setLog(name: string, log: boolean) {
    this.#chosen.log = this.#chosen.log.filter((one) => one !== name)
    if (log) this.#chosen.log.push(name)
    this.#choose()
  }
  isPinned = (name: string) => this.#chosen.pinned.includes(name)
  setPinned(name: string, pinned: boolean) {
    this.#chosen.pinned = this.#chosen.pinned.filter((one) => one !== name)
    if (pinned) this.#chosen.pinned.push(name)
    this.#choose()
    this.#order()
  }
  isTableShown = (name: string) => this.#chosen.tables.includes(name)
  setTableShown(name: string, shown: boolean) {
    if (shown === this.isTableShown(name)) return
    this.#chosen.tables = this.#chosen.tables.filter((one) => one !== name)
    if (shown) this.#chosen.tables.push(name)
    this.#choose()
  }
  dash: Shared['dash'] = (group, split) => this.#dash(group, split)

  endOf = (line: Line) => (this.axis === 'epoch' ? line.to : this.#ends.get(line.id))

  view = (): Range => this.#chosen.range ?? this.whole()

  whole = (): Range => {
    if (this.#whole) return this.#whole
    const { lines } = this.page.comparison
    let [from, to] = [Infinity, -Infinity]
    if (this.axis === 'epoch') {
      for (const line of lines) [from, to] = [Math.min(from, line.from), Math.max(to, line.to)]
    } else
      for (const card of this.#seen) {
        const { places } = card
        if (places) [from, to] = [Math.min(from, places[0]), Math.max(to, places[1])]
      }
    if (!(from <= to)) return [0, 1]
    const margin = to > from ? (to - from) * MARGIN : 0.5
    return (this.#whole = [from - margin, to + margin])
  }

  zoom(range: Range | null) {
    const [first, last] = this.whole()
    if (range) {
      const least = this.axis === 'time' ? (last - first) * NARROWEST : 1
      const middle = (range[0] + range[1]) / 2
      const from = Math.max(first, Math.min(range[0], middle - least / 2))
      const to = Math.min(last, Math.max(range[1], middle + least / 2))
      this.#chosen.range = to - from >= (last - first) * ALMOST ? null : [from, to]
    } else this.#chosen.range = null
    this.#zoomed()
    if (this.#chosen.range) this.#asking.sharpen()
    else for (const card of this.#seen) card.coarsen()
    clearTimeout(this.#keep)
    this.#keep = setTimeout(() => {
      this.#choose()
      for (const card of this.#seen) if (!this.#shown.has(card)) this.#drawSoon(card)
      for (const card of this.#seen) if (card.isTableShown) void card.showTable(true).catch(this.failed)
    }, 200)
  }

  point(at: number | null) {
    if (at === this.cursor) return
    this.cursor = at
    for (const card of this.#seen) card.point()
    this.#asking.point()
  }

  xTicks: Shared['xTicks'] = ([min, max], most) => {
    const { unit, zero } = this.#scale()
    const at = ticks((min - zero) / unit, (max - zero) / unit, most, this.axis !== 'time')
    return { at: at.map((one) => one * unit + zero), texts: tickTexts(at, this.page.language) }
  }

  axisText = () => {
    const { texts } = this.page
    const { axis } = this.#chosen
    if (axis === 'epoch') return texts.curvesEpoch
    if (axis === 'step') return texts.curvesStep
    return fill(axis === 'time' ? texts.curvesTimeIn : texts.curvesSinceForkIn, this.#timeUnit())
  }

  placeNumber = (x: number) => {
    const { unit, zero } = this.#scale()
    return (x - zero) / unit
  }

  placeText = (x: number) => {
    const { texts, language } = this.page
    if (this.axis === 'time') return `${short(Number(this.placeNumber(x).toPrecision(6)), language)} ${this.#timeUnit()}`
    return `${this.axis === 'epoch' ? texts.curvesEpoch : texts.curvesStep} ${x.toLocaleString(language)}`
  }

  failed = (error: unknown) => {
    this.#trouble.textContent = fill(this.page.texts.curvesFailed, error instanceof Error ? error.message : String(error))
    this.#trouble.hidden = false
  }

  everything: Shared['everything'] = async (group, range) => {
    const { lines } = this.page.comparison
    const all = await this.#asking.everything(
      group.metrics.map(({ metric }) => metric),
      range ?? this.whole(),
    )
    return all.flatMap(({ metric, line: id, piece }): Series[] => {
      const line = lines.find((one) => one.id === id)
      return line ? [{ ...merge(piece), metric, line, smoothed: null, join: null }] : []
    })
  }

  csv: Shared['csv'] = async (group) => {
    const { lines, models } = this.page.comparison
    const series = await this.everything(group, null)
    return csvOf(valuesOf(group, lines, models, series), this.axis === 'time' ? 's' : this.axis, models)
  }

  /** An epoch that goes on is on the axes of steps and time only. */
  #follow() {
    clearInterval(this.#logging)
    const { host, comparison } = this.page
    if (this.#hidden || this.axis === 'epoch' || !host.act) return
    const running = comparison.models.filter(({ status }) => status === 'running').map(({ id }) => id)
    if (running.length > 0) this.#logging = setInterval(() => void this.#asking.renew(running), LOGGING_MS)
  }

  /** A second or a day is one on the axis; and where its zero is. */
  #scale(): { readonly unit: number; readonly zero: number } {
    if (this.axis !== 'time') return { unit: 1, zero: 0 }
    return { unit: secondsOf[this.#timeUnit()], zero: this.#chosen.axis === 'sinceFork' ? this.#forkedAt() : 0 }
  }
  #timeUnit(): TimeUnit {
    const [from, to] = this.whole()
    return timeUnit(to - from)
  }
  /** Where the past that all share ends. */
  #forkedAt(): number {
    const line = this.#sharedByAll()
    return (line && this.endOf(line)) ?? 0
  }
  #sharedByAll() {
    const { lines, models } = this.page.comparison
    return lines.filter((line) => line.models.length === models.length).sort((a, b) => b.to - a.to)[0]
  }

  #axisChoice(): HTMLElement {
    const { texts } = this.page
    const names = { epoch: texts.curvesEpoch, step: texts.curvesStep, time: texts.curvesTime, sinceFork: texts.curvesSinceFork }
    const offered = AXES.filter((axis) => axis !== 'sinceFork' || this.#sharedByAll())
    const select = element(
      'select',
      {},
      ...offered.map((axis) => element('option', { value: axis, selected: axis === this.#chosen.axis }, names[axis])),
    )
    select.addEventListener('change', () => {
      const before = this.axis
      this.#chosen.axis = select.value as AxisChoice
      this.#whole = undefined
      if (this.axis !== before) {
        this.#asking.stop()
        this.#chosen.range = null
        this.#ends.clear()
        this.cursor = null
        for (const card of this.#seen) card.forget()
        this.#asking.load()
      }
      this.#choose()
      this.#follow()
      for (const card of this.#seen) if (card.isKnown) card.renew()
      this.#zoomed()
    })
    return element('label', {}, element('span', {}, texts.curvesAxis), select)
  }

  #smoothingChoice(): HTMLElement {
    const { texts, language } = this.page
    const shown = element('output', { class: 'figure' })
    const slider = element('input', {
      type: 'range',
      min: 0,
      max: 0.99,
      step: 0.01,
      value: this.smoothing,
      title: texts.curvesSmoothingHow,
    })
    const tell = () => {
      shown.textContent =
        this.smoothing === 0 ? texts.curvesNoSmoothing : this.smoothing.toLocaleString(language, { minimumFractionDigits: 2 })
    }
    slider.addEventListener('input', () => {
      this.#chosen.smoothing = Number(slider.value)
      tell()
      for (const card of this.#seen) card.renew()
    })
    slider.addEventListener('change', () => this.#choose())
    tell()
    return element('label', {}, element('span', {}, texts.curvesSmoothing), slider, shown)
  }

  /** A card for each name of metrics: those that are new come to the others. */
  #arrange() {
    const groups = groupsOf(this.page.comparison.metrics)
    const names = new Set(groups.map(({ name }) => name))
    for (const group of groups) {
      const known = this.#cards.get(group.name)
      if (known && known.metrics.join('\n') === group.metrics.map(({ metric }) => metric).join('\n')) continue
      const card = new Card(group, this)
      if (known) {
        this.#drop(known)
        known.element.replaceWith(card.element)
      } else this.#grid.append(card.element)
      this.#cards.set(group.name, card)
      this.#near.observe(card.element)
      this.#onScreen.observe(card.element)
    }
    for (const [name, card] of this.#cards)
      if (!names.has(name)) {
        this.#drop(card)
        card.element.remove()
        this.#cards.delete(name)
      }
    this.#dash = dashesOf(this.page.comparison.metrics)
    this.#order()
    this.#filter()
    this.#tellKey()
    this.#reset.disabled = this.#chosen.range === null
  }

  #drop(card: Card) {
    card.leave()
    this.#seen.delete(card)
    this.#shown.delete(card)
    this.#near.unobserve(card.element)
    this.#onScreen.unobserve(card.element)
  }

  #order() {
    const groups = pinnedFirst(groupsOf(this.page.comparison.metrics), this.#chosen.pinned)
    let before: Element | null = null
    for (const { name } of groups) {
      const { element: card } = this.#cards.get(name)!
      const next: Element | null = before ? before.nextElementSibling : this.#grid.firstElementChild
      // Those that are where they belong stay: what is moved loses its focus.
      if (card !== next) this.#grid.insertBefore(card, next)
      before = card
    }
  }

  #filter() {
    const find = finder(this.#search.value)
    let shown = 0
    for (const card of this.#cards.values()) {
      const found = find(card.group)
      card.element.hidden = !found
      if (found) shown++
    }
    const { texts, comparison, language } = this.page
    const all = this.#cards.size
    const count = (of: number) => of.toLocaleString(language)
    const more = comparison.moreMetrics > 0 ? ` ${fill(texts.curvesMore, count(comparison.moreMetrics))}` : ''
    this.#found.textContent =
      all === 0
        ? texts.curvesNoMetrics
        : shown === 0
          ? fill(texts.curvesNotFound, this.#search.value)
          : (shown === all ? fill(texts.curvesCount, count(all)) : fill(texts.curvesFound, count(shown), count(all))) + more
  }

  /** What the neutral lines and the marks are, with all names whole. */
  #tellKey() {
    const { comparison, texts } = this.page
    const sign = (kind: string) => element('span', { class: kind, 'aria-hidden': 'true' })
    const isShared = comparison.lines.some(({ models }) => models.length > 1)
    this.#key.replaceChildren(
      element('li', {}, isShared && sign('stroke'), isShared ? texts.shared : texts.curvesNothingShared),
      ...marksOf(comparison).flatMap(({ kind, labels, line }) =>
        labels.map((label) =>
          element(
            'li',
            { dir: 'auto' },
            sign(`ring ${kind}`),
            fill(kind === 'fork' ? texts.curvesForks : texts.curvesEnds, label, line.to),
          ),
        ),
      ),
    )
  }

  /** Tells which charts came into reach of an observer, and which went. */
  #observe(reach: IntersectionObserverInit, moved: (card: Card, isIn: boolean, width: number) => void) {
    return new IntersectionObserver((entries) => {
      // All charts of a view that is hidden are out of sight; they stay as they are.
      if (this.#hidden) return
      for (const { target, isIntersecting, boundingClientRect } of entries) {
        const card = this.#cardOf(target)
        if (card) moved(card, isIntersecting, boundingClientRect.width)
      }
    }, reach)
  }

  #cardOf(element: Element): Card | undefined {
    return this.#cards.get((element as HTMLElement).dataset['metric']!)
  }

  #cameNear(card: Card, isNear: boolean, width: number) {
    if (isNear) this.paced.soon(card.element, () => this.#enter(card, width))
    else {
      this.paced.forget(card.element)
      if (this.#seen.delete(card)) card.leave()
    }
  }

  #cameOnScreen(card: Card, isOnScreen: boolean) {
    if (isOnScreen) {
      this.#shown.add(card)
      this.#drawSoon(card)
    } else this.#shown.delete(card)
  }

  /** The first charts at once: until they are observed, frames go by. */
  async #enterFirst() {
    // The tab that the view lies in opens after this task.
    await Promise.resolve()
    for (const element of this.#grid.children) {
      if ((element as HTMLElement).hidden) continue
      const { top, width } = element.getBoundingClientRect()
      if (width === 0 || top > innerHeight) break
      this.#enter(this.#cardOf(element)!, width)
    }
    this.#asking.load()
  }

  /** `width` is the card's own. */
  #enter(card: Card, width: number) {
    this.#seen.add(card)
    card.enter(Math.floor(width) - CARD_EDGES)
    // Those that come in one frame are asked for together.
    this.paced.soon(this.#asking, () => this.#asking.load())
  }

  /** Data came: the whole may be more than it was, and lines may end elsewhere. */
  #came(ends: Curves['ends']) {
    this.#trouble.hidden = true
    const before = String([...this.whole(), ...this.#ends])
    this.#whole = undefined
    this.#ends = new Map(ends.map(({ line, at }) => [line, at]))
    if (String([...this.whole(), ...this.#ends]) !== before) for (const card of this.#seen) if (card.isKnown) card.renew()
  }

  #zoomed() {
    this.#reset.disabled = this.#chosen.range === null
    this.#redraw()
  }

  /** The chart under the pointer with each frame, the others on the screen in turn; those beyond it when the zoom rests. */
  #redraw() {
    for (const card of this.#shown) this.#drawSoon(card)
  }

  #drawSoon(card: Card) {
    this.#frames.soon(card, () => card.draw(), card.element.matches(':hover'))
  }

  #choose() {
    const { axis, smoothing, range, log, pinned, tables } = this.#chosen
    this.page.choose('curves', {
      axis,
      smoothing,
      range: range && [...range],
      log: [...log],
      pinned: [...pinned],
      tables: tables.slice(-MOST_KEPT),
    })
  }
}

/** What was chosen before, as far as it still makes sense. */
function chosenOf(page: Page): Chosen {
  const kept = page.choice('curves')
  const { axis, smoothing, range, log, pinned, tables } = (
    typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? kept : {}
  ) as Record<string, Json | undefined>
  const texts = (value: Json | undefined) => (Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [])
  const [from, to] = Array.isArray(range) ? range : []
  return {
    axis: AXES.find((one) => one === axis) ?? 'epoch',
    smoothing: typeof smoothing === 'number' && smoothing >= 0 && smoothing < 1 ? smoothing : 0,
    range: typeof from === 'number' && typeof to === 'number' && from < to ? [from, to] : null,
    log: texts(log),
    pinned: texts(pinned),
    tables: texts(tables),
  }
}

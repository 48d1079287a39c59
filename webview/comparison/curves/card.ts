import type { Line } from '../../../server/protocol/comparison'
import { element } from '../../parts/element'
import { fill, short } from '../../parts/format'
import { logTicks, ticks, tickTexts } from '../ticks'
import type { Found } from './asking'
import { CanvasPainter } from './canvas'
import type { Group } from './groups'
import { Live } from './live'
import type { Drawing } from './paint'
import { paintPicture, type Picture, PICTURE_WIDTH, pictureHeight } from './picture'
import { isReduced, nearestPlace, type Piece, type Range } from './points'
import { atEpoch, isUnsure, last, nearest, type Reading, step } from './reading'
import { type Readings, readoutRows } from './readout'
import type { Shared } from './shared'
import { SvgPainter } from './svg'
import { extent, pathOf, placedMarks, type Remark, remarksOf, type Series, seriesOf } from './tree'
import { fileName, valuesOf } from './values'

type Known = Map<string, Map<string, Piece>>

/** How far from the cursor the end of a model may be, as a share of what is seen. */
const REACH = 0.02
/** A part of the axis is asked for anew when it is narrower than this share of what was asked for. */
const COARSER = 0.6
const SCALE = 2

/** One chart: all splits of one metric, of all models. What costs something is made when it is seen, and let go when it is not. */
export class Card {
  readonly group: Group
  readonly element: HTMLElement
  readonly #shared: Shared
  readonly #coarse: Known = new Map()
  #fine: { readonly range: Range; readonly width: number; readonly known: Known } | undefined
  #series: readonly Series[] = []
  #byPlace = new Map<string, Series>()
  #exact: { readonly at: number; readonly known: Known } | undefined
  #live: Live | undefined
  /** What waits until the values at the cursor are known. */
  #waiting: { readonly at: number | null; readonly done: () => void } | undefined

  constructor(group: Group, shared: Shared) {
    this.group = group
    this.#shared = shared
    this.element = element(
      'section',
      { class: 'card', 'data-metric': group.name },
      element('div', { class: 'head' }, element('h2', { title: group.name }, element('bdi', {}, group.name))),
    )
    this.element.style.setProperty('--rows', String(readoutRows(group, shared)))
  }

  get metrics(): readonly string[] {
    return this.group.metrics.map(({ metric }) => metric)
  }

  get isSeen(): boolean {
    return this.#live !== undefined
  }

  get isKnown(): boolean {
    return this.#coarse.size > 0
  }

  /** CSS pixels of its plotting area. */
  get width(): number {
    return this.#live?.plot?.width ?? 400
  }

  /** It came near to what is seen, so wide in CSS pixels. */
  enter(width: number): void {
    if (this.#live) return
    this.#live = new Live(this, this.#shared, width)
    this.element.append(...this.#live.parts)
    this.element.firstElementChild!.append(this.#live.tools)
    this.refresh()
  }

  /** It is far from it. */
  leave(): void {
    this.#shared.paced.forget(this)
    this.#live?.destroy()
    this.#live = undefined
    this.forget()
  }

  /** Another axis, or other lines: nothing that is known holds. */
  forget(): void {
    this.#coarse.clear()
    this.#fine = undefined
    this.#exact = undefined
  }

  /** What all of its metrics are, on all lines or on some; in a part of the axis, or coarsely everywhere. */
  learn(found: readonly Found[], lines: readonly string[] | undefined, fine?: { readonly range: Range; readonly width: number }): void {
    this.#exact = undefined
    let known = this.#coarse
    if (fine) {
      const same = this.#fine?.range[0] === fine.range[0] && this.#fine.range[1] === fine.range[1]
      if (!this.#fine || !same) this.#fine = { ...fine, known: new Map() }
      known = this.#fine.known
    }
    for (const [metric, pieces] of knownOf(this.metrics, found)) {
      const others = lines && known.get(metric) ? [...known.get(metric)!].filter(([line]) => !lines.includes(line)) : []
      known.set(metric, new Map([...others, ...pieces]))
    }
    this.renew()
  }

  /** The points at a place of the axis, each by itself. */
  learnAt(at: number, found: readonly Found[]): void {
    this.#exact = { at, known: knownOf(this.metrics, found) }
    this.point()
  }

  coarsen(): void {
    if (!this.#fine) return
    this.#fine = undefined
    this.renew()
  }

  /** Whether the part of the axis that is looked at is known less finely than it can be drawn. */
  isBlurred(range: Range): boolean {
    const width = range[1] - range[0]
    const fine = this.#fine
    const covered = fine && range[0] >= fine.range[0] && range[1] <= fine.range[1]
    return this.isReduced(range) && (!covered || width < fine.width * COARSER)
  }

  /** Whether some of what is known of a part of the axis stands for several points. */
  isReduced(range: Range): boolean {
    const fine = this.#fine
    const covered = fine && range[0] >= fine.range[0] && range[1] <= fine.range[1]
    const known = covered ? fine.known : this.#coarse
    return [...known.values()].some((pieces) => [...pieces.values()].some((piece) => isReduced(piece, covered ? fine.range : undefined)))
  }

  /** Which part of the axis is known finely: it is kept so while a model goes on. */
  get fineRange(): { readonly range: Range; readonly width: number } | undefined {
    return this.#fine
  }

  /** The smallest and the largest place of what is known. */
  get places(): Range | undefined {
    let from = Infinity
    let to = -Infinity
    for (const pieces of this.#coarse.values())
      for (const { x } of pieces.values())
        if (x.length) {
          from = Math.min(from, x[0]!)
          to = Math.max(to, x.at(-1)!)
        }
    return from <= to ? [from, to] : undefined
  }

  /** Makes the curves anew soon. */
  renew(): void {
    // Before charts that are only made: of those nothing is seen yet.
    this.#shared.paced.soon(this, () => this.refresh(), true)
  }

  /** Makes the curves anew from what is known. */
  refresh(): void {
    if (!this.#live) return
    const { lines } = this.#shared.page.comparison
    this.#series = this.metrics.flatMap((metric) => {
      const coarse = this.#coarse.get(metric)
      if (!coarse) return []
      return seriesOf(lines, metric, { coarse, fine: this.#fine?.known.get(metric), range: this.#fine?.range }, this.#shared.smoothing)
    })
    this.#byPlace = new Map(this.#series.map((series) => [`${series.metric}\n${series.line.id}`, series]))
    this.#live.filled()
    this.point()
    if (this.isTableShown && this.isKnown) void this.showTable(true).catch(this.#shared.failed)
  }

  /** Draws the part of the axis that is looked at. */
  draw(): void {
    this.#live?.draw()
  }

  drawing(): Drawing {
    const { dash, endOf, page } = this.#shared
    return {
      series: this.#series,
      marks: placedMarks(page.comparison, endOf),
      dash: (metric) => dash(this.group, this.group.metrics.find((one) => one.metric === metric)!.split),
    }
  }

  get series(): readonly Series[] {
    return this.#series
  }

  remarks(): string[] {
    if (!this.isKnown) return []
    const { texts, language } = this.#shared.page
    const sentence = (remark: Remark) => {
      if (remark.kind === 'one') return fill(texts.curvesOne, short(remark.value, language), this.#shared.placeText(remark.x))
      if (remark.kind === 'constant') return fill(texts.curvesConstant, short(remark.value, language))
      return { none: texts.curvesNone, onlyNaN: texts.curvesOnlyNaN, nan: texts.curvesNaN, notPositive: texts.curvesNotPositive }[
        remark.kind
      ]
    }
    return remarksOf(this.#series, this.#shared.isLog(this.group.name)).map(sentence)
  }

  /** The values of all models at the cursor, or at their ends. */
  readings(): Readings {
    const { axis, cursor, page } = this.#shared
    const { models, lines } = page.comparison
    return this.group.metrics.map(({ metric }) =>
      models.map((_, model): Reading | undefined => {
        const path = pathOf(lines, model)
        const seriesOf = this.#of(metric)
        if (cursor === null) return last(path, seriesOf)
        const [from, to] = this.#shared.view()
        const found = axis === 'epoch' ? atEpoch(path, seriesOf, cursor) : nearest(path, seriesOf, cursor, (to - from) * REACH)
        if (!found || found.value !== undefined || this.#exact?.at !== cursor) return found
        const exact = this.#exact.known.get(metric)?.get(found.line.id)
        if (exact?.coarser) return { ...found, leftOut: true }
        const place = exact ? nearestPlace(exact.x, cursor) : -1
        if (!exact || place < 0 || (axis === 'epoch' && exact.x[place] !== cursor)) return undefined
        return { line: found.line, x: exact.x[place]!, epoch: (exact.epoch ?? exact.x)[place], value: exact.value[place] }
      }),
    )
  }

  readonly #of = (metric: string) => (line: string) => this.#byPlace.get(`${metric}\n${line}`)

  /** Whether the value at the cursor is one that only the server knows. */
  get isUnsure(): boolean {
    return this.#shared.cursor !== null && this.readings().flat().some(isUnsure)
  }

  /** Shows the values at the cursor. */
  point(): void {
    if (!this.#live) return
    const readings = this.readings()
    this.#live.point(readings)
    const waiting = this.#waiting
    if (!waiting || readings.flat().some(isUnsure)) return
    this.#waiting = undefined
    if (waiting.at === this.#shared.cursor) waiting.done()
  }

  /** Does something once the values at the cursor are known, unless it was moved before. */
  whenKnown(done: () => void): void {
    this.#waiting = { at: this.#shared.cursor, done }
    this.point()
  }

  /** What place the values are of. */
  title(): string {
    const { cursor, page } = this.#shared
    return cursor === null ? page.texts.curvesAtEnd : this.#shared.placeText(cursor)
  }

  sayValues(): void {
    this.whenKnown(() => this.#shared.page.say(this.#live!.readout.text(this.title(), this.readings())))
  }

  /** A place that has values, near one that may have none. */
  snap(x: number): number {
    const { axis, page, view } = this.#shared
    if (axis === 'epoch') {
      const { lines } = page.comparison
      const first = Math.min(...lines.map(({ from }) => from))
      return Math.max(first, Math.min(Math.round(x), Math.max(...lines.map(({ to }) => to))))
    }
    const [from, to] = view()
    let found: number | undefined
    for (const { metric } of this.group.metrics)
      for (const model of page.comparison.models.keys()) {
        const reading = nearest(pathOf(page.comparison.lines, model), this.#of(metric), x, to - from)
        if (reading && (found === undefined || Math.abs(reading.x - x) < Math.abs(found - x))) found = reading.x
      }
    return found ?? x
  }

  stepped(by: 1 | -1): number {
    const { axis, cursor, page } = this.#shared
    if (axis === 'epoch') return this.snap(cursor! + by)
    const readings = this.readings().flat()
    const at = readings.find((one) => one?.x === cursor) ?? readings.find((one) => one !== undefined)
    if (!at) return cursor!
    const model = at.line.models[0]!
    const metric = this.group.metrics.find((one) => one.models.includes(model)) ?? this.group.metrics[0]!
    return step(pathOf(page.comparison.lines, model), this.#of(metric.metric), cursor!, by)
  }

  /** The epochs at the cursor that something can be done with, and which of them is nearest to the pointer. */
  epochs(top: number | null): { readonly epochs: readonly { readonly line: Line; readonly number: number }[]; readonly nearest: number } {
    const { axis, cursor, page } = this.#shared
    const { lines } = page.comparison
    const readings = this.readings().flat()
    const epochs =
      axis === 'epoch'
        ? lines.filter(({ from, to }) => cursor! >= from && cursor! <= to).map((line) => ({ line, number: cursor! }))
        : lines.flatMap((line) => {
            const reading = readings.find((one) => one?.line.id === line.id)
            // An epoch that goes on is none yet that something can be done with.
            return reading?.epoch !== undefined && reading.epoch <= line.to ? [{ line, number: reading.epoch }] : []
          })
    const distance = (line: Line) =>
      Math.min(
        Infinity,
        ...readings.map((one) =>
          one?.line.id === line.id && one.value !== undefined ? Math.abs((this.#live?.plot?.top(one.value) ?? 0) - top!) : Infinity,
        ),
      )
    const order = epochs.map((one, i) => ({ i, away: top === null ? i : distance(one.line) }))
    return { epochs, nearest: order.sort((a, b) => a.away - b.away)[0]?.i ?? 0 }
  }

  get isTableShown(): boolean {
    return this.#shared.isTableShown(this.group.name)
  }

  /** The values of the part of the axis that is looked at, each as it was logged. */
  async showTable(shown: boolean): Promise<void> {
    this.#shared.setTableShown(this.group.name, shown)
    const { page, view } = this.#shared
    const { lines, models } = page.comparison
    const range = view()
    const reduced = shown && this.isReduced(range)
    const all = reduced ? await this.#shared.everything(this.group, range) : this.#series
    // It was closed, or something else is looked at, before all were there.
    if (this.isTableShown !== shown || String(view()) !== String(range)) return
    this.#live?.table(shown ? valuesOf(this.group, lines, models, all, range) : undefined)
  }

  picture(): Picture {
    const { page, look, axisText, xTicks, view } = this.#shared
    const { comparison, texts } = page
    const range = view()
    const log = this.#shared.isLog(this.group.name)
    const [yMin, yMax] = this.#live?.plot?.limits() ?? extent(this.#series, range, log)
    const y = (log ? logTicks : ticks)(yMin, yMax, 10)
    const shared = comparison.lines.some(({ models }) => models.length > 1)
    const splits = this.group.metrics.length > 1 ? this.group.metrics : []
    return {
      title: this.group.name,
      axis: axisText(),
      x: xTicks(range, 12),
      y: { at: y, texts: tickTexts(y, page.language) },
      view: { xMin: range[0], xMax: range[1], yMin, yMax, log },
      drawing: this.drawing(),
      legend: [
        ...comparison.models.map(({ label }, model) => ({ text: label, colour: look.colour([model]), dash: [] })),
        ...(shared ? [{ text: texts.shared, colour: look.colour([]), dash: [] }] : []),
        ...splits.map(({ split }) => ({ text: split, colour: look.foreground, dash: this.#shared.dash(this.group, split) })),
      ],
      remarks: this.remarks(),
    }
  }

  async save(kind: 'png' | 'svg' | 'csv'): Promise<void> {
    const { page, look } = this.#shared
    const name = fileName(this.group.name, kind)
    if (kind === 'csv') {
      page.host.save(name, await this.#shared.csv(this.group))
      return
    }
    const picture = this.picture()
    const height = pictureHeight(picture)
    if (kind === 'svg') {
      const painter = new SvgPainter(look.font)
      paintPicture(painter, picture, look)
      page.host.save(name, painter.done(PICTURE_WIDTH, height, look.background, this.group.name))
      return
    }
    const canvas = element('canvas', { width: PICTURE_WIDTH * SCALE, height: height * SCALE })
    const context = canvas.getContext('2d')!
    context.scale(SCALE, SCALE)
    context.fillStyle = look.background
    context.fillRect(0, 0, PICTURE_WIDTH, height)
    paintPicture(new CanvasPainter(context, look.font, 1), picture, look)
    page.host.save(name, canvas.toDataURL('image/png').split(',')[1]!, true)
  }
}

function knownOf(metrics: readonly string[], found: readonly Found[]): Known {
  const known: Known = new Map(metrics.map((metric) => [metric, new Map<string, Piece>()]))
  for (const { metric, line, piece } of found) known.get(metric)?.set(line, piece)
  return known
}

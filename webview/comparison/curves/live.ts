import { element } from '../../parts/element'
import { fill } from '../../parts/format'
import { icon, type Icon } from '../../parts/icons'
import { epochMenu } from '../epochMenu'
import { closeMenu, type MenuPart, openMenu } from '../menu'
import type { Card } from './card'
import { gestures } from './gestures'
import type { Drawing } from './paint'
import { Plot } from './plot'
import { readout, type Readings, type Readout } from './readout'
import type { Shared } from './shared'
import type { Series } from './tree'
import type { Values } from './values'
import { type ValueTable, valueTable } from './valueTable'

/** CSS pixels. */
const LEAST_WIDTH = 120

/** What there is of a chart while it is seen. */
export class Live {
  readonly readout: Readout
  readonly tools: HTMLElement
  readonly parts: readonly HTMLElement[]
  plot: Plot | undefined
  readonly #card: Card
  readonly #shared: Shared
  readonly #box: HTMLElement
  readonly #note: HTMLElement
  readonly #values = element('div')
  #table: ValueTable | undefined
  readonly #line = element('div', { class: 'cursor' })
  readonly #dots: HTMLElement[] = []
  readonly #resized: ResizeObserver
  #width: number
  #arranged = ''

  constructor(card: Card, shared: Shared, width: number) {
    this.#width = width
    this.#card = card
    this.#shared = shared
    const { texts } = shared.page
    this.readout = readout(card.group, shared)
    this.#note = element('p', { class: 'note', role: 'status' })
    this.#box = element('div', {
      class: 'plot',
      tabindex: 0,
      role: 'application',
      'aria-roledescription': texts.curvesChart,
      'aria-label': fill(texts.curvesChartOf, card.group.name, shared.axisText()),
    })
    this.tools = this.#tools()
    this.parts = [this.#box, this.#note, this.readout.element, this.#values]
    gestures(this.#box, shared, {
      plot: () => this.plot,
      snap: (x) => card.snap(x),
      step: (by) => card.stepped(by),
      end: (which) => card.snap(shared.whole()[which === 'first' ? 0 : 1]),
      menu: (top) => (shared.axis === 'epoch' ? this.#menu(top) : card.whenKnown(() => this.#menu(top))),
      moved: () => card.sayValues(),
    })
    this.#resized = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry!.contentRect.width)
      if (width === 0 || width === this.#width) return
      this.#width = width
      this.plot?.resize(width)
    })
    this.#resized.observe(this.#box)
  }

  /** What is known is another. */
  filled() {
    if (!this.#card.isKnown) return
    if (!this.plot) this.#make()
    // The rows of names above are settled once for what is whole: not at every zoom.
    const arranged = JSON.stringify([this.#shared.axis, this.#shared.whole(), this.#card.isKnown])
    if (arranged !== this.#arranged) {
      this.#arranged = arranged
      this.plot!.arrange()
    } else this.draw()
    const remarks = this.#card.remarks()
    const note = remarks.join(' ')
    if (this.#note.textContent !== note) this.#note.textContent = note
    this.plot!.canvas.setAttribute('role', 'img')
    this.plot!.canvas.setAttribute('aria-label', this.#says(note))
  }

  #make() {
    const { page, look, view, whole, xTicks, axisText, isLog } = this.#shared
    const card = this.#card
    let drawing: { readonly of: readonly Series[]; readonly is: Drawing } | undefined
    this.plot = new Plot(this.#box, Math.max(LEAST_WIDTH, this.#width), {
      log: isLog(card.group.name),
      language: page.language,
      look,
      view,
      whole,
      xTicks,
      axisText,
      // Made once for what is known: a frame allocates nothing of the size of the data.
      drawing: () => {
        if (drawing?.of !== card.series) drawing = { of: card.series, is: card.drawing() }
        return drawing.is
      },
    })
    this.plot.over.append(this.#line)
  }

  /** Another kind of axis. */
  remake() {
    this.plot?.destroy()
    this.plot = undefined
    this.#arranged = ''
    this.#dots.length = 0
    this.#card.refresh()
  }

  draw() {
    this.plot?.draw()
    this.#place()
  }

  /** Values of all models in words, for the picture. */
  #says(note: string): string {
    const { texts } = this.#shared.page
    const about = fill(texts.curvesChartOf, this.#card.group.name, this.#shared.axisText())
    return [about, this.readout.text(texts.curvesAtEnd, this.#card.readings()), note].filter(Boolean).join('. ')
  }

  #readings: Readings = []
  point(readings: Readings) {
    this.#readings = readings
    this.readout.show(this.#card.title(), readings)
    this.#place()
  }

  /** The cursor and its dots, where they belong now. */
  #place() {
    const { plot } = this
    if (!plot) return
    const { cursor, look, view } = this.#shared
    const [from, to] = view()
    const shown = cursor !== null && cursor >= from && cursor <= to
    this.#line.hidden = !shown
    if (shown) this.#line.style.transform = `translateX(${Math.round(plot.left(cursor))}px)`
    const seen = new Set<string>()
    let used = 0
    if (shown)
      for (const [metric, ofMetric] of this.#readings.entries())
        for (const reading of ofMetric) {
          if (reading?.value === undefined || seen.has(`${metric} ${reading.line.id}`)) continue
          seen.add(`${metric} ${reading.line.id}`)
          const top = plot.top(reading.value)
          if (!(top >= -4 && top <= plot.over.clientHeight + 4)) continue
          const dot = (this.#dots[used] ??= element('div', { class: 'at' }))
          if (!dot.isConnected) plot.over.append(dot)
          dot.hidden = false
          dot.style.background = look.colour(reading.line.models)
          dot.style.transform = `translate(${plot.left(reading.x)}px, ${top}px)`
          used++
        }
    for (const dot of this.#dots.slice(used)) dot.hidden = true
  }

  /** Shows values in a table, in the one that is there; undefined: none. */
  table(values: Values | undefined) {
    if (values) {
      if (!this.#table) this.#values.append((this.#table = valueTable(this.#card.group.name, this.#shared)).element)
      this.#table.show(values)
    } else {
      this.#table?.element.remove()
      this.#table = undefined
    }
  }

  #tools(): HTMLElement {
    const { texts } = this.#shared.page
    const { name } = this.#card.group
    const shared = this.#shared
    const toggle = (sign: Icon, text: string, isOn: () => boolean, turn: (on: boolean) => void) => {
      const made = tool(sign, text)
      const tell = () => made.setAttribute('aria-pressed', String(isOn()))
      made.addEventListener('click', () => {
        turn(!isOn())
        tell()
      })
      tell()
      return made
    }
    const save = tool('save', texts.curvesSave)
    save.setAttribute('aria-haspopup', 'menu')
    save.addEventListener('click', () => {
      const { left, bottom } = save.getBoundingClientRect()
      const part = (kind: 'png' | 'svg' | 'csv', text: string): MenuPart => ({
        kind: 'act',
        text,
        act: () => void this.#card.save(kind).catch(shared.failed),
      })
      openMenu(
        { x: left, y: bottom + 2 },
        texts.curvesSave,
        [part('png', texts.curvesPng), part('svg', texts.curvesSvg), part('csv', texts.curvesCsv)],
        save,
      )
    })
    return element(
      'div',
      { class: 'tools', role: 'toolbar', 'aria-label': name },
      toggle(
        'pin',
        texts.curvesPin,
        () => shared.isPinned(name),
        (on) => shared.setPinned(name, on),
      ),
      toggle(
        'log',
        texts.curvesLog,
        () => shared.isLog(name),
        (on) => {
          shared.setLog(name, on)
          this.remake()
        },
      ),
      toggle(
        'table',
        texts.curvesTable,
        () => this.#card.isTableShown,
        (on) => void this.#card.showTable(on).catch(shared.failed),
      ),
      save,
    )
  }

  /** What can be done with the epoch at the cursor. */
  #menu(top: number | null) {
    const { page, cursor, look } = this.#shared
    const { host, texts, trusted } = page
    if (!host.act || !trusted || cursor === null || !this.plot) return
    const { epochs, nearest } = this.#card.epochs(top)
    let chosen = epochs[nearest]
    if (!chosen) return
    const called = ({ line, number }: (typeof epochs)[number]) => `${line.sessionName}@${number}`
    const choices = epochs.map((one): MenuPart => ({
      kind: 'choice',
      text: called(one),
      swatch: look.colour(one.line.models),
      checked: one === chosen,
      choose: () => (chosen = one),
    }))
    const { left, top: above, height } = this.plot.over.getBoundingClientRect()
    openMenu(
      { x: left + this.plot.left(cursor) + 10, y: above + (top ?? height / 3) + 6 },
      fill(texts.epochActions, this.#shared.placeText(cursor)),
      [
        ...(choices.length > 1 ? choices : [{ kind: 'heading', text: called(chosen) } as const]),
        ...epochMenu(page, () => `${chosen!.line.sessionId}@${chosen!.number}`),
      ],
      this.#box,
    )
  }

  destroy() {
    closeMenu()
    this.#resized.disconnect()
    this.plot?.destroy()
    this.tools.remove()
    for (const part of this.parts) part.remove()
  }
}

const tool = (sign: Icon, text: string) => element('button', { type: 'button', class: 'tool', title: text, 'aria-label': text }, icon(sign))

import UPlot from 'uplot'
import { limits, logTicks, ticks, tickTexts } from '../ticks'
import { CanvasPainter } from './canvas'
import { type Drawing, type Frame, LABEL_ROW, type Look, paint, placeY, rowsOf } from './paint'
import type { Range } from './points'
import { extent } from './tree'

/** What a plot shows, asked anew for each frame. */
export interface Plotted {
  readonly log: boolean
  readonly language: string
  readonly look: Look
  drawing(): Drawing
  view(): Range
  /** All of the axis. */
  whole(): Range
  xTicks(range: Range, most: number): { readonly at: readonly number[]; readonly texts: readonly string[] }
  axisText(): string
}

export const PLOT_HEIGHT = 236
const X_AXIS = 26
const X_LABEL = 16
const X_SPACE = 50
const Y_SPACE = 34
/** A tick's digit is so wide, in CSS pixels. */
const DIGIT = 6.4

// The enumeration is in uPlot's types only, and not in what is built.
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment
const LOG: Partial<UPlot.Scale> = { distr: 3 }

/**
 * The canvas with its axes. The curves are drawn into it by `paint`: uPlot's own series share one array of places on the axis, and
 * lines of models that log at different steps have each their own.
 */
export class Plot {
  readonly #plot: UPlot
  readonly #plotted: Plotted
  #yAxis = 44
  #rows = 0
  #width = 0

  constructor(box: HTMLElement, width: number, plotted: Plotted) {
    this.#plotted = plotted
    this.#width = width
    const { look, log, language } = plotted
    const font = `11px ${look.font}`
    const line = { stroke: () => look.grid, width: 1 }
    this.#plot = new UPlot(
      {
        width,
        height: PLOT_HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        padding: [() => this.#rows * LABEL_ROW + 8, 14, 0, 0],
        series: [{}],
        scales: {
          x: { time: false, range: () => [...plotted.view()] },
          y: { ...(log ? LOG : {}), range: () => [...limits(...extent(plotted.drawing().series, plotted.view(), log), log)] },
        },
        axes: [
          {
            stroke: () => look.quiet,
            font,
            labelFont: font,
            label: () => plotted.axisText(),
            labelSize: X_LABEL,
            labelGap: 0,
            size: X_AXIS,
            gap: 4,
            grid: line,
            ticks: { show: false },
            border: { show: true, ...line },
            splits: (plot, _axis, min, max) => [...plotted.xTicks([min, max], this.#room(plot, X_SPACE)).at],
            values: (plot) => [...plotted.xTicks(plotted.view(), this.#room(plot, X_SPACE)).texts],
            filter: (_plot, splits) => splits,
          },
          {
            scale: 'y',
            stroke: () => look.quiet,
            font,
            size: (_plot, values) => this.#yWidth(values),
            gap: 6,
            grid: line,
            ticks: { show: false },
            splits: (_plot, _axis, min, max) => (log ? logTicks : ticks)(min, max, PLOT_HEIGHT / Y_SPACE),
            values: (_plot, splits) => tickTexts(splits, language),
            filter: (_plot, splits) => splits,
          },
        ],
        hooks: {
          draw: [
            ({ ctx, bbox }) => {
              ctx.save()
              paint(new CanvasPainter(ctx, look.font, UPlot.pxRatio), this.#frame(bbox), plotted.drawing(), look)
              ctx.restore()
            },
          ],
        },
      },
      [[]],
      box,
    )
  }

  /** Where the pointer is told from: the plotting area. */
  get over(): HTMLElement {
    return this.#plot.over
  }

  get canvas(): HTMLCanvasElement {
    return this.#plot.ctx.canvas
  }

  get width(): number {
    return this.#plot.bbox.width / UPlot.pxRatio || this.#width
  }

  /** Draws what is looked at now, at once. */
  draw(): void {
    const [min, max] = this.#plotted.view()
    this.#plot.batch(() => this.#plot.setScale('x', { min, max }))
  }

  /** How many rows of names stand above, for the whole of the axis. */
  arrange(): void {
    const [xMin, xMax] = this.#plotted.whole()
    const { bbox, ctx } = this.#plot
    ctx.save()
    this.#rows = rowsOf(
      new CanvasPainter(ctx, this.#plotted.look.font, UPlot.pxRatio),
      { ...this.#frame(bbox), xMin, xMax },
      this.#plotted.drawing(),
    )
    ctx.restore()
    this.#plot.redraw(true, true)
  }

  resize(width: number): void {
    this.#width = width
    this.#plot.setSize({ width, height: PLOT_HEIGHT })
  }

  /** In CSS pixels of the plotting area. */
  left(x: number): number {
    const [min, max] = this.#plotted.view()
    return ((x - min) / (max - min)) * this.width
  }

  at(left: number): number {
    const [min, max] = this.#plotted.view()
    return min + (left / this.width) * (max - min)
  }

  top(value: number): number {
    const { top, height } = this.#plot.bbox
    return (placeY(this.#frame({ left: 0, top, width: 1, height }), value) - top) / UPlot.pxRatio
  }

  limits(): Range {
    const { min, max } = this.#plot.scales['y']!
    return [min ?? 0, max ?? 1]
  }

  destroy(): void {
    this.#plot.destroy()
  }

  #frame({ left, top, width, height }: UPlot.BBox): Frame {
    const { x, y } = this.#plot.scales as { x: UPlot.Scale; y: UPlot.Scale }
    return {
      left,
      top,
      width,
      height,
      xMin: x.min ?? 0,
      xMax: x.max ?? 1,
      yMin: y.min ?? 0,
      yMax: y.max ?? 1,
      log: this.#plotted.log,
      pixel: UPlot.pxRatio,
    }
  }

  #room(plot: UPlot, space: number) {
    return Math.max(2, Math.floor((plot.bbox.width / UPlot.pxRatio || this.#width) / space))
  }

  /** It grows with the longest number, and does not shrink again: the curves would jump as one zooms. */
  #yWidth(values: readonly string[] | null): number {
    const longest = Math.max(0, ...(values ?? []).map((text) => text.length))
    this.#yAxis = Math.max(this.#yAxis, Math.ceil((longest * DIGIT + 12) / 8) * 8)
    return this.#yAxis
  }
}

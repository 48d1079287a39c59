import { closeMenu } from '../menu'
import type { Plot } from './plot'
import type { Range } from './points'
import type { Shared } from './shared'

/** What the pointer and the keys do in a chart. */
export interface Gestures {
  plot(): Plot | undefined
  /** The nearest place that can be pointed at. */
  snap(x: number): number
  /** The place of the next epoch, or of the one before. */
  step(by: 1 | -1): number
  /** The first or the last place. */
  end(which: 'first' | 'last'): number
  /** Opens the menu of the epoch at the cursor; `top` in CSS pixels of the plotting area, null where no pointer is. */
  menu(top: number | null): void
  /** The cursor was moved by a key. */
  moved(): void
}

const DRAG = 4
const WHEEL = 0.0016
const KEY_ZOOM = 0.6
const KEY_PAN = 0.15
/** Whoever scrolls the page goes on scrolling it, also where a chart comes under the pointer. */
const SCROLLING_MS = 250

let scrolledAt = -Infinity
document.addEventListener('scroll', () => (scrolledAt = performance.now()), { capture: true, passive: true })

/** A part of the axis that keeps its width but stays within the whole. */
function within([from, to]: Range, [first, last]: Range): Range {
  const width = to - from
  if (width >= last - first) return [first, last]
  const start = Math.min(Math.max(from, first), last - width)
  return [start, start + width]
}

export function gestures(box: HTMLElement, shared: Shared, chart: Gestures): void {
  const selection = document.createElement('div')
  selection.className = 'selection'
  let drag: { readonly id: number; readonly left: number; readonly pan: boolean; readonly from: Range; moved: boolean } | undefined

  const leftOf = (plot: Plot, { clientX }: MouseEvent) => clientX - plot.over.getBoundingClientRect().left
  const isOver = (plot: Plot, { clientX, clientY }: MouseEvent) => {
    const { left, right, top, bottom } = plot.over.getBoundingClientRect()
    return clientX >= left && clientX <= right && clientY >= top && clientY <= bottom
  }
  const pan = (range: Range, by: number) => {
    const moved = within([range[0] + by, range[1] + by], shared.whole())
    if (moved[1] - moved[0] < shared.whole()[1] - shared.whole()[0]) shared.zoom(moved)
  }
  const zoomAround = (x: number, factor: number) => {
    const [from, to] = shared.view()
    shared.zoom(within([x - (x - from) * factor, x + (to - x) * factor], shared.whole()))
  }

  box.addEventListener('pointerdown', (event) => {
    const plot = chart.plot()
    if (!plot || (event.button !== 0 && event.button !== 1) || !isOver(plot, event)) return
    // The middle button would scroll the page.
    if (event.button === 1) event.preventDefault()
    box.focus({ preventScroll: true })
    box.setPointerCapture(event.pointerId)
    drag = {
      id: event.pointerId,
      left: leftOf(plot, event),
      pan: event.button === 1 || event.shiftKey,
      from: shared.view(),
      moved: false,
    }
  })
  box.addEventListener('pointermove', (event) => {
    const plot = chart.plot()
    if (!plot) return
    const left = leftOf(plot, event)
    if (drag?.id !== event.pointerId) {
      if (isOver(plot, event)) shared.point(chart.snap(plot.at(left)))
      else shared.point(null)
      return
    }
    if (!drag.moved && Math.abs(left - drag.left) < DRAG) return
    drag.moved = true
    if (drag.pan) {
      const [from, to] = drag.from
      pan(drag.from, ((drag.left - left) / plot.width) * (to - from))
      return
    }
    const inside = Math.min(Math.max(left, 0), plot.width)
    selection.style.left = `${Math.min(drag.left, inside)}px`
    selection.style.width = `${Math.abs(inside - drag.left)}px`
    if (!selection.isConnected) plot.over.append(selection)
  })
  const end = (event: PointerEvent, cancelled: boolean) => {
    const plot = chart.plot()
    const ended = drag
    if (!plot || ended?.id !== event.pointerId) return
    drag = undefined
    selection.remove()
    if (cancelled) return
    const left = Math.min(Math.max(leftOf(plot, event), 0), plot.width)
    if (!ended.moved) {
      if (event.button !== 0 || ended.pan) return
      shared.point(chart.snap(plot.at(left)))
      chart.menu(event.clientY - plot.over.getBoundingClientRect().top)
    } else if (!ended.pan) shared.zoom([plot.at(Math.min(left, ended.left)), plot.at(Math.max(left, ended.left))])
  }
  box.addEventListener('pointerup', (event) => end(event, false))
  box.addEventListener('pointercancel', (event) => end(event, true))
  box.addEventListener('pointerleave', () => {
    if (!drag) shared.point(null)
  })
  box.addEventListener('dblclick', (event) => {
    const plot = chart.plot()
    if (!plot || !isOver(plot, event)) return
    // Each of its clicks opened one.
    closeMenu()
    shared.zoom(null)
  })
  box.addEventListener(
    'wheel',
    (event) => {
      const plot = chart.plot()
      if (!plot || !isOver(plot, event) || performance.now() - scrolledAt < SCROLLING_MS) return
      const unit = event.deltaMode === 0 ? 1 : event.deltaMode === 1 ? 16 : 400
      const range = shared.view()
      const [first, last] = shared.whole()
      const isWhole = range[1] - range[0] >= last - first
      const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey ? event.deltaY : 0
      if (sideways !== 0) {
        if (isWhole) return
        event.preventDefault()
        pan(range, ((sideways * unit) / plot.width) * (range[1] - range[0]))
        return
      }
      // Nothing is left to zoom out of: the page scrolls.
      if (isWhole && event.deltaY > 0) return
      event.preventDefault()
      zoomAround(plot.at(leftOf(plot, event)), Math.exp(event.deltaY * unit * WHEEL))
    },
    { passive: false },
  )

  const pointAt = (x: number) => {
    const [from, to] = shared.view()
    if (x < from || x > to) pan([from, to], x < from ? x - from - (to - from) * KEY_PAN : x - to + (to - from) * KEY_PAN)
    shared.point(x)
    chart.moved()
  }
  box.addEventListener('keydown', (event) => {
    if (event.target !== box || event.ctrlKey || event.metaKey || event.altKey) return
    const range = shared.view()
    const width = range[1] - range[0]
    const middle = shared.cursor ?? (range[0] + range[1]) / 2
    const sideways = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0
    if (sideways !== 0 && event.shiftKey) pan(range, sideways * width * KEY_PAN)
    else if (sideways !== 0) pointAt(shared.cursor === null ? chart.end(sideways === 1 ? 'first' : 'last') : chart.step(sideways))
    else if (event.key === '+' || event.key === '=') zoomAround(middle, KEY_ZOOM)
    else if (event.key === '-') zoomAround(middle, 1 / KEY_ZOOM)
    else if (event.key === 'Home') pointAt(chart.end('first'))
    else if (event.key === 'End') pointAt(chart.end('last'))
    else if (event.key === 'Escape') {
      shared.zoom(null)
      shared.point(null)
    } else if (event.key === 'Enter' || event.key === ' ') {
      if (shared.cursor === null) pointAt(chart.end('last'))
      chart.menu(null)
    } else return
    event.preventDefault()
  })
}

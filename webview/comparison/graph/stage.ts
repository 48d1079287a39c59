import { element, svg } from '../../parts/element'
import { fill } from '../../parts/format'
import { signButton } from '../controls'
import type { Page } from '../page'
import { type Box, boxOf, drawBox } from './boxes'
import type { Place } from './kept'
import type { Layout } from './layout'
import type { Item, Seen } from './outline'
import { inSlices } from '../slices'

/** A graph with its places, ready to be drawn. */
export interface Scene {
  readonly seen: Seen
  readonly boxes: readonly Box[]
  readonly layout: Layout
}
export interface StageActions {
  /** A node is to be looked at; by keyboard, one goes there. */
  readonly look: (item: Item, byKey: boolean) => void
  /** Back from what was looked at; false where nothing was. */
  readonly back: () => boolean
  /** Several are to be opened, or closed again. */
  readonly toggle: (item: Item) => void
  /** Another place is looked at; undefined where nobody moved there. */
  readonly moved: (place: Place | undefined) => void
}

const CHANGES = ['kept', 'changed', 'removed', 'added', 'mixed'] as const
/** Connections of `a` alone, of `b` alone, of both. */
const SIDES = [
  ['a', 1],
  ['b', 2],
  ['both', 3],
] as const
/** So many boxes are drawn with their texts; of more, and of smaller ones, only the outlines. */
const MOST_BOXES = 400
const READABLE = 0.4
const CHUNK = 250
const MARGIN = 24
/** The buttons at the side cover so much. */
const TOOLS = 32
const ZOOM = 1.25
const LARGEST = 2.5
const SMALLEST = 0.0005
/** Of a long narrow graph too its places can be told apart. */
const MINIMAP = { least: 56, most: 150 }
/** A place that is passed over on the way to another is not told of. */
const STILL_MS = 150

interface Chunk {
  readonly element: SVGGElement
  x0: number
  y0: number
  x1: number
  y1: number
}

/** Draws a scene, and lets it be moved, enlarged and walked through. Only what is in sight is drawn. */
export class Stage {
  readonly element: HTMLElement
  readonly #page: Page
  readonly #actions: StageActions
  readonly #canvas = svg('svg', { class: 'canvas', role: 'group', tabindex: 0 })
  readonly #world = svg('g', {})
  readonly #frames = svg('g', {})
  readonly #edges = svg('g', {})
  readonly #far = svg('g', { class: 'far' })
  readonly #near = svg('g', {})
  readonly #lit = svg('path', { class: 'lit' })
  readonly #map = svg('svg', { class: 'minimap', 'aria-hidden': 'true' })
  readonly #mapSight = svg('rect', { class: 'sight' })
  #scene: Scene | undefined
  readonly #drawn = new Map<number, SVGGElement>()
  #chunks: Chunk[] = []
  /** Who is before and after each, by place; made with the scene. */
  #before: number[][] = []
  #after: number[][] = []
  #current = -1
  #x = 0
  #y = 0
  #scale = 1
  #frame = 0
  /** Whether the user moved it: then it stays where it is. */
  #moved = false
  /** Where to begin, until there is something to be seen. */
  #begin: Place | undefined
  #still: ReturnType<typeof setTimeout> | undefined

  constructor(page: Page, actions: StageActions, begin: Place | undefined) {
    this.#page = page
    this.#begin = begin
    this.#actions = actions
    const { texts } = page
    this.#world.append(this.#frames, this.#edges, this.#far, this.#lit, this.#near)
    this.#canvas.append(this.#world)
    this.#canvas.setAttribute('aria-label', texts.graphPicture)
    this.#canvas.setAttribute('aria-describedby', 'graph-keys')
    this.element = element(
      'div',
      { class: 'stage' },
      this.#canvas,
      element(
        'div',
        { class: 'zoom' },
        signButton('larger', '+', texts.graphLarger, () => this.#zoom(ZOOM)),
        signButton('smaller', '−', texts.graphSmaller, () => this.#zoom(1 / ZOOM)),
        signButton('fit', '⤢', texts.graphFit, () => this.fit()),
      ),
      this.#map,
    )
    this.#listen()
    new ResizeObserver(() => {
      if (this.#scene && !this.#moved) this.#first()
      this.#draw()
    }).observe(this.#canvas)
  }

  /** What is shown keeps its place on the screen, as far as it is still there. */
  async show(scene: Scene, signal: AbortSignal): Promise<void> {
    const { seen } = scene
    const before: number[][] = Array.from({ length: seen.items.length }, () => [])
    const after: number[][] = Array.from({ length: seen.items.length }, () => [])
    for (let i = 0; i < seen.edges.length; i += 3) {
      const [from, to] = [seen.edges[i]!, seen.edges[i + 1]!]
      if (from === to) continue
      after[from]!.push(to)
      before[to]!.push(from)
    }
    // Made before anything is taken away, and in slices: thousands of boxes take their time.
    const chunks: Chunk[] = []
    const places = Array.from({ length: Math.ceil(seen.edges.length / 3 / CHUNK) }, (_, i) => i)
    const far = CHANGES.map((change) => ({ change, d: '' }))
    const outlines: (readonly [here: SVGElement, inMap: SVGElement])[] = []
    const opened = seen.opened.length > MOST_BOXES ? [] : seen.opened
    const frames: SVGElement[] = []
    const addOutline = (i: number) => {
      const { change, width, height } = scene.boxes[i]!
      far[CHANGES.indexOf(change)]!.d += `M${scene.layout.x[i]} ${scene.layout.y[i]}h${width}v${height}h${-width}z`
    }
    const drawOutline = ({ change, d }: (typeof far)[number]) => {
      const drawn = svg('path', { class: change, d })
      if (d) outlines.push([drawn, drawn.cloneNode() as SVGElement])
    }
    const made =
      (await inSlices(places, (i) => chunks.push(chunkOf(scene, i)), signal)) &&
      (await inSlices(seen.items.keys(), addOutline, signal)) &&
      (await inSlices(far, drawOutline, signal)) &&
      (await inSlices(opened, (one) => frames.push(...this.#frameOf(scene, one)), signal))
    if (!made) return
    const old = this.#scene
    const anchor = old && this.#anchor(old)
    const current = old?.seen.items[this.#current]?.key
    const focused = this.#near.contains(document.activeElement)
    this.#scene = scene
    this.#before = before
    this.#after = after
    this.#chunks = chunks
    for (const drawn of this.#drawn.values()) drawn.remove()
    this.#drawn.clear()
    this.#edges.replaceChildren()
    this.#far.replaceChildren(...outlines.map(([here]) => here))
    this.#frames.replaceChildren(...frames)
    this.#current = current === undefined ? -1 : seen.items.findIndex(({ key }) => key === current)
    this.#drawMap(outlines.map(([, inMap]) => inMap))
    const kept = anchor && seen.items.findIndex(({ key }) => key === anchor.key)
    if (kept === undefined || kept < 0 || !this.#moved) this.#first()
    else this.#put(kept, anchor!)
    this.#draw()
    if (focused) this.focus(Math.max(0, this.#current), false)
  }

  /** To the picture, with no box in it. */
  enter() {
    this.#canvas.focus({ preventScroll: true })
  }

  /** All of it at once. */
  fit() {
    const { width, height } = this.#size()
    const layout = this.#scene?.layout
    if (!layout || width === 0) return
    this.#scale = clamp(Math.min((width - 2 * MARGIN - TOOLS) / layout.width, (height - 2 * MARGIN) / layout.height), SMALLEST, 1)
    this.#x = (width - TOOLS - layout.width * this.#scale) / 2
    this.#y = Math.max(MARGIN, (height - layout.height * this.#scale) / 2)
    this.#moved = true
    this.#draw()
  }

  /** At first where it was before; else all of it where that can be read, or where the first change is. */
  #first() {
    const { layout, boxes } = this.#scene!
    if (this.#resume()) return
    this.fit()
    this.#moved = false
    if (this.#scale >= 0.6) return
    const { width, height } = this.#size()
    const change = Math.max(
      0,
      boxes.findIndex((box) => box.change !== 'kept'),
    )
    this.#scale = 0.85
    this.#x = width / 2 - (layout.x[change]! + boxes[change]!.width / 2) * this.#scale
    this.#y = height / 3 - layout.y[change]! * this.#scale
    if (layout.width * this.#scale <= width - 2 * MARGIN) this.#x = (width - layout.width * this.#scale) / 2
    this.#draw()
  }

  /** Goes to the place to begin at, if there is one in this scene. */
  #resume(): boolean {
    const begin = this.#begin
    const { width, height } = this.#size()
    if (!begin || width === 0) return false
    this.#begin = undefined
    const i = this.#scene!.seen.items.findIndex(({ key }) => key === begin.key)
    if (i < 0) return false
    if (begin.held) this.#current = i
    this.#scale = clamp(begin.scale, SMALLEST, LARGEST)
    this.#put(i, { x: begin.x + width / 2, y: begin.y + height / 2 })
    this.#moved = true
    this.#draw()
    return true
  }

  /** Moves all so that a box lies there on the screen. */
  #put(i: number, { x, y }: { readonly x: number; readonly y: number }) {
    const { layout } = this.#scene!
    this.#x = x - layout.x[i]! * this.#scale
    this.#y = y - layout.y[i]! * this.#scale
  }

  /** Tells where it is, if that is still to be told. */
  settle() {
    if (this.#still === undefined) return
    clearTimeout(this.#still)
    this.#still = undefined
    const { width, height } = this.#size()
    if (!this.#scene || width === 0) return
    const anchor = this.#moved ? this.#anchor(this.#scene) : undefined
    this.#actions.moved(
      anchor && { key: anchor.key, held: this.#current >= 0, x: anchor.x - width / 2, y: anchor.y - height / 2, scale: this.#scale },
    )
  }

  /** Goes to a box: into sight, and with the keyboard. */
  focus(i: number, centre = true) {
    const scene = this.#scene
    if (!scene?.boxes[i]) return
    this.#current = i
    const { width, height } = this.#size()
    const box = scene.boxes[i]
    const [x, y] = [this.#x + scene.layout.x[i]! * this.#scale, this.#y + scene.layout.y[i]! * this.#scale]
    const out = x < MARGIN || y < MARGIN || x + box.width * this.#scale > width - MARGIN || y + box.height * this.#scale > height - MARGIN
    if (centre && (out || this.#scale < READABLE)) {
      this.#scale = Math.max(this.#scale, 0.75)
      this.#x = width / 2 - (scene.layout.x[i]! + box.width / 2) * this.#scale
      this.#y = height / 2 - (scene.layout.y[i]! + box.height / 2) * this.#scale
      this.#moved = true
    }
    this.#drawNow()
    this.#drawn.get(i)?.focus({ preventScroll: true })
  }

  #size() {
    return { width: this.#canvas.clientWidth, height: this.#canvas.clientHeight }
  }

  /** A box that stays where it is while others come and go: the one in hand, else the one nearest to the middle. */
  #anchor({ seen, layout }: Scene) {
    const { width, height } = this.#size()
    let best = this.#current
    if (best < 0) {
      let nearest = Infinity
      for (let i = 0; i < seen.items.length; i++) {
        const away = Math.hypot(this.#x + layout.x[i]! * this.#scale - width / 2, this.#y + layout.y[i]! * this.#scale - height / 2)
        if (away < nearest) [best, nearest] = [i, away]
      }
    }
    const item = seen.items[best]
    return item && { key: item.key, x: this.#x + layout.x[best]! * this.#scale, y: this.#y + layout.y[best]! * this.#scale }
  }

  #zoom(by: number, x = this.#size().width / 2, y = this.#size().height / 2) {
    const scale = clamp(this.#scale * by, SMALLEST, LARGEST)
    this.#x = x - ((x - this.#x) * scale) / this.#scale
    this.#y = y - ((y - this.#y) * scale) / this.#scale
    this.#scale = scale
    this.#moved = true
    this.#draw()
  }

  #move(x: number, y: number) {
    this.#x += x
    this.#y += y
    this.#moved = true
    this.#draw()
  }

  /** With the next frame: several moves are drawn once. */
  #draw() {
    this.#frame ||= requestAnimationFrame(() => this.#drawNow())
  }

  #drawNow() {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    const scene = this.#scene
    const { width, height } = this.#size()
    if (!scene || width === 0) return
    // Some of it stays in sight, however far it is moved.
    this.#x = clamp(this.#x, MARGIN - scene.layout.width * this.#scale, width - MARGIN)
    this.#y = clamp(this.#y, MARGIN - scene.layout.height * this.#scale, height - MARGIN)
    this.#world.setAttribute('transform', `translate(${this.#x} ${this.#y}) scale(${this.#scale})`)
    const [x0, y0] = [-this.#x / this.#scale, -this.#y / this.#scale]
    const [x1, y1] = [x0 + width / this.#scale, y0 + height / this.#scale]
    for (const chunk of this.#chunks) {
      const inSight = chunk.x0 <= x1 && chunk.x1 >= x0 && chunk.y0 <= y1 && chunk.y1 >= y0
      if (inSight !== (chunk.element.parentNode !== null)) {
        if (inSight) this.#edges.append(chunk.element)
        else chunk.element.remove()
      }
    }
    const { boxes, layout } = scene
    const near: number[] = []
    const readable = this.#scale >= READABLE
    for (let i = 0; readable && i < boxes.length && near.length <= MOST_BOXES; i++)
      if (layout.x[i]! <= x1 && layout.x[i]! + boxes[i]!.width >= x0 && layout.y[i]! <= y1 && layout.y[i]! + boxes[i]!.height >= y0)
        near.push(i)
    const detailed = readable && near.length <= MOST_BOXES
    this.#far.setAttribute('display', detailed ? 'none' : 'inline')
    this.#frames.classList.toggle('small', !readable)
    const wanted = new Set(detailed ? near : [])
    if (this.#current >= 0) wanted.add(this.#current)
    for (const [i, drawn] of this.#drawn) {
      if (wanted.has(i)) continue
      drawn.remove()
      this.#drawn.delete(i)
    }
    for (const i of wanted) {
      let drawn = this.#drawn.get(i)
      if (!drawn) {
        drawn = drawBox(scene.seen.items[i]!, boxes[i]!)
        drawn.setAttribute('transform', `translate(${layout.x[i]} ${layout.y[i]})`)
        drawn.dataset['place'] = String(i)
        drawn.dataset['node'] = scene.seen.items[i]!.title
        this.#drawn.set(i, drawn)
        this.#near.append(drawn)
      }
      drawn.classList.toggle('current', i === this.#current)
    }
    this.#light()
    this.#drawSight(x0, y0, x1, y1)
    clearTimeout(this.#still)
    this.#still = setTimeout(() => this.settle(), STILL_MS)
  }

  /** What leads to and from the box in hand. */
  #light() {
    const { seen, layout } = this.#scene!
    let d = ''
    if (this.#current >= 0)
      for (let e = 0; e < seen.edges.length / 3; e++)
        if (seen.edges[3 * e] === this.#current || seen.edges[3 * e + 1] === this.#current) d += lineOf(layout, e)
    this.#lit.setAttribute('d', d)
  }

  /** A frame around what was opened, where nothing else lies in it, and what closes it again. */
  #frameOf({ layout, boxes }: Scene, { item, from, to }: Seen['opened'][number]): SVGElement[] {
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity]
    for (let i = from; i < to; i++) {
      x0 = Math.min(x0, layout.x[i]!)
      y0 = Math.min(y0, layout.y[i]!)
      x1 = Math.max(x1, layout.x[i]! + boxes[i]!.width)
      y1 = Math.max(y1, layout.y[i]! + boxes[i]!.height)
    }
    let alone = true
    for (let i = 0; alone && i < boxes.length; i++)
      if (i < from || i >= to) {
        const [x, y, { width, height }] = [layout.x[i]!, layout.y[i]!, boxes[i]!]
        alone = x >= x1 || x + width <= x0 || y >= y1 || y + height <= y0
      }
    const label = fill(this.#page.texts.graphClose, item.title)
    const closer = svg(
      'g',
      {
        class: 'closer',
        role: 'button',
        tabindex: -1,
        transform: `translate(${x0 - 6} ${y0 - 24})`,
        'data-close': item.title,
      },
      svg('title', {}, label),
      svg('rect', { width: 16, height: 16, y: 1, rx: 3 }),
      svg('path', { d: 'M4 9h8' }),
      svg('text', { 'aria-hidden': 'true', x: 22, y: 13 }, item.title.length > 40 ? `${item.title.slice(0, 40)}…` : item.title),
    )
    closer.addEventListener('click', () => this.#actions.toggle(item))
    if (!alone) return [closer]
    return [svg('rect', { class: 'frame', x: x0 - 10, y: y0 - 26, width: x1 - x0 + 20, height: y1 - y0 + 36, rx: 8 }), closer]
  }

  #mapScale = { x: 1, y: 1 }

  #drawMap(outlines: readonly SVGElement[]) {
    const { layout } = this.#scene!
    const most = { width: MINIMAP.most, height: Math.max(MINIMAP.most, this.#size().height - 150) }
    const scale = Math.min(most.width / layout.width, most.height / layout.height)
    const width = Math.max(MINIMAP.least, Math.round(layout.width * scale))
    const height = Math.max(MINIMAP.least, Math.round(layout.height * scale))
    this.#mapScale = { x: width / layout.width, y: height / layout.height }
    this.#map.setAttribute('width', String(width))
    this.#map.setAttribute('height', String(height))
    this.#map.replaceChildren(
      svg('g', { class: 'far', transform: `scale(${this.#mapScale.x} ${this.#mapScale.y})` }, ...outlines, this.#mapSight),
    )
  }

  #drawSight(x0: number, y0: number, x1: number, y1: number) {
    const { layout } = this.#scene!
    const all = x0 <= 0 && y0 <= 0 && x1 >= layout.width && y1 >= layout.height
    this.#map.classList.toggle('unneeded', all)
    const [left, top] = [Math.max(x0, 0), Math.max(y0, 0)]
    for (const [name, value] of [
      ['x', left],
      ['y', top],
      ['width', Math.max(0, Math.min(x1, layout.width) - left)],
      ['height', Math.max(0, Math.min(y1, layout.height) - top)],
    ] as const)
      this.#mapSight.setAttribute(name, String(value))
  }

  #listen() {
    const canvas = this.#canvas
    let held: { x: number; y: number; moved: boolean } | undefined
    let dragged = false
    canvas.addEventListener('pointerdown', ({ button, clientX, clientY }) => {
      if (button === 0) held = { x: clientX, y: clientY, moved: false }
      dragged = false
    })
    canvas.addEventListener('pointermove', ({ clientX, clientY, pointerId }) => {
      if (!held) return
      const [x, y] = [clientX - held.x, clientY - held.y]
      if (!held.moved && Math.hypot(x, y) < 4) return
      if (!held.moved) canvas.setPointerCapture(pointerId)
      held = { x: clientX, y: clientY, moved: true }
      dragged = true
      canvas.classList.add('dragging')
      this.#move(x, y)
    })
    const release = () => {
      held = undefined
      canvas.classList.remove('dragging')
    }
    canvas.addEventListener('pointerup', release)
    canvas.addEventListener('pointercancel', release)
    canvas.addEventListener('click', ({ target }) => {
      const place = placeOf(target)
      if (place !== undefined && !dragged) this.#open(place, false)
    })
    canvas.addEventListener('focusin', ({ target }) => {
      const place = placeOf(target)
      if (place === undefined || place === this.#current) return
      this.#current = place
      this.#draw()
    })
    canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault()
        const { left, top } = canvas.getBoundingClientRect()
        const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1
        this.#zoom(Math.exp(-clamp(event.deltaY * lines, -200, 200) / 400), event.clientX - left, event.clientY - top)
      },
      { passive: false },
    )
    canvas.addEventListener('keydown', (event) => this.#key(event))
    const jump = ({ clientX, clientY, buttons }: PointerEvent) => {
      if (!(buttons & 1) || !this.#scene) return
      const { left, top } = this.#map.getBoundingClientRect()
      const { width, height } = this.#size()
      const [x, y] = [(clientX - left) / this.#mapScale.x, (clientY - top) / this.#mapScale.y]
      this.#x = width / 2 - x * this.#scale
      this.#y = height / 2 - y * this.#scale
      this.#moved = true
      this.#draw()
    }
    this.#map.addEventListener('pointerdown', (event) => {
      this.#map.setPointerCapture(event.pointerId)
      jump(event)
    })
    this.#map.addEventListener('pointermove', jump)
  }

  #open(place: number, byKey: boolean) {
    this.#current = place
    this.#drawNow()
    this.#drawn.get(place)?.focus({ preventScroll: true })
    const item = this.#scene!.seen.items[place]!
    if (item.node) this.#actions.look(item, byKey)
    else this.#actions.toggle(item)
  }

  #key(event: KeyboardEvent) {
    const { key, shiftKey, ctrlKey, altKey, metaKey } = event
    if (ctrlKey || altKey || metaKey || !this.#scene) return
    const [x, y] = ARROWS[key] ?? [0, 0]
    if (x || y) {
      if (shiftKey) this.#move(-x * 80, -y * 80)
      else this.#walk(x, y)
    } else if (key === '+' || key === '=') this.#zoom(ZOOM)
    else if (key === '-') this.#zoom(1 / ZOOM)
    else if (key === '0') this.fit()
    else if (key === 'Home') this.focus(0)
    else if (key === 'End') this.focus(this.#scene.boxes.length - 1)
    else if ((key === 'Enter' || key === ' ') && this.#current >= 0 && event.target !== this.#canvas) this.#open(this.#current, true)
    else if (key === 'Enter' && event.target === this.#canvas) this.focus(Math.max(0, this.#current))
    else if (key === 'Backspace' && this.#current >= 0) {
      const around = this.#scene.seen.opened.findLast(({ from, to }) => from <= this.#current && this.#current < to)
      if (around) this.#actions.toggle(around.item)
    } else if (key === 'Escape' && event.target !== this.#canvas) {
      if (!this.#actions.back()) this.enter()
    } else return
    event.preventDefault()
    event.stopPropagation()
  }

  /** Down and up along the connections, to the sides among those beside it. */
  #walk(x: number, y: number) {
    const { layout, boxes } = this.#scene!
    if (this.#current < 0) return this.focus(this.#firstInSight())
    const at = this.#current
    const middle = (i: number) => layout.x[i]! + boxes[i]!.width / 2
    if (y) {
      const ways = (y > 0 ? this.#after : this.#before)[at]!
      const [next] = ways.toSorted((a, b) => Math.abs(middle(a) - middle(at)) - Math.abs(middle(b) - middle(at)))
      if (next !== undefined) this.focus(next)
      return
    }
    let [best, nearest] = [-1, Infinity]
    for (let i = 0; i < boxes.length; i++) {
      const away = (middle(i) - middle(at)) * x
      const beside = layout.y[i]! < layout.y[at]! + boxes[at]!.height && layout.y[i]! + boxes[i]!.height > layout.y[at]!
      if (i !== at && beside && away > 0 && away < nearest) [best, nearest] = [i, away]
    }
    if (best >= 0) this.focus(best)
  }

  #firstInSight(): number {
    const shown = [...this.#drawn.keys()].toSorted((a, b) => this.#scene!.layout.y[a]! - this.#scene!.layout.y[b]!)
    return shown[0] ?? 0
  }
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}
const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value))

function placeOf(target: EventTarget | null): number | undefined {
  const box = target instanceof Element ? target.closest<SVGGElement>('[data-place]') : null
  return box ? Number(box.dataset['place']) : undefined
}

function lineOf({ points, starts }: Layout, edge: number): string {
  let d = ''
  for (let i = starts[edge]!; i < starts[edge + 1]!; i += 2) d += `${d ? 'L' : 'M'}${points[i]} ${points[i + 1]}`
  return d
}

/** Some connections in one element for each kind: thousands of elements would be slow. */
function chunkOf({ seen, layout }: Scene, part: number): Chunk {
  const chunk = { element: svg('g', {}), x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity }
  const lines = new Map<number, { line: string; head: string }>()
  for (let e = part * CHUNK; e < Math.min((part + 1) * CHUNK, seen.edges.length / 3); e++) {
    const [from, to] = [layout.starts[e]!, layout.starts[e + 1]!]
    if (from === to) continue
    const sides = seen.edges[3 * e + 2]!
    const one = lines.get(sides) ?? { line: '', head: '' }
    lines.set(sides, one)
    one.line += lineOf(layout, e)
    const [x, y] = [layout.points[to - 2]!, layout.points[to - 1]!]
    const up = layout.points[to - 3]! > y ? -1 : 1
    one.head += `M${x} ${y}l-3.5 ${-7 * up}h7z`
    for (let i = from; i < to; i += 2) {
      chunk.x0 = Math.min(chunk.x0, layout.points[i]!)
      chunk.x1 = Math.max(chunk.x1, layout.points[i]!)
      chunk.y0 = Math.min(chunk.y0, layout.points[i + 1]!)
      chunk.y1 = Math.max(chunk.y1, layout.points[i + 1]!)
    }
  }
  for (const [name, bits] of SIDES) {
    const one = lines.get(bits)
    if (one) chunk.element.append(svg('path', { class: `edge ${name}`, d: one.line }), svg('path', { class: `head ${name}`, d: one.head }))
  }
  return chunk
}

/** The boxes of a scene, made in slices. */
export async function boxesOf(seen: Seen, page: Page, signal: AbortSignal): Promise<Box[] | undefined> {
  const boxes: Box[] = []
  return (await inSlices(seen.items, (item) => boxes.push(boxOf(item, page)), signal)) ? boxes : undefined
}

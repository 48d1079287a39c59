import { svg } from '../../parts/element'
import { fill, shapeText } from '../../parts/format'
import type { Page } from '../page'
import type { Item } from './outline'
import type { Change } from './read'

/** What a box says, and how large it is for that. */
export interface Box {
  readonly change: Change | 'mixed'
  readonly lines: readonly string[]
  readonly width: number
  readonly height: number
  /** For screen readers, and where the box is too small for its texts. */
  readonly label: string
}

const WIDEST = 300
const NARROWEST = 120
const STEP = 20
const LEFT = 30
const RIGHT = 12
const LINE = 17
const PADDING = 8
export const signs: Readonly<Record<Change, string>> = { kept: '=', changed: '≠', removed: '−', added: '+' }
export const changeText = (texts: Page['texts'], change: Change) =>
  ({ kept: texts.graphKept, changed: texts.graphChanged, removed: texts.graphRemoved, added: texts.graphAdded })[change]

let context: CanvasRenderingContext2D | null | undefined
let font = ''

/** In the page's own type. */
function widthOf(text: string, bold: boolean): number {
  context ??= document.createElement('canvas').getContext('2d')
  if (!context) return text.length * 7
  font ||= getComputedStyle(document.body).fontFamily
  context.font = `${bold ? 600 : 400} 12px ${font}`
  return context.measureText(text).width
}

/** Both ends of a name tell more than its beginning alone. */
function shortened(text: string, bold: boolean, room: number): string {
  if (widthOf(text, bold) <= room) return text
  let [least, most] = [1, Math.min(text.length, 60)]
  const cut = (length: number) => `${text.slice(0, Math.ceil(length / 3))}…${text.slice(text.length - Math.floor((length * 2) / 3))}`
  while (least < most) {
    const middle = Math.ceil((least + most) / 2)
    if (widthOf(cut(middle), bold) <= room) least = middle
    else most = middle - 1
  }
  return cut(least)
}

/** From thousands on a figure is read sooner when it is short; where that would hide a change, it is whole. */
function figures(a: number | null, b: number | null, language: string): string {
  const exact = (value: number) => value.toLocaleString(language)
  const short = (value: number) =>
    value < 100_000 ? exact(value) : value.toLocaleString(language, { notation: 'compact', maximumFractionDigits: 1 })
  if (a === null || b === null || a === b) return short((b ?? a)!)
  const same = short(a) === short(b)
  return `${same ? exact(a) : short(a)} → ${same ? exact(b) : short(b)}`
}

/** Counts of what became of several. */
export function countsText({ counts, nodes }: Pick<Item, 'counts' | 'nodes'>, { texts, language }: Page): string {
  if (counts.kept === nodes.length) return fill(texts.graphAlike, nodes.length.toLocaleString(language))
  const parts = (['changed', 'removed', 'added'] as const).filter((change) => counts[change] > 0)
  return `${fill(texts.graphLayers, nodes.length.toLocaleString(language))}: ${parts
    .map((change) => `${counts[change].toLocaleString(language)} ${changeText(texts, change)}`)
    .join(', ')}`
}

export function boxOf(item: Item, page: Page): Box {
  const { texts, language } = page
  const { node, parameters } = item
  const lines: string[] = []
  if (node) {
    const shape = [node.a?.shape, node.b?.shape].map((one) => one && shapeText(one))
    const shapes = shape[0] && shape[1] && shape[0] !== shape[1] ? `${shape[0]} → ${shape[1]}` : (shape[1] ?? shape[0])
    const second = [node.type, shapes].filter(Boolean).join(' · ')
    if (second) lines.push(second)
  } else {
    lines.push(countsText(item, page))
    if (item.repeats) lines.push(fill(texts.graphRepeats, item.repeats.times, item.repeats.nodes))
  }
  if (parameters.a !== null || parameters.b !== null) lines.push(fill(texts.graphParameters, figures(parameters.a, parameters.b, language)))
  const masked = [node?.a, node?.b].map((side) => (side?.parameters != null && side.nonzero !== null ? side.parameters - side.nonzero : 0))
  if (masked[0] || masked[1]) lines.push(fill(texts.graphMasked, figures(masked[0]!, masked[1]!, language)))
  const change = node ? node.change : item.counts.kept === item.nodes.length ? 'kept' : onlyChange(item)
  const whole = [item.title, ...lines]
  const shown = whole.map((text, i) => shortened(text, i === 0, WIDEST - LEFT - RIGHT))
  const wide = Math.max(...shown.map((text, i) => widthOf(text, i === 0))) + LEFT + RIGHT
  return {
    change,
    lines: shown,
    // In steps, so that a value that changes does not move the others.
    width: Math.min(WIDEST, Math.max(NARROWEST, Math.ceil(wide / STEP) * STEP)),
    height: shown.length * LINE + 2 * PADDING,
    label: [item.title, ...(node ? [changeText(texts, node.change)] : []), ...lines].join(', '),
  }
}

function onlyChange({ counts, nodes }: Item): Change | 'mixed' {
  return (['changed', 'removed', 'added'] as const).find((change) => counts[change] === nodes.length) ?? 'mixed'
}

export function drawBox(item: Item, { change, lines, width, height, label }: Box): SVGGElement {
  const made = svg('g', { class: `box ${change}${item.node ? '' : ' several'}`, role: 'button', tabindex: -1 })
  // Its name, and what is told where it is too small to be read.
  made.append(svg('title', {}, label))
  // Several lie upon one another.
  if (!item.node) for (const behind of [6, 3]) made.append(svg('rect', { class: 'behind', x: behind, y: behind, width, height, rx: 5 }))
  made.append(svg('rect', { class: 'back', width, height, rx: 5 }))
  if (change === 'added' || change === 'removed')
    made.append(svg('rect', { class: 'inner', x: 3, y: 3, width: width - 6, height: height - 6, rx: 3 }))
  const sign = change === 'mixed' ? '≠' : signs[change]
  if (!item.node) made.append(svg('path', { class: 'opener', d: 'M11 20l5-5-5-5' }))
  else if (change !== 'kept') made.append(svg('text', { class: 'sign', 'aria-hidden': 'true', x: 15, y: 21 }, sign))
  for (const [i, line] of lines.entries())
    made.append(svg('text', { class: i === 0 ? 'name' : 'about', 'aria-hidden': 'true', x: LEFT, y: PADDING + 13 + i * LINE }, line))
  return made
}

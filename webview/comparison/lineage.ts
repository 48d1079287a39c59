import type { Line } from '../../server/protocol/comparison'
import { svg } from '../parts/element'
import { colourClass } from './names'

/** A model's history in rows, one a model: pieces lie on the row of the first model that has them. */
export interface Lineage {
  readonly pieces: readonly { readonly row: number; readonly from: number; readonly to: number; readonly models: readonly number[] }[]
  /** From the end of a piece to another row, which goes on from there. */
  readonly joins: readonly { readonly at: number; readonly row: number; readonly to: number; readonly models: readonly number[] }[]
  /** The last epoch of each model, on its own row. */
  readonly ends: readonly number[]
  /** Epochs worth naming: the first, the last, and where histories part. */
  readonly named: readonly number[]
}

export function lineage(lines: readonly Omit<Line, 'sessionName'>[], models: number): Lineage {
  const rowOf = ({ models: places }: Pick<Line, 'models'>) => Math.min(...places)
  const byId = new Map(lines.map((line) => [line.id, line]))
  const joins: Lineage['joins'][number][] = []
  const parted = new Set<number>()
  const pieces = lines.map((line) => {
    const before = line.after === null ? undefined : byId.get(line.after)
    if (before && before.models.length > line.models.length) parted.add(before.to)
    if (before && rowOf(before) !== rowOf(line)) joins.push({ at: before.to, row: rowOf(before), to: rowOf(line), models: line.models })
    // What goes on in its row is drawn without a gap.
    const from = before ? before.to : line.from
    return { row: rowOf(line), from, to: line.to, models: line.models }
  })
  const ends: number[] = []
  for (let model = 0; model < models; model++) {
    const last = lines.findLast((line) => line.models.includes(model))
    if (!last) continue
    ends[model] = last.to
    if (rowOf(last) !== model) joins.push({ at: last.to, row: rowOf(last), to: model, models: [model] })
  }
  const first = Math.min(...lines.map(({ from }) => from))
  return { pieces, joins, ends, named: [...new Set([first, Math.max(...ends), ...[...parted].sort((a, b) => a - b)])] }
}

const MARGIN = 10
/** How far a branch takes to reach its row. */
const BEND = 14
const DIGIT = 7

/** Drawn as wide as there is room, a row as high as the names beside it. */
export function drawLineage({ pieces, joins, ends, named }: Lineage, width: number, rowHeight: number): SVGSVGElement {
  const first = named[0]!
  const last = named[1]!
  const room = Math.max(1, width - 2 * MARGIN - BEND)
  const x = (epoch: number) => MARGIN + (last === first ? room : ((epoch - first) / (last - first)) * room)
  const y = (row: number) => (row + 0.5) * rowHeight
  const height = ends.length * rowHeight
  const branches = new Set(joins.map(({ at, to }) => `${at} ${to}`))
  const drawn = pieces.map(({ row, from, to, models }) => {
    const bent = branches.has(`${from} ${row}`) ? BEND : 0
    return svg('path', { class: `piece ${colourClass(models)}`, d: `M${x(from) + bent} ${y(row)}H${Math.max(x(to), x(from) + bent)}` })
  })
  const bends = joins.map(({ at, row, to, models }) => {
    const half = BEND / 2
    return svg('path', {
      class: `piece ${colourClass(models)}`,
      d: `M${x(at)} ${y(row)}C${x(at) + half} ${y(row)} ${x(at) + half} ${y(to)} ${x(at) + BEND} ${y(to)}`,
    })
  })
  const dots = ends.map((epoch, model) => {
    const bent = branches.has(`${epoch} ${model}`) ? BEND : 0
    return svg('circle', { class: `end model-${model}`, cx: x(epoch) + bent, cy: y(model), r: 4 })
  })
  const guides = named.slice(2).map((epoch) => svg('line', { class: 'guide', x1: x(epoch), x2: x(epoch), y1: 0, y2: height }))
  return svg(
    'svg',
    { width, height: height + 16, 'aria-hidden': 'true' },
    ...guides,
    ...drawn,
    ...bends,
    ...dots,
    ...labels(named, x, width, height + 12),
  )
}

/** The first and the last epoch, and of those between as many as do not run into each other. */
function labels(named: readonly number[], x: (epoch: number) => number, width: number, y: number): SVGElement[] {
  const taken: (readonly [number, number])[] = []
  const made: SVGElement[] = []
  for (const epoch of named) {
    const text = String(epoch)
    const half = (text.length * DIGIT) / 2
    const centre = Math.min(Math.max(x(epoch), half), width - half)
    if (taken.some(([from, to]) => centre - half < to + 4 && centre + half > from - 4)) continue
    taken.push([centre - half, centre + half])
    made.push(svg('text', { x: centre, y, 'text-anchor': 'middle' }, text))
  }
  return made
}

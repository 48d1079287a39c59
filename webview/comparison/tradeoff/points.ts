import type { Comparison, Tradeoff } from '../../../server/protocol/comparison'
import { floats } from '../floats'

/** An epoch with its two figures. */
export interface Point {
  readonly epoch: number
  readonly value: number
  readonly cost: number
  /** The session that trained it. */
  readonly session: string
  /** `session@epoch`. */
  readonly reference: string
  readonly models: readonly number[]
}
export interface Points {
  /** Line after line. */
  readonly all: readonly Point[]
  /** Those that no other beats in both, the cheapest first. */
  readonly front: readonly Point[]
}

export function pointsOf({ lines, front }: Tradeoff, comparison: Pick<Comparison, 'lines'>): Points {
  const byLine = new Map<string, Point[]>()
  for (const one of lines) {
    const line = comparison.lines.find(({ id }) => id === one.line)
    if (!line) continue
    const [epochs, values, costs] = [floats(one.epoch), floats(one.value), floats(one.cost)]
    const points = Array.from(epochs, (epoch, i) => ({
      epoch,
      value: values[i]!,
      cost: costs[i]!,
      session: line.sessionName,
      reference: `${line.sessionName}@${epoch}`,
      models: line.models,
    }))
    byLine.set(one.line, points)
  }
  return { all: [...byLine.values()].flat(), front: front.flatMap(([line, place]) => byLine.get(line)?.[place] ?? []) }
}

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

const overlaps = (a: Box, b: Box) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

/**
 * Where names stand beside their points: above or below, on either side, where they cover neither another name nor one of the points;
 * null where there is no room. Sizes are in pixels.
 */
export function placeNames(
  anchors: readonly { readonly x: number; readonly y: number; readonly width: number }[],
  height: number,
  frame: Box,
): (Box | null)[] {
  const marks = anchors.map(({ x, y }): Box => ({ x: x - 4, y: y - 4, width: 8, height: 8 }))
  const taken: Box[] = []
  return anchors.map(({ x, y, width }, i) => {
    for (const [dx, dy] of [
      [8, -height - 3],
      [-width - 8, -height - 3],
      [8, 4],
      [-width - 8, 4],
      [-width / 2, -height - 8],
      [-width / 2, 9],
    ] as const) {
      const box = { x: x + dx, y: y + dy, width, height }
      const inside =
        box.x >= frame.x && box.y >= frame.y && box.x + width <= frame.x + frame.width && box.y + height <= frame.y + frame.height
      if (!inside || taken.some((other) => overlaps(box, other)) || marks.some((mark, j) => j !== i && overlaps(box, mark))) continue
      taken.push(box)
      return box
    }
    return null
  })
}

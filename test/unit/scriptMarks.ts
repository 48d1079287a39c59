import assert from 'node:assert/strict'
import type { Range } from '../../server/script/types'

/** A text in which `⟦` and `⟧` mark ranges and `‸` a cursor; gives it without them. */
export function marked(text: string): { readonly text: string; readonly ranges: readonly Range[]; readonly cursor: number } {
  let plain = ''
  let cursor = -1
  const open: number[] = []
  const ranges: Range[] = []
  for (const character of text) {
    if (character === '⟦') open.push(plain.length)
    else if (character === '⟧') ranges.push({ from: open.pop()!, to: plain.length })
    else if (character === '‸') cursor = plain.length
    else plain += character
  }
  return { text: plain, ranges: ranges.toSorted((a, b) => a.from - b.from || b.to - a.to), cursor }
}

/** The text with the ranges marked in it, so that a difference can be read. */
export function mark(text: string, ranges: readonly Range[]): string {
  const marks = ranges.flatMap(({ from, to }) => [
    { at: from, mark: '⟦', first: 1 },
    { at: to, mark: '⟧', first: from === to ? 2 : 0 },
  ])
  let plain = text
  for (const { at, mark } of marks.toSorted((a, b) => b.at - a.at || b.first - a.first)) plain = plain.slice(0, at) + mark + plain.slice(at)
  return plain
}

export function assertRanges(markedText: string, found: readonly Range[]): void {
  const { text, ranges } = marked(markedText)
  assert.equal(
    mark(
      text,
      found.toSorted((a, b) => a.from - b.from || b.to - a.to),
    ),
    mark(text, ranges),
  )
}

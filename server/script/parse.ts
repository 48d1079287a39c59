import { Tree, TreeFragment } from '@lezer/common'
import { parser } from '@lezer/python'
import { cellSource, parserSource } from './source'
import type { Parsed } from './types'

/** Longer documents, in UTF-16 code units, are not analysed: nobody writes them, and they would hold up everything else. */
export const LONGEST_DOCUMENT = 2 * 1024 * 1024

/**
 * Parses a Python script, or with `cell` a notebook's cell, where lines of IPython are passed over.
 *
 * With what was parsed of the document before, only what changed is read. The tree is the same as without it.
 */
export function parse(text: string, previous?: Parsed, options: { readonly cell?: boolean } = {}): Parsed {
  if (previous?.text === text) return previous
  const source = text.length > LONGEST_DOCUMENT ? undefined : options.cell ? cellSource(text) : parserSource(text)
  if (source === undefined) return { text, source: '', tree: undefined, fragments: [] }
  const fragments = previous?.tree ? TreeFragment.applyChanges(previous.fragments, [change(previous.source, source)]) : []
  const tree = parser.parse(source, fragments)
  // Nodes near an error remember a wrong indentation and would be taken up where they don't belong, so the last tree without errors serves on.
  return { text, source, tree, fragments: hasErrors(tree) ? fragments : TreeFragment.addTree(tree, fragments) }
}

function hasErrors(tree: Tree): boolean {
  const waiting: Tree[] = [tree]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (next.type.isError) return true
    for (const child of next.children) {
      if (child instanceof Tree) waiting.push(child)
      else for (let i = 0; i < child.buffer.length; i += 4) if (child.set.types[child.buffer[i]!]!.isError) return true
    }
  }
  return false
}

/** The one stretch in which two texts differ. */
function change(before: string, after: string) {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  // Whole blocks first: strings are compared much faster than characters.
  while (start + BLOCK <= shorter && before.slice(start, start + BLOCK) === after.slice(start, start + BLOCK)) start += BLOCK
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start++
  const most = shorter - start
  let end = 0
  while (end + BLOCK <= most && tail(before, end) === tail(after, end)) end += BLOCK
  while (end < most && before.charCodeAt(before.length - 1 - end) === after.charCodeAt(after.length - 1 - end)) end++
  return { fromA: start, toA: before.length - end, fromB: start, toB: after.length - end }
}

const BLOCK = 1024
const tail = (text: string, end: number) => text.slice(text.length - end - BLOCK, text.length - end)

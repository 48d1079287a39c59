import type { SyntaxNode, Tree } from '@lezer/common'
import type { Bindings } from './bindings'

/** A script, or one of a notebook's cells, which share what is bound at their top level, in order. */
export interface Cell {
  readonly index: number
  readonly text: string
  readonly tree: Tree | undefined
  readonly before: Cell | undefined
  /** What was looked up already, by word. */
  readonly words: Map<string, readonly number[]>
  readonly uses: Map<string, readonly SyntaxNode[]>
  readonly bindings: Map<string, Bindings>
}
export function newCell(index: number, text: string, tree: Tree | undefined, before: Cell | undefined): Cell {
  return { index, text, tree, before, words: new Map(), uses: new Map(), bindings: new Map() }
}

/** Where a word stands alone in the text, be it in code, in a string or in a comment. */
export function wordsIn({ text, tree, words }: Cell, word: string): readonly number[] {
  const known = words.get(word)
  if (known) return known
  const found: number[] = []
  words.set(word, found)
  if (!tree || word === '') return found
  // Of a plain word an expression finds few that are only parts of others.
  const next = /^\w{2,}$/.test(word) ? plainWord(text, word) : (from: number) => text.indexOf(word, from)
  for (let at = next(0); at >= 0; at = next(at + word.length))
    if (!isWordCharacter(text, at - 1) && !isWordCharacter(text, at + word.length)) found.push(at)
  return found
}

function plainWord(text: string, word: string): () => number {
  const expression = new RegExp(`\\b${word}\\b`, 'g')
  return () => expression.exec(text)?.index ?? -1
}

function isWordCharacter(text: string, at: number): boolean {
  const code = text.charCodeAt(at) // NaN outside of the text
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95 || code > 160
}

export function textOf(cell: Cell, node: SyntaxNode): string {
  return cell.text.slice(node.from, node.to)
}

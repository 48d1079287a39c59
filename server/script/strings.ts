import type { SyntaxNode } from '@lezer/common'
import type { Range } from './types'

/** A string as written in one piece. */
export interface StringPiece {
  /** Undefined where it holds what only running the script tells, or a character's name. */
  readonly value: string | undefined
  /** What lies between the quotes. */
  readonly content: Range
  /** Whether the value is the content as it is. */
  readonly exact: boolean
  readonly bytes: boolean
}

const START = /^([rRbBuUfF]{0,2})("""|'''|"|')/
const SIMPLE: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}
const ESCAPE = /\\(?:\r\n|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[^])/g

/** Reads a `String` or `FormatString`, also one that is not closed yet. */
export function readString(text: string, node: SyntaxNode): StringPiece | undefined {
  const [whole = '', prefix = '', quote = ''] = START.exec(text.slice(node.from, Math.min(node.to, node.from + 5))) ?? []
  if (!whole) return undefined
  const from = node.from + whole.length
  const ends = node.to - quote.length >= from && text.endsWith(quote, node.to) && !isEscaped(text, from, node.to - quote.length)
  const to = Math.max(from, ends ? node.to - quote.length : node.to)
  const content = text.slice(from, to)
  const kind = prefix.toLowerCase()
  const bytes = kind.includes('b')
  const holes = kind.includes('f') && node.getChild('FormatReplacement') !== null
  const plain = kind.includes('f') ? content.replace(/\{\{|\}\}/g, ([brace]) => brace!) : content
  const value = holes ? undefined : kind.includes('r') ? plain : unescaped(plain, bytes)
  return { value, content: { from, to }, exact: value === content, bytes }
}

/** Whether an odd number of backslashes stands before it: then a quote there closes nothing. */
function isEscaped(text: string, from: number, at: number): boolean {
  let start = at
  while (start > from && text[start - 1] === '\\') start--
  return (at - start) % 2 === 1
}

function unescaped(content: string, bytes: boolean): string | undefined {
  if (!content.includes('\\')) return content
  let known = true
  const value = content.replace(ESCAPE, (escape) => {
    const mark = escape[1]!
    if (/[0-7]/.test(mark)) return String.fromCharCode(Number.parseInt(escape.slice(1), 8))
    if (mark === '\r') return ''
    if (escape.length > 2 && (mark === 'x' || !bytes)) {
      const code = Number.parseInt(escape.slice(2), 16)
      if (mark !== 'N' && code <= 0x10ffff) return String.fromCodePoint(code)
      known = false
    }
    return Object.hasOwn(SIMPLE, mark) ? SIMPLE[mark]! : escape
  })
  return known ? value : undefined
}

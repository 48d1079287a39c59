import { findNodeAtLocation, getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'
import { isObject, isShallow } from '../json'
import type { JsonObject } from '../protocol/model'
import type { Remark } from './remarks'

/** What a draft's text says, as far as it can be read. */
export interface ReadDraft {
  /** Undefined where the text is no JSON object (yet). */
  readonly content: JsonObject | undefined
  readonly tree: Node | undefined
  readonly syntax: readonly SyntaxProblem[]
}
export interface SyntaxProblem {
  readonly from: number
  readonly to: number
  readonly message: string
}

const LONGEST = 8 * 1024 * 1024

/** JSON with comments; a comma before a closing bracket is allowed. */
export function readDraft(text: string): ReadDraft {
  const whole = (message: string): ReadDraft => ({ content: undefined, tree: undefined, syntax: [{ from: 0, to: text.length, message }] })
  if (text.length > LONGEST) return whole('The draft is longer than 8 MiB, which no settings are. Discard it and begin again.')
  const errors: ParseError[] = []
  let tree: Node | undefined
  let value: unknown
  try {
    tree = parseTree(text, errors, { allowTrailingComma: true })
    value = tree && getNodeValue(tree)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return whole('The draft is nested too deep to be read. Take out some brackets.')
  }
  const syntax = errors.map(({ error, offset, length }) => ({
    from: offset,
    to: offset + length,
    message: syntaxText(printParseErrorCode(error), text, offset),
  }))
  if (tree && !isObject(value)) return { ...whole('A draft is one object in braces, such as { "epochs": 40 }.'), tree }
  if (!isShallow(value)) return whole('The draft is nested too deep for a setting. Take out some brackets.')
  return { content: value as JsonObject | undefined, tree, syntax }
}

function syntaxText(error: string, text: string, offset: number): string {
  switch (error) {
    case 'CommaExpected':
      return 'A comma is missing before this.'
    case 'ColonExpected':
      return 'A colon is missing: write "key": value.'
    case 'PropertyNameExpected':
      return 'A key in double quotes belongs here, such as "lr": 0.01.'
    case 'ValueExpected':
      return 'A value belongs here: a number, a text in double quotes, true, false, null, a list or an object.'
    case 'CloseBraceExpected':
      return 'A closing brace } is missing.'
    case 'CloseBracketExpected':
      return 'A closing bracket ] is missing.'
    case 'EndOfFileExpected':
      return 'The draft ends with its closing brace: take away what comes after it.'
    case 'InvalidNumberFormat':
      return 'This is no number as JSON writes it, such as 0.01 or 1e-3.'
    case 'UnexpectedEndOfString':
      return 'The text has no closing quote.'
    case 'UnexpectedEndOfComment':
      return 'The comment has no end: */'
    case 'InvalidUnicode':
    case 'InvalidEscapeCharacter':
      return String.raw`This is no escape that JSON knows. Write \\ for a backslash.`
    case 'InvalidCharacter':
      return String.raw`Control characters are written as escapes in a text, such as \n and \t.`
    default:
      return text.slice(offset).startsWith("'") ? 'Texts stand in double quotes.' : wordText(text, offset)
  }
}

/** What people write from habit: Python's words, and texts without quotes. */
function wordText(text: string, offset: number): string {
  const [word = ''] = /^\w{1,40}/.exec(text.slice(offset, offset + 40)) ?? []
  const instead = { True: 'true', False: 'false', None: 'null' }[word]
  if (instead) return `Write ${instead}: this is JSON, not Python.`
  return word ? `"${word}" is neither a number nor a text in double quotes.` : 'This does not belong into JSON.'
}

/** Where a remark belongs in the text: at its value or key, else at the nearest thing around it that is there. */
export function rangeOf(
  tree: Node | undefined,
  { at, ofKey }: Pick<Remark, 'at' | 'ofKey'>,
): { readonly from: number; readonly to: number } {
  for (let length = at.length; tree && length >= 0; length--) {
    const node = findNodeAtLocation(tree, at.slice(0, length))
    if (!node) continue
    const key = node.parent?.type === 'property' ? node.parent.children?.[0] : undefined
    const shown = (ofKey || length < at.length || isLong(node)) && key ? key : node
    // The whole object under a wavy line tells nothing: its opening brace does as well.
    return { from: shown.offset, to: shown === tree ? shown.offset + 1 : shown.offset + shown.length }
  }
  return { from: 0, to: 1 }
}

const isLong = ({ type }: Node) => type === 'object' || type === 'array'

/** Keys that are written twice in one object: only the last counts. */
export function doubledKeys(tree: Node | undefined): { readonly from: number; readonly to: number; readonly key: string }[] {
  const found: { from: number; to: number; key: string }[] = []
  const visit = (node: Node) => {
    const seen = new Map<string, Node>()
    for (const child of node.children ?? []) {
      const key = child.type === 'property' ? child.children?.[0] : undefined
      if (key && node.type === 'object') {
        const name = String(key.value)
        const before = seen.get(name)
        if (before) found.push({ from: before.offset, to: before.offset + before.length, key: name })
        seen.set(name, key)
      }
      visit(child)
    }
  }
  if (tree) visit(tree)
  return found
}

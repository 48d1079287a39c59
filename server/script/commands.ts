import type { SyntaxNode } from '@lezer/common'
import { parseReference } from '../tracking/reference'
import { textOf, wordsIn, type Cell } from './cell'
import { readString } from './strings'
import type { Range, WrittenReference } from './types'
import { argumentsOf, children } from './callArguments'

/** Commands whose words are references. */
const WITH_REFERENCES: ReadonlySet<string> = new Set('log show fork select compare graph diff checkout query best push pull'.split(' '))
/** Options without a value; after every other one comes a word that is no reference. */
const FLAGS: ReadonlySet<string> = new Set(['--run', '--dry-run', '--yes', '--json', '--no-ingest', '--help', '--'])
const SHELLS: ReadonlySet<string> = new Set('run call check_call check_output Popen getoutput getstatusoutput system popen'.split(' '))
const PROGRAM = 'epochtree'

interface Word extends Range {
  readonly text: string
  readonly exact: boolean
}

/**
 * References in commands and comments: `["epochtree", "fork", "a@30"]`, `os.system("epochtree show a@30")`, `# epochtree: a@30`.
 *
 * Only those: elsewhere an `@` is more often an address than a reference.
 */
export function findCommands(cell: Cell): readonly WrittenReference[] {
  return wordsIn(cell, PROGRAM).flatMap((at) => {
    const node = cell.tree?.resolveInner(at, 1)
    if (node?.name === 'Comment') return inComment(cell, node)
    if (node?.name !== 'String' && node?.name !== 'FormatString') return []
    const words = wordsAround(cell, node)
    return words ? inCommand(words) : []
  })
}

function inComment(cell: Cell, node: SyntaxNode): readonly WrittenReference[] {
  const [, before = '', text = ''] =
    /^(#\s*epochtree:\s*)([^\s@]+@(?:(?:min|max)\([^\n]*?\)(?:~\d+)?(?=[\s,.;]|$)|[^\s,;]+))/.exec(textOf(cell, node)) ?? []
  const from = node.from + before.length
  const reference = text.replace(/\.$/, '')
  return reference && isReference(reference) ? [{ text: reference, from, to: from + reference.length, kind: 'comment', exact: true }] : []
}

function isReference(text: string): boolean {
  try {
    parseReference(text)
    return true
  } catch {
    return false
  }
}

/** The words of the command that a string begins, alone or as the first of a list. */
function wordsAround(cell: Cell, node: SyntaxNode): readonly Word[] | undefined {
  const piece = readString(cell.text, node)
  const { parent } = node
  if (!piece || !parent) return undefined
  if (piece.value === PROGRAM) {
    const first = parent.name === 'ArrayExpression' || parent.name === 'TupleExpression' ? parent.firstChild?.nextSibling : undefined
    return first?.from === node.from ? children(parent).flatMap((item) => wordOf(cell, item)) : undefined
  }
  if (!piece.exact || parent.name !== 'ArgList' || argumentsOf(parent)[0]?.value?.from !== node.from) return undefined
  const callee = parent.parent?.firstChild
  const name = callee?.name === 'MemberExpression' ? callee.lastChild : callee
  if (!name || !SHELLS.has(textOf(cell, name)) || !cell.text.startsWith(`${PROGRAM} `, piece.content.from)) return undefined
  const content = cell.text.slice(piece.content.from, piece.content.to)
  return [...content.matchAll(/"([^"]*)"|'([^']*)'|[^\s"']+/g)].map(({ index, 0: word, 1: double, 2: single }) => {
    const text = double ?? single ?? word
    const from = piece.content.from + index + (text === word ? 0 : 1)
    return { text, from, to: from + text.length, exact: true }
  })
}

/** An item that is not written out, such as `name` or `f"{name}@30"`, stays in its place as a word that means nothing. */
function wordOf(cell: Cell, item: SyntaxNode): Word[] {
  if (/^[[\](),]$/.test(item.name) || item.type.isError) return []
  const piece = item.name === 'String' || item.name === 'FormatString' ? readString(cell.text, item) : undefined
  return [
    { text: piece?.value ?? '', from: piece?.content.from ?? item.from, to: piece?.content.to ?? item.to, exact: piece?.exact ?? false },
  ]
}

function inCommand([, command, ...words]: readonly Word[]): readonly WrittenReference[] {
  if (!command || !WITH_REFERENCES.has(command.text)) return []
  return words.flatMap(({ text, from, to, exact }, i) => {
    const option = words[i - 1]?.text ?? ''
    const isValue = option.startsWith('-') && !option.includes('=') && !FLAGS.has(option)
    return isValue || text.startsWith('-') || !text.includes('@') ? [] : [{ text, from, to, kind: 'command' as const, exact }]
  })
}

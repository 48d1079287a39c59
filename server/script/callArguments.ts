import type { SyntaxNode } from '@lezer/common'
import type { Range } from './types'

/** The arguments of a call as written, in order. */
export interface Written {
  readonly whole: Range
  readonly name: SyntaxNode | undefined
  readonly star: '*' | '**' | undefined
  /** Undefined while it is being typed. */
  readonly value: SyntaxNode | undefined
}
export function argumentsOf(list: SyntaxNode): readonly Written[] {
  const found: Written[] = []
  let parts: SyntaxNode[] = []
  const close = () => {
    const first = parts[0]
    const equals = parts.findIndex(({ name }) => name === 'AssignOp')
    const star = first?.name === '*' || first?.name === '**' ? first.name : undefined
    const name = equals === 1 && first?.name === 'VariableName' ? first : undefined
    if (first)
      found.push({ whole: { from: first.from, to: parts.at(-1)!.to }, name, star, value: name ? parts[2] : star ? parts[1] : first })
    parts = []
  }
  for (const child of children(list)) {
    if (child.name === ',' || child.name === ')') close()
    else if (child.name !== '(' && !child.type.isError) parts.push(child)
  }
  close()
  return found
}

export function children(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = []
  for (let child = node.firstChild; child; child = child.nextSibling) found.push(child)
  return found
}

export const rangeOf = ({ from, to }: Range): Range => ({ from, to })

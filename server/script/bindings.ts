import type { SyntaxNode } from '@lezer/common'
import { textOf, type Cell } from './cell'
import { importsOf, type Imported } from './imports'

export type BindingKind = 'import' | 'value' | 'with' | 'for' | 'parameter' | 'other'
/** One place where a name gets its value. */
export interface Binding {
  readonly kind: BindingKind
  readonly cell: Cell
  readonly node: SyntaxNode
  /** What is assigned as a whole, entered or looped over; a parameter's annotation. */
  readonly value: SyntaxNode | undefined
  readonly imported: Imported | undefined
}
/** All bindings of one name in a cell. */
export interface Bindings {
  /** By where the scope begins. */
  readonly byScope: ReadonlyMap<number, readonly Binding[]>
  /** Scopes from which the value is changed in place. */
  readonly changes: readonly SyntaxNode[]
}

/** The scope of what is in no function or class. */
export const TOP = -1

/** Whether a part of an assignment is assigned to. */
export function isTarget(node: SyntaxNode): boolean {
  if (node.parent?.name !== 'AssignStatement') return false
  for (let next = node.nextSibling; next; next = next.nextSibling) if (next.name === 'AssignOp') return true
  return false
}

/** The scopes in which a name is looked up, the innermost first. */
export function scopesAround(at: SyntaxNode): readonly number[] {
  const scopes: number[] = []
  let child = at
  for (let node = at.parent; node; child = node, node = node.parent) {
    if (node.name === 'FunctionDefinition') {
      if (child.name === 'Body' || (child.name === 'ParamList' && isParameter(at))) scopes.push(node.from)
    } else if (node.name === 'ClassDefinition') {
      // Functions do not see the names of the class around them.
      if (child.name === 'Body' && scopes.length === 0) scopes.push(node.from)
    } else if (node.name === 'LambdaExpression' || node.name.endsWith('ComprehensionExpression')) scopes.push(node.from)
    else if (node.name === 'ArgList' && node.getChild('for')) scopes.push(node.from)
  }
  return [...scopes, TOP]
}

function isParameter(node: SyntaxNode): boolean {
  return node.parent?.name === 'ParamList' && node.prevSibling?.name !== 'AssignOp'
}

/** How the name that stands there is bound there, and in which scope; undefined where it is only read. */
export function bindingAt(cell: Cell, node: SyntaxNode): readonly [Binding, number] | undefined {
  const { parent } = node
  if (!parent) return undefined
  const bound = (kind: BindingKind, value?: SyntaxNode, scope?: number): readonly [Binding, number] => [
    { kind, cell, node, value, imported: undefined },
    scope ?? scopesAround(node)[0] ?? TOP,
  ]
  const before = node.prevSibling?.name
  switch (parent.name) {
    case 'ImportStatement': {
      const imported = importsOf(cell.text, parent).find((one) => one.node.from === node.from)
      return imported && [{ kind: 'import', cell, node, value: undefined, imported }, scopesAround(node)[0] ?? TOP]
    }
    case 'ParamList':
      return isParameter(node)
        ? bound('parameter', node.nextSibling?.name === 'TypeDef' ? (node.nextSibling.lastChild ?? undefined) : undefined)
        : undefined
    case 'FunctionDefinition':
    case 'ClassDefinition':
      return before === 'def' || before === 'class' ? bound('other') : undefined
    case 'WithStatement':
      return before === 'as' ? bound('with', entered(node)) : undefined
    case 'TryStatement':
      return before === 'as' ? bound('other') : undefined
    case 'UpdateStatement':
      return parent.from === node.from ? bound('other') : undefined
    case 'NamedExpression':
      return parent.from === node.from ? bound('value', parent.lastChild ?? undefined) : undefined
    case 'ArgList':
      if (node.nextSibling?.name === 'AssignOp')
        return textOf(cell, node.nextSibling) === ':=' ? bound('value', node.nextSibling.nextSibling ?? undefined) : undefined
      return isLoopTarget(node) ? bound('other') : undefined
    case 'DeleteStatement':
    case 'CapturePattern':
    case 'AsPattern':
    case 'TypeDefinition':
      return parent.name === 'TypeDefinition' && before !== 'type' ? undefined : bound('other')
    case 'AssignStatement':
      return isTarget(node) ? bound('value', assigned(node)) : undefined
    default:
      return boundInPattern(node, bound)
  }
}

type Bound = (kind: BindingKind, value?: SyntaxNode) => readonly [Binding, number]

/** The targets of loops, and names in brackets or tuples that are unpacked into. */
function boundInPattern(node: SyntaxNode, bound: Bound): readonly [Binding, number] | undefined {
  let target = node
  while (target.parent && /^(Tuple|Array|Parenthesized)Expression$/.test(target.parent.name)) target = target.parent
  const { parent } = target
  if (parent?.name === 'ForStatement') return isLoopTarget(target) ? bound('for', looped(target)) : undefined
  if (parent?.name.endsWith('ComprehensionExpression')) return isLoopTarget(target) ? bound('other') : undefined
  return target !== node && isTarget(target) ? bound('other') : undefined
}

/** Between `for` and `in`. */
function isLoopTarget(node: SyntaxNode): boolean {
  for (let before = node.prevSibling; before; before = before.prevSibling) {
    if (before.name === 'for') return true
    if (before.name !== ',' && !/(Name|Expression|\*)$/.test(before.name)) return false
  }
  return false
}

function looped(target: SyntaxNode): SyntaxNode | undefined {
  for (let next = target.nextSibling; next; next = next.nextSibling) if (next.name === 'in') return next.nextSibling ?? undefined
  return undefined
}

function entered(name: SyntaxNode): SyntaxNode | undefined {
  return name.prevSibling?.prevSibling ?? undefined
}

/** What `a = ...` or its part in `a, b = 1, 2` assigns to this name; undefined where that is not written out. */
function assigned(target: SyntaxNode): SyntaxNode | undefined {
  const groups: SyntaxNode[][] = [[]]
  for (let node = target.parent?.firstChild; node; node = node.nextSibling) {
    if (node.name === 'AssignOp') groups.push([])
    else if (node.name === '*') return undefined
    else if (node.name !== ',' && node.name !== 'TypeDef' && !node.type.isError) groups.at(-1)!.push(node)
  }
  const values = groups.at(-1)!
  const targets = groups.find((group) => group.some(({ from }) => from === target.from)) ?? []
  if (targets === values || targets.length !== values.length) return undefined
  // `a, = x` unpacks x.
  if (targets.length === 1) return target.nextSibling?.name === ',' ? undefined : values[0]
  return values[targets.findIndex(({ from }) => from === target.from)]
}

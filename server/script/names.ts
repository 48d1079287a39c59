import type { SyntaxNode, Tree } from '@lezer/common'
import { importsOf, type Imported } from './imports'

/** A script, or one of a notebook's cells, which share what is bound at their top level, in order. */
export interface Cell {
  readonly index: number
  readonly text: string
  readonly tree: Tree | undefined
  readonly before: Cell | undefined
  /** What was looked up already, by name. */
  readonly uses: Map<string, readonly SyntaxNode[]>
  readonly bindings: Map<string, Bindings>
}
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
export interface Found {
  readonly cell: Cell
  readonly bindings: readonly Binding[]
  /** Whether the value is changed in place somewhere: `x["a"] = 1`, `x.update(...)`. */
  readonly changed: boolean
}
interface Bindings {
  readonly byScope: ReadonlyMap<string, readonly Binding[]>
  /** Scopes from which the value is changed in place. */
  readonly changes: readonly SyntaxNode[]
}

export function newCell(index: number, text: string, tree: Tree | undefined, before: Cell | undefined): Cell {
  return { index, text, tree, before, uses: new Map(), bindings: new Map() }
}

/** All places where a name is read or bound. Found in the text first, which is many times faster than walking the tree. */
export function usesOf(cell: Cell, name: string): readonly SyntaxNode[] {
  let found = cell.uses.get(name)
  if (!found) {
    found = wordsIn(cell, name).flatMap((from) => {
      const node = cell.tree?.resolveInner(from, 1)
      return node?.name === 'VariableName' && node.from === from && node.to === from + name.length ? [node] : []
    })
    cell.uses.set(name, found)
  }
  return found
}

/** Where a word stands alone in the text, be it in code, in a string or in a comment. */
export function wordsIn({ text, tree }: Cell, word: string): readonly number[] {
  const found: number[] = []
  if (!tree || word === '') return found
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length))
    if (!isWordCharacter(text, at - 1) && !isWordCharacter(text, at + word.length)) found.push(at)
  return found
}

function isWordCharacter(text: string, at: number): boolean {
  const code = text.charCodeAt(at) // NaN outside of the text
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95 || code > 160
}

export function textOf(cell: Cell, node: SyntaxNode): string {
  return cell.text.slice(node.from, node.to)
}

/** What a name means where it stands, by Python's rules of scopes; undefined for a builtin or what another module brings. */
export function lookUp(cell: Cell, name: string, at: SyntaxNode): Found | undefined {
  const own = ownBindings(cell, name, at)
  if (own) return own
  for (let earlier = cell.before; earlier; earlier = earlier.before) {
    const known = bindingsOf(earlier, name)
    const bindings = known.byScope.get(TOP)
    if (bindings) return { cell: earlier, bindings, changed: known.changes.some((change) => reaches(known, change, TOP)) }
  }
  return undefined
}

function ownBindings(cell: Cell, name: string, at: SyntaxNode): Found | undefined {
  const known = bindingsOf(cell, name)
  if (known.byScope.size === 0) return undefined
  const chain = scopesAround(at)
  for (const scope of chain) {
    const bindings = known.byScope.get(scope)
    if (!bindings) continue
    // A cell runs after those before it: until it binds a name itself, theirs counts.
    if (cell.before && chain.length === 1 && bindings.every(({ node }) => node.from > at.from)) return undefined
    return { cell, bindings, changed: known.changes.some((change) => reaches(known, change, scope)) }
  }
  return undefined
}

/** Whether a name that stands there is bound in that scope. */
function reaches({ byScope }: Bindings, at: SyntaxNode, scope: string): boolean {
  return (scopesAround(at).find((around) => byScope.has(around)) ?? TOP) === scope
}

function bindingsOf(cell: Cell, name: string): Bindings {
  let found = cell.bindings.get(name)
  if (!found) {
    found = bind(cell, name)
    cell.bindings.set(name, found)
  }
  return found
}

function bind(cell: Cell, name: string): Bindings {
  const byScope = new Map<string, Binding[]>()
  const changes: SyntaxNode[] = []
  const elsewhere = new Map<string, string>()
  for (const node of usesOf(cell, name)) {
    if (node.parent?.name === 'ScopeStatement') {
      const [inner = TOP, ...outer] = scopesAround(node)
      elsewhere.set(inner, node.parent.firstChild?.name === 'global' ? TOP : (outer[0] ?? TOP))
    } else if (isChanged(cell, node)) changes.push(node)
  }
  for (const node of usesOf(cell, name)) {
    const [binding, scope] = bindingAt(cell, node) ?? []
    if (!binding || scope === undefined) continue
    const where = elsewhere.get(scope) ?? scope
    const others = byScope.get(where)
    if (others) others.push(binding)
    else byScope.set(where, [binding])
  }
  return { byScope, changes }
}

const TOP = 'Script'
const MUTATORS: ReadonlySet<string> = new Set(
  'update pop popitem setdefault clear append extend insert remove sort reverse add discard __setitem__'.split(' '),
)

function isChanged(cell: Cell, node: SyntaxNode): boolean {
  let target = node
  while (target.parent?.name === 'MemberExpression' && target.parent.from === node.from) {
    target = target.parent
    if (target.parent?.name === 'CallExpression' && target.parent.from === node.from)
      return MUTATORS.has(cell.text.slice(target.lastChild?.from ?? target.to, target.to))
  }
  if (target === node) return false
  const statement = target.parent
  if (statement?.name === 'DeleteStatement') return true
  return statement?.name === 'UpdateStatement' ? statement.from === target.from : isTarget(target)
}

/** Whether a part of an assignment is assigned to. */
function isTarget(node: SyntaxNode): boolean {
  if (node.parent?.name !== 'AssignStatement') return false
  for (let next = node.nextSibling; next; next = next.nextSibling) if (next.name === 'AssignOp') return true
  return false
}

/** The scopes in which a name is looked up, the innermost first. */
function scopesAround(at: SyntaxNode): readonly string[] {
  const scopes: string[] = []
  let child = at
  for (let node = at.parent; node; child = node, node = node.parent) {
    if (node.name === 'FunctionDefinition') {
      if (child.name === 'Body' || (child.name === 'ParamList' && isParameter(at))) scopes.push(key(node))
    } else if (node.name === 'ClassDefinition') {
      // Functions do not see the names of the class around them.
      if (child.name === 'Body' && scopes.length === 0) scopes.push(key(node))
    } else if (node.name === 'LambdaExpression' || node.name.endsWith('ComprehensionExpression')) scopes.push(key(node))
    else if (node.name === 'ArgList' && node.getChild('for')) scopes.push(key(node))
  }
  return [...scopes, TOP]
}

const key = (node: SyntaxNode) => `${node.name}@${node.from}`

function isParameter(node: SyntaxNode): boolean {
  return node.parent?.name === 'ParamList' && node.prevSibling?.name !== 'AssignOp'
}

/** How the name that stands there is bound there, and in which scope; undefined where it is only read. */
function bindingAt(cell: Cell, node: SyntaxNode): readonly [Binding, string] | undefined {
  const { parent } = node
  if (!parent) return undefined
  const bound = (kind: BindingKind, value?: SyntaxNode, scope?: string): readonly [Binding, string] => [
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

type Bound = (kind: BindingKind, value?: SyntaxNode) => readonly [Binding, string]

/** The targets of loops, and names in brackets or tuples that are unpacked into. */
function boundInPattern(node: SyntaxNode, bound: Bound): readonly [Binding, string] | undefined {
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

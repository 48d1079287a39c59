import type { SyntaxNode } from '@lezer/common'
import { bindingAt, isTarget, scopesAround, TOP, type Binding, type Bindings } from './bindings'
import { wordsIn, type Cell } from './cell'

export interface Found {
  readonly cell: Cell
  readonly bindings: readonly Binding[]
  /** Whether the value is changed in place somewhere: `x["a"] = 1`, `x.update(...)`. */
  readonly changed: boolean
}

/** All places where a name is read or bound. Found in the text first, which is many times faster than walking the tree. */
export function usesOf(cell: Cell, name: string): readonly SyntaxNode[] {
  let found = cell.uses.get(name)
  if (!found) {
    // One cursor that goes forward is much faster than looking each place up from the top.
    const cursor = cell.tree?.cursor()
    found = wordsIn(cell, name).flatMap((from) => {
      const at = cursor?.moveTo(from, 1)
      return at && cursor?.name === 'VariableName' && cursor.from === from && cursor.to === from + name.length ? [cursor.node] : []
    })
    cell.uses.set(name, found)
  }
  return found
}

/** What a name means where it stands, by Python's rules of scopes; undefined for a builtin or what another module brings. */
export function lookUp(cell: Cell, name: string, at: SyntaxNode): Found | undefined {
  const own = ownBindings(cell, name, at)
  if (own) return own
  // On the way back, each cell may have changed what an earlier one bound.
  let changed = false
  for (let earlier: Cell | undefined = cell; earlier; earlier = earlier.before) {
    const known = bindingsOf(earlier, name)
    changed ||= known.changes.some((change) => reaches(known, change, TOP))
    const bindings = earlier === cell ? undefined : known.byScope.get(TOP)
    if (bindings) return { cell: earlier, bindings, changed }
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
function reaches({ byScope }: Bindings, at: SyntaxNode, scope: number): boolean {
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
  const byScope = new Map<number, Binding[]>()
  const changes: SyntaxNode[] = []
  const elsewhere = new Map<number, number>()
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

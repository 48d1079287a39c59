import type { SyntaxNode } from '@lezer/common'
import { importsAll, importsOf } from './imports'
import { textOf, wordsIn, type Cell } from './cell'
import { lookUp, usesOf } from './names'
import type { Import } from './types'

/** What an expression stands for: the package, one of its functions, or neither. */
export type Meaning = Import['means'] | undefined
/** A call of `session` or `evaluate`. */
export interface FoundCall {
  readonly cell: Cell
  readonly node: SyntaxNode
  readonly callee: SyntaxNode
  readonly means: 'session' | 'evaluate'
}
export interface FoundImport extends Import {
  readonly cell: Cell
}

const PACKAGE = 'epochtree'

/** The names under which the script knows the package and its functions. */
export function findImports(cells: readonly Cell[]): readonly FoundImport[] {
  return cells.flatMap((cell) =>
    statements(cell).flatMap((statement) =>
      importsOf(cell.text, statement).flatMap(({ node, name, means }) =>
        means === 'other' ? [] : [{ cell, name, means, from: node.from, to: node.to }],
      ),
    ),
  )
}

function statements(cell: Cell): readonly SyntaxNode[] {
  const found = new Map<number, SyntaxNode>()
  for (const at of wordsIn(cell, PACKAGE)) {
    const statement = cell.tree?.resolveInner(at, 1).parent
    if (statement?.name === 'ImportStatement') found.set(statement.from, statement)
  }
  return [...found.values()]
}

/** Calls of the package's functions, through whatever name. */
export function findCalls(cells: readonly Cell[], imports: readonly Import[]): readonly FoundCall[] {
  const found: FoundCall[] = []
  const starred = cells.some((cell) => statements(cell).some((statement) => importsAll(cell.text, statement)))
  const names = new Set([...imports.map(({ name }) => name), ...(starred ? ['session', 'evaluate'] : [])])
  const meaning = meanings(cells)
  // The set grows by `run = epochtree.session` while it is gone through.
  for (const name of names) {
    for (const cell of cells) {
      for (const use of usesOf(cell, name)) {
        const parent = use.parent
        const callee = parent?.name === 'MemberExpression' && parent.from === use.from ? parent : use
        const means = meaning(cell, callee)
        if (means === undefined) continue
        const outer = callee.parent
        if (outer?.name === 'AssignStatement') {
          for (const target of outer.getChildren('VariableName')) if (target.to < callee.from) names.add(textOf(cell, target))
        } else if (outer?.name === 'CallExpression' && outer.from === callee.from && means !== 'package')
          found.push({ cell, node: outer, callee, means })
      }
    }
  }
  return found.toSorted((a, b) => a.cell.index - b.cell.index || a.node.from - b.node.from)
}

function meanings(cells: readonly Cell[]): (cell: Cell, node: SyntaxNode) => Meaning {
  return meaningOf

  function meaningOf(cell: Cell, node: SyntaxNode, depth = 0): Meaning {
    if (depth > 10) return undefined
    if (node.name === 'ParenthesizedExpression') {
      const inner = node.firstChild?.nextSibling
      return inner ? meaningOf(cell, inner, depth + 1) : undefined
    }
    if (node.name === 'MemberExpression') {
      const property = node.lastChild
      const name = property?.name === 'PropertyName' ? textOf(cell, property) : ''
      if (name !== 'session' && name !== 'evaluate') return undefined
      return node.firstChild && meaningOf(cell, node.firstChild, depth + 1) === 'package' ? name : undefined
    }
    if (node.name !== 'VariableName') return undefined
    const name = textOf(cell, node)
    const found = lookUp(cell, name, node)
    if (!found) return name === 'session' || name === 'evaluate' ? starred(cell, name) : undefined
    // An import decides also where the name is used again, as in `with session("m") as session`.
    for (const { imported } of found.bindings) if (imported && imported.means !== 'other') return imported.means
    const [only, ...others] = found.bindings
    return only?.kind === 'value' && only.value && others.length === 0 ? meaningOf(found.cell, only.value, depth + 1) : undefined
  }

  function starred(cell: Cell, name: 'session' | 'evaluate'): Meaning {
    const known = cells.slice(0, cell.index + 1)
    return known.some((one) => statements(one).some((statement) => importsAll(one.text, statement))) ? name : undefined
  }
}

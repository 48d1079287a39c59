import type { SyntaxNode } from '@lezer/common'

/** A name that an import binds. */
export interface Imported {
  readonly node: SyntaxNode
  readonly name: string
  readonly means: 'package' | 'session' | 'evaluate' | 'other'
}

const PACKAGE = 'epochtree'

/** The names that an import statement binds; none for `import *`. */
export function importsOf(text: string, statement: SyntaxNode): readonly Imported[] {
  const read = (node: SyntaxNode) => text.slice(node.from, node.to)
  const from = statement.firstChild?.name === 'from'
  let module = ''
  let reading = !from
  let clause: SyntaxNode[] = []
  const found: Imported[] = []
  const close = () => {
    const last = clause.at(-1)
    const first = clause[0]
    if (!last || !first) return
    const renamed = clause.some(({ name }) => name === 'as')
    const node = renamed ? last : first
    if (node.name === 'VariableName')
      found.push({ node, name: read(node), means: from ? member(module, read(first)) : imported(clause, read) })
    clause = []
  }
  for (let node = statement.firstChild?.nextSibling; node; node = node.nextSibling) {
    if (node.name === 'import') reading = true
    else if (node.type.isError || node.name === '(' || node.name === ')') continue
    else if (!reading) module += read(node)
    else if (node.name === ',') close()
    else clause.push(node)
  }
  close()
  return found
}

/** Whether the statement is `from epochtree import *`. */
export function importsAll(text: string, statement: SyntaxNode): boolean {
  return /^from\s+epochtree\s+import\s*\*/.test(text.slice(statement.from, statement.to))
}

function member(module: string, name: string): Imported['means'] {
  return module === PACKAGE && (name === 'session' || name === 'evaluate') ? name : 'other'
}

/** `import epochtree.torch` binds `epochtree`; `import epochtree.torch as t` another module. */
function imported(clause: readonly SyntaxNode[], read: (node: SyntaxNode) => string): Imported['means'] {
  const path = clause.filter(({ name }) => name !== '.').map(read)
  const renamed = path.indexOf('as')
  return path[0] === PACKAGE && (renamed < 0 || renamed === 1) ? 'package' : 'other'
}

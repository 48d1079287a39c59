import type { SyntaxNode } from '@lezer/common'
import type { FoundCall } from './calls'
import { textOf, type Cell } from './cell'
import { lookUp } from './names'

/** What a call's result is bound to: a name or `self.session`. */
export function targetOf({ node }: Pick<FoundCall, 'node'>): SyntaxNode | undefined {
  let value = node
  for (let parent = value.parent; parent; parent = value.parent) {
    if (parent.name === 'ParenthesizedExpression' || parent.name === 'AwaitExpression') value = parent
    // `stack.enter_context(epochtree.session(...))`
    else if (parent.name === 'ArgList' && parent.firstChild?.nextSibling?.from === value.from && parent.parent?.name === 'CallExpression')
      value = parent.parent
    else break
  }
  const { parent } = value
  if (parent?.name === 'WithStatement') {
    const name = value.nextSibling?.name === 'as' ? value.nextSibling.nextSibling : undefined
    return name?.name === 'VariableName' ? name : undefined
  }
  if (parent?.name === 'NamedExpression') return parent.firstChild ?? undefined
  if (parent?.name !== 'AssignStatement' || parent.firstChild?.from === value.from) return undefined
  const target = parent.firstChild
  const next = target?.nextSibling?.name
  return target && (next === 'AssignOp' || next === 'TypeDef') ? target : undefined
}

/** Who logs: an epoch of a session or an evaluation; the session's call where it is known. */
export interface Recorder {
  readonly kind: 'epoch' | 'evaluation'
  readonly call: FoundCall | undefined
}

/** Tells what an expression such as `epoch` in `epoch.log(...)` is. */
export function recorders(calls: readonly FoundCall[]): (cell: Cell, node: SyntaxNode) => Recorder | undefined {
  const byTarget = new Map<string, FoundCall>()
  const attributes = new Map<string, FoundCall>()
  for (const call of calls) {
    const target = targetOf(call)
    if (!target) continue
    byTarget.set(`${call.cell.index}:${target.from}`, call)
    if (textOf(call.cell, target).includes('.')) attributes.set(textOf(call.cell, target), call)
  }
  return recorderOf

  function recorderOf(cell: Cell, node: SyntaxNode): Recorder | undefined {
    if (node.name !== 'VariableName') {
      const evaluation = node.name === 'MemberExpression' ? attributes.get(textOf(cell, node)) : undefined
      return evaluation?.means === 'evaluate' ? { kind: 'evaluation', call: evaluation } : undefined
    }
    const name = textOf(cell, node)
    const found = lookUp(cell, name, node)
    for (const binding of found?.bindings ?? []) {
      const own = byTarget.get(`${binding.cell.index}:${binding.node.from}`)
      if (own?.means === 'evaluate') return { kind: 'evaluation', call: own }
      if (binding.kind === 'parameter' && isCalled(name, binding.value && textOf(binding.cell, binding.value), 'epoch'))
        return { kind: 'epoch', call: undefined }
      if (binding.value && (binding.kind === 'for' || binding.kind === 'value')) {
        const session = sessionOfEpochs(binding.cell, binding.value, binding.kind === 'for' ? 'epochs' : 'epoch')
        if (session) return { kind: 'epoch', call: session.call }
      }
    }
    return undefined
  }

  /** The session in `session.epochs(...)`, also within `tqdm(...)` or `enumerate(...)`. */
  function sessionOfEpochs(cell: Cell, node: SyntaxNode, method: string, depth = 0): { readonly call: FoundCall | undefined } | undefined {
    if (node.name !== 'CallExpression' || depth > 5) return undefined
    const callee = node.firstChild
    if (callee?.name === 'MemberExpression' && callee.lastChild && textOf(cell, callee.lastChild) === method)
      return callee.firstChild ? sessionOf(cell, callee.firstChild) : undefined
    const first = node.getChild('ArgList')?.firstChild?.nextSibling
    return first ? sessionOfEpochs(cell, first, method, depth + 1) : undefined
  }

  function sessionOf(cell: Cell, node: SyntaxNode): { readonly call: FoundCall | undefined } | undefined {
    if (node.name === 'MemberExpression') {
      const call = attributes.get(textOf(cell, node))
      return call?.means === 'session' ? { call } : undefined
    }
    if (node.name !== 'VariableName') return undefined
    const name = textOf(cell, node)
    for (const binding of lookUp(cell, name, node)?.bindings ?? []) {
      const call = byTarget.get(`${binding.cell.index}:${binding.node.from}`)
      if (call?.means === 'session') return { call }
      if (binding.kind === 'parameter' && isCalled(name, binding.value && textOf(binding.cell, binding.value), 'session'))
        return { call: undefined }
    }
    return undefined
  }
}

/** A parameter is taken for an epoch or a session by its name, or by its annotation. */
function isCalled(name: string, annotation: string | undefined, what: 'epoch' | 'session'): boolean {
  if (annotation === undefined) return name === what
  return new RegExp(`(^|\\W)${what[0]!.toUpperCase()}${what.slice(1)}($|\\W)`).test(annotation)
}

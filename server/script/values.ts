import type { SyntaxNode } from '@lezer/common'
import type { Json } from '../protocol/model'
import { argumentsOf, children, rangeOf } from './callArguments'
import { arithmetic, floatOf, negated, readNumber } from './numbers'
import { textOf, type Cell } from './cell'
import { lookUp } from './names'
import { readString } from './strings'
import type { PythonType } from './types'
import { dictionary, forgotten, keyText, plain, sequence, type Entries, type Entry, type Value } from './value'

/** Deeper than anybody writes; the rest stays unknown. */
const DEEPEST = 150

export type Evaluate = (cell: Cell, node: SyntaxNode) => Value

/** Evaluates expressions as far as constants go; keeps what it found for each. With `keysOnly` the values in dictionaries are left out. */
export function evaluator({ keysOnly = false } = {}): Evaluate {
  const known = new Map<Cell, Map<number, Value>>()

  return (cell, node) => evaluate(cell, node, 0)

  function evaluate(cell: Cell, node: SyntaxNode, depth: number): Value {
    let values = known.get(cell)
    if (!values) known.set(cell, (values = new Map()))
    // No two expressions have the same range; both numbers are below 2^22.
    const id = node.from * 2 ** 22 + node.to - node.from
    const before = values.get(id)
    if (before) return before
    const unknown = plain(cell, node, undefined)
    if (depth > DEEPEST) return unknown
    // Until it is known: a name may stand for itself, as in `n = n + 1`.
    values.set(id, unknown)
    const value = read(cell, node, depth + 1)
    values.set(id, value)
    return value
  }

  function read(cell: Cell, node: SyntaxNode, depth: number): Value {
    switch (node.name) {
      case 'String':
      case 'FormatString': {
        const piece = readString(cell.text, node)
        if (!piece) return plain(cell, node, undefined)
        return { ...plain(cell, node, piece.bytes ? 'bytes' : 'str', piece.value), piece }
      }
      case 'ContinuedString': {
        const pieces = children(node).flatMap((part) => readString(cell.text, part) ?? [])
        const texts = pieces.map(({ value }) => value)
        const whole = texts.includes(undefined) ? undefined : texts.join('')
        return plain(cell, node, pieces.some(({ bytes }) => bytes) ? 'bytes' : 'str', whole)
      }
      case 'Number':
        return { ...plain(cell, node, undefined), ...readNumber(textOf(cell, node)) }
      case 'Boolean':
        return plain(cell, node, 'bool', textOf(cell, node) === 'True')
      case 'None':
        return plain(cell, node, 'NoneType', null)
      case 'LambdaExpression':
        return plain(cell, node, 'function')
      case 'ParenthesizedExpression':
        return inner(cell, node, node.firstChild?.nextSibling, depth)
      case 'NamedExpression':
        return inner(cell, node, node.lastChild, depth)
      case 'UnaryExpression': {
        const operand = node.lastChild
        const sign = cell.text[node.from]
        if (!operand || (sign !== '-' && sign !== '+')) return plain(cell, node, textOf(cell, node).startsWith('not') ? 'bool' : undefined)
        const { type, json } = evaluate(cell, operand, depth)
        return { ...plain(cell, node, undefined), ...(sign === '-' ? negated({ type, json }) : { type, json }) }
      }
      case 'BinaryExpression':
        return combined(cell, node, depth)
      case 'DictionaryExpression':
        return dictionary(cell, node, 'dict', entriesOf(cell, node, depth))
      case 'ArrayExpression':
        return list(cell, node, 'list', depth)
      case 'TupleExpression':
        return list(cell, node, 'tuple', depth)
      case 'SetExpression':
        return list(cell, node, 'set', depth)
      case 'ArrayComprehensionExpression':
        return plain(cell, node, 'list')
      case 'DictionaryComprehensionExpression':
        return plain(cell, node, 'dict')
      case 'SetComprehensionExpression':
        return plain(cell, node, 'set')
      case 'CallExpression':
        return called(cell, node, depth)
      case 'MemberExpression':
        return member(cell, node, depth)
      case 'VariableName':
        return named(cell, node, depth)
      default:
        return plain(cell, node, undefined)
    }
  }

  function inner(cell: Cell, node: SyntaxNode, part: SyntaxNode | null | undefined, depth: number): Value {
    return part ? evaluate(cell, part, depth) : plain(cell, node, undefined)
  }

  function named(cell: Cell, node: SyntaxNode, depth: number): Value {
    const found = lookUp(cell, textOf(cell, node), node)
    const [binding, ...others] = found?.bindings ?? []
    if (!found || !binding || others.length > 0 || binding.kind !== 'value' || !binding.value) return plain(cell, node, undefined)
    const value = evaluate(found.cell, binding.value, depth)
    return found.changed ? forgotten(value) : value
  }

  function combined(cell: Cell, node: SyntaxNode, depth: number): Value {
    const [left, operator, right] = children(node)
    if (!left || !operator || !right) return plain(cell, node, undefined)
    const sign = textOf(cell, operator)
    if (!/^[-+*/%|]+$/.test(sign)) return plain(cell, node, /[<>=!]|in|is|not/.test(sign) ? 'bool' : undefined)
    const a = evaluate(cell, left, depth)
    const b = evaluate(cell, right, depth)
    if (sign === '|' && a.type === 'dict' && b.type === 'dict')
      return dictionary(cell, node, 'dict', {
        entries: [...(a.entries ?? []), ...(b.entries ?? [])],
        complete: a.complete === true && b.complete === true,
      })
    if (sign === '+' && (a.type === 'str' || b.type === 'str'))
      return plain(
        cell,
        node,
        'str',
        typeof a.json === 'string' && typeof b.json === 'string' && a.type === b.type ? a.json + b.json : undefined,
      )
    if (sign === '+' && a.items && b.items && a.type === b.type) return sequence(cell, node, a.type, [...a.items, ...b.items], true)
    if (sign === '%' && a.type === 'str') return plain(cell, node, 'str')
    return { ...plain(cell, node, undefined), ...arithmetic(sign, a, b) }
  }

  function list(cell: Cell, node: SyntaxNode, type: PythonType, depth: number): Value {
    const items: Value[] = []
    let whole = true
    for (const child of children(node)) {
      if (/^[[\](){},]$/.test(child.name)) continue
      if (child.name === '*' || child.type.isError) whole = false
      else items.push(evaluate(cell, child, depth))
    }
    return sequence(cell, node, type, items, whole)
  }

  function entriesOf(cell: Cell, node: SyntaxNode, depth: number): Entries {
    const entries: Entry[] = []
    let whole = true
    let key: SyntaxNode | undefined
    let spread = false
    for (const child of children(node)) {
      if (child.name === ',' || child.name === '{' || child.name === '}') {
        if (key || spread) whole = false
        key = undefined
        spread = false
      } else if (child.type.isError) whole = false
      else if (child.name === '**') spread = true
      else if (child.name === ':') continue
      else if (spread) {
        const value = evaluate(cell, child, depth)
        if (!value.complete) whole = false
        entries.push(...(value.entries ?? []))
        spread = false
      } else if (key) {
        const known = evaluate(cell, key, depth)
        const text = keyText(known) ?? (known.type === 'tuple' ? textOf(cell, key) : undefined)
        const value = keysOnly ? plain(cell, child, undefined) : evaluate(cell, child, depth)
        // True and 1.0 are the same key as 1, whichever came first.
        if (text === undefined || known.type === 'bool' || known.type === 'float') whole = false
        if (text !== undefined && known.type)
          entries.push({ key: text, keyType: known.type, cell, range: rangeOf(key), valueRange: rangeOf(child), value })
        key = undefined
      } else key = child
    }
    return { entries, complete: whole && !key && !spread }
  }

  /** `dict(a=1)`, `Namespace(a=1)`, `float("nan")`, `BASE.copy()`. */
  function called(cell: Cell, node: SyntaxNode, depth: number): Value {
    const callee = node.firstChild
    const list = node.getChild('ArgList')
    if (!callee || !list) return plain(cell, node, undefined)
    const name = cell.text.slice(callee.name === 'MemberExpression' ? callee.lastChild!.from : callee.from, callee.to)
    const builtin = callee.name === 'VariableName' && lookUp(cell, name, callee) === undefined
    if ((name === 'dict' && builtin) || name === 'Namespace' || name === 'SimpleNamespace') {
      const given = keywords(cell, list, depth)
      return dictionary(cell, node, name === 'dict' ? 'dict' : undefined, given)
    }
    const [only, ...others] = children(list).filter(({ name: part }) => !/^[(),]$/.test(part))
    if (name === 'float' && builtin && only && others.length === 0) {
      const { json } = evaluate(cell, only, depth)
      if (typeof json === 'string') return { ...plain(cell, node, undefined), ...floatOf(json) }
      return plain(cell, node, 'float', typeof json === 'number' ? json : undefined)
    }
    if (name === 'copy' && callee.name === 'MemberExpression' && !only) return inner(cell, node, callee.firstChild, depth)
    if ((name === 'copy' || name === 'deepcopy') && only && others.length === 0) return evaluate(cell, only, depth)
    return plain(cell, node, undefined)
  }

  function keywords(cell: Cell, list: SyntaxNode, depth: number): Entries {
    const entries: Entry[] = []
    let whole = true
    for (const part of argumentsOf(list)) {
      const value = part.value && !(keysOnly && part.name) ? evaluate(cell, part.value, depth) : plain(cell, list, undefined)
      if (part.name) {
        const valueRange = part.value ? rangeOf(part.value) : { from: part.whole.to, to: part.whole.to }
        entries.push({ key: textOf(cell, part.name), keyType: 'str', cell, range: rangeOf(part.name), valueRange, value })
      } else {
        // A mapping that it begins with, or `**more`.
        if (part.star === '*' || !value.complete) whole = false
        entries.push(...(value.entries ?? []))
      }
    }
    return { entries, complete: whole }
  }

  /** `HP["lr"]`, `math.inf`. */
  function member(cell: Cell, node: SyntaxNode, depth: number): Value {
    const object = node.firstChild
    const last = node.lastChild
    if (!object || !last) return plain(cell, node, undefined)
    if (last.name === 'PropertyName') {
      if (!/^(math|np|numpy|torch)$/.test(textOf(cell, object))) return plain(cell, node, undefined)
      const constant = CONSTANTS[textOf(cell, last)]
      return constant === undefined ? plain(cell, node, undefined) : plain(cell, node, 'float', constant)
    }
    const [, , index, close] = children(node)
    if (!index || close?.name !== ']') return plain(cell, node, undefined)
    const from = evaluate(cell, object, depth)
    const at = evaluate(cell, index, depth)
    const key = keyText(at)
    // Not of one that is changed or known in part: the key may have another value by then.
    if (from.json === undefined || key === undefined) return plain(cell, node, undefined)
    if (from.entries && at.type === 'str') return from.entries.findLast((entry) => entry.key === key)?.value ?? plain(cell, node, undefined)
    return (at.type === 'int' ? from.items?.at(Number(at.json)) : undefined) ?? plain(cell, node, undefined)
  }
}

const CONSTANTS: Readonly<Record<string, Json>> = { inf: 'Infinity', nan: 'NaN', pi: Math.PI, e: Math.E, tau: 2 * Math.PI }

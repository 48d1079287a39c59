import type { SyntaxNode } from '@lezer/common'
import type { Json } from '../protocol/model'
import { arithmetic, negated, readNumber } from './numbers'
import { lookUp, textOf, type Cell } from './names'
import { readString, type StringPiece } from './strings'
import type { PythonType, Range } from './types'

/** What is known of an expression's value. */
export interface Value {
  readonly cell: Cell
  readonly range: Range
  /** Undefined where only running the script would tell. */
  readonly type: PythonType | undefined
  readonly json: Json | undefined
  /** A dictionary's keys, in order, also where not all of it is known; a later one of the same key wins. */
  readonly entries?: readonly Entry[]
  /** Whether the entries are all it holds. */
  readonly complete?: boolean
  readonly items?: readonly Value[]
  /** A string that is written in one piece. */
  readonly piece?: StringPiece
  /** How many values it holds in all. */
  readonly size: number
}
export interface Entry {
  readonly key: string
  readonly keyType: PythonType
  readonly cell: Cell
  readonly range: Range
  /** Where its value stands beside it; a constant's own value may stand elsewhere. */
  readonly valueRange: Range
  readonly value: Value
}

/** Deeper and larger than anybody writes; the rest stays unknown. */
const DEEPEST = 150
const LARGEST = 20_000

/** Evaluates expressions as far as constants go; keeps what it found for each. */
export function evaluator(): (cell: Cell, node: SyntaxNode) => Value {
  const known = new Map<string, Value>()
  const open = new Set<string>()

  return (cell, node) => evaluate(cell, node, 0)

  function evaluate(cell: Cell, node: SyntaxNode, depth: number): Value {
    const id = `${cell.index}:${node.from}:${node.to}:${node.name}`
    const before = known.get(id)
    if (before) return before
    // A name that stands for itself, such as `n = n + 1`.
    if (depth > DEEPEST || open.has(id)) return plain(cell, node, undefined)
    open.add(id)
    const value = read(cell, node, depth + 1)
    open.delete(id)
    known.set(id, value)
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
        const text = keyText(known) ?? (known.type === 'tuple' || known.type === 'bytes' ? textOf(cell, key) : undefined)
        const value = evaluate(cell, child, depth)
        if (text === undefined || !known.type) whole = false
        else entries.push({ key: text, keyType: known.type, cell, range: rangeOf(key), valueRange: rangeOf(child), value })
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
      if (typeof json === 'number') return plain(cell, node, 'float', json)
      const special = typeof json === 'string' ? SPECIAL[json.trim().toLowerCase()] : undefined
      return plain(cell, node, 'float', special)
    }
    if (name === 'copy' && callee.name === 'MemberExpression' && !only) return inner(cell, node, callee.firstChild, depth)
    if ((name === 'copy' || name === 'deepcopy') && only && others.length === 0) return evaluate(cell, only, depth)
    return plain(cell, node, undefined)
  }

  function keywords(cell: Cell, list: SyntaxNode, depth: number): Entries {
    const entries: Entry[] = []
    let whole = true
    for (const part of argumentsOf(list)) {
      const value = part.value ? evaluate(cell, part.value, depth) : plain(cell, list, undefined)
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

interface Entries {
  readonly entries: readonly Entry[]
  readonly complete: boolean
}

const SPECIAL: Readonly<Record<string, string>> = {
  nan: 'NaN',
  inf: 'Infinity',
  infinity: 'Infinity',
  '+inf': 'Infinity',
  '-inf': '-Infinity',
  '-infinity': '-Infinity',
}
const CONSTANTS: Readonly<Record<string, Json>> = { inf: 'Infinity', nan: 'NaN', pi: Math.PI, e: Math.E, tau: 2 * Math.PI }

function plain(cell: Cell, node: SyntaxNode, type: PythonType | undefined, json?: Json): Value {
  return { cell, range: rangeOf(node), type, json, size: 1 }
}

/** Of a constant that is changed later on, only the keys are sure. */
function forgotten(value: Value): Value {
  const { entries, items, ...rest } = value
  if (!entries) return { ...rest, json: undefined, type: items ? rest.type : undefined }
  return { ...rest, json: undefined, complete: false, entries: entries.map((entry) => ({ ...entry, value: forgotten(entry.value) })) }
}

function dictionary(cell: Cell, node: SyntaxNode, type: PythonType | undefined, { entries, complete }: Entries): Value {
  const size = entries.reduce((sum, { value }) => sum + value.size, 1)
  const known = complete && size <= LARGEST && entries.every(({ value }) => value.json !== undefined)
  return {
    ...plain(cell, node, type, known ? Object.fromEntries(entries.map(({ key, value }) => [key, value.json!])) : undefined),
    entries: size <= LARGEST ? entries : [],
    complete: complete && size <= LARGEST,
    size,
  }
}

function sequence(cell: Cell, node: SyntaxNode, type: PythonType | undefined, items: readonly Value[], whole: boolean): Value {
  const size = items.reduce((sum, value) => sum + value.size, 1)
  const known = whole && size <= LARGEST && items.every(({ json }) => json !== undefined)
  return { ...plain(cell, node, type, known ? items.map(({ json }) => json!) : undefined), items: size <= LARGEST ? items : [], size }
}

/** A key as the package writes it; Python's `str()` of it. */
function keyText({ type, json }: Value): string | undefined {
  if (typeof json === 'string') return json
  if (type === 'int' && typeof json === 'number') return String(json)
  if (type === 'bool') return json === true ? 'True' : json === false ? 'False' : undefined
  if (type === 'NoneType') return 'None'
  return type === 'float' && typeof json === 'number' ? (Number.isInteger(json) ? `${json}.0` : String(json)) : undefined
}

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

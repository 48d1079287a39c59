import type { SyntaxNode } from '@lezer/common'
import type { Json } from '../protocol/model'
import { rangeOf } from './callArguments'
import type { Cell } from './cell'
import type { StringPiece } from './strings'
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

/** Larger than anybody writes; what holds more values stays unknown. */
const LARGEST = 20_000

/** A dictionary's entries, and whether they are all. */
export interface Entries {
  readonly entries: readonly Entry[]
  readonly complete: boolean
}

export function plain(cell: Cell, node: SyntaxNode, type: PythonType | undefined, json?: Json): Value {
  return { cell, range: rangeOf(node), type, json, size: 1 }
}

/** Of a constant that is changed later on, only the keys are sure. */
export function forgotten(value: Value): Value {
  const { entries, items, ...rest } = value
  if (!entries) return { ...rest, json: undefined, type: items ? rest.type : undefined }
  return { ...rest, json: undefined, complete: false, entries: entries.map((entry) => ({ ...entry, value: forgotten(entry.value) })) }
}

export function dictionary(cell: Cell, node: SyntaxNode, type: PythonType | undefined, { entries, complete }: Entries): Value {
  const size = entries.reduce((sum, { value }) => sum + value.size, 1)
  const known = complete && size <= LARGEST && entries.every(({ value }) => value.json !== undefined)
  return {
    ...plain(cell, node, type, known ? Object.fromEntries(entries.map(({ key, value }) => [key, value.json!])) : undefined),
    entries: size <= LARGEST ? entries : [],
    complete: complete && size <= LARGEST,
    size,
  }
}

export function sequence(cell: Cell, node: SyntaxNode, type: PythonType | undefined, items: readonly Value[], whole: boolean): Value {
  const size = items.reduce((sum, value) => sum + value.size, 1)
  const known = whole && size <= LARGEST && items.every(({ json }) => json !== undefined)
  return { ...plain(cell, node, type, known ? items.map(({ json }) => json!) : undefined), items: size <= LARGEST ? items : [], size }
}

/** A key as the package writes it; Python's `str()` of it. */
export function keyText({ type, json }: Value): string | undefined {
  if (typeof json === 'string') return type === 'bytes' ? `b'${json}'` : json
  if (type === 'int' && typeof json === 'number') return String(json)
  if (type === 'bool') return json === true ? 'True' : json === false ? 'False' : undefined
  if (type === 'NoneType') return 'None'
  return type === 'float' && typeof json === 'number' ? (Number.isInteger(json) ? `${json}.0` : String(json)) : undefined
}

import { findNodeAtLocation, parseTree, type Node } from 'jsonc-parser'
import type { Json } from '../protocol/model'
import { joinPath } from '../tracking/differences'
import { NO_PLAN } from '../tracking/plan'
import { LONGEST_DOCUMENT } from './parse'
import { checkPlanKeys } from './planChecks'
import type { Finding, PlanModel, PythonType, Setting } from './types'

/** Deeper JSON is no plan, and would end the parser. */
const DEEPEST = 100

/**
 * Reads a JSON pruning plan, also one being typed. In a draft that holds more, `inside` is the path of the plan, such as `['pruningPlan']`,
 * and `of` tells what it is read as.
 */
export function readPlan(text: string, inside: readonly string[] = [], of: Setting['of'] = 'pruningPlan'): PlanModel {
  const nothing = { settings: [], value: undefined, range: { from: 0, to: text.length } }
  if (text.length > LONGEST_DOCUMENT || !isShallow(text)) return nothing
  const root = parseTree(text, [], { allowTrailingComma: true, allowEmptyContent: true })
  const plan = root && findNodeAtLocation(root, [...inside])
  if (!plan) return nothing
  const settings: Setting[] = []
  collect(plan, '', 1, of, settings)
  return { settings, value: valueOf(plan), range: rangeOf(plan) }
}

/** What is wrong in a plan, as `check` tells it of a script. */
export function checkPlan({ settings, value, range }: PlanModel): readonly Finding[] {
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ ...range, severity: 'error', code: 'bad-plan', message: NO_PLAN, instead: [] }]
  return checkPlanKeys(settings).toSorted((a, b) => a.from - b.from)
}

/** Strings and comments, in which brackets mean nothing, and brackets. */
const TOKEN = /"(?:\\.|[^"\\\n\r])*"|\/\/[^\n\r]*|\/\*[^]*?\*\/|[[\]{}]/g

function isShallow(text: string): boolean {
  let depth = 0
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') depth++
    if (token === '}' || token === ']') depth--
    if (depth > DEEPEST) return false
  }
  return true
}

function collect(node: Node, path: string, depth: number, of: Setting['of'], found: Setting[]): void {
  for (const [i, child] of (node.children ?? []).entries()) {
    if (node.type === 'array') collect(child, `${path}[${i}]`, depth + 1, of, found)
    const [key, value] = child.type === 'property' ? (child.children ?? []) : []
    if (!key) continue
    const name = String(key.value)
    const own = joinPath(path, name)
    const after = { from: child.offset + child.length, to: child.offset + child.length }
    found.push({
      ...rangeOf(key),
      of,
      call: 0,
      modelName: undefined,
      path: own,
      key: name,
      depth,
      keyType: 'str',
      valueRange: value ? rangeOf(value) : after,
      type: value && TYPES[value.type],
      value: value && valueOf(value),
    })
    if (value) collect(value, own, depth + 1, of, found)
  }
}

const TYPES: Readonly<Record<string, PythonType>> = {
  object: 'dict',
  array: 'list',
  string: 'str',
  number: 'float',
  boolean: 'bool',
  null: 'NoneType',
}

/** Undefined where something is still missing. */
function valueOf(node: Node): Json | undefined {
  if (node.type === 'array') {
    const items = (node.children ?? []).map(valueOf)
    return items.includes(undefined) ? undefined : (items as Json[])
  }
  if (node.type !== 'object') return node.value as Json
  const entries = (node.children ?? []).map(({ children: [key, value] = [] }) => [String(key?.value), value && valueOf(value)] as const)
  return entries.some(([, value]) => value === undefined) ? undefined : (Object.fromEntries(entries) as Json)
}

const rangeOf = ({ offset, length }: Node) => ({ from: offset, to: offset + length })

import type { SyntaxNode } from '@lezer/common'
import { joinPath } from '../tracking/differences'
import { findCalls, findImports, type FoundCall } from './calls'
import { findCommands } from './commands'
import { findMetrics } from './metrics'
import { newCell, textOf, type Cell } from './cell'
import type { Argument, Call, Parsed, ScriptModel, SessionCall, Setting, WrittenReference } from './types'
import { argumentsOf, children, rangeOf } from './callArguments'
import type { Value } from './value'
import { evaluator, type Evaluate } from './values'
import { targetOf } from './variables'

const PARAMETERS = {
  session: ['model_name', 'hyperparameters', 'pruning_plan'],
  evaluate: ['reference'],
} as const
/** More settings than anybody writes, which copies of copies in a script could make. */
const MOST_SETTINGS = 20_000
const NOTHING: ScriptModel = { imports: [], sessions: [], evaluations: [], references: [], settings: [], metrics: [] }

/** What a training script says about its sessions; a pure function of what was parsed, that never throws. */
export function understand(parsed: Parsed): ScriptModel {
  return understandCells([parsed])[0] ?? NOTHING
}

/** The same for a notebook's cells in their order, one model each; imports and constants hold in the cells after theirs. */
export function understandCells(parsed: readonly Parsed[]): readonly ScriptModel[] {
  if (!parsed.some(({ text }) => text.includes('epochtree'))) return parsed.map(() => NOTHING)
  const cells: Cell[] = []
  for (const { text, tree } of parsed) cells.push(newCell(cells.length, text, tree, cells.at(-1)))
  const evaluate = evaluator()
  const imports = findImports(cells)
  const calls = findCalls(cells, imports).map((call) => ({ call, read: readCall(call, evaluate) }))
  const models = new Map(calls.map(({ call, read }) => [call, textArgument(read, 'model_name')]))
  const settings = calls.flatMap(({ call, read }, number) => settingsOf(call, read, number, models.get(call)))
  const references = calls.flatMap(({ call, read }) => referencesOf(call, read, evaluate))
  const metrics = findMetrics(
    cells,
    calls.map(({ call }) => call),
    (call) => models.get(call),
  )
  return cells.map((cell) => ({
    imports: within(imports, cell),
    sessions: calls.flatMap(({ call, read }, number) =>
      call.cell === cell && call.means === 'session' ? [sessionCall(read, number)] : [],
    ),
    evaluations: calls.flatMap(({ call, read }) => (call.cell === cell && call.means === 'evaluate' ? [withoutValues(read)] : [])),
    references: [...within(references, cell), ...findCommands(cell)].toSorted((a, b) => a.from - b.from),
    settings: within(settings, cell),
    metrics: within(metrics, cell),
  }))
}

interface ReadArgument extends Argument {
  readonly known: Value | undefined
  readonly node: SyntaxNode | undefined
}
type ReadCall = Omit<Call, 'arguments'> & { readonly arguments: readonly ReadArgument[] }

function readCall({ cell, node, callee, means }: FoundCall, evaluate: Evaluate): ReadCall {
  const list = node.getChild('ArgList')
  let place = 0
  let spread = false
  const read = (list ? argumentsOf(list) : []).map(({ whole, name, star, value }): ReadArgument => {
    spread ||= star !== undefined
    const parameter = name ? textOf(cell, name) : spread ? undefined : PARAMETERS[means][place++]
    const known = value && !star ? evaluate(cell, value) : undefined
    return {
      ...whole,
      spread: star !== undefined,
      parameter,
      nameRange: name && rangeOf(name),
      valueRange: value ? rangeOf(value) : { from: whole.to, to: whole.to },
      type: known?.type,
      value: known?.json,
      known,
      node: value,
    }
  })
  const target = targetOf({ node })
  return {
    ...rangeOf(node),
    callee: rangeOf(callee),
    arguments: read,
    variable: target && { ...rangeOf(target), name: textOf(cell, target) },
  }
}

function withoutValues({ arguments: read, ...call }: ReadCall): Call {
  return { ...call, arguments: read.map(({ known: _known, node: _node, ...argument }) => argument) }
}

function sessionCall(read: ReadCall, number: number): SessionCall {
  return { ...withoutValues(read), number, modelName: textArgument(read, 'model_name'), name: textArgument(read, 'name') }
}

function textArgument({ arguments: given }: ReadCall, parameter: string): string | undefined {
  const { type, value } = given.find((one) => one.parameter === parameter) ?? {}
  return type === 'str' && typeof value === 'string' ? value : undefined
}

type Placed<Item> = Item & { readonly cell: Cell }

function within<Item>(items: readonly Placed<Item>[], wanted: Cell): readonly Item[] {
  return items.flatMap(({ cell, ...item }) => (cell === wanted ? [item as unknown as Item] : []))
}

function settingsOf({ means }: FoundCall, read: ReadCall, call: number, modelName: string | undefined): readonly Placed<Setting>[] {
  if (means !== 'session') return []
  const found: Placed<Setting>[] = []
  for (const { parameter, known } of read.arguments) {
    if (!known || (parameter !== 'hyperparameters' && parameter !== 'pruning_plan')) continue
    walk(known, '', 1, parameter === 'hyperparameters' ? 'hyperparameters' : 'pruningPlan')
  }
  return found

  function walk({ entries, items }: Value, path: string, depth: number, of: Setting['of']): void {
    if (found.length > MOST_SETTINGS) return
    for (const { key, keyType, cell, range, valueRange, value } of entries ?? []) {
      const own = joinPath(path, key)
      found.push({ ...range, cell, of, call, modelName, path: own, key, depth, keyType, valueRange, type: value.type, value: value.json })
      walk(value, own, depth + 1, of)
    }
    for (const [i, item] of (items ?? []).entries()) walk(item, `${path}[${i}]`, depth + 1, of)
  }
}

function referencesOf({ cell, means }: FoundCall, read: ReadCall, evaluate: Evaluate): readonly Placed<WrittenReference>[] {
  const kind = means === 'session' ? 'fork_from' : 'evaluate'
  const argument = read.arguments.find(({ parameter }) => parameter === (means === 'session' ? 'fork_from' : 'reference'))
  if (!argument?.known || !argument.node) return []
  return alternatives(argument.node).flatMap((node) => {
    const { type, json, piece, range, cell: where } = evaluate(cell, node)
    if (type !== 'str' || typeof json !== 'string') return []
    return [{ cell: where, text: json, kind, ...(piece?.content ?? range), exact: piece?.exact ?? false }]
  })
}

/** `a if x else b` and `x or a` may be any of them. */
function alternatives(node: SyntaxNode): readonly SyntaxNode[] {
  if (node.name === 'ParenthesizedExpression') return node.firstChild?.nextSibling ? alternatives(node.firstChild.nextSibling) : []
  const parts = children(node)
  if (node.name === 'ConditionalExpression') return [parts[0], parts[4]].flatMap((part) => (part ? alternatives(part) : []))
  if (node.name === 'BinaryExpression' && parts[1]?.name === 'or')
    return [parts[0], parts[2]].flatMap((part) => (part ? alternatives(part) : []))
  return [node]
}

import { findNodeAtLocation, getLocation, parseTree } from 'jsonc-parser'
import { type CompletionItem, CompletionItemKind, InsertTextFormat, type Position } from 'vscode-languageserver'
import type { TextDocument } from 'vscode-languageserver-textdocument'
import { isObject } from '../json'
import type { Json, JsonObject } from '../protocol/model'
import { type DraftBase, keysOf, suggestedEpochs } from './draftBase'

/** What each key of a plan begins with, in the order people read them in. */
const PLAN: Readonly<Record<string, Json>> = {
  id: 'plan',
  name: 'Plan',
  method: 'l2-norm',
  everyEpochs: 2,
  startEpoch: 1,
  endEpoch: 40,
  ratio: 0.1,
  targetSparsity: 0.9,
  ignoredLayers: [],
}

/** Keys that are not there yet, and the names of layers where those belong. */
export function draftCompletions(document: TextDocument, position: Position, base: DraftBase): CompletionItem[] {
  const text = document.getText()
  const offset = document.offsetAt(position)
  const { path, isAtPropertyKey, previousNode } = getLocation(text, offset)
  const [top, ...inner] = path
  const typed = previousNode?.type === 'string' || previousNode?.type === 'property' ? previousNode : undefined
  const range = typed
    ? { start: document.positionAt(typed.offset), end: document.positionAt(typed.offset + typed.length) }
    : { start: position, end: position }
  const hasValue = typed !== undefined && /^\s*:/.test(text.slice(typed.offset + typed.length))
  // A word that has no value yet keeps what follows it from being read.
  const rest = typed && !hasValue ? text.slice(0, typed.offset) + text.slice(typed.offset + typed.length) : text
  const tree = parseTree(rest, [], { allowTrailingComma: true })
  const at = (where: readonly (string | number)[]) => (tree ? findNodeAtLocation(tree, [...where]) : undefined)
  if (isAtPropertyKey) {
    const around = path.slice(0, -1)
    const keys = (at(around)?.children ?? []).map(({ children }) => children?.[0])
    const there = new Set(keys.filter((key) => key && !(hasValue && key.offset === typed.offset)).map((key) => String(key!.value)))
    return Object.entries(offered(around, base))
      .filter(([key]) => !there.has(key))
      .map(([key, value], i) => ({
        label: key,
        kind: CompletionItemKind.Property,
        detail: shown(value),
        filterText: JSON.stringify(key),
        sortText: String(i).padStart(4, '0'),
        insertTextFormat: InsertTextFormat.PlainText,
        textEdit: { range, newText: hasValue ? JSON.stringify(key) : `${JSON.stringify(key)}: ${JSON.stringify(value)}` },
      }))
  }
  if (top === 'pruningPlan' && inner[0] === 'ignoredLayers' && inner.length === 2) {
    const listed = new Set((at(path.slice(0, -1))?.children ?? []).map(({ value }) => String(value)))
    return (base.fork?.graph?.prunable ?? [])
      .filter((layer) => !listed.has(layer))
      .slice(0, MOST_LAYERS)
      .map((layer) => ({
        label: layer,
        kind: CompletionItemKind.EnumMember,
        filterText: JSON.stringify(layer),
        textEdit: { range, newText: JSON.stringify(layer) },
      }))
  }
  return []
}

const MOST_LAYERS = 2000

function offered(around: readonly (string | number)[], base: DraftBase): JsonObject {
  const [top, ...inner] = around
  if (top === undefined) {
    const values: JsonObject = {
      name: base.suggestedName,
      command: base.command?.argv ?? [],
      folder: base.command?.folder ?? '',
      epochs: suggestedEpochs(base) ?? (base.fork?.number ?? 0) + 10,
      hyperparameters: base.hyperparameters,
      pruningPlan: base.pruningPlan,
    }
    return Object.fromEntries(keysOf(base).map((key) => [key, values[key]!]))
  }
  if (top === 'pruningPlan') return inner.length ? {} : { ...PLAN, ...base.pruningPlan }
  if (top !== 'hyperparameters') return {}
  const found = inner.reduce<Json | undefined>(
    (value, part) => (isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined),
    base.hyperparameters,
  )
  return isObject(found) ? found : {}
}

function shown(value: Json): string {
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

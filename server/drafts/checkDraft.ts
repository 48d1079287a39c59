import { isObject, mergeDeep } from '../json'
import type { DraftPreview } from '../protocol/editor'
import type { Json, JsonObject } from '../protocol/model'
import { differences, sameJson } from '../tracking/differences'
import { nameProblem, nearest } from '../tracking/reference'
import { type DraftBase, keysOf, type Wanted } from './draftBase'
import { planFit } from './planFit'
import { pathText, type Remark } from './remarks'

/** What the draft's keys ask for, with a remark for each that can't be taken as it is. */
export function wantedOf(content: JsonObject, base: DraftBase): { readonly wanted: Wanted; readonly remarks: readonly Remark[] } {
  const remarks: Remark[] = []
  const error = (at: Remark['at'], message: string, more: Partial<Remark> = {}) => remarks.push({ severity: 'error', at, message, ...more })
  const known = keysOf(base)
  for (const key of Object.keys(content)) {
    if (known.includes(key)) continue
    const near = nearest(key, known, 1)
    const place = Object.hasOwn(base.hyperparameters, key) ? ' It is one of the hyper-parameters: write it among them.' : ''
    error([key], `A draft has no "${key.slice(0, 80)}".${place || ` Its keys are ${known.join(', ')}.`}`, {
      ofKey: true,
      instead: place ? [] : near,
    })
  }
  const { name, epochs, hyperparameters, pruningPlan, command, folder } = content
  const given = <Kind extends Json>(value: Json | undefined): value is Kind => value !== undefined && value !== null
  if (given(name) && typeof name !== 'string') error(['name'], 'The name is a text in double quotes.')
  if (given(epochs) && !(Number.isSafeInteger(epochs) && (epochs as number) > 0))
    error(['epochs'], '"epochs" is the number of the last epoch to train, a whole number such as 40.')
  if (given(hyperparameters) && !isObject(hyperparameters))
    error(['hyperparameters'], 'The hyper-parameters are an object in braces: { "lr": 0.01 }.')
  const words = commandWords(command)
  if (base.command && given(command) && !words) error(['command'], 'The command is a list of texts: ["python3", "train.py"].')
  if (base.command && given(folder) && typeof folder !== 'string') error(['folder'], 'The folder is a path as a text in double quotes.')
  for (const at of notFinite(content, [])) error(at, 'The number is too large to be kept. Write "Infinity" as a text if you mean that.')
  return {
    remarks,
    wanted: {
      name: typeof name === 'string' ? name : null,
      epochs: typeof epochs === 'number' ? epochs : null,
      hyperparameters: isObject(hyperparameters) ? hyperparameters : {},
      pruningPlan: isObject(pruningPlan) ? pruningPlan : pruningPlan === null ? null : base.pruningPlan,
      command: base.command && {
        argv: words ?? base.command.argv,
        folder: typeof folder === 'string' && folder !== '' ? folder : base.command.folder,
      },
    },
  }
}

function commandWords(command: Json | undefined): readonly string[] | undefined {
  return Array.isArray(command) && command.length > 0 && command[0] !== '' && command.every((word) => typeof word === 'string')
    ? command
    : undefined
}

function notFinite(value: Json, at: readonly (string | number)[]): (readonly (string | number)[])[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [at]
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap((item, i) => notFinite(item, [...at, i]))
  return isObject(value) ? Object.entries(value).flatMap(([key, item]) => notFinite(item, [...at, key])) : []
}

/** Everything about what is wanted that needs no store. */
export function checkWanted(wanted: Wanted, base: DraftBase): Remark[] {
  const found: Remark[] = []
  const { name, epochs, pruningPlan } = wanted
  const problem = name === null || name === base.suggestedName ? undefined : nameProblem(name.normalize('NFC'))
  if (problem) found.push({ severity: 'error', at: ['name'], message: problem })
  if (epochs !== null && base.fork && epochs <= base.fork.number)
    found.push({
      severity: 'error',
      at: ['epochs'],
      message: `The session starts at epoch ${base.fork.number}, so nothing would be trained up to ${epochs}. Give a number above ${base.fork.number}.`,
    })
  found.push(...settingRemarks(wanted.hyperparameters, base.hyperparameters, ['hyperparameters'], base.unknown))
  if (pruningPlan === null && base.pruningPlan !== null)
    found.push({
      severity: 'error',
      at: ['pruningPlan'],
      ofKey: true,
      message:
        'Without a plan the script would use its own. To train without pruning, keep the plan and give it a "startEpoch" above "epochs".',
    })
  if (pruningPlan !== null) {
    const trained = { from: base.fork?.number ?? 0, upTo: epochs ?? base.epochs, before: base.pruningPlan }
    found.push(...planFit(pruningPlan, base.fork?.graph ?? null, trained))
  }
  return found
}

/** Hyper-parameters that the script doesn't have, that are of another kind than before, or that were left out. */
function settingRemarks(wanted: JsonObject, base: JsonObject, at: readonly (string | number)[], unknown: readonly string[]): Remark[] {
  const found: Remark[] = []
  const known = Object.keys(base)
  const nothingKnown = known.length === 0
  for (const [key, value] of Object.entries(wanted)) {
    const here = [...at, key]
    const before = Object.hasOwn(base, key) ? base[key] : undefined
    if (before === undefined) {
      const near = nearest(
        key,
        known.filter((one) => !Object.hasOwn(wanted, one)),
        1,
      ).filter((one) => likely(key, one))
      if (!nothingKnown && !unknown.includes(pathText(here.slice(1))))
        found.push({
          severity: 'warning',
          at: here,
          ofKey: true,
          message: `The script has no hyper-parameter "${pathText(here.slice(1)).slice(0, 80)}" so far${near.length ? `; the nearest is "${near[0]}"` : ''}. It has an effect only if the script reads it.`,
          instead: near,
        })
    } else if (isObject(before) && isObject(value)) found.push(...settingRemarks(value, before, here, unknown))
    else if (kindOf(before) !== kindOf(value) && before !== null && value !== null)
      found.push({
        severity: 'warning',
        at: here,
        message: `This was ${kindOf(before)} (${JSON.stringify(before).slice(0, 60)}) and is ${kindOf(value)} now. Check that the script can read it.`,
      })
  }
  const gone = known.filter((key) => !Object.hasOwn(wanted, key))
  if (gone.length && Object.keys(wanted).length)
    found.push({
      severity: 'information',
      at,
      ofKey: true,
      message: `Left out, so as before: ${gone.slice(0, 8).join(', ')}. A hyper-parameter can be changed here, not taken away.`,
    })
  return found
}

/** A slip of the pen, a part of a word, or its initials: `lr` and `learning_rate`. */
function likely(word: string, other: string): boolean {
  const [a, b] = [word.toLowerCase(), other.toLowerCase()]
  const initials = (text: string) =>
    text
      .split(/[^a-z0-9]+/)
      .map((part) => part.slice(0, 1))
      .join('')
  return (
    a.includes(b) ||
    b.includes(a) ||
    a.slice(0, 3) === b.slice(0, 3) ||
    a.slice(-3) === b.slice(-3) ||
    initials(a) === b ||
    initials(b) === a
  )
}

function kindOf(value: Json): string {
  if (Array.isArray(value)) return 'a list'
  return { string: 'a text', number: 'a number', boolean: 'true or false', object: 'an object' }[typeof value as 'string'] ?? 'nothing'
}

/** The edits that a draft is: only what differs, because all else comes from where it is begun. */
export interface DraftEdits {
  readonly hyperparameters: JsonObject | undefined
  readonly pruningPlan: JsonObject | undefined
  readonly epochs: number | undefined
}

export function editsOf({ hyperparameters, pruningPlan, epochs }: Wanted, base: DraftBase): DraftEdits {
  return {
    hyperparameters: changesOf(base.hyperparameters, hyperparameters),
    pruningPlan: pruningPlan && !sameJson(pruningPlan, base.pruningPlan ?? undefined) ? pruningPlan : undefined,
    epochs: epochs !== null && epochs !== base.epochs ? epochs : undefined,
  }
}

/** What has to be merged over `base` so that it has everything that `wanted` has. */
export function changesOf(base: JsonObject, wanted: JsonObject): JsonObject | undefined {
  const changed: [string, Json][] = []
  for (const [key, value] of Object.entries(wanted)) {
    const before = Object.hasOwn(base, key) ? base[key] : undefined
    if (isObject(before) && isObject(value)) {
      const inner = changesOf(before, value)
      if (inner) changed.push([key, inner])
    } else if (!sameJson(before, value)) changed.push([key, value!])
  }
  return changed.length ? Object.fromEntries(changed) : undefined
}

/** What will be trained otherwise than before, in the words of a draft. */
export function differencesOf(wanted: Wanted, base: DraftBase): DraftPreview['differences'] {
  const epochs = wanted.epochs ?? base.epochs
  const compared = (before: DraftBase | Wanted, hyperparameters: JsonObject, last: number | null): JsonObject => ({
    ...(last === null ? {} : { epochs: last }),
    hyperparameters,
    ...(before.pruningPlan ? { pruningPlan: before.pruningPlan } : {}),
    ...(before.command ? { command: before.command.argv, folder: before.command.folder } : {}),
  })
  return differences([
    compared(base, base.hyperparameters, base.epochs),
    compared(wanted, mergeDeep(base.hyperparameters, editsOf(wanted, base).hyperparameters ?? {}), epochs),
  ]).map(({ path, values: [before = null, after = null] }) => ({ path, before, after }))
}

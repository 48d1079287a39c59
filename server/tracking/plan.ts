import { isObject } from '../json'
import type { Json } from '../protocol/model'

/** What a pruning plan's key may hold; the schema of plan files says the same. */
export interface PlanKey {
  readonly holds: 'text' | 'whole number' | 'share' | 'texts'
  readonly least?: number
  /** Values that are allowed and do nothing useful, and what they would do. */
  readonly senseless?: Readonly<Record<number, string>>
}

/** The keys that Epochtree knows; others are the optimizer's own, and kept. */
export const PLAN_KEYS: Readonly<Record<string, PlanKey>> = {
  id: { holds: 'text' },
  name: { holds: 'text' },
  method: { holds: 'text' },
  everyEpochs: { holds: 'whole number', least: 1 },
  startEpoch: { holds: 'whole number', least: 0 },
  endEpoch: { holds: 'whole number', least: 0 },
  ratio: { holds: 'share', senseless: { 0: 'removes nothing', 1: 'removes all that is left at once' } },
  targetSparsity: { holds: 'share', senseless: { 1: 'would remove the whole model' } },
  ignoredLayers: { holds: 'texts' },
}
/** What other tools call what stands in a plan, and which tool. */
export const OTHER_PLAN_KEYS: Readonly<Record<string, string>> = {
  target_sparsity: 'TensorFlow Model Optimization',
  initial_sparsity: 'TensorFlow Model Optimization',
  final_sparsity: 'TensorFlow Model Optimization, SparseML',
  begin_step: 'TensorFlow Model Optimization',
  end_step: 'TensorFlow Model Optimization',
  frequency: 'TensorFlow Model Optimization',
  start_epoch: 'SparseML',
  end_epoch: 'SparseML',
  update_frequency: 'SparseML',
  config_list: 'NNI',
  pruning_ratio: 'Torch-Pruning',
  pruning_ratio_dict: 'Torch-Pruning',
  global_pruning: 'Torch-Pruning',
  ignored_layers: 'Torch-Pruning',
  iterative_steps: 'Torch-Pruning',
}

/** Why something can't be a pruning plan; unknown keys are the optimizer's own. */
export function planProblem(plan: unknown): string | undefined {
  if (!isObject(plan)) return NO_PLAN
  for (const key of Object.keys(PLAN_KEYS)) {
    const problem = Object.hasOwn(plan, key) ? planKeyProblem(key, plan[key]) : undefined
    if (problem) return problem
  }
  return undefined
}

export const NO_PLAN = 'A pruning plan is an object: {"method": ..., "everyEpochs": ..., "ratio": ...}.'

/** Why this can't be the value of the key; null counts as absent. Of a text nothing is asked: any value can be kept. */
export function planKeyProblem(key: string, value: Json | undefined): string | undefined {
  const rule = Object.hasOwn(PLAN_KEYS, key) ? PLAN_KEYS[key] : undefined
  if (!rule || value === undefined || value === null) return undefined
  if (rule.holds === 'whole number' && !(Number.isInteger(value) && (value as number) >= (rule.least ?? 0)))
    return `"${key}" must be a whole number of epochs, at least ${rule.least ?? 0}.`
  if (rule.holds === 'share' && !(typeof value === 'number' && value >= 0 && value <= 1))
    return `"${key}" is a share: a number from 0 to 1.`
  if (rule.holds === 'texts' && !(Array.isArray(value) && (value as readonly Json[]).every((item) => typeof item === 'string')))
    return `"${key}" is a list of node names.`
  return undefined
}

/** What is allowed and probably not meant. */
export function planKeyAdvice(key: string, value: Json | undefined): string | undefined {
  const rule = Object.hasOwn(PLAN_KEYS, key) ? PLAN_KEYS[key] : undefined
  if (!rule || value === undefined || value === null) return undefined
  if (rule.holds === 'text' && typeof value !== 'string') return `"${key}" is a text. Write it in quotes.`
  const does = typeof value === 'number' ? rule.senseless?.[value] : undefined
  return does && `"${key}" of ${value as number} ${does}. Write a number between 0 and 1.`
}

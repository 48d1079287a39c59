import { OTHER_PLAN_KEYS, PLAN_KEYS, planKeyAdvice, planKeyProblem } from '../tracking/plan'
import type { Finding, PythonType, Setting } from './types'

export const NO_DICTIONARY =
  'A pruning plan is a dictionary, not the path of a file. Load the file: json.loads(pathlib.Path("prune.plan.json").read_text()).'

/** Types that a key's value may have where the value itself is not known. */
const TYPES: Readonly<Record<string, readonly PythonType[]>> = {
  text: ['str', 'NoneType'],
  'whole number': ['int', 'NoneType'],
  share: ['int', 'float', 'NoneType'],
  texts: ['list', 'tuple', 'set', 'NoneType'],
}

/** What is wrong with the plans' own keys; with `settings` of several calls, each call's plan on its own. */
export function checkPlanKeys(settings: readonly Setting[]): readonly Finding[] {
  const plans = new Map<number, Map<string, Setting>>()
  for (const setting of settings) {
    if (setting.of !== 'pruningPlan' || setting.depth !== 1) continue
    const plan = plans.get(setting.call) ?? new Map<string, Setting>()
    plans.set(setting.call, plan.set(setting.key, setting))
  }
  return [...plans.values()].flatMap((plan) => [...[...plan.values()].flatMap((setting) => checkKey(setting, plan)), ...checkSpan(plan)])
}

function checkKey(setting: Setting, plan: ReadonlyMap<string, Setting>): readonly Finding[] {
  const { key, type, value, valueRange, from, to } = setting
  const rule = Object.hasOwn(PLAN_KEYS, key) ? PLAN_KEYS[key]! : undefined
  if (!rule) {
    const meant = misspelt(key)
    if (meant === undefined || plan.has(meant)) return []
    return [
      {
        from,
        to,
        severity: 'information',
        code: 'misspelt-key',
        message: `"${key}" is no key that Epochtree knows. Did you mean "${meant}"? Other keys are kept for your own optimizer.`,
        instead: [JSON.stringify(meant)],
      },
    ]
  }
  const wrongType = value === undefined && type !== undefined && !TYPES[rule.holds]!.includes(type)
  const problem = planKeyProblem(key, wrongType && rule.holds !== 'text' ? {} : value)
  if (problem) return [{ ...valueRange, severity: 'error', code: 'bad-plan', message: problem, instead: [] }]
  const advice = planKeyAdvice(key, wrongType ? {} : value)
  return advice ? [{ ...valueRange, severity: 'warning', code: 'odd-plan', message: advice, instead: [] }] : []
}

function checkSpan(plan: ReadonlyMap<string, Setting>): readonly Finding[] {
  const start = plan.get('startEpoch')?.value
  const end = plan.get('endEpoch')
  if (typeof start !== 'number' || !end || typeof end.value !== 'number' || end.value >= start) return []
  const message = `The plan ends with epoch ${end.value}, before it starts with epoch ${start}, so it never prunes. Give an endEpoch of at least ${start}.`
  return [{ ...end.valueRange, severity: 'warning', code: 'odd-plan', message, instead: [] }]
}

const known = Object.keys(PLAN_KEYS)
const plain = (key: string) => key.toLowerCase().replaceAll(/[_\s-]/g, '')

/** The key that is probably meant by one that nobody knows. */
function misspelt(key: string): string | undefined {
  if (Object.hasOwn(OTHER_PLAN_KEYS, key) || key.length < 4) return undefined
  const typed = plain(key)
  return known.find((one) => plain(one) === typed) ?? known.find((one) => one.length > 4 && isOneEditAway(typed, plain(one)))
}

/** One letter more, less, another, or two exchanged. */
function isOneEditAway(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const left = a.slice(start, a.length - end)
  const right = b.slice(start, b.length - end)
  return Math.max(left.length, right.length) <= 1 || (left.length === 2 && left === `${right[1]}${right[0]}`)
}

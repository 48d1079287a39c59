import { setPath } from '../json'
import type { JsonObject } from '../protocol/model'
import { understand } from '../script/model'
import { parse } from '../script/parse'
import type { ScriptModel, SessionCall, Setting } from '../script/types'

/** What a script says about the session it begins, as far as that is known without running it. */
export interface ScriptSettings {
  readonly modelName: string | undefined
  readonly hyperparameters: JsonObject
  readonly pruningPlan: JsonObject | null
  /** Hyper-parameters whose values only running the script would tell. */
  readonly unknown: readonly string[]
}

/** Of a script that begins several sessions, the one of `model`, else the first. */
export function scriptSettings(text: string, model?: string): ScriptSettings {
  const script = understand(parse(text))
  const call = script.sessions.find(({ modelName }) => modelName !== undefined && modelName === model) ?? script.sessions[0]
  if (!call) return { modelName: undefined, hyperparameters: {}, pruningPlan: null, unknown: [] }
  const settings = known(script, call, 'hyperparameters')
  const plan = known(script, call, 'pruningPlan')
  return {
    modelName: call.modelName,
    hyperparameters: settings.values,
    // Half a plan would replace the script's whole one.
    pruningPlan: plan.unknown.length === 0 && Object.keys(plan.values).length > 0 ? plan.values : null,
    unknown: settings.unknown,
  }
}

function known({ settings }: ScriptModel, { number }: SessionCall, of: Setting['of']): { values: JsonObject; unknown: string[] } {
  let values: JsonObject = {}
  const unknown: string[] = []
  const given: string[] = []
  const inside = (path: string, outer: string) => path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`)
  const own = settings.filter((setting) => setting.of === of && setting.call === number).toSorted((a, b) => a.depth - b.depth)
  for (const { path, value, type } of own) {
    // It came whole with the dictionary around it, or lies in a list that can't be known in whole.
    if (given.some((outer) => inside(path, outer)) || unknown.some((outer) => inside(path, outer))) continue
    if (value === undefined && type === 'dict' && own.some((one) => inside(one.path, path))) continue
    if (value === undefined) {
      unknown.push(path)
      continue
    }
    values = setPath(values, path, value)
    given.push(path)
  }
  return { values, unknown }
}

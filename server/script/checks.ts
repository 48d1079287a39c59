import { EpochtreeError } from '../errors'
import { nearest, parseReference } from '../tracking/reference'
import { checkPlanKeys, NO_DICTIONARY } from './planChecks'
import type { Argument, Call, Finding, PythonType, Range, ScriptModel, Setting, WrittenReference } from './types'

const SESSION = {
  name: 'session',
  places: 3,
  parameters: ['model_name', 'hyperparameters', 'pruning_plan', 'name', 'tags', 'fork_from', 'resume', 'key', 'enabled', 'dir'],
}
const EVALUATE = { name: 'evaluate', places: 1, parameters: ['reference', 'dir'] }
const TEXTS: ReadonlySet<string> = new Set(['model_name', 'name', 'key', 'fork_from', 'reference'])
const RESUME = ['auto', 'must', 'never']
/** The store passes over JSON that is nested deeper. */
const DEEPEST = 100
const ALLOWED_AS_MAPPING: ReadonlySet<PythonType | undefined> = new Set(['dict', 'NoneType', 'function', undefined])

/** What is wrong in a script as far as it can be told without the store: what the package would refuse, or record otherwise than it is meant. */
export function check(model: ScriptModel): readonly Finding[] {
  const found = [
    ...model.sessions.flatMap((call) => checkCall(call, SESSION)),
    ...model.evaluations.flatMap((call) => checkCall(call, EVALUATE)),
    ...model.references.flatMap(checkReference),
    ...model.settings.flatMap(checkSetting),
    ...checkPlanKeys(model.settings),
  ]
  // A constant that several calls use is written once.
  const once = new Map(found.map((finding) => [`${finding.from}:${finding.to}:${finding.message}`, finding]))
  return [...once.values()].toSorted((a, b) => a.from - b.from || a.to - b.to)
}

function error(range: Range, code: Finding['code'], message: string, instead: readonly string[] = []): Finding {
  return { from: range.from, to: range.to, severity: 'error', code, message, instead }
}

function checkCall(call: Call, { name, places, parameters }: typeof SESSION): readonly Finding[] {
  const given = call.arguments
  // `*args` and `**kwargs` may hold anything.
  const open = given.some(({ spread }) => spread)
  const seen = new Set<string>()
  const found: Finding[] = []
  for (const argument of given) {
    const { parameter, nameRange } = argument
    if (parameter === undefined) {
      if (!open)
        found.push(
          error(
            argument,
            'bad-argument',
            `${name}() takes ${places === 1 ? 'one argument' : `${places} arguments`} by place. Name this one: ${parameters[places]}=...`,
          ),
        )
      continue
    }
    if (nameRange && !parameters.includes(parameter)) {
      const likely = nearest(parameter, parameters, 2)
      found.push(
        error(nameRange, 'bad-argument', `${name}() has no argument "${parameter}". The nearest are ${likely.join(' and ')}.`, likely),
      )
    } else if (seen.has(parameter)) found.push(error(argument, 'bad-argument', `"${parameter}" is given twice. Leave one out.`))
    else found.push(...checkArgument(argument))
    seen.add(parameter)
  }
  const first = parameters[0]!
  if (!seen.has(first) && !open) {
    const what = name === 'session' ? 'the name of the model, such as "resnet50"' : 'a reference, such as "resnet50@30"'
    found.push(error(call.callee, 'bad-argument', `${name}() needs ${what}.`))
  }
  return found
}

function checkArgument({ parameter = '', type, value, valueRange }: Argument): readonly Finding[] {
  if (TEXTS.has(parameter) && type !== undefined && type !== 'str') {
    if (type === 'NoneType' && parameter !== 'model_name' && parameter !== 'reference') return []
    return [error(valueRange, 'bad-argument', `${parameter} must be text, not ${WORDS[type]}. Write it in quotes.`)]
  }
  if (parameter === 'resume' && (typeof value === 'string' ? !RESUME.includes(value) : type !== undefined && type !== 'str')) {
    const message = 'resume is "auto" (go on with the interrupted session of the same key), "must" or "never".'
    return [error(valueRange, 'bad-argument', message, typeof value === 'string' ? nearest(value, RESUME).map((word) => `"${word}"`) : [])]
  }
  if (parameter === 'hyperparameters' && !ALLOWED_AS_MAPPING.has(type))
    return [
      error(
        valueRange,
        'bad-hyperparameters',
        `Hyperparameters are a dictionary, a namespace or a dataclass, not ${WORDS[type!]}. Write {"lr": 0.1}.`,
      ),
    ]
  if (parameter === 'pruning_plan' && !ALLOWED_AS_MAPPING.has(type))
    return [
      error(
        valueRange,
        'bad-plan',
        type === 'str'
          ? NO_DICTIONARY
          : `A pruning plan is a dictionary, not ${WORDS[type!]}. Write {"method": "l1", "everyEpochs": 2, "ratio": 0.1}.`,
      ),
    ]
  return []
}

function checkReference({ text, kind, from, to }: WrittenReference): readonly Finding[] {
  // Python takes an empty text for none.
  if (kind === 'fork_from' && text === '') return []
  try {
    parseReference(text)
    return []
  } catch (problem) {
    if (!(problem instanceof EpochtreeError)) throw problem
    return [error({ from, to }, 'bad-reference', problem.message)]
  }
}

function checkSetting({ of, depth, key, keyType, from, to, type, valueRange }: Setting): readonly Finding[] {
  const warning = (range: Range, message: string, instead: readonly string[] = []): Finding => ({
    from: range.from,
    to: range.to,
    severity: 'warning',
    code: 'not-json',
    message,
    instead,
  })
  const what = of === 'hyperparameters' ? 'hyperparameters' : 'the plan'
  if (depth === DEEPEST + 1)
    return [warning({ from, to }, `This lies deeper than ${DEEPEST} levels, and ${what} would not be recorded. Flatten it.`)]
  if (depth > DEEPEST) return []
  if (keyType !== 'str') {
    const text = JSON.stringify(key)
    return [warning({ from, to }, `Keys are text in the journal: this one becomes ${text}. Write it so.`, [text])]
  }
  const becomes = type && BECOMES[type]
  return becomes
    ? [warning(valueRange, `JSON has no ${WORDS[type].replace(/^an? /, '')}: it is recorded as ${becomes}. ${REMEDY[type] ?? ''}`.trim())]
    : []
}

const WORDS: Readonly<Record<PythonType, string>> = {
  str: 'text',
  bytes: 'bytes',
  bool: 'a truth value',
  int: 'a number',
  float: 'a number',
  complex: 'a complex number',
  NoneType: 'None',
  dict: 'a dictionary',
  list: 'a list',
  tuple: 'a tuple',
  set: 'a set',
  function: 'a function',
}
const BECOMES: Readonly<Partial<Record<PythonType, string>>> = {
  bytes: 'text',
  complex: 'text',
  set: 'a list in no order',
  function: 'text with an address in memory that differs in each run',
}
const REMEDY: Readonly<Partial<Record<PythonType, string>>> = {
  bytes: 'Write a text.',
  complex: 'Write its two parts.',
  set: 'Write a list.',
  function: 'Write its name as a text.',
}

import { ErrorCodes, ResponseError } from 'vscode-languageserver'
import * as z from 'zod/mini'
import type { Asked, Question } from './protocol/comparison'
import type { Params, RequestName, Settings } from './protocol/editor'
import { DEFAULT_SETTINGS } from './workspace'

/** What clients send is untrusted: parsed here, once, into the protocol's own types. Unknown keys are ignored, and everything has its bound. */
const text = z.string().check(z.maxLength(10_000))
const content = z.string().check(z.maxLength(32 * 1024 * 1024))
/** The system refuses a path that holds a NUL, in words of its own. */
const path = z.string().check(
  z.maxLength(32_767),
  z.refine((one) => one !== '' && !one.includes('\0'), 'must be a path'),
)
const id = z.string().check(z.regex(/^[0-9a-f]{24}$/, 'must be an id of 24 hexadecimal digits'))
export const isId = (one: string): boolean => id.safeParse(one).success
const natural = z.int().check(z.minimum(0))
const page = { offset: natural, limit: natural.check(z.maximum(1000)) }
const list = <Type extends z.core.SomeType>(one: Type) => z.array(one).check(z.maxLength(1000))
const optional = z.exactOptional
const flag = optional(z.boolean())
const maybeText = optional(text)
const texts = list(text)

const dir = path
const one = { dir, session: text }
const ref = { dir, reference: text }
const ofOne = z.object(one)
const ofRef = z.object(ref)
const group = z.enum(['none', 'model', 'state', 'date'])
const edits = z.object({ name: maybeText, set: optional(list(content)), planFile: optional(path), epochs: optional(natural) })
const draftText = z.object({ file: path, text: content })

const better = z.enum(['lower', 'higher'])
const many = z.int().check(z.minimum(1), z.maximum(4000))
const classes = { split: text, label: text, prediction: text }
const questions = {
  curves: z.object({
    metrics: texts,
    axis: z.enum(['epoch', 'step', 'time']),
    range: z.nullable(z.tuple([z.number(), z.number()])),
    buckets: many,
    lines: optional(texts),
    once: flag,
  }),
  values: z.object({
    at: z.union([z.enum(['compared', 'last', 'best', 'selected']), natural]),
    metric: maybeText,
    direction: optional(better),
  }),
  graph: z.object({ a: text, b: text }),
  layers: z.object({ reference: text }),
  tradeoff: z.object({ metric: text, direction: better, cost: text, costDirection: better }),
  effects: z.null(),
  sampleFields: z.null(),
  samples: z.object({ split: text, by: text, field: text, better: z.nullable(better) }),
  confusion: z.object(classes),
  flips: z.object({
    ...classes,
    sample: text,
    a: natural,
    b: natural,
    to: z.nullable(z.enum(['right', 'wrong'])),
    search: text,
    most: z.int().check(z.minimum(1), z.maximum(100_000)),
  }),
  histogram: z.object({ split: text, field: text, bins: many, log: z.boolean() }),
} satisfies { readonly [Name in Question]: z.ZodMiniType<Asked<Name>> }

const compared = { dir, references: texts }
const about = <Type extends z.core.SomeType>(asked: Type) => z.object({ ...compared, asked })

/** Where a team's servers are; what each value may be is checked where it is used. */
const short = z.string().check(z.maxLength(2000))
const storeSettings = {
  mongo: z.object({ uri: short, database: optional(short), caFile: optional(path) }),
  elastic: z.object({ node: short, prefix: optional(short), caFile: optional(path) }),
  gcs: z.object({ bucket: short, prefix: optional(short), endpoint: optional(short), caFile: optional(path) }),
}
const login = z.object({
  username: maybeText,
  password: maybeText,
  apiKey: maybeText,
  caFile: optional(path),
})

/** Of every request of the editor's side. */
export const parameters = {
  'epochtree/folders': z.null(),
  'epochtree/groups': z.object({ dir, by: group, filter: maybeText, deleted: flag }),
  'epochtree/sessions': z.object({
    dir,
    nested: z.boolean(),
    filter: maybeText,
    sort: optional(z.enum(['newest', 'name', 'best', 'epochs'])),
    group: optional(z.object({ by: group, key: text })),
    deleted: flag,
    ...page,
  }),
  'epochtree/session': z.object({ ...one, fresh: flag }),
  'epochtree/notable': ofOne,
  'epochtree/epochs': z.object({ ...one, ...page, metric: maybeText, upTo: optional(natural) }),
  'epochtree/epoch': ofRef,
  'epochtree/metrics': ofOne,
  'epochtree/forks': z.object({ dir, epoch: id }),
  'epochtree/report': z.object({ dir, kind: z.enum(['compare', 'log', 'show', 'graph', 'diff']), references: texts }),
  'epochtree/saveComparison': z.object({ ...compared, file: path, texts: z.record(text, text), language: text }),
  'epochtree/comparison': z.object(compared),
  'epochtree/comparison/curves': about(questions.curves),
  'epochtree/comparison/values': about(questions.values),
  'epochtree/comparison/graph': about(questions.graph),
  'epochtree/comparison/layers': about(questions.layers),
  'epochtree/comparison/tradeoff': about(questions.tradeoff),
  'epochtree/comparison/effects': about(questions.effects),
  'epochtree/comparison/sampleFields': about(questions.sampleFields),
  'epochtree/comparison/samples': about(questions.samples),
  'epochtree/comparison/confusion': about(questions.confusion),
  'epochtree/comparison/flips': about(questions.flips),
  'epochtree/comparison/histogram': about(questions.histogram),
  'epochtree/select': ofRef,
  'epochtree/float': ofOne,
  'epochtree/rename': z.object({ ...one, name: text }),
  // Written beside the run that the id names.
  'epochtree/tag': z.object({ dir, session: id, tags: texts }),
  'epochtree/delete': ofOne,
  'epochtree/restore': ofOne,
  'epochtree/deletable': ofOne,
  'epochtree/missing': z.union([ofRef, z.object({ file: path })]),
  'epochtree/fetch': z.union([z.object({ ...ref, token: text }), z.object({ file: path, token: text })]),
  'epochtree/checkout': z.object({ ...ref, to: path }),
  'epochtree/draft': z.discriminatedUnion('kind', [
    z.object({ ...ref, kind: z.literal('fork') }),
    z.object({ dir: optional(dir), kind: z.literal('train'), script: path, python: list(path), model: maybeText }),
  ]),
  'epochtree/original': z.object({ file: path }),
  'epochtree/preview': draftText,
  'epochtree/apply': draftText,
  'epochtree/discard': z.object({ file: path, untouched: flag }),
  'epochtree/forkPreview': z.object({ ...ref, edits }),
  'epochtree/fork': z.object({ ...ref, edits }),
  'epochtree/resume': ofOne,
  'epochtree/stop': z.object({ ...one, graceSeconds: z.number().check(z.minimum(0), z.maximum(3600)) }),
  'epochtree/callSite': ofOne,
  // Its answer is a path that is made of the id.
  'epochtree/sessionFiles': z.object({ dir, session: id }),
  'epochtree/running': z.null(),
  'epochtree/teamFile': z.object({ dir }),
  'epochtree/teamAddress': z.object({ server: z.enum(['mongo', 'elastic', 'gcs']), address: short }),
  'epochtree/tryServer': z.discriminatedUnion('server', [
    z.object({ dir, server: z.literal('mongo'), settings: storeSettings.mongo, login: optional(login) }),
    z.object({ dir, server: z.literal('elastic'), settings: storeSettings.elastic, login: optional(login) }),
    z.object({ dir, server: z.literal('gcs'), settings: storeSettings.gcs }),
  ]),
  'epochtree/saveTeam': z.object({
    dir,
    store: z.nullable(
      z.object({
        mode: optional(z.enum(['local', 'team'])),
        mongo: optional(storeSettings.mongo),
        elastic: optional(storeSettings.elastic),
        gcs: optional(storeSettings.gcs),
      }),
    ),
  }),
} satisfies { readonly [Name in RequestName]: z.ZodMiniType<Params<Name>> }

/** Every key, those that may be absent too. */
type Whole<Type> = Type extends object ? { readonly [Key in keyof Type]-?: Whole<Type[Key]> } : Type
type Covers<Protocol, Parsed extends Protocol> = Parsed
/** Does not compile where the protocol has a key that is missing above and so would be thrown away. */
export type Parsed = Covers<
  { readonly [Name in RequestName]: Whole<Params<Name>> },
  { readonly [Name in RequestName]: Whole<z.infer<(typeof parameters)[Name]>> }
>

/** What a request is about; an absent one counts as null. JSON-RPC hands parameters on by position where they came so. */
export function paramsOf<Name extends RequestName>(name: Name, given: readonly unknown[]): Params<Name> {
  return parsed<Params<Name>>(
    parameters[name] as z.ZodMiniType as z.ZodMiniType<Params<Name>>,
    given.length > 1 ? given : (given[0] ?? null),
    name,
  )
}

const command = z.object({ command: text, arguments: z.optional(z.nullable(list(z.unknown()))) })
export const commandOf = (given: unknown) => parsed(command, given, 'workspace/executeCommand')

/** The one object that each command takes. */
const commandArgument = z.object({
  /** The `.epochtree` folder; may be absent where only one is followed. */
  dir: z.optional(dir),
  session: z.optional(text),
  reference: z.optional(text),
  name: z.optional(text),
  set: z.optional(list(content)),
  planFile: z.optional(path),
  epochs: z.optional(z.int().check(z.minimum(1))),
  deleted: z.optional(z.boolean()),
})
export type CommandArgument = z.infer<typeof commandArgument>
export const commandArgumentOf = (given: unknown, name: string) => parsed(commandArgument, given ?? {}, name)

const maybe = z.optional(z.nullable(z.boolean()))
const initialization = z.object({ trusted: maybe, links: maybe, secrets: maybe, settings: z.optional(z.unknown()) })
export const initializationOptionsOf = (given: unknown) => parsed(initialization, given ?? {}, 'initializationOptions')

const settings = {
  mainMetric: text,
  refreshSeconds: z.number().check(z.minimum(0.2), z.maximum(60)),
  folder: path,
  inlayHints: z.boolean(),
  // Of a folder's team: whoever opens it tells what is wrong with them.
  store: z.nullable(z.record(z.string(), z.unknown())),
  ownStore: z.nullable(z.record(z.string(), z.unknown())),
} satisfies { readonly [Key in keyof Settings]: z.ZodMiniType<Settings[Key]> }

/** People write settings by hand: one that doesn't fit takes nothing away but itself, and `wrong` is for them to read. */
export function settingsOf(given: unknown): { readonly settings: Settings; readonly wrong: readonly string[] } {
  const values = z.record(z.string(), z.unknown()).safeParse(given ?? {})
  if (!values.success) return { settings: DEFAULT_SETTINGS, wrong: ['The settings of Epochtree must be an object.'] }
  const found: Record<string, unknown> = {}
  const wrong: string[] = []
  for (const [name, schema] of Object.entries(settings)) {
    const value = values.data[name] ?? ''
    // Not set, or cleared.
    if (value === '') continue
    const { success, data, error } = schema.safeParse(value)
    if (success) found[name] = data
    else wrong.push(`The setting epochtree.${name} ${words(error.issues[0]!)}; until then it counts as not set.`)
  }
  return { settings: { ...DEFAULT_SETTINGS, ...found }, wrong }
}

const kept = z.nullable(login)
const secrets = z.object({ mongo: kept, elastic: kept })
/** What the client keeps for people. */
export const secretsOf = (given: unknown) => parsed(secrets, given, 'epochtree/secrets')

function parsed<Type>(schema: z.ZodMiniType<Type>, given: unknown, what: string): Type {
  const { success, data, error } = schema.safeParse(given)
  if (success) return data
  const issue = error.issues[0]!
  const field = issue.path.join('.') || 'what is asked'
  throw new ResponseError(ErrorCodes.InvalidParams, `${what}: ${field} ${words(issue)}.`, { code: 'bad-argument' })
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
}

/** The schemas themselves say no more than that a value is invalid: their words for people are a library of their own. */
function words(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${KINDS[issue.expected] ?? issue.expected}`
    case 'too_big':
    case 'too_small': {
      const [bound, limit] = issue.code === 'too_big' ? ['most', issue.maximum] : ['least', issue.minimum]
      const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : ''
      return `must ${unit ? 'have' : 'be'} at ${bound} ${limit}${unit}`
    }
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`
    case 'custom':
    case 'invalid_format':
      return issue.message
    default:
      return 'is none of what it may be'
  }
}

import * as z from 'zod/mini'
import type { EpochView } from '../../server/protocol/editor'
import type { Json } from '../../server/protocol/model'

/** What the epoch's page and the extension say to each other; each side checks what it hears. */

const json: z.ZodMiniType<Json> = z.json()
const object = z.record(z.string(), json)
const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])])
const count = z.nullable(z.number())
const status = z.enum(['created', 'running', 'interrupted', 'completed', 'stopped', 'failed'])
const direction = z.nullable(z.enum(['lower', 'higher']))
const metricValue = z.nullable(z.object({ number: z.number(), value: number }))
const named = { id: z.string(), name: z.string() }
const shape = z.array(z.number())
const difference = z.object({ path: z.string(), values: z.array(json) })

const weights = z.object({ sha256: z.string(), bytes: z.number(), format: z.nullable(z.string()), released: z.boolean() })
const row = z.object({
  dir: z.string(),
  session: z.object(named),
  id: z.string(),
  number: z.number(),
  sessionId: z.string(),
  inherited: z.boolean(),
  state: z.enum(['ok', 'verifying']),
  marks: z.array(z.enum(['latest', 'selected', 'best', 'fork', 'pruned'])),
  value: z.nullable(number),
  metric: z.nullable(z.string()),
  weights: z.nullable(weights),
  time: count,
  forks: z.array(z.string()),
})
const metric = z.object({
  metric: z.string(),
  value: number,
  before: z.nullable(number),
  best: metricValue,
  direction,
  judged: z.nullable(z.enum(['better', 'worse', 'same'])),
  curve: z.array(z.nullable(number)),
})
const main = z.nullable(z.object({ metric: z.string(), direction, last: metricValue, best: metricValue }))
const layer = z.object({
  id: z.string(),
  name: z.string(),
  label: z.string(),
  depth: z.number(),
  group: z.boolean(),
  inside: z.number(),
  hidden: z.number(),
  type: z.nullable(z.string()),
  shape: z.nullable(shape),
  shapeBefore: z.nullable(shape),
  tensors: z.array(z.object({ name: z.string(), shape })),
  parameters: count,
  before: count,
  removed: count,
  masked: count,
  state: z.enum(['same', 'changed', 'added', 'removed', 'gone']),
})
const graph = z.object({
  nodes: z.number(),
  parameters: count,
  nonzero: count,
  hash: z.string(),
  original: count,
  pruned: z.nullable(z.object({ layers: z.number(), removed: z.number(), masked: z.number() })),
  layers: z.array(layer),
  moreLayers: z.number(),
})
export const epochView: z.ZodMiniType<EpochView> = z.object({
  row,
  reference: z.string(),
  trainer: z.object({ ...named, forkedFrom: z.nullable(z.object({ name: z.string(), number: z.number() })) }),
  status,
  epochs: z.number(),
  place: z.number(),
  curveEpochs: z.array(z.number()),
  metrics: z.array(metric),
  moreMetrics: z.number(),
  hyperparameters: object,
  pruningPlan: z.nullable(object),
  changedHyperparameters: z.array(difference),
  changedPruningPlan: z.array(difference),
  environment: object,
  graph: z.nullable(graph),
  trainingState: z.nullable(z.object({ bytes: z.number(), format: z.nullable(z.string()) })),
  forks: z.array(z.object({ ...named, status, epochs: z.number(), main })),
  previous: count,
  next: count,
})

/** From the extension. The texts come with it, because only the extension knows the editor's language. */
export const toPage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('show'),
    view: epochView,
    texts: z.record(z.string(), z.string()),
    language: z.string(),
    /** False where nothing may be changed or run. */
    trusted: z.boolean(),
  }),
  /** What went wrong, in a sentence; what was shown stays. */
  z.object({ type: z.literal('trouble'), message: z.string() }),
])
export type ToPage = z.infer<typeof toPage>

export const actions = ['fork', 'select', 'float', 'compare', 'checkout', 'copyReference', 'openScript'] as const
export type Action = (typeof actions)[number]

/** From the page. */
export const fromPage = z.discriminatedUnion('type', [
  /** It listens now. */
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('act'), action: z.enum(actions) }),
  /** Another epoch of the same model. */
  z.object({ type: z.literal('go'), number: z.number().check(z.int(), z.positive()) }),
  z.object({ type: z.literal('openFork'), session: z.string().check(z.regex(/^[0-9a-f]{24}$/)) }),
])
export type FromPage = z.infer<typeof fromPage>

/** What the page keeps through a reload of the window. */
export const pageState = z.object({
  dir: z.string(),
  reference: z.string(),
  /** Rows of layers that the user opened or closed, against what is so at first. */
  toggled: z.array(z.string()),
  onlyChanged: z.boolean(),
})
export type PageState = z.infer<typeof pageState>

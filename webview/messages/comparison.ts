import * as z from 'zod/mini'
import type { Answer, Asked, Comparison, NodeDifferences, Question } from '../../server/protocol/comparison'
import type { Json } from '../../server/protocol/model'

/** What the comparison's page and the extension say to each other; each side checks what it hears. */

const json: z.ZodMiniType<Json> = z.json()
const jsonNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])])
const count = z.nullable(z.number())
const place = z.number().check(z.int(), z.minimum(0))
const epochName = z.object({ id: z.string(), number: z.number() })
const maybeEpoch = z.nullable(epochName)
const status = z.enum(['created', 'running', 'interrupted', 'completed', 'stopped', 'failed'])
const better = z.enum(['lower', 'higher'])
const summary = z.nullable(z.object({ nodes: z.number(), parameters: count, nonzero: count }))
const difference = z.object({ path: z.string(), values: z.array(json) })
const differences = z.array(difference)
/** Base64, of integers too. */
const floats = z.string()
const text = z.string().check(z.maxLength(10_000))
const many = z.number().check(z.int(), z.minimum(1), z.maximum(4000))

export const comparison: z.ZodMiniType<Comparison> = z.object({
  dir: z.string(),
  models: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      modelName: z.string(),
      reference: z.string(),
      label: z.string(),
      status,
      epoch: epochName,
      epochs: z.number(),
      forkedFrom: z.nullable(z.object({ sessionId: z.string(), name: z.nullable(z.string()), number: z.number() })),
      createdAt: z.number(),
      parentMissing: z.boolean(),
      deleted: z.boolean(),
      graph: summary,
    }),
  ),
  lines: z.array(
    z.object({
      id: z.string(),
      sessionId: z.string(),
      sessionName: z.string(),
      from: z.number(),
      to: z.number(),
      models: z.array(place),
      after: z.nullable(z.string()),
    }),
  ),
  sharedEpochs: z.number(),
  pairs: z.array(z.object({ a: place, b: place, shared: z.number(), at: maybeEpoch })),
  metrics: z.array(
    z.object({ metric: z.string(), split: z.string(), name: z.string(), direction: z.nullable(better), models: z.array(place) }),
  ),
  moreMetrics: z.number(),
  settings: z.object({
    hyperparameters: differences,
    pruningPlan: differences,
    environment: differences,
    command: differences,
    data: differences,
  }),
  main: z.nullable(z.string()),
})

const graphSide = z.object({ shape: floats, parameters: floats, nonzero: floats })
const graphName = z.object({ label: z.string(), epoch: epochName })
export const nodeDifferences: z.ZodMiniType<NodeDifferences> = z.object({ differences, more: z.number() })
const samplesOf = { split: text, label: text, prediction: text }
const sampledEpochs = z.array(maybeEpoch)
const verdict = z.enum(['right', 'wrong'])

type Schemas = { readonly [Name in Question]: { readonly asked: z.ZodMiniType<Asked<Name>>; readonly answer: z.ZodMiniType<Answer<Name>> } }

/** Each question with its answer. */
export const questions = {
  curves: {
    asked: z.object({
      metrics: z.array(text).check(z.maxLength(100)),
      axis: z.enum(['epoch', 'step', 'time']),
      range: z.nullable(z.tuple([z.number(), z.number()])),
      buckets: many,
      lines: z.exactOptional(z.array(text).check(z.maxLength(1000))),
      once: z.exactOptional(z.boolean()),
    }),
    answer: z.object({
      curves: z.array(
        z.object({
          metric: z.string(),
          line: z.string(),
          count: z.number(),
          x: floats,
          value: floats,
          low: z.nullable(floats),
          high: z.nullable(floats),
          epoch: z.nullable(floats),
          gaps: z.array(place),
          open: z.exactOptional(z.number()),
          coarser: z.exactOptional(z.literal(true)),
        }),
      ),
      ends: z.array(z.object({ line: z.string(), at: z.number() })),
    }),
  },
  values: {
    asked: z.object({
      at: z.union([z.enum(['compared', 'last', 'best', 'selected']), z.number().check(z.int(), z.minimum(1))]),
      metric: z.exactOptional(text),
      direction: z.exactOptional(better),
    }),
    answer: z.object({
      epochs: z.array(maybeEpoch),
      metrics: z.array(z.object({ metric: z.string(), values: z.array(z.nullable(jsonNumber)) })),
      graphs: z.array(summary),
      weights: z.array(count),
    }),
  },
  graph: {
    asked: z.object({ a: text, b: text }),
    answer: z.object({
      a: graphName,
      b: graphName,
      summary: z.tuple([summary, summary]),
      counts: z.object({ kept: z.number(), changed: z.number(), removed: z.number(), added: z.number() }),
      nodes: z.object({
        id: z.array(z.string()),
        name: z.array(z.string()),
        type: floats,
        change: floats,
        a: graphSide,
        b: graphSide,
      }),
      types: z.array(z.string()),
      shapes: z.array(z.array(z.number())),
      edges: floats,
      differences: z.array(z.tuple([place, z.string()])),
      moreNodes: z.number(),
      moreEdges: z.number(),
      looseEdges: z.number(),
    }),
  },
  layers: {
    asked: z.object({ reference: text }),
    answer: z.object({
      epochs: z.array(epochName),
      until: z.number(),
      moreEpochs: z.number(),
      layers: z.array(
        z.object({
          id: z.string(),
          name: z.string(),
          type: z.nullable(z.string()),
          parameters: floats,
          nonzero: floats,
        }),
      ),
      parameters: floats,
      nonzero: floats,
      moreLayers: z.number(),
    }),
  },
  tradeoff: {
    asked: z.object({ metric: text, direction: better, cost: text, costDirection: better }),
    answer: z.object({
      lines: z.array(z.object({ line: z.string(), epoch: floats, value: floats, cost: floats })),
      front: z.array(z.tuple([z.string(), place])),
      count: z.number(),
      frontCount: z.number(),
      without: z.number(),
    }),
  },
  effects: {
    asked: z.null(),
    answer: z.object({
      models: z.array(
        z.object({
          since: maybeEpoch,
          until: epochName,
          first: summary,
          before: summary,
          after: summary,
          change: z.nullable(
            z.object({
              layers: z.number(),
              removed: z.number(),
              masked: z.number(),
              layersRemoved: z.number(),
              layersAdded: z.number(),
            }),
          ),
        }),
      ),
    }),
  },
  sampleFields: {
    asked: z.null(),
    answer: z.object({
      splits: z.array(
        z.object({
          split: z.string(),
          fields: z.array(
            z.object({
              name: z.string(),
              numeric: z.boolean(),
              direction: z.nullable(better),
              role: z.nullable(z.enum(['label', 'prediction', 'sample'])),
            }),
          ),
        }),
      ),
    }),
  },
  samples: {
    asked: z.object({ split: text, by: text, field: text, better: z.nullable(better) }),
    answer: z.object({
      groups: z.array(
        z.object({
          group: json,
          models: z.array(z.nullable(z.object({ count: z.number(), mean: jsonNumber, min: jsonNumber, max: jsonNumber }))),
        }),
      ),
      epochs: sampledEpochs,
      moreGroups: z.number(),
    }),
  },
  confusion: {
    asked: z.object(samplesOf),
    answer: z.object({
      classes: z.array(json),
      models: z.array(z.nullable(z.object({ count: z.number(), right: z.number(), counts: z.array(z.array(z.number())) }))),
      epochs: sampledEpochs,
      moreClasses: z.number(),
    }),
  },
  flips: {
    asked: z.object({
      ...samplesOf,
      sample: text,
      a: place,
      b: place,
      to: z.nullable(verdict),
      search: text,
      most: z.number().check(z.int(), z.minimum(1), z.maximum(100_000)),
    }),
    answer: z.object({
      bothRight: z.number(),
      bothWrong: z.number(),
      wrongToRight: z.number(),
      rightToWrong: z.number(),
      onlyA: z.number(),
      onlyB: z.number(),
      repeated: z.number(),
      samples: z.array(z.object({ sample: json, label: json, a: json, b: json, to: verdict })),
      moreSamples: z.number(),
      epochs: sampledEpochs,
    }),
  },
  histogram: {
    asked: z.object({ split: text, field: text, bins: many, log: z.boolean() }),
    answer: z.object({
      edges: z.array(z.number()),
      models: z.array(z.nullable(z.object({ counts: z.array(z.number()), count: z.number(), outside: z.number(), mean: jsonNumber }))),
      epochs: sampledEpochs,
    }),
  },
} satisfies Schemas

/** As it stands in a file; checked further by the question it answers. */
export const savedAnswer = z.union([z.object({ answer: z.unknown() }), z.object({ refused: z.string() })])

/** What can be done with an epoch of a model; `restore` with a session that was deleted. */
export const actions = ['fork', 'select', 'openEpoch', 'checkout', 'copyReference', 'restore'] as const
export type Action = (typeof actions)[number]

/** A question of the page, checked by the schema of its name. */
const asks = (Object.keys(questions) as Question[]).map((name) =>
  z.object({
    type: z.literal('ask'),
    id: place,
    question: z.literal(name),
    asked: questions[name].asked,
  }),
)

/** From the extension. The texts come with it, because only the extension knows the editor's language. */
export const toPage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('show'),
    comparison,
    /** Sessions of it that went on since it was shown last. */
    changed: z.array(z.string()),
    texts: z.record(z.string(), z.string()),
    language: z.string(),
    /** False where nothing may be changed or run. */
    trusted: z.boolean(),
  }),
  /** Checked by the question it answers. */
  z.object({ type: z.literal('answer'), id: place, answer: z.unknown() }),
  z.object({ type: z.literal('refused'), id: place, message: z.string() }),
  /** What went wrong, in a sentence; what was shown stays. */
  z.object({ type: z.literal('trouble'), message: z.string() }),
  /** It is over. */
  z.object({ type: z.literal('mended') }),
])
export type ToPage =
  | {
      readonly type: 'show'
      readonly comparison: Comparison
      readonly changed: readonly string[]
      readonly texts: Readonly<Record<string, string>>
      readonly language: string
      readonly trusted: boolean
    }
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'refused'; readonly id: number; readonly message: string }
  | { readonly type: 'trouble'; readonly message: string }
  | { readonly type: 'mended' }

/** From the page. */
export const fromPage = z.union([
  /** It listens now. */
  z.object({ type: z.literal('ready') }),
  ...asks,
  z.object({ type: z.literal('cancel'), id: place }),
  z.object({ type: z.literal('act'), action: z.enum(actions), reference: text }),
  /** Other models, in their order. */
  z.object({ type: z.literal('compare'), references: z.array(text).check(z.minLength(2), z.maxLength(12)) }),
  /** A file for the user: its name, and its content as text or base64. */
  z.object({
    type: z.literal('save'),
    name: z.string().check(z.maxLength(200)),
    content: z.string().check(z.maxLength(64 * 1024 * 1024)),
    base64: z.boolean(),
  }),
  z.object({ type: z.literal('copy'), text: z.string().check(z.maxLength(16 * 1024 * 1024)) }),
])
export type FromPage =
  | { readonly type: 'ready' }
  | { [Name in Question]: { readonly type: 'ask'; readonly id: number; readonly question: Name; readonly asked: Asked<Name> } }[Question]
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'act'; readonly action: Action; readonly reference: string }
  | { readonly type: 'compare'; readonly references: readonly string[] }
  | { readonly type: 'save'; readonly name: string; readonly content: string; readonly base64: boolean }
  | { readonly type: 'copy'; readonly text: string }

/** What the page keeps through a reload of the window; each view keeps its own choices. */
export const pageState = z.object({
  dir: z.string(),
  references: z.array(text).check(z.minLength(2), z.maxLength(12)),
  /** The colour of each, 0 to 11; not kept by earlier versions. */
  colours: z.exactOptional(z.array(place.check(z.maximum(11)))),
  view: z.string(),
  choices: z.record(z.string(), json),
})
export type PageState = z.infer<typeof pageState>

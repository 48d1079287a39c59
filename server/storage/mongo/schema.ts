import { ObjectId } from 'mongodb'
import * as z from 'zod/mini'
import { EpochtreeError } from '../../errors'
import { clip } from './errors'

/** The version of documents that this Epochtree writes. Those without one were written by something else, in the shape of the source design. */
export const FORMAT = 1

export type CollectionName = 'TrainingSession' | 'Epoch' | 'ModelGraph' | 'Weights'

/** What comes from the server is untrusted: every document that is read is parsed here, and what has another type or size is refused. */
const nullish = <Type extends z.core.SomeType>(type: Type) => z.optional(z.nullable(type))
const text = (most: number) => z.string().check(z.maxLength(most))
const id = z.pipe(
  z.custom<ObjectId>((value) => value instanceof ObjectId, 'not an ObjectId'),
  z.transform((value) => value.toHexString()),
)
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))
const count = z.int().check(z.gte(0))
const epochNumber = z.int().check(z.gte(1))
/** What a date can hold. */
const seconds = z.number().check(z.gte(-8.64e12), z.lte(8.64e12))
const named = z.object({ id, number: epochNumber })

const LONGEST_NAME = 10_000
export const format = nullish(z.int())

/** Fields that lists need. What else is in a document is not even sent. */
const listed = {
  _id: id,
  modelName: text(LONGEST_NAME),
  weightsId: nullish(id),
  name: nullish(text(LONGEST_NAME)),
  createdAt: nullish(seconds),
  by: nullish(text(1000)),
  forkedFrom: nullish(z.object({ sessionId: id, epochId: id, epochNumber })),
  forkPoint: nullish(z.object({ sessionId: id, number: epochNumber })),
  key: nullish(text(LONGEST_NAME)),
  tags: nullish(z.array(text(LONGEST_NAME)).check(z.maxLength(10_000))),
  selected: nullish(z.object({ id, number: nullish(epochNumber), weightsId: nullish(id) })),
  deletedAt: nullish(seconds),
  started: nullish(z.boolean()),
  engine: nullish(z.object({ time: nullish(seconds), pid: nullish(z.int()), host: nullish(text(1000)), bootId: nullish(text(1000)) })),
  finished: nullish(z.object({ status: z.enum(['completed', 'stopped', 'failed']), error: nullish(z.string()), time: nullish(seconds) })),
  own: nullish(count),
  latest: nullish(named),
  floatingWeightsId: nullish(id),
  open: nullish(named),
  alive: nullish(z.boolean()),
  aliveAt: nullish(z.date()),
  removing: nullish(z.boolean()),
  version: nullish(count),
  format,
}
export const LISTED = Object.fromEntries(Object.keys(listed).map((field) => [field, 1]))
export const listedSession = z.object(listed)
export type ListedSession = z.infer<typeof listedSession>

const object = z.record(z.string(), z.json())
const number = nullish(z.number())
const words = nullish(z.string())
export const sessionDetails = z.object({
  overrides: nullish(object),
  command: nullish(object),
  attempt: nullish(
    z.object({
      id: words,
      time: number,
      pid: number,
      host: words,
      bootId: words,
      restored: words,
      until: number,
      hyperparameters: nullish(object),
      pruningPlan: nullish(object),
      environment: nullish(object),
    }),
  ),
})
export const LARGEST_DETAILS = 12 * 1024 * 1024
export const sessionWhole = z.object({
  ...listed,
  details: nullish(text(LARGEST_DETAILS)),
  told: nullish(text(100)),
  decided: nullish(count),
})
export type WholeSession = z.infer<typeof sessionWhole>
/** The history that a session's document names. */
export const sessionEpochs = z.object({ _id: id, epochs: z.array(id).check(z.maxLength(1_000_000)) })
/** A session that something else wrote: its epochs are all there is to know. */
export const sessionByHand = z.object({ ...listed, epochs: z.array(id).check(z.maxLength(1_000_000)) })

const file = z.object({ sha256, bytes: count, format: nullish(text(1000)), file: text(LONGEST_NAME) })
const epochFields = {
  _id: id,
  sessionId: id,
  number: epochNumber,
  graphHash: nullish(sha256),
  weights: nullish(file),
  optimizerState: nullish(file),
  released: nullish(z.boolean()),
  pruned: nullish(z.boolean()),
  time: nullish(seconds),
  format,
}
export const EPOCH = Object.fromEntries(Object.keys(epochFields).map((field) => [field, 1]))
export const epochDocument = z.object(epochFields)
export type EpochDocument = z.infer<typeof epochDocument>
export const epochClock = z.object({
  _id: id,
  sessionId: id,
  number: epochNumber,
  started: nullish(seconds),
  begun: nullish(seconds),
  time: nullish(seconds),
})
export type EpochClock = z.infer<typeof epochClock>
export const epochByHand = z.object({
  _id: id,
  modelGraphId: nullish(id),
  weightsId: nullish(id),
  sessionId: nullish(id),
  number: nullish(epochNumber),
})

/** Of very large models more than what is counted exactly. */
const many = z.nullable(z.number().check(z.gte(0)))
const summary = z.object({ nodes: count, parameters: many, nonzero: many })
export const graphSummary = z.object({ _id: id, hash: nullish(sha256), summary: nullish(summary) })
export const graphDocument = z.object({
  _id: id,
  hash: nullish(sha256),
  modelGraph: z.looseObject({ nodes: z.optional(z.record(z.string(), z.unknown())) }),
  /** Too large for a document: it lies in the bucket. */
  large: nullish(z.boolean()),
  format,
})

export const weightsDocument = z.object({
  _id: id,
  modelGraphHash: nullish(text(1000)),
  weightsFileLocation: nullish(text(10_000)),
  sha256: nullish(sha256),
  bytes: nullish(count),
  fileFormat: nullish(text(1000)),
  removing: nullish(z.boolean()),
})

const NAMED_BY_HASH = /(?:^|\/)([0-9a-f]{64})$/

/** The hash of a weights file; who wrote the record by hand may have named the file by it. */
export const fileHash = ({ sha256: told, weightsFileLocation }: z.infer<typeof weightsDocument>): string | undefined =>
  told ?? NAMED_BY_HASH.exec(weightsFileLocation ?? '')?.[1]

export const counter = z.object({ n: count, store: text(100), format })

/** How a document is named in messages. Its id may be anything. */
export function nameOf(collection: CollectionName, document: unknown): string {
  const _id: unknown = typeof document === 'object' && document !== null ? (document as { _id?: unknown })._id : undefined
  const written = _id instanceof ObjectId ? _id.toHexString() : inWords(_id)
  return `${collection} ${written.length > 80 ? `${written.slice(0, 79)}…` : written}`
}

function inWords(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value
  } catch {
    return typeof value
  }
}

export interface Damaged {
  readonly collection: CollectionName
  readonly id: string | null
  readonly error: EpochtreeError
}

/** The document as the schema has it, or why it is none. */
export function parse<Type extends z.ZodMiniType>(
  collection: CollectionName,
  type: Type,
  document: unknown,
): { readonly value: z.infer<Type>; readonly damaged?: undefined } | { readonly value?: undefined; readonly damaged: Damaged } {
  const known: unknown = typeof document === 'object' && document !== null ? (document as { format?: unknown }).format : undefined
  if (typeof known === 'number' && known > FORMAT)
    return {
      damaged: damagedDocument(
        collection,
        document,
        new EpochtreeError(
          'store-newer',
          `${nameOf(collection, document)} in MongoDB was written by a newer Epochtree (format ${known}, this one knows ${FORMAT}). Update Epochtree.`,
        ),
      ),
    }
  const parsed = type.safeParse(document)
  if (parsed.success) return { value: parsed.data }
  const issue = parsed.error.issues[0]
  return {
    damaged: damagedDocument(
      collection,
      document,
      damage(collection, document, issue ? `${issue.path.join('.')}: ${complaint(issue)}` : 'it has the wrong shape'),
    ),
  }
}

function complaint(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `not of type ${issue.expected}`
  if (issue.code === 'too_big' || issue.code === 'too_small') return `too ${issue.code === 'too_big' ? 'large' : 'small'}`
  return issue.code === 'custom' ? issue.message : 'not as it must be'
}

const damagedDocument = (collection: CollectionName, document: unknown, error: EpochtreeError): Damaged => {
  const _id: unknown = typeof document === 'object' && document !== null ? (document as { _id?: unknown })._id : undefined
  return { collection, id: _id instanceof ObjectId ? _id.toHexString() : null, error }
}

export const damage = (collection: CollectionName, document: unknown, what: string) =>
  new EpochtreeError(
    'server-damaged',
    `${nameOf(collection, document)} in MongoDB is damaged (${clip(what)}) and was passed over. Mend or remove that document.`,
  )

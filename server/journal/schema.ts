import * as z from 'zod/mini'

/** What comes from a run folder is untrusted: parsed here, once, into plain types. Unknown keys are ignored. */
const id = z.string().check(z.regex(/^[0-9a-f]{24}$/))
const object = z.record(z.string(), z.json())
const seconds = z.number()
const count = z.int().check(z.gte(0))
const nullish = <Type extends z.core.SomeType>(type: Type) => z.optional(z.nullable(type))

const forkedFrom = z.object({ sessionId: id, epochId: id, epochNumber: z.int().check(z.gte(1)) })

export const sessionFile = z.object({
  format: z.literal(1),
  sessionId: id,
  modelName: z.string(),
  name: nullish(z.string()),
  key: nullish(z.string()),
  forkedFrom: nullish(forkedFrom),
  evaluates: nullish(forkedFrom),
  overrides: nullish(object),
  command: nullish(z.looseObject({ argv: z.array(z.string()), cwd: z.string(), env: z.optional(z.array(z.string())) })),
  createdAt: nullish(z.union([seconds, z.string()])),
  tags: nullish(z.array(z.string())),
  /** Of a session that was brought here from a team: which, and who trained it. */
  pulled: nullish(z.object({ team: z.string(), by: z.string() })),
})
export type SessionFile = z.infer<typeof sessionFile>

export const marksFile = z.object({
  name: nullish(z.string()),
  selected: nullish(id),
  tags: nullish(z.array(z.string())),
  /** Seconds since 1970 when the session was deleted. */
  deleted: nullish(seconds),
  /** After `gc` took a deleted session: own epochs up to this number stay, because forks need them. */
  collected: nullish(count),
  /** The journal's last line then: what it says later, after a restore and a resume, is not meant. */
  collectedLine: nullish(count),
  /** Own epochs whose weights were let go. */
  released: nullish(z.array(id)),
  /** Uncommitted epochs whose documents were let go. */
  discarded: nullish(z.array(id)),
  /** What was decided when both sides agreed last, of a session that a team knows. */
  agreed: nullish(
    z.object({
      team: z.string(),
      name: z.string(),
      selected: z.nullable(id),
      tags: z.array(z.string()),
      deleted: z.nullable(seconds),
      /** What it is called here, where another session has that name. */
      alias: nullish(z.string()),
    }),
  ),
})
export type MarksFile = z.infer<typeof marksFile>

const namedFile = z.object({
  file: z.string(),
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  bytes: count,
  format: nullish(z.string()),
})

export type NamedFile = z.infer<typeof namedFile>

export const started = z.object({
  attempt: nullish(z.string()),
  time: nullish(seconds),
  after: nullish(id),
  restored: nullish(z.string()),
  pid: nullish(z.int()),
  host: nullish(z.string()),
  bootId: nullish(z.string()),
  hyperparameters: nullish(object),
  pruningPlan: nullish(object),
  environment: nullish(object),
})
/** `of` is the number of the last epoch that the engine means to train. */
export const epoch = z.object({ epoch: id, number: z.int().check(z.gte(1)), of: nullish(z.int().check(z.gte(1))), time: nullish(seconds) })
export const commit = z.object({
  epoch: id,
  graph: nullish(z.string()),
  weights: nullish(namedFile),
  state: nullish(namedFile),
  pruned: nullish(z.boolean()),
  time: nullish(seconds),
})
export const gap = z.object({ epoch: nullish(id), rows: count, from: nullish(seconds), to: nullish(seconds) })
export const finished = z.object({ status: z.enum(['completed', 'stopped', 'failed']), error: nullish(z.string()), time: nullish(seconds) })

/** The first thing that is wrong, in words. */
export function complaint(error: z.core.$ZodError): string {
  const issue = error.issues[0]
  return issue ? `${issue.path.join('.') || 'the line'}: ${issue.message}` : 'it has the wrong shape'
}

const ID = /^[0-9a-f]{24}$/
const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/** The column itself where it holds numbers alone, as it nearly always does. */
function numbers(column: unknown, n: number): ArrayLike<number> | undefined {
  if (!Array.isArray(column) || column.length !== n) return undefined
  let plain = 0
  while (plain < n && typeof column[plain] === 'number') plain++
  if (plain === n) return column as readonly number[]
  const values = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    const value: unknown = column[i]
    if (typeof value === 'number') values[i] = value
    else if (typeof value === 'string' && Object.hasOwn(SPECIAL, value)) values[i] = SPECIAL[value]!
    else return undefined
  }
  return values
}

export interface MetricsLine {
  readonly epoch: string
  readonly split: string
  readonly steps: readonly (number | null)[] | null
  readonly times: ArrayLike<number>
  readonly names: readonly string[]
  /** One a name, each as long as `times`. */
  readonly columns: readonly ArrayLike<number>[]
}

/** Checked by hand and not by the schema library: this is the path of every single point. */
export function metricsLine(line: Record<string, unknown>): MetricsLine | string {
  const { epoch, split, step, time, values } = line
  if (typeof epoch !== 'string' || !ID.test(epoch)) return 'epoch: not an id of 24 hexadecimal digits'
  if (typeof split !== 'string') return 'split: not a text'
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return 'values: not an object of columns'
  const names = Object.keys(values)
  if (names.length === 0) return { epoch, split, steps: null, times: [], names, columns: [] }
  const given = values as Record<string, unknown>
  const first = given[names[0]!]
  if (!Array.isArray(first)) return 'values: not an object of columns'
  const n = first.length
  const times = typeof time === 'number' ? new Float64Array(n).fill(time) : (time ?? null) === null ? new Float64Array(n) : numbers(time, n)
  if (!times) return `time: not a column of ${n} numbers`
  if (step !== null && step !== undefined) {
    if (!Array.isArray(step) || step.length !== n) return `step: not a column of ${n} steps`
    for (const one of step as unknown[]) if (one !== null && !Number.isSafeInteger(one)) return 'step: not whole numbers'
  }
  const columns: ArrayLike<number>[] = []
  for (const name of names) {
    const parsed = numbers(given[name], n)
    if (!parsed) return `values.${name.slice(0, 80)}: not a column of ${n} numbers`
    columns.push(parsed)
  }
  return { epoch, split, steps: (step as (number | null)[] | null | undefined) ?? null, times, names, columns }
}

export interface SamplesLine {
  readonly epoch: string
  readonly split: string
  readonly fields: ReadonlyMap<string, readonly unknown[]>
}

export function samplesLine(line: Record<string, unknown>): SamplesLine | string {
  const { epoch, split, fields } = line
  if (typeof epoch !== 'string' || !ID.test(epoch)) return 'epoch: not an id of 24 hexadecimal digits'
  if (typeof split !== 'string') return 'split: not a text'
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return 'fields: not an object of columns'
  const checked = new Map<string, readonly unknown[]>()
  let n: number | undefined
  for (const [name, column] of Object.entries(fields as Record<string, unknown>)) {
    if (!Array.isArray(column) || (n !== undefined && column.length !== n))
      return `fields.${name.slice(0, 80)}: not a column of ${n ?? 'some'} values`
    n = column.length
    checked.set(name, column)
  }
  return { epoch, split, fields: checked }
}

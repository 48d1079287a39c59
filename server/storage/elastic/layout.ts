import { createHash } from 'node:crypto'
import * as z from 'zod/mini'
import { EpochtreeError } from '../../errors'
import { PATIENCE_MS, type Server } from './server'
import { whole } from './values'

/** Rises when documents change in a way that whoever knows only the one before would read wrongly. */
export const FORMAT = 1

const keyword = { type: 'keyword' }
/** Read column by column, and only of documents that were found otherwise. */
const column = (type: string) => ({ type, index: false })

/**
 * A metric point has `name`, `value` or `special`, `time`, `at` and `role`, and a `step` unless it is a value of the whole epoch. A sample has `line`,
 * `row`, `names` and `fields`.
 */
export const MAPPING = {
  dynamic: 'strict',
  _meta: { epochtree: { format: FORMAT } },
  properties: {
    kind: keyword,
    epoch: keyword,
    session: keyword,
    number: { type: 'long' },
    source: keyword,
    split: keyword,
    name: keyword,
    step: { type: 'long' },
    value: column('double'),
    /** NaN and infinities, which are no numbers to Elasticsearch. */
    special: keyword,
    time: { type: 'double' },
    /** Which point of its curve it is. */
    at: column('integer'),
    /**
     * `inner` for points that no question about an epoch as a whole looks at; `last` for one that may be the epoch's value, `outer` for one
     * that may be the lowest, the highest or at an end, `falls` for one whose step is below the one before. A document without any counts
     * as any of them.
     */
    role: keyword,
    line: column('integer'),
    row: column('integer'),
    /** Of all fields, those that are null among them. */
    names: keyword,
    /** Of fields that hold nothing but numbers in the whole line. */
    numeric: keyword,
    /** Of fields whose value is too large for its column. */
    large: keyword,
    fields: { type: 'flattened', index: false, ignore_above: 8000, depth_limit: 20 },
  },
} as const

/** A quarter fewer bytes, at no cost that can be measured: columns are not touched by it. */
const SETTINGS = { index: { codec: 'best_compression' } }

/** As `ignore_above` counts. */
export const LARGEST_VALUE = 8000
/** In bytes; a keyword of more than 32,766 is refused. */
const LONGEST_NAME = 8000

const HEX = /^[0-9a-f]{24}$/
export const isId = (id: string) => HEX.test(id)

/** The index of an epoch's documents: that of the month in its id, so that an identity always lies in the same one. */
export function indexOf(prefix: string, epochId: string): string {
  const seconds = Number.parseInt(epochId.slice(0, 8), 16)
  const time = new Date(Math.min(Math.max(seconds, EARLIEST), LATEST) * 1000)
  return `${prefix}-${time.getUTCFullYear()}.${String(time.getUTCMonth() + 1).padStart(2, '0')}`
}
const EARLIEST = Date.UTC(2000) / 1000
const LATEST = Date.UTC(2100) / 1000

/** A name as documents have it: half of a character can't be written, and a very long one is told by its beginning and its hash. */
export function termOf(name: string): string {
  const text = whole(name)
  if (text.length * 3 <= LONGEST_NAME || Buffer.byteLength(text) <= LONGEST_NAME) return text
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return `${Buffer.from(text)
    .subarray(0, LONGEST_NAME)
    .toString()
    .replace(/\uFFFD+$/, '')}…${hash}`
}

/** A sample field's name as a key: what means something in the name of a field is written as bytes with %. */
export function keyOf(name: string): string {
  const term = termOf(name)
  return term === '' ? '%' : term.replace(/[%.*\0]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
export function nameOf(key: string): string {
  return key === '%' ? '' : key.replace(/%(25|2E|2A|00)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Why a prefix can't begin the names of indices; undefined where it can. */
export const wrongPrefix = (prefix: string): string | undefined =>
  /^[a-z0-9][a-z0-9._-]{0,99}$/.test(prefix)
    ? undefined
    : `"${prefix.slice(0, 100)}" can't begin the names of indices: write at most 100 lower-case letters, digits, dots, dashes and underscores.`

const meta = z.optional(z.nullable(z.looseObject({ epochtree: z.optional(z.looseObject({ format: z.number() })) })))
const templates = z.object({
  index_templates: z.array(z.object({ name: z.string(), index_template: z.looseObject({ _meta: meta }) })),
})
const mappings = z.record(z.string(), z.object({ mappings: z.looseObject({ _meta: meta }) }))

/** Making something changes the state of the whole cluster, for which a busy one takes its time. */
const MAKING_MS = 30_000

/** Makes the template by which each month's index is made, or looks whether the one that is there is ours. What people changed in it, such as the number of shards, stays. */
export async function prepareTemplate(server: Server, prefix: string, signal?: AbortSignal) {
  await checkIndices(server, prefix, prefix, signal)
  const path = `/_index_template/${encodeURIComponent(prefix)}`
  const before = await server.ask({ method: 'GET', path, allowed: [404], signal, timeout: PATIENCE_MS })
  if (before.status === 404) {
    await server.ask({
      method: 'PUT',
      path,
      query: { create: true },
      body: {
        // Of its months alone, and the longer prefix first: another team's may begin with this one, and go on like a year.
        index_patterns: [`${prefix}-2*`],
        priority: 500 + prefix.length,
        _meta: { epochtree: { format: FORMAT } },
        template: { aliases: { [prefix]: {} }, settings: SETTINGS, mappings: MAPPING },
      },
      // Another has made it just now, or one of that name stands in the way: both are seen below.
      allowed: [400],
      timeout: MAKING_MS,
      signal,
    })
    const after = await server.ask({ method: 'GET', path, allowed: [404], signal, timeout: PATIENCE_MS })
    checkTemplate(server, prefix, after.status === 404 ? undefined : after.body)
  } else checkTemplate(server, prefix, before.body)
}

function checkTemplate(server: Server, prefix: string, body: unknown) {
  const parsed = templates.safeParse(body)
  const found = parsed.success ? parsed.data.index_templates.find(({ name }) => name === prefix) : undefined
  if (!found)
    throw new EpochtreeError(
      'server-refused',
      `Elasticsearch at ${server.node} does not let the index template "${prefix}" be made; another template for the same names may stand in its way. Remove that, or name another \`prefix\` for the team's indices.`,
    )
  checkFormat(server, `The index template "${prefix}"`, found.index_template._meta?.epochtree?.format)
}

function checkFormat(server: Server, what: string, format: number | undefined) {
  if (format === undefined)
    throw new EpochtreeError(
      'server-refused',
      `${what} of Elasticsearch at ${server.node} was not made by Epochtree. Name another \`prefix\` for the team's indices.`,
    )
  if (format > FORMAT)
    throw new EpochtreeError(
      'store-newer',
      `${what} of Elasticsearch at ${server.node} was made by a newer Epochtree (format ${format}, this one knows ${FORMAT}). Update Epochtree.`,
    )
}

/** Indices of that name or alias must be ours; how many there are. */
async function checkIndices(server: Server, prefix: string, name: string, signal?: AbortSignal): Promise<number> {
  const answer = await server.ask({
    method: 'GET',
    path: `/${encodeURIComponent(name)}/_mapping`,
    allowed: [404],
    signal,
    timeout: PATIENCE_MS,
  })
  if (answer.status === 404) return 0
  const parsed = mappings.safeParse(answer.body)
  if (!parsed.success) checkFormat(server, `The index "${name}"`, undefined)
  const found = Object.entries(parsed.data ?? {})
  for (const [index, { mappings: known }] of found) {
    checkFormat(server, `The index "${index}"`, known._meta?.epochtree?.format)
    if (index === prefix)
      throw new EpochtreeError(
        'server-refused',
        `Elasticsearch at ${server.node} has an index "${index}" where the alias for the team's indices should be. Remove it, or name another \`prefix\`.`,
      )
  }
  return found.length
}

const rights = z.object({ index: z.record(z.string(), z.record(z.string(), z.boolean())) })
/** `maintenance` is a part of `manage`. */
const WRITING = ['write', 'create_index', 'maintenance']

/** Which of the rights that writing needs whoever asks does not have for this month's index. Without security, or while it begins, there is nobody to ask. */
export async function missingRights(server: Server, prefix: string, signal?: AbortSignal): Promise<string[]> {
  const index = indexOf(prefix, Math.trunc(Date.now() / 1000).toString(16))
  const { status, body } = await server.ask({
    method: 'POST',
    path: '/_security/user/_has_privileges',
    body: { index: [{ names: [index], privileges: WRITING }] },
    allowed: [400, 403, 404, 405, 503],
    signal,
  })
  const parsed = status < 300 ? rights.safeParse(body) : undefined
  const held = parsed?.data?.index[index] ?? {}
  return WRITING.filter((right) => held[right] === false)
}

/** Makes an index by the template, unless it is there. */
export async function prepareIndex(server: Server, prefix: string, index: string, signal?: AbortSignal) {
  if ((await checkIndices(server, prefix, index, signal)) > 0) return
  await server.ask({
    method: 'PUT',
    path: `/${encodeURIComponent(index)}`,
    // Another process has made it just now.
    allowed: [400],
    timeout: MAKING_MS,
    signal,
  })
  if ((await checkIndices(server, prefix, index, signal)) === 0)
    throw new EpochtreeError(
      'server-refused',
      `Elasticsearch at ${server.node} does not let the index "${index}" be made. Have the right \`create_index\` given for the team's indices.`,
    )
}

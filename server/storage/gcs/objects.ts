import type { IncomingHttpHeaders } from 'node:http'
import * as z from 'zod/mini'
import { EpochtreeError } from '../../errors'
import type { Connection } from './connection'
import { patiently, type Patience } from './patience'

const LARGEST_FACTS = 64 * 1024
const LARGEST_PAGE = 8 * 1024 * 1024
const PAGE = 1000
const FACTS = 'name,size,generation,metageneration,crc32c,timeCreated,updated'
/** What is needed of the bucket, by reading, bringing, keeping alive and `gc`. */
const RIGHTS = ['create', 'get', 'list', 'update', 'delete'].map((verb) => `storage.objects.${verb}`)

const digits = z.string().check(z.regex(/^\d{1,19}$/))
const time = z.pipe(
  z.string(),
  z.transform((text) => Date.parse(text) / 1000),
)
const facts = z.object({
  name: z.string(),
  size: digits,
  generation: digits,
  metageneration: z.optional(digits),
  crc32c: z.optional(z.string()),
  timeCreated: z.optional(time),
  updated: z.optional(time),
})
const page = z.object({ items: z.optional(z.array(z.unknown())), nextPageToken: z.optional(z.string().check(z.maxLength(4096))) })
const permissions = z.object({ permissions: z.optional(z.array(z.string())) })

/** What the bucket tells of one object. */
export interface Facts {
  readonly name: string
  readonly bytes: number
  readonly generation: string
  readonly metageneration: string
  readonly crc32c: string | undefined
  /** Made, or touched; seconds since 1970 by the server's clock. */
  readonly written: number
}
/** So much of an object's facts tells it from what it becomes by any change. */
export type Version = Pick<Facts, 'generation' | 'metageneration'>

export function readFacts(body: unknown): Facts {
  const parsed = facts.safeParse(body)
  if (!parsed.success)
    throw new EpochtreeError(
      'server-damaged',
      "The bucket's server tells of an object in a way that is not understood. Look at its address.",
    )
  const { name, size, generation, metageneration = '1', crc32c, timeCreated = 0, updated = 0 } = parsed.data
  return { name, bytes: Number(size), generation, metageneration, crc32c, written: Math.max(timeCreated || 0, updated || 0) }
}

export function json(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new EpochtreeError('server-damaged', "What answers in the place of the bucket's server does not write JSON. Look at its address.")
  }
}

export const bucketPath = (bucket: string) => `/storage/v1/b/${encodeURIComponent(bucket)}`
export const uploadPath = (bucket: string) => `/upload/storage/v1/b/${encodeURIComponent(bucket)}/o`
export const objectPath = (bucket: string, name: string) => `${bucketPath(bucket)}/o/${encodeURIComponent(name)}`

/** What a bucket is asked besides whole files. Every request can be repeated. */
export class Objects {
  readonly #connection: Connection
  readonly #patience: Patience

  constructor(connection: Connection, patience = connection.patience) {
    this.#connection = connection
    this.#patience = patience
  }

  /** The facts of an object, and its age by the server's clock in seconds; undefined where there is none. */
  async facts(name: string, signal?: AbortSignal): Promise<{ readonly facts: Facts; readonly age: number } | undefined> {
    const { http, bucket } = this.#connection
    const { status, headers, body } = await this.#patiently(signal, () =>
      http.askWhole({ method: 'GET', path: objectPath(bucket, name), query: { fields: FACTS }, expected: [404], signal }, LARGEST_FACTS),
    )
    if (status === 404) return undefined
    // Whatever it says, it was asked for this one.
    const found = { ...readFacts(json(body)), name }
    return { facts: found, age: serverNow(headers) - found.written }
  }

  /** All objects whose names begin so, with the server's time; what isn't understood is passed over. */
  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<{ readonly objects: readonly Facts[]; readonly now: number }> {
    const { http, bucket } = this.#connection
    let token: string | undefined
    do {
      const asked = token
      const query = {
        prefix,
        maxResults: String(PAGE),
        fields: `nextPageToken,items(${FACTS})`,
        ...(asked === undefined ? {} : { pageToken: asked }),
      }
      const { headers, body } = await this.#patiently(signal, () =>
        http.askWhole({ method: 'GET', path: `${bucketPath(bucket)}/o`, query, signal }, LARGEST_PAGE),
      )
      const { items = [], nextPageToken } = understood(page, json(body))
      yield { objects: items.flatMap((item) => (facts.safeParse(item).success ? readFacts(item) : [])), now: serverNow(headers) }
      token = nextPageToken
      if (token !== undefined && token === asked)
        throw new EpochtreeError(
          'server-damaged',
          "The bucket's server gives the same page of its list again and again. Look at its address.",
        )
    } while (token)
  }

  /** Makes an object as young as a new one; false where it is no longer the one that was looked at. */
  async touch(name: string, { generation }: Version, signal?: AbortSignal): Promise<boolean> {
    const { http, bucket } = this.#connection
    const { status } = await this.#patiently(signal, () =>
      http.askWhole(
        {
          method: 'PATCH',
          path: objectPath(bucket, name),
          query: { ifGenerationMatch: generation },
          headers: { 'Content-Type': 'application/json' },
          body: Buffer.from(JSON.stringify({ metadata: { touched: new Date().toISOString() } })),
          expected: [404, 412],
          signal,
        },
        LARGEST_FACTS,
      ),
    )
    return status < 300
  }

  /** False where it is no longer the one that was looked at: another was written, or it was touched. */
  async remove(name: string, { generation, metageneration }: Version, signal?: AbortSignal): Promise<boolean> {
    const { http, bucket } = this.#connection
    const query = { generation, ifGenerationMatch: generation, ifMetagenerationMatch: metageneration }
    const { status } = await this.#patiently(signal, () =>
      http.askWhole({ method: 'DELETE', path: objectPath(bucket, name), query, expected: [404, 412], signal }, LARGEST_FACTS),
    )
    return status < 300
  }

  /** Which of the rights that are needed one does not have; none where the server doesn't tell. */
  async missingRights(signal?: AbortSignal): Promise<readonly string[]> {
    const { http, bucket, place } = this.#connection
    const query = { permissions: RIGHTS }
    const { status, body } = await this.#patiently(signal, () =>
      http.askWhole(
        {
          method: 'GET',
          path: `${bucketPath(bucket)}/iam/testPermissions`,
          query,
          expected: place.google ? [] : [400, 403, 404, 405, 501],
          signal,
        },
        LARGEST_FACTS,
      ),
    )
    if (status >= 300) return []
    const { permissions: held = [] } = understood(permissions, json(body))
    return RIGHTS.filter((right) => !held.includes(right))
  }

  #patiently<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    return patiently(work, { patience: this.#patience, signal })
  }
}

function understood<Schema extends z.ZodMiniType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body)
  if (!parsed.success)
    throw new EpochtreeError('server-damaged', "The bucket's server answers in a way that is not understood. Look at its address.")
  return parsed.data
}

/** Where the server does not tell the time, this machine's clock is the best guess. */
function serverNow({ date }: IncomingHttpHeaders): number {
  const told = Date.parse(date ?? '')
  return (Number.isNaN(told) ? Date.now() : told) / 1000
}

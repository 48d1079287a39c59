import { statSync } from 'node:fs'
import { join } from 'node:path'
import { EpochtreeError, explain } from '../../errors'
import { placeFile } from '../local/weights'
import { unlessAborted } from '../team/patience'
import type { StoredObject, TeamConfig, TeamWeights, Transfer } from '../team/ports'
import { Cache } from './cache'
import { Claims } from './claims'
import { connect, type Connection, saying } from './connection'
import { Crc32c } from './crc32c'
import { download } from './download'
import { readAll } from './http'
import { type Facts, objectPath, Objects, uploadPath } from './objects'
import { patiently, type Patience, PATIENCE } from './patience'
import { following } from './signals'
import { noBucket, Refusal } from './trouble'
import { CHUNK, THERE, upload, withFacts } from './upload'

/** What was made or touched less long ago is left alone: `gc` spares what is much younger than its grace time. */
const TOUCH_AFTER_SECONDS = 3600
/** Who only looks whether it is there does not wait until it may be back. */
const CHECK_MS = 1000
/** Without these nothing can be brought here either. */
const READING = new Set(['storage.objects.get', 'storage.objects.list'])
const FOLDERS = { weights: 'weights/', graph: 'graphs/' } as const
const LARGEST_ANSWER = 64 * 1024
/** A file that another process took out of the cache just now is brought anew, but not for ever. */
const PLACINGS = 3
/** The same of an object that comes and goes while it is brought. */
const BRINGINGS = 5

export interface GcsOptions {
  /** The folder of weights files that were brought here. */
  readonly cache: string
  readonly cacheBytes: number
  readonly patience?: Patience
  /** What one request brings of a large file, a multiple of 256 KiB. */
  readonly chunkBytes?: number
}

/** Weights in a bucket of Google Cloud Storage, or of a server that speaks its protocol. */
export function openGcs(
  config: TeamConfig['gcs'],
  { cache, cacheBytes, patience = PATIENCE, chunkBytes = CHUNK }: GcsOptions,
): TeamWeights {
  return new GcsWeights(config, { cache, cacheBytes, patience, chunkBytes })
}

interface Connected {
  readonly connection: Connection
  readonly objects: Objects
}

class GcsWeights implements TeamWeights {
  readonly #config: TeamConfig['gcs']
  readonly #options: Required<GcsOptions>
  readonly #cache: Cache
  readonly #parts: Claims
  readonly #notes: Claims
  readonly #closing = new AbortController()
  readonly #fetching = new Map<string, Promise<unknown>>()
  #connected: Connected | undefined

  constructor(config: TeamConfig['gcs'], options: Required<GcsOptions>) {
    this.#config = config
    this.#options = options
    this.#cache = new Cache(options.cache, options.cacheBytes)
    this.#parts = new Claims(join(options.cache, 'parts'))
    this.#notes = new Claims(join(options.cache, 'uploads'))
  }

  async prepare(signal?: AbortSignal): Promise<void> {
    await this.#look(() => true, signal)
    this.#parts.sweep()
    this.#notes.sweep()
  }

  path(sha256: string): Promise<string | undefined> {
    return this.#asked(undefined, async () => this.#cache.find(hash(sha256)))
  }

  placeAt(sha256: string, to: string, signal?: AbortSignal): Promise<'linked' | 'cloned' | 'copied'> {
    return this.#asked(signal, async (signal) => {
      for (let placing = 1; ; placing++) {
        const from = this.#cache.find(hash(sha256)) ?? (await this.#fetch(sha256, { signal }))
        try {
          return await this.#cache.holding(sha256, async () => placeFile(from, to))
        } catch (error) {
          if (!(error instanceof EpochtreeError) || error.code !== 'no-weights' || placing === PLACINGS) throw explain(error)
        }
      }
    })
  }

  has(sha256: string, bytes: number): Promise<boolean> {
    return this.#asked(
      undefined,
      async (signal, { objects }) => (await objects.facts(this.#weights(sha256), signal))?.facts.bytes === bytes,
    )
  }

  put(sha256: string, file: string, { signal, progress }: Transfer = {}): Promise<string> {
    return this.#asked(signal, async (signal, { connection, objects }) => {
      const { bucket } = connection
      const name = this.#weights(sha256)
      const bytes = size(file)
      // Another may bring it, and `gc` take it away again, in between.
      for (let bringing = 1; ; bringing++) {
        const there = await objects.facts(name, signal)
        if (there && (await this.#kept(there, bytes, signal))) break
        if (!there) {
          const uploading = { connection, objects, notes: this.#notes, chunk: this.#options.chunkBytes }
          if ((await upload(uploading, { name, sha256, file, signal, progress })) !== THERE) break
        }
        if (bringing === BRINGINGS) throw restless(bucket, name)
      }
      progress?.(bytes, bytes)
      return `gs://${bucket}/${name}`
    })
  }

  fetch(sha256: string, { signal, progress }: Transfer = {}): Promise<string> {
    return this.#asked(signal, async (signal) => this.#fetch(hash(sha256), { signal, ...(progress ? { progress } : {}) }))
  }

  putBytes(name: string, bytes: Uint8Array): Promise<void> {
    return this.#asked(undefined, async (signal, { connection, objects }) => {
      const { http, bucket, patience } = connection
      const object = this.#graph(name)
      const query = { uploadType: 'multipart', name: object, ifGenerationMatch: '0' }
      const { type, body } = withFacts(bytes, new Crc32c().update(bytes).digest())
      for (let bringing = 1; ; bringing++) {
        const { status } = await patiently(
          () =>
            http.askWhole(
              { method: 'POST', path: uploadPath(bucket), query, headers: { 'Content-Type': type }, body, expected: [412], signal },
              LARGEST_ANSWER,
            ),
          { patience, signal },
        )
        if (status !== 412) return
        const there = await objects.facts(object, signal)
        if (there && (await this.#kept(there, bytes.length, signal))) return
        if (bringing === BRINGINGS) throw restless(bucket, object)
      }
    })
  }

  getBytes(name: string, most: number): Promise<Uint8Array | undefined> {
    return this.#asked(undefined, async (signal, { connection }) => {
      const { http, bucket, patience } = connection
      for (let tries = 1; ; tries++) {
        const found = await patiently(
          async () => {
            const { status, headers, body } = await http.ask({
              method: 'GET',
              path: objectPath(bucket, this.#graph(name)),
              query: { alt: 'media' },
              expected: [404],
              signal,
            })
            const bytes = await readAll(body, status === 404 ? LARGEST_ANSWER : most, patience.idleMs)
            return status === 404 ? undefined : { bytes, sums: String(headers['x-goog-hash'] ?? '') }
          },
          { patience, signal },
        )
        if (!found) return undefined
        const [, promised] = /(?:^|[ ,])crc32c=([\w+/=]+)/.exec(found.sums) ?? []
        if (promised === undefined || promised === new Crc32c().update(found.bytes).digest()) return found.bytes
        if (tries === 2)
          throw new EpochtreeError(
            'server-damaged',
            `The object ${this.#graph(name)} comes out of the bucket damaged, twice. Try again later.`,
          )
      }
    })
  }

  async *list(signal?: AbortSignal, kind: StoredObject['kind'] = 'weights'): AsyncIterable<readonly StoredObject[]> {
    const { connection, objects } = this.#connection()
    const { signal: either, end } = following(signal, this.#closing.signal)
    const pages = objects.list(`${connection.prefix}${FOLDERS[kind]}`, either)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value } = await saying(connection, () => pages.next(), either)
        if (done) return
        yield value.objects.flatMap((facts) => this.#stored(kind, facts, value.now) ?? [])
      }
    } finally {
      end()
    }
  }

  remove({ kind, sha256, generation }: StoredObject): Promise<boolean> {
    return this.#asked(undefined, async (signal, { objects }) => {
      const [, of, meta] = /^(\d+)\/(\d+)$/.exec(generation) ?? []
      if (of === undefined || meta === undefined)
        throw new EpochtreeError('bad-argument', 'Only an object that was listed can be removed. List the bucket anew.')
      return objects.remove(this.#name(kind, sha256), { generation: of, metageneration: meta }, signal)
    })
  }

  check(signal?: AbortSignal): Promise<void> {
    return this.#look((right) => READING.has(right), signal)
  }

  #look(isNeeded: (right: string) => boolean, signal?: AbortSignal): Promise<void> {
    return this.#asked(signal, async (signal, { connection }) => {
      const { bucket, place } = connection
      const objects = new Objects(connection, { ...connection.patience, totalMs: CHECK_MS })
      const missing = (await objects.missingRights(signal)).filter(isNeeded)
      if (missing.length > 0)
        throw new EpochtreeError(
          'server-refused',
          `In the bucket ${bucket} you don't have the right${missing.length > 1 ? 's' : ''} ${missing.join(', ')}. Ask for the role Storage Object User (roles/storage.objectUser) on it.`,
        )
      try {
        for await (const _ of objects.list(`${connection.prefix}weights/00`, signal)) break
      } catch (error) {
        if (error instanceof Refusal && error.status === 404)
          throw noBucket(bucket, place.google ? 'Google Cloud Storage' : `The server at ${place.host}`)
        throw error
      }
    })
  }

  missingRights(signal?: AbortSignal): Promise<readonly string[]> {
    return this.#asked(signal, (signal, { connection }) =>
      new Objects(connection, { ...connection.patience, totalMs: CHECK_MS }).missingRights(signal),
    )
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#connected?.connection.http.close()
    await Promise.allSettled(this.#fetching.values())
  }

  /** One of this process brings a file, others wait for it. */
  async #fetch(sha256: string, { signal, progress }: Transfer): Promise<string> {
    const { connection } = this.#connection()
    for (;;) {
      const here = this.#cache.find(sha256)
      if (here !== undefined) return here
      const other = this.#fetching.get(sha256)
      if (!other) break
      // However it ends, what is here then is looked at anew.
      await unlessAborted(signal, () => other.catch(() => undefined))
    }
    const fetched = this.#cache.holding(sha256, () =>
      download({ connection, cache: this.#cache, parts: this.#parts }, { name: this.#weights(sha256), sha256, signal, progress }),
    )
    this.#fetching.set(sha256, fetched)
    try {
      return await fetched
    } finally {
      this.#fetching.delete(sha256)
    }
  }

  /** Whether an object stays for those who rely on it from now on; it holds so many bytes, or nobody can. */
  async #kept({ facts, age }: { readonly facts: Facts; readonly age: number }, bytes: number, signal: AbortSignal): Promise<boolean> {
    const { connection, objects } = this.#connection()
    if (facts.bytes !== bytes)
      throw new EpochtreeError(
        'server-damaged',
        `gs://${connection.bucket}/${facts.name} holds ${facts.bytes} bytes, and not the ${bytes} that belong there. Remove it, then try again.`,
      )
    return age < TOUCH_AFTER_SECONDS || objects.touch(facts.name, facts, signal)
  }

  #stored(kind: StoredObject['kind'], facts: Facts, now: number): StoredObject | undefined {
    const { name, bytes, generation, metageneration, written } = facts
    const sha256 = name.slice(-64)
    // Whatever else lies there is not ours.
    return /^[0-9a-f]{64}$/.test(sha256) && name === this.#name(kind, sha256)
      ? { kind, sha256, bytes, generation: `${generation}/${metageneration}`, written, age: now - written }
      : undefined
  }

  #weights(sha256: string): string {
    return this.#name('weights', sha256)
  }

  /** Who has the whole name gives that. */
  #graph(name: string): string {
    const [, shelf, whole] = /^graphs\/([0-9a-f]{2})\/([0-9a-f]{64})$/.exec(name) ?? []
    return this.#name('graph', whole?.startsWith(shelf!) ? whole : name)
  }

  #name(kind: StoredObject['kind'], sha256: string): string {
    return `${this.#config.prefix}${FOLDERS[kind]}${hash(sha256).slice(0, 2)}/${sha256}`
  }

  #connection() {
    if (this.#closing.signal.aborted) throw new EpochtreeError('aborted', 'The store of weights is closed.')
    if (this.#connected) return this.#connected
    const connection = connect(this.#config, this.#options.patience)
    return (this.#connected = { connection, objects: new Objects(connection) })
  }

  async #asked<Result>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal, connected: Connected) => Promise<Result>,
  ): Promise<Result> {
    const connected = this.#connection()
    const { signal: either, end } = following(signal, this.#closing.signal)
    try {
      return await saying(connected.connection, () => work(either, connected), either)
    } finally {
      end()
    }
  }
}

const restless = (bucket: string, name: string) =>
  new EpochtreeError(
    'server-damaged',
    `The bucket's server says by turns that gs://${bucket}/${name} is there and that it is not. Look at what lies between here and the server, then try again.`,
  )

/** Names of objects and files are made of nothing else. */
function hash(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new EpochtreeError('bad-argument', 'That is no SHA-256 in hexadecimal digits, which alone names a file of weights.')
  return text
}

function size(file: string): number {
  try {
    return statSync(file).size
  } catch (error) {
    throw explain(error)
  }
}

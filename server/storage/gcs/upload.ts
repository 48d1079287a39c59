import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as z from 'zod/mini'
import { EpochtreeError, explain } from '../../errors'
import { signatureOf } from '../../journal/runFiles'
import type { Claims } from './claims'
import type { Connection } from './connection'
import { Crc32c } from './crc32c'
import { type Facts, json, type Objects, readFacts, uploadPath } from './objects'
import { patiently } from './patience'
import { Refusal } from './trouble'

/**
 * What one request brings of a large file at most. The server counts what it has by these, and after a kill no more than one of them is sent again:
 * over a slow or broken line they become smaller. Several at once, composed in the bucket, would leave parts behind after a kill.
 */
export const CHUNK = 256 * 1024 * 1024
const FIRST_CHUNK = 64 * 1024 * 1024
const SMALLEST_CHUNK = 8 * 1024 * 1024
/** Chunks are whole multiples of this. */
const UNIT = 256 * 1024
const QUICK_MS = 10_000
const SLOW_MS = 40_000
/** Up to here a file goes in one request, with nothing kept about it. */
const SMALL = 8 * 1024 * 1024
const BLOCK = 1024 * 1024
/** The server keeps what it was sent for a week. */
const SESSION_SECONDS = 6 * 24 * 3600
const LARGEST_ANSWER = 64 * 1024
const LARGEST_NOTE = 16 * 1024
/** How often an upload that came to nothing, though the server is there, is begun anew. */
const BEGINNINGS = 3
/** How often in a row it may be told that nothing more of the file is there. */
const MOST_STUCK = 3

export interface Uploading {
  readonly connection: Connection
  readonly objects: Objects
  /** Notes about uploads that were begun. */
  readonly notes: Claims
  readonly chunk: number
}
export interface Upload {
  readonly name: string
  readonly sha256: string
  readonly file: string
  readonly signal?: AbortSignal | undefined
  readonly progress?: ((done: number, total: number) => void) | undefined
}

/** What is kept of an upload that was begun: where it goes on, and of which file. */
const note = z.object({
  /** Server, bucket and object. */
  to: z.string(),
  path: z.string().check(z.maxLength(8192), z.startsWith('/')),
  signature: z.string(),
  begun: z.number(),
  /** Bytes that the server said it has. */
  sent: z.int().check(z.gte(0)),
})
type Note = z.infer<typeof note>

/** The bucket has it already, perhaps since a moment. */
export const THERE = Symbol('there')
/** What was begun can't be gone on with. */
class Anew extends Error {}

/** Brings a file into the bucket, once: `THERE` where another was quicker. Its bytes are hashed on the way, and the last ones are only sent when the hash is right. */
export async function upload(uploading: Uploading, what: Upload): Promise<typeof THERE | Facts> {
  const handle = await open(what.file).catch((error: unknown) => {
    throw explain(error)
  })
  try {
    for (let beginning = 1; ; beginning++) {
      try {
        const { size } = await handle.stat()
        return size <= Math.min(SMALL, uploading.chunk)
          ? await uploadSmall(uploading, what, handle, size)
          : await uploadLarge(uploading, what, handle)
      } catch (error) {
        if (!(error instanceof Anew)) throw error
        if (beginning === BEGINNINGS)
          throw new EpochtreeError(
            'server-damaged',
            `The bucket's server can't be brought to take ${what.file} as it is (${error.message}). Look at what lies between here and the server, then try again.`,
          )
      }
    }
  } finally {
    await handle.close()
  }
}

async function uploadSmall(uploading: Uploading, { name, sha256, file, signal, progress }: Upload, handle: FileHandle, size: number) {
  const { http, bucket, patience } = uploading.connection
  const hashing = new Hashing()
  const parts: Buffer[] = []
  for await (const { bytes } of blocks(handle, 0, size)) parts.push(bytes)
  const bytes = Buffer.concat(parts)
  hashing.take(bytes, 0)
  hashing.verify(sha256, file)
  progress?.(0, bytes.length)
  const { type, body } = withFacts(bytes, hashing.crc32c)
  const query = { uploadType: 'multipart', name, ifGenerationMatch: '0' }
  const { status, body: answer } = await patiently(
    () =>
      http.askWhole(
        { method: 'POST', path: uploadPath(bucket), query, headers: { 'Content-Type': type }, body, expected: [400, 412], signal },
        LARGEST_ANSWER,
      ),
    { patience, signal },
  )
  if (status === 400) throw new Anew('it arrives changed')
  if (status === 412) return THERE
  progress?.(bytes.length, bytes.length)
  return checked(uploading, { ...readFacts(json(answer)), name }, bytes.length, hashing.crc32c, signal)
}

/** Bytes with what the server shall hold them against, as one body. */
export function withFacts(bytes: Uint8Array, crc32c: string): { readonly type: string; readonly body: Buffer } {
  // A text that does not come up in the bytes, but by a chance of 2 to the power of -128.
  const boundary = process.getBuiltinModule('node:crypto').randomBytes(16).toString('hex')
  const part = (type: string) => `--${boundary}\r\nContent-Type: ${type}\r\n\r\n`
  const body = Buffer.concat([
    Buffer.from(`${part('application/json')}${JSON.stringify({ crc32c })}\r\n${part('application/octet-stream')}`),
    bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ])
  return { type: `multipart/related; boundary=${boundary}`, body }
}

async function uploadLarge(uploading: Uploading, what: Upload, handle: FileHandle) {
  const { connection, notes } = uploading
  const { http, patience } = connection
  const { sha256, file, signal, progress } = what
  const stat = await handle.stat()
  const { size } = stat
  const signature = signatureOf(stat)
  const to = `${connection.place.host}/${connection.bucket}/${what.name}`
  const at = notes.claim(sha256)
  const hashing = new Hashing()
  let keep = true
  try {
    const begun = kept(at, to, signature) ?? (await begin(uploading, what, to, size, signature))
    if (begun === THERE) {
      keep = false
      return THERE
    }
    let { sent } = begun
    let step = Math.min(FIRST_CHUNK, uploading.chunk)
    let furthest = sent
    let stuck = 0
    write(at, begun)
    // What an earlier try sent is part of the hash too.
    for await (const block of blocks(handle, 0, sent)) hashing.take(block.bytes, block.at)
    progress?.(sent, size)
    for (;;) {
      let end = sent
      let began = 0
      let smaller = 0
      const { status, headers, body } = await patiently(
        () => {
          end = Math.min(sent + step, size)
          began = performance.now()
          return http
            .askWhole(
              {
                method: 'PUT',
                path: begun.path,
                headers: { 'Content-Length': end - sent, 'Content-Range': `bytes ${sent}-${end - 1}/${size}` },
                body: chunk(sent, end),
                expected: [308, 400, 404, 410, 412, 416],
                signal,
              },
              LARGEST_ANSWER,
            )
            .catch((error: unknown) => {
              if (step !== (step = half(step))) smaller++
              throw error
            })
        },
        // A line that never carries a whole chunk may carry a smaller one.
        { patience, signal, progress: () => hashing.at + smaller },
      )
      const took = performance.now() - began
      if (took < QUICK_MS) step = Math.min(2 * step, uploading.chunk)
      else if (took > SLOW_MS) step = half(step)
      if (status === 308) {
        sent = received(headers.range, end)
        write(at, { ...begun, sent })
        progress?.(sent, size)
        if (sent === size) throw new Anew('it takes all and does not end')
        stuck = sent > furthest ? 0 : stuck + 1
        if (stuck === MOST_STUCK) throw new Anew('it takes nothing of what it is sent')
        furthest = Math.max(furthest, sent)
        continue
      }
      keep = false
      if (status === 412) return THERE
      if (status >= 400) throw new Anew(`status ${status}`)
      progress?.(size, size)
      return await checked(uploading, { ...readFacts(json(body)), name: what.name }, size, hashing.crc32c, signal)
    }
  } catch (error) {
    if (error instanceof Anew || (error instanceof EpochtreeError && error.code === 'weights-damaged')) keep = false
    throw error
  } finally {
    if (keep) notes.release(sha256, at)
    else notes.remove(at)
  }

  async function* chunk(from: number, to: number) {
    for await (const { bytes, at: position } of blocks(handle, from, to)) {
      hashing.take(bytes, position)
      const end = position + bytes.length
      if (end === size) hashing.verify(sha256, file)
      yield bytes
      progress?.(end, size)
    }
  }
}

const half = (step: number) => (step <= SMALLEST_CHUNK ? step : Math.max(SMALLEST_CHUNK, Math.floor(step / 2 / UNIT) * UNIT))

/** Up to where the server has it. It never has more than it was sent. */
function received(range: string | undefined, most: number): number {
  const [, last] = /^bytes=0-(\d+)$/.exec(range ?? '') ?? []
  const received = last === undefined ? 0 : Number(last) + 1
  if (received > most) throw new Anew('it tells of more than it was sent')
  return received
}

async function begin(
  { connection }: Uploading,
  { name, signal }: Upload,
  to: string,
  size: number,
  signature: string,
): Promise<Note | typeof THERE> {
  const { http, bucket, patience } = connection
  const query = { uploadType: 'resumable', name, ifGenerationMatch: '0' }
  const { status, headers } = await patiently(
    () =>
      http.askWhole(
        {
          method: 'POST',
          path: uploadPath(bucket),
          query,
          headers: {
            'Content-Type': 'application/json',
            'X-Upload-Content-Type': 'application/octet-stream',
            'X-Upload-Content-Length': size,
          },
          body: Buffer.from('{}'),
          expected: [412],
          signal,
        },
        LARGEST_ANSWER,
      ),
    { patience, signal },
  )
  if (status === 412) return THERE
  // Whatever host it names, we stay with the one we know.
  const location = URL.parse(headers.location ?? '', 'http://bucket')
  if (!location || headers.location === undefined) throw new Refusal(status, 'it names no place to send the file to')
  return { to, path: location.pathname + location.search, signature, begun: Date.now() / 1000, sent: 0 }
}

/** The note of an upload that can be gone on with. */
function kept(at: string, to: string, signature: string): Note | undefined {
  try {
    if (statSync(at).size > LARGEST_NOTE) return undefined
    const { data } = note.safeParse(JSON.parse(readFileSync(at, 'utf8')))
    return data && data.to === to && data.signature === signature && Date.now() / 1000 - data.begun < SESSION_SECONDS ? data : undefined
  } catch {
    return undefined
  }
}

/** Not flushed: after a power cut the file is sent from its beginning. */
function write(at: string, what: Note) {
  try {
    mkdirSync(dirname(at), { recursive: true })
    writeFileSync(at, JSON.stringify(what), { mode: 0o600 })
  } catch {
    // Without a note it goes on as well, and only can't be taken up again.
  }
}

/** What arrived changed is taken away again. */
async function checked(
  { objects }: Uploading,
  facts: Facts,
  size: number,
  crc32c: string,
  signal: AbortSignal | undefined,
): Promise<Facts> {
  if (facts.bytes === size && (facts.crc32c === undefined || facts.crc32c === crc32c)) return facts
  await objects.remove(facts.name, facts, signal)
  throw new Anew(facts.bytes === size ? 'it arrives changed' : `${facts.bytes} bytes arrive of ${size}`)
}

async function* blocks(handle: FileHandle, from: number, to: number) {
  for (let at = from; at < to;) {
    const bytes = Buffer.allocUnsafe(Math.min(BLOCK, to - at))
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, at)
    if (bytesRead === 0)
      throw new EpochtreeError('weights-damaged', 'The weights file became shorter while it was read. Bring it back, then try again.')
    yield { at, bytes: bytes.subarray(0, bytesRead) }
    at += bytesRead
  }
}

/** Both sums of a file whose parts come in order, some of them more than once. */
class Hashing {
  readonly #sha256 = createHash('sha256')
  readonly #crc32c = new Crc32c()
  #at = 0
  #digest: string | undefined

  take(bytes: Uint8Array, at: number) {
    const fresh = bytes.subarray(Math.max(0, this.#at - at))
    if (!fresh.length) return
    this.#sha256.update(fresh)
    this.#crc32c.update(fresh)
    this.#at = at + bytes.length
  }

  verify(sha256: string, file: string) {
    this.#digest ??= this.#sha256.digest('hex')
    if (this.#digest !== sha256)
      throw new EpochtreeError(
        'weights-damaged',
        `The content of ${file} is not what its name promises, so it was not brought to the team. Bring the file back, or train the epoch again.`,
      )
  }

  /** Up to where it knows the file. */
  get at(): number {
    return this.#at
  }

  get crc32c(): string {
    return this.#crc32c.digest()
  }
}

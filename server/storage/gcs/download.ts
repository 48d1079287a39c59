import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { chmodSync, existsSync, mkdirSync, renameSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EpochtreeError, explain } from '../../errors'
import { flush } from '../../journal/runFiles'
import type { Cache } from './cache'
import type { Claims } from './claims'
import type { Connection } from './connection'
import { objectPath } from './objects'
import { flowing, SLOWEST } from './http'
import { patiently } from './patience'
import { Broken, passes } from './trouble'

/** So much is gathered before it is written. */
const GATHERED = 1024 * 1024
/** So much is written before the disk is told to take it, while more arrives: in the end little is left to wait for. */
const FLUSHED = 32 * 1024 * 1024
const MOST_EMPTY = 2

export interface Downloading {
  readonly connection: Connection
  readonly cache: Cache
  readonly parts: Claims
}
export interface Download {
  readonly name: string
  readonly sha256: string
  readonly signal?: AbortSignal | undefined
  readonly progress?: ((done: number, total: number) => void) | undefined
}

/** The body ended early, or was not what it should be: once that may be chance. */
class Wrong extends Error {}

/** Brings a file into the cache, verified; goes on where an earlier try ended. */
export async function download(downloading: Downloading, what: Download): Promise<string> {
  const { cache, parts } = downloading
  const { sha256 } = what
  const part = parts.claim(sha256)
  let done = false
  try {
    mkdirSync(dirname(part), { recursive: true })
    for (let tries = 1; ; tries++) {
      try {
        await fill(downloading, what, part)
        break
      } catch (error) {
        if (!(error instanceof Wrong)) throw error
        if (tries === 2)
          throw new EpochtreeError(
            'weights-damaged',
            `The weights file ${sha256} does not come out of the bucket as it should (${error.message}), twice. Try again later; if it stays so, remove gs://${downloading.connection.bucket}/${what.name} and run \`epochtree push --again SESSION\` where it was trained.`,
          )
      }
    }
    const file = cache.file(sha256)
    mkdirSync(dirname(file), { recursive: true })
    // Read-only from the first moment under its name, and whole after a power cut.
    flush(part)
    chmodSync(part, 0o444)
    // Another process may have been quicker, with the same bytes; Windows replaces no file that is read-only.
    if (existsSync(file)) parts.remove(part)
    else renameSync(part, file)
    flush(dirname(file))
    cache.used(sha256)
    done = true
    return file
  } catch (error) {
    const { code } = error as { code?: string }
    // What can't be gone on with only takes up room.
    if (code === 'weights-damaged' || code === 'no-weights' || code === 'disk-full') {
      parts.remove(part)
      done = true
    }
    throw error
  } finally {
    if (!done) parts.release(sha256, part)
  }
}

async function fill(downloading: Downloading, { name, sha256, signal, progress }: Download, part: string) {
  const { connection, cache } = downloading
  const { http, bucket, patience } = connection
  const handle = await open(part, existsSync(part) ? 'r+' : 'w+').catch(told)
  try {
    let hash = createHash('sha256')
    let at = 0
    let total: number | undefined
    let room = false
    const flushing = new Flushing(handle)
    for await (const block of handle.createReadStream({ autoClose: false, start: 0, highWaterMark: GATHERED }) as AsyncIterable<Buffer>) {
      hash.update(block)
      at += block.length
    }
    /** How often in a row an answer began and brought nothing. */
    let empty = 0
    await patiently(
      async () => {
        while (total === undefined || at < total) await range()
      },
      { patience, signal, progress: () => Math.floor(at / SLOWEST) },
    )
    await flushing.end().catch(told)
    const sum = hash.digest('hex')
    if (sum !== sha256) {
      await handle.truncate(0)
      throw new Wrong('it has another checksum')
    }

    /** As much as one answer brings. */
    async function range() {
      const { status, headers, body } = await http.ask({
        method: 'GET',
        path: objectPath(bucket, name),
        query: { alt: 'media' },
        headers: { Range: `bytes=${at}-` },
        expected: [404, 416],
        signal,
      })
      try {
        if (status === 404)
          throw new EpochtreeError(
            'no-weights',
            `The bucket ${bucket} does not have the weights file ${sha256}. Take another epoch, or run \`epochtree push --again SESSION\` where it was trained.`,
          )
        const told = extent(status, headers)
        if (status === 416 && at === told.total) {
          total = at
          return
        }
        // It is longer than the file, or the server gives no parts: from the beginning.
        if (told.from !== at) {
          await handle.truncate(0)
          hash = createHash('sha256')
          at = 0
          if (told.from !== 0) return
        }
        total = told.total
        makeRoom(total - at)
        const before = at
        const broken = await writing(body, total)
        if (at === total) return
        // A line may break at any time. One that breaks at the first byte, again and again, breaks because of the file.
        empty = at === before && broken.code === 'ECONNRESET' ? empty + 1 : 0
        if (empty === MOST_EMPTY) throw new Wrong('it ends early')
        throw broken
      } finally {
        body.destroy()
      }
    }

    function makeRoom(bytes: number) {
      if (room) return
      cache.makeRoom(bytes)
      const free = cache.free()
      if (free !== undefined && free < bytes) throw full(bytes)
      room = true
    }

    /** Until the body ends, or breaks off: then how. */
    async function writing(body: AsyncIterable<Buffer>, most: number): Promise<Broken> {
      let gathered: Buffer[] = []
      let bytes = 0
      const write = async () => {
        if (!bytes) return
        for (const block of gathered) hash.update(block)
        await all(handle, gathered, at).catch(told)
        flushing.wrote(bytes)
        at += bytes
        gathered = []
        bytes = 0
        progress?.(at, most)
      }
      let broken = new Broken('ECONNRESET')
      try {
        for await (const block of flowing(body, patience.idleMs)) {
          if (at + bytes + block.length > most) throw new Wrong('it is too long')
          gathered.push(block)
          if ((bytes += block.length) >= GATHERED) await write()
        }
      } catch (error) {
        if (!passes(error)) throw error
        broken = new Broken((error as Broken).code)
      }
      // What arrived before it broke off is kept.
      await write()
      return broken
    }
  } finally {
    await handle.close()
  }

  function full(bytes: number) {
    return new EpochtreeError(
      'disk-full',
      `The disk of ${cache.folder} has no room for ${bytes} bytes of weights. Free some, or let EPOCHTREE_WEIGHTS_CACHE allow the cache less.`,
    )
  }

  function told(error: unknown): never {
    throw explain(error)
  }
}

/** Flushes a file again and again while it is written. */
class Flushing {
  readonly #handle: FileHandle
  #waiting = 0
  #running: Promise<void> | undefined
  #failed: { readonly error: unknown } | undefined

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  wrote(bytes: number) {
    this.#waiting += bytes
    if (this.#waiting < FLUSHED || this.#running) return
    this.#waiting = 0
    this.#running = this.#handle
      .datasync()
      .catch((error: unknown) => {
        this.#failed ??= { error }
      })
      .finally(() => (this.#running = undefined))
  }

  /** What a flush found wrong is told once, and to whoever asked for it. */
  async end() {
    await this.#running
    if (this.#failed) throw this.#failed.error
  }
}

async function all(handle: FileHandle, blocks: readonly Buffer[], at: number) {
  const bytes = blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks)
  for (let written = 0; written < bytes.length;)
    written += (await handle.write(bytes, written, bytes.length - written, at + written)).bytesWritten
}

/** Which part of how much an answer brings. */
function extent(status: number, headers: IncomingHttpHeaders) {
  const [, from, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? []
  if (status === 200 && headers['content-length'] !== undefined) return { from: 0, total: Number(headers['content-length']) }
  if (total === undefined) throw new Broken('ECONNRESET')
  return { from: from === undefined ? undefined : Number(from), total: Number(total) }
}

import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from 'node:http'
import { Agent as TlsAgent, request as requestTls } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { EpochtreeError } from '../../errors'
import { Broken, Refusal } from './trouble'

const LARGEST_REFUSAL = 64 * 1024
const LONGEST_WORDS = 300
const CONNECTIONS = 16
/** How much longer than otherwise the answer to a large body may take, and how long any may take to begin. */
const WRITING = 10
/** Less than so many bytes, in the time that nothing may move, is as good as nothing. */
export const SLOWEST = 1024

export interface HttpServer {
  readonly origin: URL
  /** Certificates that are trusted besides the system's. */
  readonly ca?: readonly string[] | undefined
  /** Whether the environment's proxy is used. */
  readonly proxy: boolean
  readonly idleMs: number
  readonly authorize: (signal: AbortSignal | undefined) => Promise<Readonly<Record<string, string>>>
}
export interface Question {
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT'
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[]>>
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal | undefined
  /** Statuses that the asker understands besides success. */
  readonly expected?: readonly number[]
}
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: IncomingMessage
}

/**
 * Requests with an end to all waiting: the client library's own can neither be cancelled nor give up on a silent connection, trusts no certificates
 * but the system's, and takes answers of any size.
 */
export class Http {
  readonly #server: HttpServer
  readonly #agent: HttpAgent
  readonly #tls: boolean

  constructor(server: HttpServer) {
    this.#server = server
    this.#tls = server.origin.protocol === 'https:'
    const options = {
      keepAlive: true,
      maxSockets: CONNECTIONS,
      ...(server.proxy ? { proxyEnv: process.env } : {}),
    }
    this.#agent = this.#tls ? new TlsAgent({ ...options, ...(server.ca ? { ca: [...server.ca] } : {}) }) : new HttpAgent(options)
  }

  /** Resolves when the answer begins. Its body must be read or destroyed. */
  async ask({ method, path, query = {}, headers, body, signal, expected = [] }: Question): Promise<Answer> {
    const { origin, idleMs, authorize } = this.#server
    const url = new URL(path, origin)
    for (const [name, values] of Object.entries(query)) for (const value of [values].flat()) url.searchParams.append(name, value)
    const request = (this.#tls ? requestTls : requestPlain)(url, {
      method,
      agent: this.#agent,
      headers: { ...(await authorize(signal)), ...headers },
      timeout: idleMs,
      ...(signal ? { signal } : {}),
    })
    request.on('timeout', () => request.destroy(new Broken('ETIMEDOUT')))
    let wrong: unknown
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve)
      request.on('error', (error) => reject(wrong ?? error))
    })
    let late: NodeJS.Timeout | undefined
    request.on('finish', () => {
      late = setTimeout(() => request.destroy(new Broken('ETIMEDOUT')), WRITING * idleMs)
    })
    if (body === undefined || body instanceof Uint8Array) request.end(body)
    else {
      const source = noting(body, (error) => (wrong = error))
      // Whoever took much has to write it, and to sum it up, before it answers.
      request.on('finish', () => request.setTimeout(WRITING * idleMs))
      // What goes wrong destroys the request, which then fails.
      pipeline(Readable.from(source, { highWaterMark: 1 }), request).catch(() => undefined)
    }
    const answer = await answered.finally(() => clearTimeout(late))
    // Where it was answered before all of it was sent, nobody takes the rest any more.
    answer.on('end', () => request.writableFinished || request.destroy())
    const status = answer.statusCode ?? 0
    if ((status >= 200 && status < 300) || expected.includes(status)) return { status, headers: answer.headers, body: answer }
    throw new Refusal(status, words(await readAll(answer, LARGEST_REFUSAL, idleMs)))
  }

  /** The whole body of a small answer. */
  async askWhole(
    question: Question,
    most: number,
  ): Promise<{ readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer }> {
    const { status, headers, body } = await this.ask(question)
    return { status, headers, body: await readAll(body, most, this.#server.idleMs) }
  }

  close() {
    this.#agent.destroy()
  }
}

/** A request whose blocks come to nothing would only tell that its connection was given up. */
async function* noting(blocks: AsyncIterable<Uint8Array>, note: (error: unknown) => void) {
  try {
    yield* blocks
  } catch (error) {
    note(error)
    throw error
  }
}

/** Fails once a body drips: who waits for each byte waits for ever. */
export async function* flowing(body: AsyncIterable<Buffer>, idleMs: number): AsyncIterable<Buffer> {
  let [since, moved] = [performance.now(), 0]
  for await (const part of body) {
    yield part
    moved += part.length
    if (performance.now() - since < idleMs) continue
    if (moved < SLOWEST) throw new Broken('ETIMEDOUT')
    ;[since, moved] = [performance.now(), 0]
  }
}

export async function readAll(body: IncomingMessage, most: number, idleMs: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of flowing(body as AsyncIterable<Buffer>, idleMs)) {
    bytes += part.length
    // Leaving the loop destroys the connection.
    if (bytes > most) throw new EpochtreeError('server-damaged', `A server's answer is larger than ${most} bytes, and was not taken.`)
    parts.push(part)
  }
  return Buffer.concat(parts, bytes)
}

/** What people are told of a refusal: one line of what stands in its JSON, or nothing. */
function words(body: Buffer): string {
  try {
    const { error } = JSON.parse(body.toString()) as { error?: { message?: unknown } }
    return typeof error?.message === 'string' ? printable(error.message) : ''
  } catch {
    return ''
  }
}
const printable = (text: string) =>
  text
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_WORDS)

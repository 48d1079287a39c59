import type { Readable } from 'node:stream'
import type { Client } from '@elastic/elasticsearch'
import { checkAborted, EpochtreeError } from '../../errors'
import { trusted } from '../team/certificates'
import type { TeamConfig } from '../team/ports'
import { pause } from './pause'
import { readAnswer, Unread } from './answers'
import { reasonOf, refusal, refused, type Shown } from './refusals'
import type { Limits } from './scopes'

type Config = TeamConfig['elastic']
export type Json = Readonly<Record<string, unknown>>
export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean>>
  readonly body?: Json
  /** Lines, of a request that has several parts. */
  readonly lines?: string
  /** Whoever asks asks again where the server is busy. */
  readonly once?: true
  readonly signal?: AbortSignal | undefined
  readonly timeout?: number
  /** Statuses that are answers and no errors. */
  readonly allowed?: readonly number[]
}
export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** Who writes, or makes an index, has more time than who asks. */
export const PATIENCE_MS = 60_000
/** Buckets and columns become a tenth, and packing them takes a server less time than any network takes for the rest. */
const PACKED = { 'accept-encoding': 'gzip' }
/** A busy server is asked again after so many milliseconds. */
const BUSY_PAUSES = [100, 300, 1000]

/** One Elasticsearch, asked in plain JSON, which every version speaks: the client's own headers are refused by the version before it. */
export class Server implements Shown {
  readonly node: string
  readonly #config: Config
  readonly #limits: Pick<Limits, 'milliseconds' | 'bytes'>
  #client: Promise<Client> | undefined
  #closing = new AbortController()

  constructor(config: Config, limits: Pick<Limits, 'milliseconds' | 'bytes'>) {
    this.#config = config
    this.#limits = limits
    this.node = shown(config.node)
  }

  async ask(request: Request): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#ask(request)
      } catch (error) {
        const after = BUSY_PAUSES[tries]
        if (!(error instanceof EpochtreeError) || error.code !== 'team-busy' || after === undefined || request.once) throw error
        await pause(after, request.signal)
      }
    }
  }

  async #ask({ method, path, query, body, lines, signal, timeout = this.#limits.milliseconds, allowed = [] }: Request): Promise<Answer> {
    checkAborted(signal)
    const client = await this.#opened()
    const late = AbortSignal.timeout(timeout)
    const closing = this.#closing.signal
    const ended = AbortSignal.any([late, closing, ...(signal ? [signal] : [])])
    const answer = async () => {
      const {
        statusCode,
        headers,
        body: sent,
      } = await client.transport.request<Readable>(
        {
          method,
          path,
          ...(query ? { querystring: query } : {}),
          ...(body ? { body } : {}),
          ...(lines === undefined ? {} : { bulkBody: lines }),
        },
        // The client knows one time for all requests, and only until an answer begins. And what it does to a signal must not reach other requests.
        { meta: true, asStream: true, headers: PACKED, signal: AbortSignal.any([ended]) },
      )
      const header = (name: string) => String(headers[name] ?? '').toLowerCase()
      const told = await readAnswer(sent, { type: header('content-type'), encoding: header('content-encoding'), most: this.#limits.bytes })
      return { status: statusCode, told }
    }
    try {
      const { status, told } = await answer().catch((error: unknown) => {
        // The client sends anew what it got no answer to, and nothing where that broke off. Every request of ours can be repeated.
        if (!(error instanceof Unread) || error.name !== 'ConnectionError' || ended.aborted) throw error
        return answer()
      })
      const reason = reasonOf(told)
      // Any server has a path that it does not know; Elasticsearch names the kind of what is not there.
      const isAllowed = allowed.includes(status) && (status !== 404 || reason.type !== '')
      if (status >= 400 && !isAllowed) throw refused(`Elasticsearch at ${this.node}`, status, reason)
      return { status, body: told }
    } catch (error) {
      checkAborted(signal)
      checkAborted(closing)
      throw refusal(late.aborted ? { name: 'TimeoutError' } : error, this)
    }
  }

  async #opened(): Promise<Client> {
    this.#client ??= this.#open()
    try {
      return await this.#client
    } catch (error) {
      this.#client = undefined
      throw error
    }
  }

  async #open(): Promise<Client> {
    const { caFile, apiKey, username, password } = this.#config
    const url = addressOf(this.#config.node)
    const { Client: Elasticsearch, Transport } = await import('@elastic/elasticsearch')
    class PlainTransport extends Transport {
      constructor(options: ConstructorParameters<typeof Transport>[0]) {
        const json = 'application/json'
        super({ ...options, vendoredHeaders: { jsonContentType: json, ndjsonContentType: 'application/x-ndjson', accept: json } })
      }
    }
    const user = username ?? decodeURIComponent(url.username)
    const secret = password ?? decodeURIComponent(url.password)
    url.username = url.password = ''
    return new Elasticsearch({
      node: url.href,
      Transport: PlainTransport,
      ...(apiKey ? { auth: { apiKey } } : user ? { auth: { username: user, password: secret } } : {}),
      ...(url.protocol === 'https:' && caFile ? { tls: { ca: trusted(caFile, 'Elasticsearch') } } : {}),
      // Documents too are packed, but on the same machine that would only cost time.
      compression: !/^(localhost|127\..*|\[::1\])$/.test(url.hostname),
      requestTimeout: 2 * PATIENCE_MS,
      // A connection that was closed meanwhile is opened anew.
      maxRetries: 1,
      enableMetaHeader: false,
      name: 'epochtree',
    })
  }

  /** What is still asked is not waited for; the next question opens connections anew. */
  async close() {
    this.#closing.abort()
    this.#closing = new AbortController()
    const client = this.#client
    this.#client = undefined
    await client?.then(
      (one) => one.close(),
      () => {},
    )
  }
}

function addressOf(node: string): URL {
  const url = URL.parse(node)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new EpochtreeError(
    'bad-argument',
    `"${shown(node)}" is no address of Elasticsearch. Write it with http:// or https://, for example https://elastic.example.org:9200.`,
  )
}

/** Without what is secret in it. */
function shown(node: string): string {
  const url = URL.parse(node)
  return url && url.host !== '' ? `${url.protocol}//${url.host}` : node.replace(/^.*@/, '').slice(0, 200)
}

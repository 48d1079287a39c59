import { type Db, MongoClient, type MongoClientOptions } from 'mongodb'
import { checkAborted, EpochtreeError } from '../../errors'
import { trusted } from '../team/certificates'
import type { TeamConfig } from '../team/ports'
import { isNoServer, isPassing, mongoError, tooLong } from './errors'

const PATIENCE_MS = 5000
/** No question lasts longer than so many times the patience: the driver loses the answer where a socket is torn down while a command is written to it. */
const LONGEST = 10
const TRIES = 3
const AWAY_MS = 2000
const CLOCK_HOLDS_MS = 600_000
const CLOSING_MS = 2000
/** How often the driver looks for connections that nobody used for long. */
const IDLE_EVERY_MS = 10_000

export interface Question {
  readonly signal?: AbortSignal | undefined
}

interface Client {
  readonly client: MongoClient
  readonly connected: Promise<unknown>
}

/** The way to the server: opened with the first question, made anew when it was lost, and never waited for without an end. */
export class Connection {
  readonly hosts: string
  readonly #config: TeamConfig['mongo']
  readonly #patience: number
  #client: Client | undefined
  #closed = false
  /** While no server is found, questions fail at once with what the last search said. */
  #away: { readonly error: EpochtreeError; readonly until: number } | undefined
  #clock: { readonly offset: number; readonly within: number; readonly at: number } | undefined

  constructor(config: TeamConfig['mongo'], patience = PATIENCE_MS) {
    this.#config = config
    this.#patience = patience
    this.hosts = hostsOf(config.uri)
    if (/^[a-z+]+:\/\/[^/?]*@/i.test(config.uri))
      throw new EpochtreeError(
        'server-refused',
        'The address of MongoDB holds a user or password. Leave them out of it and give them apart: run "Epochtree: Connect to Team...", or set EPOCHTREE_MONGO_URI.',
      )
  }

  async ask<Answer>(work: (db: Db) => Promise<Answer>, { signal }: Question = {}): Promise<Answer> {
    checkAborted(signal)
    if (this.#away && performance.now() < this.#away.until) throw this.#away.error
    const end = performance.now() + this.#patience * LONGEST
    for (let tries = 1; ; tries++) {
      const current = this.#current()
      const { client, connected } = current
      let isOpen = false
      const asked = connected.then(() => {
        isOpen = true
        return work(client.db(this.#config.database))
      })
      try {
        const answer = await this.#within(end - performance.now(), asked, signal)
        this.#away = undefined
        return answer
      } catch (error) {
        if (error instanceof TooLong || isNoServer(error)) {
          this.#renew(current)
          const told = error instanceof TooLong ? tooLong(this.hosts, (this.#patience * LONGEST) / 1000) : mongoError(error, this.hosts)
          if (told.code === 'server-away') this.#away = { error: told, until: performance.now() + Math.min(this.#patience, AWAY_MS) }
          throw told
        }
        // Of one that did not get in nothing comes any more.
        if (!isOpen && !(error instanceof EpochtreeError)) this.#renew(current)
        if (tries === TRIES || !isPassing(error) || this.#closed) throw mongoError(error, this.hosts)
        checkAborted(signal)
      }
    }
  }

  /** How far the server's clock is ahead of this machine's, in seconds, and within what. */
  async clock(freshMs = CLOCK_HOLDS_MS): Promise<{ readonly offset: number; readonly within: number }> {
    const known = this.#clock
    if (known && performance.now() - known.at < freshMs) return known
    const asked = Date.now()
    const from = performance.now()
    const { localTime } = await this.ask((db) => db.command({ hello: 1 }))
    const took = performance.now() - from
    const offset = localTime instanceof Date ? (localTime.getTime() - asked - took / 2) / 1000 : 0
    this.#clock = { offset, within: took / 2000, at: performance.now() }
    return this.#clock
  }

  /** Looks anew, whatever was found before. */
  async check(signal?: AbortSignal) {
    this.#away = undefined
    this.#clock = undefined
    await this.ask((db) => db.command({ ping: 1 }), { signal })
  }

  async close() {
    this.#closed = true
    const current = this.#client
    this.#client = undefined
    if (!current) return
    let timer: NodeJS.Timeout | undefined
    await Promise.race([
      current.client.close().catch(() => {}),
      new Promise<void>((done) => {
        timer = setTimeout(done, CLOSING_MS)
      }),
    ])
    clearTimeout(timer)
  }

  #current(): Client {
    if (this.#closed) throw new EpochtreeError('aborted', 'The connection to MongoDB was closed.')
    if (this.#client) return this.#client
    try {
      const client = new MongoClient(this.#config.uri, this.#options())
      // It does that ten times a second, and knows no option for it: who only follows a team would be busy with nothing else.
      Object.assign(client.options, { minPoolSizeCheckFrequencyMS: IDLE_EVERY_MS })
      // Once, and before any question: of several at once the driver tells one alone why no server is found, and is of no use afterwards.
      const connected = client.connect()
      connected.catch(() => {})
      return (this.#client = { client, connected })
    } catch (error) {
      throw mongoError(error, this.hosts)
    }
  }

  /** The old one is not waited for: what hangs in it may never end. */
  #renew(current: Client) {
    if (this.#client === current) this.#client = undefined
    current.client.close().catch(() => {})
  }

  #options(): MongoClientOptions {
    const { uri, username, password, caFile } = this.#config
    const patience = this.#patience
    return {
      appName: 'epochtree',
      serverSelectionTimeoutMS: patience,
      connectTimeoutMS: patience,
      // Long lists and large graphs come in pieces; between two of them no more than this.
      socketTimeoutMS: 4 * patience,
      waitQueueTimeoutMS: 2 * patience,
      maxPoolSize: 8,
      maxIdleTimeMS: 300_000,
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: 4 * patience },
      ignoreUndefined: true,
      // Documents of others may hold anything: none of it may keep the rest of an answer from being read.
      enableUtf8Validation: false,
      bsonRegExp: true,
      ...(username === undefined ? {} : { auth: { username, password: password ?? '' } }),
      ...(caFile === undefined || speaksPlainly(uri) ? {} : { tls: true, ca: trusted(caFile, 'MongoDB') }),
    }
  }

  async #within<Answer>(ms: number, work: Promise<Answer>, signal: AbortSignal | undefined): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined
    let stop: (() => void) | undefined
    try {
      return await Promise.race([
        work,
        new Promise<never>((_, fail) => {
          timer = setTimeout(() => fail(new TooLong()), Math.max(0, ms))
          if (!signal) return
          stop = () => fail(new EpochtreeError('aborted', 'It was cancelled.'))
          signal.addEventListener('abort', stop, { once: true })
        }),
      ])
    } finally {
      clearTimeout(timer)
      if (stop) signal?.removeEventListener('abort', stop)
      // Whoever lost the race may still fail.
      work.catch(() => {})
    }
  }
}

class TooLong extends Error {}

/** Hosts and ports of an address, for messages: nothing else of it. */
export function hostsOf(uri: string): string {
  const [, hosts] = /^[a-z+]+:\/\/(?:[^/?]*@)?([^/?@]+)/i.exec(uri) ?? []
  return hosts ?? 'its address'
}

/** Certificates may be named for all three servers, and MongoDB be the one that has none. */
const speaksPlainly = (uri: string) => /[?&](?:tls|ssl)=false(?:&|$)/i.test(uri)

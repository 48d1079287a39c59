import { Worker } from 'node:worker_threads'
import { EpochtreeError, type ErrorCode } from '../../errors'
import { built } from './built'
import type { FolderAccess } from './database'
import type { DocumentStore, IngestOptions, Marks, Progress, SessionStore, Stores, Transfer, WeightsStore } from '../ports'
import type { TeamConfig } from '../team/ports'
import { isMissed, SERVERS, type ServerState } from '../team/watched'

/** What is told of a server of which two threads saw different things. */
const WORSE: readonly ServerState['state'][] = ['ok', 'reads', 'refused', 'away']

/** What a thread is asked: a method of one of the ports. */
export interface Question {
  readonly id: number
  readonly port: 'sessions' | 'documents' | 'weights' | 'stores' | 'jobs' | 'team'
  readonly method: string
  readonly args: readonly unknown[]
  /** Not 0 once the asker no longer wants the answer. */
  readonly cancelled?: Int32Array | undefined
}
export type Answer = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } }
  | { readonly progress: Progress }
)

/** What a thread is told before any question. */
export interface ThreadFolder extends FolderAccess {
  readonly dir: string
  /** Of a folder with a team, for threads that ask it. */
  readonly servers?: TeamConfig
}

/** What a thread of a folder with a team tells without being asked. */
export type Heard =
  | { readonly server: ServerState }
  /** Others changed something. */
  | { readonly changed: true }
  /** What is wrong with handing on, and is no server's fault. */
  | { readonly trouble: string }

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly progress: ((progress: Progress) => void) | undefined
}

/** Enough for blocks of documents; more would only wait for a rare collection. */
const YOUNG_MB = 8

interface Running {
  readonly worker: Worker
  readonly waiting: Map<number, Waiting>
}

/** One worker thread with a connection of its own; begun with the first question, and anew after a crash. After a while without any it ends, and gives its memory back. */
class StoreThread {
  readonly #folder: ThreadFolder
  readonly #idleMs: number
  readonly #heard: (heard: Heard) => void
  #running: Running | undefined
  #idle: NodeJS.Timeout | undefined
  #last = 0

  constructor(folder: ThreadFolder, idleMs: number, heard: (heard: Heard) => void = () => {}) {
    this.#folder = folder
    this.#idleMs = idleMs
    this.#heard = heard
  }

  /** Tells when the thread ended by itself. */
  lost: () => void = () => {}

  ask(
    port: Question['port'],
    method: string,
    args: readonly unknown[],
    signal?: AbortSignal,
    progress?: Waiting['progress'],
  ): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(new EpochtreeError('aborted', 'It was cancelled.'))
    clearTimeout(this.#idle)
    const running = (this.#running ??= this.#start())
    const { worker, waiting } = running
    const id = ++this.#last
    const cancelled = signal && new Int32Array(new SharedArrayBuffer(4))
    const cancel = () => {
      Atomics.store(cancelled!, 0, 1)
      worker.postMessage({ cancel: id })
    }
    signal?.addEventListener('abort', cancel, { once: true })
    worker.ref()
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject, progress })
      worker.postMessage({ id, port, method, args, cancelled } satisfies Question)
    }).finally(() => {
      signal?.removeEventListener('abort', cancel)
      if (waiting.size > 0) return
      // With no answer due, the thread keeps no process alive.
      worker.unref()
      clearTimeout(this.#idle)
      if (this.#running === running && Number.isFinite(this.#idleMs)) this.#idle = setTimeout(() => void this.close(), this.#idleMs).unref()
    })
  }

  async close() {
    clearTimeout(this.#idle)
    const running = this.#running
    if (!running) return
    const closed = this.ask('stores', 'close', [])
    // Whoever asks from now on gets a thread of its own.
    this.#running = undefined
    await closed
    await running.worker.terminate()
  }

  #start(): Running {
    const waiting = new Map<number, Waiting>()
    const worker = takeEarly() ?? begin()
    worker.postMessage(this.#folder)
    const running: Running = { worker, waiting }
    worker.on('message', (answer: Answer | { readonly heard: Heard }) => {
      if ('heard' in answer) return this.#heard(answer.heard)
      const asker = waiting.get(answer.id)
      if (!asker) return
      if ('progress' in answer) return asker.progress?.(answer.progress)
      waiting.delete(answer.id)
      if ('error' in answer) asker.reject(new EpochtreeError(answer.error.code, answer.error.message))
      else asker.resolve(answer.value)
    })
    const lost = (error?: Error) => {
      const current = this.#running === running
      if (current) this.#running = undefined
      for (const { reject } of waiting.values())
        reject(
          new EpochtreeError(
            'failed',
            `The store's thread ended${error ? `: ${error.message}` : ''}. Ask again: it is begun anew, and nothing that was committed is lost.`,
          ),
        )
      waiting.clear()
      if (current) this.lost()
    }
    worker.on('error', lost)
    worker.on('exit', () => lost())
    return running
  }
}

function begin(): Worker {
  return new Worker(built('storeWorker.js'), { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } })
}

const EARLY_MS = 5000
let early: Worker | undefined

/** Begins a thread for the first folder that is opened soon, whichever that is: a thread needs as long as all else at the start of a server. */
export function beginEarly() {
  try {
    early = begin()
  } catch {
    // Whoever asks the first question is told what is wrong.
    return
  }
  early.unref()
  early.once('error', () => (early = undefined))
  setTimeout(() => void takeEarly()?.terminate(), EARLY_MS).unref()
}

function takeEarly(): Worker | undefined {
  const worker = early
  early = undefined
  return worker
}

const READER_IDLE_MS = 10 * 60_000
const WRITER_IDLE_MS = 5000
const AGAIN_MS = 10_000

/** How a folder's team is seen from here. */
export interface TeamSeen {
  readonly servers: readonly ServerState[]
  /** What is wrong with handing on, in a sentence. */
  readonly trouble: string | null
}

/**
 * The stores of a folder on threads: whoever asks waits neither for journals being read nor for weights being hashed. Where the folder has a team, the
 * thread that is asked asks its servers as well, and one of its own hands on and brings weights here.
 */
export class ThreadedStores implements Stores {
  readonly sessions: SessionStore
  readonly documents: DocumentStore
  readonly weights: WeightsStore
  readonly listen?: (changed: () => void) => void
  readonly #reader: StoreThread
  readonly #writer: StoreThread
  readonly #verifier: StoreThread
  readonly #carrier: StoreThread | undefined
  readonly #changed = new Set<() => void>()
  readonly #seen = new Set<(seen: TeamSeen) => void>()
  /** By thread: each asks for itself. */
  readonly #states = new Map<string, ReadonlyMap<string, ServerState>>()
  #trouble: string | null = null
  #again: NodeJS.Timeout | undefined
  #closed = false

  constructor(dir: string, { servers, ...access }: FolderAccess & { readonly servers?: TeamConfig | undefined } = {}) {
    const folder = { dir, ...access, ...(servers ? { team: true } : {}) }
    const asking = servers ? { ...folder, servers } : folder
    const reader = (this.#reader = new StoreThread(asking, READER_IDLE_MS, (heard) => this.#hear('reader', heard)))
    const writer = (this.#writer = new StoreThread(folder, WRITER_IDLE_MS))
    this.#verifier = new StoreThread(folder, WRITER_IDLE_MS)
    const carrier = (this.#carrier = servers && new StoreThread(asking, Number.POSITIVE_INFINITY, (heard) => this.#hear('carrier', heard)))
    const port = (name: Question['port'], more: object = {}) =>
      new Proxy(more as Record<string, unknown>, {
        get: (own, method) => {
          if (typeof method !== 'string' || method === 'then') return undefined
          if (Object.hasOwn(own, method)) return own[method]
          const thread = method === 'placeAt' ? (carrier ?? writer) : method === 'mark' ? writer : reader
          return (...given: readonly unknown[]) => {
            const signal = given.at(-1) instanceof AbortSignal ? (given.at(-1) as AbortSignal) : undefined
            return thread.ask(name, method, signal ? given.slice(0, -1) : given, signal)
          }
        },
      })
    const mark = async (sessionId: string, marks: Marks) => {
      // What lies elsewhere is decided there; a decision about what is here must not wait in the thread that is asked.
      const elsewhere = await reader.ask('team', 'isElsewhere', [sessionId])
      return (elsewhere ? reader : writer).ask('sessions', 'mark', [sessionId, marks])
    }
    const fetch = (sha256: string, { signal, progress }: Transfer = {}) =>
      (carrier ?? writer).ask('weights', 'fetch', [sha256], signal, progress && (({ done, total }) => progress(done, total)))
    if (servers) this.listen = (changed) => void this.#changed.add(changed)
    this.sessions = port('sessions', servers ? { mark } : {}) as unknown as SessionStore
    this.documents = port('documents') as unknown as DocumentStore
    this.weights = port('weights', { fetch }) as unknown as WeightsStore
  }

  async ingest({ progress, signal, verify = true, only }: IngestOptions = {}): Promise<void> {
    const some = only ? { only } : {}
    await this.#writer.ask('stores', 'ingest', [{ ...some, verify: false }], signal, progress)
    // Hashing gigabytes stays out of the metrics' way.
    if (verify) await this.#verifier.ask('stores', 'ingest', [{ only: [], verify: true }], signal, progress)
  }

  /** Tells how the team is seen now, and whenever that changes. */
  watchTeam(seen: (seen: TeamSeen) => void) {
    this.#seen.add(seen)
    seen(this.#teamSeen())
  }

  /** Hands on to the team what others don't have, from now on. Whoever trains or looks waits for none of it. */
  handOn() {
    const carrier = this.#carrier
    if (!carrier || this.#closed) return
    const again = () => {
      clearTimeout(this.#again)
      if (!this.#closed) this.#again = setTimeout(() => this.handOn(), AGAIN_MS).unref()
    }
    carrier.lost = again
    carrier.ask('team', 'handOn', []).catch((error: Error) => {
      this.#hear('carrier', { trouble: error.message })
      again()
    })
  }

  #hear(thread: string, heard: Heard) {
    if ('changed' in heard) {
      for (const told of this.#changed) told()
      return
    }
    if ('trouble' in heard) this.#trouble = heard.trouble
    else {
      const { server } = heard
      this.#states.set(thread, new Map(this.#states.get(thread)).set(server.name, server))
      // What was wrong is over once everything answers.
      if ([...this.#states.values()].every((states) => [...states.values()].every((one) => !isMissed(one)))) this.#trouble = null
    }
    const seen = this.#teamSeen()
    for (const told of this.#seen) told(seen)
  }

  /** Of each server the worst that any thread saw. */
  #teamSeen(): TeamSeen {
    const servers = new Map<string, ServerState>()
    for (const states of this.#states.values())
      for (const one of states.values()) {
        const known = servers.get(one.name)
        if (!known || WORSE.indexOf(one.state) > WORSE.indexOf(known.state) || (known.state === one.state && one.since < known.since))
          servers.set(one.name, one)
      }
    return { servers: SERVERS.flatMap((name) => servers.get(name) ?? []), trouble: this.#trouble }
  }

  /** A job of the thread's program. Of the thread that writes, because jobs wait for the store's lock. */
  run(job: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#writer.ask('jobs', job, args)
  }

  async close() {
    this.#closed = true
    clearTimeout(this.#again)
    await Promise.all([this.#reader.close(), this.#writer.close(), this.#verifier.close(), this.#carrier?.close()])
  }
}

import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { EpochtreeError, type ErrorCode } from '../../errors'
import type { FolderAccess } from './database'
import type { DocumentStore, IngestOptions, Progress, SessionStore, Stores, WeightsStore } from '../ports'

/** What a thread is asked: a method of one of the ports. */
export interface Question {
  readonly id: number
  readonly port: 'sessions' | 'documents' | 'weights' | 'stores' | 'jobs'
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
}

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
  #running: Running | undefined
  #idle: NodeJS.Timeout | undefined
  #last = 0

  constructor(folder: ThreadFolder, idleMs: number) {
    this.#folder = folder
    this.#idleMs = idleMs
  }

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
    const cancel = () => cancelled && Atomics.store(cancelled, 0, 1)
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
      if (this.#running === running) this.#idle = setTimeout(() => void this.close(), this.#idleMs).unref()
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
    worker.on('message', (answer: Answer) => {
      const asker = waiting.get(answer.id)
      if (!asker) return
      if ('progress' in answer) return asker.progress?.(answer.progress)
      waiting.delete(answer.id)
      if ('error' in answer) asker.reject(new EpochtreeError(answer.error.code, answer.error.message))
      else asker.resolve(answer.value)
    })
    const lost = (error?: Error) => {
      if (this.#running === running) this.#running = undefined
      for (const { reject } of waiting.values())
        reject(
          new EpochtreeError(
            'failed',
            `The store's thread ended${error ? `: ${error.message}` : ''}. Ask again: it is begun anew, and nothing that was committed is lost.`,
          ),
        )
      waiting.clear()
    }
    worker.on('error', lost)
    worker.on('exit', () => lost())
    return running
  }
}

function begin(): Worker {
  return new Worker(workerFile(), { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } })
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

/** The thread's program lies beside the bundle that starts it, or where the build put it. */
function workerFile(): URL {
  const beside = new URL('storeWorker.js', import.meta.url)
  if (existsSync(beside)) return beside
  for (let folder = new URL('./', import.meta.url); ; folder = new URL('../', folder)) {
    const built = new URL('dist/storeWorker.js', folder)
    if (existsSync(built)) return built
    if (folder.pathname === '/' || /^\/[A-Za-z]:\/$/.test(folder.pathname))
      throw new EpochtreeError('failed', "The store's program storeWorker.js is missing. Run `npm run build`, or install Epochtree again.")
  }
}

const READER_IDLE_MS = 10 * 60_000
const WRITER_IDLE_MS = 5000

/** The embedded stores on three threads: whoever asks waits neither for journals being read nor for weights being hashed. */
export class ThreadedStores implements Stores {
  readonly sessions: SessionStore
  readonly documents: DocumentStore
  readonly weights: WeightsStore
  readonly #reader: StoreThread
  readonly #writer: StoreThread
  readonly #verifier: StoreThread

  constructor(dir: string, access: FolderAccess = {}) {
    const folder = { dir, ...access }
    const reader = (this.#reader = new StoreThread(folder, READER_IDLE_MS))
    const writer = (this.#writer = new StoreThread(folder, WRITER_IDLE_MS))
    this.#verifier = new StoreThread(folder, WRITER_IDLE_MS)
    const port = (name: Question['port']) =>
      new Proxy(
        {},
        {
          get: (_, method) => {
            if (typeof method !== 'string' || method === 'then') return undefined
            const thread = method === 'mark' || method === 'placeAt' ? writer : reader
            return (...given: readonly unknown[]) => {
              const signal = given.at(-1) instanceof AbortSignal ? (given.at(-1) as AbortSignal) : undefined
              return thread.ask(name, method, signal ? given.slice(0, -1) : given, signal)
            }
          },
        },
      )
    this.sessions = port('sessions') as SessionStore
    this.documents = port('documents') as DocumentStore
    this.weights = port('weights') as WeightsStore
  }

  async ingest({ progress, signal, verify = true, only }: IngestOptions = {}): Promise<void> {
    const some = only ? { only } : {}
    await this.#writer.ask('stores', 'ingest', [{ ...some, verify: false }], signal, progress)
    // Hashing gigabytes stays out of the metrics' way.
    if (verify) await this.#verifier.ask('stores', 'ingest', [{ only: [], verify: true }], signal, progress)
  }

  /** A job of the thread's program. Of the thread that writes, because jobs wait for the store's lock. */
  run(job: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#writer.ask('jobs', job, args)
  }

  async close() {
    await Promise.all([this.#reader.close(), this.#writer.close(), this.#verifier.close()])
  }
}

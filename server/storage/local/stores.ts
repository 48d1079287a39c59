import { existsSync } from 'node:fs'
import { onlyRead } from '../../errors'
import { changedSessions } from '../../journal/changed'
import { folders } from '../../journal/runFiles'
import type { DocumentStore, IngestOptions, SessionStore, Stores, WeightsStore } from '../ports'
import { type FolderAccess, LocalDatabase, storeError } from './database'
import { bestValue } from './best'
import { confusion } from './confusion'
import { curves } from './curves'
import * as documents from './documents'
import { flips } from './flips'
import { groupBy } from './groups'
import { histogram } from './histogram'
import { storePlace } from './place'
import * as samples from './samples'
import * as sessions from './sessions'
import * as spans from './spans'
import { noWeights, placeFile } from './weights'

/** Loaded when graphs are compared: a list of sessions does without. */
const graphs = () => import('./graphs')

/** The embedded stores of one folder, on this thread: what a worker thread runs, and what a short command uses directly. */
export class LocalStores implements Stores {
  readonly dir: string
  /** Where the store lies. */
  readonly file: string
  readonly #access: FolderAccess
  #db: Promise<LocalDatabase> | undefined
  readonly sessions: SessionStore
  readonly documents: DocumentStore
  readonly weights: WeightsStore

  constructor(dir: string, env: Readonly<Record<string, string | undefined>> = process.env, access: FolderAccess = {}) {
    this.dir = dir
    this.#access = access
    this.file = storePlace(dir, env, access.readOnly)
    const ask = <Answer>(question: (db: LocalDatabase) => Answer): Promise<Answer> => this.use(question)
    this.sessions = {
      sessions: (options) => ask((db) => sessions.sessions(db, options)),
      names: () => ask((db) => sessions.names(db)),
      changes: (since) => ask((db) => sessions.changes(db, since)),
      session: (id) => ask((db) => sessions.session(db, id)),
      sessionByName: (name) => ask((db) => sessions.sessionByName(db, name)),
      history: (id) => ask((db) => sessions.history(db, id)),
      forks: (epochId) => ask((db) => sessions.forks(db, epochId)),
      epochs: (scope) => ask((db) => sessions.epochs(db, scope)),
      page: (history, page) => ask((db) => sessions.page(db, history, page)),
      epoch: (id) => ask((db) => sessions.epoch(db, id)),
      clock: (scope) => ask((db) => spans.clock(db, scope)),
      count: (segments) => ask((db) => sessions.count(db, segments)),
      graph: (hash) => ask((db) => sessions.graph(db, hash)),
      graphSummary: (hash) => ask((db) => sessions.graphSummary(db, hash)),
      graphPair: async (a, b) => {
        const { graphPair } = await graphs()
        return ask((db) => graphPair(db, a, b))
      },
      graphChanges: async (history, most, signal) => {
        const { graphChanges } = await graphs()
        return ask((db) => graphChanges(db, history, most, signal))
      },
      layerSizes: async (hashes, most, signal) => {
        const { layerSizes } = await graphs()
        return this.use((db) => layerSizes(db, hashes, most, signal))
      },
      problems: (sessionId) => ask((db) => sessions.problems(db, sessionId)),
      mark: async (sessionId, marks) => {
        const { mark } = await import('../../journal/writing')
        return ask((db) => (mark(db, dir, sessionId, marks), sessions.session(db, sessionId)!))
      },
    }
    this.documents = {
      metrics: (scope) => ask((db) => documents.names(db, 'metric', scope)),
      last: (scope, metrics) => ask((db) => documents.last(db, scope, metrics)),
      best: (scope, metric, direction) => ask((db) => bestValue(db, scope, metric, direction)),
      lastStep: (scope) => ask((db) => documents.lastStep(db, scope)),
      envelope: (scope, metric, buckets) => ask((db) => documents.envelope(db, scope, metric, buckets)),
      points: (scope, metric) => ask((db) => documents.points(db, scope, metric)),
      spans: (scope) => ask((db) => spans.spans(db, scope)),
      curves: (scope, query, signal) => ask((db) => curves(db, scope, query, signal)),
      sampleFields: (scope) => ask((db) => samples.sampleFields(db, scope)),
      lastSampled: (scope, split, fields) => ask((db) => samples.lastSampled(db, scope, split, fields)),
      groupBy: (scopes, query, signal) => ask((db) => groupBy(samples.samplesIn(db), scopes, query, signal)),
      confusion: (scopes, query, signal) => ask((db) => confusion(samples.samplesIn(db), scopes, query, signal)),
      flips: (a, b, query, signal) => ask((db) => flips(samples.samplesIn(db), a, b, query, signal)),
      histogram: (scopes, query, signal) => ask((db) => histogram(samples.samplesIn(db), scopes, query, signal)),
    }
    this.weights = {
      path: async (sha256) => {
        const path = folders(dir).weightsFile(sha256)
        return existsSync(path) ? path : undefined
      },
      has: async (sha256) => existsSync(folders(dir).weightsFile(sha256)),
      fetch: async (sha256) => {
        const path = folders(dir).weightsFile(sha256)
        if (!existsSync(path)) throw noWeights(path)
        return path
      },
      placeAt: async (sha256, to) => {
        if (access.readOnly) throw onlyRead()
        return placeFile(folders(dir).weightsFile(sha256), to)
      },
    }
  }

  /** Works with the store as it is on disk now: one that was deleted since, or never read to its end, is built first. */
  async use<Answer>(work: (db: LocalDatabase) => Answer | Promise<Answer>): Promise<Answer> {
    try {
      const db = await this.#current()
      if (!db.isWhole()) await this.#read(db, changedSessions(db, this.dir), {})
      return await work(db)
    } catch (error) {
      throw storeError(error, this.file)
    }
  }

  async ingest(options: IngestOptions = {}): Promise<void> {
    try {
      const db = await this.#current()
      const ids = options.only ?? changedSessions(db, this.dir, options.closely)
      const verifying = options.verify !== false && db.get("SELECT 1 FROM epoch WHERE state IN ('verifying', 'missing')") !== undefined
      if (ids.length > 0 || verifying || (!options.only && !db.isWhole())) await this.#read(db, ids, options)
    } catch (error) {
      throw storeError(error, this.file)
    }
  }

  async #read(db: LocalDatabase, sessions: readonly string[], options: IngestOptions) {
    // Loaded where there is something to read: most commands find nothing new.
    const { read } = await import('../../journal/writing')
    read(db, this.dir, sessions, options)
    if (!options.only) db.setWhole()
  }

  async #current(): Promise<LocalDatabase> {
    const before = this.#db
    const db = await before
    if (db?.isCurrent()) return db
    // Whoever else waited for the same one may have opened the next already.
    if (this.#db !== before) return this.#current()
    db?.close()
    const anew = (this.#db = Promise.resolve().then(() => new LocalDatabase(this.file, this.#access)))
    return anew.catch((error: unknown) => {
      // The next question tries again.
      if (this.#db === anew) this.#db = undefined
      throw error
    })
  }

  /** Gives back the memory of what was read; the next question reads it anew. */
  async rest() {
    await this.#db?.then(
      (one) => one.rest(),
      () => {},
    )
  }

  async close() {
    const db = this.#db
    this.#db = undefined
    await db?.then(
      (one) => one.close(),
      () => {},
    )
  }
}

import { existsSync } from 'node:fs'
import { EpochtreeError } from '../../errors'
import { ingestAll, ingestRun, verifyWeights } from '../../journal/ingest'
import { mark } from '../../journal/marks'
import { folders } from '../../journal/runFiles'
import type { DocumentStore, IngestOptions, SessionStore, Stores, WeightsStore } from '../ports'
import { LocalDatabase, storeError } from './database'
import { bestValue } from './best'
import * as documents from './documents'
import { storePlace } from './place'
import * as sessions from './sessions'
import { placeFile } from './weights'

/** The embedded stores of one folder, on this thread: what a worker thread runs, and what a short command uses directly. */
export class LocalStores implements Stores {
  readonly dir: string
  /** Where the store lies. */
  readonly file: string
  #db: LocalDatabase | undefined
  readonly sessions: SessionStore
  readonly documents: DocumentStore
  readonly weights: WeightsStore

  constructor(dir: string, env: Readonly<Record<string, string | undefined>> = process.env) {
    this.dir = dir
    this.file = storePlace(dir, env)
    const ask = <Answer>(question: (db: LocalDatabase) => Answer): Promise<Answer> => this.use(question)
    this.sessions = {
      sessions: (options) => ask((db) => sessions.sessions(db, options)),
      changes: (since) => ask((db) => sessions.changes(db, since)),
      session: (id) => ask((db) => sessions.session(db, id)),
      sessionByName: (name) => ask((db) => sessions.sessionByName(db, name)),
      history: (id) => ask((db) => sessions.history(db, id)),
      forks: (epochId) => ask((db) => sessions.forks(db, epochId)),
      epochs: (scope) => ask((db) => sessions.epochs(db, scope)),
      page: (history, page) => ask((db) => sessions.page(db, history, page)),
      epoch: (id) => ask((db) => sessions.epoch(db, id)),
      count: (segments) => ask((db) => sessions.count(db, segments)),
      graph: (hash) => ask((db) => sessions.graph(db, hash)),
      graphSummary: (hash) => ask((db) => sessions.graphSummary(db, hash)),
      problems: (sessionId) => ask((db) => sessions.problems(db, sessionId)),
      mark: (sessionId, marks) => ask((db) => (mark(db, dir, sessionId, marks), sessions.session(db, sessionId)!)),
    }
    this.documents = {
      metrics: (scope) => ask((db) => documents.names(db, 'metric', scope)),
      last: (scope, metrics) => ask((db) => documents.last(db, scope, metrics)),
      best: (scope, metric, direction) => ask((db) => bestValue(db, scope, metric, direction)),
      lastStep: (scope) => ask((db) => documents.lastStep(db, scope)),
      envelope: (scope, metric, buckets) => ask((db) => documents.envelope(db, scope, metric, buckets)),
      points: (scope, metric) => ask((db) => documents.points(db, scope, metric)),
      sampleFields: (scope) => ask((db) => documents.names(db, 'sample', scope)),
      groupBy: (scope, split, by, field) => ask((db) => documents.groupBy(db, scope, split, by, field)),
    }
    this.weights = {
      path: async (sha256) => {
        const path = folders(dir).weightsFile(sha256)
        return existsSync(path) ? path : undefined
      },
      placeAt: async (sha256, to) => placeFile(folders(dir).weightsFile(sha256), to),
    }
  }

  /** Works with the store as it is on disk now: one that was deleted since is opened, and built, anew. */
  async use<Answer>(work: (db: LocalDatabase) => Answer): Promise<Answer> {
    try {
      if (this.#db && !this.#db.isCurrent()) {
        this.#db.close()
        this.#db = undefined
      }
      if (!this.#db) {
        const built = existsSync(this.file)
        this.#db = new LocalDatabase(this.file)
        if (!built) {
          ingestAll(this.#db, this.dir)
          verifyWeights(this.#db, this.dir)
        }
      }
      return work(this.#db)
    } catch (error) {
      throw storeError(error, this.file)
    }
  }

  ingest({ only, verify = true, progress, signal }: IngestOptions = {}): Promise<void> {
    return this.use((db) => {
      const aborted = () => {
        if (signal?.aborted) throw new EpochtreeError('aborted', 'Reading the journals was cancelled; it goes on where it stopped.')
      }
      if (only) for (const id of only) ingestRun(db, this.dir, id, progress, aborted)
      else ingestAll(db, this.dir, progress, aborted)
      if (verify) verifyWeights(db, this.dir, progress, aborted)
    })
  }

  async close() {
    this.#db?.close()
    this.#db = undefined
  }
}

import { checkAborted, EpochtreeError } from '../../errors'
import { IN_MEMORY, LocalDatabase } from '../local/database'
import { insertSamples, removeDocuments } from '../local/chunks'
import { scopeRows } from '../local/documents'
import { documentStoreOf, type LocalStores } from '../local/stores'
import type { DocumentStore, Scope } from '../ports'
import type { SampleColumns, TeamDocuments, TeamSessions } from './ports'
import type { Piece } from './whereabouts'

/** Bytes of sample columns that are brought together at most. */
const MOST_BYTES = 512 * 1024 * 1024
/** What was brought here is kept for the next question for so long. */
const KEPT_MS = 60_000
/** Rows of one line may come in parts: each is a line of its own here, in their order. */
const LONGEST_LINE = 2 ** 31

interface Loaded {
  readonly row: number
  readonly bytes: number
}

/** Samples of epochs from both places, side by side in memory: for questions that look at each sample of several epochs. */
export class Scratch {
  readonly #local: LocalStores
  readonly #sessions: Pick<TeamSessions, 'epochs'>
  readonly #documents: Pick<TeamDocuments, 'read'>
  readonly #mostBytes: number
  readonly #loaded = new Map<string, Loaded>()
  #db: LocalDatabase | undefined
  #documentStore: DocumentStore | undefined
  #before: Promise<unknown> = Promise.resolve()
  #dropping: NodeJS.Timeout | undefined

  constructor(
    local: LocalStores,
    { sessions, documents }: { readonly sessions: Pick<TeamSessions, 'epochs'>; readonly documents: Pick<TeamDocuments, 'read'> },
    mostBytes = MOST_BYTES,
  ) {
    this.#local = local
    this.#sessions = sessions
    this.#documents = documents
    this.#mostBytes = mostBytes
  }

  /** One question after another: each needs the room. `scopes` are cut into pieces. */
  use<Answer>(
    scopes: readonly (readonly Piece[])[],
    ask: (store: DocumentStore, scopes: readonly Scope[]) => Promise<Answer>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const work = this.#before.then(() => this.#use(scopes, ask, signal))
    this.#before = work.catch(() => {})
    return work
  }

  async #use<Answer>(
    scopes: readonly (readonly Piece[])[],
    ask: (store: DocumentStore, scopes: readonly Scope[]) => Promise<Answer>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    checkAborted(signal)
    clearTimeout(this.#dropping)
    const db = (this.#db ??= new LocalDatabase(IN_MEMORY))
    const store = (this.#documentStore ??= documentStoreOf(async (question) => question(db)))
    const here = new Set<string>()
    const there = new Set<string>()
    const asked: Scope[] = []
    for (const pieces of scopes) {
      const epochIds: string[] = []
      for (const piece of pieces) {
        const ids = await this.#epochsOf(piece, signal)
        for (const id of ids) (piece.here ? here : there).add(id)
        epochIds.push(...ids)
      }
      asked.push({ epochIds })
    }
    try {
      await this.#bring([...there], signal)
      await this.#copy(db, [...here])
      return await ask(store, asked)
    } finally {
      // What is here may grow, and is copied quickly.
      this.#remove([...here])
      this.#dropping = setTimeout(() => this.drop(), KEPT_MS).unref()
    }
  }

  async #epochsOf({ here, scope }: Piece, signal?: AbortSignal): Promise<string[]> {
    if (here) return this.#local.use((db) => scopeRows(db, scope).map(({ id }) => id))
    return (await this.#sessions.epochs(scope, signal)).map(({ id }) => id)
  }

  get #bytes() {
    return [...this.#loaded.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Of the team's epochs what is not here from the question before. */
  async #bring(ids: readonly string[], signal?: AbortSignal) {
    let missing = ids.filter((id) => !this.#loaded.has(id))
    if (missing.length === 0) return
    if (this.#bytes > this.#mostBytes / 2) {
      this.#remove([...this.#loaded.keys()])
      missing = [...ids]
    }
    const rows = new Map(missing.map((id) => [id, { row: this.#epoch(id), bytes: 0 }]))
    try {
      let bytes = this.#bytes
      for await (const columns of this.#documents.read(missing, signal)) {
        checkAborted(signal)
        const epoch = rows.get(columns.epochId)
        if (!epoch || columns.kind !== 'samples') continue
        const size = this.#insert(epoch.row, columns)
        epoch.bytes += size
        bytes += size
        if (bytes > this.#mostBytes) throw tooMuch()
      }
    } catch (error) {
      for (const [id, one] of rows) this.#loaded.set(id, one)
      this.#remove(missing)
      throw error
    }
    for (const [id, one] of rows) this.#loaded.set(id, one)
  }

  #epoch(id: string): number {
    const db = this.#db!
    db.run("INSERT OR IGNORE INTO epoch(id, state) VALUES(?, 'ok')", id)
    return db.get<{ row: number }>('SELECT row FROM epoch WHERE id = ?', id)!.row
  }

  #insert(epoch: number, { split, source, ordinal, from, fields }: SampleColumns): number {
    const db = this.#db!
    let bytes = 0
    for (const [name, values] of fields) {
      db.run("INSERT OR IGNORE INTO series(kind, split, name) VALUES('sample', ?, ?)", split, name)
      const { id } = db.get<{ id: number }>("SELECT id FROM series WHERE kind = 'sample' AND split = ? AND name = ?", split, name)!
      insertSamples(db, { series: id, epoch, source, ordinal: ordinal * LONGEST_LINE + from }, values)
      bytes += values.length * 8
    }
    return bytes
  }

  /** Columns of the embedded store as they lie there. */
  async #copy(db: LocalDatabase, ids: readonly string[]) {
    if (ids.length === 0) return
    const asked = JSON.stringify(ids)
    const size = await this.#local.use(
      (from) =>
        from.get<{ bytes: number | null }>(
          `SELECT sum(length(c.val) + coalesce(length(c.extra), 0)) bytes FROM epoch e JOIN chunk c ON c.epoch = e.row
           JOIN series s ON s.id = c.series AND s.kind = 'sample' WHERE e.id IN (SELECT value FROM json_each(?))`,
          asked,
        )!.bytes ?? 0,
    )
    if (this.#bytes + size > this.#mostBytes) throw tooMuch()
    db.db.prepare('ATTACH DATABASE ? AS here').run(this.#local.file)
    try {
      for (const id of ids) this.#loaded.set(id, { row: this.#epoch(id), bytes: 0 })
      db.db.exec("INSERT OR IGNORE INTO main.series(kind, split, name) SELECT kind, split, name FROM here.series WHERE kind = 'sample'")
      db.db
        .prepare(
          `INSERT INTO main.chunk(series, epoch, level, source, ordinal, n, step, val, extra)
           SELECT t.id, e.row, 0, c.source, c.ordinal * ${LONGEST_LINE}, c.n, c.step, c.val, c.extra
           FROM here.epoch f JOIN here.chunk c ON c.epoch = f.row JOIN here.series s ON s.id = c.series AND s.kind = 'sample'
           JOIN main.series t ON t.kind = 'sample' AND t.split = s.split AND t.name = s.name JOIN main.epoch e ON e.id = f.id
           WHERE f.id IN (SELECT value FROM json_each(?))`,
        )
        .run(asked)
    } finally {
      db.db.exec('DETACH DATABASE here')
    }
  }

  #remove(ids: readonly string[]) {
    const rows = ids.flatMap((id) => this.#loaded.get(id)?.row ?? [])
    if (rows.length === 0 || !this.#db) return
    removeDocuments(this.#db, rows)
    this.#db.run('DELETE FROM epoch WHERE row IN (SELECT value FROM json_each(?))', JSON.stringify(rows))
    for (const id of ids) this.#loaded.delete(id)
  }

  /** Forgets what was brought here, as when it may have changed. */
  drop() {
    clearTimeout(this.#dropping)
    void this.#before.then(() => {
      this.#db?.close()
      this.#db = undefined
      this.#documentStore = undefined
      this.#loaded.clear()
    })
  }
}

const tooMuch = () =>
  new EpochtreeError(
    'failed',
    "These are more samples than are brought together from the team's store and this folder. Bring the session here with `epochtree pull`, or ask about fewer epochs.",
  )

import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { EpochtreeError } from '../../errors'

/** Each entry brings a store one version forward; never change one that was released. */
const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE session (
  id TEXT PRIMARY KEY, name TEXT UNIQUE, model TEXT NOT NULL, created REAL NOT NULL, key TEXT,
  fork_session TEXT, fork_epoch TEXT, fork_number INTEGER, evaluates TEXT,
  overrides TEXT NOT NULL, command TEXT, tags TEXT NOT NULL DEFAULT '[]', selected TEXT, deleted REAL, marks TEXT NOT NULL DEFAULT '{}',
  attempt TEXT, finished TEXT, own INTEGER NOT NULL DEFAULT 0, latest TEXT, latest_number INTEGER, open TEXT, open_number INTEGER,
  folder_signature TEXT NOT NULL DEFAULT '', file_signature TEXT NOT NULL DEFAULT '', marks_signature TEXT NOT NULL DEFAULT '', problems INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX session_fork ON session(fork_epoch) WHERE fork_epoch IS NOT NULL;
CREATE TABLE place (
  session TEXT PRIMARY KEY, offset INTEGER NOT NULL, line INTEGER NOT NULL, hash TEXT NOT NULL, pass INTEGER NOT NULL, last INTEGER NOT NULL, signature TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE epoch (
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session TEXT, number INTEGER, state TEXT NOT NULL, begun REAL, pass INTEGER NOT NULL DEFAULT 0,
  committed REAL, commit_line INTEGER, graph TEXT, graph_file TEXT, weights TEXT, optimizer_state TEXT, weights_sha TEXT, state_sha TEXT, pruned INTEGER NOT NULL DEFAULT 0, released INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX epoch_history ON epoch(session, number, id) WHERE state IN ('ok', 'verifying');
CREATE INDEX epoch_session ON epoch(session, state);
CREATE INDEX epoch_waiting ON epoch(state) WHERE state IN ('verifying', 'missing');
CREATE INDEX epoch_weights ON epoch(weights_sha) WHERE weights_sha IS NOT NULL;
CREATE INDEX epoch_state ON epoch(state_sha) WHERE state_sha IS NOT NULL;
CREATE TABLE graph (hash TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE series (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, split TEXT NOT NULL, name TEXT NOT NULL, UNIQUE(kind, split, name));
CREATE TABLE lines (source TEXT NOT NULL, epoch INTEGER NOT NULL, seen INTEGER NOT NULL, stored INTEGER NOT NULL, PRIMARY KEY(source, epoch)) WITHOUT ROWID;
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY, series INTEGER NOT NULL, epoch INTEGER NOT NULL, level INTEGER NOT NULL, source TEXT NOT NULL, ordinal INTEGER NOT NULL,
  n INTEGER NOT NULL, step0 REAL, step1 REAL, last_step REAL, last REAL, lo REAL, hi REAL,
  step BLOB, val BLOB NOT NULL, extra BLOB
);
CREATE INDEX chunk_head ON chunk(epoch, series, level, source, ordinal, n, step0, step1, last_step, last, lo, hi);
CREATE TABLE problem (session TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, message TEXT NOT NULL, PRIMARY KEY(session, file, line, message)) WITHOUT ROWID;
`,
  // Whoever follows a store asks for what came after the last change that it saw. A session has one row here, the newest.
  // Deleted and inserted, because inside a trigger the outer statement's way with conflicts would rule.
  `
ALTER TABLE graph ADD COLUMN summary TEXT;
CREATE INDEX epoch_pruned ON epoch(session, number) WHERE pruned = 1 AND state IN ('ok', 'verifying');
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES(lower(hex(randomblob(8))));
CREATE TABLE change (version INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL UNIQUE);
INSERT INTO change(session) SELECT id FROM session ORDER BY created, id;
CREATE TRIGGER session_came AFTER INSERT ON session BEGIN DELETE FROM change WHERE session = NEW.id; INSERT INTO change(session) VALUES(NEW.id); END;
CREATE TRIGGER session_went AFTER DELETE ON session BEGIN DELETE FROM change WHERE session = OLD.id; INSERT INTO change(session) VALUES(OLD.id); END;
CREATE TRIGGER session_changed AFTER UPDATE OF name, model, tags, selected, deleted, attempt, finished, own, latest, open, problems, overrides ON session
  BEGIN DELETE FROM change WHERE session = NEW.id; INSERT INTO change(session) VALUES(NEW.id); END;
`,
  // Curves of the same lines have one column of steps and one of times; those stored before keep their own.
  `
CREATE TABLE axis (id INTEGER PRIMARY KEY, step BLOB, time BLOB NOT NULL);
ALTER TABLE chunk ADD COLUMN axis INTEGER;
`,
  // Where an epoch lies on the axes of steps and of time, and what a chunk's header must tell so that most chunks stay closed:
  // whether its steps rise, and how many of its values are no number. Null where a chunk was stored before: then it is opened.
  `
ALTER TABLE epoch ADD COLUMN started REAL;
ALTER TABLE epoch ADD COLUMN first_step REAL;
ALTER TABLE epoch ADD COLUMN last_step REAL;
ALTER TABLE epoch ADD COLUMN first_time REAL;
ALTER TABLE epoch ADD COLUMN last_time REAL;
UPDATE epoch SET (first_step, last_step) = (SELECT min(min(step0, step1)), max(last_step) FROM chunk WHERE chunk.epoch = epoch.row AND source = '');
ALTER TABLE chunk ADD COLUMN rising INTEGER;
ALTER TABLE chunk ADD COLUMN gaps INTEGER;
DROP INDEX chunk_head;
CREATE INDEX chunk_head ON chunk(epoch, series, level, source, ordinal, n, step0, step1, last_step, last, lo, hi, rising, gaps);
`,
  // What a team's servers have: how far each epoch was handed on, how many documents of an evaluation, and what was agreed about each session.
  // It holds for one team only. \`pulled\` tells what session.json says of a session that was brought here.
  `
ALTER TABLE epoch ADD COLUMN team INTEGER;
ALTER TABLE lines ADD COLUMN team INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN team TEXT;
ALTER TABLE session ADD COLUMN handed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN handed_last INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN pulled TEXT;
CREATE TABLE team (identity TEXT NOT NULL);
CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TRIGGER session_handed AFTER UPDATE OF handed ON session WHEN NEW.handed IS NOT OLD.handed
  BEGIN DELETE FROM change WHERE session = NEW.id; INSERT INTO change(session) VALUES(NEW.id); END;
`,
]
const SCHEMA_VERSION = MIGRATIONS.length

/**
 * How many pages of the log call for a checkpoint, by SQLite's version. Up to 3.51.2, processes that do it at one moment may lose a commit:
 * there it is left to the last one that closes the store.
 */
export function checkpointPages(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  return major * 1e6 + minor * 1e3 + patch >= 3_051_003 ? 4000 : 0
}

export interface FolderAccess {
  /** The folder's own files are only read: no name is reserved, no decision written, no weights moved. The store itself lies elsewhere. */
  readonly readOnly?: boolean
  /** The folder has a team: lists tell what others can't see yet. */
  readonly team?: boolean
}

/** "eptr": written once a store holds all that the run folders held. */
const WHOLE = 0x65707472

/** One connection to the embedded store. Synchronous: it lives on a worker thread. */
export class LocalDatabase {
  readonly file: string
  readonly folderIsReadOnly: boolean
  readonly hasTeam: boolean
  readonly db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #inode: bigint
  #whole = false

  constructor(file: string, { readOnly = false, team = false }: FolderAccess = {}) {
    this.file = file
    this.folderIsReadOnly = readOnly
    this.hasTeam = team
    mkdirSync(dirname(file), { recursive: true })
    this.db = new DatabaseSync(file)
    try {
      patiently(() => {
        // Only for a new file: on any other, auto_vacuum would wait for whoever writes.
        if (this.#version() === 0) this.db.exec('PRAGMA busy_timeout=10000; PRAGMA page_size=16384; PRAGMA auto_vacuum=INCREMENTAL')
        this.db.exec(
          'PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864',
        )
        this.db.exec(`PRAGMA wal_autocheckpoint=${checkpointPages(String(this.db.prepare('SELECT sqlite_version() v').get()!['v']))}`)
        this.#migrate()
      })
    } catch (error) {
      this.db.close()
      throw storeError(error, file)
    }
    this.#inode = statSync(file, { bigint: true }).ino
  }

  /** False when the file was deleted or replaced since: whoever holds this connection must open the store anew. */
  isCurrent(): boolean {
    return existsSync(this.file) && statSync(this.file, { bigint: true }).ino === this.#inode
  }

  /** Whether all journals were read at least once: whoever opens a store that another process is just building sees only a part of it. */
  isWhole(): boolean {
    return (this.#whole ||= Number(this.db.prepare('PRAGMA application_id').get()?.['application_id']) === WHOLE)
  }

  setWhole() {
    if (!this.isWhole()) this.db.exec(`PRAGMA application_id=${WHOLE}`)
  }

  #version(): number {
    return Number(this.db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  }

  #migrate() {
    if (this.#version() === SCHEMA_VERSION) return
    this.db.exec('BEGIN IMMEDIATE')
    try {
      // Read again: another process may have migrated while this one waited for the lock.
      const version = this.#version()
      if (version > SCHEMA_VERSION)
        throw new EpochtreeError(
          'store-newer',
          `${this.file} was written by a newer Epochtree (format ${version}, this one knows ${SCHEMA_VERSION}). Update Epochtree, or move the file away: it is built again from the run folders.`,
        )
      for (const step of MIGRATIONS.slice(version)) this.db.exec(step)
      this.db.exec(`PRAGMA user_version=${SCHEMA_VERSION}`)
      this.db.exec('COMMIT')
    } catch (error) {
      this.db.exec('ROLLBACK')
      throw error
    }
  }

  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) this.#statements.set(sql, (statement = this.db.prepare(sql)))
    return statement
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.prepare(sql).all(...values) as Row[]
  }

  /** Rows as arrays of their columns. */
  rows<Row extends readonly unknown[]>(sql: string, ...values: SQLInputValue[]): Row[] {
    const statement = this.prepare(sql)
    // From Node 22.16 on; before, only objects come.
    if (!('setReturnArrays' in statement))
      return (statement as StatementSync).all(...values).map((row) => Object.values(row) as unknown as Row)
    statement.setReturnArrays(true)
    return statement.all(...values) as unknown as Row[]
  }

  /** One row after another, so that none but the current one is held. */
  *each<Row extends readonly unknown[]>(sql: string, ...values: SQLInputValue[]): Generator<Row> {
    const statement = this.prepare(sql)
    const arrays = 'setReturnArrays' in statement
    if (arrays) statement.setReturnArrays(true)
    for (const row of statement.iterate(...values)) yield (arrays ? row : Object.values(row)) as unknown as Row
  }

  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.prepare(sql).get(...values) as Row | undefined
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.prepare(sql).run(...values).changes)
  }

  transaction<Result>(work: () => Result): Result {
    this.db.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.db.exec('COMMIT')
      return result
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK')
      throw error
    }
  }

  /** The first thing that SQLite's own check finds wrong. */
  damage(): string | undefined {
    const [first] = this.all<{ quick_check: string }>('PRAGMA quick_check(1)')
    return first?.quick_check === 'ok' ? undefined : (first?.quick_check ?? 'no answer')
  }

  /** Frees the pages that it holds in memory. */
  rest() {
    if (this.db.isOpen) this.db.exec('PRAGMA shrink_memory')
  }

  close() {
    if (this.db.isOpen) this.db.close()
  }
}

const BUSY = 5
const BUSY_TRIES = 200
const BUSY_PAUSE_MS = 50

/** While another process makes a new store, SQLite refuses at once instead of waiting. */
function patiently(work: () => void) {
  for (let tries = 1; ; tries++) {
    try {
      return work()
    } catch (error) {
      const { errcode } = error as { errcode?: number }
      if (errcode === undefined || (errcode & 0xff) !== BUSY || tries === BUSY_TRIES) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS)
    }
  }
}

const FULL = 13
/** What a write past a quota or a limit on file sizes gives. */
const IOERR_WRITE = 778

/** Names what SQLite reports in words that tell what to do. */
export function storeError(error: unknown, file: string): unknown {
  const { errcode, message } = error as { errcode?: number; message?: string }
  if (errcode === undefined) return error
  switch (errcode === IOERR_WRITE ? FULL : errcode & 0xff) {
    case 11:
    case 26:
      return new EpochtreeError(
        'store-corrupt',
        `The store ${file} is damaged (${message}). Run \`epochtree doctor --rebuild\`: it is built again from the run folders and weights, with the same answers.`,
      )
    case FULL:
      return new EpochtreeError(
        'disk-full',
        `The disk is full, so ${file} can't be written. Free some space, for example with \`epochtree gc\`; the journals keep everything until then.`,
      )
    case BUSY:
    case 6:
      return new EpochtreeError(
        'store-busy',
        `Another process holds the store ${file} for very long. Wait for it, or end it, and try again.`,
      )
    case 8:
    case 14:
      return new EpochtreeError(
        'read-only',
        `The store ${file} can't be opened for writing (${message}). Give yourself the right to write its folder, or name another with --dir.`,
      )
    default:
      return new EpochtreeError('failed', `The store ${file} reports: ${message}. \`epochtree doctor\` tells more.`, { cause: error })
  }
}

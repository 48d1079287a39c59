import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { gzipSync } from 'node:zlib'
import type * as z from 'zod/mini'
import { isObject, isShallow } from '../json'
import type { Progress } from '../storage/ports'
import { DocumentBatch, type Target } from '../storage/local/batch'
import { seal } from '../storage/local/chunks'
import type { LocalDatabase } from '../storage/local/database'
import { checkGraph, graphHash, summarize } from '../tracking/graph'
import { mendName } from '../tracking/reference'
import { BLOCK, JournalFile, type Line } from './lines'
import { folders, hashFile, insideRun, readText, removeQuietly, signature, takeIn, writeDurably } from './runFiles'
import * as schema from './schema'

const SESSION_ID = /^[0-9a-f]{24}$/
const LARGEST_GRAPH = 512 * 1024 * 1024
const TOO_DEEP = 'It is nested deeper than 100 levels and was passed over.'
/** Journals larger than this report their own progress. */
const SHOWN_FROM = 16 * 1024 * 1024
const LARGEST_SESSION_FILE = 8 * 1024 * 1024
const MERGED_EVERY_LINES = 64

interface Place {
  offset: number
  line: number
  hash: string
  pass: number
  /** The highest number that was committed; nothing at or below it is taken any more. */
  last: number
  signature: string
}
interface EpochRow {
  row: number
  id: string
  session: string | null
  number: number | null
  state: 'open' | 'ok' | 'verifying' | 'missing' | 'damaged' | 'refused' | 'abandoned' | 'discarded' | 'awaited'
  pass: number
}
interface NamedFile {
  readonly file: string
  readonly sha256: string
  readonly bytes: number
  readonly format?: string | null | undefined
}

type Watch = (progress: Progress) => void
const silent = () => {}

/** Reads every run folder that changed; whatever was read before is not read again. `check` may throw to stop in between. */
export function ingestAll(db: LocalDatabase, dir: string, progress: Watch = silent, check: () => void = silent) {
  const { runs } = folders(dir)
  if (!existsSync(runs)) return
  const known = new Map(
    db
      .all<{ id: string; folder: string; journal: string | null }>(
        'SELECT s.id, s.folder_signature folder, p.signature journal FROM session s LEFT JOIN place p ON p.session = s.id',
      )
      .map((row) => [row.id, row]),
  )
  const changed = readdirSync(runs).filter((id) => {
    if (!SESSION_ID.test(id)) return false
    const before = known.get(id)
    // Ten thousand folders are looked at before every answer.
    const run = runs + sep + id
    return before === undefined || before.folder !== signature(run) || (before.journal ?? '') !== signature(`${run}${sep}journal.jsonl`)
  })
  for (const [done, id] of changed.sort().entries()) {
    check()
    progress({ what: 'Reading journals', done, total: changed.length })
    ingestRun(db, dir, id, progress, check)
  }
}

/** Brings one run folder's session.json, marks.json and journal into the store. */
export function ingestRun(db: LocalDatabase, dir: string, id: string, progress: Watch = silent, check: () => void = silent) {
  if (!readSession(db, dir, id)) return
  const path = join(folders(dir).run(id), 'journal.jsonl')
  const now = signature(path)
  if (!now || db.get<Place>('SELECT * FROM place WHERE session = ?', id)?.signature === now) return
  let journal: JournalFile
  try {
    journal = new JournalFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return // vanished since
    throw error
  }
  try {
    // One transaction a block: the place moves with the documents, and any other process sees both or neither.
    for (let more = true; more;) {
      check()
      more = db.transaction(() => {
        // The place is read inside: until then another process may have moved it.
        const pass = new Pass(db, dir, id, journal)
        const rest = pass.block()
        if (journal.size > SHOWN_FROM) progress({ what: 'Reading a journal', done: pass.offset, total: journal.size })
        return rest
      })
    }
  } finally {
    journal.close()
  }
}

function report(db: LocalDatabase, session: string, file: string, line: number, message: string) {
  db.run('INSERT OR IGNORE INTO problem(session, file, line, message) VALUES(?, ?, ?, ?)', session, file, line, message)
  db.run('UPDATE session SET problems = (SELECT count(*) FROM problem WHERE session = ?1) WHERE id = ?1', session)
}

function parseFile<Type extends z.ZodMiniType>(
  db: LocalDatabase,
  id: string,
  run: string,
  name: string,
  type: Type,
): z.infer<Type> | undefined {
  const path = join(run, name)
  if (!existsSync(path)) return undefined
  try {
    const content: unknown = JSON.parse(readText(path, LARGEST_SESSION_FILE))
    const parsed = isShallow(content) ? type.safeParse(content) : undefined
    if (parsed?.success) return parsed.data
    report(db, id, name, 0, parsed ? schema.complaint(parsed.error) : TOO_DEEP)
  } catch (error) {
    report(db, id, name, 0, `It is not readable: ${(error as Error).message}`)
  }
  return undefined
}

/** False when the folder holds no session (yet). */
function readSession(db: LocalDatabase, dir: string, id: string): boolean {
  const run = folders(dir).run(id)
  const folder = signature(run)
  const known = db.get<{ folder_signature: string; file_signature: string; marks_signature: string }>(
    'SELECT folder_signature, file_signature, marks_signature FROM session WHERE id = ?',
    id,
  )
  if (known && known.folder_signature === folder) return true
  const file = signature(join(run, 'session.json'))
  if (!file) return known !== undefined
  return db.transaction(() => {
    const taken =
      known?.file_signature === file && known.marks_signature === signature(join(run, 'marks.json')) ? true : takeSession(db, dir, id)
    // Read before the files: whatever changes while they are read is seen the next time.
    if (taken) db.run('UPDATE session SET folder_signature = ? WHERE id = ?', folder, id)
    return taken || known !== undefined
  })
}

/** Takes session.json and marks.json as they are now; call it inside a transaction. */
export function takeSession(db: LocalDatabase, dir: string, id: string): boolean {
  const run = folders(dir).run(id)
  const file = parseFile(db, id, run, 'session.json', schema.sessionFile)
  if (!file) return false
  if (file.sessionId !== id) {
    report(db, id, 'session.json', 0, `It names the session ${file.sessionId}, but lies in the folder of ${id}.`)
    return false
  }
  const marks = parseFile(db, id, run, 'marks.json', schema.marksFile) ?? {}
  const wanted = marks.name ?? file.name ?? file.modelName
  const name = file.evaluates ? null : reserveName(dir, mendName(wanted), id)
  if (name !== null && name !== (marks.name ?? file.name)) {
    // Kept, so that the store built again gives the same name.
    tryWriting(() => writeDurably(join(run, 'marks.json'), JSON.stringify({ ...marks, name })))
  }
  const created = typeof file.createdAt === 'string' ? Date.parse(file.createdAt) / 1000 : file.createdAt
  const values = [
    name,
    file.modelName,
    created ?? parseInt(id.slice(0, 8), 16),
    file.key ?? null,
    file.forkedFrom?.sessionId ?? null,
    file.forkedFrom?.epochId ?? null,
    file.forkedFrom?.epochNumber ?? null,
    file.evaluates ? JSON.stringify(file.evaluates) : null,
    JSON.stringify(file.overrides ?? {}),
    file.command ? JSON.stringify(file.command) : null,
    JSON.stringify(marks.tags ?? file.tags ?? []),
    marks.selected ?? null,
    marks.deleted ?? null,
    JSON.stringify(marks),
    signature(join(run, 'session.json')),
    signature(join(run, 'marks.json')),
  ]
  db.run(
    `INSERT INTO session(id, name, model, created, key, fork_session, fork_epoch, fork_number, evaluates, overrides, command, tags, selected, deleted, marks, file_signature, marks_signature)
     VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT(id) DO UPDATE SET name = excluded.name, model = excluded.model, key = excluded.key, overrides = excluded.overrides, command = excluded.command, tags = excluded.tags, selected = excluded.selected,
       deleted = excluded.deleted, marks = excluded.marks, file_signature = excluded.file_signature, marks_signature = excluded.marks_signature`,
    id,
    ...values,
  )
  if (marks.released?.length)
    db.run('UPDATE epoch SET released = 1 WHERE session = ? AND id IN (SELECT value FROM json_each(?))', id, JSON.stringify(marks.released))
  return true
}

/** In a folder that can only be read the store answers all the same, from the user's cache. */
function tryWriting(write: () => void) {
  try {
    write()
  } catch (error) {
    if (!['EROFS', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

const NAMES_TRIED_ONE_BY_ONE = 16

export const nameFile = (dir: string, name: string) =>
  join(folders(dir).names, createHash('sha256').update(name.normalize('NFC')).digest('hex'))

/** Takes the first free name by exclusive creation, so that two creators at one moment get two names. */
export function reserveName(dir: string, base: string, sessionId: string): string {
  const name = (n: number) => (n === 1 ? base : `${base}-${n}`)
  tryWriting(() => mkdirSync(folders(dir).names, { recursive: true }))
  let n = 1
  for (; n <= NAMES_TRIED_ONE_BY_ONE; n++) if (takeName(dir, name(n), sessionId)) return name(n)
  // Ten thousand sessions of one model do not cost ten thousand tries: doubled until one is free, then halved.
  let taken = n - 1
  let free = taken * 2
  while (existsSync(nameFile(dir, name(free)))) [taken, free] = [free, free * 2]
  while (free - taken > 1) {
    const middle = Math.floor((taken + free) / 2)
    if (existsSync(nameFile(dir, name(middle)))) taken = middle
    else free = middle
  }
  for (; ; free++) if (takeName(dir, name(free), sessionId)) return name(free)
}

/** False when another session has the name. */
export function takeName(dir: string, name: string, sessionId: string): boolean {
  const path = nameFile(dir, name)
  try {
    const fd = openSync(path, 'wx')
    writeFileSync(fd, JSON.stringify({ name, sessionId }))
    closeSync(fd)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EROFS' || code === 'EACCES') return !existsSync(path) || holderOf(path) === sessionId
    if (code !== 'EEXIST') throw error
    return holderOf(path) === sessionId
  }
}

function holderOf(path: string): unknown {
  try {
    const held: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isObject(held) ? held['sessionId'] : undefined
  } catch {
    return undefined // being written at this moment
  }
}

/** One transaction's worth of a journal: the lines of a block, applied in order. */
class Pass {
  readonly #db: LocalDatabase
  readonly #dir: string
  readonly #id: string
  readonly #journal: JournalFile
  readonly #batch: DocumentBatch
  readonly #place: Place
  /** Document lines of each epoch: how many came, how many are stored, and were stored before this pass. */
  readonly #lines = new Map<number, { seen: number; stored: number; readonly before: number }>()
  readonly #sealed = new Set<number>()
  readonly #graphs = new Map<string, string>()
  readonly #forkNumber: number
  /** Epochs as they are now, until a line changes them. */
  readonly #epochs = new Map<string, EpochRow>()
  readonly #marks: schema.MarksFile

  constructor(db: LocalDatabase, dir: string, id: string, journal: JournalFile) {
    this.#db = db
    this.#dir = dir
    this.#id = id
    this.#journal = journal
    this.#batch = new DocumentBatch(db)
    const place = db.get<Place>('SELECT * FROM place WHERE session = ?', id)
    if (place && place.offset <= journal.size && journal.hashBefore(place.offset) === place.hash) this.#place = { ...place }
    else {
      // Another file than the one that was read: from its start, passing over the documents that are known.
      this.#place = { offset: 0, line: 0, hash: '', pass: (place?.pass ?? 0) + 1, last: place?.last ?? 0, signature: '' }
      db.run('UPDATE lines SET seen = 0 WHERE source = ?', id)
    }
    const session = db.get<{ fork_number: number | null; marks: string }>('SELECT fork_number, marks FROM session WHERE id = ?', id)!
    this.#forkNumber = session.fork_number ?? 0
    this.#marks = JSON.parse(session.marks) as schema.MarksFile
  }

  get offset() {
    return this.#place.offset
  }

  /** True when there is more. */
  block(): boolean {
    const rest = this.#journal.size - this.#place.offset
    const lines = this.#journal.lines(this.#place.offset)
    for (const line of lines) {
      this.#place.line++
      this.#apply(line)
      this.#place.offset = line.end
    }
    this.#batch.flush()
    for (const [epoch, { seen, stored, before }] of this.#lines) {
      // An epoch that is followed for hours keeps few chunks, and questions about it stay quick.
      if (before > 0 && Math.floor(before / MERGED_EVERY_LINES) < Math.floor(stored / MERGED_EVERY_LINES)) this.#sealed.add(epoch)
      this.#db.run(
        'INSERT INTO lines(source, epoch, seen, stored) VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE SET seen = excluded.seen, stored = excluded.stored',
        this.#id,
        epoch,
        seen,
        stored,
      )
    }
    for (const row of this.#sealed) seal(this.#db, row)
    const more = lines.length > 0 && rest > BLOCK
    const { offset, line, pass, last } = this.#place
    this.#db.run(
      'INSERT OR REPLACE INTO place(session, offset, line, hash, pass, last, signature) VALUES(?, ?, ?, ?, ?, ?, ?)',
      this.#id,
      offset,
      line,
      this.#journal.hashBefore(offset),
      pass,
      last,
      // Known as it is now, once all of it was read.
      more ? '' : this.#journal.signature,
    )
    if (lines.length) summarizeSession(this.#db, this.#id)
    return more
  }

  #report(message: string) {
    report(this.#db, this.#id, 'journal.jsonl', this.#place.line, message)
  }

  #apply({ text }: Line) {
    if (text === null) return this.#report('The line is longer than 8 MiB and was passed over.')
    let line: unknown
    try {
      line = JSON.parse(text)
    } catch {
      return this.#report('The line is not JSON and was passed over.')
    }
    if (!isObject(line)) return this.#report('The line is not a JSON object and was passed over.')
    // A line of metrics holds columns of numbers or is refused: nothing walks through it.
    if (line['type'] !== 'metrics' && !isShallow(line)) return this.#report(TOO_DEEP)
    switch (line['type']) {
      case 'metrics': {
        const parsed = schema.metricsLine(line)
        if (typeof parsed === 'string') return this.#report(parsed)
        const to = this.#documentLine(parsed.epoch)
        return to && this.#batch.metrics(to, parsed)
      }
      case 'samples': {
        const parsed = schema.samplesLine(line)
        if (typeof parsed === 'string') return this.#report(parsed)
        const to = this.#documentLine(parsed.epoch)
        return to && this.#batch.samples(to, parsed.split, parsed.fields)
      }
      case 'started':
        return this.#parsed(schema.started, line, (value) => this.#started(value))
      case 'epoch':
        return this.#parsed(schema.epoch, line, (value) => this.#epoch(value))
      case 'commit':
        return this.#parsed(schema.commit, line, (value) => this.#commit(value))
      case 'finished':
        return this.#parsed(schema.finished, line, ({ status, error, time }) => {
          this.#db.run(
            'UPDATE session SET finished = ? WHERE id = ?',
            JSON.stringify({ status, error: error ?? null, time: time ?? null }),
            this.#id,
          )
        })
      case 'gap':
        return this.#parsed(schema.gap, line, ({ rows }) =>
          this.#report(`${rows} rows of documents were lost while the disk could not be written.`),
        )
    }
  }

  #parsed<Type extends z.ZodMiniType>(type: Type, line: unknown, apply: (value: z.infer<Type>) => void) {
    const parsed = type.safeParse(line)
    if (parsed.success) apply(parsed.data)
    else this.#report(schema.complaint(parsed.error))
  }

  #row(epochId: string): EpochRow | undefined {
    const known = this.#epochs.get(epochId)
    if (known) return known
    const found = this.#db.get<EpochRow>('SELECT row, id, session, number, state, pass FROM epoch WHERE id = ?', epochId)
    if (found) this.#epochs.set(epochId, found)
    return found
  }

  /** Where a document line belongs; undefined when it is known already, or belongs nowhere. */
  #documentLine(epochId: string): Target | undefined {
    let epoch = this.#row(epochId)
    const own = epoch?.session === this.#id
    if (!own) {
      const evaluates = this.#db.get<{ evaluates: string | null }>('SELECT evaluates FROM session WHERE id = ?', this.#id)?.evaluates
      if (!evaluates || (JSON.parse(evaluates) as { epochId: string }).epochId !== epochId) {
        this.#report(`Documents name the epoch ${epochId}, which this journal did not begin.`)
        return undefined
      }
      if (!epoch) {
        // The evaluated epoch's own journal is read later.
        this.#db.run("INSERT INTO epoch(id, state) VALUES(?, 'awaited')", epochId)
        epoch = this.#row(epochId)!
      }
    }
    const { row, state } = epoch!
    if (state === 'discarded') return undefined
    let lines = this.#lines.get(row)
    if (!lines) {
      const known = this.#db.get<{ seen: number; stored: number }>(
        'SELECT seen, stored FROM lines WHERE source = ? AND epoch = ?',
        this.#id,
        row,
      )
      this.#lines.set(row, (lines = { seen: 0, stored: 0, ...known, before: known?.stored ?? 0 }))
    }
    const ordinal = lines.seen++
    if (ordinal < lines.stored) return undefined
    lines.stored = ordinal + 1
    return { epoch: row, source: own ? '' : this.#id, ordinal }
  }

  #started(value: z.infer<typeof schema.started>) {
    this.#epochs.clear()
    this.#db.run("UPDATE epoch SET state = 'abandoned' WHERE session = ? AND state = 'open'", this.#id)
    const attempt = {
      id: value.attempt ?? null,
      time: value.time ?? null,
      pid: value.pid ?? null,
      host: value.host ?? null,
      bootId: value.bootId ?? null,
      restored: value.restored ?? null,
      hyperparameters: value.hyperparameters ?? {},
      pruningPlan: value.pruningPlan ?? null,
      environment: value.environment ?? {},
    }
    this.#db.run('UPDATE session SET attempt = ?, finished = NULL WHERE id = ?', JSON.stringify(attempt), this.#id)
  }

  /** The number up to which nothing can be committed any more. An epoch whose weights proved wrong keeps its number, whenever that was found out. */
  #lastNumber(): number {
    return Math.max(this.#place.last, this.#forkNumber)
  }

  #epoch({ epoch: epochId, number, time }: z.infer<typeof schema.epoch>) {
    const known = this.#row(epochId)
    this.#epochs.delete(epochId)
    const { pass } = this.#place
    if (known && known.session !== null) {
      if (known.session !== this.#id) return this.#report(`The epoch ${epochId} belongs to the session ${known.session}.`)
      if (known.pass === pass) return this.#report(`The epoch ${epochId} was begun twice.`)
      this.#db.run(
        "UPDATE epoch SET pass = ?, state = CASE state WHEN 'abandoned' THEN 'open' ELSE state END WHERE row = ?",
        pass,
        known.row,
      )
      return
    }
    const last = this.#lastNumber()
    const refused = number <= last
    if (refused) this.#report(`The epoch's number ${number} is not above ${last}, the last of the history; the epoch was refused.`)
    const discarded = (this.#marks.collected != null && number > this.#marks.collected) || this.#marks.discarded?.includes(epochId)
    const state = discarded ? 'discarded' : refused ? 'refused' : 'open'
    if (known)
      this.#db.run(
        'UPDATE epoch SET session = ?, number = ?, state = ?, begun = ?, pass = ? WHERE row = ?',
        this.#id,
        number,
        state,
        time ?? null,
        pass,
        known.row,
      )
    else
      this.#db.run(
        'INSERT INTO epoch(id, session, number, state, begun, pass) VALUES(?, ?, ?, ?, ?, ?)',
        epochId,
        this.#id,
        number,
        state,
        time ?? null,
        pass,
      )
  }

  #commit({ epoch: epochId, graph, weights, state, pruned, time }: z.infer<typeof schema.commit>) {
    const known = this.#row(epochId)
    if (!known || known.session !== this.#id) return this.#report(`A commit names the epoch ${epochId}, which this journal did not begin.`)
    const { row, number } = known
    this.#epochs.delete(epochId)
    if (known.state !== 'open') {
      if (known.state === 'abandoned') this.#report(`A commit names the epoch ${epochId}, which a new start had abandoned.`)
      return
    }
    const refuse = (message: string) => {
      this.#report(`${message}; the epoch ${number} was refused.`)
      this.#db.run("UPDATE epoch SET state = 'refused' WHERE row = ?", row)
    }
    const last = this.#lastNumber()
    if (number! <= last) return refuse(`The epoch's number ${number} is not above ${last}, the last of the history`)
    const run = folders(this.#dir).run(this.#id)
    const files = [weights, state].filter((file) => file != null)
    // Most epochs name the graph of the one before.
    let hash = graph == null ? null : (this.#graphs.get(graph) ?? null)
    for (const file of [...files.map(({ file: path }) => path), hash === null ? (graph ?? []) : []].flat())
      if (!insideRun(run, file)) return refuse(`The file ${file} lies outside the run folder or is a link`)
    let missing = graph != null && hash === null && !existsSync(join(run, graph)) ? graph : undefined
    if (graph != null && hash === null && missing === undefined) {
      try {
        hash = this.#graph(graph)
      } catch (error) {
        return refuse(`The graph ${graph} can't be taken (${(error as Error).message})`)
      }
    }
    const released = this.#marks.released?.includes(epochId) ?? false
    if (!released)
      missing ??= files.find(
        ({ file, sha256 }) => !existsSync(join(run, file)) && !existsSync(folders(this.#dir).weightsFile(sha256)),
      )?.file
    if (missing !== undefined) this.#report(missingMessage(missing, number!))
    const record = (file: NamedFile | null | undefined) =>
      file ? JSON.stringify({ file: file.file, sha256: file.sha256, bytes: file.bytes, format: file.format ?? null }) : null
    this.#db.run(
      'UPDATE epoch SET state = ?, committed = ?, commit_line = ?, graph = ?, graph_file = ?, weights = ?, optimizer_state = ?, weights_sha = ?, state_sha = ?, pruned = ?, released = ? WHERE row = ?',
      missing !== undefined ? 'missing' : files.length && !released ? 'verifying' : 'ok',
      time ?? null,
      this.#place.line,
      hash,
      graph ?? null,
      record(weights),
      record(state),
      weights?.sha256 ?? null,
      state?.sha256 ?? null,
      pruned ? 1 : 0,
      released ? 1 : 0,
      row,
    )
    this.#place.last = number!
    // Its columns are filled again by the next epoch.
    this.#batch.flush()
    // Chunks of earlier passes are merged with those of this one.
    if (this.#lines.get(row)?.before !== 0) this.#sealed.add(row)
  }

  #graph(file: string): string {
    let hash = this.#graphs.get(file)
    if (hash === undefined) this.#graphs.set(file, (hash = takeGraph(this.#db, join(folders(this.#dir).run(this.#id), file))))
    return hash
  }
}

const missingMessage = (file: string, number: number) => `The file ${file} is missing; the epoch ${number} was refused until it is there.`

/** Equal graphs are stored once. */
function takeGraph(db: LocalDatabase, path: string): string {
  const graph = checkGraph(JSON.parse(readText(path, LARGEST_GRAPH)))
  const hash = graphHash(graph)
  if (!db.get('SELECT 1 FROM graph WHERE hash = ?', hash))
    db.run(
      'INSERT INTO graph(hash, body, summary) VALUES(?, ?, ?)',
      hash,
      gzipSync(JSON.stringify(graph), { level: 1 }),
      JSON.stringify(summarize(graph)),
    )
  return hash
}

/** What lists show of a session, kept beside it so that ten thousand are listed without touching their epochs. */
function summarizeSession(db: LocalDatabase, id: string) {
  const own = db.get<{ n: number }>("SELECT count(*) n FROM epoch WHERE session = ? AND state IN ('ok', 'verifying')", id)!.n
  const latest = db.get<{ id: string; number: number }>(
    "SELECT id, number FROM epoch WHERE session = ? AND state IN ('ok', 'verifying') ORDER BY number DESC LIMIT 1",
    id,
  )
  const open = db.get<{ id: string; number: number }>(
    "SELECT id, number FROM epoch WHERE session = ? AND state = 'open' ORDER BY row DESC LIMIT 1",
    id,
  )
  db.run(
    'UPDATE session SET own = ?, latest = ?, latest_number = ?, open = ?, open_number = ? WHERE id = ?',
    own,
    latest?.id ?? null,
    latest?.number ?? null,
    open?.id ?? null,
    open?.number ?? null,
    id,
  )
}

interface Waiting {
  readonly row: number
  readonly session: string
  readonly number: number
  readonly state: 'verifying' | 'missing'
  readonly commit_line: number
  readonly graph: string | null
  readonly graph_file: string | null
  readonly weights: string | null
  readonly optimizer_state: string | null
}

/** Hashes what commits named, takes it in, and only then lets the epochs be forked. */
export function verifyWeights(db: LocalDatabase, dir: string, progress: Watch = silent, check: () => void = silent) {
  const waiting = db.all<Waiting>(
    "SELECT row, session, number, state, commit_line, graph, graph_file, weights, optimizer_state FROM epoch WHERE state IN ('verifying', 'missing') ORDER BY row",
  )
  for (const [done, epoch] of waiting.entries()) {
    check()
    progress({ what: 'Verifying weights', done, total: waiting.length })
    const run = folders(dir).run(epoch.session)
    const files = [epoch.weights, epoch.optimizer_state].flatMap((file) => (file ? [JSON.parse(file) as NamedFile] : []))
    if (epoch.state === 'missing' && !arrived(dir, run, epoch, files)) continue
    let graph = epoch.graph
    let wrong = files.map((file) => verifyFile(dir, epoch.session, file)).find((message) => message !== undefined)
    db.transaction(() => {
      try {
        if (epoch.graph_file !== null && graph === null) graph = takeGraph(db, join(run, epoch.graph_file))
      } catch (error) {
        wrong ??= `The graph ${epoch.graph_file} can't be taken (${(error as Error).message})`
      }
      db.run('UPDATE epoch SET state = ?, graph = ? WHERE row = ? AND state = ?', wrong ? 'damaged' : 'ok', graph, epoch.row, epoch.state)
      db.run('DELETE FROM problem WHERE session = ? AND line = ?', epoch.session, epoch.commit_line)
      if (wrong) report(db, epoch.session, 'journal.jsonl', epoch.commit_line, `${wrong}; the epoch ${epoch.number} was refused.`)
      summarizeSession(db, epoch.session)
    })
    if (!wrong) for (const file of files) tryWriting(() => removeQuietly(join(run, file.file)))
  }
}

/** Whether all that an epoch missed is there by now: a copy of a run may bring its journal before its files. */
const arrived = (dir: string, run: string, { graph, graph_file }: Waiting, files: readonly NamedFile[]) =>
  (graph !== null || graph_file === null || existsSync(join(run, graph_file))) &&
  files.every(({ file, sha256 }) => existsSync(join(run, file)) || existsSync(folders(dir).weightsFile(sha256)))

function verifyFile(dir: string, session: string, file: NamedFile): string | undefined {
  const path = insideRun(folders(dir).run(session), file.file)
  const kept = folders(dir).weightsFile(file.sha256)
  if (!path || !existsSync(path)) return existsSync(kept) ? undefined : `The file ${file.file} is missing`
  try {
    if (!statSync(path).isFile()) return `${file.file} is not a file`
    const { sha256, bytes } = hashFile(path)
    if (sha256 !== file.sha256 || bytes !== file.bytes) return `The content of ${file.file} is not what its commit promised`
    tryWriting(() => takeIn(path, kept))
    return undefined
  } catch (error) {
    // Another process took it in at this moment.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(kept)) return undefined
    throw error
  }
}

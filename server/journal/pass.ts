import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type * as z from 'zod/mini'
import { isObject, isShallow } from '../json'
import { DocumentBatch, type Target } from '../storage/local/batch'
import { seal } from '../storage/local/chunks'
import type { LocalDatabase } from '../storage/local/database'
import { takeGraph } from './graphs'
import { BLOCK, type JournalFile, type Line } from './lines'
import { report } from './problems'
import { folders, insideRun } from './runFiles'
import * as schema from './schema'
import { TOO_DEEP } from './session'
import { summarizeSession } from './summary'

const MERGED_EVERY_LINES = 64
/** A transaction ends after so long, however slow the machine is: others wait for it. */
const LONGEST_MS = 100
const LOOKED_AT_CLOCK_EVERY_LINES = 32

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

/** One transaction's worth of a journal: the lines of a block, applied in order. */
export class Pass {
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
    // Another process opened it later, and read further than what this one saw of it.
    if (place && place.offset > journal.size) journal.lookAgain()
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
    const until = performance.now() + LONGEST_MS
    let read = 0
    for (const line of lines) {
      this.#place.line++
      this.#apply(line)
      this.#place.offset = line.end
      if (++read % LOOKED_AT_CLOCK_EVERY_LINES === 0 && performance.now() > until) break
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
    const more = read < lines.length || (lines.length > 0 && rest > BLOCK)
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

  #epoch({ epoch: epochId, number, of, time }: z.infer<typeof schema.epoch>) {
    this.#db.run(
      "UPDATE session SET attempt = json_set(attempt, '$.until', ?1) WHERE id = ?2 AND attempt IS NOT NULL AND json_extract(attempt, '$.until') IS NOT ?1",
      of ?? null,
      this.#id,
    )
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
    const { collected, collectedLine, discarded: uncommitted } = this.#marks
    const discarded =
      (collected != null && number > collected && this.#place.line <= (collectedLine ?? Number.POSITIVE_INFINITY)) ||
      uncommitted?.includes(epochId)
    const state = discarded ? 'discarded' : refused ? 'refused' : 'open'
    // Its process is known by when that was started.
    this.#db.run(
      `INSERT INTO epoch(id, session, number, state, begun, started, pass)
        VALUES(?1, ?2, ?3, ?4, ?5, (SELECT json_extract(attempt, '$.time') FROM session WHERE id = ?2), ?6)
        ON CONFLICT(id) DO UPDATE SET session = excluded.session, number = excluded.number, state = excluded.state, begun = excluded.begun, started = excluded.started, pass = excluded.pass`,
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
    const record = (file: schema.NamedFile | null | undefined) =>
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

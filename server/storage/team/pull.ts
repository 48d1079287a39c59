import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { checkAborted, EpochtreeError } from '../../errors'
import { canonicalJson, isShallow } from '../../json'
import { JournalFile } from '../../journal/lines'
import { mark } from '../../journal/marks'
import { reserveName } from '../../journal/names'
import { flush, folders, readText, removeQuietly, tryWriting, writeDurably } from '../../journal/runFiles'
import { sessionFile } from '../../journal/schema'
import { DocumentLines, JournalWriter } from '../../journal/written'
import { checkGraph, graphHash } from '../../tracking/graph'
import { mendName } from '../../tracking/reference'
import type { LocalDatabase } from '../local/database'
import { removeSource } from '../local/chunks'
import { documentCount, sourcesOf } from '../local/handOn'
import { leaveLease, newHolder, takeLease, toldOf } from '../local/handing'
import * as stored from '../local/sessions'
import type { LocalStores } from '../local/stores'
import type { Attempt, EpochRecord, FileRecord, Progress, Segment, SessionRecord } from '../ports'
import { agree, baseOf, type Decisions, readDecisions } from './decisions'
import { unlessAborted } from './patience'
import type { Team } from './ports'

export interface PullOptions {
  /** False leaves the weights where they are: nothing can be forked then. */
  readonly weights?: boolean
  readonly signal?: AbortSignal
  readonly progress?: (progress: Progress) => void
}
/** What was brought here that was not here before. */
export interface Pulled {
  readonly sessions: number
  readonly epochs: number
  readonly documents: number
  /** Of weights. */
  readonly bytes: number
}

/** Epochs whose documents are asked for at once. */
const AT_ONCE = 64
const COUNTED_AT_ONCE = 1000
/** Weights files that come side by side. */
const SIDE_BY_SIDE = 3
const LEASE = 'pull'
const LEASE_SECONDS = 60
const LARGEST_NOTE = 64 * 1024
const LARGEST_SESSION = 4 * 1024 * 1024
const WHOLE = { from: 1, to: Number.MAX_SAFE_INTEGER }

const isId = (id: unknown): id is string => typeof id === 'string' && /^[0-9a-f]{24}$/.test(id)
const isHash = (hash: unknown): hash is string => typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)
const damaged = (what: string) =>
  new EpochtreeError('server-damaged', `${what}. Look at it where it was trained, and run \`epochtree push --again SESSION\` there.`)

/** What a folder of something that is on its way here is about, so that it is gone on with, or begun anew. */
const wayNote = z.object({ team: z.string(), after: z.nullable(z.string()) })
const appendNote = z.object({ at: z.int().check(z.gte(0)) })

/**
 * Brings a session of a team here, with all that its history leads through, as run folders in the journal's own format: from them the store is built
 * like from any other. What is on its way lies in `pulling/`, and is gone on with by the next try. No path comes from what a server says, but for ids
 * and hashes that are some.
 */
export async function pull(stores: LocalStores, team: Team, sessionId: string, options: PullOptions = {}): Promise<Pulled> {
  const holder = newHolder()
  const lease = () => stores.use((db) => takeLease(db, LEASE, holder, LEASE_SECONDS))
  if (!(await lease()))
    throw new EpochtreeError('team-busy', 'Another process brings sessions into this folder at this moment. Try again when it is done.')
  const renewing = setInterval(() => void lease().catch(() => {}), (LEASE_SECONDS / 3) * 1000)
  try {
    const { signal = new AbortController().signal } = options
    const identity = await unlessAborted(signal, () => team.sessions.identity())
    return await new Pull(stores, team, identity, { ...options, signal }).all(sessionId)
  } finally {
    clearInterval(renewing)
    await stores.use((db) => leaveLease(db, LEASE, holder))
  }
}

interface Here {
  readonly record: SessionRecord | undefined
  /** Own epochs that are here. */
  readonly epochs: readonly EpochRecord[]
  /** Of the last of them: when the process that trained it was started. */
  readonly started: number | null
}
/** What the journal's lines so far make of the session. */
interface Now {
  attempt: string | null
  finished: string | null
  /** Of the last `started` line; undefined before the first. */
  started: number | null | undefined
}

class Pull {
  readonly #stores: LocalStores
  readonly #dir: string
  readonly #team: Team
  readonly #identity: string
  readonly #weights: boolean
  readonly #signal: AbortSignal
  readonly #progress: (progress: Progress) => void
  readonly #sum = { sessions: 0, epochs: 0, documents: 0, bytes: 0 }
  #done = 0
  #total = 0

  constructor(
    stores: LocalStores,
    team: Team,
    identity: string,
    { weights = true, signal, progress = () => {} }: PullOptions & { readonly signal: AbortSignal },
  ) {
    this.#stores = stores
    this.#dir = stores.dir
    this.#team = team
    this.#identity = identity
    this.#weights = weights
    this.#signal = signal
    this.#progress = progress
  }

  /** A server that hangs holds up nobody who calls it off. */
  #ask = <Answer>(work: () => Promise<Answer>) => unlessAborted(this.#signal, work)

  get #way() {
    return join(this.#dir, 'pulling')
  }

  #folder = (id: string) => join(this.#way, id)

  async all(sessionId: string): Promise<Pulled> {
    const { segments } = await this.#ask(() => this.#team.sessions.history(sessionId))
    const ids = [...new Set(segments.map((segment: Segment) => segment.sessionId))]
    // What an earlier try held on to when it was killed.
    if (existsSync(this.#way)) for (const file of readdirSync(this.#way)) if (file.endsWith('.part')) removeQuietly(join(this.#way, file))
    for (const id of ids) if (!isId(id)) throw damaged('MongoDB names a session by something that is no id')
    this.#total = await this.#ask(() => this.#team.sessions.count(ids.map((id) => ({ sessionId: id, ...WHOLE }))))
    for (const id of ids) await this.#bring(id)
    if (existsSync(this.#way) && readdirSync(this.#way).length === 0) rmSync(this.#way, { recursive: true })
    return this.#sum
  }

  async #bring(id: string) {
    const pulled = await this.#stores.use((db) => {
      const [row] = db.rows<readonly [string | null]>('SELECT pulled FROM session WHERE id = ?', id)
      return row && (row[0] ?? 'trained here')
    })
    // What was trained here is here.
    if (pulled === 'trained here') return
    const run = folders(this.#dir).run(id)
    if (pulled === undefined && existsSync(run))
      throw new EpochtreeError('bad-journal', `${run} holds no session that can be read. Move it away, then try again.`)
    if (this.#finishAppending(id)) await this.#stores.ingest({ only: [id] })
    const record = await this.#ask(() => this.#team.sessions.session(id))
    if (!record) throw damaged(`MongoDB has no session ${id}, though one starts in it`)
    const epochs = await this.#team.sessions.epochs({ segments: [{ sessionId: id, ...WHOLE }] }, this.#signal)
    const { started, begun } = await this.#ask(() => this.#team.sessions.clock({ segments: [{ sessionId: id, ...WHOLE }] }))
    this.#check(record, epochs)
    // It may have gone on between the two questions: what came is brought the next time.
    if (started.length < epochs.length || begun.length < epochs.length)
      throw new EpochtreeError('team-busy', `Epochs of ${record.name} were removed at this moment. Try again.`)
    const here = await this.#stores.use((db) => hereOf(db, id))
    const last = here.epochs.at(-1)?.number ?? 0
    const from = epochs.findIndex(({ number }) => number > last)
    const fresh = from < 0 ? [] : epochs.slice(from)
    const times = (column: Float64Array) =>
      Array.from(from < 0 ? [] : column.subarray(from, epochs.length), (time) => (Number.isNaN(time) ? null : time))
    this.#done += epochs.length - fresh.length
    const brought = await this.#write(record, here, fresh, times(started), times(begun))
    await this.#evaluated(record, here.epochs)
    await this.#bringWeights(record, epochs)
    if (here.record === undefined) this.#enter(record, epochs)
    else if (brought) this.#append(id)
    rmSync(this.#folder(id), { recursive: true, force: true })
    const evaluations = await this.#enterEvaluations(id)
    await this.#stores.ingest({ only: [id, ...evaluations], progress: this.#progress })
    if (here.record !== undefined) await this.#decisions(record)
    await this.#markReleased(id, epochs)
    if (here.record === undefined || brought) this.#sum.sessions++
  }

  /** What the rest of this relies on. */
  #check(record: SessionRecord, epochs: readonly EpochRecord[]) {
    if (record.forkedFrom && ![record.forkedFrom.sessionId, record.forkedFrom.epochId].every(isId))
      throw damaged(`${record.name} was forked from something that is no id`)
    let before = record.forkedFrom?.epochNumber ?? 0
    for (const { id, sessionId, number, graphHash: graph, weights, optimizerState } of epochs) {
      const files = [weights, optimizerState].filter((file) => file !== null)
      if (!isId(id) || sessionId !== record.id || !Number.isSafeInteger(number) || number <= before)
        throw damaged(`The epochs of ${record.name} are not in order`)
      if (
        (graph !== null && !isHash(graph)) ||
        !files.every(({ sha256, bytes }) => isHash(sha256) && Number.isSafeInteger(bytes) && bytes >= 0)
      )
        throw damaged(`The files of ${record.name}@${number} have no hashes`)
      before = number
    }
  }

  // ---- the journal

  /** Writes what is new into a folder of its own, going on where an earlier try ended; false where nothing is. */
  async #write(
    record: SessionRecord,
    here: Here,
    epochs: readonly EpochRecord[],
    started: readonly (number | null)[],
    begun: readonly (number | null)[],
  ): Promise<boolean> {
    const folder = this.#folder(record.id)
    const after = here.epochs.at(-1)?.id ?? null
    const now: Now = {
      attempt: attemptKey(here.record?.attempt ?? null),
      finished: finishedKey(here.record?.finished ?? null),
      started: here.record ? here.started : undefined,
    }
    const isOver = () => now.attempt === attemptKey(record.attempt) && now.finished === finishedKey(record.finished)
    if (here.record && epochs.length === 0 && isOver()) return false
    if (!isAbout(folder, { team: this.#identity, after })) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(join(folder, 'graphs'), { recursive: true })
      writeFileSync(join(folder, 'way.json'), JSON.stringify({ team: this.#identity, after }))
    }
    const path = join(folder, 'journal.jsonl')
    const before = committedIn(path)
    const known = before.epochs.every((id, i) => id === epochs[i]?.id)
    const skip = known ? before.epochs.length : 0
    const writer = new JournalWriter(path, known ? before.end : 0)
    const put = (line: object) => writer.write(`${JSON.stringify(line)}\n`)
    const begin = (time: number | null) => {
      const { attempt } = record
      if (attempt && Object.is(attempt.time, time)) put(startedLine(attempt))
      else put({ type: 'started', format: 1, time })
      now.attempt = attempt && Object.is(attempt.time, time) ? attemptKey(attempt) : 'an earlier one'
      now.finished = null
      now.started = time
    }
    if (skip > 0) {
      // The lines that are there already began with these.
      now.started = started[skip - 1]
      now.attempt = record.attempt && Object.is(record.attempt.time, now.started) ? attemptKey(record.attempt) : 'an earlier one'
      now.finished = null
    }
    this.#done += skip
    try {
      for (let at = skip; at < epochs.length; at += AT_ONCE) {
        const some = epochs.slice(at, at + AT_ONCE)
        await this.#documents(record, some, (epoch, lines) => {
          const i = epochs.indexOf(epoch, at)
          const time = started[i]!
          if (now.started === undefined || !Object.is(now.started, time)) begin(time)
          const until = record.attempt?.until
          const of = until != null && Object.is(record.attempt?.time, time) ? { of: until } : {}
          put({ type: 'epoch', epoch: epoch.id, number: epoch.number, ...of, time: begun[i]! })
          for (const line of lines) writer.write(line)
          put(commitLine(epoch))
          // So far the next try needs none of it again.
          writer.flush()
          this.#sum.epochs++
          this.#show(`Bringing ${record.name}@${epoch.number}`, ++this.#done, this.#total)
        })
      }
      if (record.attempt && (now.attempt !== attemptKey(record.attempt) || (record.finished === null && now.finished !== null)))
        begin(record.attempt.time)
      if (record.finished && now.finished !== finishedKey(record.finished)) put({ type: 'finished', ...record.finished })
    } finally {
      writer.close()
    }
    return true
  }

  #show(what: string, done: number, total: number) {
    this.#progress({ what, done, total: Math.max(done, total) })
  }

  /** The documents of some epochs, each handed over when all of it is here; what evaluations logged is written beside. */
  async #documents(
    record: SessionRecord,
    epochs: readonly EpochRecord[],
    whole: (epoch: EpochRecord, lines: Iterable<string>) => void,
    only?: (source: string) => boolean,
  ) {
    const counts = await this.#ask(() => this.#team.documents.count(epochs.map(({ id }) => id)))
    let at = 0
    let sources = new Map<string, DocumentLines>()
    let read = 0
    const scratch = (source: string) => join(this.#way, `${epochs[at]!.id}${source && `-${source}`}.part`)
    const end = async () => {
      const epoch = epochs[at]!
      try {
        checkAborted(this.#signal)
        if (read < (counts.get(epoch.id) ?? 0))
          throw damaged(`Of the ${counts.get(epoch.id)} documents that ${record.name}@${epoch.number} has Elasticsearch gave ${read}`)
        if (epoch.graphHash !== null) await this.#graph(record, epoch.graphHash)
        const own = sources.get('')
        this.#sum.documents += own?.documents ?? 0
        for (const [source, lines] of sources) if (source !== '') await this.#evaluation(record, epoch, source, lines)
        whole(epoch, own?.lines() ?? [])
      } finally {
        drop()
      }
      ;[sources, read] = [new Map(), 0]
      at++
    }
    const drop = () => {
      for (const [source, lines] of sources) {
        lines.close()
        removeQuietly(scratch(source))
      }
    }
    mkdirSync(this.#way, { recursive: true })
    try {
      for await (const columns of this.#team.documents.read(
        epochs.map(({ id }) => id),
        this.#signal,
      )) {
        while (at < epochs.length && epochs[at]!.id !== columns.epochId) await end()
        if (at === epochs.length) throw damaged(`Elasticsearch gave documents of another epoch than was asked for`)
        const { source } = columns
        read += columns.kind === 'metric' ? columns.values.length : ([...columns.fields.values()][0]?.length ?? 0)
        if (source !== '' && !isId(source))
          throw damaged(`A document of ${record.name}@${epochs[at]!.number} names an evaluation by something that is no id`)
        if (only && !only(source)) continue
        let lines = sources.get(source)
        if (!lines) sources.set(source, (lines = new DocumentLines(epochs[at]!.id, scratch(source))))
        lines.add(columns)
      }
      while (at < epochs.length) await end()
    } catch (error) {
      if (at < epochs.length) drop()
      throw error
    }
  }

  /** Into the folder on its way; one that the session's run has already is passed over. */
  async #graph(record: SessionRecord, hash: string) {
    const file = `graphs/${hash}.json`
    if (existsSync(join(folders(this.#dir).run(record.id), file))) return
    const path = join(this.#folder(record.id), file)
    if (existsSync(path)) return
    const graph = (await this.#stores.use((db) => stored.graph(db, hash))) ?? (await this.#ask(() => this.#team.sessions.graph(hash)))
    if (!graph || graphHash(checkGraph(graph)) !== hash) throw damaged(`A graph of ${record.name} is not what its hash promises`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.tmp`, JSON.stringify(graph))
    flush(`${path}.tmp`)
    renameSync(`${path}.tmp`, path)
  }

  // ---- evaluations

  /** Those of epochs that are here already, where they have other documents in the team than here. */
  async #evaluated(record: SessionRecord, epochs: readonly EpochRecord[]) {
    for (let from = 0; from < epochs.length; from += COUNTED_AT_ONCE) {
      const some = epochs.slice(from, from + COUNTED_AT_ONCE)
      const there = await this.#ask(() => this.#team.documents.count(some.map(({ id }) => id)))
      const here = await this.#stores.use(
        (db) => new Map(some.map(({ id }) => [id, sourcesOf(db, id).reduce((n, source) => n + documentCount(db, id, source), 0)])),
      )
      const differ = some.filter(({ id }) => (there.get(id) ?? 0) > here.get(id)!)
      for (let at = 0; at < differ.length; at += AT_ONCE)
        await this.#documents(
          record,
          differ.slice(at, at + AT_ONCE),
          () => {},
          (source) => source !== '',
        )
    }
  }

  async #evaluation({ modelName, id, team }: SessionRecord, epoch: EpochRecord, source: string, lines: DocumentLines) {
    const before = await this.#stores.use((db) => {
      const [row] = db.rows<readonly [string | null]>('SELECT pulled FROM session WHERE id = ?', source)
      return row && { pulled: row[0] !== null, documents: documentCount(db, epoch.id, source) }
    })
    if (before && (!before.pulled || before.documents >= lines.documents)) return
    const folder = this.#folder(source)
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const writer = new JournalWriter(join(folder, 'journal.jsonl'), 0)
    try {
      writer.write('{"type":"started","format":1,"time":null}\n')
      for (const line of lines.lines()) writer.write(line)
      writer.write('{"type":"finished","status":"completed","error":null,"time":null}\n')
    } finally {
      writer.close()
    }
    this.#sum.documents += lines.documents
    const evaluates = { sessionId: id, epochId: epoch.id, epochNumber: epoch.number }
    this.#seal(folder, {
      format: 1,
      sessionId: source,
      modelName,
      forkedFrom: null,
      evaluates,
      overrides: {},
      command: null,
      createdAt: parseInt(source.slice(0, 8), 16),
      pulled: { team: this.#identity, by: team?.by ?? '' },
    })
  }

  /** Takes over those that are whole; their ids. */
  async #enterEvaluations(sessionId: string): Promise<string[]> {
    const found = existsSync(this.#way) ? readdirSync(this.#way).filter((id) => isId(id) && this.#evaluates(id, sessionId)) : []
    for (const id of found) {
      const run = folders(this.#dir).run(id)
      // One that went on is read anew as a whole: its lines may stand elsewhere now.
      if (existsSync(run)) {
        rmSync(run, { recursive: true })
        await this.#stores.use((db) => removeSource(db, id))
      }
      mkdirSync(folders(this.#dir).runs, { recursive: true })
      renameSync(this.#folder(id), run)
      flush(folders(this.#dir).runs)
    }
    return found
  }

  #evaluates(id: string, sessionId: string): boolean {
    const file = join(this.#folder(id), 'session.json')
    if (!existsSync(file)) return false
    const { evaluates } = JSON.parse(readText(file, LARGEST_NOTE)) as { evaluates?: { sessionId: string } }
    return evaluates?.sessionId === sessionId
  }

  // ---- weights

  async #bringWeights({ name }: SessionRecord, epochs: readonly EpochRecord[]) {
    if (!this.#weights) return
    const files = new Map<string, FileRecord>()
    for (const { released, weights, optimizerState } of epochs)
      if (!released) for (const file of [weights, optimizerState]) if (file) files.set(file.sha256, file)
    const missing = [...files.values()].filter((file) => !this.#isHere(file))
    const total = missing.reduce((sum, { bytes }) => sum + bytes, 0)
    const under = new Map<string, number>()
    let done = 0
    const show = () => this.#show(`Bringing weights of ${name}`, done + [...under.values()].reduce((sum, n) => sum + n, 0), total)
    const one = async () => {
      for (let file = missing.shift(); file; file = missing.shift()) {
        checkAborted(this.#signal)
        const { sha256, bytes } = file
        await this.#placeWeights(file, (now) => {
          under.set(sha256, now)
          show()
        })
        under.delete(sha256)
        done += bytes
        this.#sum.bytes += bytes
        show()
      }
    }
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one))
  }

  /** Looked at now: `gc` leaves alone what is young. */
  #isHere({ sha256, bytes }: FileRecord): boolean {
    const path = folders(this.#dir).weightsFile(sha256)
    if (statSync(path, { throwIfNoEntry: false })?.size !== bytes) return false
    touch(path)
    return true
  }

  async #placeWeights({ sha256, bytes }: FileRecord, progress: (done: number) => void) {
    const { weights } = this.#team
    const to = folders(this.#dir).weightsFile(sha256)
    await weights.fetch(sha256, { signal: this.#signal, progress })
    mkdirSync(dirname(to), { recursive: true })
    const temporary = `${to}.${process.pid}.tmp`
    await weights.placeAt(sha256, temporary, this.#signal)
    const { size, mode } = statSync(temporary)
    if (size !== bytes) {
      removeQuietly(temporary)
      throw damaged(`The weights ${sha256} have ${size} bytes in the bucket, and ${bytes} by their epoch`)
    }
    if (mode & 0o222) chmodSync(temporary, 0o444)
    touch(temporary)
    renameSync(temporary, to)
    flush(dirname(to))
  }

  /** Epochs whose weights are not here are kept as such whose weights were let go of, and no longer once they are here. */
  async #markReleased(id: string, epochs: readonly EpochRecord[]) {
    const released = this.#released(epochs)
    await this.#stores.use((db) => {
      const [row] = db.rows<readonly [string]>('SELECT marks FROM session WHERE id = ?', id)
      const { released: before = [] } = JSON.parse(row?.[0] ?? '{}') as { released?: string[] | null }
      if (JSON.stringify(before ?? []) === JSON.stringify(released)) return
      mark(db, this.#dir, id, { released })
      db.run('UPDATE epoch SET released = (id IN (SELECT value FROM json_each(?2))) WHERE session = ?1', id, JSON.stringify(released))
    })
  }

  #released = (epochs: readonly EpochRecord[]) =>
    epochs
      .filter(({ weights, optimizerState }) =>
        [weights, optimizerState].some((file) => file && !existsSync(folders(this.#dir).weightsFile(file.sha256))),
      )
      .map(({ id }) => id)

  // ---- taking over

  /** Makes a run folder of what was on its way, in one step. */
  #enter(record: SessionRecord, epochs: readonly EpochRecord[]) {
    const { id, modelName, forkedFrom, overrides, command, createdAt, tags } = record
    const name = reserveName(this.#dir, mendName(record.name), id)
    const folder = this.#folder(id)
    const decisions = theirs(record)
    const released = this.#released(epochs)
    writeDurably(
      join(folder, 'marks.json'),
      JSON.stringify({
        ...(decisions.selected === null ? {} : { selected: decisions.selected }),
        ...(decisions.deleted === null ? {} : { deleted: decisions.deleted }),
        ...(released.length ? { released } : {}),
        agreed: { team: this.#identity, ...decisions, ...(name === record.name ? {} : { alias: name }) },
      }),
    )
    const pulled = { team: this.#identity, by: record.team?.by ?? '' }
    this.#seal(folder, { format: 1, sessionId: id, modelName, name, forkedFrom, overrides, command, createdAt, tags, pulled })
    removeQuietly(join(folder, 'way.json'))
    mkdirSync(folders(this.#dir).runs, { recursive: true })
    renameSync(folder, folders(this.#dir).run(id))
    flush(folders(this.#dir).runs)
  }

  /** All of it is on the disk before it bears its name. */
  #seal(folder: string, session: object) {
    const text = JSON.stringify(session)
    if (text.length > LARGEST_SESSION || !isShallow(session) || !sessionFile.safeParse(session).success)
      throw damaged('What MongoDB tells of a session is not what a session is')
    flush(join(folder, 'journal.jsonl'))
    writeDurably(join(folder, 'session.json'), text)
    const graphs = join(folder, 'graphs')
    if (existsSync(graphs)) flush(graphs)
    flush(folder)
  }

  /** Adds what came to a journal that is here. A kill in between is mended with the same bytes, from where they began. */
  #append(id: string) {
    const folder = this.#folder(id)
    const graphs = join(folder, 'graphs')
    const into = join(folders(this.#dir).run(id), 'graphs')
    mkdirSync(into, { recursive: true })
    for (const file of readdirSync(graphs)) renameSync(join(graphs, file), join(into, file))
    flush(into)
    const journal = join(folders(this.#dir).run(id), 'journal.jsonl')
    flush(join(folder, 'journal.jsonl'))
    writeDurably(join(folder, 'append.json'), JSON.stringify({ at: statSync(journal).size }))
    this.#finishAppending(id)
  }

  /** True where there was something to finish. */
  #finishAppending(id: string): boolean {
    const folder = this.#folder(id)
    const path = join(folder, 'append.json')
    const journal = join(folders(this.#dir).run(id), 'journal.jsonl')
    const note = existsSync(path) && existsSync(journal) ? appendNote.safeParse(JSON.parse(readText(path, LARGEST_NOTE))) : undefined
    if (!note?.success) return false
    const fd = openSync(journal, 'r+')
    try {
      ftruncateSync(fd, note.data.at)
    } finally {
      closeSync(fd)
    }
    const more = new JournalFile(join(folder, 'journal.jsonl'))
    try {
      for (let at = 0; ;) {
        const lines = more.lines(at)
        if (lines.length === 0) break
        appendFileSync(journal, lines.map(({ text }) => `${text}\n`).join(''))
        at = lines.at(-1)!.end
      }
    } finally {
      more.close()
    }
    flush(journal)
    rmSync(folder, { recursive: true })
    return true
  }

  /** What was decided elsewhere since it was brought here; what was decided here since goes there with the spool. */
  #decisions(record: SessionRecord): Promise<void> {
    return this.#stores.use((db) => {
      const told = toldOf(db, record.id, this.#identity)
      if (!told) return
      const before = baseOf(told)
      const found = agree(told.decisions, before, readDecisions(theirs(record), told.decisions))
      if (Object.keys(found.here).length === 0) return
      const { name, ...others } = found.here
      const own = name === undefined ? undefined : reserveName(this.#dir, mendName(name), record.id)
      // On what goes there both sides do not agree yet.
      const pending = Object.keys(found.there).map((field) => [field, before[field as keyof Decisions] ?? null] as const)
      mark(db, this.#dir, record.id, {
        ...others,
        ...(own === undefined ? {} : { name: own }),
        agreed: {
          team: this.#identity,
          ...found.agreed,
          ...Object.fromEntries(pending),
          ...(own === undefined || own === name ? {} : { alias: own }),
        },
      })
    })
  }
}

const theirs = ({ name, selected, tags, deletedAt }: SessionRecord): Decisions => ({
  name,
  selected: selected?.id ?? null,
  tags,
  deleted: deletedAt,
})

function hereOf(db: LocalDatabase, id: string): Here {
  const record = stored.session(db, id)
  if (!record) return { record, epochs: [], started: null }
  const epochs = stored.epochs(db, { segments: [{ sessionId: id, ...WHOLE }] })
  const last = epochs.at(-1)
  return {
    record,
    epochs,
    started: last ? (db.get<{ started: number | null }>('SELECT started FROM epoch WHERE id = ?', last.id)?.started ?? null) : null,
  }
}

function isAbout(folder: string, { team, after }: z.infer<typeof wayNote>): boolean {
  try {
    const note = wayNote.parse(JSON.parse(readText(join(folder, 'way.json'), LARGEST_NOTE)))
    return note.team === team && note.after === after
  } catch {
    return false
  }
}

/** Epochs that a journal on its way holds whole, and where the last of them ends. */
function committedIn(path: string): { readonly epochs: readonly string[]; readonly end: number } {
  const epochs: string[] = []
  let end = 0
  if (!existsSync(path)) return { epochs, end }
  const journal = new JournalFile(path)
  try {
    for (let at = 0; ;) {
      const lines = journal.lines(at)
      if (lines.length === 0) return { epochs, end }
      for (const { text, end: after } of lines) {
        at = after
        const [, epoch] = /^\{"type":"commit","epoch":"([0-9a-f]{24})"/.exec(text ?? '') ?? []
        if (epoch === undefined) continue
        epochs.push(epoch)
        end = after
      }
    }
  } finally {
    journal.close()
  }
}

/** Tells one attempt from another; how far it means to go is told by its epochs. */
function attemptKey(attempt: Attempt | null): string | null {
  if (attempt === null) return null
  // The order of what stands in it is that of whoever wrote it down last.
  return canonicalJson({ ...startedLine(attempt) })
}
const finishedKey = (finished: SessionRecord['finished']) => finished && JSON.stringify([finished.status, finished.error, finished.time])

const startedLine = ({ id, time, restored, pid, host, bootId, hyperparameters, pruningPlan, environment }: Attempt) => ({
  type: 'started',
  format: 1,
  time,
  attempt: id,
  restored,
  pid,
  host,
  bootId,
  hyperparameters,
  pruningPlan,
  environment,
})

function commitLine({ id, number, graphHash: graph, weights, optimizerState, pruned, time }: EpochRecord) {
  const file = (record: FileRecord | null, what: string) => {
    if (!record) return null
    const { sha256, bytes, format } = record
    const suffix = format !== null && /^\w{1,40}$/.test(format) ? format : 'bin'
    return { file: `weights/${number}-${id.slice(-6)}${what}.${suffix}`, sha256, bytes, format }
  }
  const graphFile = graph === null ? null : `graphs/${graph}.json`
  return { type: 'commit', epoch: id, graph: graphFile, weights: file(weights, ''), state: file(optimizerState, '-state'), pruned, time }
}

function touch(path: string) {
  const now = new Date()
  tryWriting(() => utimesSync(path, now, now))
}

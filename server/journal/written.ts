import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { EpochtreeError } from '../errors'
import type { DocumentColumns, MetricColumns, SampleColumns } from '../storage/team/ports'
import { LONGEST_LINE } from './lines'

/** Rows of a curve in one line. */
const BLOCK = 8192
/** Characters of a number and what parts it from the next. */
const LONGEST_NUMBER = 26
/** What is held of metrics before it is written. */
const MOST_HELD = 32 * 1024 * 1024
/** Lines that only keep the ones after them at their places. */
const MOST_EMPTY = 4_000_000
/** What is written at once. */
const WRITTEN = 1024 * 1024

const damaged = (message: string) =>
  new EpochtreeError(
    'server-damaged',
    `What Elasticsearch has of this epoch is not whole: ${message}. Run \`epochtree push --again SESSION\` where it was trained, then try again.`,
  )

interface Block {
  readonly split: string
  readonly steps: Float64Array | null
  readonly times: Float64Array
  readonly columns: Map<string, Float64Array>
}
/** A curve that is still coming. */
interface Coming {
  readonly key: string
  readonly level: 0 | 1
  readonly split: string
  readonly name: string
  readonly steps: Float64Array | null
  readonly values: Float64Array
  readonly times: Float64Array
  rows: number
  /** Rows up to here, in blocks that are over too. */
  at: number
}
interface Place {
  readonly from: number
  readonly length: number
}

/**
 * The documents of one epoch and source as lines of a journal, from which the store gets them with the same identities. A line of samples stands at its
 * ordinal; lines of metrics, whose points are known by their places in their curves, stand in between. What does not fit into memory lies in a file meanwhile.
 */
export class DocumentLines {
  readonly #epoch: string
  readonly #scratch: string
  #fd: number | undefined
  #end = 0
  #coming: Coming | undefined
  readonly #blocks = new Map<string, Block[]>()
  #held = 0
  /** Rows of each curve so far. */
  readonly #rows = new Map<string, number>()
  readonly #metrics: Place[] = []
  readonly #samples = new Map<number, { readonly split: string; readonly parts: Place[]; rows: number }>()
  #documents = 0

  /** @param scratch a file that may be written, and is emptied */
  constructor(epoch: string, scratch: string) {
    this.#epoch = epoch
    this.#scratch = scratch
  }

  get documents() {
    return this.#documents
  }

  add(columns: DocumentColumns) {
    if (columns.kind === 'metric') this.#metric(columns)
    else this.#sample(columns)
  }

  #metric({ split, name, level, from, steps, values, times }: MetricColumns) {
    const key = JSON.stringify([split, level, name])
    const before = this.#rows.get(key) ?? 0
    if (from !== before) throw damaged(`of ${split}/${name} the rows ${before} to ${from} are missing`)
    if (times.length !== values.length || (steps === null) !== (level === 1) || (steps && steps.length !== values.length))
      throw damaged(`the columns of ${split}/${name} have different lengths`)
    for (const step of steps ?? []) if (!Number.isSafeInteger(step)) throw damaged(`a step of ${split}/${name} is no whole number`)
    this.#rows.set(key, from + values.length)
    this.#documents += values.length
    for (let row = 0; row < values.length;) {
      const coming = this.#curve(key, { split, name, level }, from + row)
      const n = Math.min(values.length - row, BLOCK - coming.rows)
      coming.values.set(values.subarray(row, row + n), coming.rows)
      coming.times.set(times.subarray(row, row + n), coming.rows)
      if (steps) coming.steps!.set(steps.subarray(row, row + n), coming.rows)
      coming.rows += n
      coming.at += n
      row += n
      if (coming.rows === BLOCK) this.#over()
    }
  }

  #curve(key: string, { split, name, level }: Pick<MetricColumns, 'split' | 'name' | 'level'>, at: number): Coming {
    if (this.#coming?.key !== key) this.#over()
    return (this.#coming ??= {
      key,
      level,
      split,
      name,
      steps: level === 0 ? new Float64Array(BLOCK) : null,
      values: new Float64Array(BLOCK),
      times: new Float64Array(BLOCK),
      rows: 0,
      at,
    })
  }

  /** A block of a curve is over: it goes to those of other curves that were logged with it. */
  #over() {
    const coming = this.#coming
    this.#coming = undefined
    if (!coming || coming.rows === 0) return
    const { split, name, level, rows, at } = coming
    const place = JSON.stringify([split, level, at - rows])
    let blocks = this.#blocks.get(place)
    if (!blocks) this.#blocks.set(place, (blocks = []))
    const steps = coming.steps?.slice(0, rows) ?? null
    const times = coming.times.slice(0, rows)
    const values = coming.values.slice(0, rows)
    let block = blocks.find((one) => !one.columns.has(name) && equal(one.times, times) && (steps === null || equal(one.steps!, steps)))
    if (!block) {
      blocks.push((block = { split, steps, times, columns: new Map() }))
      this.#held += times.byteLength + (steps?.byteLength ?? 0)
    }
    block.columns.set(name, values)
    this.#held += values.byteLength
    if (this.#held > MOST_HELD) this.#writeBlocks()
  }

  /** In the order of their rows, so that each curve's stay in theirs. */
  #writeBlocks() {
    const ordered = [...this.#blocks]
      .map(([place, blocks]) => ({ at: (JSON.parse(place) as [string, number, number])[2], blocks }))
      .sort((a, b) => a.at - b.at)
    for (const { blocks } of ordered) for (const block of blocks) this.#writeBlock(block)
    this.#blocks.clear()
    this.#held = 0
  }

  /** As many curves a line as surely fit. */
  #writeBlock({ split, steps, times, columns }: Block) {
    const column = LONGEST_NUMBER * times.length
    let [some, length]: [string[], number] = [[], 2 * column]
    const write = () => {
      if (some.length === 0) return
      const head = `{"type":"metrics","epoch":"${this.#epoch}","split":${JSON.stringify(split)}`
      const line = `${head},"step":${steps ? numbers(steps) : 'null'},"time":${numbers(times)},"values":{${some.join(',')}}}`
      this.#metrics.push(this.#keep(line))
      ;[some, length] = [[], 2 * column]
    }
    for (const [name, values] of columns) {
      const text = `${JSON.stringify(name)}:${numbers(values)}`
      if (length + text.length > LONGEST_LINE / 4) write()
      some.push(text)
      length += text.length
    }
    write()
  }

  #sample({ split, ordinal, from, fields }: SampleColumns) {
    if (!Number.isSafeInteger(ordinal) || ordinal < 0) throw damaged(`a line of samples has the ordinal ${ordinal}`)
    let line = this.#samples.get(ordinal)
    if (!line) this.#samples.set(ordinal, (line = { split, parts: [], rows: 0 }))
    const lengths = new Set([...fields.values()].map(({ length }) => length))
    if (line.split !== split || from !== line.rows || lengths.size !== 1)
      throw damaged(`of the samples of line ${ordinal} the rows ${line.rows} to ${from} are missing`)
    const [n] = lengths as unknown as [number]
    line.rows += n
    this.#documents += n
    line.parts.push(this.#keep(JSON.stringify([...fields])))
  }

  #keep(text: string): Place {
    this.#fd ??= openSync(this.#scratch, 'w+', 0o600)
    const bytes = Buffer.from(text)
    const from = this.#end
    this.#end += writeAll(this.#fd, bytes, from)
    return { from, length: bytes.length }
  }

  #kept({ from, length }: Place): string {
    const bytes = Buffer.allocUnsafe(length)
    for (let at = 0; at < length;) {
      const n = readSync(this.#fd!, bytes, at, length - at, from + at)
      if (n === 0) throw new Error(`${this.#scratch} was cut`)
      at += n
    }
    return bytes.toString()
  }

  /** All of them in their order, each with its newline. */
  *lines(): Generator<string> {
    this.#over()
    this.#writeBlocks()
    let [ordinal, metrics, empty] = [0, 0, 0]
    for (const [at, { split, parts }] of [...this.#samples].sort(([a], [b]) => a - b)) {
      for (; ordinal < at; ordinal++) {
        const place = this.#metrics[metrics]
        if (place) metrics++
        else if (++empty > MOST_EMPTY) throw damaged(`a line of samples has the ordinal ${at}`)
        yield place ? `${this.#kept(place)}\n` : `{"type":"samples","epoch":"${this.#epoch}","split":"","fields":{}}\n`
      }
      const line = `{"type":"samples","epoch":"${this.#epoch}","split":${JSON.stringify(split)},"fields":{${this.#fields(parts)}}}\n`
      if (Buffer.byteLength(line) > LONGEST_LINE) throw damaged(`its line ${at} of samples is longer than 8 MiB`)
      yield line
      ordinal++
    }
    for (; metrics < this.#metrics.length; metrics++) yield `${this.#kept(this.#metrics[metrics]!)}\n`
  }

  #fields(parts: readonly Place[]): string {
    const fields = new Map<string, unknown[]>()
    let rows = 0
    for (const part of parts) {
      const columns = JSON.parse(this.#kept(part)) as [string, unknown[]][]
      for (const [name, values] of columns) {
        let all = fields.get(name)
        if (!all) fields.set(name, (all = []))
        if (all.length !== rows) throw damaged(`the samples of one line have different fields`)
        for (const value of values) all.push(value)
      }
      rows += columns[0]![1].length
    }
    for (const values of fields.values()) if (values.length !== rows) throw damaged(`the samples of one line have different fields`)
    return [...fields].map(([name, values]) => `${JSON.stringify(name)}:${JSON.stringify(values)}`).join(',')
  }

  close() {
    if (this.#fd === undefined) return
    ftruncateSync(this.#fd, 0)
    closeSync(this.#fd)
    this.#fd = undefined
  }
}

const equal = (a: Float64Array, b: Float64Array) =>
  a.length === b.length && Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength))

const number = (value: number) => (Number.isFinite(value) ? (Object.is(value, -0) ? '-0' : String(value)) : `"${value}"`)

function numbers(column: Float64Array): string {
  let text = '['
  for (let i = 0; i < column.length; i++) text += i === 0 ? number(column[0]!) : `,${number(column[i]!)}`
  return `${text}]`
}

function writeAll(fd: number, bytes: Uint8Array, at: number): number {
  let done = 0
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, at + done)
  return done
}

/** A journal that is being written by whoever is not its engine; what is gathered is written in large pieces. */
export class JournalWriter {
  readonly #fd: number
  #end: number
  #gathered: string[] = []
  #length = 0

  /** Goes on at an offset of a file that may be there; what lies beyond it goes. */
  constructor(path: string, end: number) {
    this.#fd = openSync(path, end > 0 ? 'r+' : 'w+')
    ftruncateSync(this.#fd, end)
    this.#end = end
  }

  write(line: string) {
    this.#gathered.push(line)
    this.#length += line.length
    if (this.#length > WRITTEN) this.flush()
  }

  flush() {
    if (this.#gathered.length === 0) return
    const bytes = Buffer.from(this.#gathered.join(''))
    this.#end += writeAll(this.#fd, bytes, this.#end)
    this.#gathered = []
    this.#length = 0
  }

  close() {
    this.flush()
    closeSync(this.#fd)
  }
}

import type { SampleValue } from '../ports'

const NULL = 0
/** The number of a value that belongs to another part. */
export const ELSEWHERE = -1
/** Whole numbers below are looked up without hashing: labels and predictions nearly always are some. */
const SMALL = 4096
/** Bytes of texts that are held at once. */
const MOST_BYTES = 1 << 26
const MOST_PARTS = 256

const [QUOTE, BACKSLASH, COMMA, MINUS, ZERO, NINE, SMALL_N] = [0x22, 0x5c, 0x2c, 0x2d, 0x30, 0x39, 0x6e]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]
const NO_BYTES = new Uint8Array(0)

/** More different values than may be held at once. */
export class TooManyValues extends Error {}

/**
 * The different values of sample fields, numbered from 1 in the order in which they come; null is 0. They are held as bytes in a few
 * typed arrays, about 40 a value, because a million texts as keys of a map would take a second and 150 MB. A value that stands after
 * the same one as it did before, as in another epoch's samples, is found without hashing it.
 */
export class DistinctValues {
  readonly #most: number
  readonly #part: number
  readonly #parts: number
  /** How many there are, null among them. */
  size = 1
  /** NaN for a text. */
  #numbers: Float64Array<ArrayBuffer>
  /** Where its JSON ends in the bytes; it begins where that of the one before ends. */
  #ends: Uint32Array<ArrayBuffer>
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024)
  /** Open addressing: pairs of a number, 0 where free, and its hash; side by side, so that most looks touch memory once. */
  #table: Int32Array<ArrayBuffer> = new Int32Array(0)
  /** While each text that came is longer than the one before, or as long and greater, as counted names are, none needs to be looked for. */
  #rising: boolean
  readonly #small = new Int32Array(SMALL)
  readonly #float = new Float64Array(1)
  readonly #halves = new Uint32Array(this.#float.buffer)
  #last = 0

  /** Holds at most so many, of one of several parts of all values; room is made for as many as are expected. */
  constructor(most: number, { expected = 32, part = 0, parts = 1 } = {}) {
    this.#most = most
    this.#part = part
    this.#parts = parts
    const room = 2 ** Math.ceil(Math.log2(Math.min(most, expected) + 1))
    this.#numbers = new Float64Array(room).fill(Number.NaN, 0, 1)
    this.#ends = new Uint32Array(room)
    this.#rising = parts === 1
    if (!this.#rising) this.#index()
  }

  number(value: number): number {
    if (value >= 0 && value < SMALL && Number.isInteger(value)) return (this.#small[value] ||= this.#number(value))
    return this.#number(value)
  }

  #number(value: number): number {
    if (!Number.isFinite(value)) {
      const text = Buffer.from(`"${value}"`)
      return this.text(text, 0, text.length)
    }
    const next = this.#next()
    if (next < this.size && this.#numbers[next] === value) return (this.#last = next)
    if (this.#rising) this.#index()
    // -0 is 0.
    this.#float[0] = value + 0
    const hash = mixed(Math.imul(this.#halves[0]!, 0x9e3779b1) ^ Math.imul(this.#halves[1]!, 0x85ebca77))
    if (this.#isElsewhere(hash)) return ELSEWHERE
    const table = this.#table
    const mask = table.length - 1
    let slot = (hash << 1) & mask
    for (let found; (found = table[slot]!) !== 0; slot = (slot + 2) & mask)
      if (table[slot + 1] === hash && this.#numbers[found] === value) return (this.#last = found)
    return this.#enter(slot, hash, this.#add(value, NO_BYTES, 0, 0))
  }

  /** The value whose JSON these bytes are; equal ones have the same bytes. */
  text(json: Uint8Array, from: number, to: number): number {
    if (this.#rising) {
      if (this.#rises(json, from, to)) return this.#add(Number.NaN, json, from, to)
      this.#index()
    }
    const hash = hashOf(json, from, to)
    if (this.#isElsewhere(hash)) return ELSEWHERE
    const table = this.#table
    const mask = table.length - 1
    let slot = (hash << 1) & mask
    for (let found; (found = table[slot]!) !== 0; slot = (slot + 2) & mask)
      if (table[slot + 1] === hash && this.#lengthOf(found) === to - from && this.#startsAt(json, from, found)) return (this.#last = found)
    return this.#enter(slot, hash, this.#add(Number.NaN, json, from, to))
  }

  /** The numbers of a list's entries, of which there are at most so many; as `JSON.stringify` writes it. */
  list(json: Uint8Array, most: number): Int32Array {
    const found = new Int32Array(most)
    for (let at = 1, i = 0; at < json.length && json[at] !== CLOSE_LIST; i++) {
      const next = this.#next()
      if (next < this.size && this.#lengthOf(next) > 0 && this.#startsAt(json, at, next)) {
        at += this.#lengthOf(next)
        found[i] = this.#last = next
      } else {
        const end = endOfValue(json, at)
        const first = json[at]!
        if (first === MINUS || (first >= ZERO && first <= NINE)) found[i] = this.number(Number(textOf(json, at, end)))
        else if (first !== SMALL_N) found[i] = this.text(json, at, end)
        at = end
      }
      if (json[at] === COMMA) at++
    }
    return found
  }

  value(number: number): SampleValue {
    if (number === NULL) return null
    const value = this.#numbers[number]!
    if (!Number.isNaN(value)) return value
    const text = textOf(this.#bytes, this.#ends[number - 1]!, this.#ends[number]!)
    // Lists and objects are told apart, and shown, by their JSON.
    return text.startsWith('[') || text.startsWith('{') ? text : (JSON.parse(text) as SampleValue)
  }

  /** What most likely comes: the one that followed before, and the first after the last. */
  #next = () => (this.#last + 1 < this.size ? this.#last + 1 : 1)

  #isElsewhere = (hash: number) => this.#parts > 1 && (hash >>> 24) % this.#parts !== this.#part

  /** Bytes of its JSON; none where it is a number. */
  #lengthOf = (number: number) => this.#ends[number]! - this.#ends[number - 1]!

  /** Whether these bytes go on with a text that is known. Its last byte, a quote or a bracket or the end of a word, ends a value. */
  #startsAt(json: Uint8Array, at: number, number: number): boolean {
    const bytes = this.#bytes
    const end = this.#ends[number]!
    for (let i = this.#ends[number - 1]!; i < end; i++, at++) if (bytes[i] !== json[at]) return false
    return true
  }

  #rises(json: Uint8Array, from: number, to: number): boolean {
    const last = this.size - 1
    if (last === NULL) return true
    const longer = to - from - this.#lengthOf(last)
    if (longer !== 0) return longer > 0
    for (let i = from, at = this.#ends[last - 1]!; i < to; i++, at++) {
      const by = json[i]! - this.#bytes[at]!
      if (by !== 0) return by > 0
    }
    return false
  }

  #add(value: number, json: Uint8Array, from: number, to: number): number {
    const number = this.size
    const begin = this.#ends[number - 1]!
    const end = begin + to - from
    if (number > this.#most || end > MOST_BYTES) throw new TooManyValues()
    if (number >= this.#ends.length) {
      this.#numbers = grown(this.#numbers, new Float64Array(this.#ends.length * 2))
      this.#ends = grown(this.#ends, new Uint32Array(this.#ends.length * 2))
    }
    if (end > this.#bytes.length) this.#bytes = grown(this.#bytes, new Uint8Array(Math.max(end, this.#bytes.length * 2)))
    for (let i = from, bytes = this.#bytes; i < to; i++) bytes[begin + i - from] = json[i]!
    this.#numbers[number] = value
    this.#ends[number] = end
    this.size++
    return (this.#last = number)
  }

  #enter(slot: number, hash: number, number: number): number {
    this.#table[slot] = number
    this.#table[slot + 1] = hash
    if (this.size * 4 > this.#table.length) this.#widen()
    return number
  }

  /** Makes the table, of the texts that came so far. */
  #index() {
    this.#rising = false
    this.#table = new Int32Array(this.#ends.length * 4)
    for (let number = 1; number < this.size; number++)
      place(this.#table, number, hashOf(this.#bytes, this.#ends[number - 1]!, this.#ends[number]!))
  }

  #widen() {
    const before = this.#table
    this.#table = new Int32Array(before.length * 4)
    for (let i = 0; i < before.length; i += 2) if (before[i] !== 0) place(this.#table, before[i]!, before[i + 1]!)
  }
}

function place(table: Int32Array, number: number, hash: number) {
  const mask = table.length - 1
  let slot = (hash << 1) & mask
  while (table[slot] !== 0) slot = (slot + 2) & mask
  table[slot] = number
  table[slot + 1] = hash
}

/**
 * Goes through all values at once; where those are more than may be held, anew for one part of them after another, so that memory
 * stays bounded and the answer is still exact.
 */
export function inParts<Result>(most: number, expected: number, work: (values: DistinctValues) => Result): Result[] {
  for (let parts = 1; ; parts *= 2) {
    try {
      return Array.from({ length: parts }, (_, part) => work(new DistinctValues(most, { expected: expected / parts, part, parts })))
    } catch (error) {
      if (!(error instanceof TooManyValues) || parts === MOST_PARTS) throw error
    }
  }
}

export function grown<Kind extends Float64Array | Uint32Array | Int32Array | Uint8Array>(column: Kind, larger: Kind): Kind {
  larger.set(column)
  return larger
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0x811c9dc5
  for (let i = from; i < to; i++) sum = Math.imul(sum ^ bytes[i]!, 0x01000193)
  return mixed(sum)
}

function mixed(sum: number): number {
  let hash = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

function endOfValue(json: Uint8Array, from: number): number {
  let depth = 0
  for (let i = from; i < json.length; i++) {
    const byte = json[i]
    if (byte === QUOTE) {
      for (i++; i < json.length && json[i] !== QUOTE; i++) if (json[i] === BACKSLASH) i++
      if (depth === 0) return i + 1
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      if (depth === 0) return i
      if (--depth === 0) return i + 1
    } else if (byte === COMMA && depth === 0) return i
  }
  return json.length
}

const textOf = (bytes: Uint8Array, from: number, to: number) => Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString()

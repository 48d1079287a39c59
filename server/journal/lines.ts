import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { signatureOf } from './runFiles'

export const LONGEST_LINE = 8 * 1024 * 1024
/** What is read at once: bounds the memory, and the time of a transaction. */
export const BLOCK = 4 * 1024 * 1024
const WINDOW = 4096

/** A whole line with its place; `text` is null where the line is too long to be read. */
export interface Line {
  readonly text: string | null
  /** Offset of the byte after its newline. */
  readonly end: number
}

/** An open journal. Reads whole lines only: what has no newline yet does not exist yet. */
export class JournalFile {
  readonly #fd: number
  #size = 0
  #signature = ''
  /** Filled again by each block: lines are texts of their own. */
  #block = Buffer.alloc(0)

  constructor(path: string) {
    this.#fd = openSync(path, 'r')
    this.lookAgain()
  }

  /** How long it was when it was looked at last; what was written since does not exist yet. */
  get size(): number {
    return this.#size
  }

  /** Changes whenever the file does, or is another. */
  get signature(): string {
    return this.#signature
  }

  lookAgain() {
    const stat = fstatSync(this.#fd)
    this.#size = stat.size
    this.#signature = signatureOf(stat)
  }

  #read(from: number, length: number, buffer = Buffer.allocUnsafe(length)): Buffer {
    let at = 0
    while (at < length) {
      const n = readSync(this.#fd, buffer, at, length - at, from + at)
      if (n === 0) break
      at += n
    }
    return buffer.subarray(0, at)
  }

  /** Tells whether the bytes before an offset are still those that were read: their beginning and their end. */
  hashBefore(offset: number): string {
    const hash = createHash('sha256')
    hash.update(this.#read(0, Math.min(WINDOW, offset)))
    const from = Math.max(0, offset - WINDOW)
    hash.update(this.#read(from, offset - from))
    return hash.digest('hex').slice(0, 32)
  }

  /** Whole lines from an offset on, at most a block of them, so memory stays bounded however long the journal is. */
  lines(offset: number): Line[] {
    const length = Math.max(0, Math.min(BLOCK, this.size - offset))
    if (this.#block.length < length) this.#block = Buffer.allocUnsafe(length)
    const block = this.#read(offset, length, this.#block)
    const lines = split(block, offset)
    if (lines.length > 0 || block.length < BLOCK) return lines
    // One line fills the whole block: take it alone, or pass over it when it is too long.
    const longer = this.#read(offset, Math.min(LONGEST_LINE + 1, this.size - offset))
    const newline = longer.indexOf(10)
    if (newline >= 0) return [{ text: longer.toString('utf8', 0, newline), end: offset + newline + 1 }]
    for (let at = offset + longer.length; at < this.size; at += BLOCK) {
      const found = this.#read(at, Math.min(BLOCK, this.size - at)).indexOf(10)
      if (found >= 0) return [{ text: null, end: at + found + 1 }]
    }
    return []
  }

  close() {
    closeSync(this.#fd)
  }
}

function split(block: Buffer, offset: number): Line[] {
  const lines: Line[] = []
  for (let from = 0; ;) {
    const newline = block.indexOf(10, from)
    if (newline < 0) return lines
    lines.push({ text: block.toString('utf8', from, newline), end: offset + newline + 1 })
    from = newline + 1
  }
}

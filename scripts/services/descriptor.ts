import { readFileSync, writeFileSync } from 'node:fs'
import { crc32, inflateRawSync } from 'node:zlib'

const DESCRIPTOR = 'module-info.class'
const END = 0x06054b50
const ENTRY = 0x02014b50
const STORED = 0
const DEFLATED = 8
/** Bytes of the entries in a class's pool of constants, by their tag; a text tells its own. */
const SIZES: Readonly<Record<number, number>> = {
  3: 4,
  4: 4,
  5: 8,
  6: 8,
  7: 2,
  8: 2,
  9: 4,
  10: 4,
  11: 4,
  12: 4,
  15: 3,
  16: 2,
  17: 4,
  18: 4,
  19: 2,
  20: 2,
}

/** Takes modules out of those that a jar's module requires: a smaller Java does not have them, and would not start it. */
export function requireLess(jar: string, unwanted: readonly string[]): void {
  writeFileSync(
    jar,
    replaceEntry(readFileSync(jar), DESCRIPTOR, (descriptor) => without(descriptor, unwanted)),
  )
}

function replaceEntry(zip: Buffer, name: string, change: (data: Buffer) => Buffer): Buffer {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]))
  if (end < 0 || zip.readUInt32LE(end) !== END) throw new Error('It is no archive.')
  const list = zip.readUInt32LE(end + 16)
  for (let at = list; at < end && zip.readUInt32LE(at) === ENTRY;) {
    const [nameLength, extra, comment] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30), zip.readUInt16LE(at + 32)]
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const header = zip.readUInt32LE(at + 42)
      const begin = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28)
      const packed = zip.subarray(begin, begin + zip.readUInt32LE(at + 20))
      const method = zip.readUInt16LE(at + 10)
      if (method !== STORED && method !== DEFLATED) throw new Error(`${name} is packed in a way that is not known.`)
      const data = change(method === STORED ? packed : inflateRawSync(packed))
      // Its new form comes after all others, and the list of entries after that. The old one is no longer in the list.
      const local = Buffer.from(zip.subarray(header, begin))
      const entries = Buffer.from(zip.subarray(list, end))
      const tail = Buffer.from(zip.subarray(end))
      describe(local, 6, data)
      describe(entries, at - list + 8, data)
      entries.writeUInt32LE(list, at - list + 42)
      tail.writeUInt32LE(list + local.length + data.length, 16)
      return Buffer.concat([zip.subarray(0, list), local, data, entries, tail])
    }
    at += 46 + nameLength + extra + comment
  }
  throw new Error(`There is no ${name} in it.`)
}

/** Flags, method, time, checksum and sizes stand in the same order in both places. */
function describe(header: Buffer, at: number, data: Buffer): void {
  header.writeUInt16LE(0, at)
  header.writeUInt16LE(STORED, at + 2)
  header.writeUInt32LE(crc32(data), at + 8)
  header.writeUInt32LE(data.length, at + 12)
  header.writeUInt32LE(data.length, at + 16)
}

function without(data: Buffer, unwanted: readonly string[]): Buffer {
  const texts = new Map<number, string>()
  const names = new Map<number, number>()
  let at = 10
  for (let index = 1, count = data.readUInt16BE(8); index < count; index++) {
    const tag = data[at++]!
    if (tag === 1) {
      const length = data.readUInt16BE(at)
      texts.set(index, data.toString('utf8', at + 2, at + 2 + length))
      at += 2 + length
    } else {
      if (tag === 19) names.set(index, data.readUInt16BE(at))
      at += SIZES[tag]!
      // Long numbers take two places.
      if (tag === 5 || tag === 6) index++
    }
  }
  // Flags, class and the one above; no interfaces, fields or methods.
  at += 12
  const attributes = data.readUInt16BE(at)
  at += 2
  for (let i = 0; i < attributes; i++) {
    const [length, body] = [data.readUInt32BE(at + 2), at + 6]
    if (texts.get(data.readUInt16BE(at)) === 'Module') {
      const [required, begin] = [data.readUInt16BE(body + 6), body + 8]
      const entries = Array.from({ length: required }, (_, j) => data.subarray(begin + 6 * j, begin + 6 * j + 6))
      const kept = entries.filter((entry) => !unwanted.includes(texts.get(names.get(entry.readUInt16BE(0))!)!))
      const head = Buffer.from(data.subarray(at, begin))
      head.writeUInt32BE(length - 6 * (required - kept.length), 2)
      head.writeUInt16BE(kept.length, body + 6 - at)
      return Buffer.concat([data.subarray(0, at), head, ...kept, data.subarray(begin + 6 * required)])
    }
    at = body + length
  }
  throw new Error('It describes no module.')
}

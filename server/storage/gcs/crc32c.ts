// The client's own goes byte by byte, and is slower than a disk. Eight tables take eight bytes at a time.
const tables = new Int32Array(8 * 256)
for (let byte = 0; byte < 256; byte++) {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  tables[byte] = value
}
for (let at = 256; at < tables.length; at++) tables[at] = (tables[at - 256]! >>> 8) ^ tables[tables[at - 256]! & 0xff]!

/** The checksum that Google Cloud Storage keeps of every object. */
export class Crc32c {
  #state = -1

  update(bytes: Uint8Array): this {
    let crc = this.#state
    let at = 0
    for (const end = bytes.length - 7; at < end; at += 8) {
      crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
      crc =
        tables[0x700 | (crc & 0xff)]! ^
        tables[0x600 | ((crc >>> 8) & 0xff)]! ^
        tables[0x500 | ((crc >>> 16) & 0xff)]! ^
        tables[0x400 | (crc >>> 24)]! ^
        tables[0x300 | bytes[at + 4]!]! ^
        tables[0x200 | bytes[at + 5]!]! ^
        tables[0x100 | bytes[at + 6]!]! ^
        tables[bytes[at + 7]!]!
    }
    for (; at < bytes.length; at++) crc = tables[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
    this.#state = crc
    return this
  }

  /** As the server writes it: base64 of four bytes, the most significant first. */
  digest(): string {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(~this.#state)
    return bytes.toString('base64')
  }
}

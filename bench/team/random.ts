import { createHash, randomFillSync } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'

/** A file of so many bytes that nothing can press together, and its SHA-256. */
export function writeRandom(path: string, bytes: number): string {
  const fd = openSync(path, 'w')
  const hash = createHash('sha256')
  const block = Buffer.alloc(2 ** 20)
  for (let at = 0; at < bytes; at += block.length) {
    const part = randomFillSync(block).subarray(0, Math.min(block.length, bytes - at))
    hash.update(part)
    writeSync(fd, part)
  }
  closeSync(fd)
  return hash.digest('hex')
}

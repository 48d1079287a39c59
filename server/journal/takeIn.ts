import { createHash } from 'node:crypto'
import { chmodSync, closeSync, constants, existsSync, linkSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { flush } from './runFiles'

export function hashFile(path: string): { sha256: string; bytes: number } {
  const fd = openSync(path, constants.O_RDONLY)
  try {
    const hash = createHash('sha256')
    const block = Buffer.allocUnsafe(4 * 1024 * 1024)
    let bytes = 0
    for (;;) {
      const n = readSync(fd, block, 0, block.length, null)
      if (n === 0) return { sha256: hash.digest('hex'), bytes }
      hash.update(block.subarray(0, n))
      bytes += n
    }
  } finally {
    closeSync(fd)
  }
}

/** Takes a verified file into the content-addressed folder; the run's own name goes only after the store knows. */
export function takeIn(from: string, to: string) {
  if (!existsSync(to)) {
    mkdirSync(dirname(to), { recursive: true })
    try {
      linkSync(from, to)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EEXIST') renameSync(from, to) // no hard links here
    }
  }
  // Read-only once it is flushed: Windows flushes nothing that is.
  if (statSync(to).mode & 0o222) {
    flush(to)
    chmodSync(to, 0o444)
  }
  flush(dirname(to))
}

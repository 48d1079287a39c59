import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What was used so recently may be about to be linked by another process. */
const IN_USE_MS = 60_000

/** Weights files that were brought here, by their hashes; what was not used for longest goes first. */
export class Cache {
  readonly folder: string
  readonly #most: number
  /** What this process is just placing, and how often. */
  readonly #held = new Map<string, number>()

  constructor(folder: string, most: number) {
    this.folder = folder
    this.#most = most
  }

  file(sha256: string): string {
    return join(this.folder, sha256.slice(0, 2), sha256)
  }

  /** Where a file lies, if it is here; it counts as used now. */
  find(sha256: string): string | undefined {
    const file = this.file(sha256)
    if (!existsSync(file)) return undefined
    this.used(sha256)
    return file
  }

  /** Noted beside the file: its own times are those of every other name that it has. */
  used(sha256: string) {
    const note = join(this.folder, 'used', sha256)
    const now = new Date()
    try {
      utimesSync(note, now, now)
    } catch {
      try {
        mkdirSync(join(this.folder, 'used'), { recursive: true })
        writeFileSync(note, '')
      } catch {
        // A cache that can only be read is used all the same.
      }
    }
  }

  /** Keeps a file while something is done with it. */
  async holding<Result>(sha256: string, work: () => Promise<Result>): Promise<Result> {
    this.#held.set(sha256, (this.#held.get(sha256) ?? 0) + 1)
    try {
      return await work()
    } finally {
      const left = this.#held.get(sha256)! - 1
      if (left === 0) this.#held.delete(sha256)
      else this.#held.set(sha256, left)
    }
  }

  /** Lets go of files until so many bytes more are within the limit. */
  makeRoom(bytes: number) {
    const files = this.#files()
    let sum = files.reduce((all, file) => all + file.bytes, bytes)
    if (sum <= this.#most) return
    const now = Date.now()
    for (const { sha256, path, used, bytes: freed } of files.sort((a, b) => a.used - b.used)) {
      if (sum <= this.#most) return
      if (this.#held.has(sha256) || now - used < IN_USE_MS) continue
      rmSync(path, { force: true })
      rmSync(join(this.folder, 'used', sha256), { force: true })
      sum -= freed
    }
  }

  /** Bytes that the cache's disk has left; undefined where that can't be told. */
  free(): number | undefined {
    try {
      const { bavail, bsize } = statfsSync(this.folder)
      return bavail * bsize
    } catch {
      return undefined
    }
  }

  #files() {
    const names = (folder: string) => {
      try {
        return readdirSync(join(this.folder, folder))
      } catch {
        return []
      }
    }
    return names('.')
      .filter((shelf) => /^[0-9a-f]{2}$/.test(shelf))
      .flatMap((shelf) => names(shelf))
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .flatMap((sha256) => {
        const path = this.file(sha256)
        const stat = statSync(path, { throwIfNoEntry: false })
        if (!stat) return []
        const used = statSync(join(this.folder, 'used', sha256), { throwIfNoEntry: false })
        return [{ sha256, path, bytes: stat.size, used: used?.mtimeMs ?? stat.mtimeMs }]
      })
  }
}

import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { processGone } from '../../journal/liveness'

/** A file that nobody wrote to for so long is nobody's, whatever its name says. */
const ABANDONED_MS = 3600_000
/** So old, nobody goes on with it. */
const STALE_MS = 7 * 24 * 3600_000
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
let last = 0

/** Files that one piece of work has for itself, `<key>.<owner>`, and that another takes over where that came to nothing. */
export class Claims {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The path of a file of one's own: the longest that somebody left behind, or one that is not there yet. */
  claim(key: string): string {
    mkdirSync(this.#folder, { recursive: true })
    const own = join(this.#folder, `${key}.${host}-${process.pid}-${threadId}-${++last}`)
    const left = this.#files(key)
      .filter(({ owner, age }) => owner === 'free' || age > ABANDONED_MS || ownerGone(owner))
      .sort((a, b) => b.bytes - a.bytes)
    const taken = left.find(({ path }) => {
      try {
        renameSync(path, own)
        // From now on it is somebody's, however long nobody wrote to it.
        utimesSync(own, new Date(), new Date())
        return true
      } catch {
        return false // another was quicker
      }
    })
    for (const { path } of left) if (path !== taken?.path) rmSync(path, { force: true })
    return own
  }

  /** Leaves the file to whoever goes on. */
  release(key: string, own: string) {
    try {
      renameSync(own, join(this.#folder, `${key}.free`))
    } catch {
      // It was never written.
    }
  }

  remove(own: string) {
    rmSync(own, { force: true })
  }

  /** Takes away what nobody will go on with. */
  sweep() {
    for (const { path, age } of this.#files()) if (age > STALE_MS) rmSync(path, { force: true })
  }

  #files(key?: string) {
    let names: readonly string[]
    try {
      names = readdirSync(this.#folder)
    } catch {
      return []
    }
    return names.flatMap((name) => {
      const [begin, owner] = name.split('.')
      if (owner === undefined || (key !== undefined && begin !== key)) return []
      const path = join(this.#folder, name)
      const stat = statSync(path, { throwIfNoEntry: false })
      return stat ? [{ path, owner, bytes: stat.size, age: Date.now() - stat.mtimeMs }] : []
    })
  }
}

function ownerGone(owner: string): boolean {
  const [where, pid] = owner.split('-')
  return where === host && Number.isInteger(Number(pid)) && processGone(Number(pid))
}

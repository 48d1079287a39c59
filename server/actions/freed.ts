import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The bytes that removing a file or a folder gives back. */
export type Freed = (path: string) => number

/**
 * Asked of each path before it is removed, or would be: a file with several names gives its bytes back with the last of them,
 * so a dry run and a real one come to the same sum.
 */
export function freedBytes(): Freed {
  const namesLeft = new Map<string, number>()
  const ofFile = (path: string) => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat) return 0
    const file = `${stat.dev}:${stat.ino}`
    const left = (namesLeft.get(file) ?? stat.nlink) - 1
    namesLeft.set(file, left)
    return left === 0 ? stat.size : 0
  }
  return (path) => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat?.isDirectory()) return stat ? ofFile(path) : 0
    return readdirSync(path, { recursive: true, withFileTypes: true }).reduce(
      (sum, entry) => sum + (entry.isFile() ? ofFile(join(entry.parentPath, entry.name)) : 0),
      0,
    )
  }
}

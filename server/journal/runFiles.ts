import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'

/** Where everything lies inside a `.epochtree` folder. */
export const folders = (dir: string) => ({
  store: join(dir, 'store.sqlite'),
  weights: join(dir, 'weights'),
  names: join(dir, 'names'),
  runs: join(dir, 'runs'),
  run: (id: string) => join(dir, 'runs', id),
  weightsFile: (sha256: string) => join(dir, 'weights', sha256.slice(0, 2), sha256),
})

/** Makes a file, or the names in a folder, survive a power cut. On Windows the file must not be read-only yet. */
export function flush(path: string) {
  const windows = process.platform === 'win32'
  // Windows has no way to flush a folder, and refuses to open it; a file it flushes only for who may write it.
  if (windows && lstatSync(path).isDirectory()) return
  const fd = openSync(path, windows ? 'r+' : 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Replaces a file in one step that survives a power cut. */
export function writeDurably(path: string, text: string) {
  const temporary = `${path}.${process.pid}.tmp`
  const fd = openSync(temporary, 'w')
  try {
    writeFileSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
  flush(dirname(path))
}

export const signatureOf = ({ size, mtimeMs, ctimeMs, ino }: Pick<Stats, 'size' | 'mtimeMs' | 'ctimeMs' | 'ino'>) =>
  `${size}:${mtimeMs}:${ctimeMs}:${ino}`

/** Tells whether a file changed; empty when there is none that can be looked at. */
export const signature = (path: string): string => {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat ? signatureOf(stat) : ''
  } catch {
    return ''
  }
}

/** Where a path named by a journal leads; undefined when it leaves the run folder, or goes through a link. */
export function insideRun(run: string, file: string): string | undefined {
  if (isAbsolute(file) || /^[A-Za-z]:/.test(file)) return undefined
  const parts = file.split(/[/\\]/)
  if (parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) return undefined
  let path = run
  for (const part of parts) {
    path = join(path, part)
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return undefined
  }
  return path
}

export function removeQuietly(path: string) {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Bytes of session.json, and of what people decided beside it. */
export const LARGEST_SESSION_FILE = 8 * 1024 * 1024

export const readText = (path: string, most: number): string => {
  if (lstatSync(path).size > most) throw new Error(`it is larger than ${most} bytes`)
  return readFileSync(path, 'utf8')
}

/** In a folder that can only be read the store answers all the same, from the user's cache. */
export function tryWriting(write: () => void) {
  try {
    write()
  } catch (error) {
    if (!['EROFS', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

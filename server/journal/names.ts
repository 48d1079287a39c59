import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject } from '../json'
import { folders, tryWriting } from './runFiles'

const NAMES_TRIED_ONE_BY_ONE = 16

export const nameFile = (dir: string, name: string) =>
  join(folders(dir).names, createHash('sha256').update(name.normalize('NFC')).digest('hex'))

type Taken = (name: string) => boolean
const notKnown: Taken = () => false

/**
 * Takes the first free name by exclusive creation, so that two creators at one moment get two names.
 * Where nothing can be created, `taken` tells the names that others have.
 */
export function reserveName(dir: string, base: string, sessionId: string, taken: Taken = notKnown): string {
  tryWriting(() => mkdirSync(folders(dir).names, { recursive: true }))
  return firstOf(
    base,
    (name) => takeName(dir, name, sessionId, taken),
    (name) => existsSync(nameFile(dir, name)),
  )
}

/** The name that would be taken now. */
export function freeName(dir: string, base: string): string {
  const taken: Taken = (name) => existsSync(nameFile(dir, name))
  return firstOf(base, (name) => !taken(name), taken)
}

/** The first name that nobody has, without reserving it: for a folder that is only read. */
export const unreservedName = (base: string, taken: Taken): string => firstOf(base, (name) => !taken(name), taken)

function firstOf(base: string, take: (name: string) => boolean, taken: Taken): string {
  const name = (n: number) => (n === 1 ? base : `${base}-${n}`)
  let n = 1
  for (; n <= NAMES_TRIED_ONE_BY_ONE; n++) if (take(name(n))) return name(n)
  // Ten thousand sessions of one model do not cost ten thousand tries: doubled until one is free, then halved.
  let last = n - 1
  let free = last * 2
  while (taken(name(free))) [last, free] = [free, free * 2]
  while (free - last > 1) {
    const middle = Math.floor((last + free) / 2)
    if (taken(name(middle))) last = middle
    else free = middle
  }
  for (; ; free++) if (take(name(free))) return name(free)
}

/** False when another session has the name. */
export function takeName(dir: string, name: string, sessionId: string, taken: Taken = notKnown): boolean {
  const path = nameFile(dir, name)
  try {
    const fd = openSync(path, 'wx')
    writeFileSync(fd, JSON.stringify({ name, sessionId }))
    closeSync(fd)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EROFS' || code === 'EACCES') return existsSync(path) ? holderOf(path) === sessionId : !taken(name)
    if (code !== 'EEXIST') throw error
    return holderOf(path) === sessionId
  }
}

/** Whether a session may take a name, or has it already. */
export const isFreeFor = (dir: string, name: string, sessionId: string): boolean => {
  const path = nameFile(dir, name)
  return !existsSync(path) || holderOf(path) === sessionId
}

function holderOf(path: string): unknown {
  try {
    const held: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isObject(held) ? held['sessionId'] : undefined
  } catch {
    return undefined // being written at this moment
  }
}

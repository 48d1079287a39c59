import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { EpochtreeError, onlyRead } from '../errors'
import { isObject } from '../json'
import type { LocalDatabase } from '../storage/local/database'
import type { Marks } from '../storage/ports'
import { nameProblem, mendName } from '../tracking/reference'
import { nameFile, takeName } from './names'
import { folders, readText, removeQuietly, writeDurably } from './runFiles'
import { takeSession } from './session'

const LARGEST = 8 * 1024 * 1024

/** What is written down beside people's decisions, by `gc` and by whoever hands them on to a team. */
export interface Remains {
  /** What both sides agreed on last, of a session that a team knows. */
  readonly agreed?: Required<Marks> & { readonly team: string; readonly alias?: string }
  readonly collected?: number
  readonly collectedLine?: number
  readonly released?: readonly string[]
  readonly discarded?: readonly string[]
}

/** marks.json and the store's row change in one transaction, so deciders in several processes come one after another. */
export function mark(db: LocalDatabase, dir: string, sessionId: string, change: Marks & Remains) {
  if (db.folderIsReadOnly) throw onlyRead()
  const path = join(folders(dir).run(sessionId), 'marks.json')
  const former = db.transaction(() => {
    const marks = readMarks(path)
    const { name } = change
    if (name !== undefined && !takeName(dir, name, sessionId))
      throw new EpochtreeError('bad-name', `Another session has the name "${name}". Choose another, for example "${name}-2".`)
    writeDurably(path, JSON.stringify({ ...marks, ...change }))
    const before = db.get<{ name: string }>('SELECT name FROM session WHERE id = ?', sessionId)?.name
    takeSession(db, dir, sessionId)
    return name !== undefined && before !== name ? before : undefined
  })
  if (former !== undefined) removeQuietly(nameFile(dir, former))
}

/** Refuses what can't be a session's name, with one that can. */
export function checkName(name: string): string {
  const normal = name.normalize('NFC')
  const problem = nameProblem(normal)
  if (problem) throw new EpochtreeError('bad-name', `${problem} "${mendName(name).slice(0, 80)}" would do.`)
  return normal
}

function readMarks(path: string): Record<string, unknown> {
  if (!existsSync(path)) return {}
  try {
    const marks: unknown = JSON.parse(readText(path, LARGEST))
    if (isObject(marks)) return marks
  } catch {
    // Kept below, for whoever wants to mend it by hand.
  }
  renameSync(path, `${path}.damaged`)
  return {}
}

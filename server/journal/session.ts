import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type * as z from 'zod/mini'
import { isShallow } from '../json'
import type { LocalDatabase } from '../storage/local/database'
import { mendName } from '../tracking/reference'
import { reserveName, unreservedName } from './names'
import { forget, report } from './problems'
import { folders, LARGEST_SESSION_FILE, readText, signature, tryWriting, writeDurably } from './runFiles'
import * as schema from './schema'

/** What a date can hold. */
const LATEST_SECONDS = 8.64e12
export const TOO_DEEP = 'It is nested deeper than 100 levels and was passed over.'

/** False when the folder holds no session (yet). */
export function readSession(db: LocalDatabase, dir: string, id: string): boolean {
  const run = folders(dir).run(id)
  // Looked at before its files: whatever changes while they are read is seen the next time.
  const folder = signature(run)
  const known = db.get<{ folder: string; file: string; marks: string }>(
    'SELECT folder_signature folder, file_signature file, marks_signature marks FROM session WHERE id = ?',
    id,
  )
  const file = signature(join(run, 'session.json'))
  if (!file) return known !== undefined
  const same = known?.file === file && known.marks === signature(join(run, 'marks.json'))
  if (same && known.folder === folder) return true
  return db.transaction(() => {
    const taken = same || takeSession(db, dir, id)
    if (taken) db.run('UPDATE session SET folder_signature = ? WHERE id = ?', folder, id)
    return taken || known !== undefined
  })
}

const holds = (db: LocalDatabase, name: string, otherThan: string) =>
  db.get('SELECT 1 FROM session WHERE name = ? AND id <> ?', name, otherThan) !== undefined

/** Takes session.json and marks.json as they are now; call it inside a transaction. */
export function takeSession(db: LocalDatabase, dir: string, id: string): boolean {
  const run = folders(dir).run(id)
  // Looked at before they are read: whatever changes meanwhile is seen the next time.
  const fileSignature = signature(join(run, 'session.json'))
  let marksSignature = signature(join(run, 'marks.json'))
  forget(db, id, 'session.json')
  forget(db, id, 'marks.json')
  const file = parseFile(db, id, run, 'session.json', schema.sessionFile)
  if (!file) return false
  if (file.sessionId !== id) {
    report(db, id, 'session.json', 0, `It names the session ${file.sessionId}, but lies in the folder of ${id}.`)
    return false
  }
  const readable = parseFile(db, id, run, 'marks.json', schema.marksFile)
  // Damaged ones are looked at again until they are mended, and never written over.
  const damaged = readable === undefined && existsSync(join(run, 'marks.json'))
  const marks = readable ?? {}
  const wanted = marks.name ?? file.name ?? file.modelName
  const taken = (one: string) => holds(db, one, id)
  const name = file.evaluates
    ? null
    : db.folderIsReadOnly
      ? unreservedName(mendName(wanted), taken)
      : reserveName(dir, mendName(wanted), id, taken)
  if (name !== null && name !== (marks.name ?? file.name) && !damaged && !db.folderIsReadOnly) {
    // Kept, so that the store built again gives the same name.
    tryWriting(() => writeDurably(join(run, 'marks.json'), JSON.stringify({ ...marks, name })))
    marksSignature = signature(join(run, 'marks.json'))
  }
  const told = typeof file.createdAt === 'string' ? Date.parse(file.createdAt) / 1000 : (file.createdAt ?? Number.NaN)
  const created = Math.abs(told) <= LATEST_SECONDS ? told : parseInt(id.slice(0, 8), 16)
  const values = [
    name,
    file.modelName,
    created,
    file.key ?? null,
    file.forkedFrom?.sessionId ?? null,
    file.forkedFrom?.epochId ?? null,
    file.forkedFrom?.epochNumber ?? null,
    file.evaluates ? JSON.stringify(file.evaluates) : null,
    JSON.stringify(file.overrides ?? {}),
    file.command ? JSON.stringify(file.command) : null,
    JSON.stringify(marks.tags ?? file.tags ?? []),
    marks.selected ?? null,
    marks.deleted ?? null,
    JSON.stringify(file.tags?.length ? { ...marks, made: file.tags } : marks),
    fileSignature,
    damaged ? '' : marksSignature,
    file.pulled ? JSON.stringify(file.pulled) : null,
  ]
  // A name that moved on from another session, whose own change is read later.
  if (name !== null) db.run("UPDATE session SET name = NULL, marks_signature = '' WHERE name = ? AND id <> ?", name, id)

  db.run(
    `INSERT INTO session(id, name, model, created, key, fork_session, fork_epoch, fork_number, evaluates, overrides, command, tags, selected, deleted, marks, file_signature, marks_signature, pulled)
     VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT(id) DO UPDATE SET name = excluded.name, model = excluded.model, key = excluded.key, overrides = excluded.overrides, command = excluded.command, tags = excluded.tags, selected = excluded.selected,
       deleted = excluded.deleted, marks = excluded.marks, file_signature = excluded.file_signature, marks_signature = excluded.marks_signature, pulled = excluded.pulled`,
    id,
    ...values,
  )
  if (marks.released?.length)
    db.run('UPDATE epoch SET released = 1 WHERE session = ? AND id IN (SELECT value FROM json_each(?))', id, JSON.stringify(marks.released))
  return true
}

function parseFile<Type extends z.ZodMiniType>(
  db: LocalDatabase,
  id: string,
  run: string,
  name: string,
  type: Type,
): z.infer<Type> | undefined {
  const path = join(run, name)
  if (!existsSync(path)) return undefined
  try {
    const content: unknown = JSON.parse(readText(path, LARGEST_SESSION_FILE))
    const parsed = isShallow(content) ? type.safeParse(content) : undefined
    if (parsed?.success) return parsed.data
    report(db, id, name, 0, parsed ? schema.complaint(parsed.error) : TOO_DEEP)
  } catch (error) {
    report(db, id, name, 0, `It is not readable: ${(error as Error).message}`)
  }
  return undefined
}

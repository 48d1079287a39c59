import { existsSync, readdirSync } from 'node:fs'
import { sep } from 'node:path'
import type { LocalDatabase } from '../storage/local/database'
import { folders, signature } from './runFiles'

const SESSION_ID = /^[0-9a-f]{24}$/

type Known = readonly [id: string, file: string, marks: string, journal: string | null]

/** The sessions whose files are not what they were when they were read: one look at each of three files, because ten thousand are looked at before every answer. */
export function changedSessions(db: LocalDatabase, dir: string): string[] {
  const { runs } = folders(dir)
  if (!existsSync(runs)) return []
  const known = new Map<string, Known>()
  for (const row of db.rows<Known>(
    'SELECT s.id, s.file_signature, s.marks_signature, p.signature FROM session s LEFT JOIN place p ON p.session = s.id',
  ))
    known.set(row[0], row)
  return readdirSync(runs)
    .filter((id) => {
      if (!SESSION_ID.test(id)) return false
      const before = known.get(id)
      if (!before) return true
      const run = runs + sep + id + sep
      const [, file, marks, journal] = before
      return (
        (journal ?? '') !== signature(`${run}journal.jsonl`) ||
        file !== signature(`${run}session.json`) ||
        marks !== signature(`${run}marks.json`)
      )
    })
    .sort()
}

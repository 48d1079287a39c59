import { existsSync, readdirSync } from 'node:fs'
import { sep } from 'node:path'
import type { LocalDatabase } from '../storage/local/database'
import { folders, signature } from './runFiles'

const SESSION_ID = /^[0-9a-f]{24}$/

type Known = readonly [id: string, folder: string, journal: string | null, file: string | null, marks: string | null]

/**
 * The sessions whose files are not what they were when they were read. Ten thousand are looked at before every answer, so of one that is
 * finished only the journal and the folder are, which tells any file that was replaced. `closely` looks at each file, and notices one that
 * was edited in place.
 */
export function changedSessions(db: LocalDatabase, dir: string, closely = false): string[] {
  const { runs } = folders(dir)
  if (!existsSync(runs)) return []
  const known = new Map<string, Known>()
  for (const row of db.rows<Known>(
    `SELECT s.id, s.folder_signature, p.signature, iif(?1 OR s.finished IS NULL, s.file_signature, NULL), iif(?1 OR s.finished IS NULL, s.marks_signature, NULL)
     FROM session s LEFT JOIN place p ON p.session = s.id`,
    closely ? 1 : 0,
  ))
    known.set(row[0], row)
  return readdirSync(runs)
    .filter((id) => {
      if (!SESSION_ID.test(id)) return false
      const before = known.get(id)
      if (!before) return true
      const run = runs + sep + id
      const [, folder, journal, file, marks] = before
      return (
        folder !== signature(run) ||
        (journal ?? '') !== signature(`${run}${sep}journal.jsonl`) ||
        (file !== null && file !== signature(`${run}${sep}session.json`)) ||
        (marks !== null && marks !== signature(`${run}${sep}marks.json`))
      )
    })
    .sort()
}

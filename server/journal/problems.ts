import type { LocalDatabase } from '../storage/local/database'

/** Keeps what is wrong with a run, so that the rest of it goes on. */
export function report(db: LocalDatabase, session: string, file: string, line: number, message: string) {
  if (db.run('INSERT OR IGNORE INTO problem(session, file, line, message) VALUES(?, ?, ?, ?)', session, file, line, message) > 0)
    count(db, session)
}

const count = (db: LocalDatabase, session: string) =>
  db.run('UPDATE session SET problems = (SELECT count(*) FROM problem WHERE session = ?1) WHERE id = ?1', session)

/** What was wrong with a file as a whole, before it is read again. */
export function forget(db: LocalDatabase, session: string, file: string) {
  if (db.run('DELETE FROM problem WHERE session = ? AND file = ? AND line = 0', session, file) > 0) count(db, session)
}

/** The one thing that is wrong with something as a whole, in the place of what was wrong before; nothing where it is undefined. */
export function setProblem(db: LocalDatabase, session: string, file: string, message: string | undefined) {
  const before = db.rows<readonly [string]>('SELECT message FROM problem WHERE session = ? AND file = ?', session, file)
  if (before.length === (message === undefined ? 0 : 1) && before[0]?.[0] === message) return
  db.transaction(() => {
    db.run('DELETE FROM problem WHERE session = ? AND file = ?', session, file)
    if (message !== undefined && db.get('SELECT 1 FROM session WHERE id = ?', session))
      db.run('INSERT INTO problem(session, file, line, message) VALUES(?, ?, 0, ?)', session, file, message)
    count(db, session)
  })
}

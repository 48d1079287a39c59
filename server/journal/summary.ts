import type { LocalDatabase } from '../storage/local/database'

/** What lists show of a session, kept beside it so that ten thousand are listed without touching their epochs. */
export function summarizeSession(db: LocalDatabase, id: string) {
  const own = db.get<{ n: number }>("SELECT count(*) n FROM epoch WHERE session = ? AND state IN ('ok', 'verifying')", id)!.n
  const latest = db.get<{ id: string; number: number }>(
    "SELECT id, number FROM epoch WHERE session = ? AND state IN ('ok', 'verifying') ORDER BY number DESC LIMIT 1",
    id,
  )
  const open = db.get<{ id: string; number: number }>(
    "SELECT id, number FROM epoch WHERE session = ? AND state = 'open' ORDER BY row DESC LIMIT 1",
    id,
  )
  db.run(
    'UPDATE session SET own = ?, latest = ?, latest_number = ?, open = ?, open_number = ? WHERE id = ?',
    own,
    latest?.id ?? null,
    latest?.number ?? null,
    open?.id ?? null,
    open?.number ?? null,
    id,
  )
}

/** How many of its epochs a team has, after some of them went. */
export function recountHanded(db: LocalDatabase, id: string) {
  db.run(
    "UPDATE session SET handed = (SELECT count(*) FROM epoch WHERE session = ?1 AND team = 4 AND state IN ('ok', 'verifying')) WHERE id = ?1 AND handed > 0",
    id,
  )
}

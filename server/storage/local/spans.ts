import type { Clock, Scope, Spans } from '../ports'
import type { LocalDatabase } from './database'
import { rowList, scopeRows } from './documents'

export const clock = (db: LocalDatabase, scope: Scope): Clock =>
  columns(db, scope, { started: 'started', begun: 'begun', committed: 'committed' })

export const spans = (db: LocalDatabase, scope: Scope): Spans =>
  columns(db, scope, { firstStep: 'first_step', lastStep: 'last_step', firstTime: 'first_time', lastTime: 'last_time' })

/** Columns of the epoch table with the number of each epoch, NaN where there is none. */
function columns<Name extends string>(
  db: LocalDatabase,
  scope: Scope,
  names: Readonly<Record<Name, string>>,
): Record<Name | 'number', Float64Array> {
  const rows = scopeRows(db, scope)
  const wanted = ['number', ...Object.values<string>(names)]
  const read = wanted.map(() => new Float64Array(rows.length))
  const sql = `SELECT ${wanted.map((name) => `e.${name}`).join(', ')} FROM json_each(?) u CROSS JOIN epoch e ON e.row = u.value ORDER BY u.key`
  let at = 0
  for (const row of db.each<readonly (number | null)[]>(sql, rowList(rows))) {
    for (let i = 0; i < read.length; i++) read[i]![at] = row[i] ?? Number.NaN
    at++
  }
  return Object.fromEntries(['number', ...Object.keys(names)].map((name, i) => [name, read[i]!])) as Record<Name | 'number', Float64Array>
}

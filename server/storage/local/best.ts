import { best, type Direction } from '../../tracking/best'
import type { BestValue, MetricName, Scope } from '../ports'
import type { LocalDatabase } from './database'

type Head = readonly [row: number, number: number, id: string, level: number, lastStep: number | null, last: number | null]

/** Everything that this asks for lies in two indexes, and one row after another is looked at: a history may be very long. */
const HEADS = 'CROSS JOIN chunk c INDEXED BY chunk_head ON c.epoch = e.row AND c.series = ?'
const COLUMNS = 'e.row, e.number, e.id, c.level, c.last_step, c.last'

export function bestValue(db: LocalDatabase, scope: Scope, { split, name }: MetricName, direction: Direction): BestValue | undefined {
  const series = db.get<{ id: number }>("SELECT id FROM series WHERE kind = 'metric' AND split = ? AND name = ?", split, name)?.id
  return series === undefined ? undefined : best(valuesOf(heads(db, scope, series)), direction)
}

function* heads(db: LocalDatabase, scope: Scope, series: number): Generator<Head> {
  if ('epochIds' in scope) {
    const sql = `SELECT ${COLUMNS} FROM json_each(?) u CROSS JOIN epoch e ON e.id = u.value AND e.state IN ('ok', 'verifying') ${HEADS} ORDER BY e.number, e.row`
    yield* db.each<Head>(sql, JSON.stringify(scope.epochIds), series)
    return
  }
  const sql = `SELECT ${COLUMNS} FROM epoch e INDEXED BY epoch_history ${HEADS} WHERE e.session = ? AND e.state IN ('ok', 'verifying') AND e.number BETWEEN ? AND ? ORDER BY e.number`
  for (const { sessionId, from, to } of scope.segments) yield* db.each<Head>(sql, series, sessionId, from, to)
}

/** The last epoch-level value of each epoch, else that of its highest step, last logged first. */
function* valuesOf(rows: Iterable<Head>): Generator<BestValue> {
  let at: { row: number; number: number; id: string; level: number; step: number; value: number } | undefined
  for (const [row, number, id, level, lastStep, last] of rows) {
    const step = lastStep ?? Number.POSITIVE_INFINITY
    if (at?.row !== row) {
      if (at) yield { epochId: at.id, number: at.number, value: at.value }
      at = { row, number, id, level, step, value: last ?? Number.NaN }
    } else if (level > at.level || (level === at.level && step >= at.step)) {
      at.level = level
      at.step = step
      at.value = last ?? Number.NaN
    }
  }
  if (at) yield { epochId: at.id, number: at.number, value: at.value }
}

import { checkAborted } from '../../errors'
import type { MetricName, SampledEpoch, SampleField, Scope } from '../ports'
import { float64, uint32 } from './columns'
import type { LocalDatabase } from './database'
import type { DistinctValues } from './distinct'
import { names, scopeRows, seriesOf } from './documents'

/** The values of one field in the documents of one line. */
export interface SampleValues {
  /** Numbers, NaN where null; or the place of each document's value in the dictionary. */
  readonly values: Float64Array | Uint32Array
  /** Not 0 where null. */
  readonly nulls: Uint8Array | null
  /** JSON of the list of values; null where they are numbers. */
  readonly dictionary: Uint8Array | null
}

/** Where reductions of sample documents read them, as often as they need. */
export interface SampleReader {
  /**
   * The documents that have all of the fields, line by line in the order in which they were logged, a column for each field. A line that
   * lacks one of the fields is passed over.
   */
  lines(scope: Scope, split: string, fields: readonly string[], signal?: AbortSignal): Iterable<readonly SampleValues[]>
  /** How many documents have a field, or about so many. */
  count(scope: Scope, field: MetricName): number
}
export const samplesIn = (db: LocalDatabase): SampleReader => ({
  lines: (scope, split, fields, signal) => sampleLines(db, scope, split, fields, signal),
  count: (scope, field) => countOf(db, scope, field),
})

type Row = readonly (Uint8Array | null)[]

function* sampleLines(
  db: LocalDatabase,
  scope: Scope,
  split: string,
  fields: readonly string[],
  signal?: AbortSignal,
): Generator<readonly SampleValues[]> {
  const series = fields.flatMap((name) => seriesOf(db, 'sample', { split, name }) ?? [])
  if (series.length < fields.length) return
  const columns = fields.map((_, i) => `c${i}.val, c${i}.step, c${i}.extra`)
  const others = fields
    .slice(1)
    .map(
      (_, i) =>
        `CROSS JOIN chunk c${i + 1} INDEXED BY chunk_head ON c${i + 1}.epoch = c0.epoch AND c${i + 1}.series = ? AND c${i + 1}.level = 0 AND c${i + 1}.source = c0.source AND c${i + 1}.ordinal = c0.ordinal`,
    )
  // The index has them in this order: nothing is sorted.
  const sql = `SELECT ${columns.join(', ')} FROM chunk c0 INDEXED BY chunk_head ${others.join(' ')} WHERE c0.series = ? AND c0.epoch = ? AND c0.level = 0 ORDER BY c0.source, c0.ordinal`
  for (const { row: epoch } of scopeRows(db, scope)) {
    for (const row of db.each<Row>(sql, ...series.slice(1), series[0]!, epoch)) {
      checkAborted(signal)
      yield fields.map((_, i) => {
        const [val, nulls, dictionary] = row.slice(i * 3) as [Uint8Array, Uint8Array | null, Uint8Array | null]
        return { values: dictionary ? uint32(val) : float64(val), nulls, dictionary }
      })
    }
  }
}

/** Without reading them. */
function countOf(db: LocalDatabase, scope: Scope, field: MetricName): number {
  const series = seriesOf(db, 'sample', field)
  if (series === undefined) return 0
  const count = db.prepare('SELECT sum(n) n FROM chunk INDEXED BY chunk_head WHERE epoch = ? AND series = ?')
  return scopeRows(db, scope).reduce((sum, { row }) => sum + ((count.get(row, series) as { n: number | null }).n ?? 0), 0)
}

/** Each document's value as its number among the different ones. */
export function numbered({ values, nulls, dictionary }: SampleValues, distinct: DistinctValues): Int32Array {
  if (!dictionary) return distinct.column(values as Float64Array, nulls)
  const numbers = distinct.list(dictionary, values.length)
  const found = new Int32Array(values.length)
  for (let i = 0; i < found.length; i++) found[i] = numbers[values[i]!]!
  return found
}

const HAS = 'SELECT 1 FROM chunk WHERE epoch = ? AND series = ? LIMIT 1'

/** The fields of sample documents, with whether any line of the last epoch that has one holds numbers. */
export function sampleFields(db: LocalDatabase, scope: Scope): SampleField[] {
  const found = names(db, 'sample', scope)
  if (found.length === 0) return []
  const epochs = scopeRows(db, scope)
  const has = db.prepare(HAS)
  const numeric = db.prepare('SELECT 1 FROM chunk WHERE epoch = ? AND series = ? AND extra IS NULL LIMIT 1')
  return found.map((field) => {
    const series = seriesOf(db, 'sample', field)!
    const last = epochs.findLast(({ row }) => has.get(row, series))!
    return { ...field, numeric: numeric.get(last.row, series) !== undefined }
  })
}

/** Epoch by epoch backwards, because nearly always one of the last has some. */
export function lastSampled(db: LocalDatabase, scope: Scope, split: string, fields: readonly string[]): SampledEpoch | undefined {
  const series = fields.flatMap((name) => seriesOf(db, 'sample', { split, name }) ?? [])
  if (series.length < fields.length) return undefined
  const has = db.prepare(HAS)
  const found = scopeRows(db, scope).findLast(({ row }) => series.every((one) => has.get(row, one)))
  return found && { id: found.id, number: found.number }
}

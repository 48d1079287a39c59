import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { metricsLine, samplesLine } from '../../server/journal/schema'
import { scopeRows } from '../../server/storage/local/documents'
import type { LocalStores } from '../../server/storage/local/stores'
import type { Scope } from '../../server/storage/ports'
import type { DocumentColumns } from '../../server/storage/team/ports'

/** Which epochs a scope has, as the embedded store knows it; one that is named as open is uploaded too. */
export const resolveIn = (stores: LocalStores) => (scope: Scope) =>
  stores.use((db) =>
    scopeRows(db, scope).map(({ row, id, number }) => ({
      id,
      number,
      sessionId: db.get<{ session: string }>('SELECT session FROM epoch WHERE row = ?', row)!.session,
    })),
  )

/** Everything that the journals of a folder say of documents, line by line and not by way of a store. */
export function documentsIn(dir: string): DocumentColumns[] {
  const found: DocumentColumns[] = []
  const epochs = new Map<string, { readonly sessionId: string; readonly number: number }>()
  const lines = readdirSync(join(dir, 'runs')).flatMap((session) =>
    readFileSync(join(dir, 'runs', session, 'journal.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => ({ session, line: JSON.parse(line) as Record<string, unknown> })),
  )
  for (const { session, line } of lines)
    if (line['type'] === 'epoch') epochs.set(line['epoch'] as string, { sessionId: session, number: line['number'] as number })
  const counts = new Map<string, number>()
  const take = (key: string, more: number) => {
    const before = counts.get(key) ?? 0
    counts.set(key, before + more)
    return before
  }
  for (const { session, line } of lines) {
    const parsed = line['type'] === 'metrics' ? metricsLine(line) : line['type'] === 'samples' ? samplesLine(line) : undefined
    if (parsed === undefined || typeof parsed === 'string') continue
    const { sessionId, number } = epochs.get(parsed.epoch)!
    const source = sessionId === session ? '' : session
    const of = { epochId: parsed.epoch, sessionId, number, source, split: parsed.split }
    const ordinal = take(JSON.stringify([of.epochId, source]), 1)
    if ('fields' in parsed) {
      found.push({ kind: 'samples', ...of, ordinal, from: 0, fields: parsed.fields })
      continue
    }
    const { steps, times, names, columns } = parsed
    for (const level of [0, 1] as const) {
      const rows = Array.from(times, (_, row) => row).filter((row) => ((steps?.[row] ?? null) === null) === (level === 1))
      if (rows.length > 0)
        for (const [i, name] of names.entries())
          found.push({
            kind: 'metric',
            ...of,
            name,
            level,
            from: take(JSON.stringify([of, name, level]), rows.length),
            steps: level === 1 ? null : Float64Array.from(rows, (row) => steps![row]!),
            values: Float64Array.from(rows, (row) => columns[i]![row]!),
            times: Float64Array.from(rows, (row) => times[row]!),
          })
    }
  }
  return found
}

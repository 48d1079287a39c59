import type { DocumentColumns, OwnEpochs } from '../team/ports'
import { refresh, sendAll } from './bulk'
import { indexOf, nameOf } from './layout'
import { combinations, source } from './metrics'
import { METRIC, numberOf, type Points, readPoints, textOf } from './points'
import { orderOf, SAMPLE, sourceValue } from './samples'
import { type Epoch, type Part, partsOf } from './scopes'
import { aggregate, damaged, objectOf, pages, type Search } from './search'
import type { Json } from './server'

/** Documents that are held at once, of metrics and of samples. */
const MOST_POINTS = 1_000_000
const MOST_SAMPLES = 50_000
/** Epochs of one question. */
const MOST_EPOCHS = 10_000

/** All documents of epochs as they were written. */
export async function* read(search: Search, epochs: readonly Epoch[], signal?: AbortSignal): AsyncGenerator<DocumentColumns> {
  for (const epoch of epochs) {
    const [part] = partsOf(search, [epoch])
    if (!part) continue
    yield* readMetrics(search, epoch, part, signal)
    yield* readSampleLines(search, epoch, part, signal)
  }
}

interface Some {
  count: number
  readonly filters: Json[]
}

/** Filters of so many documents together, one after another; undefined where a single one has all. */
async function* inBatches(
  search: Search,
  part: Part,
  query: Json,
  fields: readonly string[],
  most: number,
  signal?: AbortSignal,
): AsyncGenerator<Some> {
  let some: Some = { count: 0, filters: [] }
  for await (const { key, bucket } of combinations(
    search,
    part,
    { query: [query], sources: fields.map((field) => source(field)) },
    signal,
  )) {
    const count = Number(bucket['doc_count'])
    if (some.count > 0 && some.count + count > most) {
      yield some
      some = { count: 0, filters: [] }
    }
    some.count += count
    some.filters.push({ bool: { filter: fields.map((field) => ({ term: { [field]: key[field] } })) } })
  }
  if (some.count > 0) yield some
}

async function* readMetrics(search: Search, epoch: Epoch, part: Part, signal?: AbortSignal): AsyncGenerator<DocumentColumns> {
  for await (const { count, filters } of inBatches(search, part, METRIC, ['source', 'split', 'name'], MOST_POINTS, signal)) {
    // Of a very long curve one part after another.
    for (let from = 0; from === 0 || from < count; from += MOST_POINTS) {
      const range = count > MOST_POINTS ? [{ range: { at: { gte: from, lt: from + MOST_POINTS } } }] : []
      const more = [{ bool: { should: filters } }, ...range]
      const { points, series } = await readPoints(search, [part], [epoch], { which: 'all', more }, signal)
      const order = points.order()
      for (let begin = 0, end = 0; begin < order.length; begin = end) {
        end = endOfRun(points, order, begin)
        const rows = order.subarray(begin, end)
        const first = rows[0]!
        const stepped = !Number.isNaN(points.step[first]!)
        const taken = (column: Float64Array) => Float64Array.from(rows, (i) => column[i]!)
        yield {
          kind: 'metric',
          epochId: epoch.id,
          sessionId: epoch.sessionId,
          number: epoch.number,
          source: points.sources[points.source[first]!]!,
          ...series.names[points.series[first]!]!,
          level: stepped ? 0 : 1,
          from: Math.max(0, points.at[first]!),
          steps: stepped ? taken(points.step) : null,
          values: taken(points.value),
          times: taken(points.time),
        }
      }
    }
  }
}

/** Up to where one curve goes on, point after point. */
function endOfRun({ series, source: by, step, at }: Points, order: Uint32Array, begin: number): number {
  let end = begin + 1
  for (; end < order.length; end++) {
    const [before, i] = [order[end - 1]!, order[end]!]
    if (series[before] !== series[i] || by[before] !== by[i]) break
    if (Number.isNaN(step[before]!) !== Number.isNaN(step[i]!) || at[i] !== at[before]! + 1) break
  }
  return end
}

async function* readSampleLines(search: Search, epoch: Epoch, part: Part, signal?: AbortSignal): AsyncGenerator<DocumentColumns> {
  const place = ['source', 'split', 'line']
  for await (const { filters } of inBatches(search, part, SAMPLE, place, MOST_SAMPLES, signal)) {
    interface Line {
      readonly source: string
      readonly split: string
      readonly line: number
      readonly rows: number[]
      readonly documents: unknown[]
    }
    const lines = new Map<string, Line>()
    const asked = { query: [SAMPLE, { bool: { should: filters } }], columns: [...place, 'row'], source: ['fields'] }
    for await (const page of pages(search, part, asked, signal))
      for (const { fields, source: document } of page) {
        const [by, split, line, row] = [
          textOf(fields['source']) ?? '',
          textOf(fields['split']),
          numberOf(fields['line']),
          numberOf(fields['row']),
        ]
        if (split === undefined || line === undefined || row === undefined) continue
        const key = JSON.stringify([by, split, line])
        let one = lines.get(key)
        if (!one) lines.set(key, (one = { source: by, split, line, rows: [], documents: [] }))
        one.rows.push(row)
        one.documents.push(document)
      }
    for (const { source: by, split, line, rows, documents } of lines.values()) {
      const order = orderOf(rows) ?? Uint32Array.from(rows.keys())
      const keys = new Set(
        documents.flatMap((document) => Object.keys(objectOf(search.server, objectOf(search.server, document)['fields']))),
      )
      const fields = new Map<string, readonly unknown[]>()
      for (const key of keys)
        fields.set(
          nameOf(key),
          Array.from(order, (i) => sourceValue(documents[i], key) ?? null),
        )
      if (fields.size === 0) continue
      yield {
        kind: 'samples',
        epochId: epoch.id,
        sessionId: epoch.sessionId,
        number: epoch.number,
        source: by,
        split,
        ordinal: line,
        from: rows[order[0]!]!,
        fields,
      }
    }
  }
}

/** Parts of epochs that are asked for by their ids, whether they are seen or not. */
function partsOfIds(prefix: string, ids: readonly string[]): Pick<Part, 'filter' | 'indices'>[] {
  const parts = []
  for (let from = 0; from < ids.length; from += MOST_EPOCHS) {
    const some = ids.slice(from, from + MOST_EPOCHS)
    parts.push({ filter: { terms: { epoch: some } }, indices: [...new Set(some.map((id) => indexOf(prefix, id)))] })
  }
  return parts
}

export async function count(search: Search, ids: readonly string[]): Promise<Map<string, number>> {
  const counts = new Map(ids.map((id) => [id, 0]))
  for (const part of partsOfIds(search.prefix, ids)) {
    const terms = { field: 'epoch', size: MOST_EPOCHS, execution_hint: 'map' }
    const answer = await aggregate(search, part, { query: [], aggs: { epochs: { terms } } })
    if (!answer) continue
    const { buckets } = objectOf(search.server, answer['epochs'])
    if (!Array.isArray(buckets)) throw damaged(search.server)
    for (const bucket of buckets as readonly unknown[]) {
      const { key, doc_count: found } = objectOf(search.server, bucket)
      if (typeof key === 'string' && counts.has(key)) counts.set(key, Number(found))
    }
  }
  return counts
}

/** Epochs of any month, whether they are seen or not. */
const partAbove = (prefix: string, { sessionId, above }: OwnEpochs): Pick<Part, 'filter' | 'indices'> => ({
  filter: { bool: { filter: [{ term: { session: sessionId } }, { range: { number: { gt: above } } }] } },
  indices: [prefix],
})

export async function countAbove(search: Search, epochs: OwnEpochs, signal?: AbortSignal): Promise<number> {
  const answer = await aggregate(search, partAbove(search.prefix, epochs), { query: [], aggs: { all: COUNTED } }, signal)
  return answer ? Number(objectOf(search.server, answer['all'])['value']) : 0
}
/** Every document has one. */
const COUNTED = { value_count: { field: 'epoch' } }

/** By what the indices take up, without replicas, and how many documents there are. */
export async function bytesEach({ prefix, server }: Search): Promise<number> {
  const { status, body } = await server.ask({
    method: 'GET',
    path: `/${encodeURIComponent(prefix)}/_stats/docs,store`,
    query: { level: 'cluster', filter_path: '_all.primaries' },
    allowed: [404],
  })
  if (status === 404) return 0
  const { docs, store } = objectOf(server, objectOf(server, objectOf(server, body)['_all'] ?? {})['primaries'] ?? {})
  const documents = Number(objectOf(server, docs ?? {})['count'] ?? 0)
  const bytes = Number(objectOf(server, store ?? {})['size_in_bytes'] ?? 0)
  return documents > 0 && Number.isFinite(bytes) ? bytes / documents : 0
}

/** Removes documents one by one, by their identities: nobody who writes others meanwhile loses any. */
export async function remove(search: Search, epochs: readonly string[] | OwnEpochs, signal?: AbortSignal): Promise<number> {
  let removed = 0
  const touched = new Set<string>()
  for (const part of 'above' in epochs ? [partAbove(search.prefix, epochs)] : partsOfIds(search.prefix, epochs))
    for await (const page of pages(search, part, { query: [], ids: true }, signal)) {
      const byIndex = new Map<string, string[]>()
      for (const { id, index } of page) {
        if (id === undefined || index === undefined) throw damaged(search.server)
        const lines = byIndex.get(index)
        const line = `{"delete":{"_id":${JSON.stringify(id)}}}\n`
        if (lines) lines.push(line)
        else byIndex.set(index, [line])
      }
      for (const [index, lines] of byIndex) {
        touched.add(index)
        removed += (await sendAll(search.server, { index, lines, knownBy: 404 }, signal)).written
      }
    }
  await refresh(search.server, touched, signal)
  return removed
}

import { EpochtreeError } from '../../errors'
import { sampleColumn } from '../local/columns'
import type { SampleReader, SampleValues } from '../local/samples'
import type * as ports from '../ports'
import { keyOf, termOf } from './layout'
import { combinations, sorted, source } from './metrics'
import { numberOf, textOf } from './points'
import { type Epoch, partsOf } from './scopes'
import { objectOf, pages, type Document, type Search } from './search'
import { decoded } from './values'

export const SAMPLE = { term: { kind: 'sample' } }

/** Documents that one question reads. */
const MOST_SAMPLES = 5_000_000
/** Different texts that are held once instead of as often as they come. */
const MOST_KNOWN = 100_000

/** The fields of sample documents, with whether any line of the last epoch that has one holds numbers. */
export async function sampleFields(search: Search, epochs: readonly Epoch[]): Promise<ports.SampleField[]> {
  const places = new Map(epochs.map(({ id }, place) => [id, place]))
  const numbers = new Map(epochs.map(({ number }, place) => [number, place]))
  const lastOf = async (field: 'names' | 'numeric') => {
    const found = new Map<string, { readonly split: string; readonly name: string; place: number }>()
    for (const part of partsOf(search, epochs)) {
      const names = ['split', field].map((one) => source(one))
      // The highest number is the last.
      const asked = part.numbered
        ? { sources: names, aggs: { last: { max: { field: 'number' } } } }
        : { sources: [source('epoch'), ...names] }
      for await (const { key, bucket } of combinations(search, part, { query: [SAMPLE, { exists: { field } }], ...asked })) {
        const { epoch, split, [field]: name } = key
        const place = part.numbered ? numbers.get(Number(objectOf(search.server, bucket['last'])['value'])) : places.get(String(epoch))
        if (place === undefined || typeof split !== 'string' || typeof name !== 'string') continue
        const known = found.get(JSON.stringify([split, name]))
        if (known) known.place = Math.max(known.place, place)
        else found.set(JSON.stringify([split, name]), { split, name, place })
      }
    }
    return found
  }
  const [all, numeric] = [await lastOf('names'), await lastOf('numeric')]
  return sorted(Array.from(all, ([key, { split, name, place }]) => ({ split, name, numeric: numeric.get(key)?.place === place })))
}

/** The last epoch that has documents with each of the fields. */
export async function lastSampled(
  search: Search,
  epochs: readonly Epoch[],
  split: string,
  fields: readonly string[],
): Promise<ports.SampledEpoch | undefined> {
  const places = new Map(epochs.map(({ id }, place) => [id, place]))
  const terms = [...new Set(fields.map(termOf))]
  let found = -1
  const aggs = Object.fromEntries(terms.map((term, i) => [`field${i}`, { filter: { term: { names: term } } }]))
  for (const part of partsOf(search, epochs)) {
    const query = [SAMPLE, { term: { split: termOf(split) } }, ...(terms.length > 0 ? [{ terms: { names: terms } }] : [])]
    for await (const { key, bucket } of combinations(search, part, {
      query,
      sources: [source('epoch')],
      ...(terms.length > 0 ? { aggs } : {}),
    })) {
      const place = places.get(String(key['epoch'])) ?? -1
      if (place > found && terms.every((_, i) => Number(objectOf(search.server, bucket[`field${i}`])['doc_count']) > 0)) found = place
    }
  }
  const epoch = epochs[found]
  return epoch && { id: epoch.id, number: epoch.number }
}

/** What one line has of each field, in the order of its rows. */
interface Line {
  readonly place: number
  readonly source: string
  readonly line: number
  readonly rows: number[]
  readonly columns: unknown[][]
}

/** Reads these fields of all scopes; reductions then go through them as often as they need. */
export async function readSamples(
  search: Search,
  scopes: readonly { readonly scope: ports.Scope; readonly epochs: readonly Epoch[] }[],
  split: string,
  fields: readonly string[],
  signal?: AbortSignal,
): Promise<SampleReader> {
  const read = new Map<ports.Scope, readonly (readonly SampleValues[])[]>()
  let count = 0
  for (const { scope, epochs } of scopes) {
    if (read.has(scope)) continue
    const lines = await linesOf(search, epochs, split, fields, (more) => (count += more), signal)
    read.set(scope, lines)
  }
  return {
    lines: (scope) => read.get(scope) ?? [],
    count: (scope) => (read.get(scope) ?? []).reduce((sum, [column]) => sum + (column?.values.length ?? 0), 0),
  }
}

async function linesOf(
  search: Search,
  epochs: readonly Epoch[],
  split: string,
  fields: readonly string[],
  counted: (more: number) => number,
  signal?: AbortSignal,
): Promise<(readonly SampleValues[])[]> {
  const places = new Map(epochs.map(({ id }, place) => [id, place]))
  const terms = fields.map(termOf)
  const keys = fields.map((name) => `fields.${keyOf(name)}`)
  const query = [SAMPLE, { term: { split: termOf(split) } }, ...[...new Set(terms)].map((term) => ({ term: { names: term } }))]
  const lines = new Map<string, Line>()
  const values = fields.map(() => new Known())
  const at = ({ fields: of }: Document) => {
    const [epoch, by, line, row] = [textOf(of['epoch']), textOf(of['source']) ?? '', numberOf(of['line']) ?? 0, numberOf(of['row'])]
    const place = places.get(epoch ?? '')
    return place === undefined || row === undefined ? undefined : { place, source: by, line, row, key: `${place} ${line} ${by}` }
  }
  const place = ['epoch', 'source', 'line', 'row']
  let large = false
  for (const part of partsOf(search, epochs)) {
    for await (const page of pages(search, part, { query, columns: [...place, 'large', ...keys] }, signal)) {
      if (counted(page.length) > MOST_SAMPLES)
        throw new EpochtreeError(
          'bad-argument',
          `There are more than ${MOST_SAMPLES.toLocaleString('en')} sample documents in what was asked for. Ask for fewer epochs.`,
        )
      for (const document of page) {
        const where = at(document)
        if (!where) continue
        let line = lines.get(where.key)
        if (!line) lines.set(where.key, (line = { ...where, rows: [], columns: fields.map(() => []) }))
        line.rows.push(where.row)
        for (let i = 0; i < keys.length; i++) line.columns[i]!.push(values[i]!.of(textOf(document.fields[keys[i]!])))
        large ||= document.fields['large']?.some((name) => terms.includes(name as string)) ?? false
      }
    }
    if (!large) continue
    // What is too large for its column is read from the documents.
    const asked = { query: [...query, { terms: { large: terms } }], columns: [...place, 'large'], source: keys }
    for await (const page of pages(search, part, asked, signal))
      for (const document of page) {
        const where = at(document)
        const line = where && lines.get(where.key)
        if (!line) continue
        const row = line.rows.indexOf(where.row)
        for (let i = 0; i < keys.length; i++) {
          const value = document.fields['large']?.includes(terms[i]!) ? sourceValue(document.source, keyOf(fields[i]!)) : undefined
          if (value !== undefined && row >= 0) line.columns[i]![row] = value
        }
      }
  }
  return [...lines.values()]
    .sort((a, b) => a.place - b.place || (a.source < b.source ? -1 : a.source > b.source ? 1 : 0) || a.line - b.line)
    .map((line) => {
      const order = orderOf(line.rows)
      return line.columns.map((column) => valuesOf(order ? Array.from(order, (i) => column[i]) : column))
    })
}

/** Places of rows in their order; undefined where they are in it. */
export function orderOf(rows: readonly number[]): Uint32Array | undefined {
  if (rows.every((row, i) => i === 0 || row >= rows[i - 1]!)) return undefined
  return Uint32Array.from(rows.keys()).sort((a, b) => rows[a]! - rows[b]!)
}

function valuesOf(values: readonly unknown[]): SampleValues {
  const column = sampleColumn(values)
  return 'numbers' in column
    ? { values: column.numbers, nulls: column.nulls, dictionary: null }
    : { values: column.codes, nulls: null, dictionary: Buffer.from(JSON.stringify(column.dictionary)) }
}

/** Texts and what they stand for, each read once while there are not too many. */
class Known {
  readonly #values = new Map<string, unknown>()
  of(text: string | undefined): unknown {
    if (text === undefined) return null
    let value = this.#values.get(text)
    if (value === undefined) {
      value = decoded(text)
      if (this.#values.size < MOST_KNOWN) this.#values.set(text, value)
    }
    return value
  }
}

/** A field's value as the document itself has it. */
export function sourceValue(document: unknown, key: string): unknown {
  const { fields } = (document ?? {}) as { readonly fields?: unknown }
  if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, key)) return undefined
  const value = (fields as Readonly<Record<string, unknown>>)[key]
  return typeof value === 'string' ? decoded(value) : value
}

import { EpochtreeError } from '../../errors'
import { isTooLarge, reasonOf, refused } from './refusals'
import type { Limits, Part } from './scopes'
import type { Json, Server } from './server'

/** Hits of one page; Elasticsearch gives no more (`index.max_result_window`). */
const PAGE = 10_000
/** Whole documents may each be large. */
const PAGE_OF_SOURCES = 1000
const KEPT = '5m'
/** More names of indices would make the address too long; then all are asked. */
const MOST_INDICES = 24

export interface Search {
  readonly prefix: string
  readonly server: Server
  readonly limits: Limits
}
/** Values of a document by field, as columns have them: a list each. */
export type Hit = Readonly<Record<string, readonly unknown[] | undefined>>

const FILTER = 'pit_id,hits.hits.fields,hits.hits.sort,hits.hits._source,hits.hits._id,hits.hits._index,aggregations'
/** An answer with a part missing would be a wrong one. */
const WHOLE = { allow_partial_search_results: false }

export const all = (...filter: readonly Json[]): Json => ({ bool: { filter } })

/** Asks for what aggregations come to; undefined where there is no document at all. */
export async function aggregate(
  { prefix, server }: Search,
  { indices, filter }: Pick<Part, 'indices' | 'filter'>,
  { query, aggs }: { readonly query: readonly Json[]; readonly aggs: Json },
  signal?: AbortSignal,
): Promise<Json | undefined> {
  const body = await withIndices(prefix, indices, async (names) => {
    const { status, body: answer } = await server.ask({
      method: 'POST',
      path: `/${names}/_search`,
      query: { ...WHOLE, filter_path: 'aggregations' },
      body: { size: 0, track_total_hits: false, query: all(filter, ...query), aggs },
      allowed: [404],
      signal,
    })
    return status === 404 ? undefined : (answer as Json)
  })
  return body && objectOf(server, body['aggregations'])
}

export interface Aggregation {
  readonly part: Pick<Part, 'indices' | 'filter'>
  readonly query: readonly Json[]
  readonly aggs: Json
}

/** Searches of one request. */
const TOGETHER = 64

/** Several questions in few requests, answered in their order. */
export async function aggregateAll(
  { prefix, server }: Search,
  asked: readonly Aggregation[],
  signal?: AbortSignal,
): Promise<(Json | undefined)[]> {
  const found: (Json | undefined)[] = []
  for (let from = 0; from < asked.length; from += TOGETHER) {
    const some = asked.slice(from, from + TOGETHER)
    const indices = [...new Set(some.flatMap(({ part }) => part.indices))]
    const answers = await withIndices(prefix, indices, async (names) => {
      const lines = some.map(
        ({ part, query, aggs }) =>
          `${JSON.stringify(WHOLE)}\n${JSON.stringify({ size: 0, track_total_hits: false, query: all(part.filter, ...query), aggs })}\n`,
      )
      const { body } = await server.ask({
        method: 'POST',
        path: `/${names}/_msearch`,
        query: { filter_path: 'responses.aggregations,responses.status,responses.error' },
        lines: lines.join(''),
        signal,
      })
      const { responses } = objectOf(server, body)
      if (!Array.isArray(responses) || responses.length !== some.length) throw damaged(server)
      const each = (responses as readonly unknown[]).map((response) => {
        const { status, aggregations, ...more } = objectOf(server, response)
        if (status === 404) return undefined
        if (typeof status !== 'number' || status >= 400) throw refused(`Elasticsearch at ${server.node}`, Number(status), reasonOf(more))
        return objectOf(server, aggregations)
      })
      return each.every((one) => one === undefined) ? undefined : each
    })
    found.push(...(answers ?? some.map(() => undefined)))
  }
  return found
}

/** All documents that match, page by page, in no order: nothing is sorted. */
export async function* pages(
  { prefix, server }: Search,
  { indices, filter }: Pick<Part, 'indices' | 'filter'>,
  {
    query,
    columns = [],
    source,
    ids,
  }: {
    readonly query: readonly Json[]
    readonly columns?: readonly string[]
    readonly source?: readonly string[] | true
    readonly ids?: true
  },
  signal?: AbortSignal,
): AsyncGenerator<readonly Document[]> {
  let size = source === undefined ? PAGE : PAGE_OF_SOURCES
  const body = {
    track_total_hits: false,
    query: all(filter, ...query),
    // Columns alone are read many times as quickly as documents.
    ...(source === undefined ? { _source: false } : { _source: source }),
    ...(source === undefined && !ids ? { stored_fields: '_none_' } : {}),
    ...(columns.length > 0 ? { docvalue_fields: columns } : {}),
  }
  const search = async (path: string, more: Json) => {
    for (;;)
      try {
        const { status, body: answer } = await server.ask({
          method: 'POST',
          path,
          query: { ...WHOLE, filter_path: FILTER },
          body: { size, ...body, ...more },
          allowed: [404],
          signal,
        })
        return status === 404 ? undefined : answer
      } catch (error) {
        // Texts may be long, and so many of them more than one answer holds.
        if (!isTooLarge(error) || size === 1) throw error
        size = Math.ceil(size / 8)
      }
  }
  const opened = await withIndices(prefix, indices, async (names) => {
    // Most questions are answered by one page, and need nothing that is kept open.
    const first = await search(`/${names}/_search`, { sort: ['_doc'] })
    if (first === undefined) return undefined
    const page = documentsOf(server, first)
    return { names, page }
  })
  if (!opened) return
  if (opened.page.length < size) {
    if (opened.page.length > 0) yield opened.page
    return
  }
  let pit = await openPit(server, opened.names, signal)
  try {
    for (let after: readonly unknown[] | undefined; ;) {
      const answer = await search('/_search', {
        pit: { id: pit, keep_alive: KEPT },
        sort: ['_shard_doc'],
        ...(after ? { search_after: after } : {}),
      })
      if (answer === undefined)
        throw new EpochtreeError(
          'server-away',
          `Elasticsearch at ${server.node} no longer knows which page comes next: it was started anew, or nobody asked for long. Try again.`,
        )
      const page = documentsOf(server, answer)
      if (page.length > 0) yield page
      if (page.length < size) return
      after = page.at(-1)!.sort
      if (!after) throw damaged(server)
      const next = (answer as Json)['pit_id']
      if (typeof next === 'string') pit = next
    }
  } finally {
    // It would end by itself.
    await server.ask({ method: 'DELETE', path: '/_pit', body: { id: pit }, allowed: [404] }).catch(() => {})
  }
}

export interface Document {
  readonly fields: Hit
  readonly id?: string
  readonly index?: string
  readonly source?: unknown
  readonly sort?: readonly unknown[]
}

function documentsOf(server: Server, answer: unknown): Document[] {
  const { hits } = objectOf(server, answer)
  if (hits === undefined) return []
  const { hits: list } = objectOf(server, hits)
  if (list === undefined) return []
  if (!Array.isArray(list)) throw damaged(server)
  return (list as readonly unknown[]).map((hit) => {
    const { fields, _id, _index, _source, sort } = hit as Json
    return {
      fields: (fields as Hit | undefined) ?? NONE,
      ...(typeof _id === 'string' ? { id: _id } : {}),
      ...(typeof _index === 'string' ? { index: _index } : {}),
      ...(_source === undefined ? {} : { source: _source }),
      ...(Array.isArray(sort) ? { sort } : {}),
    }
  })
}
const NONE: Hit = {}

async function openPit(server: Server, names: string, signal?: AbortSignal): Promise<string> {
  const { body } = await server.ask({ method: 'POST', path: `/${names}/_pit`, query: { keep_alive: KEPT }, signal })
  const { id } = objectOf(server, body)
  if (typeof id !== 'string') throw damaged(server)
  return id
}

/**
 * Asks the indices of these months. Where one of them does not exist all are asked, which leaves out none: that missing ones be passed
 * over can't be asked for, because those that may not be read would be too.
 */
async function withIndices<Found>(
  prefix: string,
  indices: readonly string[],
  ask: (names: string) => Promise<Found | undefined>,
): Promise<Found | undefined> {
  if (indices.length <= MOST_INDICES) {
    const found = await ask(indices.map(encodeURIComponent).join(','))
    if (found !== undefined) return found
    if (indices.length === 1) return undefined
  }
  return ask(encodeURIComponent(prefix))
}

export function objectOf(server: Server, value: unknown): Json {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(server)
  return value as Json
}

export const damaged = (server: Server) =>
  new EpochtreeError(
    'server-damaged',
    `Elasticsearch at ${server.node} gave an answer of another shape than its interface has. Look whether a proxy answers in its place.`,
  )

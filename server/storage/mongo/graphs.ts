import { BSON, type Document } from 'mongodb'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { checkAborted, EpochtreeError } from '../../errors'
import { parseLarge } from '../../json'
import type { GraphPair, LayerSizes } from '../../protocol/comparison'
import type { GraphSummary, ModelGraph } from '../../protocol/model'
import { checkGraph, graphHash, summarize } from '../../tracking/graph'
import { pairGraphs } from '../../tracking/graphPair'
import { LayerColumns } from '../../tracking/layerSizes'
import { isDuplicate } from './errors'
import { decodeKeys, encodeKeys, isShallowEnough } from './keys'
import { anyOf, hashId, type Mongo, objectId, objectIds, pieces } from './mongo'
import { damage, FORMAT, graphDocument, graphSummary as summaryDocument, parse } from './schema'

/** What a document holds of a graph: servers take 16 MiB, with all that is around it. */
const LARGEST_DOCUMENT = 15 * 1024 * 1024
const LARGEST_GRAPH = 512 * 1024 * 1024
const zip = promisify(gzip)
const unzip = promisify(gunzip)

const largeName = (hash: string) => `graphs/${hash.slice(0, 2)}/${hash}`

/** Writes a graph once. Where it is there already, it is only noted that it is still wanted. */
export async function putGraph(mongo: Mongo, hash: string, graph: ModelGraph, summary: GraphSummary, signal?: AbortSignal) {
  const _id = hashId(hash)
  if (!_id) throw new EpochtreeError('bad-argument', 'A graph is named by the SHA-256 of its nodes.')
  const touched = await mongo.ask((db) => db.collection('ModelGraph').updateOne({ _id, hash }, { $currentDate: { usedAt: true } }), {
    signal,
  })
  if (touched.matchedCount > 0) return
  const modelGraph = encodeKeys(graph) as Document
  const fields = { summary, format: FORMAT, weightsId: null }
  const small = isShallowEnough(modelGraph) && BSON.calculateObjectSize({ modelGraph }) <= LARGEST_DOCUMENT
  if (!small) {
    if (!mongo.large)
      throw new EpochtreeError(
        'failed',
        'The graph is too large for a document, and no bucket is there to take it. Set one up: run "Epochtree: Connect to Team...".',
      )
    await mongo.large.putBytes(largeName(hash), await zip(JSON.stringify(graph), { level: 1 }))
  }
  const document = small
    ? { ...fields, modelGraph }
    : { ...fields, modelGraph: graph.id === undefined ? {} : { id: graph.id }, large: true }
  try {
    await mongo.ask(
      (db) =>
        db.collection('ModelGraph').updateOne({ _id, hash }, { $setOnInsert: document, $currentDate: { usedAt: true } }, { upsert: true }),
      { signal },
    )
  } catch (error) {
    // Written by somebody else at this moment, or another graph has its place.
    if (!isDuplicate(error)) throw error
    const there = await mongo.ask((db) => db.collection('ModelGraph').findOne({ _id }, { projection: { hash: 1 } }), { signal })
    if (there?.['hash'] !== hash) throw damage('ModelGraph', { _id }, 'its id is that of another graph')
  }
}

export async function graph(mongo: Mongo, hash: string, signal?: AbortSignal): Promise<ModelGraph | undefined> {
  const _id = hashId(hash)
  if (!_id) return undefined
  const document = await mongo.ask((db) => db.collection('ModelGraph').findOne({ _id }), { signal })
  if (document?.['hash'] === hash) return open(mongo, document, hash)
  return byHand(mongo, hash, signal)
}

async function open(mongo: Mongo, document: Document, hash?: string): Promise<ModelGraph> {
  const { value, damaged } = parse('ModelGraph', graphDocument, document)
  const broken = (what: string) => {
    const error = damage('ModelGraph', document, what)
    mongo.report({ collection: 'ModelGraph', id: value?._id ?? null, error })
    return error
  }
  if (damaged) {
    mongo.report(damaged)
    throw damaged.error
  }
  let found: ModelGraph
  try {
    found = checkGraph(
      value.large
        ? await fromBucket(mongo, hash ?? '')
        : typeof value.format === 'number'
          ? decodeKeys(document['modelGraph'])
          : document['modelGraph'],
    )
    if (hash !== undefined && graphHash(found) !== hash) throw broken('the graph is not the one that its hash names')
  } catch (error) {
    if (error instanceof EpochtreeError && error.code !== 'bad-graph') throw error
    throw broken((error as Error).message)
  }
  mongo.mended('ModelGraph', value._id)
  return found
}

async function fromBucket(mongo: Mongo, hash: string): Promise<unknown> {
  const name = largeName(hash)
  const bytes = await mongo.large?.getBytes(name, LARGEST_GRAPH)
  if (!bytes) throw new EpochtreeError('bad-graph', 'the graph is too large for a document, and not in the bucket')
  return parseLarge(await unzip(bytes, { maxOutputLength: LARGEST_GRAPH }))
}

/** By the ids of graphs that something else wrote: reading one to know its hash is done once. */
const HASHES_KEPT = 10_000
const hashes = new WeakMap<Mongo, Map<string, string>>()
const kept = (mongo: Mongo) => {
  let known = hashes.get(mongo)
  if (!known) hashes.set(mongo, (known = new Map()))
  return known
}

/** The hashes of graphs by their documents' ids. */
export async function hashesOf(mongo: Mongo, ids: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const known = kept(mongo)
  const found = new Map<string, string>()
  const missing = ids.filter((id) => {
    const hash = known.get(id)
    if (hash !== undefined) found.set(id, hash)
    return hash === undefined
  })
  for (const some of pieces(objectIds(missing))) {
    const documents = await mongo.ask(
      (db) =>
        db
          .collection('ModelGraph')
          .find(anyOf(some), { projection: { hash: 1, format: 1 } })
          .toArray(),
      { signal },
    )
    for (const document of documents) {
      const { value } = parse('ModelGraph', summaryDocument, document)
      const hash = value && (value.hash ?? (await readHash(mongo, value._id, signal)))
      if (!hash) continue
      if (known.size >= HASHES_KEPT) known.delete(known.keys().next().value!)
      known.set(value._id, hash)
      found.set(value._id, hash)
    }
  }
  return found
}

async function readHash(mongo: Mongo, id: string, signal?: AbortSignal): Promise<string | undefined> {
  checkAborted(signal)
  const document = await mongo.ask((db) => db.collection('ModelGraph').findOne({ _id: objectId(id)! }), { signal })
  if (!document) return undefined
  try {
    return graphHash(await open(mongo, document))
  } catch {
    return undefined // reported
  }
}

/** A graph that something else wrote has an id of its own, and its hash perhaps nowhere. */
async function byHand(mongo: Mongo, hash: string, signal?: AbortSignal): Promise<ModelGraph | undefined> {
  const named = await mongo.ask((db) => db.collection('ModelGraph').findOne({ hash }), { signal })
  if (named) return open(mongo, named, hash)
  for (const [id, known] of kept(mongo)) {
    if (known !== hash) continue
    const document = await mongo.ask((db) => db.collection('ModelGraph').findOne({ _id: objectId(id)! }), { signal })
    if (document) return open(mongo, document, hash)
  }
  const others = await mongo.ask(
    (db) =>
      db
        .collection('ModelGraph')
        .find({ hash: null }, { projection: { _id: 1 } })
        .toArray(),
    { signal },
  )
  const unknown = others.map(({ _id }) => String(_id)).filter((id) => !kept(mongo).has(id))
  const read = await hashesOf(mongo, unknown, signal)
  const id = [...read].find(([, one]) => one === hash)?.[0]
  const document =
    id === undefined ? null : await mongo.ask((db) => db.collection('ModelGraph').findOne({ _id: objectId(id)! }), { signal })
  return document ? open(mongo, document, hash) : undefined
}

export async function graphSummary(mongo: Mongo, hash: string): Promise<GraphSummary | undefined> {
  const _id = hashId(hash)
  const document =
    _id && (await mongo.ask((db) => db.collection('ModelGraph').findOne({ _id }, { projection: { hash: 1, summary: 1, format: 1 } })))
  if (document?.['hash'] === hash) {
    const { value, damaged } = parse('ModelGraph', summaryDocument, document)
    if (damaged) {
      mongo.report(damaged)
      throw damaged.error
    }
    if (value.summary) return value.summary
  }
  const found = await graph(mongo, hash)
  return found && summarize(found)
}

export async function graphPair(mongo: Mongo, a: string | null, b: string | null): Promise<GraphPair> {
  const one = (hash: string | null) => (hash === null ? undefined : graph(mongo, hash))
  const [first, second] = await Promise.all([one(a), one(b)])
  return pairGraphs(first, second)
}

/** Graph by graph, with time for other questions in between. */
export async function layerSizes(mongo: Mongo, asked: readonly string[], most: number, signal?: AbortSignal): Promise<LayerSizes> {
  const columns = new LayerColumns(asked.length)
  for (const [column, hash] of asked.entries()) {
    checkAborted(signal)
    const found = await graph(mongo, hash, signal)
    if (found) columns.add(column, found)
    await setImmediate()
  }
  return columns.sizes(most)
}

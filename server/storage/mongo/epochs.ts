import { type Document, ObjectId } from 'mongodb'
import { checkAborted } from '../../errors'
import type { History } from '../../tracking/lineage'
import { Thinned } from '../../tracking/layerSizes'
import type { Clock, EpochPage, EpochRecord, FileRecord, GraphChanges, Scope, Segment } from '../ports'
import type { ByHand } from './byHand'
import { handEpochs } from './epochsByHand'
import { anyOf, keep, type Mongo, objectId, objectIds, pieces } from './mongo'
import { EPOCH, type EpochClock, epochClock, type EpochDocument, epochDocument, parse } from './schema'

const BATCH = 2000
const AT_ONCE = 8

const fileOf = (file: EpochDocument['weights']): FileRecord | null =>
  file ? { sha256: file.sha256, bytes: file.bytes, format: file.format ?? null, file: file.file } : null

const epochRecord = (epoch: EpochDocument): EpochRecord => ({
  id: epoch._id,
  sessionId: epoch.sessionId,
  number: epoch.number,
  // What isn't verified isn't brought to a team.
  state: 'ok',
  graphHash: epoch.graphHash ?? null,
  weights: fileOf(epoch.weights),
  optimizerState: fileOf(epoch.optimizerState),
  released: epoch.released ?? false,
  pruned: epoch.pruned ?? false,
  time: epoch.time ?? null,
})

/** What Epochtree wrote of an epoch, if it is whole enough to be shown. */
const recordOf =
  (mongo: Mongo) =>
  (document: Document): EpochRecord | undefined => {
    const { value, damaged } = parse('Epoch', epochDocument, document)
    if (damaged) {
      mongo.report(damaged, sessionOf(document))
      return undefined
    }
    mongo.mended('Epoch', value._id)
    return epochRecord(value)
  }

/** Anything may stand there. */
const sessionOf = ({ sessionId }: Document) => (sessionId instanceof ObjectId ? sessionId.toHexString() : '')

const shown = <One>(found: readonly (One | undefined)[]) => found.flatMap((one) => one ?? [])

const isByHand = (document: Document) => typeof document['format'] !== 'number'

const within = ({ sessionId, from, to }: Segment): Document | undefined => {
  const session = objectId(sessionId)
  return session && { sessionId: session, number: { $gte: from, $lte: to } }
}

/** Committed epochs in history order. Each question for its own segment, because that is what the index answers. */
async function ofSegments<Row>(segments: readonly Segment[], read: (segment: Segment) => Promise<readonly Row[]>): Promise<Row[]> {
  const found: Row[] = []
  for (const some of pieces(segments, AT_ONCE))
    for (const rows of await Promise.all(some.map(read))) for (const row of rows) found.push(row)
  return found
}

export function epochs(mongo: Mongo, byHand: ByHand, scope: Scope, signal?: AbortSignal): Promise<EpochRecord[]> {
  if ('epochIds' in scope) return byIds(mongo, byHand, scope.epochIds, signal)
  return ofSegments(scope.segments, async (segment) => {
    const filter = within(segment)
    if (!filter) return []
    const found = await mongo.ask(
      (db) => keep(db.collection('Epoch').find(filter, { projection: EPOCH, batchSize: BATCH, sort: { number: 1 } }), recordOf(mongo)),
      { signal },
    )
    return found.length > 0 ? shown(found) : handEpochs(mongo, byHand, segment, signal)
  })
}

async function byIds(mongo: Mongo, byHand: ByHand, ids: readonly string[], signal?: AbortSignal): Promise<EpochRecord[]> {
  const found = new Map<string, EpochRecord>()
  const foreign: string[] = []
  for (const some of pieces(objectIds([...new Set(ids)]))) {
    const records = await mongo.ask(
      (db) =>
        keep(db.collection('Epoch').find(anyOf(some), { projection: EPOCH, batchSize: BATCH }), (document) =>
          isByHand(document) ? String(document['_id']) : recordOf(mongo)(document),
        ),
      { signal },
    )
    for (const one of records)
      if (typeof one === 'string') foreign.push(one)
      else if (one) found.set(one.id, one)
  }
  if (foreign.length > 0) for (const one of await handEpochs(mongo, byHand, foreign, signal)) found.set(one.id, one)
  return ids.flatMap((id) => found.get(id) ?? [])
}

export async function epoch(mongo: Mongo, byHand: ByHand, id: string): Promise<EpochRecord | undefined> {
  const _id = objectId(id)
  const document = _id && (await mongo.ask((db) => db.collection('Epoch').findOne({ _id }, { projection: EPOCH })))
  if (!document) return undefined
  if (isByHand(document)) return (await handEpochs(mongo, byHand, [id]))[0]
  const { value, damaged } = parse('Epoch', epochDocument, document)
  if (!damaged) return epochRecord(value)
  mongo.report(damaged, sessionOf(document))
  throw damaged.error
}

/** The session that trained an epoch, and the epoch's number. */
export async function owner(mongo: Mongo, byHand: ByHand, id: string) {
  const one = await epoch(mongo, byHand, id).catch(() => undefined)
  return one ? { sessionId: one.sessionId, number: one.number } : null
}

/** Newest first, from the last segment back; segments that lie before the page are only counted. */
export async function page(
  mongo: Mongo,
  byHand: ByHand,
  { segments }: History,
  { offset, limit, pruned }: EpochPage,
  signal?: AbortSignal,
): Promise<EpochRecord[]> {
  const found: EpochRecord[] = []
  let before = offset
  let left = limit
  for (const segment of segments.toReversed()) {
    const range = within(segment)
    if (!range) continue
    if (left <= 0) break
    const filter = pruned ? { ...range, pruned: true } : range
    const records = await mongo.ask(
      (db) =>
        keep(db.collection('Epoch').find(filter, { projection: EPOCH, sort: { number: -1 }, skip: before, limit: left }), recordOf(mongo)),
      { signal },
    )
    if (records.length > 0) {
      found.push(...shown(records))
      before = 0
      // Damaged ones are left out, and take up their place all the same.
      left -= records.length
      continue
    }
    const skipped = before > 0 ? await countIn(mongo, filter) : 0
    // Epochs that something else wrote are known by their session alone, which says nothing of pruning.
    const hand = skipped === 0 && !pruned ? (await handEpochs(mongo, byHand, segment, signal)).reverse() : []
    const some = hand.slice(before, before + left)
    found.push(...some)
    left -= some.length
    before = Math.max(0, before - skipped - hand.length)
  }
  return found
}

const countIn = (mongo: Mongo, filter: Document) => mongo.ask((db) => db.collection('Epoch').countDocuments(filter))

export async function count(mongo: Mongo, byHand: ByHand, segments: readonly Segment[]): Promise<number> {
  const counts = await ofSegments(segments, async (segment) => {
    const filter = within(segment)
    const ours = filter ? await countIn(mongo, filter) : 0
    return [ours > 0 ? ours : (await byHand.numbered(segment)).length]
  })
  return counts.reduce((sum, n) => sum + n, 0)
}

export async function clock(mongo: Mongo, byHand: ByHand, scope: Scope): Promise<Clock> {
  const projection = { sessionId: 1, number: 1, started: 1, begun: 1, time: 1, format: 1 }
  const rows: Omit<EpochClock, '_id' | 'sessionId'>[] = []
  const take = (document: Document) => parse('Epoch', epochClock, document).value
  if ('epochIds' in scope) {
    const found = new Map<string, Omit<EpochClock, '_id' | 'sessionId'>>()
    for (const some of pieces(objectIds([...new Set(scope.epochIds)])))
      for (const one of await mongo.ask((db) => keep(db.collection('Epoch').find(anyOf(some), { projection, batchSize: BATCH }), take)))
        if (one) found.set(one._id, one)
    const missing = scope.epochIds.filter((id) => !found.has(id))
    if (missing.length > 0)
      for (const one of await handEpochs(mongo, byHand, missing)) found.set(one.id, { number: one.number, time: one.time })
    for (const id of scope.epochIds) {
      const one = found.get(id)
      if (one) rows.push(one)
    }
  } else
    rows.push(
      ...(await ofSegments<Omit<EpochClock, '_id' | 'sessionId'>>(scope.segments, async (segment) => {
        const filter = within(segment)
        const found = filter
          ? await mongo.ask((db) => keep(db.collection('Epoch').find(filter, { projection, batchSize: BATCH, sort: { number: 1 } }), take))
          : []
        if (found.length > 0) return shown(found)
        return (await handEpochs(mongo, byHand, segment)).map(({ number, time }) => ({ number, time }))
      })),
    )
  const column = (read: (row: Omit<EpochClock, '_id' | 'sessionId'>) => number | null | undefined) =>
    Float64Array.from(rows, (row) => read(row) ?? NaN)
  return {
    number: column(({ number }) => number),
    started: column(({ started }) => started),
    begun: column(({ begun }) => begun),
    committed: column(({ time }) => time),
  }
}

/** Batch by batch: a history may be long, and only a few of its epochs are kept. */
export async function graphChanges(
  mongo: Mongo,
  byHand: ByHand,
  { segments }: History,
  most: number,
  signal?: AbortSignal,
): Promise<GraphChanges> {
  const found = new Thinned<GraphChanges['epochs'][number]>(most)
  let before: string | undefined
  const take = ({ id, number, graphHash }: Pick<EpochRecord, 'id' | 'number' | 'graphHash'>) => {
    if (graphHash !== null && graphHash !== before) found.add({ id, number, graphHash })
    before = graphHash ?? before
  }
  for (const segment of segments) {
    let any = false
    // In pieces by number, so that each can be asked again where the connection was lost.
    for (let from = segment.from; ;) {
      checkAborted(signal)
      const filter = within({ ...segment, from })
      if (!filter) break
      const projection = { sessionId: 1, number: 1, graphHash: 1, format: 1 }
      const found = await mongo.ask(
        (db) =>
          keep(db.collection('Epoch').find(filter, { projection, sort: { number: 1 }, limit: BATCH, batchSize: BATCH }), (document) => ({
            number: document['number'] as unknown,
            record: recordOf(mongo)(document),
          })),
        { signal },
      )
      any ||= found.length > 0
      for (const { record } of found) if (record) take(record)
      const last = found.at(-1)?.number
      if (found.length < BATCH || typeof last !== 'number') break
      from = last + 1
    }
    if (!any) for (const one of await handEpochs(mongo, byHand, segment, signal)) take(one)
  }
  const { values } = found
  return { epochs: values, more: found.count - values.length }
}

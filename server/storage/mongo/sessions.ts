import { type Document, ObjectId } from 'mongodb'
import type * as z from 'zod/mini'
import { history as lineage, type History } from '../../tracking/lineage'
import { owner } from './epochs'
import type { Attempt, Engine, Problem, SessionName, SessionOverview, SessionRecord } from '../ports'
import { isShallow } from '../../json'
import type { ByHand } from './byHand'
import { anyOf, keep, type Mongo, objectId, objectIds, type Origin, pieces } from './mongo'
import { damage, LISTED, type ListedSession, listedSession, parse, sessionDetails, sessionWhole, type WholeSession } from './schema'

/** After its last sign of life, which comes once a minute. */
const ALIVE_SECONDS = 180
const BATCH = 2000
const ONE_BY_ONE = 8
/** Settings may be nested a hundred levels deep, and lie in two more. */
const DEEPEST_DETAILS = 102
const LAST_ID = ObjectId.createFromHexString('f'.repeat(24))
const NO_TAGS: readonly string[] = []

const numbered = (one: { readonly id: string; readonly number?: number | null | undefined } | null | undefined) =>
  one && typeof one.number === 'number' ? { id: one.id, number: one.number } : null

/** `offset`: how far the server's clock is ahead of this machine's. */
export function overview(session: ListedSession, offset: number): SessionOverview {
  const { _id: id, modelName, name, finished, engine, latest, open, aliveAt } = session
  return {
    id,
    name: name ?? modelName,
    modelName,
    createdAt: session.createdAt ?? parseInt(id.slice(0, 8), 16),
    forkedFrom: session.forkedFrom ?? null,
    key: session.key ?? null,
    tags: session.tags?.length ? session.tags : NO_TAGS,
    forkPoint: session.forkPoint ?? null,
    selected: numbered(session.selected),
    deletedAt: session.deletedAt ?? null,
    started: session.started ?? false,
    engine: engine ? engineOf(engine) : null,
    finished: finished ? { status: finished.status, error: finished.error ?? null, time: finished.time ?? null } : null,
    own: session.own ?? 0,
    latest: latest ?? null,
    // The trainer told of it before it was committed.
    open: open && open.number > (latest?.number ?? 0) ? open : null,
    problems: 0,
    team: {
      elsewhere: true,
      by: session.by ?? null,
      waiting: 0,
      aliveUntil: session.alive && aliveAt ? aliveAt.getTime() / 1000 + ALIVE_SECONDS - offset : null,
    },
  }
}

const engineOf = ({ time, pid, host, bootId }: { readonly [Field in keyof Engine]?: Engine[Field] | undefined }): Engine => ({
  time: time ?? null,
  pid: pid ?? null,
  host: host ?? null,
  bootId: bootId ?? null,
})

function record(session: WholeSession, offset: number): SessionRecord {
  const shown = overview(session, offset)
  if (!session.details) return { ...shown, overrides: {}, command: null, attempt: null }
  const told: unknown = parseJson(session.details)
  const parsed = isShallow(told, DEEPEST_DETAILS) ? sessionDetails.safeParse(told) : undefined
  if (!parsed?.success) throw damage('TrainingSession', { _id: objectId(session._id) }, 'details: not what a trainer tells')
  const { overrides, command, attempt } = parsed.data
  return { ...shown, overrides: overrides ?? {}, command: command ?? null, attempt: attempt ? attemptOf(attempt) : null }
}

function attemptOf(told: NonNullable<z.infer<typeof sessionDetails>['attempt']>): Attempt {
  const { id, restored, until, hyperparameters, pruningPlan, environment } = told
  return {
    ...engineOf(told),
    id: id ?? null,
    restored: restored ?? null,
    ...(until === undefined ? {} : { until }),
    hyperparameters: hyperparameters ?? {},
    pruningPlan: pruningPlan ?? null,
    environment: environment ?? {},
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const order = (a: SessionOverview, b: SessionOverview) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)

export async function sessions(
  mongo: Mongo,
  byHand: ByHand,
  { deleted, ids }: { readonly deleted?: boolean; readonly ids?: readonly string[] } = {},
): Promise<SessionOverview[]> {
  // Few are asked for one by one, by their ids alone: that every server answers by its index.
  const asked: readonly Document[] = ids
    ? [...pieces(objectIds(ids), ids.length <= ONE_BY_ONE ? 1 : undefined)].map(anyOf)
    : [deleted ? {} : { deletedAt: null }]
  const [{ offset }, ...found] = await Promise.all([
    mongo.connection.clock(),
    ...asked.map((one) =>
      mongo.ask((db) => keep(db.collection('TrainingSession').find(one, { projection: LISTED, batchSize: BATCH }), listedOf(mongo))),
    ),
  ])
  const shown = await shownOf(mongo, byHand, found.flat(2), offset)
  return (ids && !deleted ? shown.filter(({ deletedAt }) => deletedAt === null) : shown).sort(order)
}

/** So many of the newest, the newest first. */
export async function newest(mongo: Mongo, byHand: ByHand, limit: number, deleted = false): Promise<SessionOverview[]> {
  // What has another kind of id lies before and behind those.
  const filter: Document = { ...(deleted ? {} : { deletedAt: null }), _id: { $lte: LAST_ID } }
  const [{ offset }, found] = await Promise.all([
    mongo.connection.clock(),
    mongo.ask((db) =>
      keep(
        db.collection('TrainingSession').find(filter, { projection: LISTED, batchSize: limit, limit, sort: { _id: -1 } }),
        listedOf(mongo),
      ),
    ),
  ])
  return (await shownOf(mongo, byHand, found.flat(), offset)).sort((a, b) => order(b, a))
}

/** What a list tells of a session, if its document is whole enough. */
const listedOf =
  (mongo: Mongo) =>
  (document: Document): ListedSession[] => {
    const { value, damaged } = parse('TrainingSession', listedSession, document)
    if (!damaged) return [value]
    mongo.report(damaged)
    return []
  }

/** Those that Epochtree wrote, then those that something else did. */
async function shownOf(mongo: Mongo, byHand: ByHand, found: readonly ListedSession[], offset: number): Promise<SessionOverview[]> {
  const shown: SessionOverview[] = []
  const foreign: string[] = []
  for (const value of found) {
    if (typeof value.format !== 'number') {
      foreign.push(value._id)
      continue
    }
    mongo.mended('TrainingSession', value._id)
    const one = overview(value, offset)
    mongo.keepOrigin(one)
    shown.push(one)
  }
  if (foreign.length === 0) return shown
  const views = await byHand.sessions(foreign)
  return [...shown, ...foreign.flatMap((id) => views.get(id)?.overview ?? [])]
}

export async function names(mongo: Mongo, byHand: ByHand): Promise<SessionName[]> {
  const projection = { name: 1, modelName: 1, createdAt: 1, format: 1 }
  const found = await mongo.ask((db) => keep(db.collection('TrainingSession').find({}, { projection, batchSize: BATCH }), listedOf(mongo)))
  return (await shownOf(mongo, byHand, found.flat(), 0)).sort(order).map(({ id, name }) => ({ id, name }))
}

const WHOLE = { ...LISTED, details: 1, told: 1 }

async function whole(mongo: Mongo, byHand: ByHand, filter: Document): Promise<SessionRecord | undefined> {
  const [{ offset }, document] = await Promise.all([
    mongo.connection.clock(),
    mongo.ask((db) => db.collection('TrainingSession').findOne(filter, { projection: WHOLE })),
  ])
  if (!document) return undefined
  return shownWhole(mongo, byHand, document, offset)
}

async function shownWhole(mongo: Mongo, byHand: ByHand, document: Document, offset: number): Promise<SessionRecord | undefined> {
  const { value, damaged } = parse('TrainingSession', sessionWhole, document)
  if (damaged) {
    mongo.report(damaged)
    throw damaged.error
  }
  if (typeof value.format !== 'number') return (await byHand.sessions([value._id])).get(value._id)?.record
  const found = record(value, offset)
  mongo.keepOrigin(found)
  return found
}

export async function session(mongo: Mongo, byHand: ByHand, id: string): Promise<SessionRecord | undefined> {
  const _id = objectId(id)
  return _id && whole(mongo, byHand, { _id })
}

export async function sessionByName(mongo: Mongo, byHand: ByHand, asked: string): Promise<SessionRecord | undefined> {
  const name = asked.normalize('NFC')
  const found = await whole(mongo, byHand, { name })
  if (found) return found
  for (const view of (await byHand.sessions()).values()) if (view.overview.name === name) return view.record
  return undefined
}

export async function forks(mongo: Mongo, byHand: ByHand, epochId: string): Promise<SessionRecord[]> {
  const _id = objectId(epochId)
  if (!_id) return []
  const [{ offset }, documents] = await Promise.all([
    mongo.connection.clock(),
    mongo.ask((db) =>
      db.collection('TrainingSession').find({ 'forkedFrom.epochId': _id, deletedAt: null }, { projection: WHOLE }).toArray(),
    ),
  ])
  const found: SessionRecord[] = []
  for (const document of documents) {
    try {
      const one = await shownWhole(mongo, byHand, document, offset)
      if (one) found.push(one)
    } catch {
      // It was reported.
    }
  }
  for (const { record: one } of (await byHand.sessions()).values())
    if (one.forkedFrom?.epochId === epochId && one.deletedAt === null) found.push(one)
  return found.sort(order)
}

/** One question for each step back that was not asked before. */
export async function history(mongo: Mongo, byHand: ByHand, sessionId: string): Promise<History> {
  const known = new Map<string, Origin | undefined>()
  const owners = new Map<string, Origin['forkPoint']>()
  const take = (id: string, one: Origin | undefined) => {
    known.set(id, one)
    if (one?.forkedFrom && one.forkPoint) owners.set(one.forkedFrom.epochId, one.forkPoint)
    return one
  }
  for (let missing: string | undefined = sessionId; missing !== undefined;) {
    const one: Origin | undefined = take(missing, await origin(mongo, byHand, missing))
    // Nobody has told the fork yet that its parent came.
    if (one?.forkedFrom && !one.forkPoint) owners.set(one.forkedFrom.epochId, await owner(mongo, byHand, one.forkedFrom.epochId))
    missing = undefined
    const answer = lineage(sessionId, {
      session: (id) => {
        if (known.has(id)) return known.get(id)
        const cached = mongo.origin(id)
        if (cached) return take(id, cached)
        missing ??= id
        return undefined
      },
      epochOwner: (id) => owners.get(id) ?? undefined,
    })
    if (missing === undefined) return answer
  }
  throw new Error('unreachable')
}

async function origin(mongo: Mongo, byHand: ByHand, id: string): Promise<Origin | undefined> {
  const _id = objectId(id)
  const document =
    _id &&
    (await mongo.ask((db) =>
      db.collection('TrainingSession').findOne({ _id }, { projection: { modelName: 1, forkedFrom: 1, forkPoint: 1, format: 1 } }),
    ))
  if (!document) return undefined
  const { value, damaged } = parse('TrainingSession', listedSession, document)
  if (damaged) {
    mongo.report(damaged)
    return undefined
  }
  if (typeof value.format !== 'number') return (await byHand.sessions([id])).get(id)?.overview
  const found = { id, forkedFrom: value.forkedFrom ?? null, forkPoint: value.forkPoint ?? null }
  mongo.keepOrigin(found)
  return found
}

/** All documents of sessions are looked at; of the others what was met so far is told. */
export async function problems(mongo: Mongo, byHand: ByHand, sessionId?: string): Promise<readonly Problem[]> {
  await sessions(mongo, byHand, { deleted: true, ...(sessionId === undefined ? {} : { ids: [sessionId] }) })
  return mongo.problems.filter((one) => sessionId === undefined || one.sessionId === sessionId)
}

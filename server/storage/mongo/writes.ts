import { createHash } from 'node:crypto'
import type { Document, ObjectId } from 'mongodb'
import { EpochtreeError } from '../../errors'
import { mendName, nameProblem } from '../../tracking/reference'
import type { FileRecord, Marks, SessionRecord } from '../ports'
import type { EpochUpload, SessionUpload, TeamDecisions, WeightsRecord } from '../team/ports'
import type { ByHand } from './byHand'
import { type Change, nextChange, wasOvertaken } from './changes'
import { isDuplicate } from './errors'
import { hashId, type Mongo, objectId } from './mongo'
import { CLAIM_SECONDS } from './removal'
import {
  damage,
  epochDocument,
  FORMAT,
  LARGEST_DETAILS,
  LISTED,
  listedSession,
  parse,
  sessionEpochs,
  sessionWhole,
  type WholeSession,
} from './schema'

/** A living session's sign of life is renewed so often. */
const SIGN_MS = 60_000
const TRIES = 100
/** Within that time nobody takes away what was brought: `gc` spares what is younger than an hour. */
const BROUGHT_MS = 600_000
const STATE = { ...LISTED, told: 1, decided: 1 }

type Fields = Record<string, unknown>
interface Start {
  readonly epochs: readonly ObjectId[]
  readonly forkPoint: { readonly sessionId: ObjectId; readonly number: number } | null
  readonly weightsId: ObjectId | null
}
const NO_START: Start = { epochs: [], forkPoint: null, weightsId: null }

/** What is written about sessions and epochs: each write changes one document, is guarded by its version, and may be done again. */
export class Writes {
  readonly #mongo: Mongo
  readonly #byHand: ByHand
  /** When a session's sign of life was written here last. */
  readonly #signs = new Map<string, number>()
  /** When files were noted here last. */
  readonly #brought = new Map<string, number>()
  /** When graphs were noted here last. */
  readonly #drawn = new Map<string, number>()
  /** Forks whose beginning is sure to stay. */
  readonly #anchored = new Set<string>()
  /** Graphs whose documents name weights. */
  readonly #paired = new Set<string>()

  constructor(mongo: Mongo, byHand: ByHand) {
    this.#mongo = mongo
    this.#byHand = byHand
  }

  async putSession(upload: SessionUpload, signal?: AbortSignal): Promise<TeamDecisions> {
    const { record } = upload
    const _id = idOf(record.id, 'session')
    const told = toldFields(upload)
    for (let tries = 1; ; tries++) {
      const known = await this.#state(_id, signal)
      if (known && typeof known.format !== 'number')
        throw new EpochtreeError(
          'server-refused',
          `TrainingSession ${record.id} in MongoDB was written by something else. Remove that document, and the session is brought.`,
        )
      if (known?.removing) throw removed(record.id)
      const done = known ? await this.#update(_id, known, upload, told) : await this.#insert(_id, upload, told)
      if (done) {
        await this.#anchor(_id, record)
        return done
      }
      if (tries === TRIES) throw busy(record.id)
    }
  }

  async #insert(_id: ObjectId, { record, alive }: SessionUpload, told: Fields): Promise<TeamDecisions | undefined> {
    // What was removed from the team does not come back with the next machine that still has it.
    if (await this.#mongo.ask((db) => db.collection('Removed').findOne({ _id }))) throw removed(record.id)
    const start = await this.#start(record)
    const selected = record.selected && (await this.#selected(record.selected.id))
    const change = await nextChange(this.#mongo)
    const document = {
      epochs: start.epochs,
      weightsId: selected?.['weightsId'] ?? start.weightsId,
      ...given(told),
      ...given({
        selected,
        deletedAt: time(record.deletedAt),
        forkPoint: start.forkPoint,
        floatingWeightsId: start.weightsId,
        aliveAt: alive ? new Date() : null,
      }),
      ...(record.tags.length > 0 ? { tags: [...record.tags] } : {}),
      own: 0,
      format: FORMAT,
      version: 1,
      decided: 1,
      change: change.n,
    }
    for (let name = validName(record.name); ; name = await this.#freeName(record)) {
      try {
        checked('TrainingSession', { _id, ...document, name })
        await this.#mongo.ask((db) => db.collection('TrainingSession').insertOne({ _id, ...document, name }))
      } catch (error) {
        if (!isDuplicate(error)) throw error
        // Somebody else brought it at this moment, or this very write was repeated; else it is the name.
        if (await this.#state(_id)) return undefined
        continue
      }
      // The server's own clock is the one that counts.
      if (alive) await this.#sign(_id, record.id)
      await this.#settle(_id, change)
      return { name, selected: record.selected?.id ?? null, tags: record.tags, deleted: record.deletedAt, version: 1 }
    }
  }

  async #update(_id: ObjectId, known: State, { record, alive }: SessionUpload, told: Fields): Promise<TeamDecisions | undefined> {
    const healed = record.forkedFrom && !known.forkPoint ? await this.#start(record) : NO_START
    const same = known.told === told['told'] && healed.forkPoint === null
    const signed = this.#signs.get(record.id)
    if (same && (!alive || (signed !== undefined && performance.now() - signed < SIGN_MS))) return decisionsOf(known)
    const set: Fields = { ...told }
    checked('TrainingSession', { _id, ...set })
    if (healed.forkPoint) {
      set['forkPoint'] = healed.forkPoint
      if (!known.floatingWeightsId) {
        set['floatingWeightsId'] = healed.weightsId
        if (!known.selected) set['weightsId'] = healed.weightsId
      }
    }
    if (healed.forkPoint) set['epochs'] = await this.#withStart(_id, healed.epochs)
    if (!(await this.#guarded(_id, known, set, alive ? { $currentDate: { aliveAt: true } } : {}))) return undefined
    if (alive) this.#signs.set(record.id, performance.now())
    if (healed.forkPoint) {
      this.#anchored.delete(record.id)
      await this.#healForks(_id, healed.epochs)
    }
    return decisionsOf(known)
  }

  /** The history of a session whose beginning was not known. Written whole: not every server can put something in front. */
  async #withStart(_id: ObjectId, start: readonly ObjectId[]): Promise<ObjectId[]> {
    const document = await this.#mongo.ask((db) => db.collection('TrainingSession').findOne({ _id }, { projection: { epochs: 1 } }))
    const { damaged } = parse('TrainingSession', sessionEpochs, document)
    if (damaged) throw damaged.error
    const epochs = document!['epochs'] as ObjectId[]
    return epochs[0] && start[0]?.equals(epochs[0]) ? epochs : [...start, ...epochs]
  }

  /**
   * A fork that was brought while what it starts from was being removed. Whoever removes writes down what stays after it looked for forks; the fork
   * looks there after it was written. So one of the two has seen the other.
   */
  async #anchor(_id: ObjectId, { id, forkedFrom }: SessionRecord) {
    if (!forkedFrom || this.#anchored.has(id)) return
    for (let tries = 1; tries <= TRIES; tries++) {
      const own = await this.#state(_id)
      if (!own?.forkPoint) return
      const { sessionId, number } = own.forkPoint
      const parent = await this.#mongo.ask((db) =>
        db.collection('TrainingSession').findOne({ _id: objectId(sessionId)! }, { projection: { removing: 1, keepTo: 1 } }),
      )
      const keepTo: unknown = parent?.['keepTo']
      if (parent && (parent['removing'] !== true || (typeof keepTo === 'number' && keepTo >= number))) {
        this.#anchored.add(id)
        return
      }
      if (parent && typeof keepTo !== 'number') throw beingRemoved('What this session starts from is')
      // As one whose parent is not known.
      const document = await this.#mongo.ask((db) => db.collection('TrainingSession').findOne({ _id }, { projection: { epochs: 1 } }))
      const { value, damaged } = parse('TrainingSession', sessionEpochs, document)
      if (damaged) throw damaged.error
      const inherited = value.epochs.indexOf(forkedFrom.epochId) + 1
      const weightsId = own.own ? undefined : null
      const set = {
        forkPoint: null,
        epochs: (document!['epochs'] as ObjectId[]).slice(inherited),
        ...(weightsId === null ? { floatingWeightsId: null, ...(own.selected ? {} : { weightsId: null }) } : {}),
      }
      if (await this.#guarded(_id, own, set)) return
    }
    throw busy(id)
  }

  /** Forks that took over the history while its beginning was not known. */
  async #healForks(parent: ObjectId, start: readonly ObjectId[]) {
    const forks = await this.#mongo.ask((db) =>
      db
        .collection('TrainingSession')
        .find({ 'forkPoint.sessionId': parent, epochs: { $ne: start[0] } }, { projection: { _id: 1 } })
        .toArray(),
    )
    for (const { _id } of forks) {
      for (;;) {
        const known = await this.#state(_id)
        if (!known || (await this.#guarded(_id, known, { epochs: await this.#withStart(_id, start) }))) break
      }
      await this.#healForks(_id, start)
    }
  }

  async putEpoch(epoch: EpochUpload): Promise<void> {
    const _id = idOf(epoch.id, 'epoch')
    const session = idOf(epoch.sessionId, 'session')
    const fields = epochFields(epoch, session)
    checked('Epoch', { _id, ...fields })
    await this.#holdFiles(epoch)
    await this.#holdGraph(epoch)
    for (let tries = 1; ; tries++) {
      const known = await this.#state(session)
      if (!known)
        throw new EpochtreeError(
          'unknown-session',
          `The team has no session ${epoch.sessionId} that epoch ${epoch.number} could belong to. Bring the session first.`,
        )
      if (known.removing) throw removed(epoch.sessionId)
      const last = known.latest?.number ?? 0
      const news = await this.#writeEpoch(_id, fields, epoch, epoch.number > last)
      if (epoch.number <= last) {
        if (!news || (await this.#guarded(session, known, {}))) return
      } else if (await this.#append(session, known, epoch, _id, fields['weightsId'] as ObjectId | null)) break
      if (tries === TRIES) throw busy(epoch.sessionId)
    }
    await this.#pair(epoch, fields)
  }

  /** Whether something new was written. */
  async #writeEpoch(_id: ObjectId, fields: Fields, epoch: EpochUpload, isNew: boolean): Promise<boolean> {
    if (isNew)
      try {
        await this.#mongo.ask((db) =>
          db.collection('Epoch').insertOne({ _id, ...given(fields), modelGraphId: fields['modelGraphId'], weightsId: fields['weightsId'] }),
        )
        return true
      } catch (error) {
        if (!isDuplicate(error)) throw error
      }
    const there = await this.#mongo.ask((db) => db.collection('Epoch').findOne({ _id }, { projection: { sessionId: 1 } }))
    if (!there || String(there['sessionId']) !== epoch.sessionId)
      throw new EpochtreeError(
        'server-refused',
        there
          ? `Epoch ${epoch.id} in MongoDB belongs to another session. Two machines may have trained with one copied folder; give one of them sessions of its own.`
          : `The team has another epoch ${epoch.number} of session ${epoch.sessionId}, or later ones. Two machines may have trained the same session; fork it on one of them.`,
      )
    const { modifiedCount } = await this.#mongo.ask((db) => db.collection('Epoch').updateOne({ _id }, update(fields)))
    return modifiedCount > 0
  }

  async #append(session: ObjectId, known: State, epoch: EpochUpload, _id: ObjectId, weightsId: ObjectId | null): Promise<boolean> {
    // The newest epoch that has weights: most people save every n epochs.
    const floating = weightsId ?? (known.floatingWeightsId ? objectId(known.floatingWeightsId)! : null)
    const isSelected = known.selected?.id === epoch.id
    const set: Fields = { own: (known.own ?? 0) + 1, latest: { id: _id, number: epoch.number }, floatingWeightsId: floating }
    if (isSelected) set['selected'] = { id: _id, number: epoch.number, weightsId }
    if (isSelected && weightsId) set['weightsId'] = weightsId
    else if (!known.selected) set['weightsId'] = floating
    if (known.open && known.open.number <= epoch.number) set['open'] = null
    return this.#guarded(session, known, set, {
      $push: { epochs: _id },
      ...(known.alive ? { $currentDate: { aliveAt: true } } : {}),
    })
  }

  /** As the source design has it, a graph's document names weights that go with it. */
  async #pair({ graphHash, weights }: EpochUpload, { modelGraphId, weightsId }: Fields) {
    if (graphHash === null || weights === null || this.#paired.has(graphHash)) return
    await this.#mongo.ask((db) =>
      db.collection('ModelGraph').updateOne({ _id: modelGraphId as ObjectId, weightsId: null }, { $set: { weightsId } }),
    )
    if (this.#paired.size > 10_000) this.#paired.clear()
    this.#paired.add(graphHash)
  }

  /** False where nothing was known of the file. */
  async putWeights(file: WeightsRecord): Promise<boolean> {
    const _id = hashId(file.sha256)
    if (!_id) throw new EpochtreeError('bad-argument', 'Weights are named by their SHA-256.')
    const there = await this.#mongo.ask((db) =>
      db.collection('Weights').findOne({ _id }, { projection: { sha256: 1, modelGraphHash: 1, removing: 1, claimedAt: 1 } }),
    )
    if (there && (there['sha256'] ?? file.sha256) !== file.sha256) throw damage('Weights', { _id }, 'its id is that of another file')
    if (there?.['removing'] === true) {
      if (await this.#isClaimed(there['claimedAt'])) throw beingRemoved('These weights are')
      // Whoever claimed them may have removed them, or not: they must be looked for.
      await this.#mongo.ask((db) => db.collection('Weights').deleteOne({ _id, removing: true, claimedAt: there['claimedAt'] as unknown }))
      return this.putWeights(file)
    }
    try {
      await this.#mongo.ask((db) =>
        db.collection('Weights').updateOne(
          { _id, removing: null },
          {
            $set: {
              weightsFileLocation: file.location,
              sha256: file.sha256,
              bytes: file.bytes,
              fileFormat: file.format,
              format: FORMAT,
              ...(there?.['modelGraphHash'] ? {} : { modelGraphHash: file.graphHash }),
            },
            $currentDate: { usedAt: true },
          },
          { upsert: true },
        ),
      )
    } catch (error) {
      if (isDuplicate(error)) throw beingRemoved('These weights are')
      throw error
    }
    this.#note(file.sha256)
    return there !== null
  }

  async #isClaimed(at: unknown): Promise<boolean> {
    const { offset } = await this.#mongo.connection.clock()
    return at instanceof Date && at.getTime() > Date.now() + (offset - CLAIM_SECONDS) * 1000
  }

  #note(sha256: string) {
    if (this.#brought.size > 100_000) this.#brought.clear()
    this.#brought.set(sha256, Date.now())
  }

  /** The files of an epoch must be there, and must not be removed between their being brought and the epoch. */
  async #holdFiles({ number, weights, optimizerState, released }: EpochUpload) {
    for (const file of released ? [] : [weights, optimizerState]) {
      if (!file || isFresh(this.#brought.get(file.sha256))) continue
      const { matchedCount } = await this.#mongo.ask((db) =>
        db.collection('Weights').updateOne({ _id: hashId(file.sha256)!, removing: null }, { $currentDate: { usedAt: true } }),
      )
      if (matchedCount === 0) throw beingRemoved(`Weights of epoch ${number} are not in the team's bucket, or`)
      this.#note(file.sha256)
    }
  }

  /** The same for its graph. */
  async #holdGraph({ number, graphHash }: EpochUpload) {
    if (graphHash === null || isFresh(this.#drawn.get(graphHash))) return
    const { matchedCount } = await this.#mongo.ask((db) =>
      db.collection('ModelGraph').updateOne({ _id: hashId(graphHash)!, hash: graphHash }, { $currentDate: { usedAt: true } }),
    )
    if (matchedCount === 0) throw beingRemoved(`The graph of epoch ${number} is not in the team's database, or`)
    if (this.#drawn.size > 100_000) this.#drawn.clear()
    this.#drawn.set(graphHash, Date.now())
  }

  async decide(sessionId: string, marks: Marks, decided: number): Promise<TeamDecisions | undefined> {
    const _id = idOf(sessionId, 'session')
    const name = marks.name === undefined ? undefined : validName(marks.name, true)
    for (let tries = 1; ; tries++) {
      const known = await this.#state(_id)
      if (!known || known.removing) throw unknown(sessionId)
      const now = await this.#decisions(known)
      const wanted = { ...now, ...(name === undefined ? {} : { name }), ...picked(marks), version: now.version + 1 }
      // Asked again after an answer that got lost, or decided by somebody else in the same way.
      if (isSame(now, wanted)) return now
      if (now.version !== decided) return undefined
      const set: Fields = { decided: wanted.version, ...(name === undefined ? {} : { name }) }
      if (marks.tags !== undefined) set['tags'] = marks.tags.length > 0 ? [...marks.tags] : null
      if (marks.deleted !== undefined) set['deletedAt'] = time(marks.deleted)
      if (marks.selected === null) Object.assign(set, { selected: null, weightsId: await this.#floating(known) })
      else if (marks.selected !== undefined) {
        const selected = await this.#selected(marks.selected)
        set['selected'] = selected
        if (selected['weightsId']) set['weightsId'] = selected['weightsId']
      }
      checked('TrainingSession', { _id, modelName: known.modelName, ...set })
      try {
        if (await this.#guarded(_id, known, set)) return wanted
      } catch (error) {
        if (!isDuplicate(error)) throw error
        throw new EpochtreeError('bad-name', `Another session has the name "${name}". Choose another, for example "${name}-2".`, {
          cause: error,
        })
      }
      if (tries === TRIES) throw busy(sessionId)
    }
  }

  /** Until it is decided, whoever else decides meanwhile. */
  async mark(sessionId: string, marks: Marks): Promise<void> {
    const _id = idOf(sessionId, 'session')
    for (let tries = 1; tries <= TRIES; tries++) {
      const known = await this.#state(_id)
      if (!known) throw unknown(sessionId)
      if (await this.decide(sessionId, marks, known.decided ?? 0)) return
    }
    throw busy(sessionId)
  }

  async #decisions(known: State): Promise<TeamDecisions> {
    const found = decisionsOf(known)
    if (known.name) return found
    return { ...found, name: (await this.#byHand.sessions()).get(known._id)?.overview.name ?? found.name }
  }

  /** Weights of the newest epoch. */
  async #floating(known: State): Promise<ObjectId | null> {
    if (typeof known.format === 'number') return known.floatingWeightsId ? objectId(known.floatingWeightsId)! : null
    const latest = (await this.#byHand.sessions()).get(known._id)?.overview.latest
    return latest ? ((await this.#selected(latest.id))['weightsId'] as ObjectId | null) : null
  }

  /** A selected epoch as a session's document has it; its number is known once the team has it. */
  async #selected(epochId: string): Promise<Fields> {
    const id = idOf(epochId, 'epoch')
    const found = await this.#mongo.ask((db) => db.collection('Epoch').findOne({ _id: id }, { projection: { number: 1, weightsId: 1 } }))
    const number: unknown = found?.['number']
    return { id, number: typeof number === 'number' ? number : null, weightsId: found?.['weightsId'] ?? null }
  }

  /** What a fork takes over; nothing while its parent is not known. */
  async #start({ forkedFrom }: SessionRecord): Promise<Start> {
    if (!forkedFrom) return NO_START
    const at = idOf(forkedFrom.epochId, 'epoch')
    const found = await this.#mongo.ask((db) =>
      db.collection('Epoch').findOne({ _id: at }, { projection: { sessionId: 1, number: 1, weightsId: 1 } }),
    )
    if (!found) return NO_START
    const [hand] = typeof found['number'] === 'number' ? [] : await this.#byHand.placed([forkedFrom.epochId])
    const owner = hand
      ? { sessionId: objectId(hand.sessionId)!, number: hand.number }
      : { sessionId: found['sessionId'] as ObjectId, number: found['number'] as number }
    const parent = await this.#mongo.ask((db) =>
      db.collection('TrainingSession').findOne({ _id: owner.sessionId }, { projection: { epochs: 1, floatingWeightsId: 1 } }),
    )
    const { value } = parent ? parse('TrainingSession', sessionEpochs, parent) : {}
    const end = value?.epochs.indexOf(forkedFrom.epochId) ?? -1
    if (end < 0) return NO_START
    const weightsId = (found['weightsId'] as ObjectId | undefined) ?? null
    return { epochs: (parent!['epochs'] as ObjectId[]).slice(0, end + 1), forkPoint: owner, weightsId }
  }

  async #freeName({ name: asked, modelName }: SessionRecord): Promise<string> {
    const model = mendName(modelName)
    const name = validName(asked)
    // Its number was given among the sessions of another folder.
    const isNumbered = name.startsWith(`${model}-`) && /^\d{1,9}$/.test(name.slice(model.length + 1))
    const base = isNumbered ? model : name
    let from = isNumbered ? 1 : 2
    for (let size = 16; ; size *= 4) {
      const candidates = Array.from({ length: size }, (_, i) => (from + i === 1 ? base : `${base}-${from + i}`))
      const found = await this.#mongo.ask((db) =>
        db
          .collection('TrainingSession')
          .find({ name: { $in: candidates } }, { projection: { name: 1, _id: 0 } })
          .toArray(),
      )
      const taken = new Set(found.map((one): unknown => one['name']))
      const free = candidates.find((one) => !taken.has(one))
      if (free !== undefined) return free
      from += size
    }
  }

  async #state(_id: ObjectId, signal?: AbortSignal): Promise<State | undefined> {
    const document = await this.#mongo.ask((db) => db.collection('TrainingSession').findOne({ _id }, { projection: STATE }), { signal })
    if (!document) return undefined
    const { value, damaged } = parse('TrainingSession', sessionWhole, document)
    if (damaged) throw damaged.error
    return value
  }

  /** One change of a session's document, if it is still as it was read. False where it is not. */
  async #guarded(_id: ObjectId, known: State, set: Fields, more: Document = {}): Promise<boolean> {
    const change = await nextChange(this.#mongo)
    const version = known.version ?? null
    const { $set, $unset } = update({ ...set, change: change.n, version: (version ?? 0) + 1 })
    const { matchedCount } = await this.#mongo.ask((db) =>
      db.collection('TrainingSession').updateOne({ _id, version }, { $set, ...($unset ? { $unset } : {}), ...more }),
    )
    if (matchedCount === 0) return false
    await this.#settle(_id, change)
    return true
  }

  async #settle(_id: ObjectId, change: Change) {
    for (let at = change; await wasOvertaken(this.#mongo, at);) {
      at = await nextChange(this.#mongo)
      await this.#mongo.ask((db) => db.collection('TrainingSession').updateOne({ _id }, { $max: { change: at.n } }))
    }
  }

  async #sign(_id: ObjectId, id: string) {
    await this.#mongo.ask((db) => db.collection('TrainingSession').updateOne({ _id }, { $currentDate: { aliveAt: true } }))
    this.#signs.set(id, performance.now())
  }
}

type State = WholeSession

/** By the clock on the wall: others go on while this machine sleeps. */
const isFresh = (at: number | undefined) => at !== undefined && Math.abs(Date.now() - at) < BROUGHT_MS

const decisionsOf = (known: State): TeamDecisions => ({
  name: known.name ?? known.modelName,
  selected: known.selected?.id ?? null,
  tags: known.tags ?? [],
  deleted: known.deletedAt ?? null,
  version: known.decided ?? 0,
})

const picked = ({ selected, tags, deleted }: Marks) => ({
  ...(selected === undefined ? {} : { selected }),
  ...(tags === undefined ? {} : { tags }),
  ...(deleted === undefined ? {} : { deleted }),
})

const isSame = (a: TeamDecisions, b: TeamDecisions) =>
  a.name === b.name &&
  a.selected === b.selected &&
  a.deleted === b.deleted &&
  a.tags.length === b.tags.length &&
  a.tags.every((tag, i) => tag === b.tags[i])

/** What the trainer tells of a session, as its document has it; null where there is nothing. */
function toldFields({ record, by, alive }: SessionUpload): Fields {
  const { modelName, createdAt, forkedFrom, key, started, engine, finished, open, overrides, command, attempt } = record
  const details = JSON.stringify({ overrides, command, attempt })
  if (Buffer.byteLength(details) > LARGEST_DETAILS)
    throw new EpochtreeError(
      'server-refused',
      `The settings of session ${record.id} are larger than 12 MiB, which no document of MongoDB has room for. Log such things as files of your own.`,
    )
  const told = JSON.stringify([modelName, createdAt, forkedFrom, key, started, engine, finished, open, details, by, alive])
  return {
    modelName: modelName.replace(/\p{Surrogate}/gu, '\uFFFD'),
    createdAt,
    by,
    key,
    forkedFrom: forkedFrom && {
      sessionId: idOf(forkedFrom.sessionId, 'session'),
      epochId: idOf(forkedFrom.epochId, 'epoch'),
      epochNumber: forkedFrom.epochNumber,
    },
    started: started || null,
    engine: engine && given({ ...engine, time: time(engine.time) }),
    finished: finished && given({ ...finished, time: time(finished.time) }),
    open: open && { id: idOf(open.id, 'epoch'), number: open.number },
    alive: alive || null,
    details,
    told: createHash('sha256').update(told).digest('hex'),
  }
}

function epochFields(epoch: EpochUpload, sessionId: ObjectId): Fields {
  const { number, graphHash, weights, optimizerState, released, pruned, documents } = epoch
  return {
    modelGraphId: graphHash === null ? null : (hashId(graphHash) ?? null),
    weightsId: weights && (hashId(weights.sha256) ?? null),
    stateId: optimizerState && (hashId(optimizerState.sha256) ?? null),
    sessionId,
    number,
    graphHash,
    weights: weights && fileFields(weights),
    optimizerState: optimizerState && fileFields(optimizerState),
    released,
    pruned,
    time: time(epoch.time),
    begun: time(epoch.begun),
    started: time(epoch.started),
    documents,
    format: FORMAT,
  }
}

const fileFields = ({ sha256, bytes, format, file }: FileRecord) => ({ sha256, bytes, format, file })
/** A time, if it is one: a journal may hold any number. */
const time = (seconds: number | null) => (seconds !== null && Math.abs(seconds) <= 8.64e12 ? seconds : null)

/** What would not be shown to anybody is not written. */
function checked(collection: 'TrainingSession' | 'Epoch', document: Fields): Fields {
  const { damaged } = parse(collection, collection === 'Epoch' ? epochDocument : listedSession, document)
  if (!damaged) return document
  throw new EpochtreeError(
    'server-refused',
    `${damaged.error.message.replace(/ in MongoDB is damaged \((.*)\).*/s, " can't be brought to the team: $1.")} Shorten it.`,
  )
}

/** Without what is null: it is not written down. */
const given = (fields: Fields): Fields => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

/** Fields that the source design has stay where they are null. */
const STAYS = new Set(['weightsId', 'modelGraphId'])

function update(fields: Fields): { $set: Fields; $unset?: Record<string, ''> } {
  const none = Object.keys(fields).filter((field) => fields[field] === null && !STAYS.has(field))
  const $set = Object.fromEntries(Object.entries(fields).filter(([field, value]) => value !== null || STAYS.has(field)))
  return none.length > 0 ? { $set, $unset: Object.fromEntries(none.map((field) => [field, ''] as const)) } : { $set }
}

function validName(asked: string, byPeople = false): string {
  const name = asked.normalize('NFC')
  const problem = nameProblem(name)
  if (problem && byPeople) throw new EpochtreeError('bad-name', `${problem} "${mendName(name).slice(0, 80)}" would do.`)
  return problem ? mendName(name) : name
}

function idOf(id: string, what: string): ObjectId {
  const found = objectId(id)
  if (!found) throw new EpochtreeError('bad-argument', `"${id.slice(0, 80)}" is no id of ${what === 'epoch' ? 'an epoch' : 'a session'}.`)
  return found
}

const unknown = (id: string) => new EpochtreeError('unknown-session', `The team has no session ${id}. It may have been removed.`)
const removed = (id: string) =>
  new EpochtreeError(
    'session-deleted',
    `Session ${id} was deleted in the team and removed there for good. It stays on this machine alone, until \`epochtree delete\` puts it away here too.`,
  )
const busy = (id: string) => new EpochtreeError('team-busy', `Too many people write to session ${id} at once. Try again.`)
const beingRemoved = (what: string) =>
  new EpochtreeError('team-busy', `${what} being removed just now. Bring them again in a minute: that is done by itself.`)

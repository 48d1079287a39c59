import { mendName } from '../../tracking/reference'
import type { Segment, SessionOverview, SessionRecord } from '../ports'
import { anyOf, keep, type Mongo, objectIds, pieces } from './mongo'
import { epochByHand, parse, sessionByHand } from './schema'
import { overview } from './sessions'

/** A session that something else wrote, in the shape of the source design alone: what is not told is as if nothing had been said. */
export interface HandSession {
  readonly overview: SessionOverview
  readonly record: SessionRecord
  /** Those that no earlier session has; the first has the number `from`. */
  readonly own: readonly string[]
  readonly from: number
}

const HOLDS_MS = 2000
/** Where there was none, one more is looked for not so often. */
const NONE_HOLDS_MS = 30_000

interface HandEpoch {
  readonly id: string
  readonly sessionId: string
  readonly number: number
}
type Owner = { readonly sessionId: string; readonly number: number }

/**
 * Sessions without a `format`. Their epochs are numbered by their order; what an earlier session has as well, up to a common epoch, counts as
 * inherited from it, because so the source design writes a retraining down.
 */
export class ByHand {
  readonly #mongo: Mongo
  #found: { readonly at: number; readonly views: Promise<ReadonlyMap<string, HandSession>> } | undefined

  constructor(mongo: Mongo) {
    this.#mongo = mongo
  }

  /** All of them; looked for anew where one is named that was not known. */
  async sessions(named: readonly string[] = []): Promise<ReadonlyMap<string, HandSession>> {
    const known = this.#found
    const age = known ? performance.now() - known.at : Infinity
    if (known && age < NONE_HOLDS_MS) {
      const views = await known.views
      if (age < (views.size === 0 ? NONE_HOLDS_MS : HOLDS_MS) && named.every((id) => views.has(id))) return views
      // Whoever waited here as well may have begun already.
      if (this.#found && this.#found !== known) return this.#found.views
    }
    const views = this.#read()
    const found = (this.#found = { at: performance.now(), views })
    views.catch(() => {
      if (this.#found === found) this.#found = undefined
    })
    return views
  }

  forget() {
    this.#found = undefined
  }

  /** Own epochs of a session by their numbers. */
  async numbered({ sessionId, from, to }: Segment): Promise<HandEpoch[]> {
    const session = (await this.sessions()).get(sessionId)
    if (!session) return []
    return session.own.flatMap((id, i) => {
      const number = session.from + i
      return number >= from && number <= to ? [{ id, sessionId, number }] : []
    })
  }

  /** Where in their sessions epochs are. */
  async placed(ids: readonly string[]): Promise<HandEpoch[]> {
    const wanted = new Set(ids)
    const found: HandEpoch[] = []
    for (const [sessionId, { own, from }] of await this.sessions())
      for (const [i, id] of own.entries()) if (wanted.has(id)) found.push({ id, sessionId, number: from + i })
    return found
  }

  async #read(): Promise<ReadonlyMap<string, HandSession>> {
    const mongo = this.#mongo
    const projection = { epochs: 1, weightsId: 1, modelName: 1, name: 1, tags: 1, selected: 1, deletedAt: 1, createdAt: 1, version: 1 }
    const found = await mongo.ask((db) =>
      keep(db.collection('TrainingSession').find({ format: null }, { projection }).sort({ _id: 1 }), (document) => {
        const { value, damaged } = parse('TrainingSession', sessionByHand, document)
        if (damaged) mongo.report(damaged)
        return value ?? []
      }),
    )
    const parsed = found.flat()
    if (parsed.length === 0) return new Map()
    const taken = await this.#names(parsed.flatMap(({ name, modelName }) => (name ? [] : [mendName(modelName)])))
    for (const { name } of parsed) if (name) taken.add(name)
    // Most have nothing in common with ours: the first epoch tells.
    const first = await this.#owners(parsed.flatMap(({ epochs }) => epochs[0] ?? []))
    const owners = await this.#owners(parsed.flatMap(({ epochs }) => (first.has(epochs[0] ?? '') ? epochs : [])))
    const views = new Map<string, HandSession>()
    for (const one of parsed) {
      const { _id: id, epochs } = one
      const end = epochs.findIndex((epoch) => !owners.has(epoch))
      const shared = end < 0 ? epochs.length : end
      const inherited = shared > 0 ? owners.get(epochs[shared - 1]!) : undefined
      const own = epochs.slice(shared)
      const from = (inherited?.number ?? 0) + 1
      own.forEach((epoch, i) => owners.set(epoch, { sessionId: id, number: from + i }))
      let name = one.name ?? mendName(one.modelName)
      for (let n = 2; !one.name && taken.has(name); n++) name = `${mendName(one.modelName)}-${n}`
      taken.add(name)
      const latest = own.length > 0 ? { id: own.at(-1)!, number: from + own.length - 1 } : null
      const chosen = one.selected?.id
      const selectedNumber = chosen === undefined ? undefined : owners.get(chosen)?.number
      const shown = overview(
        {
          ...one,
          name,
          forkedFrom: inherited ? { sessionId: inherited.sessionId, epochId: epochs[shared - 1]!, epochNumber: inherited.number } : null,
          forkPoint: inherited ? inherited : null,
          selected: chosen !== undefined && selectedNumber !== undefined ? { id: chosen, number: selectedNumber } : null,
          started: own.length > 0,
          finished: own.length > 0 ? { status: 'stopped' } : null,
          own: own.length,
          latest,
        },
        0,
      )
      views.set(id, { overview: shown, record: { ...shown, overrides: {}, command: null, attempt: null }, own, from })
    }
    return views
  }

  /** Which of these names Epochtree's own sessions have, and those numbered after them. */
  async #names(wanted: readonly string[]): Promise<Set<string>> {
    const candidates = [...new Set(wanted)].flatMap((name) => [name, ...Array.from({ length: 30 }, (_, i) => `${name}-${i + 2}`)])
    const found = new Set<string>()
    for (const some of pieces(candidates)) {
      const documents = await this.#mongo.ask((db) =>
        db
          .collection('TrainingSession')
          .find({ name: { $in: [...some] } }, { projection: { name: 1 } })
          .toArray(),
      )
      for (const { name } of documents) if (typeof name === 'string') found.add(name)
    }
    return found
  }

  /** The sessions of ours that have trained these epochs, with their numbers. */
  async #owners(epochIds: readonly string[]): Promise<Map<string, Owner>> {
    const found = new Map<string, Owner>()
    for (const some of pieces(objectIds([...new Set(epochIds)]))) {
      const documents = await this.#mongo.ask((db) =>
        db
          .collection('Epoch')
          .find(anyOf(some), { projection: { sessionId: 1, number: 1 } })
          .toArray(),
      )
      for (const document of documents) {
        const { value } = parse('Epoch', epochByHand, document)
        if (value?.sessionId && value.number) found.set(value._id, { sessionId: value.sessionId, number: value.number })
      }
    }
    return found
  }
}

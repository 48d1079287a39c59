import { randomBytes } from 'node:crypto'
import { type Db, type Document, ObjectId } from 'mongodb'
import { EpochtreeError } from '../../errors'
import type { Changes, StoreVersion } from '../ports'
import type { ByHand } from './byHand'
import { isDuplicate } from './errors'
import type { Mongo } from './mongo'
import { counter, FORMAT } from './schema'

interface Count {
  readonly _id: string
  readonly n: number
  readonly store: string
  readonly format?: number
}
const counters = (db: Db) => db.collection<Count>('Counter')
const CHANGES = 'changes'

/** Changes that may still be on their way when a later one is seen already. */
const OVERLAP = 256
/** How long after the last change one is still looked for that took its number and came late. A writer that took longer than half of that takes another. */
const SETTLED_MS = 10_000
/** Versions between two values of the counter: each process begins at one of its own, and counts on for what came late. */
const VERSIONS = 2 ** 20
/** Of the changes that were seen, so many of the last are known. */
const REMEMBERED = 4 * OVERLAP
const MOST_GIVEN = 10_000
const HAND_MS = 30_000

/** What a document takes before it is written: whoever follows asks for the sessions above the last number that was seen. */
export interface Change {
  readonly n: number
  readonly taken: number
}

export async function nextChange(mongo: Mongo): Promise<Change> {
  const taken = performance.now()
  for (;;) {
    try {
      const found = await mongo.ask((db) =>
        counters(db).findOneAndUpdate(
          { _id: CHANGES },
          { $inc: { n: 1 }, $setOnInsert: { store: randomBytes(8).toString('hex'), format: FORMAT } },
          { upsert: true, returnDocument: 'after' },
        ),
      )
      return { n: read(found).n, taken }
    } catch (error) {
      // Two made it at one moment.
      if (!isDuplicate(error)) throw error
    }
  }
}

/** Whether those who follow may have passed by the change already, so that it must be written again with another number. */
export async function wasOvertaken(mongo: Mongo, { n, taken }: Change): Promise<boolean> {
  const took = performance.now() - taken
  if (took > SETTLED_MS / 2) return true
  // So many changes don't come in no time.
  return took > 200 && ((await current(mongo))?.n ?? 0) > n + OVERLAP / 2
}

async function current(mongo: Mongo): Promise<Count | undefined> {
  const document = await mongo.ask((db) => counters(db).findOne({ _id: CHANGES }))
  return document ? read(document) : undefined
}

function read(document: Document | null): Count {
  const parsed = counter.safeParse(document)
  if (!parsed.success)
    throw new EpochtreeError(
      'server-damaged',
      'Counter "changes" in MongoDB is damaged. Mend it: it needs a whole number n and a text store.',
    )
  const { n: value, store, format } = parsed.data
  if (typeof format === 'number' && format > FORMAT)
    throw new EpochtreeError(
      'store-newer',
      `The team's database was written by a newer Epochtree (format ${format}, this one knows ${FORMAT}). Update Epochtree.`,
    )
  return { _id: CHANGES, n: value, store }
}

/** Tells this database from any other, an emptied one included. */
export async function identity(mongo: Mongo): Promise<string> {
  const known = await current(mongo)
  if (known) return known.store
  await nextChange(mongo)
  return (await current(mongo))!.store
}

/** What came since a version, for any number of followers in this process. */
export class Follower {
  readonly #mongo: Mongo
  readonly #byHand: ByHand
  /** The last change of each session that changed lately, and the version that was given out with it first. */
  readonly #seen = new Map<string, { readonly change: number; readonly version: number }>()
  /** Versions that were given out here. Any other was by another process, which may have missed what came late. */
  readonly #given = new Set<number>()
  #store: string | undefined
  #n = -1
  #movedAt = 0
  #version = 0
  #hand: { readonly at: number; readonly prints: ReadonlyMap<string, string> } | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(mongo: Mongo, byHand: ByHand) {
    this.#mongo = mongo
    this.#byHand = byHand
  }

  /** One after another, because each goes on from what the one before saw. */
  changes(since?: StoreVersion, ids = true): Promise<Changes> {
    const answer = this.#turn.then(() => this.#changes(since, ids))
    this.#turn = answer.catch(() => {})
    return answer
  }

  async #changes(since: StoreVersion | undefined, whole: boolean): Promise<Changes> {
    const now = await current(this.#mongo)
    const store = now?.store ?? ''
    const n = now?.n ?? 0
    if (store !== this.#store || n < this.#n) this.#begin(store)
    const moved = n > this.#n
    if (moved) {
      this.#version = n * VERSIONS + Math.floor((Math.random() * VERSIONS) / 2)
      this.#n = n
      this.#movedAt = performance.now()
    }
    const ids = since?.store === store ? await this.#since(since.version, moved) : await this.#everything(whole)
    if (this.#given.size >= MOST_GIVEN) this.#given.clear()
    this.#given.add(this.#version)
    return { at: { store, version: this.#version }, sessionIds: ids, all: since?.store !== store }
  }

  #begin(store: string) {
    this.#store = store
    this.#n = -1
    this.#seen.clear()
    this.#given.clear()
    this.#hand = undefined
  }

  async #everything(whole: boolean): Promise<string[]> {
    // Whoever reads all of it next needs no ids, and later hears once more of what changed lately. That is no harm.
    if (!whole) return []
    const [found] = await Promise.all([this.#changed('TrainingSession'), this.#lookByHand()])
    this.#note(
      found.filter(({ change }) => change > this.#n - REMEMBERED),
      false,
    )
    return found.map(({ id }) => id)
  }

  async #since(version: number, moved: boolean): Promise<string[]> {
    const since = Math.floor(version / VERSIONS)
    const ids = new Set<string>()
    const settled = !moved && performance.now() - this.#movedAt > SETTLED_MS
    const ours = this.#given.has(version)
    if (!settled || since < this.#n || !ours) {
      const least = since - OVERLAP
      const found = (await Promise.all([this.#changed('TrainingSession', least), this.#changed('Removed', least)])).flat()
      this.#note(
        found.filter(({ change }) => change > this.#n - REMEMBERED),
        !moved,
      )
      // What is too old to be remembered, or was told to nobody here, may be known already. That is no harm.
      for (const { id, change } of found) if (!ours || change <= this.#n - REMEMBERED) ids.add(id)
    }
    await this.#lookByHand()
    // Versions of two processes say nothing of what counts no changes.
    if (!ours) for (const id of this.#hand?.prints.keys() ?? []) ids.add(id)
    // Whoever has the newest version lacks nothing: that is nearly every look.
    if (version < this.#version) for (const [id, seen] of this.#seen) if (seen.version > version) ids.add(id)
    return [...ids]
  }

  /** What wasn't seen before gets a version of its own, where the counter gave none. */
  #note(found: readonly { readonly id: string; readonly change: number }[], late: boolean) {
    const fresh = found.filter(({ id, change }) => this.#seen.get(id)?.change !== change)
    if (fresh.length > 0 && late) this.#version++
    for (const { id, change } of fresh) this.#seen.set(id, { change, version: this.#version })
    for (const [id, { change }] of this.#seen) if (change <= this.#n - REMEMBERED) this.#seen.delete(id)
  }

  async #changed(collection: 'TrainingSession' | 'Removed', above?: number): Promise<{ readonly id: string; readonly change: number }[]> {
    const documents = await this.#mongo.ask((db) =>
      db
        .collection(collection)
        .find(above === undefined ? {} : { change: { $gt: above } }, { projection: { change: 1 }, batchSize: 10_000 })
        .toArray(),
    )
    return documents.flatMap(({ _id, change }) =>
      _id instanceof ObjectId ? [{ id: _id.toHexString(), change: typeof change === 'number' ? change : 0 }] : [],
    )
  }

  /** Who writes by hand counts nothing, so such sessions are looked at now and then; at first all of them count as changed, because nobody knows since when. */
  async #lookByHand() {
    const known = this.#hand
    if (known && performance.now() - known.at < HAND_MS) return
    const sessions = await this.#byHand.sessions()
    const prints = new Map([...sessions].map(([id, { overview }]) => [id, JSON.stringify(overview)]))
    this.#hand = { at: performance.now(), prints }
    const ids = new Set([...(known?.prints.keys() ?? []), ...prints.keys()])
    const fresh = [...ids].filter((id) => known?.prints.get(id) !== prints.get(id))
    if (fresh.length === 0) return
    this.#version++
    for (const id of fresh) this.#seen.set(id, { change: this.#n, version: this.#version })
  }
}

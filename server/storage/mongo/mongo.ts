import { type Db, type Document, type FindCursor, ObjectId } from 'mongodb'
import type { ForkedFrom } from '../../protocol/model'
import type { Problem } from '../ports'
import type { TeamWeights } from '../team/ports'
import type { Connection, Question } from './connection'
import type { CollectionName, Damaged } from './schema'

/** Where graphs lie that are too large for a document. */
export type Large = Pick<TeamWeights, 'putBytes' | 'getBytes'>

/** What a session was forked from never changes, so it is asked once. */
export interface Origin {
  readonly id: string
  readonly forkedFrom: ForkedFrom | null
  readonly forkPoint: { readonly sessionId: string; readonly number: number } | null
}

const MOST_DAMAGED = 1000
const MOST_ORIGINS = 50_000

/** What all parts of the adapter share: the connection, and what was seen on the way. */
export class Mongo {
  readonly connection: Connection
  readonly large: Large | undefined
  /** By collection and id. */
  readonly #damaged = new Map<string, Problem>()
  readonly #origins = new Map<string, Origin>()

  constructor(connection: Connection, large: Large | undefined) {
    this.connection = connection
    this.large = large
  }

  ask<Answer>(work: (db: Db) => Promise<Answer>, question?: Question): Promise<Answer> {
    return this.connection.ask(work, question)
  }

  /** Keeps what was passed over, for those who ask for problems. */
  report({ collection, id, error }: Damaged, sessionId: string | null = collection === 'TrainingSession' ? id : null) {
    if (this.#damaged.size >= MOST_DAMAGED) this.#damaged.delete(this.#damaged.keys().next().value!)
    this.#damaged.set(`${collection}/${id ?? error.message}`, {
      sessionId: sessionId ?? '',
      file: `MongoDB ${collection}`,
      line: null,
      message: error.message,
    })
  }

  mended(collection: CollectionName, id: string) {
    if (this.#damaged.size > 0) this.#damaged.delete(`${collection}/${id}`)
  }

  get problems(): readonly Problem[] {
    return [...this.#damaged.values()]
  }

  keepOrigin({ id, forkedFrom, forkPoint }: Origin) {
    // Where the parent is not known yet, it may come.
    if (forkedFrom !== null && forkPoint === null) return
    if (this.#origins.size >= MOST_ORIGINS) this.#origins.delete(this.#origins.keys().next().value!)
    this.#origins.set(id, { id, forkedFrom, forkPoint })
  }

  origin = (id: string): Origin | undefined => this.#origins.get(id)

  forgetOrigin(id: string) {
    this.#origins.delete(id)
  }

  forget() {
    this.#damaged.clear()
    this.#origins.clear()
  }
}

const HEX = /^[0-9a-f]{24}$/

/** The id as the server has it; undefined for what can't be one. */
export const objectId = (id: string): ObjectId | undefined => (HEX.test(id) ? ObjectId.createFromHexString(id) : undefined)
export const objectIds = (ids: readonly string[]): ObjectId[] => ids.flatMap((id) => objectId(id) ?? [])
/** The id of what is named by a hash: graphs and weights. */
export const hashId = (hash: string): ObjectId | undefined => objectId(hash.slice(0, 24))

const MOST_IDS = 1000

/** Lists of ids in pieces that a question can hold. */
export function* pieces<Item>(items: readonly Item[], most = MOST_IDS): Generator<readonly Item[]> {
  for (let i = 0; i < items.length; i += most) yield items.slice(i, i + most)
}

/** What is kept of each document that is found. One after another: what all of them hold is bounded by nobody. */
export const keep = <Kept>(found: FindCursor, take: (document: Document) => Kept): Promise<Kept[]> =>
  found
    .map((document: Document) => ({ kept: take(document) }))
    .toArray()
    .then((all) => all.map(({ kept }) => kept))

/** A single id is asked for as itself: that is the one question that every server answers by its index. */
export const anyOf = (ids: readonly ObjectId[]) => (ids.length === 1 ? { _id: ids[0]! } : { _id: { $in: [...ids] } })

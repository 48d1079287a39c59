import type { Scope } from '../ports'
import { indexOf, isId } from './layout'
import type { Json } from './server'

/** A visible epoch, as MongoDB tells of it. */
export interface Epoch {
  readonly id: string
  readonly number: number
  readonly sessionId: string
}
export type Resolve = (scope: Scope) => Promise<readonly Epoch[]>

/** Epochs that one query asks about, and how it finds their documents. */
export interface Part {
  readonly epochs: readonly Epoch[]
  readonly filter: Json
  /** The epochs can be told apart by their numbers, which rise. */
  readonly numbered: boolean
  readonly indices: readonly string[]
}

/** Elasticsearch takes no more terms at once (`index.max_terms_count`). */
const MOST_IDS = 65_536
export interface Limits {
  /** So many epochs are asked by their ids, and read point by point: a document counts then whatever else stands in it. */
  readonly few: number
  /** More are asked by ranges of their numbers where so many follow each other on average. */
  readonly run: number
  /** So many points of curves are read to be reduced here. */
  readonly points: number
  /** So many epochs of curves are told one by one, where several would do in a bucket. */
  readonly cells: number
  /** How long a question may take. */
  readonly milliseconds: number
  /** How large an answer may be; pages whose documents are larger hold fewer. */
  readonly bytes: number
}
export const LIMITS: Limits = { few: 64, run: 8, points: 20_000, cells: 60_000, milliseconds: 10_000, bytes: 256 << 20 }
/** Ranges of one query. */
const MOST_RUNS = 256

interface Run {
  readonly sessionId: string
  readonly from: number
  to: number
  readonly epochs: Epoch[]
}

/** As few queries as there can be: by session and range of numbers where epochs follow each other, else by ids. */
export function partsOf({ prefix, limits }: { readonly prefix: string; readonly limits: Limits }, epochs: readonly Epoch[]): Part[] {
  const found = epochs.filter(({ id }) => isId(id))
  if (found.length === 0) return []
  const runs = found.length > limits.few ? runsOf(found) : []
  const part = (of: readonly Epoch[], filter: Json, numbered: boolean): Part => ({
    epochs: of,
    filter,
    numbered,
    indices: [...new Set(of.map(({ id }) => indexOf(prefix, id)))],
  })
  if (runs.length > 0 && runs.length <= MOST_RUNS && runs.length * limits.run <= found.length) {
    const should = runs.map(({ sessionId, from, to }) => ({
      bool: { filter: [{ term: { session: sessionId } }, { range: { number: { gte: from, lte: to } } }] },
    }))
    const numbered = found.every(({ number }, i) => i === 0 || number > found[i - 1]!.number)
    return [part(found, should.length === 1 ? should[0]! : { bool: { should } }, numbered)]
  }
  const parts: Part[] = []
  for (let from = 0; from < found.length; from += MOST_IDS) {
    const some = found.slice(from, from + MOST_IDS)
    parts.push(part(some, { terms: { epoch: some.map(({ id }) => id) } }, false))
  }
  return parts
}

function runsOf(epochs: readonly Epoch[]): Run[] {
  const runs: Run[] = []
  for (const epoch of epochs) {
    const last = runs.at(-1)
    if (last && last.sessionId === epoch.sessionId && last.to + 1 === epoch.number) {
      last.to = epoch.number
      last.epochs.push(epoch)
    } else runs.push({ sessionId: epoch.sessionId, from: epoch.number, to: epoch.number, epochs: [epoch] })
  }
  return runs
}

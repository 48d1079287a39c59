import type { DocumentStore, Scope } from '../ports'
import { joinBest, joinColumns, joinCurves, joinEnvelopes, joinFields, joinNames, joinPoints } from './joined'
import type { TeamDocuments } from './ports'
import { Scratch } from './scratch'
import type { Piece, Whereabouts } from './whereabouts'

/** Documents of the embedded store and of the team's as one: each piece of a scope is asked where it lies, and the answers are joined. */
export class MixedDocuments implements DocumentStore {
  readonly #where: Whereabouts
  readonly #team: TeamDocuments
  readonly #scratch: Scratch

  constructor(where: Whereabouts, team: TeamDocuments, scratch: Scratch) {
    this.#where = where
    this.#team = team
    this.#scratch = scratch
  }

  #store({ here }: Piece): DocumentStore {
    return here ? this.#where.local.documents : this.#team
  }

  /** A scope that lies in one place is asked there as it is. */
  async #joined<Answer>(
    scope: Scope,
    ask: (store: DocumentStore, scope: Scope) => Promise<Answer>,
    join: (parts: readonly Answer[]) => Answer,
  ): Promise<Answer> {
    const pieces = await this.#where.cut(scope)
    const [only, ...others] = pieces
    if (!only) return ask(this.#where.local.documents, scope)
    if (others.length === 0) return ask(this.#store(only), scope)
    return join(await Promise.all(pieces.map((piece) => ask(this.#store(piece), piece.scope))))
  }

  /** From the last piece back, until one has an answer. */
  async #last<Answer>(scope: Scope, ask: (store: DocumentStore, scope: Scope) => Promise<Answer | undefined>): Promise<Answer | undefined> {
    for (const piece of (await this.#where.cut(scope)).toReversed()) {
      const found = await ask(this.#store(piece), piece.scope)
      if (found !== undefined) return found
    }
    return undefined
  }

  metrics: DocumentStore['metrics'] = (scope) => this.#joined(scope, (store, part) => store.metrics(part), joinNames)

  last: DocumentStore['last'] = (scope, metrics, signal) =>
    this.#joined(
      scope,
      (store, part) => store.last(part, metrics, signal),
      (parts) => parts.flat(),
    )

  best: DocumentStore['best'] = (scope, metric, direction, signal) =>
    this.#joined(
      scope,
      (store, part) => store.best(part, metric, direction, signal),
      (parts) => joinBest(parts, direction),
    )

  lastStep: DocumentStore['lastStep'] = async (scope) =>
    (await this.#last(scope, async (store, part) => (await store.lastStep(part)) ?? undefined)) ?? null

  envelope: DocumentStore['envelope'] = (scope, metric, buckets, signal) =>
    this.#joined(
      scope,
      (store, part) => store.envelope(part, metric, buckets, signal),
      (parts) => joinEnvelopes(parts, buckets),
    )

  points: DocumentStore['points'] = (scope, metric, signal) =>
    this.#joined(scope, (store, part) => store.points(part, metric, signal), joinPoints)

  spans: DocumentStore['spans'] = (scope) => this.#joined(scope, (store, part) => store.spans(part), joinColumns)

  curves: DocumentStore['curves'] = (scope, query, signal) =>
    this.#joined(
      scope,
      (store, part) => store.curves(part, query, signal),
      (parts) => joinCurves(parts, query),
    )

  sampleFields: DocumentStore['sampleFields'] = (scope) => this.#joined(scope, (store, part) => store.sampleFields(part), joinFields)

  lastSampled: DocumentStore['lastSampled'] = (scope, split, fields) =>
    this.#last(scope, (store, part) => store.lastSampled(part, split, fields))

  groupBy: DocumentStore['groupBy'] = (scopes, query, signal) =>
    this.#together(scopes, (store, all) => store.groupBy(all, query, signal), signal)

  confusion: DocumentStore['confusion'] = (scopes, query, signal) =>
    this.#together(scopes, (store, all) => store.confusion(all, query, signal), signal)

  flips: DocumentStore['flips'] = (a, b, query, signal) =>
    this.#together([a, b], (store, [one, other]) => store.flips(one!, other!, query, signal), signal)

  histogram: DocumentStore['histogram'] = (scopes, query, signal) =>
    this.#together(scopes, (store, all) => store.histogram(all, query, signal), signal)

  /** Samples are compared one by one, so they must lie together: what lies in both places is brought into a store of its own. */
  async #together<Answer>(
    scopes: readonly Scope[],
    ask: (store: DocumentStore, scopes: readonly Scope[]) => Promise<Answer>,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const pieces = await Promise.all(scopes.map((scope) => this.#where.cut(scope)))
    const all = pieces.flat()
    if (all.every(({ here }) => here)) return ask(this.#where.local.documents, scopes)
    if (all.every(({ here }) => !here)) return ask(this.#team, scopes)
    return this.#scratch.use(pieces, ask, signal)
  }
}

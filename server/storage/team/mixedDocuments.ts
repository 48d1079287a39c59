import { confusion } from '../local/confusion'
import { flips } from '../local/flips'
import { groupBy } from '../local/groups'
import { histogram } from '../local/histogram'
import { type SampleReader, samplesIn } from '../local/samples'
import type { DocumentStore, Scope } from '../ports'
import { joinBest, joinColumns, joinCurves, joinEnvelopes, joinFields, joinNames, joinPoints } from './joined'
import type { TeamDocuments } from './ports'
import type { Piece, Whereabouts } from './whereabouts'

/** Documents of the embedded store and of the team's as one: each piece of a scope is asked where it lies, and the answers are joined. */
export class MixedDocuments implements DocumentStore {
  readonly #where: Whereabouts
  readonly #team: TeamDocuments

  constructor(where: Whereabouts, team: TeamDocuments) {
    this.#where = where
    this.#team = team
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

  readonly metrics: DocumentStore['metrics'] = (scope) => this.#joined(scope, (store, part) => store.metrics(part), joinNames)

  readonly last: DocumentStore['last'] = (scope, metrics, signal) =>
    this.#joined(
      scope,
      (store, part) => store.last(part, metrics, signal),
      (parts) => parts.flat(),
    )

  readonly best: DocumentStore['best'] = (scope, metric, direction, signal) =>
    this.#joined(
      scope,
      (store, part) => store.best(part, metric, direction, signal),
      (parts) => joinBest(parts, direction),
    )

  readonly lastStep: DocumentStore['lastStep'] = async (scope) =>
    (await this.#last(scope, async (store, part) => (await store.lastStep(part)) ?? undefined)) ?? null

  readonly envelope: DocumentStore['envelope'] = (scope, metric, buckets, signal) =>
    this.#joined(
      scope,
      (store, part) => store.envelope(part, metric, buckets, signal),
      (parts) => joinEnvelopes(parts, buckets),
    )

  readonly points: DocumentStore['points'] = (scope, metric, signal) =>
    this.#joined(scope, (store, part) => store.points(part, metric, signal), joinPoints)

  readonly spans: DocumentStore['spans'] = (scope) => this.#joined(scope, (store, part) => store.spans(part), joinColumns)

  readonly curves: DocumentStore['curves'] = (scope, query, signal) =>
    this.#joined(
      scope,
      (store, part) => store.curves(part, query, signal),
      (parts) => joinCurves(parts, query),
    )

  readonly sampleFields: DocumentStore['sampleFields'] = (scope) =>
    this.#joined(scope, (store, part) => store.sampleFields(part), joinFields)

  readonly lastSampled: DocumentStore['lastSampled'] = (scope, split, fields) =>
    this.#last(scope, (store, part) => store.lastSampled(part, split, fields))

  readonly groupBy: DocumentStore['groupBy'] = (scopes, query, signal) =>
    this.#together(scopes, query.split, [query.by, query.field], {
      whole: (store) => store.groupBy(scopes, query, signal),
      read: (samples) => groupBy(samples, scopes, query, signal),
      signal,
    })

  readonly confusion: DocumentStore['confusion'] = (scopes, query, signal) =>
    this.#together(scopes, query.split, [query.label, query.prediction], {
      whole: (store) => store.confusion(scopes, query, signal),
      read: (samples) => confusion(samples, scopes, query, signal),
      signal,
    })

  readonly flips: DocumentStore['flips'] = (a, b, query, signal) =>
    this.#together([a, b], query.split, [query.sample, query.label, query.prediction], {
      whole: (store) => store.flips(a, b, query, signal),
      read: (samples) => flips(samples, a, b, query, signal),
      signal,
    })

  readonly histogram: DocumentStore['histogram'] = (scopes, query, signal) =>
    this.#together(scopes, query.split, [query.field], {
      whole: (store) => store.histogram(scopes, query, signal),
      read: (samples) => histogram(samples, scopes, query, signal),
      signal,
    })

  /** Samples are looked at one by one: where some lie here and some with the team, the latter are read, and the reduction goes through both. */
  async #together<Answer>(
    scopes: readonly Scope[],
    split: string,
    fields: readonly string[],
    {
      whole,
      read,
      signal,
    }: {
      readonly whole: (store: DocumentStore) => Promise<Answer>
      readonly read: (samples: SampleReader) => Answer
      readonly signal: AbortSignal | undefined
    },
  ): Promise<Answer> {
    const pieces = new Map(await Promise.all(scopes.map(async (scope) => [scope, await this.#where.cut(scope)] as const)))
    const all = [...pieces.values()].flat()
    if (all.every(({ here }) => here)) return whole(this.#where.local.documents)
    if (all.every(({ here }) => !here)) return whole(this.#team)
    const theirs = all.flatMap(({ here, scope }) => (here ? [] : scope))
    const there = await this.#team.samples(theirs, split, fields, signal)
    return this.#where.local.use((db) => {
      const ours = samplesIn(db)
      const parts = (scope: Scope) => (pieces.get(scope) ?? []).map((piece) => [piece.here ? ours : there, piece.scope] as const)
      return read({
        *lines(scope, of, names, whoever) {
          for (const [reader, part] of parts(scope)) yield* reader.lines(part, of, names, whoever)
        },
        count: (scope, field) => parts(scope).reduce((sum, [reader, part]) => sum + reader.count(part, field), 0),
      })
    })
  }
}

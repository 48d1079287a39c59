import { checkAborted, EpochtreeError } from '../../errors'
import { confusion } from '../local/confusion'
import { flips } from '../local/flips'
import { groupBy } from '../local/groups'
import { histogram } from '../local/histogram'
import type { Scope } from '../ports'
import type { TeamConfig, TeamDocuments } from '../team/ports'
import { write } from './bulk'
import { curves } from './curves'
import { isId, missingRights, prepareTemplate, wrongPrefix } from './layout'
import * as metrics from './metrics'
import * as samples from './samples'
import { type Epoch, type Limits, LIMITS, type Resolve } from './scopes'
import { aggregate } from './search'
import { Server } from './server'
import * as upkeep from './upkeep'

/** So long what was looked at holds, and no longer than the server answers: an empty one may have taken its place, and would make an index without our mapping. */
const PREPARED_MS = 60_000

/** The team's documents in Elasticsearch. `resolve` tells which epochs of a scope are visible, in the order of history. */
export function openElastic(config: TeamConfig['elastic'], resolve: Resolve, more: Partial<Limits> = {}): TeamDocuments {
  const { prefix } = config
  const wrong = wrongPrefix(prefix)
  if (wrong !== undefined) throw new EpochtreeError('bad-argument', wrong)
  const limits = { ...LIMITS, ...more }
  const server = new Server(config, limits)
  const search = { prefix, server, limits }
  /** Indices that were looked at since then. */
  const prepared = new Set<string>()
  let preparedAt = Number.NEGATIVE_INFINITY

  const epochsOf = async (scope: Scope, signal?: AbortSignal): Promise<readonly Epoch[]> => {
    checkAborted(signal)
    const seen = new Set<string>()
    return (await resolve(scope)).filter(({ id }) => isId(id) && !seen.has(id) && seen.add(id))
  }
  const prepare = async (signal?: AbortSignal) => {
    prepared.clear()
    await prepareTemplate(server, prefix, signal)
    preparedAt = performance.now()
  }
  const read = async (scopes: readonly Scope[], split: string, fields: readonly string[], signal?: AbortSignal) => {
    const resolved = await Promise.all(scopes.map(async (scope) => ({ scope, epochs: await epochsOf(scope, signal) })))
    return samples.readSamples(search, resolved, split, fields, signal)
  }

  return {
    prepare,
    write: async (columns, options = {}) => {
      if (performance.now() - preparedAt > PREPARED_MS) await prepare(options.signal)
      try {
        return await write(server, prefix, prepared, columns, options)
      } catch (error) {
        preparedAt = Number.NEGATIVE_INFINITY
        throw error
      }
    },
    async *read(epochIds, signal) {
      yield* upkeep.read(search, await epochsOf({ epochIds }, signal), signal)
    },
    samples: read,
    count: (epochIds) => upkeep.count(search, epochIds.filter(isId)),
    remove: async (epochs, signal) => {
      if (!('above' in epochs)) return upkeep.remove(search, epochs.filter(isId), signal)
      return isId(epochs.sessionId) ? upkeep.remove(search, epochs, signal) : 0
    },
    countAbove: async (epochs, signal) => (isId(epochs.sessionId) ? upkeep.countAbove(search, epochs, signal) : 0),
    bytesEach: () => upkeep.bytesEach(search),
    check: async (signal) => {
      await aggregate(search, { indices: [prefix], filter: { match_none: {} } }, { query: [], aggs: {} }, signal)
    },
    missingRights: (signal) => missingRights(server, prefix, signal),
    close: () => server.close(),

    metrics: async (scope) => metrics.metrics(search, await epochsOf(scope)),
    last: async (scope, wanted, signal) => {
      const epochs = await epochsOf(scope, signal)
      const found = await metrics.last(search, epochs, wanted, signal)
      return found.map(({ place, metric, value }) => ({ epochId: epochs[place]!.id, ...metric, value }))
    },
    best: async (scope, metric, direction, signal) => metrics.bestValue(search, await epochsOf(scope, signal), metric, direction, signal),
    lastStep: async (scope) => metrics.lastStep(search, await epochsOf(scope)),
    envelope: async (scope, metric, buckets, signal) => metrics.envelope(search, await epochsOf(scope, signal), metric, buckets, signal),
    points: async (scope, metric, signal) => metrics.points(search, await epochsOf(scope, signal), metric, signal),
    spans: async (scope) => metrics.spans(search, await epochsOf(scope)),
    curves: async (scope, query, signal) => curves(search, await epochsOf(scope, signal), query, signal),
    sampleFields: async (scope) => samples.sampleFields(search, await epochsOf(scope)),
    lastSampled: async (scope, split, fields) => samples.lastSampled(search, await epochsOf(scope), split, fields),
    groupBy: async (scopes, query, signal) =>
      groupBy(await read(scopes, query.split, [query.by, query.field], signal), scopes, query, signal),
    confusion: async (scopes, query, signal) =>
      confusion(await read(scopes, query.split, [query.label, query.prediction], signal), scopes, query, signal),
    flips: async (a, b, query, signal) =>
      flips(await read([a, b], query.split, [query.sample, query.label, query.prediction], signal), a, b, query, signal),
    histogram: async (scopes, query, signal) => histogram(await read(scopes, query.split, [query.field], signal), scopes, query, signal),
  }
}

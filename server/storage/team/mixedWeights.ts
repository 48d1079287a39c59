import type { WeightsStore } from '../ports'
import type { TeamWeights } from './ports'

/** Weights of the folder, of the cache of what was brought here, and of the bucket. */
export const mixedWeights = (local: WeightsStore, team: TeamWeights): WeightsStore => ({
  path: async (sha256) => (await local.path(sha256)) ?? team.path(sha256),
  has: async (sha256, bytes) => (await local.has(sha256, bytes)) || (await team.path(sha256)) !== undefined || team.has(sha256, bytes),
  fetch: async (sha256, transfer) => (await local.path(sha256)) ?? team.fetch(sha256, transfer),
  placeAt: async (sha256, to, signal) => {
    if ((await local.path(sha256)) !== undefined) return local.placeAt(sha256, to, signal)
    if ((await team.path(sha256)) === undefined) await team.fetch(sha256, signal ? { signal } : {})
    return team.placeAt(sha256, to, signal)
  },
})

import { EpochtreeError } from '../errors'
import { type Found, resolve, scopeOf } from '../references'
import type { Context } from '../requests'
import type { EpochRecord } from '../storage/ports'
import type { History } from '../tracking/lineage'
import { lines } from '../tracking/lines'

export const MOST_MODELS = 12

/** A model of a comparison: the history that is asked about. */
export interface Model extends Found {
  readonly reference: string
  readonly scope: History
  /** The last epoch of that history. */
  readonly last: EpochRecord
}

export async function modelsOf({ stores }: Context, references: readonly string[]): Promise<readonly Model[]> {
  if (references.length < 2)
    throw new EpochtreeError('bad-argument', 'A comparison needs two models at least: two sessions, or two epochs of one.')
  if (references.length > MOST_MODELS)
    throw new EpochtreeError('bad-argument', `At most ${MOST_MODELS} models are compared at once, and these are ${references.length}.`)
  return Promise.all(
    references.map(async (reference) => {
      const found = await resolve(stores, reference)
      const scope = scopeOf(found)
      const [last] = await stores.sessions.page(scope, { offset: 0, limit: 1 })
      return { ...found, reference, scope, last: last! }
    }),
  )
}

/** The pieces of their histories. */
export const linesOf = (models: readonly Model[]) =>
  lines(
    models.map(({ scope }) => scope),
    models.map(({ last }) => last.number),
  )

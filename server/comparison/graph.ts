import type { ComparedGraph, GraphQuery } from '../protocol/comparison'
import { resolve } from '../references'
import type { Context } from '../requests'
import type { Model } from './models'

/** The graphs of any two epochs as one. */
export async function graph({ stores }: Context, _: readonly Model[], asked: GraphQuery): Promise<ComparedGraph> {
  const [a, b] = await Promise.all([resolve(stores, asked.a), resolve(stores, asked.b)])
  const side = ({ session, epoch }: typeof a) => ({
    label: `${session.name}@${epoch.number}`,
    epoch: { id: epoch.id, number: epoch.number },
  })
  return { ...(await stores.sessions.graphPair(a.epoch.graphHash, b.epoch.graphHash)), a: side(a), b: side(b) }
}

import type { Line } from '../protocol/comparison'
import type { History } from './lineage'

type Piece = Omit<Line, 'sessionName'>

/**
 * The histories of several models as pieces that the same models have, each after the one that it goes on from: a past that is
 * shared is one piece, and forks of forks make a tree. An open end is taken as far as `lasts` tells, one a model.
 */
export function lines(histories: readonly History[], lasts: readonly number[]): Piece[] {
  const sessions = new Map<string, { readonly from: number; readonly ends: Map<number, number[]>; readonly after: string[] }>()
  for (const [model, { segments }] of histories.entries()) {
    for (const [i, { sessionId, from, to }] of segments.entries()) {
      const before = segments[i - 1]
      let one = sessions.get(sessionId)
      if (!one) sessions.set(sessionId, (one = { from, ends: new Map(), after: before ? [before.sessionId, String(before.to)] : [] }))
      const end = Math.min(to, lasts[model]!)
      if (end < from) continue
      one.ends.set(end, [...(one.ends.get(end) ?? []), model])
    }
  }
  const found: Piece[] = []
  for (const [sessionId, { from: first, ends, after }] of sessions) {
    let from = first
    let last = found.find((piece) => piece.sessionId === after[0] && String(piece.to) === after[1])?.id ?? null
    const cuts = [...ends.keys()].sort((a, b) => a - b)
    for (const [i, to] of cuts.entries()) {
      const models = cuts.slice(i).flatMap((end) => ends.get(end)!)
      const id = `${sessionId}:${from}`
      found.push({ id, sessionId, from, to, models: models.sort((a, b) => a - b), after: last })
      from = to + 1
      last = id
    }
  }
  return found
}

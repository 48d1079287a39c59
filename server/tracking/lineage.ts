import type { ForkedFrom } from '../protocol/model'
import type { Segment } from '../storage/ports'

export interface LineageLookup {
  readonly session: (id: string) => { readonly id: string; readonly forkedFrom: ForkedFrom | null } | undefined
  /** The session that trained an epoch, and the epoch's number. */
  readonly epochOwner: (epochId: string) => { readonly sessionId: string; readonly number: number } | undefined
}
export interface History {
  /** Oldest first; the session's own is the last, and open at its end. */
  readonly segments: readonly Segment[]
  /** True where the history begins with a fork whose parent is not known, or that goes round in a circle. */
  readonly parentMissing: boolean
}
export interface SharedHistory {
  readonly segments: readonly Segment[]
  /** Where the two part. The number is MAX_SAFE_INTEGER when both are the same session, whose last epoch is not told here. */
  readonly at: { readonly sessionId: string; readonly number: number } | undefined
}

/** A model's whole history, as pieces of the sessions that trained it. */
export function history(sessionId: string, lookup: LineageLookup): History {
  const segments: Segment[] = []
  const seen = new Set<string>()
  let at = lookup.session(sessionId)
  let to = Number.MAX_SAFE_INTEGER
  let parentMissing = at === undefined
  while (at) {
    seen.add(at.id)
    const fork = at.forkedFrom
    // The parent named may itself have inherited the epoch: the way leads to the session that trained it.
    const owner = fork ? lookup.epochOwner(fork.epochId) : undefined
    const parent = owner && !seen.has(owner.sessionId) ? lookup.session(owner.sessionId) : undefined
    parentMissing = fork !== null && !parent
    const from = owner && parent ? owner.number + 1 : 1
    if (from <= to) segments.push({ sessionId: at.id, from, to })
    if (owner) to = Math.min(to, owner.number)
    at = parent
  }
  return { segments: segments.reverse(), parentMissing }
}

/** The epochs that two histories have in common: what lies before they part. */
export function sharedSegments(a: readonly Segment[], b: readonly Segment[]): SharedHistory {
  const segments: Segment[] = []
  for (const [i, mine] of a.entries()) {
    const other = b[i]
    if (!other || other.sessionId !== mine.sessionId || other.from !== mine.from) break
    segments.push({ ...mine, to: Math.min(mine.to, other.to) })
    if (mine.to !== other.to) break
  }
  const last = segments.at(-1)
  return { segments, at: last && { sessionId: last.sessionId, number: last.to } }
}

/** A history up to one of its epochs, that one included. */
export function upTo({ segments, parentMissing }: History, epoch: { readonly sessionId: string; readonly number: number }): History {
  const last = segments.findIndex(({ sessionId }) => sessionId === epoch.sessionId)
  return {
    parentMissing,
    segments: segments
      .slice(0, last + 1)
      .map((segment, i) => (i === last ? { ...segment, to: Math.min(segment.to, epoch.number) } : segment)),
  }
}

/** The part of a history whose epochs are numbered `from` to `to`, both included; numbers rise strictly within a history. */
export const between = ({ segments, parentMissing }: History, from: number, to: number): History => ({
  parentMissing,
  segments: segments.flatMap((one) =>
    one.from <= to && from <= one.to ? [{ ...one, from: Math.max(one.from, from), to: Math.min(one.to, to) }] : [],
  ),
})

interface Counted {
  readonly id: string
  readonly forkedFrom: ForkedFrom | null
  readonly forkPoint: { readonly sessionId: string; readonly number: number } | null
  readonly own: number
  readonly latest: { readonly number: number } | null
}

/**
 * How many epochs each session inherited. Most sessions number their own epochs without a gap, and then this is plain arithmetic;
 * `count` is asked for the others only, so that ten thousand sessions cost no query each.
 */
export async function inheritedCounts(
  sessions: readonly Counted[],
  count: (sessionId: string, upTo: number) => Promise<number>,
): Promise<Map<string, number>> {
  const byId = new Map(sessions.map((session) => [session.id, session]))
  const counts = new Map<string, number>()
  const ownUpTo = async (session: Counted, number: number): Promise<number> => {
    const base = session.forkedFrom?.epochNumber ?? 0
    const gapless = session.latest !== null && session.latest.number - base === session.own
    return gapless ? Math.min(Math.max(number - base, 0), session.own) : count(session.id, number)
  }
  for (const { id, forkPoint } of sessions) {
    if (!forkPoint) {
      counts.set(id, 0)
      continue
    }
    // From the session up to one whose count is known, then down again: forks of forks may go deep.
    const line: Counted[] = []
    const seen = new Set<string>()
    for (
      let at = byId.get(id);
      at && !counts.has(at.id) && !seen.has(at.id);
      at = at.forkPoint ? byId.get(at.forkPoint.sessionId) : undefined
    ) {
      seen.add(at.id)
      line.push(at)
    }
    for (const session of line.reverse()) {
      const point = session.forkPoint
      const parent = point ? byId.get(point.sessionId) : undefined
      counts.set(session.id, point && parent ? (counts.get(parent.id) ?? 0) + (await ownUpTo(parent, point.number)) : 0)
    }
  }
  return counts
}

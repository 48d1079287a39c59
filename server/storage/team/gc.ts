import { randomBytes } from 'node:crypto'
import { checkAborted, EpochtreeError } from '../../errors'
import type { CollectedJson } from '../../protocol/model'
import type { Progress, SessionOverview } from '../ports'
import type { StoredObject, Team } from './ports'

/** A deleted session can be restored for so long. */
export const GRACE_SECONDS = 7 * 24 * 3600
/** Weights and graphs that were brought less long ago are spared: somebody may be about to name them. */
export const IDLE_SECONDS = 24 * 3600
const LEASE = 'gc'
const LEASE_SECONDS = 60
/** Objects between whose claim and whose removal only moments go by. */
const MOST_CLAIMED = 200

export interface TeamGcOptions {
  readonly dryRun?: boolean | undefined
  readonly graceSeconds?: number | undefined
  readonly idleSeconds?: number | undefined
  readonly progress?: ((progress: Progress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

type Item = CollectedJson['items'][number]

/** One run. */
interface Sweep {
  readonly team: Team
  readonly dryRun: boolean
  readonly deletedBefore: number
  readonly idleSeconds: number
  readonly signal: AbortSignal
  readonly progress: (progress: Progress) => void
  readonly items: Item[]
  /** In a dry run, what would be gone by now. */
  readonly gone: { readonly sessions: Set<string>; readonly epochs: Set<string> }
  /** Throws once another may be at it. */
  readonly check: () => void
}

/**
 * Takes away for good what was deleted long ago and no fork needs, and files that nothing names. One at a time for a team. Each step can be repeated,
 * and comes before what would let others miss it: documents go before their epochs, weights and graphs after them.
 */
export async function collectTeam(
  team: Team,
  { dryRun = false, graceSeconds = GRACE_SECONDS, idleSeconds = IDLE_SECONDS, progress = () => {}, signal }: TeamGcOptions = {},
): Promise<CollectedJson> {
  const items: Item[] = []
  const work = (signal: AbortSignal, check: () => void) =>
    sweepAll({
      team,
      dryRun,
      deletedBefore: Date.now() / 1000 - graceSeconds,
      idleSeconds,
      signal,
      progress,
      items,
      gone: { sessions: new Set(), epochs: new Set() },
      check,
    })
  const given = signal ?? new AbortController().signal
  // Who only looks is in nobody's way.
  if (dryRun) await work(given, () => checkAborted(given))
  else await alone(team, given, work)
  return { items, bytes: items.reduce((sum, { bytes }) => sum + bytes, 0), dryRun, team: true }
}

async function sweepAll(sweep: Sweep) {
  await sweepSessions(sweep)
  await sweepWeights(sweep)
  await sweepGraphs(sweep)
}

/** Works while the lease lasts: it is renewed all the while, and what can't be renewed any more is given up. */
async function alone(team: Team, signal: AbortSignal, work: (signal: AbortSignal, check: () => void) => Promise<void>) {
  const holder = randomBytes(8).toString('hex')
  const lost = new AbortController()
  let until = 0
  const take = async () => {
    const asked = performance.now()
    const mine = await team.sessions.takeLease(LEASE, holder, LEASE_SECONDS)
    if (mine) until = asked + LEASE_SECONDS * 1000
    return mine
  }
  const taken = () =>
    new EpochtreeError('team-busy', 'Another `epochtree gc --team` is at work. Let it come to its end; what it leaves the next one takes.')
  const check = () => {
    checkAborted(signal)
    if (lost.signal.aborted || performance.now() > until) throw taken()
  }
  if (!(await take())) throw taken()
  const renewing = setInterval(
    () => {
      take().then(
        (mine) => mine || lost.abort(),
        () => performance.now() > until && lost.abort(), // the server is away for a while
      )
    },
    (LEASE_SECONDS * 1000) / 4,
  )
  try {
    await work(AbortSignal.any([signal, lost.signal]), check)
  } catch (error) {
    checkAborted(signal)
    throw lost.signal.aborted ? taken() : error
  } finally {
    clearInterval(renewing)
    await team.sessions.leaveLease(LEASE, holder).catch(() => {}) // it ends by itself
  }
}

async function sweepSessions({ team: { sessions, documents }, dryRun, deletedBefore, signal, progress, items, gone, check }: Sweep) {
  const all = await sessions.sessions({ deleted: true })
  const deleted = forksFirst(all.filter((session) => session.deletedAt !== null && session.deletedAt <= deletedBefore && !isAlive(session)))
  const bytesEach = deleted.length > 0 ? await documents.bytesEach() : 0
  for (const [done, { id, name }] of deleted.entries()) {
    check()
    progress({ what: `Removing ${name}`, done, total: deleted.length })
    let removal = await sessions.removal(id, deletedBefore, gone.sessions)
    if (!removal) continue
    let count: number
    if (dryRun) {
      count = await documents.countAbove({ sessionId: id, above: removal.above }, signal)
      for (const epoch of removal.epochIds) gone.epochs.add(epoch)
      if (removal.whole) gone.sessions.add(id)
    } else {
      // Restored at this moment, or else nobody can restore it any more, and what stays of it is decided.
      if (!(await sessions.startRemoval(id, deletedBefore))) continue
      removal = await sessions.removal(id, deletedBefore)
      if (!removal) continue
      const epochs = { sessionId: id, above: removal.above }
      check()
      count = await documents.remove(epochs, signal)
      check()
      await sessions.finishRemoval(id)
      // What a trainer that had not heard of it brought meanwhile.
      count += await documents.remove(epochs, signal)
    }
    const bytes = Math.round(count * bytesEach)
    items.push(
      removal.whole
        ? { kind: 'session', what: name, bytes }
        : { kind: 'epochs', what: `${name}: epochs after ${removal.above}, which no fork needs`, bytes },
    )
  }
}

/** What is still being trained is removed once it ended. */
const isAlive = ({ finished, team }: SessionOverview) =>
  finished === null && team?.aliveUntil !== undefined && team.aliveUntil !== null && team.aliveUntil > Date.now() / 1000

/** A session that only forks need which go themselves goes in the same run. */
function forksFirst(sessions: readonly SessionOverview[]): readonly SessionOverview[] {
  const forks = new Map<string, SessionOverview[]>()
  for (const session of sessions)
    for (const parent of new Set([session.forkPoint?.sessionId, session.forkedFrom?.sessionId]))
      if (parent !== undefined) forks.set(parent, [...(forks.get(parent) ?? []), session])
  const ordered = new Set<SessionOverview>()
  const begun = new Set<string>()
  const waiting: (readonly [session: SessionOverview, forksSeen: boolean])[] = sessions.map((session) => [session, false] as const)
  while (waiting.length > 0) {
    const [session, forksSeen] = waiting.pop()!
    if (forksSeen) ordered.add(session)
    else if (!begun.has(session.id)) {
      begun.add(session.id)
      waiting.push([session, true], ...(forks.get(session.id) ?? []).map((fork) => [fork, false] as const))
    }
  }
  return [...ordered]
}

async function sweepWeights({ team: { sessions, weights }, dryRun, idleSeconds, signal, progress, items, gone, check }: Sweep) {
  let seen = 0
  for await (const page of weights.list(signal)) {
    check()
    progress({ what: 'Looking through weights', done: seen, total: (seen += page.length) })
    for (const some of pieces(old(page, idleSeconds))) {
      const byHash = new Map(some.map((object) => [object.sha256, object]))
      if (dryRun) {
        for (const sha256 of await sessions.unneededWeights([...byHash.keys()], idleSeconds, signal, gone.epochs))
          items.push({ kind: 'weights', what: sha256, bytes: byHash.get(sha256)!.bytes })
        continue
      }
      const claimed = await sessions.claimWeights([...byHash.keys()], idleSeconds, signal)
      try {
        for (const sha256 of claimed) {
          check()
          const object = byHash.get(sha256)!
          // Not if somebody brought it once more since it was listed.
          if (await weights.remove(object)) items.push({ kind: 'weights', what: sha256, bytes: object.bytes })
        }
      } finally {
        await sessions.dropWeights(claimed)
      }
    }
  }
  if (!dryRun) await finishClaims()

  /** Of one that was killed: what it claimed and the bucket still has was claimed anew by now. */
  async function finishClaims() {
    const claimed = await sessions.claimedWeights(signal)
    check()
    await sessions.dropWeights(claimed)
  }
}

async function sweepGraphs({ team: { sessions, weights }, dryRun, idleSeconds, signal, items, gone, check }: Sweep) {
  for await (const { hash, bytes } of sessions.removeGraphs(idleSeconds, signal, dryRun ? gone.epochs : undefined)) {
    check()
    items.push({ kind: 'graph', what: hash, bytes })
  }
  // Those that were too large for a document.
  for await (const page of weights.list(signal, 'graph'))
    for (const some of pieces(old(page, idleSeconds))) {
      const unneeded = new Set(
        await sessions.unneededGraphs(
          some.map(({ sha256 }) => sha256),
          idleSeconds,
          signal,
          dryRun ? gone.epochs : undefined,
        ),
      )
      for (const object of some) {
        if (!unneeded.has(object.sha256)) continue
        check()
        if (dryRun || (await weights.remove(object))) items.push({ kind: 'graph', what: object.sha256, bytes: object.bytes })
      }
    }
}

const old = (page: readonly StoredObject[], idleSeconds: number) => page.filter(({ age }) => age >= idleSeconds)

function* pieces(objects: readonly StoredObject[]) {
  for (let i = 0; i < objects.length; i += MOST_CLAIMED) yield objects.slice(i, i + MOST_CLAIMED)
}

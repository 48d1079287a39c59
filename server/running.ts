import type { RunningRow } from './protocol/editor'
import type { Followed } from './journal/follow'
import { timeLeft } from './tracking/timeLeft'
import type { TrackedFolder } from './trackedFolder'

const MOST_RUNNING = 100
/** Recent enough to follow a training that gets faster or slower, and enough not to follow one odd epoch. */
const RECENT_EPOCHS = 6

/** The sessions that are being trained on this machine, the one that began last first. */
export async function listRunning(folders: readonly TrackedFolder[]): Promise<RunningRow[]> {
  const rows: RunningRow[] = []
  for (const folder of folders) {
    // A folder in trouble says so in the tree; the others' trainings are told all the same.
    const all = await folder.sessions().catch(() => new Map<string, Followed>())
    const running = [...all.values()].filter(
      ({ status, deletedAt, team }) => status === 'running' && deletedAt === null && !team?.elsewhere,
    )
    const newest = running.sort((a, b) => b.createdAt - a.createdAt).slice(0, MOST_RUNNING)
    for (const [i, session] of (await folder.rows(newest)).entries()) rows.push({ session, ...(await progressOf(folder, newest[i]!)) })
  }
  return rows.sort((a, b) => b.session.createdAt - a.session.createdAt)
}

async function progressOf({ stores: { sessions } }: TrackedFolder, { id, engine, latest, forkPoint }: Followed) {
  const record = await sessions.session(id)
  const asked = record?.overrides['epochs']
  const until = record?.attempt?.until ?? (typeof asked === 'number' ? asked : null)
  const own = { parentMissing: false, segments: [{ sessionId: id, from: 1, to: Number.MAX_SAFE_INTEGER }] }
  const recent = await sessions.page(own, { offset: 0, limit: RECENT_EPOCHS })
  const commits = recent.toReversed().flatMap(({ time }) => time ?? [])
  const training = { startedAt: engine?.time ?? null, commits, latest: latest?.number ?? forkPoint?.number ?? 0, until }
  return { until, secondsLeft: timeLeft(training, Date.now() / 1000) }
}

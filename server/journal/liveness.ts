import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import type { Status } from '../protocol/model'
import type { SessionOverview } from '../storage/ports'

const SILENT_AFTER_SECONDS = 120

const CLOCK_HOLDS_MS = 10_000

let boot: string | null | undefined
/** Tells one boot of this machine from the next; null where it can't be told. */
function bootId(): string | null {
  if (boot === undefined) {
    try {
      boot =
        process.platform === 'darwin'
          ? execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8', timeout: 5000 }).trim() || null
          : readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    } catch {
      boot = null
    }
  }
  return boot
}

const clocks = new Map<string, { readonly aheadMs: number; readonly at: number }>()
/** The time by the clock that the folder's files bear, which on a network may differ from this machine's. */
function folderNow(dir: string): number {
  const at = performance.now()
  let clock = clocks.get(dir)
  if (!clock || at - clock.at > CLOCK_HOLDS_MS) {
    const probe = join(dir, `clock.${process.pid}`)
    let aheadMs = 0
    try {
      writeFileSync(probe, '')
      aheadMs = statSync(probe).mtimeMs - Date.now()
      unlinkSync(probe)
    } catch {
      // A folder that can only be read: the machine's own clock is the best guess.
    }
    clocks.set(dir, (clock = { aheadMs, at }))
  }
  return Date.now() + clock.aheadMs
}

export function processGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/**
 * Whether a session's engine still lives; one that ended without saying so is interrupted.
 *
 * @param runOf where the run folder of a session lies; asked only where the files are looked at, which ten thousand ended sessions do without
 */
export function statusOf({ id, started, engine, finished, team }: SessionOverview, runOf: (id: string) => string): Status {
  if (!started) return 'created'
  if (finished) return finished.status
  // Nothing of it is here: who trains it gives signs of life to the team.
  if (team?.elsewhere) return team.aliveUntil !== null && Date.now() / 1000 < team.aliveUntil ? 'running' : 'interrupted'
  if (engine && engine.pid !== null && engine.host === hostname() && engine.bootId === bootId() && processGone(engine.pid))
    return 'interrupted'
  const run = runOf(id)
  const alive = statSync(join(run, 'alive'), { throwIfNoEntry: false })
  return alive && folderNow(dirname(dirname(run))) - alive.mtimeMs < SILENT_AFTER_SECONDS * 1000 ? 'running' : 'interrupted'
}

/** The engine's process, only where it is surely the same one: here, since this boot, and begun before its attempt was. */
export function engineOf({ engine }: SessionOverview, run: string): number | undefined {
  if (!engine?.pid || engine.host !== hostname() || engine.bootId === null || engine.bootId !== bootId() || processGone(engine.pid))
    return undefined
  const begun = begunAt(engine.pid)
  return begun !== undefined && begun <= (engine.time ?? 0) + CLOCKS_DIFFER_SECONDS && existsSync(join(run, 'alive'))
    ? engine.pid
    : undefined
}

const CLOCKS_DIFFER_SECONDS = 5
const TICKS_A_SECOND = 100

/** When a process began, in seconds since 1970; known on Linux only, so elsewhere no signal is ever sent. */
function begunAt(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The program's name stands in brackets and may hold anything: fields are counted from behind it.
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
    return Date.now() / 1000 - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) + ticks / TICKS_A_SECOND
  } catch {
    return undefined
  }
}

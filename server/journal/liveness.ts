import { existsSync, readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Status } from '../protocol/model'
import type { SessionRecord } from '../storage/ports'

const SILENT_AFTER_SECONDS = 120

function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return null
  }
}

function processGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Whether a session's engine still lives; one that ended without saying so is interrupted. */
export function statusOf({ attempt, finished }: SessionRecord, run: string): Status {
  if (!attempt) return 'created'
  if (finished) return finished.status
  if (attempt.pid !== null && attempt.host === hostname() && attempt.bootId === bootId() && processGone(attempt.pid)) return 'interrupted'
  const alive = statSync(join(run, 'alive'), { throwIfNoEntry: false })
  return alive && Date.now() - alive.mtimeMs < SILENT_AFTER_SECONDS * 1000 ? 'running' : 'interrupted'
}

/** The engine's process, only where it is surely the same one: here, since this boot, and begun before its attempt was. */
export function engineOf({ attempt }: SessionRecord, run: string): number | undefined {
  if (!attempt?.pid || attempt.host !== hostname() || attempt.bootId === null || attempt.bootId !== bootId() || processGone(attempt.pid)) return undefined
  try {
    // Linux tells when a process began; a file there is as old as it is.
    const begun = statSync(`/proc/${attempt.pid}`).ctimeMs / 1000
    return begun <= (attempt.time ?? 0) + 5 && existsSync(join(run, 'alive')) ? attempt.pid : undefined
  } catch {
    return undefined
  }
}

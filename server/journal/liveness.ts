import { readFileSync, statSync } from 'node:fs'
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

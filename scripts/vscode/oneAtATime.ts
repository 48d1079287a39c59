import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'

const ABANDONED = 15 * 60_000

/**
 * Does the work if no other process does it; else waits until that one has ended. A lock whose process
 * is gone is taken away, so whoever asks again gets its turn.
 */
export async function alone(lock: string, work: () => Promise<void>, waiting: () => void, done: () => boolean): Promise<void> {
  for (let told = false; !take(lock); told = true) {
    if (done()) return
    if (!told) waiting()
    if (abandoned(lock)) rmSync(lock, { force: true })
    else await pause(300)
  }
  try {
    if (!done()) await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function take(lock: string): boolean {
  try {
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname() }), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function abandoned(lock: string): boolean {
  try {
    if (Date.now() - statSync(lock).mtimeMs > ABANDONED) return true
    const text = readFileSync(lock, 'utf8')
    const { pid, host } = JSON.parse(text) as { pid: number; host: string }
    if (host !== hostname()) return false
    process.kill(pid, 0)
    return false
  } catch (error) {
    // ESRCH: its process is gone. Anything else: it is just being written, or just gone.
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

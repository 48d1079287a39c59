import { checkAborted } from '../../errors'
import { isUnreached, passes } from './trouble'

/** How long a server that is away, or too busy, is waited for. */
export interface Patience {
  /** A connection on which nothing moves for so long is given up. */
  readonly idleMs: number
  /** In all, since something last got on. */
  readonly totalMs: number
}
export const PATIENCE: Patience = { idleMs: 30_000, totalMs: 60_000 }
/** Where nobody takes a connection whoever waits is told sooner. */
const UNREACHED_MS = 8000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 8000

export interface Trying {
  readonly patience: Patience
  readonly signal?: AbortSignal | undefined
  /** Grows while something gets on: then the waiting begins anew. */
  readonly progress?: () => number
}

/** Tries again what may pass, with longer and longer pauses. */
export async function patiently<Result>(work: () => Promise<Result>, { patience, signal, progress = () => 0 }: Trying): Promise<Result> {
  let begun = performance.now()
  let pause = FIRST_PAUSE_MS
  for (;;) {
    checkAborted(signal)
    const before = progress()
    try {
      return await work()
    } catch (error) {
      checkAborted(signal)
      if (!passes(error)) throw error
      if (progress() > before) {
        begun = performance.now()
        pause = FIRST_PAUSE_MS
      }
      // Not all at one moment, when a server comes back to many.
      const now = pause * (0.5 + Math.random() / 2)
      const longest = isUnreached(error) ? Math.min(UNREACHED_MS, patience.totalMs) : patience.totalMs
      if (performance.now() - begun + now > longest) throw error
      await rest(now, signal)
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
    }
  }
}

function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end, { once: true })
  })
}

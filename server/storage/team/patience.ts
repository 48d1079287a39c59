import { checkAborted, EpochtreeError } from '../../errors'

const FIRST_MS = 500

/** How long to wait after so many failures in a row: twice as long each time, and never the same for all who wait. */
export function delay(failures: number, longestMs: number, firstMs = FIRST_MS, chance = Math.random()): number {
  const whole = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 30))
  return whole / 2 + (chance * whole) / 2
}

/** Leaves work to itself once the signal says so: for what may be done again, and asks servers that may never answer. */
export async function unlessAborted<Answer>(signal: AbortSignal | undefined, work: () => Promise<Answer>): Promise<Answer> {
  if (!signal) return work()
  checkAborted(signal)
  const working = work()
  working.catch(() => {})
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new EpochtreeError('aborted', 'It was cancelled.'))
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([working, aborted])
  } finally {
    signal.removeEventListener('abort', stop!)
  }
}

/** Wakes all who wait for something to have changed. */
export class Bell {
  #rung: Promise<void> = Promise.resolve()
  #ring: () => void = () => {}

  constructor() {
    this.#renew()
  }

  #renew() {
    this.#rung = new Promise((resolve) => (this.#ring = resolve))
  }

  ring() {
    this.#ring()
    this.#renew()
  }

  /** Until it is rung, the time is over or the signal says so. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || ms <= 0) return
    let timer: NodeJS.Timeout | undefined
    let stop: (() => void) | undefined
    const other = new Promise<void>((resolve) => {
      stop = resolve
      if (Number.isFinite(ms)) timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1))
      signal.addEventListener('abort', stop, { once: true })
    })
    await Promise.race([this.#rung, other])
    clearTimeout(timer)
    signal.removeEventListener('abort', stop!)
  }
}

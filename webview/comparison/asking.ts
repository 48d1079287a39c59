/** Keeps one answer up to date. */
export interface Asking {
  /** What is asked is another: an open question is no longer wanted. */
  anew(): void
  /** The same, because its answer may have changed: an open question is answered first, so that a running training starves none. */
  again(): void
  stop(): void
}

export function asking(ask: (signal: AbortSignal) => Promise<void>, refused: (reason: string) => void): Asking {
  let open: AbortController | undefined
  let waiting = false
  async function go() {
    const mine = new AbortController()
    open = mine
    waiting = false
    try {
      await ask(mine.signal)
    } catch (error) {
      if (!mine.signal.aborted) refused(error instanceof Error ? error.message : String(error))
    }
    if (open !== mine) return
    open = undefined
    if (waiting) void go()
  }
  const stop = () => {
    open?.abort()
    open = undefined
    waiting = false
  }
  return {
    anew: () => {
      stop()
      void go()
    },
    again: () => {
      if (open) waiting = true
      else void go()
    },
    stop,
  }
}

/** Tells whether an answer is another than the one before: the same is not drawn again, so what is looked at stays as it is. */
export function newAnswers<Answer>(): (answer: Answer) => boolean {
  let last: string | undefined | null = null
  return (answer) => {
    const text = JSON.stringify(answer)
    const differs = text !== last
    last = text
    return differs
  }
}

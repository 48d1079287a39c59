import type { Progress } from '../storage/ports'

interface Screen {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

const AFTER_MS = 1000
const EVERY_MS = 100
const BAR = 24

/** A bar on a terminal's stderr, for what takes longer than a second. Drawn by whoever works, because reading journals leaves no time to timers. */
export function progressBar(screen: Screen) {
  const begun = Date.now()
  let drawn = 0
  return {
    show: ({ what, done, total }: Progress) => {
      const now = Date.now()
      if (!screen.isTTY || now - begun < AFTER_MS || now - drawn < EVERY_MS) return
      drawn = now
      const share = total > 0 ? Math.min(1, done / total) : 0
      const full = Math.round(share * BAR)
      screen.write(
        `\r\x1b[K${`${what} ${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${Math.floor(share * 100)}%`.slice(0, (screen.columns ?? 80) - 1)}`,
      )
    },
    clear() {
      if (drawn) screen.write('\r\x1b[K')
    },
  }
}

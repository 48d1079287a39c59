/** What is known of a training that runs. */
export interface Training {
  /** When its attempt began, in seconds since 1970; null where the engine did not say. */
  readonly startedAt: number | null
  /** When its last epochs were committed, oldest first, in seconds since 1970. */
  readonly commits: readonly number[]
  /** The number of the last epoch that was committed in its history. */
  readonly latest: number
  /** The number of the last epoch that it means to train. */
  readonly until: number | null
}

/** Seconds until a training has trained its last epoch, by the time that its recent epochs took; null where nothing tells. */
export function timeLeft({ startedAt, commits, latest, until }: Training, now: number): number | null {
  if (until === null || until <= latest) return until === null ? null : 0
  // What was committed before this attempt began says nothing of the time since.
  const own = commits.filter((time) => startedAt === null || time > startedAt)
  const times = startedAt === null ? own : [startedAt, ...own]
  const took = times
    .slice(1)
    .map((time, i) => time - times[i]!)
    .filter((seconds) => seconds > 0)
  if (!took.length) return null
  // The first epoch of an attempt also loads data and compiles: it counts only while there is no other.
  const usual = median(took.length > 2 && startedAt !== null && commits.length === own.length ? took.slice(1) : took)
  const since = Math.max(0, now - times.at(-1)!)
  return Math.max(0, usual * (until - latest) - Math.min(since, usual))
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/**
 * Whose turn it is. Everyone is in it once, is taken by one worker at a time, and goes to its end when there is more to do; whoever waits for
 * something (a time, a server that is away) stands aside meanwhile.
 */
export class Queue<Reason> {
  readonly #ready = new Set<string>()
  readonly #busy = new Set<string>()
  /** Those that were added again while they were busy. */
  readonly #again = new Set<string>()
  readonly #later = new Map<string, number>()
  readonly #parked = new Map<string, Reason>()

  /** Those that wait for a time go on waiting: what was added is seen then. */
  add(id: string) {
    if (this.#busy.has(id)) this.#again.add(id)
    else if (!this.#later.has(id) && !this.#parked.has(id)) this.#ready.add(id)
  }

  take(now: number): string | undefined {
    for (const [id, at] of this.#later)
      if (at <= now) {
        this.#later.delete(id)
        this.#ready.add(id)
      }
    const [id] = this.#ready
    if (id === undefined) return undefined
    this.#ready.delete(id)
    this.#busy.add(id)
    return id
  }

  /** It is over for now; with `more` it has its next turn after everybody else. */
  done(id: string, more: boolean) {
    this.#busy.delete(id)
    if (this.#again.delete(id) || more) this.add(id)
  }

  doneUntil(id: string, at: number) {
    this.#busy.delete(id)
    this.#again.delete(id)
    this.#later.set(id, at)
  }

  park(id: string, reason: Reason) {
    this.#busy.delete(id)
    this.#again.delete(id)
    this.#parked.set(id, reason)
  }

  /** Those who waited for this go on. */
  unpark(reason: Reason) {
    for (const [id, one] of this.#parked)
      if (one === reason) {
        this.#parked.delete(id)
        this.#ready.add(id)
      }
  }

  /** When the next who waits for a time has its turn. */
  next(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#later.values())
  }

  /** Whether it still has a turn. */
  has(id: string): boolean {
    return this.#ready.has(id) || this.#busy.has(id) || this.#later.has(id) || this.#parked.has(id)
  }

  isIdle(): boolean {
    return this.#ready.size === 0 && this.#busy.size === 0
  }

  parked(): ReadonlyMap<string, Reason> {
    return this.#parked
  }
}

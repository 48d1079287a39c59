/** A frame has 16 ms; so much of it is for what need not be done at once. */
const BUDGET_MS = 10

/** Work that may wait, some of it in each frame: of many charts that come into sight none keeps the page from answering. */
export class Paced {
  readonly #waiting = new Map<object, () => void>()
  #running = false

  /** In the place of what waits for the same thing. */
  soon(thing: object, work: () => void): void {
    this.#waiting.set(thing, work)
    if (this.#running) return
    this.#running = true
    requestAnimationFrame(() => this.#run())
  }

  forget(thing: object): void {
    this.#waiting.delete(thing)
  }

  #run() {
    const end = performance.now() + BUDGET_MS
    for (const [thing, work] of this.#waiting) {
      this.#waiting.delete(thing)
      work()
      if (performance.now() > end) break
    }
    this.#running = this.#waiting.size > 0
    if (this.#running) requestAnimationFrame(() => this.#run())
  }
}

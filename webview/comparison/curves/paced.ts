import { afterPaint } from './afterPaint'

/** A frame has 16 ms; so much of it is for what need not be done at once. */
const BUDGET_MS = 10
/** How much the last frame says about the next. */
const NEWEST = 0.3

/**
 * Work that may wait, some of it in each frame: of many charts that come into sight, or are drawn again, none keeps the page from
 * answering. How many fit into a frame is learned from what they took, with what the browser then painted for them.
 */
export class Paced {
  readonly #first = new Map<object, () => void>()
  readonly #then = new Map<object, () => void>()
  #running = false
  /** Milliseconds that one takes. */
  #each = 0

  /** In the place of what waits for the same thing; all that comes first goes before all else. */
  soon(thing: object, work: () => void, first = false): void {
    if (first) this.#then.delete(thing)
    const waiting = first || this.#first.has(thing) ? this.#first : this.#then
    waiting.set(thing, work)
    if (this.#running) return
    this.#running = true
    requestAnimationFrame(() => this.#run())
  }

  forget(thing: object): void {
    this.#first.delete(thing)
    this.#then.delete(thing)
  }

  #next(): [object, () => void] | undefined {
    for (const waiting of [this.#first, this.#then]) for (const one of waiting) return one
    return undefined
  }

  #run() {
    const begun = performance.now()
    let done = 0
    for (let next = this.#next(); next; next = this.#next()) {
      const [thing, work] = next
      this.forget(thing)
      work()
      done++
      if (performance.now() - begun > BUDGET_MS || (done + 1) * this.#each > BUDGET_MS) break
    }
    if (done > 0)
      afterPaint(() => {
        const each = (performance.now() - begun) / done
        this.#each += (each - this.#each) * NEWEST
      })
    this.#running = this.#first.size + this.#then.size > 0
    if (this.#running) requestAnimationFrame(() => this.#run())
  }
}

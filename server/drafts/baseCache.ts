import type { DraftBase } from './draftBase'

const KEPT = 8

/** What the drafts being edited are measured against, so that a keystroke reads no graph of a hundred thousand nodes. */
export class BaseCache {
  readonly #bases = new Map<string, Promise<DraftBase>>()

  base(file: string, read: () => Promise<DraftBase>): Promise<DraftBase> {
    const known = this.#bases.get(file)
    if (known) return known
    const base = read()
    this.#bases.set(file, base)
    base.catch(() => this.#bases.delete(file))
    for (const oldest of this.#bases.keys()) {
      if (this.#bases.size <= KEPT) break
      this.#bases.delete(oldest)
    }
    return base
  }

  forget(file: string) {
    this.#bases.delete(file)
  }
}

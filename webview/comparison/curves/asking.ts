import type { Axis, Curves, CurvesQuery } from '../../../server/protocol/comparison'
import type { Page } from '../page'
import type { Card } from './card'
import { cut, type Piece, piecesOf, type Range } from './points'

/** Points of a line, at most; a chart is seldom wider. */
const MOST_POINTS = 600
/** Points of all curves of a question, so that an answer stays below 2 MB: 8 bytes each, five arrays, in base64. */
const MOST_ALTOGETHER = 36_000
/** Metrics of one question: the first charts are drawn while the next are asked for. */
const TOGETHER = 12
/** Before finer data is asked for, the zoom has to rest so long, in milliseconds. */
const REST_MS = 25
/** How much more than is seen is asked for, to each side, as a share of it: one can pan a little at once. */
const BEYOND = 0.5
/** The server reduces to no more than these. */
const MOST_BUCKETS = 4000
/** Questions until all values of a chart are there: about a million. */
const MOST_QUESTIONS = 500

/** A piece of a metric's curve, on a line. */
export interface Found {
  readonly metric: string
  readonly line: string
  readonly piece: Piece
}

/** What the server answered. */
interface Answered {
  readonly found: readonly Found[]
  readonly ends: Curves['ends']
}

export interface Looked {
  readonly page: Page
  readonly axis: () => Axis
  readonly view: () => Range
  readonly isWhole: () => boolean
  readonly cursor: () => number | null
  /** The charts that are seen. */
  readonly cards: () => readonly Card[]
  /** Something came that may change how far the axis goes, and where on it lines end. */
  readonly came: (ends: Curves['ends']) => void
  readonly failed: (error: unknown) => void
}

/** Asks for what the charts that are seen need, and no more. */
export class Asking {
  readonly #looked: Looked
  #all = new AbortController()
  #sharper = new AbortController()
  #exact = new AbortController()
  #resting: ReturnType<typeof setTimeout> | undefined
  #pointing: ReturnType<typeof setTimeout> | undefined
  /** What was asked of charts that know nothing yet. */
  #awaited = new Map<Card, Promise<void>>()
  #renewing = false
  readonly #toRenew = new Set<string>()

  constructor(looked: Looked) {
    this.#looked = looked
  }

  /** Nothing that was asked is wanted any more. */
  stop(): void {
    this.#all.abort()
    this.#all = new AbortController()
    this.#sharper.abort()
    this.#exact.abort()
    clearTimeout(this.#resting)
    clearTimeout(this.#pointing)
    this.#awaited = new Map()
  }

  /** The charts that are seen and know nothing yet. */
  load(): void {
    const missing = this.#looked.cards().filter((card) => !card.isKnown && !this.#awaited.has(card))
    const awaited = this.#awaited
    for (const some of batches(missing)) {
      const asked = this.#ask(some, { range: null, buckets: this.#buckets(some, 1) }, this.#all.signal).then((done) => {
        for (const card of some) awaited.delete(card)
        if (done && !this.#looked.isWhole()) this.sharpen()
      })
      for (const card of some) awaited.set(card, asked)
    }
  }

  /** Finer data for the part of the axis that is looked at, once it rests. */
  sharpen(): void {
    this.#sharper.abort()
    this.#sharper = new AbortController()
    const { signal } = this.#sharper
    clearTimeout(this.#resting)
    if (this.#looked.isWhole()) return
    this.#resting = setTimeout(() => {
      const [from, to] = this.#looked.view()
      const width = to - from
      const blurred = this.#looked.cards().filter((card) => card.isKnown && card.isBlurred([from, to]))
      const range: Range = [from - width * BEYOND, to + width * BEYOND]
      for (const some of batches(blurred))
        void this.#ask(some, { range, buckets: this.#buckets(some, 1 + 2 * BEYOND) }, signal, { range, width })
    }, REST_MS)
  }

  /** The points at the cursor, where those that are known stand for several. */
  point(): void {
    this.#exact.abort()
    clearTimeout(this.#pointing)
    const cursor = this.#looked.cursor()
    if (cursor === null || !this.#looked.cards().some((card) => card.isUnsure)) return
    const axis = this.#looked.axis()
    this.#exact = new AbortController()
    const { signal } = this.#exact
    this.#pointing = setTimeout(async () => {
      const unsure = this.#looked.cards().filter((card) => card.isUnsure)
      for (const some of batches(unsure)) {
        const answered = await this.#curves({ metrics: metricsOf(some), axis, range: [cursor, cursor], buckets: 1 }, signal)
        if (!answered || this.#looked.cursor() !== cursor) return
        for (const card of some) card.learnAt(cursor, of(card, answered))
      }
    }, REST_MS)
  }

  /**
   * Lines of sessions that went on, and only those. One question at a time: what comes meanwhile is asked after it, and what was not
   * answered when they are renewed next.
   */
  async renew(sessions: readonly string[]): Promise<void> {
    for (const session of sessions) this.#toRenew.add(session)
    if (this.#renewing) return
    this.#renewing = true
    try {
      for (let done = true; done && this.#toRenew.size > 0;) {
        const changed = new Set(this.#toRenew)
        this.#toRenew.clear()
        done = await this.#renewLines(changed)
        if (!done) for (const session of changed) this.#toRenew.add(session)
      }
    } finally {
      this.#renewing = false
    }
  }

  /** Whether all was answered. */
  async #renewLines(sessions: ReadonlySet<string>): Promise<boolean> {
    const { signal } = this.#all
    // What is on its way may have been read before they went on.
    await Promise.all(this.#awaited.values())
    if (signal.aborted) return false
    const lines = this.#looked.page.comparison.lines.filter(({ sessionId }) => sessions.has(sessionId)).map(({ id }) => id)
    if (lines.length === 0) return true
    let done = true
    for (const some of batches(this.#looked.cards().filter((card) => card.isKnown))) {
      done = (await this.#ask(some, { range: null, buckets: this.#buckets(some, 1), lines }, signal)) && done
      for (const finely of byFineRange(some)) {
        const fine = finely[0]!.fineRange!
        const asked = { range: fine.range, buckets: this.#buckets(finely, 1 + 2 * BEYOND), lines }
        done = (await this.#ask(finely, asked, signal, fine)) && done
      }
    }
    return done
  }

  /**
   * Every value of some metrics in a part of the axis, however many there are: it is halved until each point stands for itself.
   * Rejects with the reason in a sentence where they are too many, or a file has not all of them.
   */
  async everything(metrics: readonly string[], range: Range): Promise<Found[]> {
    const { signal } = this.#all
    const axis = this.#looked.axis()
    const found: Found[] = []
    let questions = 0
    const collect = async ([from, to]: Range) => {
      if (++questions > MOST_QUESTIONS) throw new Error(this.#looked.page.texts.curvesTooMany)
      const { found: part } = await this.#find({ metrics, axis, range: [from, to], buckets: MOST_BUCKETS }, signal)
      if (part.some(({ piece }) => piece.coarser)) throw new Error(this.#looked.page.texts.notInFile)
      const middle = (from + to) / 2
      if (part.some(({ piece }) => piece.count > MOST_BUCKETS) && middle > from && middle < to) {
        await collect([from, middle])
        await collect([middle, to])
        return
      }
      for (const one of part) {
        const piece = cut(one.piece, [from, to])
        if (piece.x.length > 0) found.push({ ...one, piece })
      }
    }
    await collect(range)
    return found
  }

  /** As many as the chart has pixels. */
  #buckets(cards: readonly Card[], seen: number): number {
    const { lines } = this.#looked.page.comparison
    const pixels = Math.max(...cards.map(({ width }) => width)) * devicePixelRatio
    const curves = metricsOf(cards).length * lines.length
    return Math.max(50, Math.min(4000, Math.round(Math.min(pixels, MOST_POINTS, MOST_ALTOGETHER / curves) * seen)))
  }

  /** Whether the cards learned what was asked. */
  async #ask(
    cards: readonly Card[],
    asked: Omit<CurvesQuery, 'metrics' | 'axis'>,
    signal: AbortSignal,
    fine?: { readonly range: Range; readonly width: number },
  ): Promise<boolean> {
    const answered = await this.#curves({ ...asked, metrics: metricsOf(cards), axis: this.#looked.axis() }, signal)
    if (!answered) return false
    for (const card of cards) if (card.isSeen) card.learn(of(card, answered), asked.lines, fine)
    this.#looked.came(answered.ends)
    return true
  }

  /** Undefined where they are no longer wanted, or could not be had, which is said. */
  async #curves(asked: CurvesQuery, signal: AbortSignal): Promise<Answered | undefined> {
    try {
      const answered = await this.#find(asked, signal)
      return signal.aborted ? undefined : answered
    } catch (error) {
      if (!signal.aborted) this.#looked.failed(error)
      return undefined
    }
  }

  async #find(asked: CurvesQuery, signal: AbortSignal): Promise<Answered> {
    const { curves, ends } = await this.#looked.page.host.ask('curves', { ...asked, once: true }, signal)
    const pieces = piecesOf(curves)
    return { found: curves.map(({ metric, line }, i) => ({ metric, line, piece: pieces[i]! })), ends }
  }
}

const metricsOf = (cards: readonly Card[]) => cards.flatMap(({ metrics }) => metrics)

function of({ metrics }: Card, { found }: Answered): Found[] {
  return found.filter(({ metric }) => metrics.includes(metric))
}

/** Cards that know a part of the axis finely, those that know the same together. */
function byFineRange(cards: readonly Card[]): Card[][] {
  const found = new Map<string, Card[]>()
  for (const card of cards) {
    const { fineRange } = card
    if (fineRange) found.set(String(fineRange.range), [...(found.get(String(fineRange.range)) ?? []), card])
  }
  return [...found.values()]
}

/** Cards whose metrics make a question together. */
function batches(cards: readonly Card[]): Card[][] {
  const found: Card[][] = []
  let size = Infinity
  for (const card of cards) {
    size += card.metrics.length
    if (size > TOGETHER) {
      found.push([])
      size = card.metrics.length
    }
    found.at(-1)!.push(card)
  }
  return found
}

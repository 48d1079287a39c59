/** Four widths for each power of two: a line that grows keeps its buckets for long, and a fifth of them is lost at most. */
const WIDTHS = [4, 5, 6, 7, 8]

/** A width with which a range takes at most so many buckets, wherever it begins. The places where they begin don't depend on the range. */
export function bucketWidth([from, to]: readonly [from: number, to: number], buckets: number): number {
  const least = (to - from) / (buckets - 1)
  if (buckets <= 1 || !Number.isFinite(least)) return Number.POSITIVE_INFINITY
  if (!(least > 0)) return 1
  const unit = 2 ** (Math.floor(Math.log2(least)) - 2)
  const width = WIDTHS.find((times) => times * unit >= least) ?? 8
  // Too small to tell one place on the axis from the next.
  return Math.max(width * unit, Math.abs(from) * Number.EPSILON, Math.abs(to) * Number.EPSILON)
}

/** What a run of points comes to: where the first lies and the last, the last's value, and the band of those that are numbers. */
export interface Piece {
  readonly first: number
  readonly last: number
  readonly value: number
  /** Above `high` where none is a number. */
  readonly low: number
  readonly high: number
  readonly gap: boolean
  readonly points: number
  /** Number of the epoch. */
  readonly epoch: number
}

const LEFT = 0
const RIGHT = 1
const SIDES = 2

/**
 * One curve being reduced: its points in buckets of a width, or, with the width 0, each for itself. They may come in any order;
 * of those at the same place the one that comes last is the last. The nearest beyond each end of the range is kept.
 */
export class Buckets {
  readonly #from: number
  readonly #to: number
  readonly #width: number
  readonly #base: number
  /** So many are taken: with the width 0 as they come, else all from the start. */
  #used: number
  #rising = true
  #count = 0
  readonly #first: Float64Array
  readonly #last: Float64Array
  readonly #value: Float64Array
  readonly #low: Float64Array
  readonly #high: Float64Array
  readonly #epoch: Float64Array
  readonly #gap: Uint8Array

  /** `room` is for buckets or, with the width 0, for points. */
  constructor([from, to]: readonly [from: number, to: number], width: number, room: number) {
    this.#from = from
    this.#to = to
    this.#width = width
    this.#base = width > 0 ? Math.floor(from / width) : 0
    const size = SIDES + room
    this.#used = width > 0 ? size : SIDES
    this.#first = new Float64Array(size).fill(Number.POSITIVE_INFINITY)
    this.#last = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
    this.#value = new Float64Array(size)
    this.#low = new Float64Array(size).fill(Number.POSITIVE_INFINITY)
    this.#high = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
    this.#epoch = new Float64Array(size)
    this.#gap = new Uint8Array(size)
  }

  /** Whether each point is kept for itself. */
  get single() {
    return this.#width === 0
  }
  /** Whether a point before the range, or after it, is known. */
  get hasLeft() {
    return this.#first[LEFT] !== Number.POSITIVE_INFINITY
  }
  get hasRight() {
    return this.#first[RIGHT] !== Number.POSITIVE_INFINITY
  }

  points(places: Float64Array, values: Float64Array, epoch: number) {
    const [to, width] = [this.#to, this.#width]
    for (let i = 0; i < values.length;) {
      const first = places[i]!
      const at = this.#at(first, first)
      // The bucket takes what follows up to its end: millions of points go this way.
      const end = at < SIDES || width === 0 ? first : (Math.floor(first / width) + 1) * width
      let place = first
      let value = Number.NaN
      let low = Number.POSITIVE_INFINITY
      let high = Number.NEGATIVE_INFINITY
      let gap = false
      const begin = i
      for (; i === begin || (i < values.length && places[i]! >= place && places[i]! < end && places[i]! <= to); i++) {
        place = places[i]!
        value = values[i]!
        // NaN and infinities have no difference from themselves.
        if (value - value !== 0) gap = true
        else {
          if (value < low) low = value
          if (value > high) high = value
        }
      }
      if (at >= 0) this.#put(at, first, place, value, low, high, gap, i - begin, epoch)
    }
  }

  piece({ first, last, value, low, high, gap, points, epoch }: Piece) {
    const at = this.#at(first, last)
    if (at >= 0) this.#put(at, first, last, value, low, high, gap, points, epoch)
  }

  #put(at: number, first: number, last: number, value: number, low: number, high: number, gap: boolean, points: number, epoch: number) {
    if (first < this.#first[at]!) {
      this.#first[at] = first
      this.#epoch[at] = epoch
    }
    if (last >= this.#last[at]!) {
      this.#last[at] = last
      this.#value[at] = value
    }
    if (low < this.#low[at]!) this.#low[at] = low
    if (high > this.#high[at]!) this.#high[at] = high
    if (gap) this.#gap[at] = 1
    if (at >= SIDES) this.#count += points
  }

  /** The bucket for what lies there; negative where one that is known lies nearer to the range. */
  #at(first: number, last: number): number {
    if (last < this.#from) {
      if (this.hasLeft && last < this.#last[LEFT]!) return -1
      if (last > this.#last[LEFT]!) this.#clear(LEFT)
      return LEFT
    }
    if (first > this.#to) {
      if (first > this.#first[RIGHT]!) return -1
      if (first < this.#first[RIGHT]!) this.#clear(RIGHT)
      return RIGHT
    }
    if (this.#width > 0) return Math.min(SIDES + Math.floor(first / this.#width) - this.#base, this.#used - 1)
    if (this.#used > SIDES && first <= this.#last[this.#used - 1]!) this.#rising = false
    return this.#used++
  }

  #clear(side: number) {
    this.#first[side] = this.#low[side] = Number.POSITIVE_INFINITY
    this.#last[side] = this.#high[side] = Number.NEGATIVE_INFINITY
    this.#gap[side] = 0
  }

  result() {
    const order: number[] = []
    for (let at = SIDES; at < this.#used; at++) if (this.#first[at] !== Number.POSITIVE_INFINITY) order.push(at)
    const inside = this.#rising ? order : this.#sorted(order)
    const all = [...(this.hasLeft ? [LEFT] : []), ...inside, ...(this.hasRight ? [RIGHT] : [])]
    const column = (of: Float64Array) => {
      const taken = new Float64Array(all.length)
      for (let i = 0; i < all.length; i++) taken[i] = of[all[i]!]!
      return taken
    }
    const [low, high] = [column(this.#low), column(this.#high)]
    const gaps: number[] = []
    for (let i = 0; i < all.length; i++) {
      if (low[i]! > high[i]!) low[i] = high[i] = Number.NaN
      if (this.#gap[all[i]!]) gaps.push(i)
    }
    return {
      count: this.#count,
      x: column(this.#first),
      value: column(this.#value),
      low,
      high,
      epoch: column(this.#epoch),
      gaps: Uint32Array.from(gaps),
    }
  }

  /** Points in the order of their places, those at the same place as one. */
  #sorted(points: readonly number[]): number[] {
    const kept: number[] = []
    for (const at of points.toSorted((a, b) => this.#first[a]! - this.#first[b]!)) {
      const before = kept.at(-1)
      if (before === undefined || this.#first[before] !== this.#first[at]) kept.push(at)
      else {
        this.#value[before] = this.#value[at]!
        this.#low[before] = Math.min(this.#low[before]!, this.#low[at]!)
        this.#high[before] = Math.max(this.#high[before]!, this.#high[at]!)
        this.#gap[before]! |= this.#gap[at]!
      }
    }
    return kept
  }
}

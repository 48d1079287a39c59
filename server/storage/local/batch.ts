import type { MetricsLine } from '../../journal/schema'
import { type Axis, insertCurves, insertSamples, type Piece } from './chunks'
import type { LocalDatabase } from './database'

/** Where a line's documents belong. */
export interface Target {
  readonly epoch: number
  /** Empty for the epoch's own journal. */
  readonly source: string
  /** Which of the epoch's document lines from that source it is. */
  readonly ordinal: number
}

/** The lines that a curve was logged in, last first. Curves with the same trail have their steps and times in common. */
interface Trail {
  readonly before: Trail | undefined
  /** Of the first of them. */
  readonly ordinal: number
  /** Rows up to and with this line. */
  readonly rows: number
  /** Where this line's rows begin in the columns of steps and times. */
  readonly at: number
}
interface Curve {
  readonly series: number
  trail: Trail | undefined
  values: Float64Array
  n: number
}
/** Curves of one epoch, source and split that have steps, or that have none. */
interface Curves {
  readonly epoch: number
  readonly source: string
  readonly split: string
  /** Epoch-level values outrank those with a step. */
  readonly level: 0 | 1
  readonly byName: Map<string, Curve>
}

const FEW = 8
const LARGEST_SPARE = 65_536
const MOST_SPARE = 1024

/** Gathers the document lines of one transaction, so that each curve of each epoch becomes one chunk. */
export class DocumentBatch {
  readonly #db: LocalDatabase
  readonly #curves = new Map<string, Curves>()
  readonly #series = new Map<string, Map<string, number>>()
  /** Columns of curves that were written, to be filled again. */
  readonly #spare: Float64Array[] = []
  #last: Curves | undefined
  #steps: Float64Array = new Float64Array(1024)
  #times: Float64Array = new Float64Array(1024)
  #rows = 0

  constructor(db: LocalDatabase) {
    this.#db = db
  }

  metrics(to: Target, line: MetricsLine) {
    const { steps, times } = line
    if (times.length === 0) return
    if (steps === null) return this.#add(to, line, 1)
    if (!steps.includes(null)) return this.#add(to, line, 0)
    for (const level of [0, 1] as const) {
      const rows = steps.flatMap((step, row) => ((step === null) === (level === 1) ? [row] : []))
      const only = (column: ArrayLike<number>) => rows.map((row) => column[row]!)
      if (rows.length > 0)
        this.#add(
          to,
          {
            ...line,
            steps: rows.map((row) => steps[row]!),
            times: only(times),
            columns: line.columns.map(only),
          },
          level,
        )
    }
  }

  #add({ epoch, source, ordinal }: Target, { split, steps, times, names, columns }: MetricsLine, level: 0 | 1) {
    const rows = times.length
    const at = this.#axis(level === 0 ? steps : null, times)
    const curves = this.#of(epoch, source, split, level)
    const trails = new Map<Trail | undefined, Trail>()
    let trail: Trail | undefined
    for (let i = 0; i < names.length; i++) {
      const curve = curves.byName.get(names[i]!) ?? this.#begin(curves, names[i]!)
      const before = curve.trail
      if (!trail || trail.before !== before) trail = trails.get(before)
      if (!trail) trails.set(before, (trail = { before, ordinal: before?.ordinal ?? ordinal, rows: (before?.rows ?? 0) + rows, at }))
      curve.trail = trail
      if (curve.n + rows > curve.values.length) curve.values = grown(curve.values, curve.n + rows)
      const { values, n } = curve
      const column = columns[i]!
      for (let row = 0; row < rows; row++) values[n + row] = column[row]!
      curve.n = n + rows
    }
  }

  /** Notes a line's steps and times; where they begin. */
  #axis(steps: MetricsLine['steps'], times: ArrayLike<number>): number {
    const at = this.#rows
    const rows = times.length
    if (at + rows > this.#times.length) {
      this.#times = grown(this.#times, at + rows)
      this.#steps = grown(this.#steps, at + rows)
    }
    const [stepColumn, timeColumn] = [this.#steps, this.#times]
    for (let row = 0; row < rows; row++) timeColumn[at + row] = times[row]!
    if (steps) for (let row = 0; row < rows; row++) stepColumn[at + row] = steps[row]!
    this.#rows = at + rows
    return at
  }

  #of(epoch: number, source: string, split: string, level: 0 | 1): Curves {
    const last = this.#last
    if (last?.epoch === epoch && last.level === level && last.split === split && last.source === source) return last
    const key = `${epoch} ${level} ${source} ${split}`
    let curves = this.#curves.get(key)
    if (!curves) this.#curves.set(key, (curves = { epoch, source, split, level, byName: new Map() }))
    this.#last = curves
    return curves
  }

  #begin({ split, byName }: Curves, name: string): Curve {
    const curve: Curve = {
      series: this.#seriesId('metric', split, name),
      trail: undefined,
      values: this.#spare.pop() ?? new Float64Array(FEW),
      n: 0,
    }
    byName.set(name, curve)
    return curve
  }

  #seriesId(kind: 'metric' | 'sample', split: string, name: string): number {
    const key = `${kind} ${split}`
    let known = this.#series.get(key)
    if (!known) this.#series.set(key, (known = new Map()))
    let id = known.get(name)
    if (id === undefined) {
      this.#db.run('INSERT OR IGNORE INTO series(kind, split, name) VALUES(?, ?, ?)', kind, split, name)
      id = this.#db.get<{ id: number }>('SELECT id FROM series WHERE kind = ? AND split = ? AND name = ?', kind, split, name)!.id
      known.set(name, id)
    }
    return id
  }

  samples({ epoch, source, ordinal }: Target, split: string, fields: ReadonlyMap<string, readonly unknown[]>) {
    for (const [name, values] of fields)
      insertSamples(this.#db, { series: this.#seriesId('sample', split, name), epoch, source, ordinal }, values)
  }

  /** Writes what was gathered; call it inside the transaction. */
  flush() {
    for (const { epoch, source, level, byName } of this.#curves.values()) {
      const alike = new Map<Trail, Piece[]>()
      for (const { series, trail, values, n } of byName.values()) {
        let pieces = alike.get(trail!)
        if (!pieces) alike.set(trail!, (pieces = []))
        pieces.push({ series, epoch, source, level, ordinal: trail!.ordinal, values: values.subarray(0, n) })
      }
      for (const [trail, pieces] of alike) insertCurves(this.#db, this.#gather(trail, level), pieces)
      for (const { values } of byName.values())
        if (values.length <= LARGEST_SPARE && this.#spare.length < MOST_SPARE) this.#spare.push(values)
    }
    this.#curves.clear()
    this.#last = undefined
    this.#rows = 0
  }

  #gather(trail: Trail, level: 0 | 1): Axis {
    const times = new Float64Array(trail.rows)
    const steps = new Float64Array(level === 0 ? trail.rows : 0)
    for (let one: Trail | undefined = trail; one; one = one.before) {
      const from = one.before?.rows ?? 0
      const end = one.at + one.rows - from
      times.set(this.#times.subarray(one.at, end), from)
      if (level === 0) steps.set(this.#steps.subarray(one.at, end), from)
    }
    return { steps, times }
  }
}

function grown(column: Float64Array, least: number): Float64Array {
  const larger = new Float64Array(Math.max(least, column.length * 2))
  larger.set(column)
  return larger
}

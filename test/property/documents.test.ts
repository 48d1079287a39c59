import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { CurvesQuery, MetricName } from '../../server/storage/ports'
import { NOTHING, placeSteps, placeTimes } from '../../server/tracking/places'
import { formatMetric, parseMetric } from '../../server/tracking/reference'
import { checkCurve } from '../contract/curves'
import { SESSION, withJournal } from './journal'

const EPOCH = 'e'.padStart(24, '0')
const scope = { epochIds: [EPOCH] }

interface Line {
  readonly names: readonly string[]
  readonly split: string
  readonly steps: readonly (number | null)[] | null
  readonly rows: number
}
interface Point {
  readonly step: number
  readonly value: number
  readonly time: number
}

const line: fc.Arbitrary<Line> = fc
  .record({
    names: fc.subarray(['a', 'b', 'c'], { minLength: 1 }),
    split: fc.constantFrom('train', 'train', 'val'),
    rows: fc.integer({ min: 1, max: 4 }),
    kind: fc.constantFrom('even', 'even', 'any', 'none', 'mixed'),
    first: fc.integer({ min: 0, max: 20 }),
    odd: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 4, maxLength: 4 }),
  })
  .map(({ names, split, rows, kind, first, odd }) => ({
    names,
    split,
    rows,
    steps:
      kind === 'none'
        ? null
        : Array.from({ length: rows }, (_, i) => (kind === 'even' ? first + i : kind === 'mixed' && odd[i]! % 2 ? null : odd[i]!)),
  }))

/** What a curve is: rows with a step first, then those without, each as they were logged. */
function naive(lines: readonly (Line & { readonly value: number })[], split: string, name: string): Point[] {
  const all = lines.flatMap((one) =>
    one.split === split && one.names.includes(name)
      ? Array.from({ length: one.rows }, (_, i) => ({
          step: one.steps?.[i] ?? Number.NaN,
          value: one.value + i + one.names.indexOf(name) / 8,
          time: one.value + i,
        }))
      : [],
  )
  return [...all.filter(({ step }) => !Number.isNaN(step)), ...all.filter(({ step }) => Number.isNaN(step))]
}

interface Logged extends Point {
  readonly name: string
  readonly epoch: number
}

const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -50, max: 50 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
)
/** Epochs as lines of metrics, each ingested in one go or in several. */
const epochs = fc.array(
  fc.array(fc.record({ line, values: fc.array(value, { minLength: 12, maxLength: 12 }), read: fc.boolean() }), { maxLength: 6 }),
  { minLength: 1, maxLength: 9 },
)

/** As a reader of the words would put it: each epoch's steps go on from those before, and a value without a step is at its epoch's end. */
function bySteps(logged: readonly Logged[], epochs: number): (Logged & { readonly x: number })[] {
  let end = -1
  const placed: (Logged & { readonly x: number })[] = []
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const own = logged.filter((one) => one.epoch === epoch)
    const steps = own.map(({ step }) => step).filter((step) => !Number.isNaN(step))
    const shift = steps.length && Math.min(...steps) > end ? 0 : end + 1 - Math.min(...steps)
    end = steps.length ? Math.max(...steps) + shift : end + 1
    // Those with a step come first, as everywhere.
    for (const stepped of [true, false])
      for (const one of own) if (!Number.isNaN(one.step) === stepped) placed.push({ ...one, x: stepped ? one.step + shift : end })
  }
  return placed
}

describe('documents', () => {
  it('are reduced to curves that lose nothing, by epoch, step and time, of any range', async function () {
    this.timeout(300_000)
    const range = fc.tuple(fc.integer({ min: -5, max: 120 }), fc.integer({ min: 0, max: 60 }))
    const asked = fc.array(fc.record({ range, buckets: fc.integer({ min: 1, max: 15 }) }), { minLength: 6, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(epochs, asked, async (all, questions) => {
        await withJournal(async ({ stores, write }) => {
          let time = 1000
          write({ type: 'started', time })
          const logged: Logged[] = []
          for (const [i, lines] of all.entries()) {
            const epoch = (i + 1).toString(16).padStart(24, 'e')
            write({ type: 'epoch', epoch, number: i + 1, time: ++time })
            for (const { line: one, values, read } of lines) {
              const times = Array.from({ length: one.rows }, () => ++time)
              const columns = one.names.map((name, n) => [name, times.map((_, row) => values[n * 4 + row]!)] as const)
              for (const [name, column] of columns)
                for (const [row, at] of times.entries())
                  logged.push({
                    name: `${one.split}/${name}`,
                    epoch: i + 1,
                    step: one.steps?.[row] ?? Number.NaN,
                    value: column[row]!,
                    time: at - 1001,
                  })
              const special = (column: readonly number[]) => column.map((number) => (Number.isFinite(number) ? number : String(number)))
              const written = Object.fromEntries(columns.map(([name, column]) => [name, special(column)]))
              write({ type: 'metrics', epoch, split: one.split, step: one.steps, time: times, values: written })
              if (read) await stores.ingest()
            }
            write({ type: 'commit', epoch, time: ++time })
          }
          await stores.ingest()
          const scope = await stores.sessions.history(SESSION)
          const spans = await stores.documents.spans(scope)
          const clock = await stores.sessions.clock(scope)
          const metrics = ['train/a', 'train/b', 'train/c', 'val/a', 'val/b', 'val/c'].map(parseMetric)
          const stepped = bySteps(logged, all.length)
          const ofMetric = <One extends Logged>(points: readonly One[], metric: MetricName) =>
            points.filter(({ name }) => name === formatMetric(metric))
          const placed = {
            step: { of: 'step', places: placeSteps(spans, NOTHING).places },
            time: { of: 'time', places: placeTimes(SESSION, clock, spans, NOTHING).places },
          } as const
          for (const {
            range: [from, length],
            buckets,
          } of [...questions, { range: [-1000, 5000], buckets: 8 }] as const) {
            const part = [from, from + length] as const
            const ask = async (axis: CurvesQuery['axis']) =>
              new Map(
                (await stores.documents.curves(scope, { metrics, axis, range: part, buckets })).map((one) => [formatMetric(one), one]),
              )
            const [steps, times, whole] = [await ask(placed.step), await ask(placed.time), await ask({ of: 'epoch' })]
            for (const metric of metrics) {
              const name = formatMetric(metric)
              checkCurve(steps.get(name), ofMetric(stepped, metric), part, buckets)
              const byTime = ofMetric(logged, metric).map((one) => ({ ...one, x: one.time }))
              checkCurve(times.get(name), byTime, part, buckets, false)
              // An epoch is one point, its band that of all its points.
              const values = await stores.documents.last(scope, [metric])
              const points = ofMetric(stepped, metric)
              const last = new Map(values.map(({ epochId, value: one }) => [Number.parseInt(epochId.at(-1)!, 16), one]))
              const curve = whole.get(name)
              assert.equal(curve !== undefined, points.length > 0)
              for (const [i, x] of curve?.x.entries() ?? []) {
                const until = curve!.x[i + 1] ?? Infinity
                const inside = part[0] <= x && x <= part[1]
                const own = points.filter(({ epoch }) => (inside ? x <= epoch && epoch < until && epoch <= part[1] : epoch === x))
                assert.equal(curve!.value[i], last.get(Math.max(...own.map(({ epoch }) => epoch))))
                const numbers = own.map((one) => one.value).filter((one) => Number.isFinite(one))
                assert.equal(curve!.low[i], numbers.length ? Math.min(...numbers) : Number.NaN)
                assert.equal(curve!.high[i], numbers.length ? Math.max(...numbers) : Number.NaN)
                assert.equal(curve!.gaps.includes(i), numbers.length < own.length)
              }
              const within = new Set(points.map(({ epoch }) => epoch).filter((epoch) => part[0] <= epoch && epoch <= part[1]))
              assert.equal(curve?.count ?? 0, within.size)
            }
          }
        })
      }),
      { numRuns: 60 },
    )
  })

  it('come back as they were logged, however their lines are mixed, cut into reads, and merged', async function () {
    this.timeout(300_000)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(line, { maxLength: 5 }), { minLength: 1, maxLength: 8 }), async (reads) => {
        await withJournal(async ({ stores, write }) => {
          write({ type: 'started' })
          write({ type: 'epoch', epoch: EPOCH, number: 1 })
          const logged: (Line & { value: number })[] = []
          for (const lines of reads) {
            for (const one of lines) {
              const value = logged.length * 10
              logged.push({ ...one, value })
              const rows = Array.from({ length: one.rows }, (_, i) => value + i)
              write({
                type: 'metrics',
                epoch: EPOCH,
                split: one.split,
                step: one.steps,
                time: rows,
                values: Object.fromEntries(one.names.map((name, n) => [name, rows.map((row) => row + n / 8)])),
              })
            }
            await stores.ingest()
          }
          const check = async () => {
            for (const split of ['train', 'val'])
              for (const name of ['a', 'b', 'c']) {
                const expected = naive(logged, split, name)
                const { step, value, time } = await stores.documents.points(scope, { split, name })
                assert.deepEqual(
                  Array.from(step, (one, i) => ({ step: one, value: value[i]!, time: time[i]! })),
                  expected,
                )
                const [last] = await stores.documents.last(scope, [{ split, name }])
                const level = expected.filter(({ step: one }) => Number.isNaN(one))
                const highest = expected.toSorted((a, b) => a.step - b.step).at(-1)
                assert.equal(last?.value, (level.at(-1) ?? highest)?.value)
              }
          }
          await check()
          write({ type: 'commit', epoch: EPOCH })
          await stores.ingest()
          await check()
        })
      }),
      { numRuns: 60 },
    )
  })

  it('of an epoch that is followed for long are merged as they come', async () => {
    await withJournal(async ({ stores, write }) => {
      write({ type: 'started' })
      write({ type: 'epoch', epoch: EPOCH, number: 1 })
      for (let i = 0; i < 300; i++) {
        write({ type: 'metrics', epoch: EPOCH, split: 'train', step: [i], time: [i], values: { a: [i], b: [i + 1] } })
        await stores.ingest({ only: [SESSION] })
      }
      assert.deepEqual(
        [...(await stores.documents.points(scope, { split: 'train', name: 'b' })).value],
        Array.from({ length: 300 }, (_, i) => i + 1),
      )
      const { chunks } = (await stores.use((db) => db.get<{ chunks: number }>('SELECT count(*) chunks FROM chunk')))!
      assert.ok(chunks < 2 * 2 * 64, `${chunks} chunks`)
    })
  })

  it('keep their order around a long line, also when the short ones are merged', async () => {
    await withJournal(async ({ stores, write }) => {
      let step = 0
      for (const lines of [
        [{ type: 'started' }, { type: 'epoch', epoch: EPOCH, number: 1 }],
        2,
        1,
        9000,
        3,
        2,
        [{ type: 'commit', epoch: EPOCH }],
      ]) {
        const rows = typeof lines === 'number' ? Array.from({ length: lines }, () => step++) : []
        const written =
          typeof lines === 'number'
            ? [{ type: 'metrics', epoch: EPOCH, split: 'train', step: rows, time: rows, values: { a: rows, b: rows } }]
            : lines
        write(...written)
        await stores.ingest()
      }
      for (const name of ['a', 'b']) {
        const { value, step: steps, time } = await stores.documents.points(scope, { split: 'train', name })
        const expected = Float64Array.from({ length: 9008 }, (_, i) => i)
        for (const column of [value, steps, time]) assert.deepEqual(column, expected)
      }
    })
  })
})

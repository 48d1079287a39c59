import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { DistinctValues, inParts } from '../../server/storage/local/distinct'
import type { SampleValue } from '../../server/storage/ports'
import { withJournal } from './journal'

const epochs = ['a', 'b'].map((digit) => digit.padStart(24, '0'))
const scopes = epochs.map((epoch) => ({ epochIds: [epoch] }))

/** As the journal has them. */
type Value = number | string | boolean | null | readonly number[]
type Document = Readonly<Record<string, Value | undefined>>

const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 4 }) },
  { weight: 2, arbitrary: fc.constantFrom('cat', 'dog', '3', 'é"\\,[', 'NaN', '\ud800') },
  { weight: 1, arbitrary: fc.constantFrom(null, true, false, -0, 0.1, 1e300, [1, 2]) },
)
const number: fc.Arbitrary<Value> = fc.oneof(
  { weight: 5, arbitrary: fc.double({ min: -10, max: 10, noNaN: true }).map((one) => one + 0) },
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom<Value>('NaN', 'Infinity', '-Infinity', null, -1e308, 1.7e308, 5e-324) },
)
const name: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 30 }).map((n) => `s${n}`) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 5000 }) },
  { weight: 1, arbitrary: value },
)
/** Of one kind of line: numbers alone are stored in another way than what is mixed with texts. */
const line = fc
  .record({
    fields: fc.subarray(['sample', 'label', 'prediction', 'score'], { minLength: 2 }),
    rows: fc.integer({ min: 1, max: 12 }),
    whole: fc.boolean(),
  })
  .chain(({ fields, rows, whole }) =>
    fc.record(
      Object.fromEntries(
        fields.map((field) => {
          const of = field === 'score' ? number : field === 'sample' ? name : whole ? fc.integer({ min: 0, max: 4 }) : value
          return [field, fc.array(of, { minLength: rows, maxLength: rows })]
        }),
      ) as Record<string, fc.Arbitrary<Value[]>>,
    ),
  )

const documentsOf = (lines: readonly Readonly<Record<string, readonly Value[]>>[]): Document[] =>
  lines.flatMap((fields) =>
    Array.from({ length: Object.values(fields)[0]!.length }, (_, i) =>
      Object.fromEntries(Object.entries(fields).map(([field, column]) => [field, column[i]])),
    ),
  )
const isNumber = (one: Value | undefined) => typeof one === 'number' || one === 'NaN' || one === 'Infinity' || one === '-Infinity'
const key = (one: Value) => JSON.stringify(one)
const shown = (one: Value): SampleValue => (typeof one === 'object' && one !== null ? JSON.stringify(one) : Object.is(one, -0) ? 0 : one)

describe('samples', () => {
  it('are reduced to what a naive computation over all of them gives', async function () {
    this.timeout(300_000)
    const lines = fc.array(line, { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(
        lines,
        lines,
        fc.constantFrom('lower', 'higher', null),
        fc.integer({ min: 1, max: 6 }),
        async (first, second, better, most) => {
          await withJournal(async ({ stores, write }) => {
            write({ type: 'started' })
            for (const [i, all] of [first, second].entries()) {
              write({ type: 'epoch', epoch: epochs[i], number: i + 1 })
              for (const fields of all) write({ type: 'samples', epoch: epochs[i], split: 'val', fields })
              write({ type: 'commit', epoch: epochs[i] })
            }
            await stores.ingest()
            const { documents } = stores
            const both = [documentsOf(first), documentsOf(second)]

            const groups = await documents.groupBy(scopes, { split: 'val', by: 'label', field: 'score', better, most })
            const expected = naiveGroups(both)
            assert.equal(groups.groups.length + groups.more, expected.size)
            assert.equal(groups.groups.length, Math.min(most, expected.size))
            for (const { group, scopes: found } of groups.groups) assert.deepEqual(found, expected.get(group))
            const worst = (stats: readonly (Stats | null)[]) => worsening(stats, better)
            const least = Math.min(...groups.groups.map(({ scopes: found }) => worst(found)))
            const passed = [...expected].filter(([group]) => !groups.groups.some((one) => one.group === group))
            assert.ok(passed.every(([, stats]) => worst(stats) <= least))
            assert.deepEqual(
              groups.groups.map(({ scopes: found }) => worst(found)),
              groups.groups.map(({ scopes: found }) => worst(found)).toSorted((a, b) => (a === b ? 0 : b - a)),
            )

            const table = await documents.confusion(scopes, { split: 'val', label: 'label', prediction: 'prediction', most: 1000 })
            for (const [i, all] of both.entries()) {
              const judged = all.filter(({ label, prediction }) => label != null && prediction != null)
              const { count, right, counts } = table.models[i]!
              assert.equal(count, judged.length)
              assert.equal(right, judged.filter(({ label, prediction }) => key(label!) === key(prediction!)).length)
              for (const [row, label] of table.classes.entries())
                for (const [column, prediction] of table.classes.entries())
                  assert.equal(
                    counts[row * table.classes.length + column],
                    judged.filter((one) => shown(one['label']!) === label && shown(one['prediction']!) === prediction).length,
                  )
              assert.equal(
                counts.reduce((a, b) => a + b, 0),
                judged.length,
              )
            }
            const fewer = await documents.confusion(scopes, { split: 'val', label: 'label', prediction: 'prediction', most })
            assert.equal(fewer.classes.length + fewer.more, table.classes.length)

            const flips = await documents.flips(scopes[0]!, scopes[1]!, { ...judging, to: null, search: '', most: 1000 })
            assert.deepEqual({ ...flips, samples: new Set(flips.samples) }, naiveFlips(both))
            const [to, search] = [better === 'lower' ? 'right' : 'wrong', '1'] as const
            const some = await documents.flips(scopes[0]!, scopes[1]!, { ...judging, to, search, most })
            const matching = flips.samples.filter((one) => one.to === to && String(one.sample).includes(search))
            assert.deepEqual([some.samples, some.more], [matching.slice(0, most), Math.max(0, matching.length - most)])

            for (const log of [false, true]) {
              const { edges, scopes: found } = await documents.histogram(scopes, { split: 'val', field: 'score', bins: most, log })
              for (const [i, all] of both.entries()) {
                const values = measured(all)
                const inside = values.filter((one) => Number.isFinite(one) && (!log || one > 0))
                assert.equal(found[i]!.count, values.length)
                assert.equal(found[i]!.outside, values.length - inside.length)
                assert.deepEqual([...found[i]!.counts], naiveCounts(edges, inside))
                assert.equal(
                  found[i]!.counts.reduce((a, b) => a + b, 0),
                  inside.length,
                )
              }
            }
          })
        },
      ),
      { numRuns: 150 },
    )
  })

  it('have values that are told apart as their JSON is, in one go or in parts', () => {
    const text = fc.oneof(
      value,
      name,
      fc.string(),
      fc.double(),
      fc.array(fc.string(), { maxLength: 2 }),
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 }),
    )
    fc.assert(
      fc.property(fc.array(fc.array(text, { maxLength: 20 }), { maxLength: 4 }), fc.integer({ min: 25, max: 100 }), (lists, most) => {
        const jsons = lists.map((list) => JSON.stringify(list))
        const all = jsons.flatMap((json) => (JSON.parse(json) as unknown[]).map((one) => JSON.stringify(one)))
        const different = new Set(all.filter((one) => one !== 'null'))
        const parts = inParts(most, 8, (values) => {
          const numbers = jsons.map((json, i) => values.list(Buffer.from(json), lists[i]!.length))
          return { values, numbers: numbers.flatMap((found) => [...found]) }
        })
        assert.equal(
          parts.reduce((sum, { values }) => sum + values.size - 1, 0),
          different.size,
        )
        const known = parts[0]!.numbers.map((_, i) => parts.findIndex(({ numbers }) => numbers[i]! >= 0))
        for (const [i, part] of known.entries()) {
          const found = parts[part]!.values.value(parts[part]!.numbers[i]!)
          const expected = JSON.parse(all[i]!) as Value
          assert.equal(JSON.stringify(found), JSON.stringify(shown(expected)))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('are numbered in the order in which they come, also when they no longer rise', () => {
    const values = new DistinctValues(100)
    const list = (...names: readonly string[]) => [...values.list(Buffer.from(JSON.stringify(names)), names.length)]
    assert.deepEqual(list('s1', 's2', 's10'), [1, 2, 3])
    assert.deepEqual(list('s1', 's2', 's10'), [1, 2, 3])
    assert.deepEqual(list('s3', 's1', 's10', 's11'), [4, 1, 3, 5])
    const nulls = Uint8Array.of(0, 0, 0, 1, 0, 0)
    assert.deepEqual([...values.column(Float64Array.of(7, 7, -1.5, 9, 7.5, -1.5), nulls)], [6, 6, 7, 0, 8, 7])
  })
})

const judging = { split: 'val', sample: 'sample', label: 'label', prediction: 'prediction' }

interface Stats {
  count: number
  mean: number
  min: number
  max: number
}

/** Lines whose scores are numbers: these always are. */
function naiveGroups(both: readonly (readonly Document[])[]) {
  const found = new Map<SampleValue, (Stats | null)[]>()
  for (const [i, all] of both.entries()) {
    const values = new Map<SampleValue, number[]>()
    for (const { label, score } of all) {
      if (label === undefined || !isNumber(score)) continue
      const group = shown(label)
      values.set(group, [...(values.get(group) ?? []), Number(score)])
    }
    for (const [group, numbers] of values) {
      const stats = found.get(group) ?? both.map(() => null)
      found.set(group, stats)
      const real = numbers.filter((one) => !Number.isNaN(one))
      stats[i] = {
        count: numbers.length,
        mean: numbers.reduce((a, b) => a + b, 0) / numbers.length,
        min: real.length ? Math.min(...real) : Number.NaN,
        max: real.length ? Math.max(...real) : Number.NaN,
      }
    }
  }
  return found
}

function worsening([from, to]: readonly (Stats | null)[], better: 'lower' | 'higher' | null): number {
  if (!from || !to || Number.isNaN(from.mean)) return Number.NEGATIVE_INFINITY
  if (Number.isNaN(to.mean)) return Number.POSITIVE_INFINITY
  const by = to.mean - from.mean
  const worse = better === null ? Math.abs(by) : better === 'lower' ? by : -by
  return Number.isNaN(worse) ? Number.NEGATIVE_INFINITY : worse
}

function naiveFlips(both: readonly (readonly Document[])[]) {
  let repeated = 0
  const [a, b] = both.map((all) => {
    const last = new Map<string, Document>()
    for (const one of all) {
      if (one['sample'] == null || one['label'] == null || one['prediction'] == null) continue
      if (last.has(key(one['sample']))) repeated++
      last.set(key(one['sample']), one)
    }
    return last
  }) as [Map<string, Document>, Map<string, Document>]
  const right = ({ label, prediction }: Document) => key(label!) === key(prediction!)
  const pairs = [...a].flatMap(([name, one]) => (b.has(name) ? [[one, b.get(name)!] as const] : []))
  const count = (was: boolean, is: boolean) => pairs.filter(([one, other]) => right(one) === was && right(other) === is).length
  return {
    bothRight: count(true, true),
    bothWrong: count(false, false),
    wrongToRight: count(false, true),
    rightToWrong: count(true, false),
    onlyA: [...a.keys()].filter((name) => !b.has(name)).length,
    onlyB: [...b.keys()].filter((name) => !a.has(name)).length,
    repeated,
    samples: new Set(
      pairs
        .filter(([one, other]) => right(one) !== right(other))
        .map(([one, other]) => ({
          sample: shown(one['sample']!),
          label: shown(one['label']!),
          a: shown(one['prediction']!),
          b: shown(other['prediction']!),
          to: right(other) ? ('right' as const) : ('wrong' as const),
        })),
    ),
    more: 0,
  }
}

const measured = (all: readonly Document[]) => all.flatMap(({ score }) => (isNumber(score) ? [Number(score)] : []))

function naiveCounts(edges: readonly number[], values: readonly number[]): number[] {
  const bins = Math.max(0, edges.length - 1)
  return Array.from({ length: bins }, (_, bin) => {
    const last = bin === bins - 1
    return values.filter((one) => one >= edges[bin]! && (one < edges[bin + 1]! || (last && one <= edges[bin + 1]!))).length
  })
}

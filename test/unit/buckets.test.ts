import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Buckets, bucketWidth } from '../../server/tracking/buckets'

const filled = (buckets: Buckets, places: readonly number[], values: readonly number[] = places) => {
  buckets.points(Float64Array.from(places), Float64Array.from(values), 1)
  return buckets.result()
}

describe('the width of buckets', () => {
  it('covers any range with at most as many as asked for, and no fewer than four fifths of them', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e9, noNaN: true }),
        fc.integer({ min: 2, max: 4000 }),
        (from, length, buckets) => {
          const to = from + length
          const width = bucketWidth([from, to], buckets)
          const used = Math.floor(to / width) - Math.floor(from / width) + 1
          assert.ok(used <= buckets, `${used} of ${buckets}`)
          assert.ok((to - from) / width >= ((buckets - 1) * 4) / 5 - 1e-6)
        },
      ),
    )
  })

  it('stays the same while a range grows, until it must be wider', () => {
    const widths = new Set(Array.from({ length: 1000 }, (_, i) => bucketWidth([0, 10_000 + i], 600)))
    assert.deepEqual([...widths], [20])
  })

  it('is there for a range of one place, for one bucket, and for one without end', () => {
    assert.equal(bucketWidth([5, 5], 10), 1)
    assert.equal(bucketWidth([0, 100], 1), Number.POSITIVE_INFINITY)
    assert.equal(bucketWidth([-1e308, 1e308], 10), Number.POSITIVE_INFINITY)
  })
})

describe('buckets', () => {
  it('tell where each begins, its last value, its band, and where a value is no number', () => {
    const { count, x, value, low, high, gaps } = filled(
      new Buckets([0, 11], 4, 3),
      [0, 1, 2, 3, 4, 5, 6, 7, 9, 10],
      [1, 9, -3, 2, 5, NaN, 7, NaN, Infinity, NaN],
    )
    assert.equal(count, 10)
    assert.deepEqual([...x], [0, 4, 9])
    assert.deepEqual([...value], [2, NaN, NaN])
    assert.deepEqual([...low], [-3, 5, NaN])
    assert.deepEqual([...high], [9, 7, NaN])
    assert.deepEqual([...gaps], [1, 2])
  })

  it('keep the nearest point beyond each end, which is no part of the count', () => {
    const places = [-9, -2, -5, 1, 3, 14, 12, 30]
    for (const [width, room] of [
      [4, 3],
      [0, 2],
    ] as const) {
      const { count, x, value } = filled(new Buckets([0, 10], width, room), places)
      assert.equal(count, 2)
      assert.deepEqual([...x], width ? [-2, 1, 12] : [-2, 1, 3, 12])
      assert.deepEqual([...value], width ? [-2, 3, 12] : [-2, 1, 3, 12])
    }
  })

  it('of single points put those in order that came in none, and join those at one place', () => {
    const { count, x, value, low, high } = filled(new Buckets([0, 10], 0, 6), [3, 1, 3, 2, 9, 9], [1, 2, 5, 4, 7, 6])
    assert.equal(count, 6)
    assert.deepEqual([...x], [1, 2, 3, 9])
    assert.deepEqual([...value], [2, 4, 5, 6])
    assert.deepEqual([...low], [2, 4, 1, 6])
    assert.deepEqual([...high], [2, 4, 5, 7])
  })
})

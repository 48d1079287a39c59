import assert from 'node:assert/strict'
import type { ReducedCurve } from '../../server/storage/ports'

/** A point where it lies on an axis, in the order of logging. */
export interface Lying {
  readonly x: number
  readonly value: number
  readonly epoch: number
}

/**
 * What holds of every reduced curve, however it was reduced: each bucket tells of all points from where it begins to where the
 * next one does, none is lost, and the nearest beyond either end comes too. `exact` is false where an epoch as a whole begins
 * before its first point, and its value is not that of the last one.
 */
export function checkCurve(
  curve: ReducedCurve | undefined,
  points: readonly Lying[],
  [from, to]: readonly [number, number],
  buckets: number,
  exact = true,
) {
  const sorted = points.toSorted((a, b) => a.x - b.x)
  const within = sorted.filter(({ x }) => from <= x && x <= to)
  if (points.length === 0) return assert.equal(curve, undefined)
  assert.ok(curve)
  const { x, value, low, high, epoch, gaps } = curve
  for (let i = 1; i < x.length; i++) assert.ok(x[i]! > x[i - 1]!, `x rises: ${[...x].join(' ')}`)
  for (const column of [value, low, high, epoch]) assert.equal(column.length, x.length)
  assert.equal(curve.count, within.length)
  const left = sorted.findLast((point) => point.x < from)
  const right = sorted.find((point) => point.x > to)
  const expected = [
    ...(left ? [sorted.filter((point) => point.x === left.x)] : []),
    ...Array.from(x)
      .filter((one) => from <= one && one <= to)
      .map((begin, i, all) => within.filter((point) => begin <= point.x && point.x < (all[i + 1] ?? Infinity))),
    ...(right ? [sorted.filter((point) => point.x === right.x)] : []),
  ]
  assert.equal(expected.length, x.length, 'the nearest points beyond the range, and no others')
  const inside = x.length - (left ? 1 : 0) - (right ? 1 : 0)
  assert.ok(inside <= buckets, `${inside} buckets`)
  assert.equal(expected.slice(left ? 1 : 0, (left ? 1 : 0) + inside).flat().length, within.length, 'no point is lost')
  for (const [i, bucket] of expected.entries()) {
    // Of several points at one place beyond the range the last is enough.
    if (from <= bucket[0]!.x && bucket[0]!.x <= to) {
      const numbers = bucket.map((point) => point.value).filter((one) => Number.isFinite(one))
      assert.equal(low[i], numbers.length ? Math.min(...numbers) : Number.NaN)
      assert.equal(high[i], numbers.length ? Math.max(...numbers) : Number.NaN)
      assert.equal(gaps.includes(i), numbers.length < bucket.length)
    }
    assert.ok(bucket.some((point) => point.epoch === epoch[i]))
    if (exact) {
      assert.equal(x[i], bucket[0]!.x)
      assert.equal(value[i], bucket.at(-1)!.value)
    } else assert.ok(bucket.some((point) => Object.is(point.value, value[i])))
  }
}

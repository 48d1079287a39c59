import assert from 'node:assert/strict'
import fc from 'fast-check'
import { best, paretoFront, type Direction } from '../../server/tracking/best'

const direction = fc.constantFrom<Direction>('min', 'max')
const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double())
const epochs = (...values: number[]) => values.map((one, i) => ({ epochId: `e${i + 1}`, number: i + 1, value: one }))
const points = fc.array(fc.record({ metric: value, cost: value }, { noNullPrototype: true }), { maxLength: 30 })

describe('the best epoch', () => {
  it('has the smallest or the largest value', () => {
    assert.equal(best(epochs(3, 1, 2), 'min')?.number, 2)
    assert.equal(best(epochs(3, 1, 4), 'max')?.number, 3)
  })

  it('is never one whose value is not a number', () => {
    assert.equal(best(epochs(NaN, 2, NaN, 1, NaN), 'min')?.number, 4)
    assert.equal(best(epochs(NaN, NaN), 'max'), undefined)
    assert.equal(best([], 'min'), undefined)
  })

  it('may be infinitely good or bad', () => {
    assert.equal(best(epochs(1, Infinity), 'max')?.number, 2)
    assert.equal(best(epochs(Infinity, NaN), 'min')?.number, 1)
    assert.equal(best(epochs(0, -Infinity), 'min')?.number, 2)
  })

  it('is the earliest of equals, in whatever order they come', () => {
    assert.equal(best(epochs(2, 1, 1), 'min')?.number, 2)
    assert.equal(best(epochs(2, 1, 1).reverse(), 'min')?.number, 2)
    assert.equal(best(epochs(0, -0), 'min')?.number, 1)
    assert.equal(best(epochs(-0, 0), 'max')?.number, 1)
  })

  it('comes back as it was given', () => {
    const [only] = [{ epochId: 'e', number: 1, value: 1, sessionId: 's' }]
    assert.equal(best([only], 'min')?.sessionId, 's')
  })

  it('is beaten by none', () => {
    fc.assert(
      fc.property(fc.array(value), direction, (values, way) => {
        const all = epochs(...values)
        const found = best(all, way)
        assert.equal(found === undefined, values.every(Number.isNaN))
        if (!found) return
        const wanted = values.filter((one) => !Number.isNaN(one)).reduce((a, b) => (way === 'min' ? Math.min(a, b) : Math.max(a, b)))
        assert.ok(found.value === wanted)
        assert.equal(found.number, values.indexOf(wanted) + 1)
      }),
    )
  })

  it('is found among a million epochs', () => {
    function* many() {
      for (let number = 1; number <= 1e6; number++) yield { epochId: '', number, value: Math.abs(number - 777_777) }
    }
    assert.equal(best(many(), 'min')?.number, 777_777)
  })
})

describe('the tradeoffs', () => {
  it('hold only what nothing beats, cheapest first', () => {
    const [a, b, c, d] = [
      { metric: 0.9, cost: 100 },
      { metric: 0.8, cost: 50 },
      { metric: 0.7, cost: 60 },
      { metric: 0.9, cost: 200 },
    ]
    assert.deepEqual(paretoFront([a, b, c, d], 'max'), [b, a])
    assert.deepEqual(paretoFront([a, b, c, d], 'min'), [b, c])
  })

  it('hold one of equals, the first given', () => {
    const [first, second] = [
      { metric: 1, cost: 1, name: 'first' },
      { metric: 1, cost: 1, name: 'second' },
    ]
    assert.deepEqual(paretoFront([first, second], 'min'), [first])
  })

  it('pass over what is not a number, and know infinities', () => {
    assert.deepEqual(
      paretoFront(
        [
          { metric: NaN, cost: 1 },
          { metric: 1, cost: NaN },
        ],
        'min',
      ),
      [],
    )
    const [a, b] = [
      { metric: Infinity, cost: 1 },
      { metric: -Infinity, cost: Infinity },
    ]
    assert.deepEqual(paretoFront([b, a], 'min'), [a, b])
    assert.deepEqual(paretoFront([b, a], 'max'), [a])
  })

  it('are those that a comparison of every pair gives', () => {
    fc.assert(
      fc.property(points, direction, (all, way) => {
        const known = all.filter(({ metric, cost }) => !Number.isNaN(metric) && !Number.isNaN(cost))
        const asGood = (a: number, b: number) => (way === 'min' ? a <= b : a >= b)
        const isBeaten = (mine: (typeof known)[number], i: number) =>
          known.some(
            (other, j) =>
              i !== j &&
              other.cost <= mine.cost &&
              asGood(other.metric, mine.metric) &&
              (other.cost !== mine.cost || other.metric !== mine.metric || j < i),
          )
        const front = paretoFront(all, way)
        assert.deepEqual(new Set(front), new Set(known.filter((point, i) => !isBeaten(point, i))))
        for (const [i, point] of front.entries()) assert.ok(i === 0 || front[i - 1]!.cost < point.cost)
      }),
      { numRuns: 500 },
    )
  })

  it('leave the given list as it was', () => {
    const given = Object.freeze([
      { metric: 1, cost: 2 },
      { metric: 2, cost: 1 },
    ])
    assert.equal(paretoFront(given, 'max').length, 1)
  })
})

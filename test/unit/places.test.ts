import assert from 'node:assert/strict'
import type { Clock, Spans } from '../../server/storage/ports'
import { NOTHING, placeSteps, placeTimes } from '../../server/tracking/places'

const none = Number.NaN
const column = (values: readonly number[]) => Float64Array.from(values)
const numbers = (length: number) => Float64Array.from({ length }, (_, i) => i + 1)

function spans(steps: readonly (readonly [number, number])[], times: readonly (readonly [number, number])[] = []): Spans {
  const length = Math.max(steps.length, times.length)
  const of = (pairs: readonly (readonly [number, number])[], at: 0 | 1) => column(Array.from({ length }, (_, i) => pairs[i]?.[at] ?? none))
  return { number: numbers(length), firstStep: of(steps, 0), lastStep: of(steps, 1), firstTime: of(times, 0), lastTime: of(times, 1) }
}
/** Begun, committed, and when its process was started. */
function clock(epochs: readonly (readonly [number, number, number])[]): Clock {
  const of = (at: 0 | 1 | 2) => column(epochs.map((one) => one[at]))
  return { number: numbers(epochs.length), begun: of(0), committed: of(1), started: of(2) }
}
const pairs = ({ first, last }: { readonly first: Float64Array; readonly last: Float64Array }) =>
  Array.from(first, (one, i) => [one, last[i]!])

describe('epochs on the axis of steps', () => {
  it('lie where their steps were logged', () => {
    const { places, after } = placeSteps(
      spans([
        [0, 9],
        [10, 19],
        [30, 39],
      ]),
      NOTHING,
    )
    assert.deepEqual(pairs(places), [
      [0, 9],
      [10, 19],
      [30, 39],
    ])
    assert.deepEqual([...places.shift], [0, 0, 0])
    assert.equal(after.step, 39)
  })

  it('go on from the last step where their own begin anew, in a fork too', () => {
    const parent = placeSteps(
      spans([
        [0, 9],
        [0, 9],
      ]),
      NOTHING,
    )
    assert.deepEqual(pairs(parent.places), [
      [0, 9],
      [10, 19],
    ])
    const { places } = placeSteps(
      spans([
        [0, 4],
        [5, 9],
        [100, 104],
      ]),
      parent.after,
    )
    assert.deepEqual(pairs(places), [
      [20, 24],
      [25, 29],
      [100, 104],
    ])
    assert.deepEqual([...places.shift], [20, 20, 0])
  })

  it('count as one step where they logged none', () => {
    const { places } = placeSteps(
      spans([
        [none, none],
        [none, none],
        [5, 6],
        [none, none],
      ]),
      NOTHING,
    )
    assert.deepEqual(pairs(places), [
      [0, 0],
      [1, 1],
      [5, 6],
      [7, 7],
    ])
  })
})

describe('epochs on the axis of time', () => {
  const nothing = spans([])
  const session = 'a'

  it('begin with the first, and what lies between two of one process counts', () => {
    const { places, after } = placeTimes(
      session,
      clock([
        [1000, 1010, 990],
        [1012, 1020, 990],
      ]),
      nothing,
      NOTHING,
    )
    assert.deepEqual(pairs(places), [
      [0, 10],
      [12, 20],
    ])
    assert.equal(after.seconds, 20)
  })

  it('go on without a pause after a stop, and in a fork', () => {
    const stopped = placeTimes(
      session,
      clock([
        [1000, 1010, 990],
        [5000, 5008, 4990],
      ]),
      nothing,
      NOTHING,
    )
    assert.deepEqual(pairs(stopped.places), [
      [0, 10],
      [10, 18],
    ])
    const fork = placeTimes('b', clock([[9000, 9005, 4990]]), nothing, stopped.after)
    assert.deepEqual(pairs(fork.places), [[18, 23]])
  })

  it('go on in the next line of the same process as if it were not cut there', () => {
    const shared = placeTimes(session, clock([[1000, 1010, 990]]), nothing, NOTHING)
    const { places } = placeTimes(session, clock([[1015, 1020, 990]]), nothing, shared.after)
    assert.deepEqual(pairs(places), [[15, 20]])
  })

  it('never go back, also where the clock of the machine does', () => {
    const { places } = placeTimes(
      session,
      clock([
        [1000, 1010, 1],
        [500, 520, 1],
        [530, 525, 1],
      ]),
      nothing,
      NOTHING,
    )
    assert.deepEqual(pairs(places), [
      [0, 10],
      [10, 30],
      [40, 40],
    ])
  })

  it('are known by what was logged in them where the journal tells no times', () => {
    const logged = spans(
      [],
      [
        [100, 109],
        [none, none],
        [115, 120],
      ],
    )
    const { places } = placeTimes(
      session,
      clock([
        [none, none, none],
        [none, none, none],
        [none, none, none],
      ]),
      logged,
      NOTHING,
    )
    assert.deepEqual(pairs(places), [
      [0, 9],
      [9, 9],
      [15, 20],
    ])
  })
})

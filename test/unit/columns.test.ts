import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesOf, float64, header, packSteps, sampleColumn, uint32, unpackSteps } from '../../server/storage/local/columns'

const doubles = fc
  .array(fc.oneof(fc.double(), fc.constantFrom(NaN, 0, -0, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE)))
  .map((values) => Float64Array.from(values))
/** As the store hands it back: other bytes lie before and after, at any offset. */
const stored = (bytes: Uint8Array, offset: number) => {
  const page = new Uint8Array(offset + bytes.length + 5).fill(0xee)
  page.set(bytes, offset)
  return page.subarray(offset, offset + bytes.length)
}
const stepsBack = (steps: Float64Array) => {
  const blob = packSteps(steps)
  const into = new Float64Array(steps.length + 2).fill(-1)
  unpackSteps(into, 1, steps.length, steps[0] ?? null, steps.at(-1) ?? null, blob && stored(blob, 3))
  assert.deepEqual([into[0], into.at(-1)], [-1, -1], 'it writes only its own place')
  return into.slice(1, -1)
}

describe('columns of numbers', () => {
  it('come back bit for bit, from wherever they lie', () => {
    fc.assert(
      fc.property(doubles, fc.nat(16), (values, offset) => {
        const back = float64(stored(bytesOf(values), offset))
        assert.equal(back.length, values.length)
        for (const [i, value] of values.entries()) assert.ok(Object.is(back[i], value), `${value} came back as ${back[i]}`)
      }),
    )
  })

  it('hold times to the microsecond', () => {
    const times = Float64Array.of(1764000000.123456, 0, -1)
    assert.deepEqual(float64(bytesOf(times)), times)
  })

  it('are only the part that was asked for', () => {
    const whole = Float64Array.of(1, 2, 3, 4)
    assert.deepEqual(float64(bytesOf(whole.subarray(1, 3))), Float64Array.of(2, 3))
    assert.deepEqual(float64(new Uint8Array(0)), new Float64Array(0))
  })

  it('of codes come back too', () => {
    fc.assert(fc.property(fc.uint32Array(), fc.nat(16), (codes, offset) => assert.deepEqual(uint32(stored(bytesOf(codes), offset)), codes)))
  })
})

describe('columns of steps', () => {
  it('come back, whatever they are', () => {
    const step = fc.oneof(fc.nat(5), fc.maxSafeNat())
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1 }).map((steps) => Float64Array.from(steps)),
        (steps) => assert.deepEqual(stepsBack(steps), steps),
      ),
      { numRuns: 1000 },
    )
  })

  it('take no room where they are evenly spaced, up, down or not at all', () => {
    const even = fc.record({
      first: fc.integer({ min: -1e9, max: 1e9 }),
      distance: fc.integer({ min: -1000, max: 1000 }),
      n: fc.integer({ min: 1, max: 300 }),
    })
    fc.assert(
      fc.property(even, ({ first, distance, n }) => {
        const steps = Float64Array.from({ length: n }, (_, i) => first + i * distance)
        assert.equal(packSteps(steps), null)
        assert.deepEqual(stepsBack(steps), steps)
      }),
    )
    const far = Float64Array.from({ length: 1000 }, (_, i) => Number.MAX_SAFE_INTEGER - 7 * (999 - i))
    assert.equal(packSteps(far), null)
    assert.deepEqual(stepsBack(far), far)
  })

  it('are kept where one of them is out of line', () => {
    for (const steps of [
      [0, 1, 3],
      [0, 0, 1],
      [1, 0, 1],
      [5, 6, 7, 7],
    ]) {
      assert.notEqual(packSteps(Float64Array.from(steps)), null)
      assert.deepEqual([...stepsBack(Float64Array.from(steps))], steps)
    }
  })

  it('of epoch-level values are absent', () => {
    const into = Float64Array.of(1, 2, 3, 4)
    unpackSteps(into, 1, 2, null, null, null)
    assert.deepEqual(into, Float64Array.of(1, NaN, NaN, 4))
  })
})

describe('what is told of a column without opening it', () => {
  it('is the value of the highest step, of equal steps the last logged', () => {
    assert.equal(header(Float64Array.of(1, 2, 3), Float64Array.of(0, 1, 2)).last, 3)
    assert.equal(header(Float64Array.of(1, 2, 3), Float64Array.of(2, 1, 0)).last, 1)
    assert.equal(header(Float64Array.of(1, 2, 3), Float64Array.of(5, 5, 0)).last, 2)
    assert.deepEqual(header(Float64Array.of(1, 2, 3), Float64Array.of(0, 7, 3)), { lastStep: 7, last: 2, low: 1, high: 3, gaps: 0 })
  })

  it('is the last of epoch-level values, even when it is NaN', () => {
    assert.deepEqual(header(Float64Array.of(1, 2), null), { lastStep: null, last: 2, low: 1, high: 2, gaps: 0 })
    assert.deepEqual(header(Float64Array.of(1, NaN), null), { lastStep: null, last: NaN, low: 1, high: 1, gaps: 1 })
  })

  it('passes over NaN for the smallest and the largest, and knows infinities', () => {
    assert.deepEqual(header(Float64Array.of(NaN, NaN), null), { lastStep: null, last: NaN, low: null, high: null, gaps: 2 })
    assert.deepEqual(header(Float64Array.of(Infinity, Infinity), null), {
      lastStep: null,
      last: Infinity,
      low: Infinity,
      high: Infinity,
      gaps: 2,
    })
    assert.deepEqual(header(Float64Array.of(-Infinity, NaN), null), { lastStep: null, last: NaN, low: -Infinity, high: -Infinity, gaps: 2 })
    assert.deepEqual(header(Float64Array.of(Infinity, -Infinity, 0), null), {
      lastStep: null,
      last: 0,
      low: -Infinity,
      high: Infinity,
      gaps: 2,
    })
  })

  it('is what sorting all of it would give', () => {
    const row = fc.tuple(fc.integer({ min: -2, max: 3 }), fc.oneof(fc.double(), fc.integer({ min: -2, max: 2 })))
    fc.assert(
      fc.property(fc.array(row, { minLength: 1 }), (rows) => {
        const found = header(
          Float64Array.from(rows, ([, value]) => value),
          Float64Array.from(rows, ([step]) => step),
        )
        const [step, last] = rows.toSorted(([a], [b]) => a - b).at(-1)!
        assert.ok(found.lastStep === step && Object.is(found.last, last))
        const known = rows.map(([, value]) => value).filter((value) => !Number.isNaN(value))
        assert.ok(found.low === (known.length ? known.reduce((a, b) => Math.min(a, b)) : null))
        assert.ok(found.high === (known.length ? known.reduce((a, b) => Math.max(a, b)) : null))
      }),
      { numRuns: 500 },
    )
  })
})

describe('columns of samples', () => {
  /** What a reader makes of a column. */
  const read = (values: readonly unknown[]): unknown[] => {
    const column = sampleColumn(values)
    if ('codes' in column) return [...column.codes].map((code) => column.dictionary[code])
    return [...column.numbers].map((number, i) => (column.nulls?.[i] ? null : number))
  }

  it('are numbers where all are, with NaN and infinities as they travel', () => {
    assert.deepEqual(sampleColumn([1, 'NaN', '-Infinity', 'Infinity', -0]), {
      numbers: Float64Array.of(1, NaN, -Infinity, Infinity, -0),
      nulls: null,
    })
    assert.deepEqual(sampleColumn([]), { numbers: new Float64Array(0), nulls: null })
  })

  it('tell null from NaN', () => {
    assert.deepEqual(sampleColumn([0.2, null, 'NaN']), { numbers: Float64Array.of(0.2, NaN, NaN), nulls: Uint8Array.of(0, 1, 0) })
    assert.deepEqual(read([null, null]), [null, null])
  })

  it('name every other value once', () => {
    assert.deepEqual(sampleColumn(['cat', 'dog', 'cat', null, 3, '3', 'cat', null]), {
      codes: Uint32Array.of(0, 1, 0, 2, 3, 4, 0, 2),
      dictionary: ['cat', 'dog', null, 3, '3'],
    })
    assert.deepEqual(sampleColumn([[1, 2], { x: 1 }, [1, 2], true]), {
      codes: Uint32Array.of(0, 1, 0, 2),
      dictionary: [[1, 2], { x: 1 }, true],
    })
  })

  it("keep words that only look like numbers, or like JavaScript's own", () => {
    for (const words of [['1', '2'], ['NaN', 'no number'], ['__proto__', 'constructor', 'toString'], ['', 'null'], ['nan']])
      assert.deepEqual(read(words), words)
  })

  it('come back as they were logged, whatever they hold', () => {
    const sample = fc.oneof(
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.constantFrom(null, true, '', 'cat', '1'),
      fc.string(),
      fc.jsonValue({ maxDepth: 2 }),
    )
    fc.assert(
      fc.property(fc.oneof(fc.array(sample), fc.array(fc.oneof(fc.double({ noNaN: true }), fc.constant(null)))), (values) => {
        // Rows travel as JSON, which has one zero.
        const logged = values.map((value) => (typeof value === 'number' ? value : (JSON.parse(JSON.stringify(value)) as unknown)))
        assert.deepEqual(JSON.stringify(read(logged)), JSON.stringify(logged))
        assert.equal(read(logged).length, logged.length)
      }),
      { numRuns: 500 },
    )
  })

  it('of a hundred thousand labels are ten words and their codes', () => {
    const column = sampleColumn(Array.from({ length: 100_000 }, (_, i) => `label ${i % 10}`))
    assert.ok('codes' in column && column.dictionary.length === 10 && column.codes.length === 100_000)
  })
})

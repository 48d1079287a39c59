import assert from 'node:assert/strict'
import fc from 'fast-check'
import { setPath } from '../../server/json'
import type { Json, JsonObject } from '../../server/protocol/model'
import { differences, sameJson } from '../../server/tracking/differences'

const parse = (text: string) => JSON.parse(text) as JsonObject
const key = fc.oneof(
  fc.constantFrom('a', 'b', 'a.b', '[0]', '0', '', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '"', '\\', '\n', ']', ' '),
  fc.string({ maxLength: 3 }),
)
const { value } = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false, 0, 1, 'x', ''),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  // As JSON.parse makes them: a key __proto__ is a key like any other.
  object: fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
}))
const object = fc.array(fc.tuple(key, value), { maxLength: 4 }).map((entries): JsonObject => Object.fromEntries(entries))
const named = object.filter((one) => !JSON.stringify(one).includes('"":'))
const nested = (depth: number, inner: Json) => parse('{"a":'.repeat(depth) + JSON.stringify(inner) + '}'.repeat(depth))

describe('differences', () => {
  it('name the path and one value a model', () => {
    assert.deepEqual(
      differences([
        { lr: 0.1, optimizer: { name: 'sgd', momentum: 0.9 } },
        { lr: 0.01, optimizer: { name: 'sgd', momentum: 0.8 } },
      ]),
      [
        { path: 'lr', values: [0.1, 0.01] },
        { path: 'optimizer.momentum', values: [0.9, 0.8] },
      ],
    )
  })

  it('compare any number of models', () => {
    assert.deepEqual(differences([{ a: 1 }, { a: 1 }, { a: 2 }]), [{ path: 'a', values: [1, 1, 2] }])
    assert.deepEqual(differences([{ a: 1 }]), [])
    assert.deepEqual(differences([]), [])
  })

  it('show null where a value is absent', () => {
    assert.deepEqual(differences([{ a: 1 }, {}]), [{ path: 'a', values: [1, null] }])
    assert.deepEqual(differences([{ a: { b: 1, c: { d: 2 } } }, undefined]), [
      { path: 'a.b', values: [1, null] },
      { path: 'a.c.d', values: [2, null] },
    ])
    assert.deepEqual(differences([{ a: {} }, {}]), [{ path: 'a', values: [{}, null] }])
    assert.deepEqual(differences([undefined, undefined]), [])
  })

  it('do not tell null from absent', () => {
    assert.deepEqual(differences([{ a: null }, {}]), [])
    assert.deepEqual(differences([null, undefined]), [])
  })

  it('go into lists of one length, and show others whole', () => {
    assert.deepEqual(differences([{ shape: [64, 3, 3] }, { shape: [32, 3, 3] }]), [{ path: 'shape[0]', values: [64, 32] }])
    assert.deepEqual(differences([{ shape: [64] }, { shape: [64, 3] }]), [{ path: 'shape', values: [[64], [64, 3]] }])
    assert.deepEqual(differences([{ layers: [{ n: 1 }, { n: 2 }] }, { layers: [{ n: 1 }, { n: 3 }] }]), [
      { path: 'layers[1].n', values: [2, 3] },
    ])
  })

  it('show an object against something else whole', () => {
    assert.deepEqual(differences([{ a: { b: 1 } }, { a: 'b' }]), [{ path: 'a', values: [{ b: 1 }, 'b'] }])
    assert.deepEqual(differences([{ a: {} }, { a: [] }]), [{ path: 'a', values: [{}, []] }])
    assert.deepEqual(differences([1, 2]), [{ path: '', values: [1, 2] }])
  })

  it('keep text, numbers and truth apart', () => {
    assert.equal(
      differences([
        { a: 1, b: 0, c: '' },
        { a: '1', b: false, c: null },
      ]).length,
      3,
    )
    assert.deepEqual(differences([{ a: 0 }, { a: -0 }]), [])
    assert.deepEqual(differences([{ a: 'NaN' }, { a: 'NaN' }]), [])
  })

  it('write keys so that their paths stay plain', () => {
    assert.deepEqual(
      differences([{ 'a.b': 1, '': 2, 'c[0]': 3, d: { 'e.f': { g: 4 } }, 'é ü': 5 }, {}]).map(({ path }) => path),
      ['["a.b"]', '[""]', '["c[0]"]', 'd["e.f"].g', 'é ü'],
    )
    assert.notDeepEqual(differences([{ 'a.b': 1 }, {}]), differences([{ a: { b: 1 } }, {}]))
  })

  it("treat names of JavaScript's own like any other", () => {
    assert.deepEqual(
      differences([{ constructor: 1, toString: 2, hasOwnProperty: 3 }, {}]).map(({ values }) => values),
      [
        [1, null],
        [2, null],
        [3, null],
      ],
    )
    assert.deepEqual(differences([parse('{"__proto__": {"x": 1}}'), parse('{"__proto__": {"x": 2}}')]), [
      { path: '__proto__.x', values: [1, 2] },
    ])
    assert.deepEqual(differences([parse('{"__proto__": 1}'), {}]), [{ path: '__proto__', values: [1, null] }])
    assert.deepEqual(differences([{}, {}]), [])
    assert.equal((Object.prototype as Record<string, unknown>)['x'], undefined)
  })

  it('with `all` also show what is alike', () => {
    assert.deepEqual(
      differences(
        [
          { a: 1, b: 2, c: null },
          { a: 1, b: 3 },
        ],
        { all: true },
      ),
      [
        { path: 'a', values: [1, 1] },
        { path: 'b', values: [2, 3] },
        { path: 'c', values: [null, null] },
      ],
    )
    assert.deepEqual(differences([{ a: [1, 2] }], { all: true }), [
      { path: 'a[0]', values: [1] },
      { path: 'a[1]', values: [2] },
    ])
  })

  it('go as deep as a graph may', () => {
    assert.equal(differences([nested(499, 1), nested(499, 2)])[0]?.path, Array(499).fill('a').join('.'))
    assert.equal(differences([nested(999, 1), nested(999, 2)]).length, 1)
    assert.deepEqual(differences([nested(999, 1), nested(999, 1)]), [])
  })

  it('are none between a value and its copy', () => {
    fc.assert(
      fc.property(value, (one) => {
        // Not by way of JSON: the parser of Node 24 may read the key "\n" as "\\" once it met the latter.
        const copy = structuredClone(one)
        assert.deepEqual(differences([one, copy, one]), [])
        assert.ok(sameJson(one, copy))
      }),
    )
  })

  it('are none exactly where the values are the same but for nulls', () => {
    const bare = (one: Json): Json => {
      if (Array.isArray(one)) return one.map(bare)
      if (typeof one !== 'object' || one === null) return one
      return Object.fromEntries(
        Object.entries(one as JsonObject)
          .filter(([, inner]) => inner !== null)
          .map(([name, inner]) => [name, bare(inner)]),
      )
    }
    fc.assert(
      fc.property(object, object, (a, b) => assert.equal(differences([bare(a), bare(b)]).length === 0, sameJson(bare(a), bare(b)))),
      { numRuns: 1000 },
    )
  })

  it('mirror when the models change places', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const sorted = (found: ReturnType<typeof differences>) => found.toSorted((x, y) => (x.path < y.path ? -1 : 1))
        assert.deepEqual(
          sorted(differences([a, b])),
          sorted(differences([b, a]).map(({ path, values }) => ({ path, values: values.toReversed() }))),
        )
      }),
    )
  })

  it('name every path once', () => {
    fc.assert(
      fc.property(object, object, object, (...models) => {
        const paths = differences(models, { all: true }).map(({ path }) => path)
        assert.equal(new Set(paths).size, paths.length)
      }),
      { numRuns: 500 },
    )
  })

  it('turn one model into the other when they are set, path by path', () => {
    fc.assert(
      fc.property(named, named, (a, b) => {
        const found = differences([a, b])
        const changed = found.reduce((whole, { path, values }) => setPath(whole, path, values[1] ?? null), a)
        assert.deepEqual(differences([changed, b]), [])
      }),
      { numRuns: 1000 },
    )
  })
})

describe('sameness of JSON', () => {
  it('does not ask for the order of keys, but of lists', () => {
    assert.ok(sameJson({ a: 1, b: 2 }, { b: 2, a: 1 }))
    assert.ok(!sameJson([1, 2], [2, 1]))
  })

  it('tells kinds apart', () => {
    for (const [a, b] of [
      [{}, []],
      [null, {}],
      [null, 0],
      ['1', 1],
      [[], ''],
      [undefined, null],
      [{ a: null }, {}],
      [[1], [1, 2]],
    ] as [Json, Json][]) {
      assert.ok(!sameJson(a, b))
      assert.ok(!sameJson(b, a))
    }
  })

  it('is that of node:assert, for any two values', () => {
    const same = (a: Json, b: Json) => {
      try {
        assert.deepEqual(a, b)
        return true
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(value, value, (a, b) => assert.equal(sameJson(a, b), same(a, b))),
      { numRuns: 500 },
    )
  })
})

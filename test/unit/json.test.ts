import assert from 'node:assert/strict'
import fc from 'fast-check'
import { EpochtreeError } from '../../server/errors'
import { canonicalJson, isObject, jsonNumber, mergeDeep, parseLarge, parseNumber, setOverride, setPath } from '../../server/json'
import type { Json, JsonObject } from '../../server/protocol/model'

const parse = (text: string) => JSON.parse(text) as JsonObject
const refuses = (run: () => unknown, code: string) =>
  assert.throws(run, (error) => error instanceof EpochtreeError && error.code === code && error.message.length < 1000)
const float = (bits: string) => new DataView(Uint8Array.from(Buffer.from(bits, 'hex')).buffer).getFloat64(0)
const whole = fc.string({ unit: 'grapheme', maxLength: 6 })
const key = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor', '1', '10', '2', ''), whole)
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    whole,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
}))
const object = fc.array(fc.tuple(key, value), { maxLength: 4 }).map((entries): JsonObject => Object.fromEntries(entries))

describe('a large text of JSON', () => {
  it('is parsed unless it would fill the memory', () => {
    const told = { nodes: { ä: [1, { b: null }] } }
    assert.deepEqual(parseLarge(Buffer.from(JSON.stringify(told))), told)
    for (const [part, count] of [
      ['[],', 21e6],
      ['{},', 21e6],
      ['"":0,', 21e6],
      ['0,', 101e6],
    ] as const) {
      const text = Buffer.alloc(part.length * count, part)
      text.write(part.includes(':') ? '{' : '[')
      refuses(() => parseLarge(text), 'bad-graph')
    }
  })
})

describe('canonical JSON', () => {
  it('writes the example of RFC 8785, section 3.2', () => {
    const given = parse(
      String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
    )
    const expected = String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`
    assert.equal(canonicalJson(given), expected)
    assert.match(
      Buffer.from(expected).toString('hex'),
      /^7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b3333333333333333332e333333333333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac245c75303030665c6e412742/,
    )
  })

  it('sorts keys by UTF-16 code units, as RFC 8785, section 3.2.3', () => {
    const given = parse(
      String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
    )
    const order = [...canonicalJson(given).matchAll(/:"([^"]*)"/g)].map(([, text]) => text)
    assert.deepEqual(order, [
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
  })

  it('sorts keys that look like numbers as text, and keys inside too', () => {
    assert.equal(
      canonicalJson({ 10: 0, 9: 0, 1: { b: 0, a: [{ d: 0, c: 0 }] }, '': 0 }),
      '{"":0,"1":{"a":[{"c":0,"d":0}],"b":0},"10":0,"9":0}',
    )
  })

  // RFC 8785, appendix B.
  for (const [bits, text] of [
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ] as const) {
    it(`writes the number ${bits} as ${text}`, () => assert.equal(canonicalJson(float(bits)), text))
  }

  it('escapes what must be escaped, and nothing else', () => {
    assert.equal(canonicalJson('\b\t\n\f\r"\\/\u0000\u001f\u007f\u2028é😀'), '"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\u007f\u2028é😀"')
  })

  it('does not normalize text: accents typed in two ways are two texts', () => {
    assert.notEqual(canonicalJson({ é: 1 }), canonicalJson({ 'e\u0301': 1 }))
  })

  it('refuses NaN and infinities, and says how they travel', () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      refuses(() => canonicalJson({ a: [bad] }), 'bad-graph')
      assert.throws(() => canonicalJson(bad), /"NaN", "Infinity", "-Infinity"/)
    }
  })

  it('refuses halves of characters, but not text about them', () => {
    for (const bad of ['\ud83d', 'a\udc00b', '\ude00\ud83d', { '\ud800': 1 }, ['\udfff']]) refuses(() => canonicalJson(bad), 'bad-graph')
    assert.equal(canonicalJson('\\ud83d'), '"\\\\ud83d"')
    assert.equal(canonicalJson('\\ud83d and 😀'), '"\\\\ud83d and 😀"')
  })

  it('goes a thousand levels deep and refuses to go on', () => {
    assert.equal(canonicalJson(parse('['.repeat(1000) + ']'.repeat(1000))).length, 2000)
    for (const depth of [1001, 100_000]) {
      refuses(() => canonicalJson(parse('['.repeat(depth) + ']'.repeat(depth))), 'bad-graph')
      refuses(() => canonicalJson(parse('{"a":'.repeat(depth) + '1' + '}'.repeat(depth))), 'bad-graph')
    }
  })

  it("keeps keys of JavaScript's own", () => {
    assert.equal(canonicalJson(parse('{"toString":1,"__proto__":{"constructor":2}}')), '{"__proto__":{"constructor":2},"toString":1}')
  })

  it('means the same value, and is the same for every order of keys', () => {
    const reversed = (one: Json): Json =>
      Array.isArray(one)
        ? one.map(reversed)
        : isObject(one)
          ? Object.fromEntries(
              Object.entries(one)
                .reverse()
                .map(([name, inner]) => [name, reversed(inner)]),
            )
          : one
    fc.assert(
      fc.property(value, (one) => {
        const text = canonicalJson(one)
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(one)))
        assert.equal(canonicalJson(JSON.parse(text) as Json), text)
        assert.equal(canonicalJson(reversed(one)), text)
      }),
      { numRuns: 500 },
    )
  })
})

describe('numbers that travel', () => {
  it('stay what they are, infinities and NaN too', () => {
    assert.deepEqual([NaN, Infinity, -Infinity, 1.5].map(jsonNumber), ['NaN', 'Infinity', '-Infinity', 1.5])
    fc.assert(
      fc.property(fc.double(), (number) => {
        const back = parseNumber(JSON.parse(JSON.stringify(jsonNumber(number))))
        // Only the sign of zero is lost in JSON.
        assert.ok(Object.is(back, number) || (back === 0 && number === 0))
      }),
    )
  })

  it('are no other texts or things', () => {
    for (const bad of ['1', '', 'nan', 'NaN ', '+Infinity', null, undefined, true, [], {}, 1n]) assert.equal(parseNumber(bad), undefined)
  })
})

describe('overrides', () => {
  it('merge into objects and replace all else', () => {
    assert.deepEqual(
      mergeDeep({ lr: 0.1, optimizer: { name: 'sgd', betas: [1, 2] }, x: { y: 1 } }, { lr: 1, optimizer: { betas: [3] }, x: null, z: {} }),
      { lr: 1, optimizer: { name: 'sgd', betas: [3] }, x: null, z: {} },
    )
  })

  it('leave what they are merged from untouched', () => {
    fc.assert(
      fc.property(object, object, (a, b) => {
        const before = JSON.stringify([a, b])
        mergeDeep(a, b)
        assert.equal(JSON.stringify([a, b]), before)
      }),
    )
  })

  it('merge once: again changes nothing', () => {
    fc.assert(
      fc.property(object, object, (a, b) => {
        const merged = mergeDeep(a, b)
        assert.deepEqual(mergeDeep(merged, b), merged)
        assert.deepEqual(mergeDeep(a, {}), a)
        assert.deepEqual(mergeDeep({}, b), b)
      }),
    )
  })

  it('may call a key __proto__ without touching any other object', () => {
    const merged = mergeDeep(parse('{"a":1}'), parse('{"__proto__":{"polluted":1}}'))
    assert.equal(JSON.stringify(merged), '{"a":1,"__proto__":{"polluted":1}}')
    setPath({}, '__proto__.polluted', 1)
    setPath({}, 'constructor.prototype.polluted', 1)
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
  })
})

describe('paths that are set', () => {
  it('reach into objects and lists', () => {
    for (const [before, path, after] of [
      [{}, 'lr', { lr: 7 }],
      [{ lr: 1, x: 2 }, 'lr', { lr: 7, x: 2 }],
      [{}, 'optimizer.lr', { optimizer: { lr: 7 } }],
      [{ optimizer: { name: 'sgd' } }, 'optimizer.lr', { optimizer: { name: 'sgd', lr: 7 } }],
      [{ optimizer: 'sgd' }, 'optimizer.lr', { optimizer: { lr: 7 } }],
      [{ layers: [1, 2] }, 'layers.0', { layers: [7, 2] }],
      [{ layers: [1, 2] }, 'layers[1]', { layers: [1, 7] }],
      [{ layers: [1, 2] }, 'layers[2]', { layers: [1, 2, 7] }],
      [{ layers: [{ n: 1 }, [1]] }, 'layers[0].n', { layers: [{ n: 7 }, [1]] }],
      [{ layers: [{ n: 1 }, [1]] }, 'layers[1][0]', { layers: [{ n: 1 }, [7]] }],
      [{}, '["a.b"].c', { 'a.b': { c: 7 } }],
      [{}, 'x["a.b"]["c[0]"]', { x: { 'a.b': { 'c[0]': 7 } } }],
      [{}, 'x.0', { x: { 0: 7 } }],
      [{}, 'temp °C', { 'temp °C': 7 }],
    ] as [JsonObject, string, JsonObject][]) {
      assert.deepEqual(setPath(before, path, 7), after, path)
    }
  })

  it('that lead nowhere are refused', () => {
    for (const [before, path] of [
      [{}, ''],
      [{}, '.'],
      [{}, 'a.'],
      [{}, 'a..b'],
      [{ a: [1] }, 'a.b'],
      [{ a: [1] }, 'a[2]'],
      [{ a: [1] }, 'a.-1'],
      [{ a: [1] }, 'a.1e0'],
      [{}, 'a[0]'],
      [{ a: 'text' }, 'a[0]'],
      [{}, '[0]'],
    ] as [JsonObject, string][]) {
      refuses(() => setPath(before, path, 7), 'bad-argument')
    }
  })

  it('leave the given object as it was', () => {
    const given = { a: { b: [1, { c: 2 }] } }
    setPath(given, 'a.b[1].c', 7)
    assert.deepEqual(given, { a: { b: [1, { c: 2 }] } })
  })

  it('are set or refused, whatever the text', () => {
    const almost = fc
      .array(fc.constantFrom('a', 'b', '0', '1', '.', '[', ']', '"', '["a"]', '[0]', '\\', '\n', '__proto__', '99999999999999999999'), {
        maxLength: 8,
      })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(object, fc.oneof(almost, fc.string()), (given, path) => {
        try {
          const after = setPath(given, path, 'set')
          assert.ok(JSON.stringify(after).includes('"set"'))
          assert.deepEqual(setPath(after, path, 'set'), after)
        } catch (error) {
          assert.ok(error instanceof EpochtreeError, String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('one more setting', () => {
  it('is added to the overrides, and nothing else of what is in use', () => {
    assert.deepEqual(setOverride({}, { lr: 1, optimizer: { name: 'sgd' } }, 'optimizer.lr', 7), { optimizer: { lr: 7 } })
    assert.deepEqual(setOverride({ seed: 3 }, { lr: 1 }, 'lr', 7), { seed: 3, lr: 7 })
  })

  it('inside a list takes the list that is in use', () => {
    assert.deepEqual(setOverride({}, { a: { layers: [1, { n: 2, m: 3 }] } }, 'a.layers[1].n', 7), { a: { layers: [1, { n: 7, m: 3 }] } })
    assert.deepEqual(setOverride({ layers: [5, 6] }, { layers: [1, 2, 3] }, 'layers[1]', 7), { layers: [5, 7] })
    refuses(() => setOverride({}, { layers: [1] }, 'layers[2]', 7), 'bad-argument')
  })

  it('takes effect once merged, for any settings', () => {
    const path = fc.array(fc.constantFrom('a', 'b', '0', '1'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'))
    const { small } = fc.letrec<{ small: Json }>((tie) => ({
      small: fc.oneof(
        { depthSize: 'small' },
        fc.nat(9),
        fc.array(tie('small'), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom('a', 'b', '0'), tie('small'), { maxKeys: 2, noNullPrototype: true }),
      ),
    }))
    const settings = fc.dictionary(fc.constantFrom('a', 'b', '0'), small, { maxKeys: 2, noNullPrototype: true })
    fc.assert(
      fc.property(settings, settings, path, (inUse, overrides, where) => {
        let added: JsonObject
        try {
          added = setOverride(overrides, inUse, where, 'set')
        } catch (error) {
          return assert.ok(error instanceof EpochtreeError, String(error))
        }
        const merged = mergeDeep(inUse, added)
        assert.deepEqual(setPath(merged, where, 'set'), merged)
      }),
      { numRuns: 2000 },
    )
  })
})

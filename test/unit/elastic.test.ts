import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { readAnswer } from '../../server/storage/elastic/answers'
import { openElastic } from '../../server/storage/elastic/documents'
import { indexOf, keyOf, nameOf, termOf, wrongPrefix } from '../../server/storage/elastic/layout'
import { rolesOf, rowsOf } from '../../server/storage/elastic/rows'
import { LIMITS, partsOf } from '../../server/storage/elastic/scopes'
import { decoded, encoded } from '../../server/storage/elastic/values'

const id = (n: number) => `6a000000${n.toString(16).padStart(16, '0')}`

describe('documents for Elasticsearch', () => {
  it('lie in the index of the month in their epoch’s id, in a year that there is', () => {
    assert.equal(indexOf('team', '692879e00000000000000000'), 'team-2025.11')
    assert.equal(indexOf('team', '000000000000000000000001'), 'team-2000.01')
    assert.equal(indexOf('team', 'ffffffffffffffffffffffff'), 'team-2100.01')
    assert.equal(wrongPrefix('team-1.a_b'), undefined)
    for (const prefix of ['', 'Team', '-team', 'a b', 'a*', 'a/b', 'a,b', '..', 'é', 'x'.repeat(101)])
      assert.ok(wrongPrefix(prefix), prefix)
  })

  it('have values of fields from which they are read again', () => {
    const value = fc.oneof(
      fc.string(),
      fc.json(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('NaN', '1', '-0', '1e999', ' 1', '"', '[', '{}', 'true', 'null', 'nullable'),
      fc.array(fc.string()),
      fc.dictionary(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true })),
    )
    fc.assert(
      fc.property(value, (one) => {
        const written = JSON.parse(encoded(one)) as unknown
        // As Elasticsearch keeps it in a column.
        const text = typeof written === 'string' ? written : JSON.stringify(written)
        assert.ok(written === null || typeof written !== 'object')
        assert.equal(JSON.stringify(written === null ? null : decoded(Object.is(one, -0) ? '-0.0' : text)), JSON.stringify(one))
      }),
      { numRuns: 2000 },
    )
    for (const plain of ['cat', 'img_1.png', '2.5 m', '-', '']) assert.equal(encoded(plain), JSON.stringify(plain))
    assert.equal(JSON.parse(encoded('\ud800')), '\uFFFD')
  })

  it('have keys that mean nothing but a name', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '.', 'a.b', '*', '%', '%2E', 'a\u0000b', '__proto__')),
        (name) => {
          assert.equal(nameOf(keyOf(name)), name)
          assert.match(keyOf(name), /^[^.*\0]+$/)
        },
      ),
    )
    const [one, other] = ['a', 'b'].map((end) => termOf('ä'.repeat(20_000) + end))
    assert.ok(Buffer.byteLength(one!) < 8100 && one !== other)
  })

  it('say which points tell of an epoch as a whole, however a curve was parted', () => {
    const number = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY))
    const curve = fc.array(fc.record({ step: fc.integer({ min: 0, max: 9 }), value: number, time: fc.integer({ min: 0, max: 9 }) }), {
      minLength: 1,
      maxLength: 12,
    })
    const cuts = fc.array(fc.nat(12), { maxLength: 4 })
    fc.assert(
      fc.property(curve, fc.boolean(), cuts, cuts, fc.nat(12), (points, stepped, first, second, written) => {
        const column = (of: 'step' | 'value' | 'time') => Float64Array.from(points, (point) => point[of])
        const [steps, values, times] = [stepped ? column('step') : null, column('value'), column('time')]
        // The first try writes some of the documents; the second, parted otherwise, the rest.
        const roles = new Uint8Array(points.length)
        const known = new Uint8Array(points.length)
        for (const [tried, limit] of [
          [first, written],
          [second, points.length],
        ] as const) {
          const ends = [...new Set([...tried.filter((cut) => cut < points.length), points.length])].sort((a, b) => a - b)
          let from = 0
          for (const to of ends) {
            const part = rolesOf(steps && steps.subarray(from, to), values.subarray(from, to), times.subarray(from, to))
            for (let i = from; i < Math.min(to, limit); i++) if (!known[i]) [known[i], roles[i]] = [1, part[i - from]!]
            from = to
          }
        }
        const at = (predicate: (role: number) => boolean) => points.flatMap((_, i) => (predicate(roles[i]!) ? [i] : []))
        const outer = at((role) => role > 0)
        const finite = (places: readonly number[]) => places.map((i) => values[i]!).filter((one) => Number.isFinite(one))
        const all = points.map((_, i) => i)
        const rank = (i: number) => (steps ? steps[i]! : 0)
        const last = (places: readonly number[]) => places.reduce((best, i) => (rank(i) >= rank(best) ? i : best), places[0]!)
        assert.equal(last(at((role) => role === 3)), last(all))
        for (const of of [Math.min, Math.max]) {
          assert.equal(of(...finite(outer)), of(...finite(all)))
          assert.equal(of(...outer.map((i) => times[i]!)), of(...times))
          if (steps) assert.equal(of(...outer.map((i) => steps[i]!)), of(...steps))
        }
        assert.equal(
          outer.some((i) => !Number.isFinite(values[i]!)),
          values.some((one) => !Number.isFinite(one)),
        )
        assert.ok(outer.includes(0) && outer.includes(points.length - 1))
        const falls = (places: readonly number[]) => places.some((i, k) => k > 0 && rank(i) < rank(places[k - 1]!))
        assert.equal(falls(outer), falls(all))
      }),
      { numRuns: 2000 },
    )
  })

  it('keep their identity and index, and refuse what is no id', () => {
    const of = { kind: 'metric', epochId: id(1), sessionId: id(2), number: 1, source: '', split: 'train', name: 'loss', level: 0 } as const
    const columns = { steps: Float64Array.of(7, 8), values: Float64Array.of(-0, Number.NaN), times: Float64Array.of(1, Number.NaN) }
    const rows = rowsOf('team', { ...of, from: 4, ...columns })
    const [action, document] = rows
      .line(1)
      .split('\n')
      .map((line) => (line === '' ? undefined : (JSON.parse(line) as Record<string, object>)))
    assert.match((action!['create'] as { _id: string })._id, /^[\w-]{20}\.5$/)
    assert.deepEqual(document, {
      kind: 'metric',
      epoch: id(1),
      session: id(2),
      number: 1,
      source: '',
      split: 'train',
      name: 'loss',
      step: 8,
      special: 'NaN',
      at: 5,
      role: 'last',
    })
    assert.match(rows.line(0), /"value":-0\.0,/)
    assert.deepEqual([rows.index, rows.count], ['team-2026.05', 2])
    for (const wrong of [{ epochId: '../x' }, { sessionId: 'X' }, { source: '"' }])
      assert.throws(() => rowsOf('team', { ...of, from: 0, ...columns, ...wrong }), { code: 'bad-argument' })
  })

  it('are asked by ranges where many epochs follow each other, else by ids, no more at once than are taken', () => {
    const search = { prefix: 'team', limits: LIMITS }
    const epochs = (count: number, step = 1, session = 9) =>
      Array.from({ length: count }, (_, i) => ({ id: id(i), number: 1 + i * step, sessionId: id(session) }))
    assert.deepEqual(partsOf(search, []), [])
    const [one] = partsOf(search, epochs(3))
    assert.deepEqual([one!.filter, one!.numbered], [{ terms: { epoch: [id(0), id(1), id(2)] } }, false])
    const [many] = partsOf(search, epochs(100))
    assert.deepEqual(many!.filter, { bool: { filter: [{ term: { session: id(9) } }, { range: { number: { gte: 1, lte: 100 } } }] } })
    assert.equal(many!.numbered, true)
    assert.equal(partsOf(search, [...epochs(100), ...epochs(100, 1, 8)])[0]!.numbered, false)
    assert.deepEqual(
      partsOf(search, epochs(150_000, 2)).map((part) => part.epochs.length),
      [65_536, 65_536, 18_928],
    )
  })
})

describe('an answer of Elasticsearch', () => {
  const read = (bytes: Uint8Array, encoding = '', type = 'application/json;charset=utf-8') =>
    readAnswer(Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]), { type, encoding, most: 1000 })
  const named = (name: string) => (error: Error) => error.name === name
  const told = JSON.stringify({ number: 1, text: 'ä'.repeat(200) })

  it('is read packed and as it is', async () => {
    assert.deepEqual(await read(Buffer.from(told)), JSON.parse(told))
    assert.deepEqual(await read(gzipSync(told), 'gzip'), JSON.parse(told))
    assert.equal(await read(Buffer.from('busy now'), '', 'text/plain'), 'busy now')
    assert.equal(await read(Buffer.alloc(0)), '')
  })
  it('is refused once it is too large, also where it comes small', async () => {
    await assert.rejects(read(Buffer.alloc(1001)), named('TooLarge'))
    const small = gzipSync(Buffer.alloc(64 << 20))
    assert.ok(small.length < 100_000)
    await assert.rejects(read(small, 'gzip'), named('TooLarge'))
  })
  it('is refused where it is damaged', async () => {
    await assert.rejects(read(Buffer.from(told.slice(1))), named('DeserializationError'))
    await assert.rejects(read(Buffer.from(told), 'gzip'), named('DeserializationError'))
    await assert.rejects(read(gzipSync(told).subarray(0, -9), 'gzip'), named('DeserializationError'))
  })
  it('that comes from something else, or from another path, says where to look', async () => {
    for (const [status, said, code, message] of [
      [
        400,
        '{"error":"no handler found for uri [/es/team/_search] and method [POST]"}',
        'server-refused',
        /\(status 400\) \(no handler.* Look at the host, port and path/,
      ],
      [404, '{"message":"no such path"}', 'server-refused', /\(status 404\)\. Look at the host, port and path/],
      [404, '<h1>Not here</h1>', 'server-damaged', /not JSON/],
    ] as const) {
      const other = createServer((_, answer) => void answer.writeHead(status, { 'content-type': 'application/json' }).end(said))
      await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
      const node = `http://127.0.0.1:${(other.address() as AddressInfo).port}/es`
      const team = openElastic({ node, prefix: 'team' }, async () => [])
      try {
        await assert.rejects(team.check(), (error: Error & { code: string }) => {
          assert.equal(error.code, code, error.message)
          assert.match(error.message, message)
          return true
        })
      } finally {
        await team.close()
        other.close()
        other.closeAllConnections()
      }
    }
  })

  it('that is cut off is told by what cut it', async () => {
    const cut = (encoding: string) => {
      const bytes = encoding ? gzipSync(told) : Buffer.from(told)
      const from = async function* () {
        yield bytes.subarray(0, 20)
        throw new Error('other side closed')
      }
      return readAnswer(Readable.from(from()), { type: 'application/json', encoding, most: 1000 })
    }
    for (const encoding of ['', 'gzip']) await assert.rejects(cut(encoding), named('ConnectionError'))
  })
})

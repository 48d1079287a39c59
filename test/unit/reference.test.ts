import assert from 'node:assert/strict'
import fc from 'fast-check'
import { EpochtreeError } from '../../server/errors'
import {
  formatMetric,
  formatReference,
  mendName,
  nameProblem,
  nearest,
  parseMetric,
  parseReference,
  type Reference,
} from '../../server/tracking/reference'

const id = '65a1b2c3d4e5f60718293a4b'
const any = fc.string({ unit: 'binary', maxLength: 40 })
/** Pieces that mean something in a reference, in any order. */
const almost = fc
  .array(
    fc.constantFrom(
      'resnet50',
      '@',
      '~',
      '(',
      ')',
      ':',
      '/',
      'min',
      'max',
      'latest',
      'selected',
      '0',
      '30',
      id,
      id.toUpperCase(),
      '-1',
      ' ',
      '\n',
      '\u0000',
      '\ud800',
      '😀',
    ),
    { maxLength: 10 },
  )
  .map((parts) => parts.join(''))
const name = any.map(mendName)
const plain = { noNullPrototype: true }
const metric = fc.record({ split: any.filter((text) => !text.includes('/')), name: any }, plain)
const epoch = fc.oneof(
  fc.record({ kind: fc.constant('number' as const), number: fc.nat() }, plain),
  fc.record({ kind: fc.constant('id' as const), id: fc.stringMatching(/^[0-9a-f]{24}$/) }, plain),
  fc.record({ kind: fc.constantFrom('latest' as const, 'selected' as const, 'absent' as const) }, plain),
  fc.record({ kind: fc.constantFrom('min' as const, 'max' as const), metric }, plain),
)
const reference: fc.Arbitrary<Reference> = fc.record({ session: name, epoch, back: fc.nat() }, plain)

const refused = (text: string) =>
  assert.throws(
    () => parseReference(text),
    (error) => error instanceof EpochtreeError && error.code === 'bad-reference' && error.message.length < 500,
    JSON.stringify(text),
  )

describe('references', () => {
  const forms: readonly [text: string, session: string, epoch: Reference['epoch'], back: number][] = [
    ['resnet50@30', 'resnet50', { kind: 'number', number: 30 }, 0],
    ['resnet50@030', 'resnet50', { kind: 'number', number: 30 }, 0],
    ['resnet50@30~2', 'resnet50', { kind: 'number', number: 30 }, 2],
    [`resnet50@${id}`, 'resnet50', { kind: 'id', id }, 0],
    [`resnet50@${id.toUpperCase()}~1`, 'resnet50', { kind: 'id', id }, 1],
    [`resnet50@${'1'.repeat(24)}`, 'resnet50', { kind: 'id', id: '1'.repeat(24) }, 0],
    ['resnet50@latest', 'resnet50', { kind: 'latest' }, 0],
    ['resnet50@latest~0', 'resnet50', { kind: 'latest' }, 0],
    ['resnet50@latest~12', 'resnet50', { kind: 'latest' }, 12],
    ['resnet50@selected', 'resnet50', { kind: 'selected' }, 0],
    ['resnet50@selected~3', 'resnet50', { kind: 'selected' }, 3],
    ['resnet50@min(val/loss)', 'resnet50', { kind: 'min', metric: { split: 'val', name: 'loss' } }, 0],
    ['resnet50@max(val/acc)~2', 'resnet50', { kind: 'max', metric: { split: 'val', name: 'acc' } }, 2],
    ['resnet50@min:val/loss', 'resnet50', { kind: 'min', metric: { split: 'val', name: 'loss' } }, 0],
    ['resnet50@max:val/acc~2', 'resnet50', { kind: 'max', metric: { split: 'val', name: 'acc' } }, 2],
    ['resnet50@min(loss)', 'resnet50', { kind: 'min', metric: { split: 'train', name: 'loss' } }, 0],
    ['resnet50', 'resnet50', { kind: 'absent' }, 0],
    ['resnet50~1', 'resnet50', { kind: 'absent' }, 1],
    ['3a4b5c@latest', '3a4b5c', { kind: 'latest' }, 0],
    [id, id, { kind: 'absent' }, 0],
    ['my résumé 😀 (v2): final/α@1', 'my résumé 😀 (v2): final/α', { kind: 'number', number: 1 }, 0],
    ['latest@latest', 'latest', { kind: 'latest' }, 0],
  ]
  for (const [text, session, meant, back] of forms) {
    it(`reads ${text}`, () => assert.deepEqual(parseReference(text), { session, epoch: meant, back }))
  }

  it('takes the text before the first @ as the session', () => {
    assert.deepEqual(parseReference('a@min(b@c)'), {
      session: 'a',
      epoch: { kind: 'min', metric: { split: 'train', name: 'b@c' } },
      back: 0,
    })
    refused('a@b@3')
  })

  it('lets a metric hold parentheses, tildes, colons, slashes and lines', () => {
    for (const odd of ['f1(macro)', 'a)~3', 'a~b~2', 'x:y', 'top/5', '(', ')', '~', 'two\nlines']) {
      assert.deepEqual(parseReference(`a@max(val/${odd})~4`), {
        session: 'a',
        epoch: { kind: 'max', metric: { split: 'val', name: odd } },
        back: 4,
      })
    }
  })

  it('says why a text is no reference', () => {
    for (const [text, why] of [
      ['', /names no session/],
      ['@3', /names no session/],
      ['~1', /names no session/],
      ['a@', /names no epoch after the @/],
      ['a@~1', /names no epoch after the @/],
      ['a@30~', /after ~ comes one number/],
      ['a~b', /after ~ comes one number/],
      ['a@30~1~2', /after ~ comes one number/],
      ['a@30~-1', /after ~ comes one number/],
      ['a~1@30', /holds no ~/],
      ['a@newest', /"newest" is no epoch/],
      ['a@LATEST', /is no epoch/],
      ['a@1.5', /is no epoch/],
      ['a@-1', /is no epoch/],
      ['a@ 30', /is no epoch/],
      ['a@0x1f', /is no epoch/],
      ['a@min()', /min needs a metric/],
      ['a@max:', /max needs a metric/],
      ['a@min:~2', /min needs a metric/],
      ['a@min(loss', /is no epoch/],
      ['a@abc', /is no epoch/],
    ] as const) {
      refused(text)
      assert.throws(() => parseReference(text), why)
    }
  })

  it('says what to write instead, and repeats no endless text', () => {
    assert.throws(() => parseReference('a@b'), /Write SESSION@EPOCH/)
    refused(`a@${'b'.repeat(1e6)}`)
    refused('~'.repeat(1e6))
  })

  it('reads or refuses any text whatever', () => {
    const survives = (text: string) => {
      try {
        const { session, back } = parseReference(text)
        assert.ok(session.length > 0 && !/[@~]/.test(session) && text.startsWith(session) && back >= 0)
      } catch (error) {
        assert.ok(error instanceof EpochtreeError, String(error))
      }
    }
    fc.assert(fc.property(any, survives))
    fc.assert(fc.property(almost, survives), { numRuns: 2000 })
    fc.assert(
      fc.property(name, almost, (session, rest) => survives(`${session}@${rest}`)),
      { numRuns: 1000 },
    )
  })

  it('answers at once, however long the text', () => {
    for (const text of [
      `a@min(${')~1'.repeat(100_000)}`,
      `a@min:${'~1'.repeat(100_000)}x`,
      `a~${'1'.repeat(100_000)}x`,
      `a@${'min('.repeat(100_000)}`,
    ]) {
      const start = performance.now()
      try {
        parseReference(text)
      } catch {}
      assert.ok(performance.now() - start < 1000, text.slice(0, 20))
    }
  })

  it('reads what it writes', () => {
    fc.assert(
      fc.property(reference, (given) => assert.deepEqual(parseReference(formatReference(given)), given)),
      { numRuns: 1000 },
    )
  })

  it('reads every name a session can have, alone and before an epoch', () => {
    fc.assert(
      fc.property(name, (session) => {
        assert.deepEqual(parseReference(session), { session, epoch: { kind: 'absent' }, back: 0 })
        assert.deepEqual(parseReference(`${session}@7`), { session, epoch: { kind: 'number', number: 7 }, back: 0 })
      }),
    )
  })
})

describe('metrics', () => {
  it('are a split, a slash, and a name that may hold anything', () => {
    assert.deepEqual(parseMetric('val/loss'), { split: 'val', name: 'loss' })
    assert.deepEqual(parseMetric('val/top/5'), { split: 'val', name: 'top/5' })
    assert.deepEqual(parseMetric('/loss'), { split: '', name: 'loss' })
    assert.deepEqual(parseMetric('val/'), { split: 'val', name: '' })
  })

  it('are of the training split when none is written', () => {
    assert.deepEqual(parseMetric('loss'), { split: 'train', name: 'loss' })
    assert.equal(formatMetric(parseMetric('loss')), 'train/loss')
  })

  it('are read back as they were written', () => {
    fc.assert(fc.property(metric, (given) => assert.deepEqual(parseMetric(formatMetric(given)), given)))
  })
})

describe('session names', () => {
  it('may be what people call models', () => {
    for (const good of [
      'resnet50',
      'ResNet-50 (pruned)',
      'abcde',
      'abcdeg',
      'model-abcdef',
      'résumé',
      '模型',
      '😀',
      'a/b',
      'a:b',
      '-',
      '0',
      '12345',
      'latest',
      '__proto__',
    ])
      assert.equal(nameProblem(good), undefined, good)
  })

  it('part no reference, hide no characters and pass for no id', () => {
    for (const bad of [
      '',
      'a@b',
      'a~b',
      'a\nb',
      'a\u0000',
      '\u007f',
      '\u0085',
      ' a',
      'a ',
      '\u00a0a',
      'a\u3000',
      '\ud800',
      'a\udc00b',
      'abcdef',
      '123456',
      'ABCDEF',
      id,
    ]) {
      const problem = nameProblem(bad)
      assert.ok(problem && problem.endsWith('.'), JSON.stringify(bad))
    }
  })

  it('are mended to the nearest that can be used', () => {
    for (const [given, mended] of [
      ['resnet50', 'resnet50'],
      ['user@host~1', 'user-host-1'],
      ['  spaced out  ', 'spaced out'],
      ['two\nlines', 'two-lines'],
      ['', 'model'],
      [' \u3000 ', 'model'],
      ['abcdef', 'model-abcdef'],
      [' 123456 ', 'model-123456'],
      ['e\u0301', 'é'],
      ['half\ud83d', 'half-'],
      ['\ufeffmark', '\ufeffmark'],
    ] as const) {
      assert.equal(mendName(given), mended)
    }
  })

  it('are always usable once mended', () => {
    const nearlyHex = fc.string({ unit: fc.constantFrom('0', '9', 'a', 'F', '@', '~', ' ', '\n', '\u00a0', '\u0301', '\ud800') })
    fc.assert(
      fc.property(fc.oneof(any, nearlyHex, almost), (given) => assert.equal(nameProblem(mendName(given)), undefined)),
      { numRuns: 2000 },
    )
  })

  it('are not mended twice', () => {
    fc.assert(
      fc.property(fc.oneof(any, almost), (given) => assert.equal(mendName(mendName(given)), mendName(given))),
      { numRuns: 2000 },
    )
  })

  it('stay as they are when they are good', () => {
    fc.assert(
      fc.property(
        any.map((text) => text.normalize('NFC')),
        (given) => {
          if (nameProblem(given) === undefined) assert.equal(mendName(given), given)
          else assert.notEqual(mendName(given), given)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('are the same name however their accents are typed', () => {
    fc.assert(fc.property(any, (given) => assert.equal(mendName(given.normalize('NFD')), mendName(given.normalize('NFC')))))
  })
})

describe('nearest candidates', () => {
  it('come best first, at most three', () => {
    assert.deepEqual(nearest('resnet5', ['vgg', 'resnet18', 'alexnet', 'resnet50', 'mobilenet']), ['resnet50', 'resnet18', 'alexnet'])
    assert.deepEqual(nearest('resnte50', ['vgg16', 'resnet18', 'resnet50'], 1), ['resnet50'])
    assert.deepEqual(nearest('RESNET50', ['resnet51', 'resnet50']), ['resnet50', 'resnet51'])
    assert.deepEqual(nearest('x', []), [])
    assert.deepEqual(nearest('x', ['a', 'b'], 0), [])
  })

  it('put half a typed name before a misspelt one', () => {
    assert.equal(nearest('efficient', ['efficiend', 'efficientnet-b7'])[0], 'efficiend')
    assert.equal(nearest('efficient', ['deficient one', 'efficientnet-b7-pruned-twice'])[0], 'efficientnet-b7-pruned-twice')
  })

  it('are candidates, with an exact match first', () => {
    fc.assert(
      fc.property(any, fc.array(any), fc.nat(6), (word, others, n) => {
        const found = nearest(word, [...others, word], n)
        assert.equal(found.length, Math.min(n, others.length + 1))
        if (n > 0) assert.equal(found[0]?.toLowerCase(), word.toLowerCase())
        for (const candidate of found) assert.ok(candidate === word || others.includes(candidate))
      }),
    )
  })

  it('are the same few, however many are asked for', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 })
    fc.assert(
      fc.property(word, fc.array(word, { maxLength: 12 }), fc.nat(12), (wanted, all, n) =>
        assert.deepEqual(nearest(wanted, all, n), nearest(wanted, all, 100).slice(0, n)),
      ),
      { numRuns: 1000 },
    )
  })

  it('are found among ten thousand long names in a moment', () => {
    const start = performance.now()
    nearest(
      'a'.repeat(1000),
      Array.from({ length: 10_000 }, (_, i) => 'b'.repeat(900) + i),
    )
    assert.ok(performance.now() - start < 3000)
  })
})

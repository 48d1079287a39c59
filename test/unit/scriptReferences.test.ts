import assert from 'node:assert/strict'
import fc from 'fast-check'
import { referencePartAt } from '../../server/script/references'
import { assertRanges, marked } from './scriptMarks'

describe('the part of a reference that is being typed', () => {
  const examples: readonly (readonly [text: string, expected: Readonly<Record<string, string>>])[] = [
    ['⟦‸⟧', { kind: 'session', typed: '' }],
    ['⟦res‸⟧', { kind: 'session', typed: 'res' }],
    ['⟦res‸net⟧@30', { kind: 'session', typed: 'res' }],
    ['⟦resnet‸⟧@30', { kind: 'session', typed: 'resnet' }],
    ['⟦res‸net⟧~2', { kind: 'session', typed: 'res' }],
    ['resnet@⟦‸⟧', { kind: 'epoch', session: 'resnet', typed: '' }],
    ['resnet@⟦‸30⟧~1', { kind: 'epoch', session: 'resnet', typed: '' }],
    ['resnet@⟦la‸⟧', { kind: 'epoch', session: 'resnet', typed: 'la' }],
    ['resnet@⟦mi‸n(val/loss)⟧~2', { kind: 'epoch', session: 'resnet', typed: 'mi' }],
    ['resnet@⟦min(val/loss)‸⟧', { kind: 'epoch', session: 'resnet', typed: 'min(val/loss)' }],
    ['resnet@min(⟦‸⟧', { kind: 'metric', session: 'resnet', direction: 'min', typed: '' }],
    ['resnet@min(⟦‸⟧)', { kind: 'metric', session: 'resnet', direction: 'min', typed: '' }],
    ['resnet@max(⟦val/‸acc⟧)~2', { kind: 'metric', session: 'resnet', direction: 'max', typed: 'val/' }],
    ['resnet@max(⟦f(x)~‸1⟧)', { kind: 'metric', session: 'resnet', direction: 'max', typed: 'f(x)~' }],
    ['resnet@max:⟦val/a‸⟧', { kind: 'metric', session: 'resnet', direction: 'max', typed: 'val/a' }],
    ['resnet@max(val/acc)~⟦‸⟧', { kind: 'back', session: 'resnet', epoch: 'max(val/acc)', typed: '' }],
    ['resnet@max:acc~⟦1‸2⟧', { kind: 'back', session: 'resnet', epoch: 'max:acc', typed: '1' }],
    ['resnet@30~⟦‸2⟧', { kind: 'back', session: 'resnet', epoch: '30', typed: '' }],
    ['resnet~⟦1‸⟧', { kind: 'back', session: 'resnet', epoch: '', typed: '1' }],
  ]
  for (const [text, expected] of examples) {
    it(text, () => {
      const { text: plain, cursor } = marked(text)
      const { from, to, ...part } = referencePartAt(plain, cursor)
      assertRanges(text, [{ from, to }])
      assert.deepEqual(part, expected)
    })
  }

  it('always lies in the text, around the cursor', () => {
    const piece = fc.constantFrom('a', '@', '~', '(', ')', 'min', 'max(', ':', '/', '3', 'latest', '')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), fc.nat(), (pieces, at) => {
        const text = pieces.join('')
        const cursor = at % (text.length + 1)
        const { from, to, typed } = referencePartAt(text, cursor)
        assert.ok(0 <= from && from <= cursor && cursor <= to && to <= text.length, JSON.stringify({ text, cursor, from, to }))
        assert.equal(typed, text.slice(from, cursor))
      }),
      { numRuns: 5000 },
    )
  })
})

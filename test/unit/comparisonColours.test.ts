import assert from 'node:assert/strict'
import fc from 'fast-check'
import { coloursOf } from '../../webview/comparison/colours'

describe('the colours of compared models', () => {
  const names = fc.uniqueArray(fc.constantFrom(...Array.from({ length: 20 }, (_, i) => `model-${i}`)), { minLength: 2, maxLength: 12 })

  it('are by place at first', () => {
    assert.deepEqual(coloursOf(['a', 'b', 'c'], undefined), [0, 1, 2])
    assert.deepEqual(coloursOf(['a', 'b'], { references: ['a', 'b'] }), [0, 1])
  })

  it('stay with the models that stay; one that comes has the first that is free', () => {
    const before = { references: ['a', 'b', 'c'], colours: [0, 1, 2] }
    assert.deepEqual(coloursOf(['c', 'b'], before), [2, 1])
    assert.deepEqual(coloursOf(['d', 'c', 'b', 'e'], before), [0, 2, 1, 3])
  })

  it('are each of twelve, and no two alike, whatever was there before', () => {
    const colour = fc.nat({ max: 11 })
    fc.assert(
      fc.property(names, names, fc.array(colour, { maxLength: 12 }), (references, others, colours) => {
        const found = coloursOf(references, { references: others, colours })
        assert.equal(found.length, references.length)
        assert.equal(new Set(found).size, references.length)
        assert.ok(found.every((one) => one >= 0 && one < 12))
      }),
    )
  })
})

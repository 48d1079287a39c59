import assert from 'node:assert/strict'
import { bytes, change, fill, settings, shapeText, short, valueText } from '../../webview/parts/format'

describe("the texts of the epoch's page", () => {
  for (const [value, text] of [
    [0.6508356316145371, '0.65084'],
    [40, '40'],
    [5018, '5,018'],
    [0.00001234567, '1.235e-5'],
    [3e12, '3e+12'],
    [-0.5, '-0.5'],
    [0, '0'],
    ['NaN', 'NaN'],
    ['-Infinity', '-∞'],
  ] as const)
    it(`shows ${value} as ${text}`, () => assert.equal(short(value, 'en'), text))

  it('tells how far a value is from the one before', () => {
    assert.deepEqual(change(0.5, 0.75, 'en'), { by: '+0.25', share: '(+50%)' })
    assert.deepEqual(change(4, 3, 'en'), { by: '−1', share: '(−25%)' })
    assert.deepEqual(change(0, 3, 'en'), { by: '+3', share: '' })
    assert.deepEqual(change(2, 2, 'en'), { by: '±0', share: '' })
    assert.equal(change('NaN', 2, 'en'), undefined)
  })

  it('names settings by the paths that --set takes', () => {
    assert.deepEqual(settings({ lr: 1, optimizer: { name: 'sgd', betas: [0.9, 0.99] }, 'a.b': {}, empty: {} }), [
      ['lr', 1],
      ['optimizer.name', 'sgd'],
      ['optimizer.betas', [0.9, 0.99]],
      ['["a.b"]', {}],
      ['empty', {}],
    ])
  })

  it('writes sizes, shapes, values and texts as people read them', () => {
    assert.equal(bytes(5360, 'en'), '5.2 KiB')
    assert.equal(bytes(12, 'en'), '12 B')
    assert.equal(shapeText([64, 3, 7]), '64×3×7')
    assert.equal(shapeText([8]), '[8]')
    assert.equal(valueText(null), '–')
    assert.equal(valueText(['output']), '["output"]')
    assert.equal(fill('{0} of {1}, {0}', 1, 2), '1 of 2, 1')
  })
})

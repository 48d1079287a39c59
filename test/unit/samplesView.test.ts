import assert from 'node:assert/strict'
import type { JsonNumber } from '../../server/protocol/model'
import { rolesOf } from '../../server/tracking/roles'
import { type Field, fieldOf, measured } from '../../webview/comparison/samples/fields'
import { bar, changeOf, type GroupRow, sorted } from '../../webview/comparison/samples/order'
import { outline, place } from '../../webview/comparison/samples/shape'

const text = (name: string): Field => ({ name, numeric: false, direction: null, role: rolesOf([name]).get(name) ?? null })
const number = (name: string, direction: Field['direction'] = null): Field => ({ ...text(name), numeric: true, direction })

describe('the view of samples', () => {
  for (const [names, label, prediction, sample] of [
    [['sample', 'label', 'prediction', 'loss'], 'label', 'prediction', 'sample'],
    [['y', 'y_hat', 'idx'], 'y', 'y_hat', 'idx'],
    [['y_true', 'y_pred', 'path'], 'y_true', 'y_pred', 'path'],
    [['trueLabel', 'predictedLabel', 'image_id'], 'trueLabel', 'predictedLabel', 'image_id'],
    [['Target', 'Output'], 'Target', 'Output', undefined],
    [['predicted_label', 'loss'], undefined, 'predicted_label', undefined],
    [['loss', 'valid'], undefined, undefined, undefined],
  ] as const)
    it(`guesses what ${names.join(', ')} hold`, () => {
      const roles = rolesOf(names)
      assert.deepEqual(
        ['label', 'prediction', 'sample'].map((role) => names.find((name) => roles.get(name) === role)),
        [label, prediction, sample],
      )
    })

  it('takes the field that was chosen, as long as it is there', () => {
    const fields = [text('label'), text('kind')]
    assert.equal(fieldOf(fields, 'label', undefined), 'label')
    assert.equal(fieldOf(fields, 'label', 'kind'), 'kind')
    assert.equal(fieldOf(fields, 'label', 'gone'), 'label')
    assert.equal(fieldOf(fields, 'prediction', null), undefined)
  })

  it('measures a field that gets better or worse, for each label', () => {
    const fields = [text('sample'), number('label'), number('prediction'), number('size'), number('loss', 'lower')]
    assert.deepEqual(measured(fields, undefined, undefined), { by: 'label', field: 'loss' })
    assert.deepEqual(measured(fields, 'size', 'size'), { by: 'size', field: 'loss' })
    assert.deepEqual(measured(fields, 'loss', undefined), { by: 'loss', field: 'size' })
    assert.deepEqual(measured(fields, 'gone', 'gone'), { by: 'label', field: 'loss' })
    assert.deepEqual(measured([text('kind'), number('a')], undefined, undefined), { by: 'kind', field: 'a' })
    assert.equal(measured([text('a'), text('b')], undefined, undefined), undefined)
    assert.equal(measured([number('loss')], undefined, undefined), undefined)
    assert.equal(measured([], undefined, undefined), undefined)
  })

  const row = (group: GroupRow['group'], ...means: readonly (JsonNumber | null)[]): GroupRow => ({
    group,
    models: means.map((mean) => (mean === null ? null : { count: 1, mean, min: mean, max: mean })),
  })
  const rows = [row('b', 1, 2), row('a', 3, 1), row(10, 1, 'NaN'), row(9, 1, null), row('c', 'NaN', 1), row('d', 1, 1)]
  const names = (sortedRows: readonly GroupRow[]) => sortedRows.map(({ group }) => group)

  it('puts the worst change first, and what has none last', () => {
    assert.deepEqual(names(sorted(rows, undefined, 'lower')), [10, 'b', 'd', 'a', 9, 'c'])
    assert.deepEqual(names(sorted(rows, undefined, 'higher')), [10, 'a', 'd', 'b', 9, 'c'])
    assert.deepEqual(names(sorted(rows, undefined, null)), [10, 'a', 'b', 'd', 9, 'c'])
  })

  it('sorts groups by what was chosen', () => {
    assert.deepEqual(names(sorted(rows, { by: 'group', down: false }, null)), [9, 10, 'a', 'b', 'c', 'd'])
    assert.deepEqual(names(sorted(rows, { by: 'mean 1', down: true }, null)), ['b', 'a', 'c', 'd', 10, 9])
    assert.deepEqual(names(sorted(rows, { by: 'change 1', down: false }, null)), ['a', 'd', 'b', 10, 9, 'c'])
    assert.deepEqual(names(sorted([row('x', 1), row('y', 2)], { by: 'count', down: true }, null)), ['x', 'y'])
  })

  it('judges a change by the direction', () => {
    assert.deepEqual(changeOf(rows[0]!, 1, 'lower', 'en'), { by: '+1', share: '(+100%)', difference: 1, judged: 'worse' })
    assert.equal(changeOf(rows[0]!, 1, 'higher', 'en')?.judged, 'better')
    assert.equal(changeOf(rows[0]!, 1, null, 'en')?.judged, null)
    assert.equal(changeOf(rows[5]!, 1, 'lower', 'en')?.judged, null)
    assert.equal(changeOf(rows[2]!, 1, 'lower', 'en'), undefined)
    assert.equal(changeOf(rows[0]!, 0, 'lower', 'en'), undefined)
  })

  it('draws bars from zero', () => {
    assert.deepEqual(bar(1, [1, 2]), { start: 0, length: 0.5 })
    assert.deepEqual(bar(-1, [-1, 3]), { start: 0, length: 0.25 })
    assert.deepEqual(bar(3, [-1, 3]), { start: 0.25, length: 0.75 })
    assert.deepEqual(bar(0, [0]), { start: 0, length: 0 })
    assert.equal(bar(Number.NaN, [1]), undefined)
    assert.deepEqual(bar(1.7e308, [-1.7e308, 1.7e308]), { start: 0.5, length: 0.5 })
  })

  it('draws the outline of bins', () => {
    assert.equal(place(5, [0, 10], false), 0.5)
    assert.equal(Math.round(place(10, [1, 100], true) * 1e9) / 1e9, 0.5)
    assert.equal(place(3, [3, 3], false), 0)
    assert.equal(outline([0, 0.5, 1], [1, 2], 2, true), 'M0 1V0.5H0.5V0H1V1Z')
    assert.equal(outline([0, 0], [2], 2, false), 'M0 1V0H1V1')
  })
})

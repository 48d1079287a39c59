import assert from 'node:assert/strict'
import { byId, nameOf, sameModels, titleOf } from '../../client/comparison/models'
import type { Comparison } from '../../server/protocol/comparison'

const compared = (...references: readonly string[]) => ({ dir: '/d', references })
const shown = (...models: readonly (readonly [id: string, name: string, label?: string])[]) =>
  ({ models: models.map(([id, name, label = name]) => ({ id, name, label })) }) as unknown as Comparison

describe('the models of a tab', () => {
  it('are meant by their ids, so that a new name changes nothing', () => {
    const found = byId(
      compared('net', 'net@30', 'net-2@max(val/a@b)', '0123456789abcdef01234567', 'id2'),
      shown(['id1', 'net'], ['id1', 'net'], ['id2', 'net-2'], ['id3', 'x'], ['id2', 'net-2']),
    )
    const references = ['id1', 'id1@30', 'id2@max(val/a@b)', '0123456789abcdef01234567', 'id2']
    assert.deepEqual(found.compared, compared(...references))
    assert.deepEqual(
      found.comparison.models.map(({ reference }) => reference),
      references,
    )
  })

  it('are the same in any order, and in one folder', () => {
    assert.ok(sameModels(compared('a', 'b'), compared('b', 'a')))
    assert.ok(!sameModels(compared('a', 'b'), compared('a', 'b', 'c')))
    assert.ok(!sameModels(compared('a', 'b'), { ...compared('a', 'b'), dir: '/e' }))
  })

  it('give the tab a title that fits', () => {
    assert.equal(titleOf(shown(['1', 'net'], ['2', 'net-2'])), 'net ↔ net-2')
    assert.equal(titleOf(shown(['1', 'a'], ['2', 'b'], ['3', 'c'], ['4', 'd'])), 'a ↔ b +2')
    assert.ok(titleOf(shown(['1', 'a'.repeat(500)], ['2', 'b'.repeat(500)])).length < 130)
  })

  it('are called by their names', () => {
    const lines = [{ sessionId: 'parent', sessionName: 'first' }]
    const comparison = { ...shown(['id1', 'net'], ['id2', 'net-2']), lines } as unknown as Comparison
    assert.equal(nameOf('id2@31', comparison), 'net-2@31')
    assert.equal(nameOf('id1', comparison), 'net')
    assert.equal(nameOf('parent@10', comparison), 'first@10')
    assert.equal(nameOf('other@3', comparison), 'other@3')
    assert.equal(nameOf('id1@3', undefined), 'id1@3')
  })
})

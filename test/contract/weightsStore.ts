import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WeightsStore } from '../../server/storage/ports'
import { hashOf, weightsOf } from './fixture'

/** What any store of weights must do. */
export function weightsStoreContract(store: () => WeightsStore, folder: () => string) {
  it('has what was committed, by its hash', async () => {
    assert.equal(readFileSync((await store().path(hashOf(11)))!, 'utf8'), weightsOf(11))
    assert.equal(await store().path('0'.repeat(64)), undefined)
  })

  it('places a file where it is wanted, and none that it does not have', async () => {
    const to = join(folder(), 'placed.bin')
    assert.ok(['linked', 'cloned', 'copied'].includes(await store().placeAt(hashOf(12), to)))
    assert.equal(readFileSync(to, 'utf8'), weightsOf(12))
    const nowhere = join(folder(), 'none.bin')
    await assert.rejects(store().placeAt('0'.repeat(64), nowhere))
    assert.ok(!existsSync(nowhere))
  })
}

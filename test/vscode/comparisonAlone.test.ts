import assert from 'node:assert/strict'
import { join } from 'node:path'
import { LocalStores } from '../../server/storage/local/stores'
import { demoCopy } from './bench'
import { openAlone } from './pageAlone'

describe('the comparison page without an editor', () => {
  it('is filled, and keeps to its policy', async () => {
    const dir = join(await demoCopy(), '.epochtree')
    const stores = new LocalStores(dir)
    const { page, close } = await openAlone({ stores, dir }, { references: ['digits', 'digits-2'] })
    assert.match(await page.locator('.overview').innerText(), /digits and digits-2 part after epoch 30/)
    await close()
    await stores.close()
  })
})

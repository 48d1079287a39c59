import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { openWorkspace, temporaryFolder } from './client'

const settings = { mainMetric: '', refreshSeconds: 1, inlayHints: false }

describe('the setting epochtree.folder', () => {
  it('names the folder, which need not be there yet', async () => {
    const shared = temporaryFolder('shared')
    const folder = join(shared, '.epochtree')
    const client = await openWorkspace({ options: { settings: { ...settings, folder } } })
    assert.equal(client.dir, folder)
    await client.close()
    rmSync(shared, { recursive: true })
  })

  it('is passed over where its path leads nowhere on this machine, and that is said', async () => {
    const client = await openWorkspace({ options: { settings: { ...settings, folder: '/nowhere/else/.epochtree' } } })
    assert.equal(client.dir, join(client.root, '.epochtree'))
    assert.match(await client.told(), /^\/nowhere\/else is not on this machine, so the setting epochtree\.folder .* is passed over\. Make/)
    await client.close()
  })
})

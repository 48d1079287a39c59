import assert from 'node:assert/strict'
import { activation } from './activation'
import { demoCopy } from './bench'
import { openEditor } from './editor'

describe('activation', () => {
  it('takes a moment, as the editor itself measures it', async () => {
    const { load, activate } = await activation(await openEditor({ folder: await demoCopy() }), 'epochtree.epochtree')
    console.log(`      ${load} ms to load, ${activate} ms to activate`)
    // Ten times what is promised of a quiet machine: here everything starts at once.
    assert.ok(load + activate < 500, `${load} + ${activate} ms`)
  })
})

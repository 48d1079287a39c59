import assert from 'node:assert/strict'
import { demoCopy } from './bench'
import { openEditor } from './editor'
import { row } from './tree'
import { command, showContainer } from './workbench'

describe('activation', () => {
  it('takes a moment, as the editor itself measures it', async () => {
    // So tall that the list of all extensions is on the screen: rows that are not seen are not there.
    const { page } = await openEditor({ folder: await demoCopy(), size: { width: 1400, height: 2400 } })
    await showContainer(page, 'Epochtree')
    await row(page, 'Sessions', 'digits').waitFor()
    await command(page, 'Developer: Show Running Extensions')
    const line = page.locator('.runtime-extensions-editor .monaco-list-row', { hasText: 'Epochtree: Model Version Control' })
    const milliseconds = Number(/Activation: (\d+)ms/.exec(await line.innerText())?.[1])
    console.log(`      ${milliseconds} ms`)
    // Ten times what is promised of a quiet machine: here everything starts at once.
    assert.ok(milliseconds < 500, `${milliseconds} ms`)
  })
})

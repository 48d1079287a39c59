import assert from 'node:assert/strict'
import type { Frame, Page } from 'playwright-core'
import { demoCopy } from './bench'
import { comparisonPage, compareInTree } from './comparisonPage'
import { type Editor, openEditor } from './editor'
import { row } from './tree'
import { showContainer } from './workbench'

describe('the comparison page', () => {
  let editor: Editor
  let page: Page
  let frame: Frame

  before(async () => {
    editor = await openEditor({ folder: await demoCopy(), keep: true })
    ;({ page } = editor)
    await showContainer(page, 'Epochtree')
    await row(page, 'Sessions', 'digits-2').waitFor()
  })
  after(() => editor.close())

  it('opens for the sessions that are selected in the tree, and says where they parted', async () => {
    await compareInTree(page, 'digits-2', 'digits')
    frame = await comparisonPage(page, 'digits', 'digits-2')
    assert.match(await frame.locator('.overview').innerText(), /digits and digits-2 part after epoch 30/)
  })
})

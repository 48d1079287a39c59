import assert from 'node:assert/strict'
import { join } from 'node:path'
import { demoCopy } from './bench'
import { openEditor } from './editor'
import { inExtensionHost } from './extensionHost'
import { shownText, place } from './script'
import { rows, expand } from './tree'
import { commandsLike, command, openFile, showContainer, terminalText } from './workbench'
import { until } from './until'

describe('trial', () => {
  it('works', async () => {
    const folder = await demoCopy()
    const editor = await openEditor({ folder, extension: 'none' })
    const { page } = editor
    await showContainer(page, 'Explorer')
    console.log(await rows(page, 'Explorer'))
    await openFile(page, 'train.py', 100)
    console.log((await shownText(page)).slice(0, 300), await place(page, 'epochtree.session'))
    console.log(await commandsLike(page, 'Terminal: Create'))
    await command(page, 'Terminal: Create New Terminal')
    await until('prompt', async () => (await terminalText(page)) !== '')
    await page.keyboard.type('echo he""llo\n')
    await until('hello', async () => (await terminalText(page)).includes('hello'))
    console.log(await inExtensionHost(editor, (api, x: number) => [api.version, x], 3))
    await page.screenshot({ path: '/tmp/hw/trial.png' })
    assert.equal(await inExtensionHost(editor, async (api) => api.window.activeTextEditor?.document.fileName), join(folder, 'train.py'))
    void expand
  })
})

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { demoCopy } from './bench'
import { type Editor, openEditor } from './editor'
import { setSetting } from './extensionHost'
import { clickText, codeLenses, completions, hover, hoverBox, shownText } from './script'
import { until } from './until'
import { openFile, tabs } from './workbench'

const USES = `import epochtree

LR = 0.05
with epochtree.session("digits", hyperparameters={"lr": LR}, fork_from="digits@30") as session:
    best = epochtree.evaluate("digits-2@max(val/accuracy)")
    lost = epochtree.evaluate("digts@3")
`

describe('epochs in the training script', () => {
  let editor: Editor
  let page: Page
  before(async () => {
    const folder = await demoCopy()
    writeFileSync(join(folder, 'uses.py'), USES)
    editor = await openEditor({ folder, keep: true, settings: { 'editor.minimap.enabled': false } })
    ;({ page } = editor)
    await openFile(page, 'uses.py', 4)
  })
  after(() => editor.close())

  it('says over the call what became of it', async () => {
    const over = await until('the lens', async () => (await codeLenses(page))[0])
    assert.match(over.join(' | '), /^2 sessions - latest digits-2, epoch 40, val\/accuracy 0\.\d+ \| Fork\.\.\. \| Compare$/)
  })

  it('tells the sessions of the model in a hover, with what can be done', async () => {
    const said = await hover(page, 'session', { nth: 0, says: /2 sessions/ })
    assert.match(said, /digits-2[\s\S]*completed[\s\S]*40/)
    for (const link of ['Open', 'Compare', 'Fork']) assert.ok((await hoverBox(page).locator('a', { hasText: link }).count()) > 0, link)
  })

  it('tells the epoch that a reference means', async () => {
    const said = await hover(page, 'digits@30', { says: /epoch 30/ })
    assert.match(said, /digits, epoch 30/)
    assert.match(said, /val\/accuracy/)
    assert.match(said, /Forks that start here: digits-2/)
  })

  it('tells the values of a hyper-parameter over the sessions', async () => {
    assert.match(await hover(page, '"lr"', { says: /last 2 sessions of digits/ }), /digits-2\s+0\.05/)
  })

  it('offers sessions, then epochs inside a reference', async () => {
    await clickText(page, 'digts')
    const offered = await completions(page)
    assert.ok(offered.includes('digits-2'), offered.join())
    await page.keyboard.press('Escape')
  })

  it('marks a reference that leads nowhere, and mends it', async () => {
    await clickText(page, 'digts@3')
    await page.keyboard.press('Control+.')
    await page.locator('.action-widget .action, .action-widget .monaco-list-row', { hasText: 'Change to digits@3' }).first().waitFor()
    await page.keyboard.press('Enter')
    await until('the mended reference', async () => (await shownText(page)).includes('evaluate("digits@3")'))
  })

  it('shows the epoch beside a reference once that is wanted', async () => {
    assert.doesNotMatch(await shownText(page), /epoch \d+/)
    await setSetting(editor, 'epochtree.inlayHints', true)
    await until('the hint', async () => /max\(val\/accuracy\)"\s*epoch \d+/.test(await shownText(page)))
  })

  it('opens the epoch that a reference means', async () => {
    await clickText(page, 'digits@30')
    await page.keyboard.press('F12')
    await until('the epoch', async () => (await tabs(page)).some((title) => /digits.*30/.test(title)))
  })
})

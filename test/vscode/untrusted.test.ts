import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { demoCopy, emptyFolder } from './bench'
import { compareInTree, comparisonPage, showView, viewsOf } from './comparisonPage'
import { openDemo } from './demo'
import { type Editor, openEditor } from './editor'
import { epochPage, tableIn } from './epochPage'
import { pressRow, row } from './tree'
import { until } from './until'
import { command, contextMenu, showContainer } from './workbench'

const everything = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${statSync(path).mtimeMs} ${statSync(path).ctimeMs}`)
    .sort()

describe('a folder that is not trusted', () => {
  let folder: string
  let editor: Editor
  let page: Page
  let untouched: readonly string[]
  before(async () => {
    folder = await demoCopy()
    untouched = everything(folder)
    ;({ editor, page } = await openDemo({ folder, trusted: false, keep: true }))
  })
  after(() => editor.close())
  afterEach(() => assert.deepEqual(everything(folder), untouched))

  /** In the list: as a toast the editor may hold back the same message after some of them. */
  async function refused() {
    await command(page, 'Notifications: Show Notifications')
    const told = page.locator('.notifications-center .notification-list-item', { hasText: 'This workspace is not trusted' })
    await told.waitFor()
    await command(page, 'Notifications: Clear All Notifications')
    await told.waitFor({ state: 'hidden' })
  }

  it('is shown whole', async () => {
    await pressRow(page, 'Sessions', 'Epoch 30')
    const frame = await epochPage(page, 'digits@30')
    assert.ok((await tableIn(frame, 'metrics')).length > 3)
    const fork = frame.getByRole('button', { name: 'Fork from Here' })
    assert.equal(await fork.getAttribute('aria-disabled'), 'true')
    assert.match((await fork.getAttribute('title'))!, /not trusted/)
  })

  it('has nothing forked, trained, resumed, stopped, run or selected', async () => {
    for (const title of ['Fork from Epoch...', 'Quick Fork: Three Questions...', 'Train...', 'Resume...', 'Stop...', 'Run the Demo']) {
      await command(page, `Epochtree: ${title}`)
      await refused()
    }
    await contextMenu(page, row(page, 'Sessions', 'Epoch 14'), 'Select Epoch')
    await refused()
  })

  it('is compared, and the page offers nothing that changes it', async () => {
    await compareInTree(page, 'digits-2', 'digits')
    const frame = await comparisonPage(page, 'digits', 'digits-2')
    for (const view of await viewsOf(frame)) await showView(frame, view)
    await showView(frame, 'tradeoff')
    await frame.getByRole('button', { name: 'What to do with digits@14', exact: true }).click()
    const offered = await frame.getByRole('menuitem').allInnerTexts()
    assert.ok(offered.includes('Open') && !offered.some((text) => /Fork|Select/.test(text)), offered.join(', '))
  })
})

describe('the trust in a folder', () => {
  it('is taken in once it is trusted, without a reload', async () => {
    const { page } = await openDemo({ trusted: false })
    await pressRow(page, 'Sessions', 'Epoch 30')
    await epochPage(page, 'digits@30')
    await command(page, 'Workspaces: Manage Workspace Trust')
    await page
      .locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ })
      .first()
      .click()
    await page.locator('.workspace-trust-header').click()
    await page.keyboard.press('Escape')
    await page.locator('.workspace-trust-editor').waitFor({ state: 'hidden' })
    await pressRow(page, 'Sessions', 'Epoch 30')
    const again = await epochPage(page, 'digits@30')
    await until(
      'the page to allow it',
      async () => (await again.getByRole('button', { name: 'Select' }).getAttribute('aria-disabled')) === null,
    )
    await again.getByRole('button', { name: 'Select' }).click()
    await again.getByRole('button', { name: 'Follow the Newest' }).waitFor()
  })

  it('does not choose the folder that is shown; its user does', async () => {
    const folder = await demoCopy()
    const other = await emptyFolder()
    mkdirSync(join(folder, '.vscode'))
    writeFileSync(join(folder, '.vscode', 'settings.json'), JSON.stringify({ 'epochtree.folder': join(other, '.epochtree') }))
    await openDemo({ folder, trusted: false })

    const users = await openEditor({ folder: other, trusted: false, settings: { 'epochtree.folder': join(folder, '.epochtree') } })
    await showContainer(users.page, 'Epochtree')
    await row(users.page, 'Sessions', 'digits').waitFor()
  })
})

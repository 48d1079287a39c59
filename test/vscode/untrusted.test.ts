import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { demoCopy, emptyFolder } from './bench'
import { openEditor } from './editor'
import { epochPage, tableIn } from './epochPage'
import { pressRow, row } from './tree'
import { until } from './until'
import { command, notification, showContainer } from './workbench'

const everything = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${statSync(path).mtimeMs} ${statSync(path).ctimeMs}`)
    .sort()

describe('a folder that is not trusted', () => {
  it('is shown whole, and nothing in it is run or changed', async () => {
    const folder = await demoCopy()
    const before = everything(folder)
    const { page } = await openEditor({ folder, trusted: false })
    await showContainer(page, 'Epochtree')
    await pressRow(page, 'Sessions', 'Epoch 30')
    const frame = await epochPage(page, 'digits@30')
    assert.ok((await tableIn(frame, 'metrics')).length > 3)

    const fork = frame.getByRole('button', { name: 'Fork from Here' })
    assert.equal(await fork.getAttribute('aria-disabled'), 'true')
    assert.match((await fork.getAttribute('title'))!, /not trusted/)
    for (const title of ['Epochtree: Fork from Epoch...', 'Epochtree: Run the Demo']) {
      await command(page, title)
      const told = notification(page, 'not trusted')
      await told.waitFor()
      await command(page, 'Notifications: Clear All Notifications')
      await told.waitFor({ state: 'detached' })
    }
    assert.deepEqual(everything(folder), before)
  })

  it('is taken in once it is trusted, without a reload', async () => {
    const folder = await demoCopy()
    const { page } = await openEditor({ folder, trusted: false })
    await showContainer(page, 'Epochtree')
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
    const { page } = await openEditor({ folder, trusted: false })
    await showContainer(page, 'Epochtree')
    await row(page, 'Sessions', 'digits').waitFor()

    const users = await openEditor({ folder: other, trusted: false, settings: { 'epochtree.folder': join(folder, '.epochtree') } })
    await showContainer(users.page, 'Epochtree')
    await row(users.page, 'Sessions', 'digits').waitFor()
  })
})

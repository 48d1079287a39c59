import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame, Page } from 'playwright-core'
import { barriersOf } from './barriers'
import { demoCopy } from './bench'
import { comparisonPage, compareInTree, selectInTree, showFilled, showView, viewsOf } from './comparisonPage'
import { allThemes, type Editor, openEditor } from './editor'
import { epochPage } from './epochPage'
import { inExtensionHost, setTheme } from './extensionHost'
import { servers } from './processes'
import { pressRow, row, rowAction, rows } from './tree'
import { until } from './until'
import { openDemo } from './demo'
import {
  answer,
  choices,
  choose,
  command,
  contextMenu,
  dialog,
  notification,
  notifications,
  openFile,
  pressButton,
  quickInput,
  showContainer,
  tabs,
  savePath,
} from './workbench'

const SESSIONS = 'Sessions'
const PAIR = ['digits', 'digits-2'] as const

const closeAll = (page: Page) => command(page, 'View: Close All Editors')
const compared = async (page: Page) => (await tabs(page)).filter((title) => title.includes('↔'))

/** Calls the command as links and lenses do. */
const compare = (editor: Editor, folder: string, ...references: readonly string[]) =>
  inExtensionHost(
    editor,
    async (api, dir: string, names: readonly string[]) => {
      await api.commands.executeCommand(
        'epochtree.compare',
        undefined,
        names.map((reference) => ({ dir, reference })),
      )
    },
    join(folder, '.epochtree'),
    references,
  )

describe('the comparison page', () => {
  let folder: string
  let editor: Editor
  let page: Page
  const said: string[] = []

  before(async () => {
    folder = await demoCopy()
    editor = await openEditor({ folder, keep: true })
    ;({ page } = editor)
    page.on('console', (message) => said.push(message.text()))
    await showContainer(page, 'Epochtree')
    await row(page, SESSIONS, 'digits-2').waitFor()
  })
  after(() => editor.close())

  it('opens for the sessions that are selected in the tree, and says where they parted', async () => {
    await compareInTree(page, 'digits-2', 'digits')
    const frame = await comparisonPage(page, ...PAIR)
    assert.match(await frame.locator('.overview').innerText(), /part(ed)? after epoch 30/)
    assert.deepEqual(await compared(page), ['digits ↔ digits-2'])
  })

  it('lays graphs out in a worker, with parts that are loaded for it', async () => {
    await compare(editor, folder, ...PAIR)
    const frame = await comparisonPage(page, ...PAIR)
    await frame.locator('vscode-tab-header[data-view=graph]').click()
    await frame.locator('.graph-view[data-boxes="7"] [data-node="hidden1"]').waitFor()
    await frame.locator('vscode-tab-header').first().click()
  })

  it('is one tab for a set of models, in whichever order and way they are named, however fast it is asked for', async () => {
    await openFile(page, 'network.py')
    await compare(editor, folder, 'digits-2', 'digits')
    await page.locator('.tab.active', { hasText: 'digits ↔ digits-2' }).waitFor()
    assert.deepEqual(await compared(page), ['digits ↔ digits-2'])
    await Promise.all([compare(editor, folder, 'digits@10', 'digits@30'), compare(editor, folder, 'digits@10', 'digits@30')])
    await comparisonPage(page, 'digits@10', 'digits@30')
    await until('two tabs', async () => (await compared(page)).join() === 'digits ↔ digits-2,digits@10 ↔ digits@30')
    await closeAll(page)
  })

  it('opens by keyboard alone: rows are selected, then chosen from their menu', async () => {
    await pressRow(page, SESSIONS, 'Epoch 38')
    await page.locator('.tab.active', { hasText: 'digits@38' }).waitFor()
    await command(page, 'Epochtree: Focus on Sessions View')
    await page.keyboard.press('Shift+ArrowDown')
    await until('two rows to be selected', async () => (await page.locator('.sidebar .monaco-list-row.selected').count()) === 2)
    await page.keyboard.press('Shift+F10')
    await page.locator('.monaco-menu').first().waitFor()
    await until('Compare Sessions to be chosen', async () => {
      const focused = await page.locator('.monaco-menu .action-item.focused').allInnerTexts()
      if (focused.some((text) => text.includes('Compare Sessions'))) return true
      await page.keyboard.press('ArrowDown')
      return false
    })
    await page.keyboard.press('Enter')
    await until('two epochs of one model', async () => (await compared(page)).some((title) => /^digits@\d+ ↔ digits@\d+$/.test(title)))
    await closeAll(page)
  })

  it('compares sessions and epochs together', async () => {
    await selectInTree(page, 'digits-2', 'Epoch 38')
    await rowAction(row(page, SESSIONS, 'digits-2'), 'Compare Sessions')
    await until('a session and an epoch', async () =>
      (await compared(page)).some((title) => /digits@38/.test(title) && /digits-2/.test(title)),
    )
    await closeAll(page)
  })

  it('is reached from the palette, and says kindly what it can not compare', async () => {
    await command(page, 'Epochtree: Compare Sessions...')
    await choices(page)
    await choose(page, 'digits-2')
    await pressButton(quickInput(page), 'OK')
    const told = notification(page, 'A comparison needs two models at least')
    await told.waitFor()
    await command(page, 'Notifications: Clear All Notifications')
    await command(page, 'Epochtree: Compare Sessions...')
    await choices(page)
    await quickInput(page)
      .locator('.quick-input-check-all, .quick-input-header input[type=checkbox], .quick-input-header .monaco-custom-toggle')
      .first()
      .click()
    await pressButton(quickInput(page), 'OK')
    await until('both', async () => (await compared(page)).length === 1)
    await compare(editor, folder, ...Array.from({ length: 13 }, (_, i) => `digits@${i + 1}`))
    await notification(page, 'At most 12 models are compared at once, and these are 13.').waitFor()
    await command(page, 'Notifications: Clear All Notifications')
    await compare(editor, folder, ...Array.from({ length: 12 }, (_, i) => `digits@${i + 1}`))
    await until('twelve', async () => (await compared(page)).includes('digits@1 ↔ digits@2 +10'))
    await closeAll(page)
  })

  it('is there again after the window was reloaded, where it was left', async () => {
    await compareInTree(page, 'digits-2', 'digits')
    const before = await comparisonPage(page, ...PAIR)
    const last = (await viewsOf(before)).at(-1)!
    await showView(before, last)
    await command(page, 'Developer: Reload Window')
    await until('the page to be left', () => before.isDetached())
    const frame = await comparisonPage(page, ...PAIR)
    assert.deepEqual(await compared(page), ['digits ↔ digits-2'])
    await until(`the view ${last}`, () => frame.locator(`vscode-tab-header[data-view="${last}"][active]`).isVisible())
  })

  it('is there again after it was hidden, with what was looked for', async () => {
    const before = await comparisonPage(page, ...PAIR)
    await showView(before, 'differences')
    await before.getByLabel('Filter').fill('accuracy')
    await openFile(page, 'network.py')
    await until('the page to be gone', () => before.isDetached())
    await page.locator('.tab', { hasText: 'digits ↔ digits-2' }).click()
    const frame = await comparisonPage(page, ...PAIR)
    await frame.locator('.differences tr[data-name="val/accuracy"]').waitFor()
    assert.equal(await frame.getByLabel('Filter').inputValue(), 'accuracy')
  })

  it('takes the colours of another theme at once', async () => {
    const frame = await comparisonPage(page, ...PAIR)
    const colour = () => frame.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const dark = await colour()
    await setTheme(editor, 'light')
    await until('a light page', async () => (await colour()) !== dark)
    assert.equal(await frame.evaluate(() => document.body.classList.contains('vscode-light')), true)
    await setTheme(editor, 'dark')
    await until('a dark page', async () => (await colour()) === dark)
  })

  it('says that the server ended, and goes on with the next', async () => {
    const frame = await comparisonPage(page, ...PAIR)
    const troubles: string[] = []
    await frame.evaluate(() => {
      const trouble = document.querySelector('#trouble')!
      const seen = ((window as unknown as { seen: string[] }).seen = [] as string[])
      new MutationObserver(() => seen.push(trouble.hasAttribute('hidden') ? '' : trouble.textContent)).observe(trouble, {
        attributes: true,
        childList: true,
      })
    })
    const [pid] = await until('the server', () => servers(editor.server.pid).length > 0 && servers(editor.server.pid))
    process.kill(pid!, 'SIGKILL')
    await until('the end to be told, and to be over', async () => {
      troubles.splice(0, Infinity, ...(await frame.evaluate(() => (window as unknown as { seen: string[] }).seen)))
      return troubles.some((text) => /server ended and is being started again/.test(text)) && troubles.at(-1) === ''
    })
    // Nothing but that was told, and the page is the same.
    assert.deepEqual(
      troubles.filter((text) => text !== '' && !/server ended/.test(text)),
      [],
    )
    assert.match(await frame.locator('main').innerText(), /digits-2/)
    await notification(page, 'server ended unexpectedly').waitFor()
    await command(page, 'Notifications: Clear All Notifications')
  })

  it('goes on while a session of it is renamed, deleted and restored', async () => {
    const frame = await comparisonPage(page, ...PAIR)
    await contextMenu(page, row(page, SESSIONS, 'digits-2'), 'Rename...')
    await answer(page, 'pruned')
    await frame.getByText('digits-2 is called pruned now.').waitFor()
    await until('the new title', async () => (await compared(page)).includes('digits ↔ pruned'))

    await contextMenu(page, row(page, SESSIONS, 'pruned'), 'Delete...')
    await pressButton(dialog(page), 'Delete')
    await frame.getByText('pruned was deleted.').waitFor()
    assert.match(await frame.locator('vscode-tabs').innerText(), /digits/)
    await frame.getByRole('button', { name: 'Restore' }).focus()
    await page.keyboard.press('Enter')
    await frame.getByText('pruned was deleted.').waitFor({ state: 'detached' })
    await row(page, SESSIONS, 'pruned').waitFor()
    await command(page, 'Notifications: Clear All Notifications')
    await contextMenu(page, row(page, SESSIONS, 'pruned'), 'Rename...')
    await answer(page, 'digits-2')
    await until('the old title', async () => (await compared(page)).includes('digits ↔ digits-2'))
  })

  it('acts on an epoch: one of the best trades is opened, and one is selected, by keyboard', async () => {
    await compareInTree(page, 'digits-2', 'digits')
    const frame = await comparisonPage(page, ...PAIR)
    await showView(frame, 'tradeoff')
    const isSelected = async () =>
      (await rows(page, SESSIONS)).some(({ text, description }) => text === 'Epoch 14' && description.includes('selected'))
    const menuOf = async (epoch: string) => {
      await frame.getByRole('button', { name: `What to do with ${epoch}`, exact: true }).press('Enter')
      await frame.getByRole('menu').waitFor()
    }
    await menuOf('digits@14')
    await frame.getByRole('menuitem', { name: 'Select', exact: true }).press('Enter')
    await until('the tree to show it', isSelected)
    await command(page, 'Epochtree: Follow the Newest Epoch')
    await until('the sessions', async () => (await choices(page)).some(({ text }) => text === 'digits'))
    await answer(page, 'digits')
    await until('the tree to let it go', async () => !(await isSelected()))
    await menuOf('digits@14')
    await frame.getByRole('menuitem', { name: 'Open', exact: true }).press('Enter')
    await epochPage(page, 'digits@14')
    await closeAll(page)
  })

  it('is saved as HTML from its title', async () => {
    const file = join(folder, 'saved.html')
    await compareInTree(page, 'digits-2', 'digits')
    await page.locator('.editor-actions .action-label[aria-label^="Save Comparison as HTML"]').click()
    await savePath(page, file)
    await notification(page, 'saved.html').waitFor()
    assert.match(readFileSync(file, 'utf8'), /^<!DOCTYPE html>/)
    await command(page, 'Notifications: Clear All Notifications')
  })

  it('keeps to its policy, and troubles nobody', async () => {
    assert.deepEqual(
      said.filter((text) => /content security policy|refused to/i.test(text)),
      [],
    )
    await until('no message to be left', async () => (await notifications(page)).length === 0)
  })

  it('is shown in two windows, each with its own choice', async () => {
    const other = await editor.window()
    await showContainer(other, 'Epochtree')
    await row(other, SESSIONS, 'digits-2').waitFor()
    await compareInTree(other, 'digits-2', 'digits')
    const second = await comparisonPage(other, ...PAIR)
    const first = await comparisonPage(page, ...PAIR)
    const [start] = await viewsOf(first)
    await showView(second, start!)
    assert.match(await second.locator('main').innerText(), /digits-2/)
    await other.close()
  })
})

describe('models of different folders', () => {
  it('are refused with the reason', async () => {
    const [one, two] = [await demoCopy('one'), await demoCopy('two')]
    const editor = await openEditor({ folder: one })
    const { page } = editor
    await inExtensionHost(editor, (api, path: string) => void api.workspace.updateWorkspaceFolders(1, 0, { uri: api.Uri.file(path) }), two)
    // One folder more makes it another window's workspace.
    await until('both folders', async () => inExtensionHost(editor, (api) => api.workspace.workspaceFolders?.length === 2))
    await inExtensionHost(
      editor,
      async (api, dirs: readonly string[]) => {
        await api.commands.executeCommand(
          'epochtree.compare',
          undefined,
          dirs.map((dir) => ({ dir, reference: 'digits' })),
        )
      },
      [join(one, '.epochtree'), join(two, '.epochtree')],
    )
    await notification(page, 'These models lie in different folders.').waitFor()
  })
})

describe('the comparison page, for everyone', () => {
  let editor: Editor
  let frame: Frame
  before(async () => {
    const demo = await openDemo({ keep: true })
    const { page } = demo
    editor = demo.editor
    await compareInTree(page, 'digits-2', 'digits')
    frame = await comparisonPage(page, ...PAIR)
  })
  after(() => editor.close())

  for (const theme of allThemes)
    it(`has no barrier in the theme ${theme}`, async () => {
      await setTheme(editor, theme)
      for (const view of await viewsOf(frame)) {
        await showFilled(frame, view)
        assert.deepEqual(await barriersOf(frame), [], view)
      }
    })
})

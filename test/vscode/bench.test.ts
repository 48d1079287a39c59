import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { demoCopy } from './bench'
import { type Editor, openEditor } from './editor'
import { inExtensionHost, setTheme } from './extensionHost'
import { clickText, codeLenses, completions, hover, shownText, pressCodeLens } from './script'
import { contextItems, contextMenu } from './workbench'
import * as workbench from './workbench'
import { rows, row, view } from './tree'
import { until } from './until'
import { webview } from './webview'

/** What the other suites look through: without our extension, so that only the looking can fail. */
describe('the bench', () => {
  let editor: Editor
  let page: Page
  let folder: string
  before(async () => {
    folder = await demoCopy()
    editor = await openEditor({ folder, extension: 'none', keep: true })
    ;({ page } = editor)
  })
  after(() => editor.close())

  it('reads a tree, and chooses from its menus', async () => {
    await workbench.showContainer(page, 'Explorer')
    const script = await until('train.py', async () => (await rows(page, 'Explorer')).find(({ text }) => text === 'train.py'))
    assert.deepEqual([script.level, script.expanded, script.selected], [1, null, false])
    assert.equal((await rows(page, 'Explorer')).find(({ text }) => text === '.epochtree')?.expanded, false)
    const target = row(page, 'Explorer', 'train.py')
    assert.ok((await contextItems(page, target)).includes('Copy Path'))
    await contextMenu(page, target, 'Copy Path')
    await until('the copied path', async () => (await page.evaluate(() => navigator.clipboard.readText())) === join(folder, 'train.py'))
    await view(page, 'Explorer').waitFor()
  })

  it('reads a script, its hover, its CodeLenses and completions, and clicks in it', async () => {
    await workbench.openFile(page, 'train.py', 96)
    await inExtensionHost(editor, (vscode) => {
      vscode.languages.registerHoverProvider('python', {
        provideHover: (document, at) => new vscode.Hover(`over **${document.getText(document.getWordRangeAtPosition(at))}**`),
      })
      const top = new vscode.Range(91, 0, 91, 0)
      vscode.languages.registerCodeLensProvider('python', {
        provideCodeLenses: () => ['2 sessions', 'Fork...'].map((title) => new vscode.CodeLens(top, { title, command: 'bench.lens' })),
      })
      vscode.commands.registerCommand('bench.lens', () => vscode.window.showInformationMessage('Forked.', 'Undo'))
      vscode.languages.registerCompletionItemProvider('python', {
        provideCompletionItems: () => [new vscode.CompletionItem('read_digits_twice')],
      })
    })
    await until('the script', async () => /def main\(\):\n {4}plan = json\.loads/.test(await shownText(page)))
    assert.match(await hover(page, 'hyperparameters', { says: /over/ }), /over hyperparameters/)
    await until('both lenses', async () => JSON.stringify(await codeLenses(page)) === '[["2 sessions","Fork..."]]')
    await pressCodeLens(page, 'Fork...')
    const told = workbench.notification(page, 'Forked.')
    await told.waitFor()
    assert.deepEqual(await workbench.notifications(page), ['Forked.'])
    await workbench.pressButton(told, 'Undo')
    await told.waitFor({ state: 'hidden' })
    await clickText(page, 'read_digits()')
    assert.ok((await completions(page)).includes('read_digits_twice'))
    await page.keyboard.press('Escape')
  })

  it('answers what the editor asks', async () => {
    const picked = inExtensionHost(editor, (vscode) =>
      vscode.window.showQuickPick(
        [
          { label: 'Epoch 30', description: '0.78', detail: 'fork point' },
          { label: 'Epoch 40', description: '0.38' },
        ],
        { title: 'Which?' },
      ),
    )
    assert.deepEqual(
      (await workbench.choices(page)).map(({ text, description }) => [text, description]),
      [
        ['Epoch 30', '0.78 fork point'],
        ['Epoch 40', '0.38'],
      ],
    )
    await workbench.choose(page, 'Epoch 40')
    assert.equal((await picked)?.label, 'Epoch 40')

    const typed = inExtensionHost(editor, (vscode) => vscode.window.showInputBox({ prompt: 'Name' }))
    await workbench.answer(page, 'digits-3')
    assert.equal(await typed, 'digits-3')

    const agreed = inExtensionHost(editor, (vscode) => vscode.window.showWarningMessage('Delete it?', { modal: true }, 'Delete'))
    await workbench.pressButton(workbench.dialog(page), 'Delete')
    assert.equal(await agreed, 'Delete')
  })

  it('reads webviews, terminals, the status bar and tabs', async () => {
    await inExtensionHost(editor, (vscode) => {
      const panel = vscode.window.createWebviewPanel('bench', 'Comparison', vscode.ViewColumn.Active, { enableScripts: true })
      panel.webview.html = '<h1>Curves</h1><script>document.querySelector("h1").textContent += " drawn"</script>'
      const item = vscode.window.createStatusBarItem()
      item.text = '$(sync) digits: epoch 7'
      item.show()
      vscode.window.createTerminal({ name: 'training', env: { WORD: 'trained' } }).show()
    })
    const frame = await webview(page, () => document.querySelector('h1') !== null)
    assert.equal(await frame.locator('h1').innerText(), 'Curves drawn')
    await until('its tab', async () => (await workbench.tabs(page)).includes('Comparison'))
    await until('its status', async () => (await workbench.statusBar(page)).includes('digits: epoch 7'))
    await until('the prompt', async () => (await workbench.terminalText(page)) !== '')
    await inExtensionHost(editor, (vscode) => vscode.window.activeTerminal?.sendText('echo it was $WORD'))
    await until('what was echoed', async () => (await workbench.terminalText(page)).includes('\nit was trained'))
  })

  it('changes settings, width and theme, reloads, and opens a second window', async () => {
    await workbench.inTheme(page, 'dark')
    await setTheme(editor, 'high contrast light')
    await workbench.showContainer(page, 'Explorer')
    await workbench.widenSideBar(page, 390)
    assert.equal(Math.round((await page.locator('.part.sidebar').boundingBox())!.width), 390)
    await workbench.reload(page)
    await workbench.inTheme(page, 'high contrast light')
    const second = await editor.window()
    await workbench.command(second, 'View: Show Search')
    await second.close()
  })
})

describe('a workspace that is not trusted', () => {
  it('is one for the bench too', async () => {
    const editor = await openEditor({ folder: await demoCopy(), extension: 'none', trusted: false })
    assert.equal(await inExtensionHost(editor, (vscode) => vscode.workspace.isTrusted), false)
    await until('the status bar to say so', async () => (await workbench.statusBar(editor.page)).includes('Restricted Mode'))
  })
})

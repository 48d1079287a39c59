import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { emptyFolder } from './bench'
import { openDemo } from './demo'
import { type Editor, openEditor } from './editor'
import { setSetting } from './extensionHost'
import { row } from './tree'
import { until } from './until'
import { choose, command, notification, showContainer, terminalText } from './workbench'

const python = process.env['PYTHON'] ?? (process.platform === 'win32' ? 'python' : 'python3')

/** A terminal that takes what is typed. */
async function terminal(page: Page) {
  await command(page, 'Terminal: Create New Terminal')
  await answers(page)
}

/** VS Code begins a terminal anew, as long as nobody typed into it, when what extensions add to its environment comes later. */
async function answers(page: Page) {
  await until('the prompt', async () => /[$#%>]\s*$/.test(await terminalText(page)))
  await page.locator('.terminal-wrapper.active').click()
  await until('an answer', async () => {
    await page.keyboard.type('echo re""ady\n')
    return until('ready', async () => /^ready$/m.test(await terminalText(page)), 3000)
  })
}

let asked = 0
/** What a command prints, between two marks of its own. */
async function says(page: Page, line: string): Promise<string> {
  // The marks are not in the line that is typed.
  const mark = ++asked
  await page.keyboard.type(`clear; echo be""gin${mark}; ${line}; echo en""d${mark}\n`)
  return until(
    `the answer to ${line}`,
    async () => new RegExp(`begin${mark}(.*)end${mark}`).exec((await terminalText(page)).replaceAll('\n', ''))?.[1],
  )
}

describe('a terminal of the editor', () => {
  let folder: string
  let editor: Editor
  let page: Page
  before(async () => {
    ;({ folder, editor, page } = await openDemo({ keep: true }))
  })
  after(() => editor.close())
  afterEach(() => command(page, 'Terminal: Kill All Terminals'))

  it('has the command, the package, and the folder that the editor shows', async () => {
    await terminal(page)
    assert.match(await says(page, 'cd /; epochtree sessions'), /digits .*completed.*digits-2/)
    assert.match(await says(page, `${python} -c "import epochtree; print(epochtree.__file__)"`), /dist\/python\/epochtree\/__init__\.py/)
    assert.equal(await says(page, 'echo $EPOCHTREE_DIR'), join(folder, '.epochtree'))
    // Nothing but the package comes before other modules, and the current folder does not.
    assert.match(await says(page, 'echo "[$PYTHONPATH]"'), /^\[[^:\]]+\/dist\/python(:[^\]]+)?\]$/)
    assert.equal(await says(page, 'ls $(echo $PYTHONPATH | cut -d: -f1)'), 'epochtree')
    // Only for the command itself: what it starts must not take an editor for a Node.
    assert.equal(await says(page, 'echo "[$ELECTRON_RUN_AS_NODE]"'), '[]')
  })

  it('trains a script as it is, and it appears', async () => {
    writeFileSync(
      join(folder, 'tiny.py'),
      'import epochtree\nwith epochtree.session("tiny") as s:\n    for e in s.epochs(2):\n        e.log({"loss": 1 / e.number})\n',
    )
    await terminal(page)
    assert.equal(await says(page, `${python} tiny.py && echo tr""ained`), 'trained')
    await row(page, 'Sessions', 'tiny').waitFor()
  })

  it('is left alone where that is wanted', async () => {
    await setSetting(editor, 'epochtree.terminalEnvironment', false)
    await terminal(page)
    assert.equal(await says(page, 'echo "[$EPOCHTREE_DIR$EPOCHTREE_RUNTIME]"'), '[]')
  })
})

describe('a terminal of a workspace with several folders', () => {
  it('has the folder of its own workspace folder', async () => {
    const folder = await emptyFolder()
    const [a, b] = [join(folder, 'first'), join(folder, 'second')]
    for (const one of [a, b]) mkdirSync(join(one, '.epochtree'), { recursive: true })
    const workspace = join(folder, 'both.code-workspace')
    writeFileSync(workspace, JSON.stringify({ folders: [{ path: 'first' }, { path: 'second' }] }))
    const { page } = await openEditor({ folder: workspace })
    await showContainer(page, 'Epochtree')
    await row(page, 'Sessions', 'second').waitFor()
    await command(page, 'Terminal: Create New Terminal')
    await choose(page, 'second')
    await answers(page)
    assert.equal(await says(page, 'echo $EPOCHTREE_DIR'), join(b, '.epochtree'))
  })
})

describe('the chosen Python', () => {
  let chosen: string
  before(async function () {
    const folder = await emptyFolder()
    if (spawnSync(python, ['-m', 'venv', folder]).status !== 0) this.skip()
    chosen = join(folder, 'bin', 'python')
  })

  for (const [place, weaker] of [
    ['user', []],
    ['machine', ['user']],
    ['workspace', ['user', 'machine']],
  ] as const)
    it(`of the settings of the ${place} has the package once it was installed there`, async () => {
      const settingsOf = (one: 'user' | 'machine' | 'workspace') =>
        one === place
          ? { 'epochtree.python': chosen }
          : weaker.some((other) => other === one)
            ? { 'epochtree.python': '/nowhere/python' }
            : {}
      const folder = await emptyFolder()
      mkdirSync(join(folder, '.vscode'))
      writeFileSync(join(folder, '.vscode', 'settings.json'), JSON.stringify(settingsOf('workspace')))
      const { page } = await openEditor({
        folder,
        settings: settingsOf('user'),
        machineSettings: settingsOf('machine'),
        // Should another Python be taken, nothing is installed into it.
        env: { PIP_REQUIRE_VIRTUALENV: '1' },
      })
      await showContainer(page, 'Epochtree')
      await command(page, 'Epochtree: Install the Python Package into the Selected Environment')
      await notification(page, `\`import epochtree\` works with ${chosen} now`).waitFor({ timeout: 90_000 })
      const imported = spawnSync(chosen, ['-c', 'import epochtree; print(epochtree.__file__)'], { encoding: 'utf8', cwd: '/' })
      assert.match(imported.stdout, /\/lib\/.*site-packages\/epochtree/)
    })
})

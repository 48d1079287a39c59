import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { emptyFolder } from './bench'
import { type Editor, openEditor } from './editor'
import { shownText } from './script'
import { row, rowLike, view } from './tree'
import { until } from './until'
import { command, notification, notifications, openFile, showContainer } from './workbench'

const SESSIONS = 'Sessions'

describe('a folder without anything', () => {
  it('says what to do: the walkthrough, the snippet, the demo, which really trains', async () => {
    const folder = await emptyFolder()
    const { page } = await openEditor({ folder })
    await showContainer(page, 'Epochtree')
    const welcome = view(page, SESSIONS).locator('.welcome-view-content')
    await welcome.waitFor()
    assert.match(await welcome.innerText(), /No training session was recorded here yet/)
    for (const action of ['Open the Walkthrough', 'Insert Tracking into This Script', 'Run the Demo'])
      assert.equal(await welcome.getByRole('button', { name: action }).count(), 1, action)
    assert.ok(!existsSync(join(folder, '.epochtree')), 'nothing is made before anything is trained')
    await welcome.getByRole('button', { name: 'Run the Demo' }).click()
    await rowLike(page, SESSIONS, 'the first day', ({ text }) => text === 'digits')
    await until(
      'both days',
      async () =>
        /completed · 40 epochs/.test((await rowLike(page, SESSIONS, 'the second day', ({ text }) => text === 'digits-2')).description),
      90_000,
    )
    assert.ok(existsSync(join(folder, 'epochtree-demo', 'train.py')))
    assert.deepEqual(await notifications(page), [])
  })
})

describe('a folder in which nothing was trained yet', () => {
  let folder: string
  let editor: Editor
  let page: Page
  before(async () => {
    folder = await emptyFolder()
    writeFileSync(join(folder, 'resnet50.py'), '"""Trains."""\nimport os\n\nprint(os.name)\n')
    editor = await openEditor({ folder, keep: true })
    ;({ page } = editor)
    await showContainer(page, 'Epochtree')
  })
  after(() => editor.close())

  it('says so where there is no script to put tracking into', async () => {
    await command(page, 'Epochtree: Insert Tracking into This Script')
    await notification(page, 'Open the Python script that trains your model').waitFor()
    await command(page, 'Notifications: Clear All Notifications')
  })

  it('has no epoch to open, and says so in a sentence', async () => {
    await command(page, 'Epochtree: Open Epoch...')
    await notification(page, 'No session has a committed epoch yet').waitFor()
    assert.equal(await row(page, SESSIONS, 'digits').count(), 0)
    await command(page, 'Notifications: Clear All Notifications')
  })

  it('has a walkthrough of four steps', async () => {
    await command(page, 'Epochtree: Open Walkthrough')
    const steps = page.locator('.getting-started-step .step-title')
    await steps.first().waitFor()
    assert.deepEqual(await steps.allInnerTexts(), ['See It Work', 'Track Your Own Script', 'Look at Any Epoch', 'Fork, Train On, Compare'])
    await command(page, 'View: Close All Editors')
  })

  it('puts tracking into a script, with its import', async () => {
    await openFile(page, 'resnet50.py', 4)
    await command(page, 'Epochtree: Insert Tracking into This Script')
    await until('the session', async () =>
      /with epochtree\.session\("resnet50", hyperparameters=\{"lr": 1e-3\}\) as session:/.test(await shownText(page)),
    )
    const lines = (await shownText(page)).split('\n')
    assert.deepEqual(lines.slice(0, 5), ['"""Trains."""', 'import os', 'import epochtree', '', 'print(os.name)'])
    assert.match(lines.join('\n'), /\n {4}for epoch in session\.epochs\(40\):\n {8}loss = /)
    // The first place to fill in is selected.
    await page.keyboard.type('alexnet')
    await until('the name', async () => /session\("alexnet"/.test(await shownText(page)))
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+S')
    await until('the file', () => readFileSync(join(folder, 'resnet50.py'), 'utf8').includes('alexnet'))
  })
})

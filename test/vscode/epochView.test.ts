import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Frame, Page } from 'playwright-core'
import type { ShowJson } from '../../server/protocol/model'
import { barriersOf } from './barriers'
import { demoCopy } from './bench'
import { epochtree } from './cli'
import { allThemes, type Editor, openEditor } from './editor'
import { setTheme } from './extensionHost'
import { epochPage, tableIn } from './epochPage'
import { pressRow, row } from './tree'
import { until } from './until'
import { openDemo } from './demo'
import { answer, choices, command, notifications, quickInput, showContainer, tabsToBe } from './workbench'

const SESSIONS = 'Sessions'

describe("an epoch's tab", () => {
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
  })
  after(() => editor.close())

  /** What somebody does in a terminal meanwhile. */
  const inTerminal = (...words: readonly string[]) => epochtree(join(folder, '.epochtree'), words)
  const opened = async (epoch: string, reference: string): Promise<Frame> => {
    await pressRow(page, SESSIONS, epoch)
    return epochPage(page, reference)
  }

  it('says what `epochtree show` says', async () => {
    const frame = await opened('Epoch 30', 'digits@30')
    const shown = JSON.parse(inTerminal('show', 'digits@30', '--json')) as ShowJson
    const metrics = await tableIn(frame, 'metrics')
    assert.deepEqual(Object.fromEntries(metrics.map(({ name, cells }) => [name, Number(cells[0]?.title)])), shown.metrics)
    assert.equal(await frame.locator('.tile.parameters .big').innerText(), String(shown.graph?.parameters))
    assert.equal(await frame.locator('.tile.layers .big').innerText(), String(shown.graph?.nodes))
    const settings = Object.fromEntries((await tableIn(frame, 'settings')).map(({ name, cells }) => [name, cells[0]?.text]))
    assert.equal(settings['lr'], JSON.stringify(shown.hyperparameters['lr']))
    assert.equal(settings['id'], shown.pruningPlan?.['id'])
    assert.match(await frame.locator('.forks').innerText(), /digits-2/)
    assert.deepEqual(await frame.locator('.marks li').allInnerTexts(), ['fork point', 'pruned'])
  })

  it('shows the layers as a tree, with what pruning removed and what changed in this epoch', async () => {
    const frame = await epochPage(page, 'digits@30')
    const layers = (await tableIn(frame, 'layers')).map(({ name, cells }) => [name, ...cells.slice(0, 4).map(({ text }) => text)])
    const [input, hidden1, relu] = layers
    assert.match(input!.join(' '), /^input\s*input \[64\] – – –$/)
    assert.match(hidden1!.join(' '), /^hidden1\s*dense\s*changed \[\d+\] → \[\d+\] [\d,]+ → [\d,]+ [\d,]+ 0$/)
    assert.match(relu![0]!, /^hidden1\.\s*relu/)
    await frame.locator('button.twisty').first().press('Enter')
    await until('hidden1 to be closed', async () => (await tableIn(frame, 'layers')).length === layers.length - 1)
    await frame.getByRole('button', { name: 'Only What Changed' }).click()
    await until('only what changed', async () => (await tableIn(frame, 'layers')).every(({ name }) => name.includes('changed')))
    await frame.getByRole('button', { name: 'Only What Changed' }).click()
    await frame.getByRole('button', { name: 'Open All' }).click()
    await until('all layers', async () => (await tableIn(frame, 'layers')).length === layers.length)
  })

  it('is one tab an epoch: opening it again shows that one', async () => {
    await opened('Epoch 14', 'digits@14')
    await tabsToBe(page, 'digits@30', 'digits@14')
    await opened('Epoch 30', 'digits@30')
    await tabsToBe(page, 'digits@30', 'digits@14')
  })

  it('turns to the epochs beside it, and opens what was forked from it', async () => {
    let frame = await epochPage(page, 'digits@30')
    await frame.getByRole('button', { name: 'Next, epoch 31' }).click()
    frame = await epochPage(page, 'digits@31')
    await tabsToBe(page, 'digits@31', 'digits@14')
    await frame.getByRole('button', { name: 'Previous, epoch 30' }).click()
    frame = await epochPage(page, 'digits@30')
    await frame.getByRole('button', { name: 'digits-2' }).click()
    frame = await epochPage(page, 'digits-2@40')
    assert.match(await frame.locator('.facts').innerText(), /digits-2 was forked from digits, epoch 30/)
    const plan = (await tableIn(frame, 'settings')).find(({ name }) => name === 'everyEpochs')
    assert.equal(plan?.cells[0]?.text, '4was 2')
    assert.ok(await frame.getByRole('button', { name: /^Next/ }).or(frame.locator('nav button:disabled')).first().isVisible())
  })

  it('selects the epoch and lets it go again, by keyboard alone', async () => {
    await opened('Epoch 14', 'digits@14')
    const frame = await epochPage(page, 'digits@14')
    await frame.getByRole('button', { name: 'Select' }).focus()
    await page.keyboard.press('Enter')
    const follow = frame.getByRole('button', { name: 'Follow the Newest' })
    await follow.waitFor()
    assert.ok((await frame.locator('.marks li').allInnerTexts()).includes('selected'))
    await until('the tree to show it', async () => /selected/.test(await row(page, SESSIONS, 'Epoch 14').innerText()))
    await follow.focus()
    await page.keyboard.press('Enter')
    await frame.getByRole('button', { name: 'Select' }).waitFor()
  })

  it('copies the reference, and opens the script at the call', async () => {
    const frame = await epochPage(page, 'digits@14')
    await frame.getByRole('button', { name: 'Copy Reference' }).click()
    await until('the reference in the clipboard', async () => (await page.evaluate(() => navigator.clipboard.readText())) === 'digits@14')
    await frame.getByRole('button', { name: 'Open Script' }).click()
    await page.locator('.tab.active', { hasText: 'train.py' }).waitFor()
  })

  it('is reached from the palette: a session, then an epoch', async () => {
    await command(page, 'Epochtree: Open Epoch...')
    await until('the sessions', async () => (await choices(page)).some(({ text }) => text === 'digits'))
    await answer(page, 'digits')
    await until('the epochs', async () => (await choices(page)).some(({ text }) => text.includes('Epoch 40')))
    await quickInput(page).locator('input.input').fill('7')
    await until('epoch 7 to be offered', async () => (await choices(page))[0]?.text.includes('Epoch 7') === true)
    await page.keyboard.press('Enter')
    await epochPage(page, 'digits@7')
  })

  it('is there again after the window was reloaded, with what was chosen in it', async () => {
    const before = await epochPage(page, 'digits@7')
    await before.getByRole('button', { name: 'Only What Changed' }).click()
    await until('it to be pressed', async () => (await before.locator('button[aria-pressed="true"]').count()) === 1)
    await command(page, 'Developer: Reload Window')
    await until('the page to be left', async () => before.isDetached())
    const frame = await epochPage(page, 'digits@7')
    assert.equal(await frame.locator('button[aria-pressed="true"]').innerText(), 'Only What Changed')
    assert.ok((await tableIn(frame, 'metrics')).length > 3)
  })

  it('has no part that breaks out at 390 pixels', async () => {
    const frame = await epochPage(page, 'digits@7')
    await page.setViewportSize({ width: 448, height: 900 })
    await page.keyboard.press('Control+B')
    await until('390 pixels', () => frame.evaluate(() => innerWidth <= 392 && innerWidth >= 380))
    const { wide, out } = await frame.evaluate(() => ({
      wide: document.documentElement.scrollWidth - innerWidth,
      out: [...document.querySelectorAll('main *')].filter(
        (part) => part.closest('.unseen') === null && part.getBoundingClientRect().right > innerWidth + 1,
      ).length,
    }))
    assert.deepEqual({ wide, out }, { wide: 0, out: 0 })
    await page.setViewportSize({ width: 1400, height: 900 })
  })

  it('is drawn anew when something about it changes, and left alone when something else does', async () => {
    await showContainer(page, 'Epochtree')
    const frame = await opened('Epoch 30', 'digits@30')
    const drawn = frame.locator('h1')
    await drawn.evaluate((heading) => heading.setAttribute('data-drawn', 'before'))
    for (const name of ['elsewhere', 'elsewhere-2', 'elsewhere-3']) {
      inTerminal('fork', 'digits@20', '--name', name)
      await row(page, SESSIONS, name).waitFor()
    }
    assert.equal(await drawn.getAttribute('data-drawn'), 'before')
    inTerminal('select', 'digits@30')
    await frame.getByRole('button', { name: 'Follow the Newest' }).waitFor()
    assert.equal(await drawn.getAttribute('data-drawn'), null)
    inTerminal('float', 'digits')
    await frame.getByRole('button', { name: 'Select' }).waitFor()
  })

  it('keeps to its policy, and troubles nobody', async () => {
    assert.deepEqual(
      said.filter((text) => /content security policy|refused to/i.test(text)),
      [],
    )
    assert.deepEqual(await notifications(page), [])
  })
})

describe("an epoch's tab, for everyone", () => {
  let editor: Editor
  let frame: Frame
  before(async () => {
    const demo = await openDemo({ keep: true })
    const { page } = demo
    editor = demo.editor
    await pressRow(page, SESSIONS, 'Epoch 30')
    frame = await epochPage(page, 'digits@30')
  })
  after(() => editor.close())

  for (const theme of allThemes)
    it(`has no barrier in the theme ${theme}`, async () => {
      await setTheme(editor, theme)
      assert.deepEqual(await barriersOf(frame), [])
    })
})

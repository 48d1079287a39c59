import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Frame, Page } from 'playwright-core'
import { comparisonPage, compareInTree, showFilled } from './comparisonPage'
import { openDemo } from './demo'
import type { Editor } from './editor'
import { inExtensionHost } from './extensionHost'
import { type SlowTraining, train } from './slowTraining'
import { rowLike } from './tree'
import { until } from './until'
import { command, notifications, savePath, tabs } from './workbench'

const METRIC = 'val/accuracy'

describe('the comparison page, in the editor, of a training that runs', () => {
  let folder: string
  let editor: Editor
  let page: Page
  let training: SlowTraining
  let frame: Frame
  before(async () => {
    ;({ folder, editor, page } = await openDemo({ keep: true }))
    training = train(folder)
    await rowLike(page, 'Sessions', 'two epochs', ({ text, description }) => text === 'slow' && /epoch [2-9]/.test(description))
    await compareInTree(page, 'slow', 'digits')
    frame = await comparisonPage(page, 'digits', 'slow')
  })
  after(async () => {
    training.process.kill('SIGKILL')
    await editor.close()
  })

  const slow = () => frame.locator('.models li', { hasText: 'slow' })
  const chart = () => frame.locator(`.curves .card[data-metric="accuracy"]`)
  /** Epochs of the running model that the chart's values have, as they are saved. */
  async function saved(name: string): Promise<number> {
    const file = join(folder, name)
    await chart().getByRole('button', { name: 'Save' }).click()
    await frame.getByRole('menuitem', { name: 'CSV' }).click()
    await savePath(page, file)
    await until(`${name} to be there`, () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'))
    const [head, ...lines] = readFileSync(file, 'utf8')
      .trim()
      .split(/\r?\n/)
      .map((line) => line.split(','))
    const column = head!.indexOf(`slow ${METRIC}`)
    return lines.filter((line) => line[column] !== '').length
  }

  it('grows by each epoch, and saves what it shows where the dialog says', async () => {
    await showFilled(frame, 'curves')
    await chart().locator('canvas').first().waitFor()
    const before = await saved('first.csv')
    assert.ok(before >= 2, `${before} epochs`)
    await until('three more epochs', async () => {
      const counted = await slow().locator('.count').innerText()
      return Number.parseInt(counted) >= before + 3
    })
    const after = await saved('second.csv')
    assert.ok(after >= before + 3, `${before} epochs, then ${after}`)
  })

  it('stays what somebody zoomed to while more comes', async () => {
    const plot = chart().locator('.plot')
    const box = (await plot.boundingBox())!
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    for (let turn = 0; turn < 3; turn++) await page.mouse.wheel(0, -100)
    const ticks = () => plot.innerText()
    await frame.waitForTimeout(500)
    const zoomed = await ticks()
    const epochs = async () => Number.parseInt(await slow().locator('.count').innerText())
    const now = await epochs()
    await until('two more epochs', async () => (await epochs()) >= now + 2)
    assert.equal(await ticks(), zoomed)
  })

  it('copies what differs to the clipboard', async () => {
    await showFilled(frame, 'differences')
    await frame.getByRole('button', { name: 'Copy as Markdown' }).click()
    const copied = await until('the clipboard', async () => {
      const text = await inExtensionHost(editor, async (api) => api.env.clipboard.readText())
      return text.includes('| --- |') && text
    })
    assert.match(copied, /slow/)
    assert.match(copied, new RegExp(METRIC))
  })

  it('shows its models in another order, and adds none and loses none', async () => {
    await frame.getByRole('button', { name: /^Move slow up/ }).click()
    await comparisonPage(page, 'slow', 'digits')
    await until('the title', async () => (await tabs(page)).some((title) => title === 'slow ↔ digits'))
    assert.equal((await tabs(page)).filter((title) => title.includes('↔')).length, 1)
  })

  it('tells the end of the training', async () => {
    training.end()
    await training.ended
    const now = await comparisonPage(page, 'slow', 'digits')
    await now.locator('.models li', { hasText: 'slow' }).locator('.state.completed').waitFor()
    await command(page, 'View: Close All Editors')
    assert.deepEqual(await notifications(page), [])
  })
})

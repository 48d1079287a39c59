import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { demoCopy } from './bench'
import { openEditor } from './editor'
import { epochPage } from './epochPage'
import { train } from './slowTraining'
import { row, rowLike } from './tree'
import { until } from './until'
import { choices, notification, notifications, pressButton, quickInput, showContainer, statusBar } from './workbench'

const SESSIONS = 'Sessions'
/** `slow 3/500 · val/accuracy 0.6667 · 3 min left` */
const RUNNING = /^slow (\d+)\/500 · val\/accuracy [\d.]+ · \d+ (?:s|min|h) .*left$/

describe('the status bar', () => {
  const inBar = async (page: Page) => (await statusBar(page)).find((text) => text.startsWith('slow'))

  it('tells epoch, value and time left while a training runs, and nothing before and after', async () => {
    const folder = await demoCopy()
    const { page } = await openEditor({ folder })
    await showContainer(page, 'Epochtree')
    await row(page, SESSIONS, 'digits').waitFor()
    assert.equal(await inBar(page), undefined)
    const training = train(folder)
    try {
      const first = await until('epoch, value and time', async () => RUNNING.exec((await inBar(page)) ?? '')?.[1])
      await until('a later epoch', async () => Number(RUNNING.exec((await inBar(page)) ?? '')?.[1]) > Number(first))

      await page.locator('.statusbar-item', { hasText: 'slow' }).click()
      assert.match((await choices(page))[0]!.text, /slow/)
      await page.keyboard.press('Enter')
      await until('it to be selected in the tree', async () => (await row(page, SESSIONS, 'slow').getAttribute('aria-selected')) === 'true')

      await page.locator('.statusbar-item', { hasText: 'slow' }).click()
      const choice = quickInput(page).locator('.monaco-list-row').first()
      await choice.hover()
      await choice.locator('.action-label[aria-label="Open its latest epoch"]').click()
      const number = await until('its page', async () => {
        for (const frame of page.frames()) {
          const title = await frame.title().catch(() => '')
          if (/^slow@\d+$/.test(title)) return Number(title.slice(5))
        }
        return undefined
      })
      // The page goes on: the next epoch can be turned to as soon as it is there.
      const frame = await epochPage(page, `slow@${number}`)
      await frame.getByRole('button', { name: `Next, epoch ${number + 1}` }).click()
      await epochPage(page, `slow@${number + 1}`)

      training.end()
      await training.ended
      await until('the bar to be empty', async () => (await inBar(page)) === undefined)
      assert.deepEqual(await notifications(page), [])
    } finally {
      training.process.kill('SIGKILL')
    }
  })

  it('stops a training from its list', async () => {
    const folder = await demoCopy()
    const { page } = await openEditor({ folder })
    await showContainer(page, 'Epochtree')
    const training = train(folder)
    try {
      await until('the training', () => inBar(page))
      await page.locator('.statusbar-item', { hasText: 'slow' }).click()
      const choice = quickInput(page).locator('.monaco-list-row').first()
      await choice.hover()
      await choice.locator('.action-label[aria-label="Stop"]').click()
      await training.ended
      await rowLike(page, SESSIONS, 'its end', ({ text, description }) => text === 'slow' && description.startsWith('stopped'))
    } finally {
      training.process.kill('SIGKILL')
    }
  })
})

describe('a training that fails', () => {
  it('is told with its error, and leads to the session', async () => {
    const folder = await demoCopy()
    const { page } = await openEditor({ folder })
    await showContainer(page, 'Epochtree')
    const training = train(folder)
    try {
      await rowLike(page, SESSIONS, 'it to run', ({ text, description }) => text === 'slow' && /epoch [2-9]/.test(description))
      assert.deepEqual(await notifications(page), [])
      training.end('fail')
      const told = notification(page, /The training of slow failed: .*the loss went to infinity/)
      await told.waitFor()
      assert.equal((await notifications(page)).length, 1)
      await showContainer(page, 'Explorer')
      await told.hover()
      await pressButton(told, 'Open Session')
      await until('it to be selected in the tree', async () => (await row(page, SESSIONS, 'slow').getAttribute('aria-selected')) === 'true')
    } finally {
      training.process.kill('SIGKILL')
    }
  })
})

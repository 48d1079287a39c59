import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { openDemo } from './demo'
import type { Editor } from './editor'
import { epochPage } from './epochPage'
import { servers } from './processes'
import { train } from './slowTraining'
import { expand, row, rowLike, rows } from './tree'
import { until } from './until'
import { choices, command, notification, notifications, pressButton, quickInput, reload, showContainer, statusBar } from './workbench'

const SESSIONS = 'Sessions'
/** `told 3/500 · val/accuracy 0.6667 · 3 min left` */
const RUNNING = /^told (\d+)\/500 · val\/accuracy [\d.]+ · \d+ (?:s|min|h) .*left$/

const epochOf = (description: string) => Number(/epoch (\d+)/.exec(description)?.[1] ?? 0)
const running = (page: Page, name: string) =>
  rowLike(page, SESSIONS, 'the running session', ({ text, description }) => text === name && /epoch \d+/.test(description))

describe('a training that runs', () => {
  let folder: string
  let editor: Editor
  let page: Page
  before(async () => {
    ;({ folder, editor, page } = await openDemo({ keep: true }))
  })
  after(() => editor.close())

  it('appears, goes on epoch by epoch, and is completed, without a click', async () => {
    const training = train(folder, 'seen')
    try {
      const first = epochOf((await running(page, 'seen')).description)
      await until('two more epochs', async () => epochOf((await running(page, 'seen')).description) >= first + 2)
      await expand(page, SESSIONS, 'seen')
      await rowLike(
        page,
        SESSIONS,
        'its newest epoch',
        ({ text, description }) => /^Epoch \d+$/.test(text) && description.includes('latest'),
      )
      // What somebody opened stays open while more comes.
      const all = /^All (\d+) epochs$/
      await expand(page, SESSIONS, all)
      const count = ({ text }: { readonly text: string }) => Number(all.exec(text)?.[1] ?? 0)
      const before = count(await rowLike(page, SESSIONS, 'all epochs', (one) => count(one) > 0))
      await rowLike(page, SESSIONS, 'more epochs, still open', (one) => count(one) >= before + 2 && one.expanded === true)
      const badge = page.locator('.activitybar .action-item', { has: page.locator('[aria-label*="1 session is running"]') })
      await until('the badge', async () => (await badge.count()) > 0)
      training.end()
      await training.ended
      await rowLike(page, SESSIONS, 'its end', ({ text, description }) => text === 'seen' && description.startsWith('completed'))
      assert.deepEqual(await notifications(page), [])
    } finally {
      training.process.kill('SIGKILL')
    }
  })

  describe('in the status bar', () => {
    const inBar = async (window: Page, name: string) => (await statusBar(window)).find((text) => text.startsWith(name))

    it('tells epoch, value and time left while a training runs, and nothing before and after', async () => {
      assert.equal(await inBar(page, 'told'), undefined)
      const training = train(folder, 'told')
      try {
        const first = await until('epoch, value and time', async () => RUNNING.exec((await inBar(page, 'told')) ?? '')?.[1])
        await until('a later epoch', async () => Number(RUNNING.exec((await inBar(page, 'told')) ?? '')?.[1]) > Number(first))

        await page.locator('.statusbar-item', { hasText: 'told' }).click()
        await until('it among the choices', async () => (await choices(page))[0]!.text.includes('told'))
        await page.keyboard.press('Enter')
        await until(
          'it to be selected in the tree',
          async () => (await row(page, SESSIONS, 'told').getAttribute('aria-selected')) === 'true',
        )

        await page.locator('.statusbar-item', { hasText: 'told' }).click()
        const choice = quickInput(page).locator('.monaco-list-row').first()
        await choice.hover()
        await choice.locator('.action-label[aria-label="Open its latest epoch"]').click()
        const number = await until('its page', async () => {
          for (const frame of page.frames()) {
            const title = await frame.title().catch(() => '')
            if (/^told@\d+$/.test(title)) return Number(title.split('@')[1])
          }
          return undefined
        })
        // The page goes on: the next epoch can be turned to as soon as it is there.
        const frame = await epochPage(page, `told@${number}`)
        await frame.getByRole('button', { name: `Next, epoch ${number + 1}` }).click()
        await epochPage(page, `told@${number + 1}`)

        training.end()
        await training.ended
        await until('the bar to be empty', async () => (await inBar(page, 'told')) === undefined)
        assert.deepEqual(await notifications(page), [])
      } finally {
        training.process.kill('SIGKILL')
      }
    })

    it('stops a training from its list', async () => {
      const training = train(folder, 'stopped-there')
      try {
        await until('the training', () => inBar(page, 'stopped-there'))
        await page.locator('.statusbar-item', { hasText: 'stopped-there' }).click()
        const choice = quickInput(page).locator('.monaco-list-row').first()
        await choice.hover()
        await choice.locator('.action-label[aria-label="Stop"]').click()
        await training.ended
        await rowLike(page, SESSIONS, 'its end', ({ text, description }) => text === 'stopped-there' && description.startsWith('stopped'))
      } finally {
        training.process.kill('SIGKILL')
      }
    })
  })

  it('is shown in two windows at once, and after a reload', async () => {
    const training = train(folder, 'twice')
    try {
      const second = await editor.window()
      for (const window of [page, second]) {
        await showContainer(window, 'Epochtree')
        await running(window, 'twice')
      }
      await reload(page)
      await showContainer(page, 'Epochtree')
      const at = epochOf((await running(page, 'twice')).description)
      await until('the next epoch in both', async () => {
        for (const window of [page, second]) if (epochOf((await running(window, 'twice')).description) <= at) return false
        return true
      })
      training.end()
      await training.ended
      for (const window of [page, second])
        await rowLike(window, SESSIONS, 'its end', ({ text, description }) => text === 'twice' && description.startsWith('completed'))
      await second.close()
    } finally {
      training.process.kill('SIGKILL')
    }
  })

  it('goes on being shown when the server is killed: one message, nothing lost', async () => {
    const training = train(folder, 'unbroken')
    try {
      await running(page, 'unbroken')
      for (let round = 0; round < 2; round++) {
        const [pid] = await until('the server', () => servers(editor.server.pid).length > 0 && servers(editor.server.pid))
        process.kill(pid!, 'SIGKILL')
        await until('another server', () => servers(editor.server.pid).some((one) => one !== pid))
        const at = epochOf((await running(page, 'unbroken')).description)
        await until('the next epoch', async () => epochOf((await running(page, 'unbroken')).description) > at)
      }
      const told = (await notifications(page)).filter((text) => text.includes('server ended unexpectedly'))
      assert.equal(told.length, 1)
      await command(page, 'Notifications: Clear All Notifications')
      training.end()
      await training.ended
      await rowLike(page, SESSIONS, 'its end', ({ text, description }) => text === 'unbroken' && description.startsWith('completed'))
      await until('it once', async () => (await rows(page, SESSIONS)).filter(({ text }) => text === 'unbroken').length === 1)
    } finally {
      training.process.kill('SIGKILL')
    }
  })

  it('is shown as interrupted when it is killed', async () => {
    const training = train(folder, 'broken')
    await running(page, 'broken')
    training.process.kill('SIGKILL')
    await rowLike(page, SESSIONS, 'the interruption', ({ text, description }) => text === 'broken' && description.startsWith('interrupted'))
  })

  it('that fails is told with its error, and leads to the session', async () => {
    const training = train(folder, 'lost')
    try {
      await rowLike(page, SESSIONS, 'it to run', ({ text, description }) => text === 'lost' && /epoch [2-9]/.test(description))
      assert.deepEqual(await notifications(page), [])
      training.end('fail')
      const told = notification(page, /The training of lost failed: .*the loss went to infinity/)
      await told.waitFor()
      assert.equal((await notifications(page)).length, 1)
      await showContainer(page, 'Explorer')
      await told.hover()
      await pressButton(told, 'Open Session')
      await until('it to be selected in the tree', async () => (await row(page, SESSIONS, 'lost').getAttribute('aria-selected')) === 'true')
      await command(page, 'Notifications: Clear All Notifications')
    } finally {
      training.process.kill('SIGKILL')
    }
  })
})

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { demoCopy } from './bench'
import { openEditor } from './editor'
import { servers } from './processes'
import { train } from './slowTraining'
import { expand, row, rowLike, rows } from './tree'
import { until } from './until'
import { notifications, reload, showContainer } from './workbench'

const SESSIONS = 'Sessions'

const epochOf = (description: string) => Number(/epoch (\d+)/.exec(description)?.[1] ?? 0)

describe('a training that runs', () => {
  const running = (page: Page) =>
    rowLike(page, SESSIONS, 'the running session', ({ text, description }) => text === 'slow' && /epoch \d+/.test(description))

  it('appears, goes on epoch by epoch, and is completed, without a click', async () => {
    const folder = await demoCopy()
    const { page } = await openEditor({ folder })
    await showContainer(page, 'Epochtree')
    await row(page, SESSIONS, 'digits').waitFor()
    const training = train(folder)
    try {
      const first = epochOf((await running(page)).description)
      await until('two more epochs', async () => epochOf((await running(page)).description) >= first + 2)
      await expand(page, SESSIONS, 'slow')
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
      assert.ok((await badge.count()) > 0)
      training.end()
      await training.ended
      await rowLike(page, SESSIONS, 'its end', ({ text, description }) => text === 'slow' && description.startsWith('completed'))
      assert.deepEqual(await notifications(page), [])
    } finally {
      training.process.kill('SIGKILL')
    }
  })

  it('is shown in two windows at once, and after a reload', async () => {
    const folder = await demoCopy()
    const editor = await openEditor({ folder })
    const { page } = editor
    const training = train(folder)
    try {
      const second = await editor.window()
      for (const window of [page, second]) {
        await showContainer(window, 'Epochtree')
        await running(window)
      }
      await reload(page)
      await showContainer(page, 'Epochtree')
      const at = epochOf((await running(page)).description)
      await until('the next epoch in both', async () => {
        for (const window of [page, second]) if (epochOf((await running(window)).description) <= at) return false
        return true
      })
      training.end()
      await training.ended
      for (const window of [page, second])
        await rowLike(window, SESSIONS, 'its end', ({ text, description }) => text === 'slow' && description.startsWith('completed'))
    } finally {
      training.process.kill('SIGKILL')
    }
  })

  it('goes on being shown when the server is killed: one message, nothing lost', async () => {
    const folder = await demoCopy()
    const { page, server } = await openEditor({ folder })
    await showContainer(page, 'Epochtree')
    const training = train(folder)
    try {
      await running(page)
      for (let round = 0; round < 2; round++) {
        const [pid] = await until('the server', () => servers(server.pid).length > 0 && servers(server.pid))
        process.kill(pid!, 'SIGKILL')
        await until('another server', () => servers(server.pid).some((one) => one !== pid))
        const at = epochOf((await running(page)).description)
        await until('the next epoch', async () => epochOf((await running(page)).description) > at)
      }
      const told = (await notifications(page)).filter((text) => text.includes('server ended unexpectedly'))
      assert.equal(told.length, 1)
      training.end()
      await training.ended
      await rowLike(page, SESSIONS, 'its end', ({ text, description }) => text === 'slow' && description.startsWith('completed'))
      assert.equal((await rows(page, SESSIONS)).filter(({ text }) => text === 'slow').length, 1)
    } finally {
      training.process.kill('SIGKILL')
    }
  })

  it('is shown as interrupted when it is killed', async () => {
    const folder = await demoCopy()
    const { page } = await openEditor({ folder })
    await showContainer(page, 'Epochtree')
    const training = train(folder)
    await running(page)
    training.process.kill('SIGKILL')
    await rowLike(page, SESSIONS, 'the interruption', ({ text, description }) => text === 'slow' && description.startsWith('interrupted'))
  })
})

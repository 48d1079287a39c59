import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { demoCopy } from './bench'
import { type Editor, openEditor } from './editor'
import { collapse, expand, row, rowLike, rows } from './tree'
import { command, commandsLike, notifications, reload, showContainer } from './workbench'

const SESSIONS = 'Sessions'

describe('the sessions view', () => {
  let editor: Editor
  let page: Page
  before(async () => {
    editor = await openEditor({ folder: await demoCopy(), keep: true })
    ;({ page } = editor)
  })
  after(() => editor.close())

  it('shows a trained session with its state, epochs and best value', async () => {
    await showContainer(page, 'Epochtree')
    const digits = await rowLike(page, SESSIONS, 'the session digits', ({ text }) => text === 'digits')
    assert.match(digits.description, /completed · 40 epochs · val\/accuracy 0\.\d+/)
    assert.equal(digits.level, 1)
    assert.deepEqual(await notifications(page), [])
  })

  it('shows a fork under the epoch where it starts', async () => {
    const fork = await rowLike(page, SESSIONS, 'the fork digits-2', ({ text }) => text === 'digits-2')
    const shown = await rows(page, SESSIONS)
    const start = shown.findLast(({ level }, i) => level < fork.level && i < shown.indexOf(shown.find(({ text }) => text === 'digits-2')!))
    assert.equal(start?.text, 'Epoch 30')
  })

  it('closes and opens a session', async () => {
    await collapse(page, SESSIONS, 'digits')
    assert.deepEqual(
      (await rows(page, SESSIONS)).map(({ text }) => text),
      ['digits'],
    )
    await expand(page, SESSIONS, 'digits')
    await row(page, SESSIONS, 'Epoch 30').waitFor()
  })

  it('lets every command be found in the palette, and be reached by keyboard', async () => {
    const found = await commandsLike(page, 'Epochtree: ')
    for (const title of ['Epochtree: Fork from Epoch...', 'Epochtree: Compare Sessions...']) assert.ok(found.includes(title), title)
    await showContainer(page, 'Explorer')
    await command(page, 'Epochtree: Focus on Sessions View')
    await row(page, SESSIONS, 'digits').waitFor()
  })

  it('shows what is in a session however often the window is loaded', async () => {
    for (let loaded = 0; loaded < 4; loaded++) {
      await reload(page)
      await showContainer(page, 'Epochtree')
      await row(page, SESSIONS, 'Epoch 14').waitFor()
    }
  })
})

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { emptyFolder } from './bench'
import { cli } from './cli'
import { comparisonPage } from './comparisonPage'
import { openDemo } from './demo'
import { type Editor, openEditor } from './editor'
import { expand, pressRow, row, type Row, rowAction, rowLike, rows, view, viewAction } from './tree'
import { until } from './until'
import {
  answer,
  choose,
  command,
  contextItems,
  contextMenu,
  dialog,
  notification,
  pressButton,
  quickInput,
  showContainer,
  widenSideBar,
} from './workbench'

const SESSIONS = 'Sessions'

/** What the command line says of the same folder. */
const told = (folder: string, ...words: readonly string[]): unknown => cli(join(folder, '.epochtree'), ...words)

describe('the side bar', () => {
  let folder: string
  let editor: Editor
  let page: Page
  const labels = async () => (await rows(page, SESSIONS)).map(({ text }) => text)
  before(async () => {
    ;({ folder, editor, page } = await openDemo({ keep: true }))
  })
  after(() => editor.close())

  it('lists all epochs of a session, the newest first', async () => {
    await until('every epoch', async () => {
      await expand(page, SESSIONS, 'All 40 epochs')
      return (await labels()).filter((text) => text === 'Epoch 39').length === 1
    })
    const shown = await labels()
    const all = shown.slice(shown.indexOf('All 40 epochs') + 1)
    assert.deepEqual(all.slice(0, 3), ['Epoch 40', 'Epoch 39', 'Epoch 38'])
    const { epochs } = told(folder, 'log', 'digits') as { epochs: { number: number; metrics: Record<string, number> }[] }
    const shownValue = (await rows(page, SESSIONS)).find(({ text }) => text === 'Epoch 39')!.description
    assert.ok(shownValue.includes(`val/accuracy ${Number(epochs[38]!.metrics['val/accuracy']!.toPrecision(4))}`), shownValue)
    await command(page, 'Epochtree: Refresh')
  })

  it('filters while one types, and Escape takes it back', async () => {
    await viewAction(page, SESSIONS, 'Filter Sessions')
    await quickInput(page).locator('input').fill('digits-2')
    await until('the one session', async () => (await labels())[0] === 'digits-2' && !(await labels()).includes('digits'))
    await page.keyboard.press('Escape')
    await until('both again', async () => (await labels())[0] === 'digits')
    await viewAction(page, SESSIONS, 'Filter Sessions')
    await answer(page, 'nothing like it')
    await rowLike(page, SESSIONS, 'that there is none', ({ text }) => text === 'No session matches "nothing like it".')
    await viewAction(page, SESSIONS, 'Clear Filter')
    await until('both again', async () => (await labels())[0] === 'digits')
  })

  it('groups by state and date, and sorts by name', async () => {
    await command(page, 'Epochtree: Group Sessions By...')
    await choose(page, 'State')
    await rowLike(page, SESSIONS, 'the group', ({ text, description }) => text === 'completed' && description === '2')
    await until('both in it', async () => (await labels()).filter((text) => text.startsWith('digits')).length === 2)
    await command(page, 'Epochtree: Sort Sessions By...')
    await choose(page, 'Name')
    await until('the order', async () => (await labels()).filter((text) => text.startsWith('digits')).join() === 'digits,digits-2')
    await command(page, 'Epochtree: Group Sessions By...')
    await choose(page, 'Date')
    // The demo may have been trained just before midnight.
    const day = /^(Today|Yesterday)$/
    await rowLike(page, SESSIONS, 'the group', ({ text }) => day.test(text))
    await command(page, 'Epochtree: Group Sessions By...')
    await choose(page, /Nothing/)
    await until('the tree', async () => !(await labels()).some((text) => day.test(text)))
    await command(page, 'Epochtree: Sort Sessions By...')
    await choose(page, 'Newest first')
    // All is drawn anew, and looks as before. A row whose menu is opened meanwhile is nothing by the time something is chosen.
    await page.waitForTimeout(1000)
  })

  const selected = (name: string) =>
    (told(folder, 'sessions') as { name: string; selected: { number: number } | null }[]).find((one) => one.name === name)?.selected

  it('selects an epoch, and lets the model follow the newest again', async () => {
    await contextMenu(page, row(page, SESSIONS, 'Epoch 14'), 'Select Epoch')
    await rowLike(page, SESSIONS, 'the selected epoch', ({ text, description }) => text === 'Epoch 14' && description.includes('selected'))
    assert.equal(selected('digits')?.number, 14)
    await contextMenu(page, row(page, SESSIONS, 'digits'), 'Follow the Newest Epoch')
    await rowLike(page, SESSIONS, 'the epoch', ({ text, description }) => text === 'Epoch 14' && !description.includes('selected'))
    assert.equal(selected('digits'), null)
  })

  it('asks for the epoch where it is not known which one is meant, as from the palette', async () => {
    await command(page, 'Epochtree: Copy Reference')
    await choose(page, /^digits-2/)
    await choose(page, 'Epoch 33')
    await until('the reference', async () => (await page.evaluate(() => navigator.clipboard.readText())) === 'digits-2@33')
    await command(page, 'Epochtree: Select Epoch')
    await choose(page, /^digits-2/)
    await choose(page, 'Epoch 33')
    await until('the selection', () => selected('digits-2')?.number === 33)
    await contextMenu(page, row(page, SESSIONS, 'digits-2'), 'Follow the Newest Epoch')
    await until('none', () => selected('digits-2') === null)
  })

  it('renames and tags, and says kindly what is no name', async () => {
    await contextMenu(page, row(page, SESSIONS, 'digits-2'), 'Rename...')
    await answer(page, 'a@b')
    await notification(page, 'holds no "@"').waitFor()
    await command(page, 'Notifications: Clear All Notifications')
    await contextMenu(page, row(page, SESSIONS, 'digits-2'), 'Rename...')
    await answer(page, 'second day')
    await row(page, SESSIONS, 'second day').waitFor()
    await contextMenu(page, row(page, SESSIONS, 'second day'), 'Tag...')
    await answer(page, 'kept, pruned')
    await until('the tags', () => {
      const [, second] = told(folder, 'sessions') as { name: string; tags: string[] }[]
      return second!.tags.join() === 'kept,pruned'
    })
    await contextMenu(page, row(page, SESSIONS, 'second day'), 'Rename...')
    await answer(page, 'digits-2')
    await row(page, SESSIONS, 'digits-2').waitFor()
  })

  it('deletes after asking, tells what it frees, and undoes it', async () => {
    await contextMenu(page, row(page, SESSIONS, 'digits-2'), 'Delete...')
    await dialog(page).waitFor()
    assert.match(await dialog(page).innerText(), /Delete digits-2\?[\s\S]*would then free \d/)
    await pressButton(dialog(page), 'Delete')
    await row(page, SESSIONS, 'digits-2').waitFor({ state: 'detached' })
    const deleted = notification(page, 'Deleted digits-2')
    await deleted.waitFor()
    await pressButton(deleted, 'Undo')
    await row(page, SESSIONS, 'digits-2').waitFor()
  })

  it('brings a deleted session back from the list of the deleted', async () => {
    told(folder, 'delete', 'digits-2')
    await row(page, SESSIONS, 'digits-2').waitFor({ state: 'detached' })
    await command(page, 'Epochtree: Show Deleted Sessions')
    await rowAction(row(page, SESSIONS, 'digits-2'), 'Restore')
    await until('none deleted', async () => !(await labels()).includes('digits-2'))
    await viewAction(page, SESSIONS, 'Hide Deleted Sessions')
    await row(page, SESSIONS, 'digits-2').waitFor()
  })

  it('copies a reference, and compares two sessions', async () => {
    await contextMenu(page, row(page, SESSIONS, 'Epoch 30'), 'Copy Reference')
    await until('the reference in the clipboard', async () => (await page.evaluate(() => navigator.clipboard.readText())) === 'digits@30')
    await pressRow(page, SESSIONS, 'digits-2')
    await pressRow(page, SESSIONS, 'digits', ['Control'])
    await rowAction(row(page, SESSIONS, 'digits'), 'Compare Sessions')
    await comparisonPage(page, 'digits', 'digits-2')
  })

  it('is used with the keyboard alone', async () => {
    await command(page, 'Epochtree: Focus on Sessions View')
    await page.keyboard.press('Home')
    const focused = () => page.locator('.pane .monaco-list-row.focused .label-name').first().innerText()
    await until('the first', async () => (await focused()) === 'digits')
    await page.keyboard.press('ArrowLeft')
    await until('it closed', async () => !(await labels()).includes('Epoch 30'))
    await page.keyboard.press('ArrowRight')
    await until('it open', async () => (await labels()).includes('Epoch 30'))
    await page.keyboard.press('ArrowDown')
    await until('the next', async () => (await focused()) === 'Epoch 40')
    await page.keyboard.press('Home')
    await page.keyboard.press('Shift+F10')
    await page.locator('.monaco-menu .action-item', { hasText: 'Copy Reference' }).first().waitFor()
    await page.keyboard.press('Escape')
  })

  it('offers what fits, and nothing else', async () => {
    const ended = await contextItems(page, row(page, SESSIONS, 'digits'))
    assert.ok(!ended.includes('Stop...'), ended.join())
    for (const item of ['Fork from Epoch...', 'Resume...', 'Rename...', 'Delete...']) assert.ok(ended.includes(item), item)
  })

  it('can be read at 390 pixels', async () => {
    await widenSideBar(page, 390)
    const text = await rowLike(page, SESSIONS, 'the session', (one) => one.text === 'digits')
    assert.match(text.description, /completed · 40 epochs · val\/accuracy/)
    const label = row(page, SESSIONS, 'digits').locator('.label-name')
    const [box, bar] = [await label.boundingBox(), await page.locator('.part.sidebar').boundingBox()]
    assert.ok(box!.x + box!.width < bar!.x + bar!.width)
  })
})

describe('a folder of thousands of sessions', () => {
  it('shows more of them until all are there', async () => {
    const folder = await emptyFolder()
    for (let n = 1; n <= 2250; n++) {
      const sessionId = n.toString(16).padStart(24, '0')
      const run = join(folder, '.epochtree', 'runs', sessionId)
      mkdirSync(run, { recursive: true })
      const session = { format: 1, sessionId, modelName: 'net', name: `net-${n}`, createdAt: n }
      writeFileSync(join(run, 'session.json'), JSON.stringify(session))
    }
    const { page } = await openEditor({ folder })
    await showContainer(page, 'Epochtree')
    await row(page, SESSIONS, 'net-2250').waitFor()
    const atEnd = (what: string, accept: (row: Row) => boolean) =>
      until(what, async () => {
        await view(page, SESSIONS).locator('.monaco-list').focus()
        await page.keyboard.press('End')
        return (await rows(page, SESSIONS)).some(accept)
      })
    for (const left of ['2,050 left', '1,050 left', '50 left']) {
      await atEnd(left, ({ description }) => description === left)
      await pressRow(page, SESSIONS, 'Show more')
    }
    await atEnd('the last of them', ({ text }) => text === 'net-1')
  })
})

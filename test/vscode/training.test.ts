import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { LogJson, SessionJson } from '../../server/protocol/model'
import { root } from '../../scripts/vscode/root'
import { demoCopy } from './bench'
import { openEditor } from './editor'
import { expand, row, rowAction, rowLike } from './tree'
import { until } from './until'
import {
  answer,
  choices,
  choose,
  command,
  contextMenu,
  dialog,
  notification,
  notifications,
  openFile,
  pressButton,
  quickInput,
  showContainer,
  tabs,
  terminalText,
} from './workbench'

const SESSIONS = 'Sessions'

/** What the command line says of the same folder, once the editor has shown it. */
function cli<Answer>(folder: string, ...words: string[]): Answer {
  const asked = spawnSync(process.execPath, [join(root, 'bin', 'epochtree.mjs'), ...words, '--json', '--dir', join(folder, '.epochtree')], {
    encoding: 'utf8',
  })
  assert.equal(asked.status, 0, asked.stderr)
  return JSON.parse(asked.stdout) as Answer
}

const editorText = (page: Page) => page.locator('.editor.modified .view-lines')
const lens = (page: Page, title: string) => page.locator('.editor.modified .codelens-decoration > *', { hasText: title }).first()

/** Replaces a text in the draft, as somebody does who types. */
async function replaceInDraft(page: Page, before: string, after: string) {
  await editorText(page).click()
  await page.keyboard.press('Control+F')
  const find = page.locator('.editor.modified .find-widget.visible, .find-widget.visible')
  await find.locator('textarea, [contenteditable]').first().waitFor()
  await page.keyboard.press('Control+A')
  await page.keyboard.type(before)
  await until(`"${before}" to be found`, async () => /1 of 1/.test(await find.first().innerText()))
  await page.keyboard.press('Escape')
  await page.keyboard.type(after)
}

describe('training from the editor', () => {
  it('forks an epoch by keyboard: session, epoch, draft, a real training that finishes', async () => {
    const folder = await demoCopy()
    const { page } = await openEditor({ folder })
    await showContainer(page, 'Epochtree')
    await rowLike(page, SESSIONS, 'the fork digits-2', ({ text }) => text === 'digits-2')
    await command(page, 'Epochtree: Fork from Epoch...')
    const sessions = await choices(page)
    assert.deepEqual(
      sessions.map(({ text }) => text),
      ['digits-2', 'digits'],
    )
    await answer(page, 'digits')
    await until('the epochs', async () => (await choices(page)).some(({ text }) => text.includes('Epoch 40')))
    await page.keyboard.type('30')
    await until('epoch 30 to be first', async () => (await choices(page))[0]?.text.includes('Epoch 30'))
    assert.match((await choices(page))[0]!.description, /val\/accuracy 0\.\d+ · fork point · pruned/)
    await page.keyboard.press('Enter')

    await lens(page, 'Train').waitFor()
    assert.deepEqual(await tabs(page), ['Fork digits@30'])
    await lens(page, 'Nothing is different yet').waitFor()
    await replaceInDraft(page, '0.05', '0.02')
    await lens(page, 'lr 0.05 → 0.02').waitFor()
    await command(page, 'Epochtree: Train This Draft')

    const fork = await rowLike(
      page,
      SESSIONS,
      'the new session, running',
      ({ text, description }) => text === 'digits-3' && /epoch 3\d|running/.test(description),
    )
    assert.ok(fork.level > 1)
    await rowLike(
      page,
      SESSIONS,
      'the new session, completed',
      ({ text, description }) => text === 'digits-3' && /completed · 40 epochs/.test(description),
    )
    assert.match(await terminalText(page), /epoch 40 {2}loss/)
    assert.deepEqual(await notifications(page), [])
    assert.ok(!(await tabs(page)).includes('Fork digits@30'))
    const { epochs } = cli<LogJson>(folder, 'log', 'digits-3')
    assert.deepEqual([epochs.length, epochs.filter(({ inherited }) => inherited).length, epochs.at(-1)?.number], [40, 30, 40])
    const compared = cli<{ hyperparameters: unknown }>(folder, 'compare', 'digits', 'digits-3')
    assert.deepEqual(compared.hyperparameters, [{ path: 'lr', values: [0.05, 0.02] }])
    assert.throws(() => readdirSync(join(folder, '.epochtree', 'drafts')))
  })
})

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { LogJson, SessionJson } from '../../server/protocol/model'
import { root } from '../../scripts/vscode/root'
import { demoCopy } from './bench'
import { cli } from './cli'
import { openDemo } from './demo'
import type { Editor } from './editor'
import { setSetting } from './extensionHost'
import { pressCodeLens } from './script'
import { row, rowAction, rowLike, rows } from './tree'
import { until } from './until'
import {
  accept,
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
  tabs,
  terminalText,
  tabsToBe,
} from './workbench'

const SESSIONS = 'Sessions'

/** What the command line says of the same folder, once the editor has shown it. */
const inTerminal = <Answer>(folder: string, ...words: readonly string[]) => cli<Answer>(join(folder, '.epochtree'), ...words)

/** Trainings on a busy machine take their time. */
const completed = (page: Page, name: string, epochs: number) =>
  until(
    `${name} to be completed`,
    async () =>
      (await rows(page, SESSIONS)).some(({ text, description }) => text === name && description.startsWith(`completed · ${epochs} epochs`)),
    100_000,
  )
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
  await until('the find widget to go', async () => {
    await page.keyboard.press('Escape')
    return (await find.count()) === 0
  })
  await page.keyboard.type(after)
}

/** Presses what stands above the draft. */
const pressLens = (page: Page, title: string) => pressCodeLens(page, title, '.editor.modified')

/** What can be done with the draft stands above its first line. */
const toTop = (page: Page) => page.keyboard.press('Control+Home')

describe('training from the editor', () => {
  let folder: string
  let editor: Editor
  let page: Page
  before(async () => {
    ;({ folder, editor, page } = await openDemo({ keep: true }))
  })
  after(() => editor.close())
  afterEach(async () => {
    for (const title of ['Notifications: Clear All Notifications', 'View: Close All Editors', 'Terminal: Kill All Terminals'])
      await command(page, title)
  })

  const named = () => inTerminal<SessionJson[]>(folder, 'sessions').map(({ name }) => name)
  /** Of the next session of the demo's model. */
  const nextName = () => `digits-${named().filter((name) => name.startsWith('digits')).length + 1}`

  it('forks an epoch by keyboard: session, epoch, draft, a real training that finishes', async () => {
    const name = nextName()
    await command(page, 'Epochtree: Fork from Epoch...')
    const newestFirst = named().toReversed().join()
    await until('all sessions', async () => (await choices(page)).map(({ text }) => text).join() === newestFirst)
    await answer(page, 'digits')
    await until('the epochs', async () => (await choices(page)).some(({ text }) => text.includes('Epoch 40')))
    await quickInput(page).locator('input').first().fill('30')
    await until('epoch 30 to be first', async () => (await choices(page))[0]?.text.includes('Epoch 30'))
    assert.match((await choices(page))[0]!.description, /val\/accuracy 0\.\d+ · fork point · pruned/)
    await accept(page)

    await lens(page, 'Train').waitFor()
    await tabsToBe(page, 'Fork digits@30')
    await lens(page, 'Nothing is different yet').waitFor()
    await replaceInDraft(page, '0.05', '0.02')
    await toTop(page)
    await lens(page, 'lr 0.05 → 0.02').waitFor()
    await command(page, 'Epochtree: Train This Draft')

    const fork = await rowLike(
      page,
      SESSIONS,
      'the new session, running',
      ({ text, description }) => text === name && /epoch 3\d|running/.test(description),
    )
    assert.ok(fork.level > 1)
    await completed(page, name, 40)
    await until('the last epoch in the terminal', async () => /epoch 40 {2}loss/.test(await terminalText(page)))
    assert.deepEqual(await notifications(page), [])
    await until('the draft to be closed', async () => !(await tabs(page)).includes('Fork digits@30'))
    const { epochs } = inTerminal<LogJson>(folder, 'log', name)
    assert.deepEqual([epochs.length, epochs.filter(({ inherited }) => inherited).length, epochs.at(-1)?.number], [40, 30, 40])
    const compared = inTerminal<{ hyperparameters: unknown }>(folder, 'compare', 'digits', name)
    assert.deepEqual(compared.hyperparameters, [{ path: 'lr', values: [0.05, 0.02] }])
    assert.throws(() => readdirSync(join(folder, '.epochtree', 'drafts')))
  })

  it('forks an epoch by mouse, from the tree; the draft is completed, checked and mended', async () => {
    const name = nextName()
    await rowAction(row(page, SESSIONS, 'Epoch 30'), 'Fork from Epoch...')
    await lens(page, 'Nothing is different yet').waitFor()

    await replaceInDraft(page, '0.95', '0.1')
    await toTop(page)
    await lens(page, '1 thing to mend').waitFor()
    await pressLens(page, 'Train')
    await notification(page, /pruningPlan.targetSparsity: 87.9 % of the parameters .* gone at epoch 30 already/).waitFor()
    await command(page, 'Notifications: Clear All Notifications')
    await editorText(page).click()
    await page.keyboard.press('Control+Z')
    await until('the number as it was', async () => /0\.95/.test((await editorText(page).innerText()).replaceAll('\u00a0', ' ')))

    await replaceInDraft(page, '"output"', '"hid')
    await page.keyboard.press('Control+Space')
    await page.locator('.suggest-widget.visible .monaco-list-row', { hasText: 'hidden2' }).first().waitFor()
    await until('the layers to be offered once each', async () => {
      const labels = await page.locator('.suggest-widget.visible .monaco-list-row .label-name').allInnerTexts()
      return labels.filter((label) => label === 'hidden2').length === 1
    })
    await page.locator('.suggest-widget.visible .monaco-list-row', { hasText: 'hidden2' }).first().click()
    await toTop(page)
    await lens(page, 'ignoredLayers').waitFor()
    await pressLens(page, 'Fork only')
    const made = await rowLike(page, SESSIONS, 'the fork', ({ text }) => text === name)
    assert.match(made.description, /not started · 30 epochs/)
    await until('the fork to be selected', async () => (await rowLike(page, SESSIONS, 'it', ({ text }) => text === name)).selected)
    await tabsToBe(page)

    await contextMenu(page, row(page, SESSIONS, name), 'Resume...')
    await completed(page, name, 40)
    const { epochs } = inTerminal<LogJson>(folder, 'log', name)
    assert.equal(epochs.length, 40)
  })

  it('forks by three questions, shows what will differ, and trains', async () => {
    const name = nextName()
    await contextMenu(page, row(page, SESSIONS, 'Epoch 30'), 'Quick Fork: Three Questions...')
    await choose(page, 'day2.plan.json')
    const input = quickInput(page).locator('input').first()
    await quickInput(page).getByText('Hyper-parameters to change').waitFor()
    await input.fill('learning_rate=1')
    await quickInput(page)
      .getByText(/no hyper-parameter "learning_rate"/)
      .waitFor()
    await input.fill('lr')
    await quickInput(page)
      .getByText(/Write words such as/)
      .waitFor()
    await input.fill('lr=0.03')
    await until('the complaint to go', async () => !/Write words such as/.test(await quickInput(page).innerText()))
    await accept(page)
    await quickInput(page).getByText('Train up to the epoch of this number').waitFor()
    assert.equal(await input.inputValue(), '40')
    await input.fill('30')
    await quickInput(page)
      .getByText(/Give a number above 30/)
      .waitFor()
    await input.fill('32')
    await until('the complaint to go', async () => !/above 30/.test(await quickInput(page).innerText()))
    await accept(page)
    await dialog(page).waitFor()
    const text = await dialog(page).innerText()
    for (const line of [
      `Fork digits@30 as ${name}?`,
      'epochs: 40 → 32',
      'hyperparameters.lr: 0.05 → 0.03',
      'pruningPlan.ratio: 0.12 → 0.1',
    ])
      assert.ok(text.includes(line), `${line} in ${text}`)
    await pressButton(dialog(page), 'Train')
    await completed(page, name, 32)
    const compared = inTerminal<{ hyperparameters: unknown }>(folder, 'compare', 'digits', name)
    assert.deepEqual(compared.hyperparameters, [{ path: 'lr', values: [0.05, 0.03] }])
  })

  it('trains a script from its title bar: the session is there first, with the edits of the draft', async () => {
    const name = nextName()
    await openFile(page, 'train.py')
    await page.locator('.editor-actions .action-label[aria-label^="Train..."]').click()
    await lens(page, 'As the script has it').waitFor()
    await replaceInDraft(page, '0.05', '0.04')
    await toTop(page)
    await lens(page, 'lr 0.05 → 0.04').waitFor()
    await page.locator('.editor-actions .action-label[aria-label^="Train"]').click()
    await completed(page, name, 40)
    const session = inTerminal<SessionJson[]>(folder, 'sessions').find((one) => one.name === name)
    assert.equal(session?.forkedFrom, null)
  })

  const slow = `
import time, epochtree
with epochtree.session("slow") as session:
    print("trains", flush=True)
    for epoch in session.epochs(1000):
        for step in range(20):
            epoch.log({"loss": 1 / epoch.number}, split="val")
            time.sleep(0.01)
        epoch.commit(graph={"id": "g", "nodes": {}}, weights=b"w")
`
  it('stops a training cleanly, with what it had committed, and resumes it where it was', async () => {
    writeFileSync(join(folder, 'slow.py'), slow)
    await openFile(page, 'slow.py')
    await command(page, 'Epochtree: Train...')
    await pressLens(page, 'Train')
    const shown = (what: string, accept: RegExp) =>
      rowLike(page, SESSIONS, what, ({ text, description }) => text === 'slow' && accept.test(description))
    await shown('it, running', /epoch \d+ · [1-9]/)
    await command(page, 'Epochtree: Stop...')
    await choose(page, /^slow/)
    await shown('it, stopped', /stopped · \d+ epochs?/)
    const before = inTerminal<LogJson>(folder, 'log', 'slow').epochs.at(-1)!.number
    await until('its end in the terminal', async () => /KeyboardInterrupt/.test(await terminalText(page)))
    await contextMenu(page, row(page, SESSIONS, 'slow'), 'Resume...')
    await shown('it, running again', /epoch \d+/)
    await until('more epochs', async () => inTerminal<LogJson>(folder, 'log', 'slow').epochs.at(-1)!.number > before + 1)
    await contextMenu(page, row(page, SESSIONS, 'slow'), 'Stop...')
    await shown('it, stopped again', /stopped/)
    const numbers = inTerminal<LogJson>(folder, 'log', 'slow').epochs.map(({ number }) => number)
    assert.deepEqual(
      numbers,
      Array.from(numbers, (_, i) => i + 1),
    )
    await until('the progress to go', async () => (await notifications(page)).length === 0)
  })

  it('a training that fails is shown as failed; one that can not begin says why and what to do', async () => {
    writeFileSync(
      join(folder, 'fails.py'),
      'import epochtree\nwith epochtree.session("fails") as session:\n    raise ValueError("no more data")\n',
    )
    writeFileSync(join(folder, 'broken.py'), 'import epochtree\nimport no_such_module\nepochtree.session("broken")\n')
    const train = async (script: string) => {
      await openFile(page, script)
      await command(page, 'Epochtree: Train...')
      await pressLens(page, 'Train')
    }
    await train('fails.py')
    await rowLike(page, SESSIONS, 'it, failed', ({ text, description }) => text === 'fails' && /failed/.test(description))
    await train('broken.py')
    await notification(page, /ended with status 1 before broken began/).waitFor()
    await until('the reason in the terminal', async () => /No module named 'no_such_module'/.test(await terminalText(page)))
    const broken = await rowLike(page, SESSIONS, 'it', ({ text }) => text === 'broken')
    assert.match(broken.description, /not started/)
  })

  it('a Python that is not there is named, with the way to another', async () => {
    await setSetting(editor, 'epochtree.python', '/nowhere/bin/python')
    await rowAction(row(page, SESSIONS, 'Epoch 30'), 'Fork from Epoch...')
    await pressLens(page, 'Train')
    const told = notification(page, /\/nowhere\/bin\/python could not be started/)
    await told.waitFor()
    await pressButton(told, 'Choose Python...')
    await page.locator('.settings-editor').waitFor()
    await setSetting(editor, 'epochtree.python', '')
    await page.keyboard.press('Escape')
    await page.locator('.settings-editor').waitFor({ state: 'hidden' })
  })
})

describe('a command that somebody else recorded', () => {
  it('is shown, and run only when that is agreed to', async () => {
    const folder = await demoCopy()
    const runs = join(folder, '.epochtree', 'runs')
    const foreign = join(folder, 'ran')
    for (const id of readdirSync(runs)) {
      const file = join(runs, id, 'session.json')
      const session = JSON.parse(readFileSync(file, 'utf8')) as { command: object }
      const argv = ['touch', foreign, '--token=hf_abcdefghijkl']
      writeFileSync(file, JSON.stringify({ ...session, command: { ...session.command, argv } }))
    }
    const { page } = await openDemo({ folder })
    await rowAction(row(page, SESSIONS, 'Epoch 30'), 'Fork from Epoch...')
    await pressLens(page, 'Train')
    await dialog(page).waitFor()
    const text = await dialog(page).innerText()
    assert.match(text, /touch .*--token=\*\*\*/)
    assert.doesNotMatch(text, /hf_abcdefghijkl/)
    await pressButton(dialog(page), 'Cancel')
    await rowLike(
      page,
      SESSIONS,
      'the fork, not started',
      ({ text: name, description }) => name === 'digits-3' && /not started/.test(description),
    )
    assert.ok(!existsSync(foreign))
  })
})

describe('the draft of a fork', () => {
  let folder: string
  let page: Page
  let editor: Editor
  before(async () => {
    ;({ folder, editor, page } = await openDemo({ size: { width: 1400, height: 1400 }, keep: true }))
  })
  after(() => editor.close())
  afterEach(() => command(page, 'View: Close All Editors'))

  it('says in the hover what a key of the draft is for, once', async () => {
    await rowAction(row(page, SESSIONS, 'Epoch 30'), 'Fork from Epoch...')
    await lens(page, 'Train').waitFor()
    await editorText(page).getByText('"ratio"').hover()
    const hover = page.locator('.monaco-hover:visible', { hasText: 'removes a tenth of the remaining units' })
    await hover.first().waitFor()
  })

  it('a draft that is closed as it began is gone, one that was changed stays, one that is discarded goes', async () => {
    const drafts = () => readdirSync(join(folder, '.epochtree', 'drafts'))
    const fork = async () => {
      await rowAction(row(page, SESSIONS, 'Epoch 30'), 'Fork from Epoch...')
      await lens(page, 'Nothing is different yet').waitFor()
    }
    await fork()
    await page.locator('.tab.active .codicon-close, .tab.active .tab-actions .action-label').first().click()
    await until('the draft to be gone', () => !existsSync(join(folder, '.epochtree', 'drafts')))
    await fork()
    await replaceInDraft(page, '0.05', '0.5')
    await page.keyboard.press('Control+S')
    await page.locator('.tab.active.dirty').waitFor({ state: 'hidden' })
    await page.locator('.tab.active .codicon-close, .tab.active .tab-actions .action-label').first().click()
    await tabsToBe(page)
    assert.equal(drafts().length, 1)
    await fork()
    await replaceInDraft(page, '0.05', '0.5')
    await toTop(page)
    await pressLens(page, 'Discard')
    await tabsToBe(page)
    assert.equal(drafts().length, 1)
    assert.equal(inTerminal<SessionJson[]>(folder, 'sessions').length, 2)
  })

  it('forks from the lens above the call: the epoch is still to be picked', async () => {
    const line =
      readFileSync(join(root, 'examples', 'two-days', 'train.py'), 'utf8')
        .split('\n')
        .findIndex((text) => text.includes('epochtree.session(')) + 1
    await openFile(page, 'train.py', line)
    await pressCodeLens(page, 'Fork...')
    await until('the epochs of the latest session', async () => (await choices(page)).some(({ text }) => text.includes('Epoch 40')))
    await choose(page, 'Epoch 38')
    await lens(page, 'Nothing is different yet').waitFor()
    await until('its tab', async () => (await tabs(page)).includes('Fork digits-2@38'))
  })

  it('sorts the epochs by a metric, and says why nothing can start at one', async () => {
    const script = `
import epochtree
with epochtree.session("plain") as session:
    for epoch in session.epochs(3):
        epoch.log({"loss": (epoch.number - 2) ** 2}, split="val")
        epoch.commit(graph={"id": "g", "nodes": {}}, weights=b"w" if epoch.number != 2 else None)
`
    runPython(folder, script)
    await rowLike(page, SESSIONS, 'the session', ({ text }) => text === 'plain')
    await command(page, 'Epochtree: Fork from Epoch...')
    await choose(page, /^plain/)
    await until('the epochs', async () => (await choices(page)).some(({ text }) => text.includes('Epoch 3')))
    assert.deepEqual(
      (await choices(page)).map(({ text }) => text.trim()),
      ['Epoch 3', 'Epoch 2', 'Epoch 1'],
    )
    await quickInput(page).locator('.quick-input-titlebar .action-label[aria-label^="Sort by a metric"]').click()
    await choose(page, 'Best val/loss first')
    await until('the best to be first', async () => (await choices(page))[0]?.text.includes('Epoch 2'))
    assert.match((await choices(page))[0]!.description, /val\/loss 0 .*without weights, so nothing can start there/)
    await choose(page, 'Epoch 2')
    await quickInput(page).getByText('Epoch 2: committed without weights').waitFor()
    await choose(page, 'Epoch 1')
    await lens(page, 'Train').waitFor()
    await tabsToBe(page, 'Fork plain@1')
  })
})

function runPython(folder: string, script: string) {
  const python = process.platform === 'win32' ? 'python' : 'python3'
  const done = spawnSync(python, ['-c', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: join(root, 'python'), EPOCHTREE_DIR: join(folder, '.epochtree') },
  })
  assert.equal(done.status, 0, done.stderr)
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { freePort } from '../../scripts/services/running'
import { demoCopy, emptyFolder } from './bench'
import { epochtree } from './cli'
import { comparisonPage } from './comparisonPage'
import { type Editor, openEditor } from './editor'
import { train } from './slowTraining'
import { BUCKET, PASSWORD, startTeam, type TeamServers } from './teamServers'
import { pressRow, row, rowAction, rowLike, rows, view } from './tree'
import { until } from './until'
import {
  accept,
  answer,
  choices,
  choose,
  command,
  commandsLike,
  contextItems,
  contextMenu,
  dialog,
  notification,
  notifications,
  pressButton,
  quickInput,
  savePath,
  showContainer,
} from './workbench'

const SESSIONS = 'Sessions'

const title = (page: Page) => quickInput(page).locator('.quick-input-title')
/** Waits until a step of the walk through the servers is asked, and can be answered. */
const step = (page: Page, name: string) =>
  until(
    `the step ${name}`,
    async () =>
      (await title(page).innerText()).includes(`Connect to Team: ${name}`) && (await quickInput(page).locator('input').first().isEnabled()),
  )
/** Waits for one of the questions within a step, by what stands where the answer goes. */
const asks = (page: Page, placeholder: string) => quickInput(page).locator(`input[placeholder="${placeholder}"]`).waitFor()
/** Answers a step with what is wrong, and waits until it says so. */
async function wrongly(page: Page, text: string, sentence: RegExp) {
  await answer(page, text)
  await quickInput(page).locator('.quick-input-message', { hasText: sentence }).waitFor()
}
const pressInTitle = (page: Page, label: string) =>
  quickInput(page).locator(`.quick-input-titlebar .action-label[aria-label^="${label}"]`).first().click()

/** All files below a folder that hold a text. */
const holding = (folder: string, text: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const path = join(folder, name)
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path).includes(text)
  })

describe('a team', () => {
  let servers: TeamServers
  before(async function () {
    this.timeout(300_000)
    servers = await startTeam()
  })
  after(() => servers.stop())

  const mongoUri = () => servers.mongo.url
  const node = () => servers.elastic.url
  /** Somebody with a home of their own. */
  const person = async (name: string, folder: string) => {
    const home = await emptyFolder()
    const editor = await openEditor({
      folder,
      keep: true,
      env: { HOME: home, XDG_CACHE_HOME: join(home, '.cache'), EPOCHTREE_BY: `${name}@lab` },
    })
    await showContainer(editor.page, 'Epochtree')
    return editor
  }
  describe('that is connected to for the first time', () => {
    let folder: string
    let editor: Editor
    let page: Page
    before(async () => {
      folder = await emptyFolder()
      editor = await person('ada', folder)
      ;({ page } = editor)
    })
    after(() => editor.close())

    it('is nowhere to be seen before', async () => {
      await view(page, SESSIONS).locator('.welcome-view-content', { hasText: 'No training session was recorded here yet' }).waitFor()
      const offered = (await commandsLike(page, 'Epochtree: Team')).filter((text) => /\bTeam\b/.test(text))
      assert.deepEqual(offered.toSorted(), ['Epochtree: Connect to Team...', 'Epochtree: Forget Team Secrets...'])
    })

    it('is walked through server by server, and each says in words what is wrong', async () => {
      await command(page, 'Epochtree: Connect to Team...')
      await step(page, 'MongoDB')
      await wrongly(page, 'host', /It looks like mongodb:\/\/host:27017/)
      await wrongly(page, 'mongodb://me:secret@host', /Leave user and password out/)
      await wrongly(page, `mongodb://127.0.0.1:${await freePort()}`, /Nothing answers at 127\.0\.0\.1/)
      await answer(page, mongoUri())
      await asks(page, 'User')
      await answer(page, 'admin')
      await asks(page, 'Password')
      await wrongly(page, 'wrong', /does not know that user with that password/)
      await answer(page, PASSWORD)

      await step(page, 'Elasticsearch')
      await pressInTitle(page, 'Back')
      await step(page, 'MongoDB')
      assert.equal(await quickInput(page).locator('input').first().inputValue(), mongoUri())
      await accept(page)
      await step(page, 'Elasticsearch')
      await wrongly(page, 'host', /It looks like https:\/\/host:9200/)
      await wrongly(page, node().replace('https', 'http'), /begins with https/)
      await wrongly(page, node(), /signed by nobody whom this machine trusts/)
      await pressInTitle(page, 'Trust Certificates')
      await savePath(page, servers.certificate.caFile)
      await step(page, 'Elasticsearch')
      await answer(page, node())
      await until('the ways to log in', async () =>
        (await choices(page))
          .map(({ text }) => text)
          .join()
          .includes('API key'),
      )
      await choose(page, 'API key')
      await asks(page, 'API key')
      await wrongly(page, 'bm90OmFrZXk=', /does not know the API key/)
      await pressInTitle(page, 'Back')
      await until('the ways to log in', async () => (await choices(page)).length === 2)
      await choose(page, 'User and password')
      await asks(page, 'User')
      await answer(page, 'admin')
      await asks(page, 'Password')
      await wrongly(page, 'wrong', /does not know/)
      await pressInTitle(page, 'Back')
      await asks(page, 'User')
      await answer(page, 'reader')
      await asks(page, 'Password')
      await wrongly(page, PASSWORD, /may only read there/)
      await pressInTitle(page, 'Back')
      await asks(page, 'User')
      await answer(page, 'admin')
      await asks(page, 'Password')
      await answer(page, PASSWORD)

      await step(page, 'Google Cloud Storage')
      await pressInTitle(page, "Another Server than Google's")
      await asks(page, 'https://host:443')
      await answer(page, servers.gcs.url)
      await until('the other server', async () =>
        (await quickInput(page).locator('.quick-input-message').innerText()).includes(servers.gcs.url),
      )
      await wrongly(page, 'no-such-bucket', /has no bucket no-such-bucket/)
      await answer(page, BUCKET)

      await step(page, 'Where to write it down')
      assert.deepEqual(
        (await choices(page)).map(({ text }) => text.trim()),
        ['Everybody in this folder', 'I, in this workspace', 'I, in every folder'],
      )
      await choose(page, 'Everybody in this folder')
      await view(page, SESSIONS).locator('.welcome-view-content', { hasText: 'Nobody in your team has brought a session yet' }).waitFor()
      const written = JSON.parse(readFileSync(join(folder, '.epochtree', 'config.json'), 'utf8')) as unknown
      assert.deepEqual(written, {
        store: {
          mode: 'team',
          mongo: { uri: mongoUri() },
          elastic: { node: node(), caFile: servers.certificate.caFile },
          gcs: { bucket: BUCKET, endpoint: servers.gcs.url },
        },
      })
      assert.deepEqual(await notifications(page), [])
    })

    it('is in the project for others: version control sees where it is, and nothing else of the folder', () => {
      const git = (...words: string[]) => spawnSync('git', words, { cwd: folder, encoding: 'utf8' }).stdout
      git('init', '-q')
      assert.deepEqual(git('status', '--porcelain', '-uall').trim().split('\n').sort(), [
        '?? .epochtree/.gitignore',
        '?? .epochtree/config.json',
      ])
    })

    it('shows how it is', async () => {
      await command(page, 'Epochtree: Show Team')
      await until('all three', async () => {
        const lines = await choices(page)
        return ['MongoDB', 'Elasticsearch', 'Google Cloud Storage'].every((name) =>
          lines.some(({ text, description }) => text.includes(name) && description.startsWith('can be reached')),
        )
      })
      await page.keyboard.press('Escape')
    })

    it('keeps the password with the secrets, and nowhere in the folder, the settings or the logs', async () => {
      assert.deepEqual(holding(folder, PASSWORD), [])
      assert.deepEqual(holding(editor.server.home, PASSWORD), [])
    })

    it('is left: only for oneself, and for everybody', async () => {
      const leave = async (how: string) => {
        await command(page, 'Epochtree: Leave Team...')
        await pressButton(dialog(page), how)
        await view(page, SESSIONS).locator('.welcome-view-content', { hasText: 'No training session was recorded here yet' }).waitFor()
      }
      const settings = () => JSON.parse(readFileSync(join(folder, '.vscode', 'settings.json'), 'utf8')) as Record<string, unknown>
      const file = () => JSON.parse(readFileSync(join(folder, '.epochtree', 'config.json'), 'utf8')) as { store?: unknown }
      await leave('Leave')
      assert.deepEqual(settings()['epochtree.store'], { mode: 'local' })
      assert.ok(file().store)
      await command(page, 'Epochtree: Connect to Team...')
      // All is known, the password among it: every step is only accepted.
      for (const name of ['MongoDB', 'Elasticsearch', 'Google Cloud Storage']) {
        await step(page, name)
        await accept(page)
      }
      await step(page, 'Where to write it down')
      await choose(page, 'Everybody in this folder')
      await view(page, SESSIONS).locator('.welcome-view-content', { hasText: 'Nobody in your team has brought a session yet' }).waitFor()
      assert.equal(settings()['epochtree.store'], undefined)
      await leave('Leave, for Everybody')
      assert.equal(file().store, undefined)
    })

    it('lets go of the secrets when it is told to', async () => {
      await command(page, 'Epochtree: Forget Team Secrets...')
      assert.match(await dialog(page).innerText(), new RegExp(node()))
      await pressButton(dialog(page), 'Forget')
      await dialog(page).waitFor({ state: 'hidden' })
      await command(page, 'Epochtree: Forget Team Secrets...')
      await notification(page, 'No password and no key of a team is kept here').waitFor()
    })
  })

  describe('of two', () => {
    let ada: Editor
    let bob: Editor
    let hers: string
    let his: string
    before(async () => {
      hers = await demoCopy('hers')
      his = await emptyFolder()
      const store = {
        mode: 'team',
        mongo: { uri: mongoUri(), database: 'two' },
        elastic: { node: node(), prefix: 'two' },
        gcs: { bucket: BUCKET, prefix: 'two', endpoint: servers.gcs.url },
      }
      writeFileSync(join(hers, '.epochtree', 'config.json'), JSON.stringify({ store }))
    })
    after(async () => {
      await ada?.close()
      await bob?.close()
    })

    /** Says who one is to the server that asks it. */
    async function logIn(page: Page) {
      await asks(page, 'User')
      await answer(page, 'admin')
      await asks(page, 'Password')
      await answer(page, PASSWORD)
    }
    const away = (page: Page, label: RegExp) => rowLike(page, SESSIONS, `the row ${label}`, ({ text }) => label.test(text))
    const calm = (page: Page) =>
      until(
        'nothing to be wrong',
        async () => {
          const shown = await rows(page, SESSIONS)
          return (
            shown.length > 0 &&
            shown.every(({ text, description }) => !/since|not connected/.test(text) && !description.includes('not uploaded'))
          )
        },
        120_000,
      )

    it('says in one row that a password is missing, and what still works; there it can be given', async () => {
      ada = await person('ada', hers)
      const { page } = ada
      const told = await away(page, /^MongoDB and Elasticsearch can not be used since/)
      assert.match(told.description, /training goes on/)
      assert.match(told.spoken, /Sessions of others are shown as they were last seen here/)
      assert.deepEqual(await notifications(page), [])
      await row(page, SESSIONS, 'digits').waitFor()
      await pressRow(page, SESSIONS, /can not be used since/)
      // The server's own row leads there too, as its sentence says.
      await choose(page, 'MongoDB')
      await step(page, 'MongoDB')
      await page.keyboard.press('Escape')
      await pressRow(page, SESSIONS, /can not be used since/)
      await choose(page, 'Connect to Team...')
      await step(page, 'MongoDB')
      await accept(page)
      await logIn(page)
      await step(page, 'Elasticsearch')
      await pressInTitle(page, 'Trust Certificates')
      await savePath(page, servers.certificate.caFile)
      await step(page, 'Elasticsearch')
      await accept(page)
      await until('the ways to log in', async () => (await choices(page)).length === 2)
      await choose(page, 'User and password')
      await logIn(page)
      await step(page, 'Google Cloud Storage')
      await accept(page)
      await step(page, 'Where to write it down')
      await choose(page, 'Everybody in this folder')
      await calm(page)
      assert.deepEqual(
        (await rows(page, SESSIONS)).filter(({ level }) => level === 1).map(({ text }) => text),
        ['digits'],
      )
    })

    it('shows the second person everything, and whose it is', async () => {
      for (const name of readdirSync(hers)) if (name !== '.epochtree') cpSync(join(hers, name), join(his, name), { recursive: true })
      mkdirSync(join(his, '.epochtree'))
      cpSync(join(hers, '.epochtree', 'config.json'), join(his, '.epochtree', 'config.json'))
      bob = await person('bob', his)
      const { page } = bob
      await away(page, /^MongoDB.* can not be used since/)
      await command(page, 'Epochtree: Connect to Team...')
      await step(page, 'MongoDB')
      await accept(page)
      await logIn(page)
      await step(page, 'Elasticsearch')
      await accept(page)
      await until('the ways to log in', async () => (await choices(page)).length === 2)
      await choose(page, 'User and password')
      await logIn(page)
      await step(page, 'Google Cloud Storage')
      await accept(page)
      const first = await rowLike(
        page,
        SESSIONS,
        'her session, with its best value',
        ({ text, description }) => text === 'digits' && /val\/accuracy/.test(description),
      )
      assert.match(first.description, /^completed · 40 epochs · val\/accuracy [\d.]+ · by ada@lab$/)
      assert.match(first.spoken, /^Session digits, completed, 40 epochs, by ada@lab/)
      const items = await contextItems(page, row(page, SESSIONS, 'digits'))
      for (const item of ['Fork from Epoch...', 'Compare Sessions...', 'Rename...', 'Delete...']) assert.ok(items.includes(item), item)
      for (const item of ['Resume...', 'Stop...', 'Reveal Files']) assert.ok(!items.includes(item), item)
      await calm(page)
    })

    it('lets the second person fork and train on, and the first sees it, without a click', async () => {
      const { page } = bob
      await command(page, 'Epochtree: Quick Fork: Three Questions...')
      // A list that has nothing yet takes no answer.
      await until('the sessions', async () => (await choices(page)).some(({ text }) => text === 'digits'))
      await answer(page, 'digits')
      await until('the epochs', async () => (await choices(page)).some(({ text }) => text.includes('Epoch 40')))
      await quickInput(page).locator('input').first().fill('30')
      await until('epoch 30 to be first', async () => (await choices(page))[0]?.text.includes('Epoch 30'))
      await accept(page)
      await until('the plans', async () => (await choices(page)).some(({ text }) => text.includes('Keep the pruning plan')))
      await choose(page, 'Keep the pruning plan')
      await asks(page, 'lr=0.01 optimizer.momentum=0.8')
      await answer(page, 'lr=0.02')
      await until('the last question', async () => (await title(page).innerText()).includes('3/3'))
      await accept(page)
      await pressButton(dialog(page), 'Train')
      // The command is hers: he reads it before it is run.
      await until('the question', async () => /you did not record on this machine/.test(await dialog(page).innerText()))
      await pressButton(dialog(page), 'Run It')
      await rowLike(page, SESSIONS, 'his training', ({ text }) => text === 'digits-3')
      const hersToo = await until(
        'it to be completed before her eyes',
        async () =>
          (await rows(ada.page, SESSIONS)).find(
            ({ text, description }) => text === 'digits-3' && description.startsWith('completed · 40 epochs'),
          ),
        120_000,
      )
      assert.match(hersToo.description, /by bob@lab$/)
      assert.ok(hersToo.level > 1)
      assert.deepEqual(await notifications(ada.page), [])
      assert.deepEqual(await notifications(page), [])
      await calm(page)
    })

    it('compares what is here and what is elsewhere', async () => {
      await pressRow(bob.page, SESSIONS, 'digits-3')
      await pressRow(bob.page, SESSIONS, 'digits', ['Control'])
      await rowAction(row(bob.page, SESSIONS, 'digits'), 'Compare Sessions')
      await comparisonPage(bob.page, 'digits', 'digits-3')
      await command(bob.page, 'View: Close All Editors')
    })

    it('of what was pulled deletes the copy, and says so', async () => {
      const { page } = bob
      const address = Object.assign(new URL(mongoUri()), { username: 'admin', password: PASSWORD, search: '?tls=false' })
      const env = {
        EPOCHTREE_MONGO_URI: address.href,
        EPOCHTREE_ELASTIC_NODE: node(),
        EPOCHTREE_ELASTIC_USERNAME: 'admin',
        EPOCHTREE_ELASTIC_PASSWORD: PASSWORD,
        EPOCHTREE_CA_FILE: servers.certificate.caFile,
      }
      epochtree(join(his, '.epochtree'), ['pull', 'digits-2'], env)
      const isCopy = async () => {
        await contextMenu(page, row(page, SESSIONS, 'digits-2'), 'Delete...')
        // The list is just drawn anew, which may close the menu.
        await dialog(page).waitFor({ timeout: 3000 })
        const asked = await dialog(page).innerText()
        if (/The copy of digits-2 on this machine goes; your team keeps it, trained by ada@lab\.[\s\S]*would then free \d/.test(asked))
          return true
        await pressButton(dialog(page), 'Cancel')
        return false
      }
      await until('the copy to be seen', isCopy)
      await pressButton(dialog(page), 'Delete')
      await notification(page, 'Deleted digits-2').waitFor()
      await command(page, 'Notifications: Clear All Notifications')
      await row(page, SESSIONS, 'digits-2').waitFor()
      await row(ada.page, SESSIONS, 'digits-2').waitFor()
    })

    it('says whose it is before it is deleted for everybody, and takes it back', async () => {
      const { page } = bob
      await contextMenu(page, row(page, SESSIONS, 'digits-2'), 'Delete...')
      await dialog(page).waitFor()
      assert.match(
        await dialog(page).innerText(),
        /Delete digits-2\?[\s\S]*digits-2 was trained by ada@lab[\s\S]*for everybody in your team/,
      )
      await pressButton(dialog(page), 'Delete')
      await row(ada.page, SESSIONS, 'digits-2').waitFor({ state: 'detached' })
      const deleted = notification(page, 'Deleted digits-2')
      await pressButton(deleted, 'Undo')
      await row(ada.page, SESSIONS, 'digits-2').waitFor()
    })

    for (const [name, server, waits] of [
      ['MongoDB', () => servers.mongo, /Sessions of others are shown as they were last seen/],
      ['Elasticsearch', () => servers.elastic, /Metrics and samples of others/],
      ['Google Cloud Storage', () => servers.gcs, /Weights of others/],
    ] as const)
      it(`goes on without ${name}, and says so: which, since when, and what waits`, async function () {
        this.timeout(300_000)
        const { page } = ada
        await server().kill()
        const training = train(hers, `without-${name.split(' ')[0]!.toLowerCase()}`)
        try {
          const told = await until(
            'the row',
            async () => (await rows(page, SESSIONS)).find(({ text }) => text.startsWith(`${name} is away since`)),
            120_000,
          )
          assert.match(told.text, /since \d{1,2}:\d\d( [AP]M)?$/)
          assert.match(told.spoken, waits)
          assert.equal((await rows(page, SESSIONS))[0]!.text, told.text)
          const session = `without-${name.split(' ')[0]!.toLowerCase()}`
          await rowLike(
            page,
            SESSIONS,
            'the training, and what waits',
            ({ text, description }) => text === session && /epoch ([3-9]|\d\d).* · \d+ epochs not uploaded yet/.test(description),
          )
          assert.deepEqual(await notifications(page), [])
          training.end()
          await training.ended
          await server().restart()
          await calm(page)
          await until(
            'him to see it',
            async () =>
              (await rows(bob.page, SESSIONS)).some(({ text, description }) => text === session && description.startsWith('completed')),
            60_000,
          )
        } finally {
          training.process.kill('SIGKILL')
        }
      })
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { freePort } from '../../scripts/services/running'
import { demoCopy, emptyFolder } from './bench'
import { type Editor, openEditor } from './editor'
import { train } from './slowTraining'
import { BUCKET, PASSWORD, startTeam, type TeamServers } from './teamServers'
import { expand, row, rowLike, rows, view } from './tree'
import { until } from './until'
import {
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

      await step(page, 'Elasticsearch')
      await pressInTitle(page, 'Back')
      await step(page, 'MongoDB')
      assert.equal(await quickInput(page).locator('input').first().inputValue(), mongoUri())
      await answer(page, mongoUri())
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
      await wrongly(page, PASSWORD, /does not allow/)
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
        await page.keyboard.press('Enter')
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
})
void [cpSync, mkdirSync, hostname, train, expand, row, rows, contextItems, contextMenu, rowLike, demoCopy]

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BrowserContext, Page } from 'playwright-core'
import { root } from '../../scripts/vscode/root'
import { writeComparison } from '../../server/comparison/htmlFile'
import { LocalStores } from '../../server/storage/local/stores'
import { bench, demoCopy } from './bench'
import { barriersOf } from './barriers'
import { showFilled, viewsOf } from './comparisonPage'
import { writeRuns } from './journals'
import { until } from './until'

describe('a comparison that was saved as HTML', () => {
  let folder: string
  let file: string
  const contexts: BrowserContext[] = []

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'epochtree-file-'))
    file = await write(join(await demoCopy(), '.epochtree'), ['digits', 'digits-2'], 'comparison.html')
  })
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  async function write(dir: string, references: readonly string[], name: string): Promise<string> {
    const stores = new LocalStores(dir)
    await stores.ingest()
    const page = join(root, 'dist', 'webview')
    const written = await writeComparison({ stores, dir }, { references, file: name, cwd: folder, page })
    await stores.close()
    return written.file
  }
  interface Opened {
    readonly page: Page
    readonly requests: string[]
    readonly said: string[]
  }
  interface Wishes {
    readonly scheme?: 'light' | 'dark'
    readonly contrast?: 'no-preference' | 'more'
    readonly size?: { readonly width: number; readonly height: number }
    readonly path?: string
  }
  async function open(wishes: Wishes = {}): Promise<Opened> {
    const { scheme = 'light', contrast = 'no-preference', size = { width: 1100, height: 850 }, path = file } = wishes
    const { browser } = await bench()
    const context = await browser.newContext({ viewport: size, colorScheme: scheme, contrast, acceptDownloads: true })
    contexts.push(context)
    await context.setOffline(true)
    const page = await context.newPage()
    const requests: string[] = []
    const said: string[] = []
    const address = pathToFileURL(path).href
    await page.route('**', (route) => (route.request().url() === address ? route.continue() : route.abort()))
    // What the page makes itself is no request of the network.
    page.on('request', (request) => void (/^(blob|data):/.test(request.url()) || requests.push(request.url())))
    page.on('console', (message) => said.push(message.text()))
    page.on('pageerror', (error) => said.push(String(error)))
    await page.goto(address)
    await page.waitForSelector('vscode-tabs')
    return { page, requests, said }
  }
  it('opens with the network cut, asks for nothing, and shows every view', async () => {
    const { page, requests, said } = await open()
    assert.match(await page.locator('.overview').innerText(), /part(ed)? after epoch 30/)
    for (const view of await viewsOf(page)) {
      await showFilled(page, view)
      assert.doesNotMatch(await page.locator(`vscode-tab-panel[data-view="${view}"]`).innerText(), /not saved with the file/, view)
    }
    assert.deepEqual(requests, [pathToFileURL(file).href])
    assert.deepEqual(said, [])
    assert.ok(await page.locator('#trouble').isHidden())
  })

  it('tells of a long training only values that it has for themselves', async () => {
    const dir = join(folder, 'long', '.epochtree')
    const value = (e: number) => Math.sin(e / 300) + (e % 7) / 10
    writeRuns(dir, [
      { name: 'long', epochs: [1, 4000], log: (e) => ({ val: { loss: value(e) } }) },
      { name: 'fork', forkOf: { name: 'long', at: 2000 }, epochs: [2001, 2500], log: (e) => ({ val: { loss: 2 * value(e) } }) },
    ])
    const { page } = await open({ path: await write(dir, ['long', 'fork'], 'long.html') })
    await showFilled(page, 'curves')
    const plot = page.locator('.curves .card .plot')
    const told = () =>
      page
        .locator('.curves .readout tbody tr')
        .evaluateAll((rows) => rows.map((row) => row.children[2]!.getAttribute('title') || row.children[2]!.textContent))
    const leftOut = 'This was not saved with the file. Open the comparison in VS Code to see it.'
    assert.deepEqual(await told(), [value(4000), 2 * value(2500)].map(String))
    await plot.focus()
    // Of what both share, and of where the fork is alone known point by point; zoomed in, the file knows no more.
    await page.keyboard.press('Home')
    for (let e = 1; e < 10; e++) {
      await until(`epoch ${e} to be told`, async () => (await told()).every((one) => one === leftOut))
      await page.keyboard.press('ArrowRight')
    }
    assert.match(
      await page.locator('.unseen[aria-live]').innerText(),
      /^Epoch \d+\. long: val not in this file\. fork: val not in this file$/,
    )
    for (let i = 0; i < 8; i++) await page.keyboard.press('+')
    await page.keyboard.press('ArrowRight')
    await until('the epoch to be told', async () => (await told()).every((one) => one === leftOut))
    await page.keyboard.press('Escape')
    const over = plot.locator('.u-over')
    await over.hover({ position: { x: (await over.boundingBox())!.width * 0.54, y: 100 } })
    const at = () => page.locator('.curves .readout thead th').first().innerText()
    const number = Number((await at()).replaceAll(/\D/g, ''))
    assert.ok(number > 2000 && number <= 2500, `${number}`)
    await until('the epoch under the pointer to be told', async () => String(await told()) === String([leftOut, 2 * value(number)]))

    for (const act of ['Table of values', 'Save']) {
      await page.locator('.curves .failed').evaluate((failed) => ((failed as HTMLElement).hidden = true))
      await page.getByRole('button', { name: act }).press('Enter')
      if (act === 'Save') await page.getByRole('menuitem', { name: 'CSV' }).press('Enter')
      await until(`${act} to be refused`, () => page.locator('.curves .failed').isVisible())
      assert.equal(await page.locator('.curves .failed').innerText(), `The curves could not be read: ${leftOut}`)
    }
    assert.equal(await page.locator('.curves .values').count(), 0)
  })

  it("follows the system's theme until another is chosen", async () => {
    const { page } = await open({ scheme: 'dark' })
    const kind = () => page.evaluate(() => document.body.className)
    assert.equal(await kind(), 'vscode-dark')
    // What the page makes from the editor's colours is there too.
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).getPropertyValue('--quiet')), '')
    await page.emulateMedia({ colorScheme: 'light' })
    await until('a light page', async () => (await kind()) === 'vscode-light')
    await page.getByRole('button', { name: 'Dark' }).press('Enter')
    assert.equal(await kind(), 'vscode-dark')
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.emulateMedia({ colorScheme: 'light' })
    assert.equal(await kind(), 'vscode-dark')
    await page.emulateMedia({ contrast: 'more' })
    await until('more contrast', async () => (await kind()) === 'vscode-high-contrast')
    await page.getByRole('button', { name: 'Light' }).press('Enter')
    assert.equal(await kind(), 'vscode-high-contrast vscode-high-contrast-light')
  })

  it('is where it was left after a reload', async () => {
    const { page } = await open()
    const last = (await viewsOf(page)).at(-1)!
    await showFilled(page, last)
    await page.reload()
    await page.waitForSelector(`vscode-tab-header[data-view="${last}"][active]`)
  })

  for (const scheme of ['light', 'dark'] as const)
    for (const contrast of ['no-preference', 'more'] as const)
      it(`has no barrier when it is ${scheme}${contrast === 'more' ? ', with more contrast' : ''}`, async () => {
        const { page } = await open({ scheme, contrast })
        for (const view of await viewsOf(page)) {
          await showFilled(page, view)
          assert.deepEqual(await barriersOf(page), [], view)
        }
      })

  it('has no part that breaks out at 400 pixels', async () => {
    const { page } = await open({ size: { width: 400, height: 800 } })
    for (const view of await viewsOf(page)) {
      await showFilled(page, view)
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), view)
    }
  })
})

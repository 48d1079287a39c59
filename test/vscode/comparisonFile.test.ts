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
import { until } from './until'

describe('a comparison that was saved as HTML', () => {
  let folder: string
  let file: string
  const contexts: BrowserContext[] = []

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'epochtree-file-'))
    const dir = join(await demoCopy(), '.epochtree')
    const stores = new LocalStores(dir)
    const context = { stores, dir }
    const page = join(root, 'dist', 'webview')
    ;({ file } = await writeComparison(context, { references: ['digits', 'digits-2'], file: 'comparison.html', cwd: folder, page }))
    await stores.close()
  })
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  interface Opened {
    readonly page: Page
    readonly requests: string[]
    readonly said: string[]
  }
  interface Wishes {
    readonly scheme?: 'light' | 'dark'
    readonly contrast?: 'no-preference' | 'more'
    readonly size?: { readonly width: number; readonly height: number }
  }
  async function open({ scheme = 'light', contrast = 'no-preference', size = { width: 1100, height: 850 } }: Wishes = {}): Promise<Opened> {
    const { browser } = await bench()
    const context = await browser.newContext({ viewport: size, colorScheme: scheme, contrast, acceptDownloads: true })
    contexts.push(context)
    await context.setOffline(true)
    const page = await context.newPage()
    const requests: string[] = []
    const said: string[] = []
    const address = pathToFileURL(file).href
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

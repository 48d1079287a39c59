import assert from 'node:assert/strict'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { root } from '../../scripts/vscode/root'
import { writeComparison } from '../../server/comparison/htmlFile'
import { compare } from '../../server/requests'
import { LocalStores } from '../../server/storage/local/stores'
import { bench, demoCopy, emptyFolder } from './bench'
import { writeGraphPair, writeGraphRun } from './graphRuns'
import { type Alone, type AloneOptions, openAlone } from './pageAlone'
import { until } from './until'

const open: (() => Promise<void>)[] = []

async function graphOf(dir: string, options: AloneOptions): Promise<Alone & { readonly stores: LocalStores }> {
  const stores = new LocalStores(dir)
  const alone = await openAlone({ stores, dir }, options)
  open.push(async () => {
    await alone.close()
    await stores.close()
  })
  await alone.page.locator('vscode-tab-header[data-view=graph]').click()
  return { ...alone, stores }
}
const box = (page: Page, name: string) => page.locator(`.stage .box[data-node="${name}"]`)
/** Waits until so many boxes were laid out and drawn. */
const drawn = (page: Page, count?: number) =>
  page.waitForSelector(`.graph-view[data-boxes${count === undefined ? '' : `="${count}"`}]:not([aria-busy]) .stage .box`)
const focused = (page: Page) =>
  page.evaluate(() => (document.activeElement as SVGElement | null)?.dataset['node'] ?? document.activeElement?.className)
const boxCount = async (page: Page) => Number(await page.locator('.graph-view').getAttribute('data-boxes'))
const world = (page: Page) => page.locator('.canvas > g').getAttribute('transform')
const demo = { references: ['digits', 'digits-2'] }
const large = { references: ['wide', 'narrow'] }

describe('the graph view of a comparison', () => {
  let demoDir: string
  let largeDir: string
  before(async () => {
    demoDir = join(await demoCopy(), '.epochtree')
    largeDir = join(await emptyFolder(), '.epochtree')
    writeGraphPair(largeDir, 2000)
  })
  afterEach(async () => {
    for (const close of open.splice(0)) await close()
  })

  it('shows both graphs as one, with the numbers of the comparison', async () => {
    const { page, stores } = await graphOf(demoDir, demo)
    await drawn(page, 7)
    const [difference] = (await compare({ stores, dir: demoDir }, demo.references)).graph
    assert.match(
      await page.locator('.graph-view .legend').innerText(),
      new RegExp(`${difference!.kept} alike\\s+≠\\s+${difference!.changed} changed`),
    )
    for (const { name, parameters } of difference!.nodes) {
      const label = (await box(page, name).locator('title').textContent())!
      assert.match(label, /, changed, /)
      if (parameters[0] !== null) assert.ok(label.endsWith(`${parameters[0]} → ${parameters[1]} parameters`), label)
    }
    await page.locator('.differing-list summary').click()
    const rows = page.locator('.differing-list tbody tr')
    await until('every layer that differs', async () => (await rows.count()) === difference!.nodes.length)
  })

  it('is used by mouse: a layer, its two sides, the next change, moving and enlarging', async () => {
    const { page } = await graphOf(demoDir, { ...demo, light: true })
    await drawn(page, 7)
    await box(page, 'hidden1').click()
    const told = await page.locator('.node-panel').innerText()
    assert.match(told, /digits@40\s+digits-2@40/)
    assert.match(told, /Parameters\s+\d+\s+\d+/)
    await page.locator('.node-panel button').click()
    assert.equal(await page.locator('.node-panel').count(), 0)
    await page.locator('[data-next=changed]').click()
    assert.equal(await page.locator('.node-panel h2').innerText(), 'hidden1')
    await page.locator('[data-next=changed]').click()
    assert.equal(await page.locator('.node-panel h2').innerText(), 'hidden1.relu')
    const before = await world(page)
    const { x, y } = (await page.locator('.canvas').boundingBox())!
    await page.mouse.move(x + 40, y + 40)
    await page.mouse.down()
    await page.mouse.move(x + 90, y + 70, { steps: 3 })
    await page.mouse.up()
    await page.waitForTimeout(100)
    const moved = await world(page)
    assert.notEqual(moved, before)
    await page.mouse.wheel(0, -200)
    await page.waitForTimeout(100)
    assert.notEqual(/scale\(([^)]+)/.exec((await world(page))!)![1], /scale\(([^)]+)/.exec(moved!)![1])
  })

  it('is used by keyboard: along the connections, into a layer and back', async () => {
    const { page } = await graphOf(demoDir, demo)
    await drawn(page, 7)
    await page.locator('.canvas').focus()
    await page.keyboard.press('ArrowDown')
    assert.equal(await focused(page), 'input')
    await page.keyboard.press('ArrowDown')
    assert.equal(await focused(page), 'hidden1')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('End')
    assert.equal(await focused(page), 'softmax')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    assert.equal(await page.locator('.node-panel h2').innerText(), 'output')
    assert.equal(await focused(page), 'node-panel')
    await page.keyboard.press('Escape')
    assert.equal(await page.locator('.node-panel').count(), 0)
    assert.equal(await focused(page), 'output')
    await page.keyboard.press('Escape')
    const before = await world(page)
    await page.keyboard.press('Shift+ArrowRight')
    await page.keyboard.press('+')
    await page.waitForTimeout(100)
    assert.notEqual(await world(page), before)
  })

  it("goes through a model's epochs with a slider, and its layers with it", async () => {
    const { page } = await graphOf(demoDir, demo)
    await drawn(page, 7)
    const slider = page.locator('input[type=range][data-side=b]')
    await page.waitForSelector('.bars + .bars')
    const place = await box(page, 'hidden1').getAttribute('transform')
    await slider.focus()
    await page.keyboard.press('Home')
    await page.waitForFunction(() => document.querySelector('[data-node="hidden1"] title')?.textContent.includes('→ 3,120 parameters'))
    assert.equal(await box(page, 'hidden1').getAttribute('transform'), place)
    assert.match(await page.locator('.bars').nth(1).locator('.bar-row.total').innerText(), /^All layers\s+5,018(, \d+ masked)?$/)
    // The bars show the same epoch, and are moved as well.
    const strip = page.locator('.bars').nth(1).locator('[data-strip="All layers"]')
    await strip.click({ position: { x: (await strip.boundingBox())!.width - 1, y: 10 } })
    assert.equal(await slider.inputValue(), '40')
    await page.waitForFunction(() => !document.querySelector('[data-node="hidden1"] title')?.textContent.includes('3,120'))
    await page.locator('.bars').nth(1).locator('summary').click()
    await until('the bars as a table', async () => (await page.locator('.bars').nth(1).locator('tbody tr').count()) > 10)
    // One model against an earlier epoch of its own.
    await page.locator('select[data-side=b]').selectOption({ label: 'digits' })
    await page.waitForFunction(() => document.querySelector('.graph-view .legend')?.textContent?.includes('7 alike'))
    await page.locator('[data-step="b-1"]').click()
    await page.waitForFunction(() => document.querySelector('.graph-view .legend')?.textContent?.match(/[1-9] changed/))
    assert.equal(await page.locator('.bars').count(), 1)
  })

  it('collapses what is alike in 2,000 layers, and opens it by hand, by key, by search and all at once', async () => {
    const { page } = await graphOf(largeDir, large)
    await drawn(page)
    const collapsed = await boxCount(page)
    assert.ok(collapsed > 50 && collapsed < 240, String(collapsed))
    assert.match(await page.locator('.graph-view .legend').innerText(), /1,951 alike\s+≠\s+26 changed\s+−\s+14 removed\s+\+\s+14 added/)
    // A group by key: into it, and closed again from inside.
    await page.locator('.canvas').focus()
    await page.keyboard.press('Home')
    const group = (await focused(page))!
    await page.keyboard.press('Enter')
    await page.waitForFunction((before) => Number(document.querySelector<HTMLElement>('.graph-view')!.dataset['boxes']) > before, collapsed)
    await page.waitForFunction((name) => (document.activeElement as SVGElement | null)?.dataset['node'] !== name, group)
    await page.keyboard.press('Backspace')
    await drawn(page, collapsed)
    // A layer inside a closed group, by its name.
    await page.locator('.search input').fill('blocks.10.mlp.up')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => (document.activeElement as SVGElement | null)?.dataset['node'] === 'blocks.10.mlp.up')
    assert.equal(await page.locator('.node-panel h2').innerText(), 'blocks.10.mlp.up')
    await page.locator('[data-key=expand]').click()
    await drawn(page, 2005)
    await page.locator('[data-key=fit]').click()
    await page.waitForTimeout(100)
    assert.ok((await page.locator('.far path').count()) > 3)
    await page.locator('[data-key=collapse]').click()
    await page.waitForFunction(() => Number(document.querySelector<HTMLElement>('.graph-view')!.dataset['boxes']) < 100)
  })

  it('stays usable with 20,000 layers, and says what would be too much', async () => {
    const dir = join(await emptyFolder(), '.epochtree')
    writeGraphPair(dir, 20_000, 2)
    const { page } = await graphOf(dir, large)
    await drawn(page)
    const collapsed = await boxCount(page)
    assert.ok(collapsed < 240, String(collapsed))
    await page.locator('[data-key=expand]').click()
    assert.match(await page.locator('.note').innerText(), /more than 5,000 boxes/)
    assert.equal(await boxCount(page), collapsed)
    await page.locator('.search input').fill('blocks.1400.norm2')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => (document.activeElement as SVGElement | null)?.dataset['node'] === 'blocks.1400.norm2')
  })

  it('takes graphs as they come: circles, connections to nowhere, names that are markup, and none at all', async () => {
    const dir = join(await emptyFolder(), '.epochtree')
    const evil = '<img src=x onerror="document.title=1">'
    const node = (id: string, ...to: readonly string[]) => ({
      id,
      name: id,
      data: { type: evil },
      outputs: Object.fromEntries(to.map((one) => [one, {}])),
    })
    writeGraphRun(dir, 1, 'round', [
      {
        nodes: { a: node('a', 'b', 'nowhere'), b: node('b', 'a', 'b'), [evil]: node(evil, 'a'), ['x'.repeat(800)]: node('x'.repeat(800)) },
      },
    ])
    writeGraphRun(dir, 2, 'none', [{ nodes: {} }])
    const { page } = await graphOf(dir, { references: ['round', 'none'] })
    await drawn(page, 4)
    assert.match(await page.locator('.graph-view .legend').innerText(), /4 removed/)
    assert.match(await page.locator('p.about').innerText(), /lead to no layer of their graph, left out: 1/)
    assert.equal(await page.locator('.graph-view img').count(), 0)
    await box(page, 'a').click()
    assert.match(await page.locator('.node-panel').innerText(), /<img src=x/)
  })

  it('is in the file too, which lays it out by itself', async () => {
    const stores = new LocalStores(demoDir)
    const folder = await emptyFolder()
    await writeComparison({ stores, dir: demoDir }, { ...demo, file: 'graphs.html', cwd: folder, page: join(root, 'dist', 'webview') })
    await stores.close()
    const { browser } = await bench()
    const context = await browser.newContext({ offline: true })
    open.push(() => context.close())
    const page = await context.newPage()
    await page.goto(pathToFileURL(join(folder, 'graphs.html')).href)
    await page.locator('vscode-tab-header[data-view=graph]').click()
    await drawn(page, 7)
    assert.match((await box(page, 'hidden1').locator('title').textContent())!, /hidden1, changed, /)
    await page.locator('input[type=range][data-side=b]').focus()
    await page.keyboard.press('Home')
    await page.waitForFunction(() => document.querySelector('[data-node="hidden1"] title')?.textContent.includes('→ 3,120 parameters'))
  })
})

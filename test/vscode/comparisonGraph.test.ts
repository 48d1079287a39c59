import assert from 'node:assert/strict'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { root } from '../../scripts/vscode/root'
import { writeComparison } from '../../server/comparison/htmlFile'
import { compare } from '../../server/requests'
import { LocalStores } from '../../server/storage/local/stores'
import { bench, demoCopy, emptyFolder } from './bench'
import { addGraphEpoch, runId, transformer, writeGraphPair, writeGraphRun } from './graphRuns'
import { type Alone, type AloneOptions, openAlone, settled } from './pageAlone'
import { until } from './until'

const open: (() => Promise<void>)[] = []

async function pageOf(dir: string, options: AloneOptions): Promise<Alone & { readonly stores: LocalStores }> {
  const stores = new LocalStores(dir)
  const alone = await openAlone({ stores, dir }, options)
  open.push(async () => {
    await alone.close()
    await stores.close()
  })
  return { ...alone, stores }
}
async function graphOf(dir: string, options: AloneOptions) {
  const alone = await pageOf(dir, options)
  await alone.page.locator('vscode-tab-header[data-view=graph]').click()
  return alone
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
/** A transformer whose blocks have so much of their units left. */
const pruned = (left: number, nodes = 30) => transformer({ nodes, left: () => left })
/** The questions that were asked since. */
const asked = ({ heard }: Alone, from: number) => heard.slice(from).flatMap((one) => (one.type === 'ask' ? [one.question] : []))
/** Where a box lies on the screen, by its layer. */
const lies = async (page: Page, name: string) => {
  const { x, y, width } = (await box(page, name).boundingBox())!
  return [x, y, width]
}
const assertNear = (now: readonly number[], before: readonly number[]) =>
  assert.ok(
    now.every((value, i) => Math.abs(value - before[i]!) < 1),
    `${now.join()} is not ${before.join()}`,
  )
/** The part of the whole layout that is in sight, as the world is moved and enlarged. */
const inSight = async (page: Page) => {
  const [x, y, scale] = /translate\((\S+) (\S+)\) scale\((\S+)\)/
    .exec((await world(page))!)!
    .slice(1)
    .map(Number) as [number, number, number]
  const { width, height } = (await page.locator('.canvas').boundingBox())!
  return { x: -x / scale, y: -y / scale, width: width / scale, height: height / scale }
}

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
    await settled(page)
    const moved = await world(page)
    assert.notEqual(moved, before)
    await page.mouse.wheel(0, -200)
    await settled(page)
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
    await settled(page)
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
    await settled(page)
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

  it('moves to where its small picture is clicked or dragged, and shows there what is looked at', async () => {
    const { page } = await graphOf(largeDir, large)
    await drawn(page)
    await page.locator('[data-key=expand]').click()
    await drawn(page, 2005)
    const map = page.locator('.minimap')
    const { x, y, width, height } = (await map.boundingBox())!
    /** The middle of what is looked at, in shares of the small picture and of the whole. */
    const middles = async () => {
      const sight = (await map.locator('.sight').boundingBox())!
      const inMap = [(sight.x + sight.width / 2 - x) / width, (sight.y + sight.height / 2 - y) / height]
      const [wide, high] = (await map.locator('g').getAttribute('transform'))!.match(/[\d.]+/g)!.map(Number) as [number, number]
      const seen = await inSight(page)
      return { inMap, seen: [((seen.x + seen.width / 2) * wide) / width, ((seen.y + seen.height / 2) * high) / height] }
    }
    const isAt = (wanted: readonly number[]) =>
      until(`the middle at ${wanted.join()}`, async () => {
        const { inMap, seen } = await middles()
        return [inMap, seen].every((at) => at.every((value, axis) => Math.abs(value - wanted[axis]!) < 0.03))
      })
    await page.mouse.move(x + width * 0.5, y + height * 0.25)
    await page.mouse.down()
    await isAt([0.5, 0.25])
    await page.mouse.move(x + width * 0.6, y + height * 0.7, { steps: 4 })
    await isAt([0.6, 0.7])
    await page.mouse.up()
    // It is not held any more.
    await page.mouse.move(x + width * 0.3, y + height * 0.3)
    await settled(page)
    await isAt([0.6, 0.7])
    // Where all is in sight, there is nothing to show in small.
    await page.locator('[data-key=fit]').click()
    await until('no small picture', async () => !(await map.isVisible()))
  })

  it('stays as it was left when the page is made again: groups, the layer that is looked at, place and size', async () => {
    const { page } = await graphOf(largeDir, large)
    await drawn(page)
    await page.locator('[data-key=collapse]').click()
    await page.waitForFunction(() => Number(document.querySelector<HTMLElement>('.graph-view')!.dataset['boxes']) < 100)
    await page.locator('.search input').fill('blocks.10.mlp.up')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => (document.activeElement as SVGElement | null)?.dataset['node'] === 'blocks.10.mlp.up')
    await page.keyboard.press('-')
    await page.keyboard.press('Shift+ArrowDown')
    const count = await boxCount(page)
    await page.waitForFunction(() => sessionStorage.getItem('state')?.includes('graph.place'))
    await settled(page)
    const place = await lies(page, 'blocks.10.mlp.up')
    await page.reload()
    await drawn(page, count)
    assert.equal(await page.locator('.node-panel h2').innerText(), 'blocks.10.mlp.up')
    assertNear(await lies(page, 'blocks.10.mlp.up'), place)
    // It goes on from the box that was in hand.
    await page.locator('.canvas').focus()
    await page.keyboard.press('ArrowDown')
    assert.equal(await focused(page), 'blocks.10.mlp.gelu')
    // What was closed stays closed.
    await page.locator('.node-panel button').click()
    await page.reload()
    await drawn(page, count)
    assert.equal(await page.locator('.node-panel').count(), 0)
  })

  it('opens no more than it can show of what was open in other graphs', async () => {
    const dir = join(await emptyFolder(), '.epochtree')
    writeGraphPair(dir, 20_000, 1)
    writeGraphRun(dir, 3, 'small', [pruned(1)])
    writeGraphRun(dir, 4, 'smaller', [pruned(0.5)])
    const { page } = await graphOf(dir, { references: ['small', 'smaller', 'wide'] })
    await drawn(page)
    await page.locator('[data-key=expand]').click()
    await page.locator('select[data-side=b]').selectOption({ label: 'wide' })
    await page.getByText('more than 5,000 boxes').waitFor()
    await drawn(page)
    await page.waitForFunction(() => document.querySelector('.graph-view .legend')?.textContent?.match(/\d\d,\d+ added/))
    assert.ok((await boxCount(page)) < 240)
  })

  it('keeps the place, the focus and what was opened while a model goes on', async () => {
    const dir = join(await emptyFolder(), '.epochtree')
    // More layers that differ than the list shows at first.
    const nodes = 400
    writeGraphRun(dir, 1, 'whole', [pruned(1, nodes)])
    writeGraphRun(dir, 2, 'pruned', [pruned(1, nodes), pruned(0.5, nodes)])
    writeGraphRun(dir, 3, 'third', [pruned(1, nodes)])
    const alone = await graphOf(dir, { references: ['whole', 'pruned', 'third'] })
    const { page, stores, heard, renew } = alone
    await drawn(page)
    await page.waitForSelector('.bars + .bars')
    /** Whether it is the very one that was there when it was marked. */
    const mark = (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((one) => one.classList.add('marked'))
    const marked = async (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((one) => one.classList.contains('marked'))
    const goesOn = async (session: number, number: number, left: number) => {
      addGraphEpoch(dir, session, number, pruned(left, nodes))
      await stores.ingest()
      await renew([runId(session)])
    }

    // The panel, by keyboard; and a third model goes on.
    await page.locator('.search input').fill('blocks.10.mlp.up')
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => (document.activeElement as SVGElement | null)?.dataset['node'] === 'blocks.10.mlp.up')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => (document.activeElement as HTMLElement).dataset['key']), 'close')
    for (const one of ['.legend button', '.node-panel', '.stage .box']) await mark(one)
    const place = await lies(page, 'blocks.10.mlp.up')
    let from = heard.length
    await goesOn(3, 2, 0.9)
    await settled(page)
    assert.deepEqual(asked(alone, from), [])
    for (const one of ['.legend button', '.node-panel', '.stage .box']) assert.ok(await marked(one), one)

    // One of the two logs, and its graph stays as it was.
    await page.locator('.differing-list summary').click()
    await page.locator('.differing button.plain').click()
    const rows = page.locator('.differing tbody tr')
    await until('more rows', async () => (await rows.count()) > 100)
    const count = await rows.count()
    const link = page.locator('.differing button.link').nth(120)
    await link.focus()
    const name = await link.innerText()
    const tall = await page.evaluate(() => window.scrollY)
    await mark('.differing .scroll')
    await goesOn(2, 3, 0.5)
    await page.waitForFunction(() => document.querySelector('.node-panel')?.textContent.includes('pruned@3'))
    assert.equal(await rows.count(), count)
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), name)
    assert.equal(await page.evaluate(() => window.scrollY), tall)
    assert.ok(await marked('.differing .scroll'))
    assert.ok(await marked('.legend button'))

    // It is pruned further, while one is in the panel.
    await page.locator('.node-panel button').focus()
    await goesOn(2, 4, 0.25)
    await page.waitForFunction(() => document.querySelector('.node-panel')?.textContent.includes('4,160'))
    await page.waitForFunction(() => document.querySelector('[data-node="blocks.10.mlp.up"] title')?.textContent.includes('4,160'))
    assert.equal(await page.evaluate(() => (document.activeElement as HTMLElement).dataset['key']), 'close')
    assertNear(await lies(page, 'blocks.10.mlp.up'), place)

    // The bars: more rows, the table, and a drag along one of them.
    const bars = page.locator('.bars').nth(1)
    await bars.locator('button.plain').click()
    await bars.locator('summary').click()
    const shown = await bars.locator('.bar-row').count()
    assert.ok(shown > 30, String(shown))
    await until('the table', async () => (await bars.locator('tbody tr').count()) === 3)
    const strip = bars.locator('[data-strip="All layers"]')
    await strip.scrollIntoViewIfNeeded()
    const { x, y, width } = (await strip.boundingBox())!
    const slider = bars.locator('input[type=range]')
    await page.mouse.move(x + width * 0.9, y + 10)
    await page.mouse.down()
    from = heard.length
    await goesOn(2, 5, 0.125)
    await until('the new epoch', async () => (await bars.locator('tbody tr').count()) === 4)
    assert.equal(await bars.locator('.bar-row').count(), shown)
    await page.mouse.move(x + width - 2, y + 10)
    await until('the drag goes on', async () => (await slider.inputValue()) === '5')
    // Beside it the strip is held still.
    await page.mouse.move(x + 2, y + 200)
    await until('the drag to the beginning', async () => (await slider.inputValue()) === '1')
    await page.mouse.up()
    await slider.focus()
    await goesOn(2, 6, 0.1)
    await until('one more epoch', async () => (await bars.locator('tbody tr').count()) === 5)
    assert.equal(await slider.evaluate((one) => one === document.activeElement), true)
    assert.equal(await slider.inputValue(), '1')
  })

  it('asks for no layout while it is hidden, and draws what came when it is looked at again', async () => {
    const made = join(await emptyFolder(), '.epochtree')
    // Circles: what goes straight down is laid out without a worker.
    const round = (...ids: readonly string[]) => ({
      id: 'round',
      nodes: Object.fromEntries(ids.map((id, i) => [id, { id, name: id, data: {}, outputs: { [ids[(i + 1) % ids.length]!]: {} } }])),
    })
    writeGraphRun(made, 1, 'wide', [round('a', 'b', 'c')])
    writeGraphRun(made, 2, 'narrow', [round('a', 'b')])
    const { page, told } = await pageOf(made, {
      ...large,
      before: () => {
        const counted = window as unknown as { started: number; ended: number }
        counted.started = counted.ended = 0
        const { Worker } = window
        window.Worker = class extends Worker {
          constructor(...given: ConstructorParameters<typeof Worker>) {
            super(...given)
            counted.started++
          }

          override terminate() {
            counted.ended++
            super.terminate()
          }
        }
      },
    })
    const running = () =>
      page.evaluate(() => {
        const { started, ended } = window as unknown as { started: number; ended: number }
        return started - ended
      })
    // Away again before the answer is there.
    await page.evaluate(() => {
      const tab = (view: string) => document.querySelector<HTMLElement>(`vscode-tab-header[data-view=${view}]`)!
      new MutationObserver((_, observer) => {
        if (!document.querySelector('.graph-view')) return
        observer.disconnect()
        tab('overview').click()
      }).observe(document.body, { childList: true, subtree: true })
      tab('graph').click()
    })
    await until('the answer', () => told.some((one) => one.type === 'answer' && 'nodes' in (one.answer as object)))
    await settled(page)
    assert.equal(await running(), 0)
    await page.locator('vscode-tab-header[data-view=graph]').click()
    await drawn(page)
    assert.equal(await running(), 1)
    // The models in another order make a view of their own: nothing of the one before goes on.
    await page.evaluate(() => {
      const side = document.querySelector<HTMLSelectElement>('select[data-side=b]')!
      side.value = '0'
      side.dispatchEvent(new Event('change'))
    })
    await page.locator('[data-key="up narrow"]').click()
    await until('the other order', async () => (await page.locator('select[data-side=a] option').allInnerTexts()).join() === 'narrow,wide')
    await drawn(page)
    await settled(page)
    assert.equal(await running(), 1)
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

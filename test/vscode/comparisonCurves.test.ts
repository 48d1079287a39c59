import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { LocalStores } from '../../server/storage/local/stores'
import type { CompareJson } from '../../server/protocol/model'
import type { FromPage } from '../../webview/messages/comparison'
import { demoCopy, emptyFolder } from './bench'
import { cli } from './cli'
import { epochLines, sessionId, type Trained, writeRuns } from './journals'
import { type Alone, type AloneOptions, openAlone, says, settled } from './pageAlone'
import { LONG_EPOCH, train } from './slowTraining'
import { until } from './until'

interface Shown extends Alone {
  readonly dir: string
  readonly stores: LocalStores
  readonly end: () => Promise<void>
}

async function show(dir: string, references: readonly string[], more: Partial<AloneOptions> = {}): Promise<Shown> {
  const stores = new LocalStores(dir)
  await stores.ingest()
  const alone = await openAlone({ stores, dir }, { references, size: { width: 1300, height: 1000 }, ...more })
  await alone.page.locator('vscode-tab-header[data-view="curves"]').click()
  await alone.page.locator('.curves .card canvas').first().waitFor()
  await settled(alone.page)
  const end = async () => {
    await alone.close()
    await stores.close()
  }
  return { ...alone, dir, stores, end }
}

async function runs(...trained: readonly Trained[]): Promise<string> {
  const dir = join(await emptyFolder(), '.epochtree')
  writeRuns(dir, trained)
  return dir
}

const card = (page: Page, name: string) => page.locator(`.curves .card[data-metric=${JSON.stringify(name)}]`)
const plot = (page: Page, name: string) => card(page, name).locator('.plot')
const tool = (page: Page, name: string, text: string) => card(page, name).getByRole('button', { name: text })

/** The legend of a chart: what it is of, and exact values by model and split. */
async function legend(page: Page, name: string) {
  return card(page, name)
    .locator('.readout')
    .evaluate((box) => {
      const models: Record<string, Record<string, { value: string; by: string; epoch: string }>> = {}
      for (const table of box.querySelectorAll('table')) {
        const splits = [...table.querySelectorAll('thead bdi')].map((one) => one.textContent)
        for (const row of table.querySelectorAll('tbody tr')) {
          const cells = [...row.querySelectorAll('td')]
          const of = (models[row.querySelector('bdi')!.textContent] ??= {})
          for (const [i, split] of splits.entries())
            of[split] = {
              value: cells[1 + 2 * i]!.title || cells[1 + 2 * i]!.textContent,
              by: cells[2 + 2 * i]!.textContent,
              epoch: cells[0]!.textContent,
            }
        }
      }
      return { of: box.querySelector('th')!.textContent, models }
    })
}

/** The table of values of a chart, which tells the part of the axis that is looked at. */
async function rows(page: Page, name: string): Promise<string[][]> {
  return card(page, name)
    .locator('.values tbody tr')
    .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)))
}
/** The first and the last epoch that a chart shows. */
async function seen(page: Page, name: string): Promise<[string, string]> {
  await settled(page)
  const all = await rows(page, name)
  return [all[0]![0]!, all.at(-1)![0]!]
}

const compare = (dir: string, ...references: readonly string[]) => cli<CompareJson>(dir, 'compare', ...references)

const saved = (heard: readonly FromPage[], from: number) => heard.slice(from).find((message) => message.type === 'save')
const asked = (heard: readonly FromPage[], from = 0) =>
  heard.slice(from).flatMap((message) => (message.type === 'ask' && message.question === 'curves' ? [message.asked] : []))

/** Saves a chart by the keyboard, and gives what was saved. */
async function save({ page, heard }: Shown, name: string, kind: string) {
  const from = heard.length
  await tool(page, name, 'Save').focus()
  await page.keyboard.press('Enter')
  await page.getByRole('menuitem', { name: kind }).focus()
  await page.keyboard.press('Enter')
  return until(`${name} as ${kind}`, () => Promise.resolve(saved(heard, from)))
}

/** A drag in a chart, by shares of its width. */
async function drag(page: Page, where: Locator, from: number, to: number, button: 'left' | 'middle' = 'left') {
  const box = (await where.locator('.u-over').boundingBox())!
  const y = box.y + box.height / 2
  await page.mouse.move(box.x + box.width * from, y)
  await page.mouse.down({ button })
  await page.mouse.move(box.x + box.width * ((from + to) / 2), y)
  await page.mouse.move(box.x + box.width * to, y)
  await page.mouse.up({ button })
}

/** Where an epoch is, in a chart that shows all of so many. */
async function placeOf(where: Locator, epoch: number, first: number, last: number) {
  const box = (await where.locator('.u-over').boundingBox())!
  const margin = (last - first) * 0.015
  return { x: box.x + ((epoch - first + margin) / (last - first + 2 * margin)) * box.width, y: box.y + box.height / 2 }
}

describe('the curves of the demo', () => {
  let shown: Shown
  let page: Page
  let json: CompareJson
  const valueAt = (metric: string, model: number, epoch: number) => {
    const { epochs, values } = json.metrics[metric]!.curves[model]!
    return String(values[epochs.indexOf(epoch)])
  }

  before(async () => {
    const dir = join(await demoCopy(), '.epochtree')
    json = compare(dir, 'digits', 'digits-2')
    shown = await show(dir, ['digits', 'digits-2'])
    page = shown.page
    page.on('pageerror', (error) => assert.fail(error))
  })
  after(() => shown.end())
  afterEach(async () => {
    await page.getByRole('button', { name: 'Show all' }).evaluate((button) => (button as HTMLElement).click())
    await plot(page, 'loss').press('Escape')
    await page.mouse.move(5, 5)
  })

  it('are one chart a name, splits together, and say where the fork is', async () => {
    assert.deepEqual(await page.locator('.curves .card h2').allTextContents(), ['accuracy', 'loss', 'parameters', 'sparsity'])
    assert.deepEqual(await card(page, 'loss').locator('thead bdi').allInnerTexts(), ['val', 'restored', 'train'])
    assert.match(await page.locator('.curves .key').innerText(), /shared past\s*digits-2 forks after epoch 30/)
    const label = await card(page, 'accuracy').locator('canvas').getAttribute('aria-label')
    assert.match(label!, /^accuracy\. Epoch\. At the end\. digits: val [\d.]+, restored –, train [\d.]+\. digits-2: /)
  })

  it('end where `compare --json` ends', async () => {
    const { of, models } = await legend(page, 'accuracy')
    assert.equal(of, 'At the end')
    for (const [i, name] of ['digits', 'digits-2'].entries())
      for (const split of ['val', 'train']) assert.equal(models[name]![split]!.value, String(json.metrics[`${split}/accuracy`]!.values[i]))
  })

  it('have a table of values, the same as `compare --json`', async () => {
    await tool(page, 'loss', 'Table of values').click()
    const all = await rows(page, 'loss')
    assert.equal(all.length, 40)
    assert.ok(await card(page, 'loss').locator('.pages').isHidden())
    assert.deepEqual(await card(page, 'loss').locator('.values thead th').allInnerTexts(), [
      'Epoch',
      'digits val',
      'digits-2 val',
      'digits-2 restored',
      'digits train',
      'digits-2 train',
    ])
    for (const [i, [epoch, first, second]] of all.entries()) {
      assert.equal(epoch, String(i + 1))
      assert.equal(first, valueAt('val/loss', 0, i + 1))
      assert.equal(second, valueAt('val/loss', 1, i + 1))
    }
    await tool(page, 'loss', 'Table of values').focus()
    await page.keyboard.press('Enter')
    assert.equal(await card(page, 'loss').locator('.values').count(), 0)
  })

  it('show the values of all models at the epoch under the pointer, in every chart', async () => {
    const { x, y } = await placeOf(plot(page, 'accuracy'), 35, 1, 40)
    await page.mouse.move(x, y)
    for (const name of ['accuracy', 'loss']) {
      const { of, models } = await legend(page, name)
      assert.equal(of, 'Epoch 35')
      assert.equal(models['digits']!['val']!.value, valueAt(`val/${name}`, 0, 35))
      assert.equal(models['digits-2']!['val']!.value, valueAt(`val/${name}`, 1, 35))
      const by = Number(valueAt(`val/${name}`, 1, 35)) - Number(valueAt(`val/${name}`, 0, 35))
      assert.match(models['digits-2']!['val']!.by, by > 0 ? /^\+/ : /^−/)
      assert.ok(Math.abs(Math.abs(by) - Number(models['digits-2']!['val']!.by.slice(1))) < Math.abs(by) / 100)
    }
  })

  it('are read by keyboard, epoch by epoch, and told to a screen reader', async () => {
    await plot(page, 'loss').focus()
    await page.keyboard.press('Home')
    assert.equal((await legend(page, 'loss')).of, 'Epoch 1')
    for (let i = 0; i < 30; i++) await page.keyboard.press('ArrowRight')
    const { of, models } = await legend(page, 'loss')
    assert.equal(of, 'Epoch 31')
    assert.equal(models['digits']!['val']!.value, valueAt('val/loss', 0, 31))
    assert.equal(models['digits-2']!['val']!.value, valueAt('val/loss', 1, 31))
    assert.match(await page.locator('.unseen[aria-live]').innerText(), /^Epoch 31\. digits: val [\d.]+.*digits-2: val/)
    await page.keyboard.press('ArrowLeft')
    assert.equal((await legend(page, 'accuracy')).of, 'Epoch 30')
    await page.keyboard.press('End')
    assert.equal((await legend(page, 'loss')).of, 'Epoch 40')
  })

  it('are zoomed by wheel and drag, all charts together, and reset by double click, Escape and a button', async () => {
    for (const name of ['accuracy', 'loss']) await tool(page, name, 'Table of values').click()
    await page.evaluate(() => window.scrollTo(0, 0))
    assert.deepEqual(await seen(page, 'accuracy'), ['1', '40'])
    const { x, y } = await placeOf(plot(page, 'accuracy'), 30, 1, 40)
    await settled(page)
    await page.mouse.move(x, y)
    for (let i = 0; i < 4; i++) await page.mouse.wheel(0, -200)
    const wheeled = await seen(page, 'accuracy')
    assert.ok(Number(wheeled[0]) > 15 && Number(wheeled[1]) < 40 && Number(wheeled[0]) < 30, wheeled.join(' to '))
    assert.deepEqual(await seen(page, 'loss'), wheeled)
    await page.mouse.dblclick(x, y)
    assert.deepEqual(await seen(page, 'loss'), ['1', '40'])
    assert.equal(await page.getByRole('menu').count(), 0)

    await drag(page, plot(page, 'loss'), 0.505, 0.76)
    assert.deepEqual(await seen(page, 'accuracy'), ['21', '30'])
    await page.keyboard.press('Escape')
    assert.deepEqual(await seen(page, 'accuracy'), ['1', '40'])

    await drag(page, plot(page, 'accuracy'), 0.505, 0.76)
    await page.getByRole('button', { name: 'Show all' }).click()
    assert.deepEqual(await seen(page, 'accuracy'), ['1', '40'])
    assert.ok(await page.getByRole('button', { name: 'Show all' }).isDisabled())
  })

  it('are zoomed and moved by keyboard', async () => {
    await plot(page, 'accuracy').focus()
    await page.keyboard.press('Home')
    await page.keyboard.press('+')
    await page.keyboard.press('+')
    const near = await seen(page, 'accuracy')
    assert.equal(near[0], '1')
    assert.ok(Number(near[1]) < 20)
    await page.keyboard.press('Shift+ArrowRight')
    const moved = await seen(page, 'accuracy')
    assert.ok(Number(moved[0]) > 1 && Number(moved[1]) > Number(near[1]))
    await page.keyboard.press('-')
    await page.keyboard.press('-')
    await page.keyboard.press('-')
    await page.keyboard.press('-')
    assert.deepEqual(await seen(page, 'loss'), ['1', '40'])
    await page.keyboard.press('End')
    await page.keyboard.press('+')
    await page.keyboard.press('+')
    // The cursor is never out of sight.
    await page.keyboard.press('Home')
    assert.equal((await seen(page, 'loss'))[0], '1')
  })

  it('are moved by a drag with Shift, and with the middle button', async () => {
    await drag(page, plot(page, 'accuracy'), 0.505, 0.76)
    await page.keyboard.down('Shift')
    await drag(page, plot(page, 'accuracy'), 0.2, 0.7)
    await page.keyboard.up('Shift')
    const [from, to] = await seen(page, 'loss')
    assert.deepEqual([from, to], ['16', '25'])
    await drag(page, plot(page, 'loss'), 0.7, 0.2, 'middle')
    assert.deepEqual(await seen(page, 'loss'), ['21', '30'])
    for (const name of ['accuracy', 'loss']) await tool(page, name, 'Table of values').click()
  })

  it('have a menu for each epoch, by click and by keyboard', async () => {
    const session = json.models[1]!.id
    const { x } = await placeOf(plot(page, 'parameters'), 40, 1, 40)
    const box = (await plot(page, 'parameters').locator('.u-over').boundingBox())!
    // Near the line of digits-2, which keeps more parameters.
    await page.mouse.click(x, box.y + box.height - 25)
    await page.getByRole('menu', { name: 'What to do with Epoch 40' }).waitFor()
    assert.deepEqual(await page.getByRole('menuitemradio').allInnerTexts(), ['digits@40', 'digits-2@40'])
    assert.equal(await page.getByRole('menuitemradio', { checked: true }).innerText(), 'digits-2@40')
    await page.getByRole('menuitem', { name: 'Fork' }).click()
    await says(shown, { type: 'act', action: 'fork', reference: `${session}@40` })
    assert.equal(await page.getByRole('menu').count(), 0)

    await plot(page, 'loss').focus()
    await page.keyboard.press('End')
    for (const [i, action] of (['openEpoch', 'fork', 'select', 'checkout', 'copyReference'] as const).entries()) {
      await page.keyboard.press('Enter')
      for (let step = 0; step < i; step++) await page.keyboard.press('ArrowDown')
      await page.keyboard.press('Enter')
      await says(shown, { type: 'act', action, reference: `${json.models[0]!.id}@40` })
    }
    await page.keyboard.press('Enter')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    assert.equal(await page.getByRole('menuitemradio', { checked: true }).innerText(), 'digits-2@40')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await says(shown, { type: 'act', action: 'openEpoch', reference: `${session}@40` })
    await page.keyboard.press('Enter')
    await page.keyboard.press('Escape')
    assert.equal(await page.getByRole('menu').count(), 0)
    assert.ok(await plot(page, 'loss').evaluate((one) => one === document.activeElement))
    // What is shared has one trainer: there is nothing to choose.
    for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('Enter')
    assert.equal(await page.getByRole('menuitemradio').count(), 0)
    assert.match(await page.getByRole('menu').innerText(), /digits@28/)
    await page.keyboard.press('Escape')
  })

  it('are saved as a CSV of all values', async () => {
    const { name, content } = await save(shown, 'loss', 'CSV')
    assert.equal(name, 'loss.csv')
    const lines = content.trimEnd().split('\r\n')
    assert.equal(lines[0], 'epoch,digits val/loss,digits-2 val/loss,digits-2 restored/loss,digits train/loss,digits-2 train/loss')
    assert.equal(lines.length, 41)
    for (const [i, line] of lines.slice(1).entries()) {
      const [epoch, first, second] = line.split(',')
      assert.deepEqual([epoch, first, second], [String(i + 1), valueAt('val/loss', 0, i + 1), valueAt('val/loss', 1, i + 1)])
    }
  })

  it('are saved as PNG and as SVG, with who is who', async () => {
    const png = await save(shown, 'loss', 'PNG')
    assert.ok(png.base64)
    const bytes = Buffer.from(png.content, 'base64')
    assert.deepEqual([...bytes.subarray(1, 4)], [...Buffer.from('PNG')])
    assert.equal(bytes.readUInt32BE(16), 1920)
    const svg = await save(shown, 'loss', 'SVG')
    assert.equal(svg.name, 'loss.svg')
    for (const text of ['>loss<', '>Epoch<', '>digits<', '>digits-2<', '>shared past<', '>val<', '>train<', '>40<'])
      assert.ok(svg.content.includes(text), text)
    assert.doesNotMatch(svg.content, /NaN|undefined/)
    const valid = await page.evaluate(
      (text) => new DOMParser().parseFromString(text, 'image/svg+xml').querySelector('parsererror') === null,
      svg.content,
    )
    assert.ok(valid)
  })

  it('are smoothed, and what was logged stays faintly visible', async () => {
    const slider = page.getByRole('slider', { name: 'Smoothing' })
    const before = (await save(shown, 'accuracy', 'SVG')).content
    assert.doesNotMatch(before, /stroke-opacity="0.3"/)
    await slider.focus()
    for (let i = 0; i < 60; i++) await page.keyboard.press('ArrowRight')
    assert.equal(await page.locator('.curves output').innerText(), '0.60')
    const after = (await save(shown, 'accuracy', 'SVG')).content
    const faint = [...after.matchAll(/<path d="([^"]+)"[^>]*stroke-width="1"[^>]*stroke-opacity="0.3"/g)].map(([, d]) => d!)
    assert.equal(faint.length, 7)
    for (const d of faint) assert.ok(before.includes(d))
    // The values at the cursor stay those that were logged.
    assert.equal((await legend(page, 'accuracy')).models['digits']!['val']!.value, String(json.metrics['val/accuracy']!.values[0]))
    await page.keyboard.press('Home')
  })

  it('stand on a logarithmic axis', async () => {
    await tool(page, 'parameters', 'Logarithmic axis').click()
    await settled(page)
    const { content } = await save(shown, 'parameters', 'SVG')
    const ticks = new Set([...content.matchAll(/text-anchor="end">([^<]+)</g)].map(([, text]) => text))
    assert.ok(ticks.has('1,000') && !ticks.has('0'))
    await tool(page, 'parameters', 'Logarithmic axis').click()
  })

  it('stand over steps and over time, since the start and since the fork', async () => {
    const axis = page.getByRole('combobox', { name: 'Horizontal axis' })
    await tool(page, 'accuracy', 'Table of values').click()
    await axis.selectOption('step')
    await settled(page)
    assert.equal(await card(page, 'accuracy').locator('.values thead th').first().innerText(), 'Step')
    await axis.selectOption('time')
    await settled(page)
    const since = (await rows(page, 'accuracy')).map(([at]) => Number(at))
    assert.match(await card(page, 'accuracy').locator('.values thead th').first().innerText(), /^Time since the start \((s|min)\)$/)
    assert.ok(since[0]! >= 0)
    await axis.selectOption('sinceFork')
    await settled(page)
    const forked = (await rows(page, 'accuracy')).map(([at]) => Number(at))
    assert.match(await card(page, 'accuracy').locator('.values thead th').first().innerText(), /^Time since the fork/)
    assert.ok(forked[0]! < 0 && forked.at(-1)! > 0)
    await plot(page, 'accuracy').focus()
    await page.keyboard.press('End')
    assert.match((await legend(page, 'accuracy')).of, /^[\d.,]+ (s|min)$/)
    await axis.selectOption('epoch')
    await settled(page)
    await tool(page, 'accuracy', 'Table of values').click()
  })

  it('are pinned and found, and so they stay through a reload', async () => {
    await tool(page, 'sparsity', 'Pin to the top').click()
    assert.deepEqual(await page.locator('.curves .card h2').allTextContents(), ['sparsity', 'accuracy', 'loss', 'parameters'])
    const search = page.getByRole('searchbox', { name: 'Search metrics' })
    await search.fill('LOSS val')
    assert.deepEqual(await page.locator('.curves .card:visible h2').allTextContents(), ['loss'])
    assert.equal(await page.locator('.curves .found').innerText(), '1 of 4 charts')
    await search.fill('nothing like it')
    assert.equal(await page.locator('.curves .found').innerText(), 'No metric is called “nothing like it”.')
    await search.fill('')
    await drag(page, plot(page, 'accuracy'), 0.505, 0.76)
    await tool(page, 'loss', 'Table of values').click()
    await search.fill('loss')
    await settled(page)
    await page.reload()
    await card(page, 'loss').locator('canvas').first().waitFor()
    assert.equal(await search.inputValue(), 'loss')
    assert.deepEqual(await page.locator('.curves .card:visible h2').allTextContents(), ['loss'])
    await search.fill('')
    assert.deepEqual(await page.locator('.curves .card h2').allTextContents(), ['sparsity', 'accuracy', 'loss', 'parameters'])
    assert.equal(await tool(page, 'loss', 'Table of values').getAttribute('aria-pressed'), 'true')
    await card(page, 'loss').locator('.values tbody tr').first().waitFor()
    assert.deepEqual(await seen(page, 'loss'), ['21', '30'])
    await tool(page, 'loss', 'Table of values').click()
    await tool(page, 'sparsity', 'Pin to the top').focus()
    await page.keyboard.press('Enter')
    assert.deepEqual(await page.locator('.curves .card h2').allTextContents(), ['accuracy', 'loss', 'parameters', 'sparsity'])
  })

  it('take their colours from the theme, live', async () => {
    const colours = () =>
      card(page, 'loss')
        .locator('canvas')
        .evaluate((canvas) => {
          const { width, height } = canvas as HTMLCanvasElement
          const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height)
          const found: Record<string, number> = {}
          for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) found[`${data[i]},${data[i + 1]},${data[i + 2]}`] = 1
          return Object.keys(found)
        })
    // The chart has just moved, and is drawn when the page gets to it.
    await until('the curve in the dark theme', async () => (await colours()).includes('86,168,245'))
    await page.evaluate(() => document.body.classList.replace('vscode-dark', 'vscode-light'))
    await until('the curve in the light theme', async () => {
      const light = await colours()
      return light.includes('11,98,184') && !light.includes('86,168,245')
    })
    await page.evaluate(() => document.body.classList.replace('vscode-light', 'vscode-dark'))
  })
})

describe('the curves of an untrusted workspace', () => {
  it('offer nothing to do', async () => {
    const { page, end } = await show(join(await demoCopy(), '.epochtree'), ['digits', 'digits-2'], { trusted: false })
    await plot(page, 'loss').focus()
    await page.keyboard.press('End')
    await page.keyboard.press('Enter')
    await plot(page, 'loss').click()
    assert.equal(await page.getByRole('menu').count(), 0)
    await end()
  })
})

describe('curves of forks of forks', () => {
  const log = (seed: number) => (e: number) => ({ val: { loss: seed + 1 / e }, train: { loss: [seed + 2 / e, seed + 3 / e] } })
  const tree: readonly Trained[] = [
    { name: 'a', epochs: [1, 60], log: log(0) },
    { name: 'b', forkOf: { name: 'a', at: 20 }, epochs: [21, 60], log: log(1) },
    { name: 'c', forkOf: { name: 'a', at: 30 }, epochs: [31, 70], log: log(2) },
    { name: 'd', forkOf: { name: 'b', at: 40 }, epochs: [41, 80], log: log(3) },
    { name: 'e', forkOf: { name: 'b', at: 42 }, epochs: [43, 60], log: log(4) },
    { name: 'f', forkOf: { name: 'd', at: 50 }, epochs: [51, 80], log: log(5) },
  ]

  it('are a tree whose lines join without a gap, each colour that of its model', async () => {
    const shown = await show(await runs(...tree), ['a', 'b', 'c', 'd', 'e', 'f'])
    const { content } = await save(shown, 'loss', 'SVG')
    const all = [...content.matchAll(/<path d="(M[^"]+)" fill="none" stroke="([^"]+)" stroke-width="1.6"/g)].map(([, d, colour]) => ({
      points: d!.slice(1).split('L'),
      colour,
    }))
    // Two splits of ten lines: shared by all, by parts of them, and one's own.
    assert.equal(all.length, 2 * shown.told.flatMap((one) => (one.type === 'show' ? [one.comparison.lines.length] : [])).at(-1)!)
    const points = new Set(all.flatMap(({ points }) => points.slice(1)))
    const roots = all.filter(({ points: [first] }) => !points.has(first!))
    assert.equal(roots.length, 2)
    assert.equal(new Set(all.map(({ colour }) => colour)).size, 7)
    const key = await shown.page.locator('.curves .key').innerText()
    for (const [name, at] of [
      ['b', 20],
      ['c', 30],
      ['d', 40],
      ['e', 42],
      ['f', 50],
    ] as const)
      assert.match(key, new RegExp(`${name} forks after epoch ${at}`))
    await shown.end()
  })

  it('count the time since the fork from where it is, whatever chart comes first', async () => {
    const log = (e: number) => ({ val: { loss: 1 / e, ...(e <= 10 ? { early: e } : {}) } })
    const dir = await runs({ name: 'a', epochs: [1, 40], log }, { name: 'b', forkOf: { name: 'a', at: 30 }, epochs: [31, 40], log })
    const shown = await show(dir, ['a', 'b'])
    const { page } = shown
    const search = page.getByRole('searchbox', { name: 'Search metrics' })
    await search.fill('early')
    await settled(page)
    await page.getByRole('combobox', { name: 'Horizontal axis' }).selectOption('sinceFork')
    await tool(page, 'early', 'Table of values').click()
    await until('the early values by time', async () => Number((await rows(page, 'early'))[9]?.[0]?.replaceAll(',', '')) < 0)
    await search.fill('')
    await tool(page, 'loss', 'Table of values').click()
    const past = await until('the values by time', async () => {
      const at = (await rows(page, 'loss')).map(([time]) => Number(time!.replaceAll(',', '')))
      return at.length > 40 && at.filter((time) => time < 0).length
    })
    assert.equal(past, 30)
    const { content } = await save(shown, 'early', 'SVG')
    const [mark] = /(?<=<path d="M)[\d.]+(?= [^"]*"[^>]*stroke-dasharray="2 3")/.exec(content)!
    const [end] = /(?<=<circle cx=")[\d.]+/.exec(content)!
    assert.ok(Number(mark) > Number(end) + 10, `${mark} after ${end}`)
    await shown.end()
  })

  it('mark a model that ends on another’s past', async () => {
    const shown = await show(await runs(tree[0]!), ['a', 'a@20'])
    assert.match(await shown.page.locator('.curves .key').innerText(), /a@20 ends at epoch 20/)
    const { content } = await save(shown, 'loss', 'SVG')
    assert.match(content, /<text[^>]*>a@20<\/text>/)
    const { models } = await legend(shown.page, 'loss')
    assert.equal(models['a@20']!['val']!.value, String(1 / 20))
    assert.equal(models['a@20']!['val']!.epoch, '20')
    await shown.end()
  })

  it('of models without a common past say so', async () => {
    const shown = await show(await runs({ name: 'x', epochs: [1, 3], log: log(1) }, { name: 'y', epochs: [1, 3], log: log(2) }), ['x', 'y'])
    assert.match(await shown.page.locator('.curves .key').innerText(), /no past in common/)
    assert.deepEqual(await shown.page.locator('.curves select').locator('option').allInnerTexts(), [
      'Epoch',
      'Step',
      'Time since the start',
    ])
    await shown.end()
  })
})

describe('curves of unusual metrics and names', () => {
  it('are drawn sensibly, and say what they are', async () => {
    const script = `<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">`
    const long = `long-${'x'.repeat(490)}-end`
    const arabic = 'خسارة التحقق'
    const dir = await runs(
      {
        name: 'one',
        epochs: [1, 8],
        log: (e) => ({
          val: {
            nothing: NaN,
            constant: 0.25,
            ...(e === 3 ? { once: 7 } : {}),
            holes: e === 4 ? NaN : e === 6 ? Infinity : e,
            signed: e - 4,
            [script]: e,
            [long]: e,
            [arabic]: e,
          },
        }),
      },
      { name: 'مقارنة', epochs: [1, 8], log: (e) => ({ val: { constant: 0.25, holes: 2 * e, signed: -e } }) },
    )
    const shown = await show(dir, ['one', 'مقارنة'], { size: { width: 1300, height: 2500 } })
    const { page } = shown
    const note = (name: string) => card(page, name).locator('.note').innerText()
    assert.equal(await note('nothing'), 'All values are NaN or infinite (✕).')
    assert.equal(await note('constant'), 'All values are 0.25.')
    assert.equal(await note('once'), 'There is a single value: 7 (Epoch 3).')
    assert.equal(await note('holes'), '✕ marks values that are NaN or infinite.')
    await tool(page, 'signed', 'Logarithmic axis').click()
    assert.equal(await note('signed'), 'Values of 0 and below have no place on a logarithmic axis and are not drawn.')
    assert.equal((await legend(page, 'nothing')).models['one']!['val']!.value, 'NaN')
    await plot(page, 'holes').focus()
    await page.keyboard.press('Home')
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight')
    assert.equal((await legend(page, 'holes')).models['one']!['val']!.value, 'Infinity')
    const broken = (await save(shown, 'holes', 'SVG')).content
    // Broken at 4 and at 6: 1 to 3, 5 alone, 7 to 8; and a mark at each.
    assert.match(broken, /<path d="M[\d. ]+L[\d. ]+L[\d. ]+M[\d. ]+M[\d. ]+L[\d. ]+"/)
    assert.equal(broken.match(/M[\d.]+ [\d.]+L[\d.]+ [\d.]+M[\d.]+ [\d.]+L[\d.]+ [\d.]+"/g)?.length, 2)
    const names = await page.locator('.curves .card h2').allTextContents()
    for (const name of [script, long, arabic]) {
      assert.ok(names.includes(name))
      await card(page, name).locator('canvas').waitFor()
      assert.equal(await card(page, name).locator('h2').getAttribute('title'), name)
      const { content, name: file } = await save(shown, name, 'SVG')
      assert.doesNotMatch(content, /<script|<img/)
      assert.ok(file.length < 100)
    }
    assert.equal(await page.evaluate(() => 'hacked' in window), false)
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true)
    await shown.end()
  })
})

describe('curves of long trainings', () => {
  const value = (e: number) => (e === 3333 ? 50 : Math.sin(e / 300) + (e % 7) / 10)
  let shown: Shown
  before(async () => {
    const log = (e: number) => ({ val: { loss: value(e), accuracy: -value(e) } })
    const dir = await runs(
      { name: 'long', epochs: [1, 6000], log },
      {
        name: 'long-2',
        forkOf: { name: 'long', at: 3000 },
        epochs: [3001, 6000],
        log: (e) => ({ val: { loss: 2 * value(e), accuracy: value(e) } }),
      },
    )
    shown = await show(dir, ['long', 'long-2'])
  })
  after(() => shown.end())

  it('lose no peak, and show the values of any epoch exactly', async () => {
    const { page } = shown
    const all = asked(shown.heard)
    assert.ok(all.every(({ buckets }) => buckets <= 600))
    const { content } = await save(shown, 'loss', 'SVG')
    assert.match(content, /fill-opacity="0.18"/)
    const ticks = [...content.matchAll(/text-anchor="end">([^<]+)</g)].map(([, text]) => Number(text))
    assert.ok(Math.max(...ticks) >= 100)
    await plot(page, 'loss').focus()
    await page.keyboard.press('End')
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowLeft')
    await settled(page)
    const { of, models } = await legend(page, 'loss')
    assert.equal(of, 'Epoch 5,997')
    assert.equal(models['long']!['val']!.value, String(value(5997)))
    assert.equal(models['long-2']!['val']!.value, String(2 * value(5997)))
    assert.equal((await legend(page, 'accuracy')).models['long']!['val']!.value, String(-value(5997)))
  })

  it('are fetched more finely where one zooms in', async () => {
    const { page, heard } = shown
    await tool(page, 'loss', 'Table of values').click()
    assert.ok((await rows(page, 'loss')).length < 600)
    const from = heard.length
    await drag(page, plot(page, 'loss'), 0.54, 0.57)
    const all = await until('the table of what is zoomed to', async () => {
      const now = await rows(page, 'loss')
      return now.length > 1 && Number(now[0]![0]!.replaceAll(',', '')) > 3000 && now
    })
    await settled(page)
    // Beside the values under the pointer, and all of the table.
    const finer = asked(heard, from).filter(({ buckets }) => buckets > 1 && buckets < 4000)
    assert.equal(finer.length, 1)
    assert.ok(finer[0]!.range![1] - finer[0]!.range![0] < 500)
    for (const [i, [epoch, first, second]] of all.entries()) {
      const number = Number(epoch!.replaceAll(',', ''))
      assert.equal(number, Number(all[0]![0]!.replaceAll(',', '')) + i)
      assert.equal(first, String(value(number)))
      assert.equal(second, String(2 * value(number)))
    }
    await page.keyboard.press('Escape')
    await tool(page, 'loss', 'Table of values').click()
  })

  it('are all in the CSV', async () => {
    const { content } = await save(shown, 'loss', 'CSV')
    const lines = content.trimEnd().split('\r\n').slice(1)
    assert.equal(lines.length, 6000)
    for (const e of [1, 3000, 3333, 6000]) assert.equal(lines[e - 1], `${e},${value(e)},${e > 3000 ? 2 * value(e) : value(e)}`)
  })
})

describe('curves of a thousand metrics', () => {
  it('are searched at once, and only those in sight are asked for and drawn', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `layer.${String(i).padStart(3, '0')}/norm`)
    const log = (e: number) => ({ train: Object.fromEntries(names.map((name, i) => [name, i + e])) })
    const { page, heard, end } = await show(await runs({ name: 'a', epochs: [1, 4], log }, { name: 'b', epochs: [1, 4], log }), ['a', 'b'])
    assert.equal(await page.locator('.curves .card').count(), 1000)
    const first = new Set(asked(heard).flatMap(({ metrics }) => metrics))
    assert.ok(first.size < 40, `${first.size} asked`)
    assert.ok((await page.locator('.curves canvas').count()) < 40)
    // The best of some: other tests may run on the machine.
    const took = await page.locator('.curves input[type=search]').evaluate((search) => {
      const times = ['.1', '.12', '.7', '.77', '.777'].map((text) => {
        const started = performance.now()
        ;(search as HTMLInputElement).value = text
        search.dispatchEvent(new Event('input'))
        document.body.getBoundingClientRect()
        return performance.now() - started
      })
      return Math.min(...times)
    })
    assert.ok(took < 50, `${took} ms`)
    await card(page, 'layer.777/norm').locator('canvas').waitFor()
    assert.deepEqual(await page.locator('.curves .card:visible h2').allTextContents(), ['layer.777/norm'])
    await settled(page)
    assert.equal((await legend(page, 'layer.777/norm')).models['a']!['train']!.value, '781')
    await page.locator('.curves input[type=search]').fill('')
    await page.mouse.move(10, 500)
    for (let i = 0; i < 30; i++) await page.mouse.wheel(0, 1000)
    await settled(page)
    assert.ok((await page.locator('.curves canvas').count()) < 60)
    await end()
  })
})

describe('curves that could not be had', () => {
  it('come with the server, without a touch of the page', async () => {
    const log = (e: number) => ({ val: { loss: 1 / e } })
    const dir = await runs({ name: 'a', epochs: [1, 4], log }, { name: 'b', epochs: [1, 4], log })
    const context = { stores: new LocalStores(dir), dir }
    await context.stores.ingest()
    const { page, renew, close } = await openAlone(context, { references: ['a', 'b'] })
    const { stores } = context
    context.stores = new LocalStores(join(await emptyFolder(), '.epochtree'))
    await page.locator('vscode-tab-header[data-view="curves"]').click()
    await page.locator('.curves .failed').waitFor()
    assert.equal(await page.locator('.curves canvas').count(), 0)
    await context.stores.close()
    context.stores = stores
    await renew([0, 1].map(sessionId))
    await card(page, 'loss').locator('canvas').waitFor()
    assert.ok(await page.locator('.curves .failed').isHidden())
    assert.equal((await legend(page, 'loss')).models['a']!['val']!.value, '0.25')
    await close()
    await stores.close()
  })
})

describe('curves of a training that goes on', () => {
  /** A further epoch of the second run, whose own epochs begin with `first`. */
  const append = (dir: string, epoch: number, first: number, logged: ReturnType<Trained['log']>) =>
    appendFileSync(
      join(dir, 'runs', sessionId(1), 'journal.jsonl'),
      epochLines(1, epoch, first, 1_764_003_600, logged)
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    )

  it('grow, only the lines of that session asked again; a zoom stays', async () => {
    const log = (seed: number) => (e: number) => ({ val: { loss: seed + 1 / e } })
    const dir = await runs(
      { name: 'a', epochs: [1, 20], log: log(0) },
      { name: 'b', forkOf: { name: 'a', at: 10 }, epochs: [11, 15], log: log(1), running: true },
    )
    const shown = await show(dir, ['a', 'b'])
    const { page, heard, stores, renew } = shown
    const go = async (epoch: number) => {
      append(dir, epoch, 11, log(1)(epoch))
      await stores.ingest()
      const from = heard.length
      await renew([sessionId(1)])
      await settled(page)
      return asked(heard, from)
    }
    await tool(page, 'loss', 'Table of values').click()
    assert.deepEqual(await seen(page, 'loss'), ['1', '20'])
    for (let epoch = 16; epoch <= 24; epoch++) {
      const again = await go(epoch)
      assert.deepEqual(
        again.map(({ lines }) => lines),
        [[`${sessionId(1)}:11`]],
      )
      assert.equal((await legend(page, 'loss')).models['b']!['val']!.value, String(1 + 1 / epoch))
    }
    assert.deepEqual(await seen(page, 'loss'), ['1', '24'])
    await drag(page, plot(page, 'loss'), 0.4, 0.6)
    const zoomed = await seen(page, 'loss')
    await go(25)
    await go(26)
    assert.deepEqual(await seen(page, 'loss'), zoomed)
    await page.keyboard.press('Escape')
    assert.deepEqual(await seen(page, 'loss'), ['1', '26'])
    // A view that was hidden meanwhile knows it when it is seen again.
    await page.locator('vscode-tab-header[data-view="overview"]').click()
    assert.deepEqual(await go(27), [])
    await page.locator('vscode-tab-header[data-view="curves"]').click()
    assert.deepEqual(await seen(page, 'loss'), ['1', '27'])
    await shown.end()
  })

  it('are asked for again when the view that called them off is seen again', async () => {
    const log = (e: number) => ({ val: { loss: 1 / e } })
    const dir = await runs({ name: 'a', epochs: [1, 20], log }, { name: 'b', epochs: [1, 15], log, running: true })
    const shown = await show(dir, ['a', 'b'])
    const { page, stores, renew } = shown
    append(dir, 16, 1, log(16))
    await stores.ingest()
    // The page hears it first, and asks; then another view is looked at, before there is an answer.
    await page.evaluate(() =>
      window.addEventListener('message', () => document.querySelector<HTMLElement>('[data-view="overview"]')!.click(), { once: true }),
    )
    const from = shown.heard.length
    await renew([sessionId(1)])
    await settled(page)
    const calledOff = shown.heard.slice(from).flatMap((one) => (one.type === 'cancel' ? [one.id] : []))
    const question = shown.heard.slice(from).find((one) => one.type === 'ask' && one.question === 'curves')
    assert.ok(question?.type === 'ask' && calledOff.includes(question.id))
    await page.locator('vscode-tab-header[data-view="curves"]').click()
    await settled(page)
    assert.equal((await legend(page, 'loss')).models['b']!['val']!.value, String(1 / 16))
    await shown.end()
  })

  it('leave nothing behind of a question that was answered', async () => {
    const log = (e: number) => ({ val: { loss: 1 / e } })
    const before = () => {
      const heard = new Set<unknown>()
      AbortSignal.prototype.addEventListener = function (...given: Parameters<EventTarget['addEventListener']>) {
        heard.add(given[1])
        EventTarget.prototype.addEventListener.apply(this, given)
      }
      AbortSignal.prototype.removeEventListener = function (...given: Parameters<EventTarget['removeEventListener']>) {
        heard.delete(given[1])
        EventTarget.prototype.removeEventListener.apply(this, given)
      }
      Object.assign(window, { heard })
    }
    const shown = await show(await runs({ name: 'a', epochs: [1, 9], log }, { name: 'b', epochs: [1, 9], log }), ['a', 'b'], { before })
    const from = shown.heard.length
    for (let i = 0; i < 3; i++) await shown.renew([sessionId(1)])
    await until('no listener to be left', async () => {
      const left = await shown.page.evaluate(() => (window as unknown as { heard: Set<unknown> }).heard.size)
      return asked(shown.heard, from).length > 0 && left === 0
    })
    await shown.end()
  })

  it('leave who reads their table where it is read', async () => {
    const log = (e: number) => ({ val: { loss: 1 / e } })
    const dir = await runs({ name: 'a', epochs: [1, 150], log }, { name: 'b', epochs: [1, 250], log, running: true })
    const shown = await show(dir, ['a', 'b'])
    const { page, stores, renew } = shown
    await tool(page, 'loss', 'Table of values').click()
    const later = card(page, 'loss').getByRole('button', { name: 'Later' })
    const where = async () => {
      const focused = await page.evaluate(() => document.activeElement!.textContent)
      const scrolled = await card(page, 'loss')
        .locator('.values .scroll')
        .evaluate((region) => region.scrollTop)
      return [(await rows(page, 'loss'))[0]![0], await card(page, 'loss').locator('.pages span').innerText(), focused, scrolled]
    }
    await later.focus()
    await page.keyboard.press('Enter')
    await card(page, 'loss')
      .locator('.values .scroll')
      .evaluate((region) => (region.scrollTop = 50))
    assert.deepEqual(await where(), ['101', '101 to 200 of 250', 'Later', 50])
    append(dir, 251, 1, log(251))
    await stores.ingest()
    await renew([sessionId(1)])
    await until('the row that came', async () => String(await where()) === String(['101', '101 to 200 of 251', 'Later', 50]))
    // On the last page there is nothing later.
    await page.keyboard.press('Enter')
    assert.deepEqual(await where(), ['201', '201 to 251 of 251', 'Earlier', 0])
    assert.deepEqual((await rows(page, 'loss')).at(-1), ['251', '', String(1 / 251)])
    // Another part of the axis is read from its beginning.
    await drag(page, plot(page, 'loss'), 0.2, 0.9)
    await until('the part that is zoomed to', async () =>
      (await card(page, 'loss').locator('.pages span').innerText()).startsWith('1 to 100'),
    )
    await shown.end()
  })

  it('keep of each chart the part that it knows finely', async () => {
    const log = (e: number) => ({ val: { loss: 1 / e, accuracy: e } })
    const dir = await runs({ name: 'a', epochs: [1, 3000], log }, { name: 'b', epochs: [1, 3000], log, running: true })
    const shown = await show(dir, ['a', 'b'])
    const { page, stores, heard, renew } = shown
    await drag(page, plot(page, 'loss'), 0.4, 0.6)
    await settled(page)
    // A chart that comes back where another already knows enough.
    const search = page.getByRole('searchbox', { name: 'Search metrics' })
    await search.fill('loss')
    await settled(page)
    const again = heard.length
    await plot(page, 'loss').focus()
    await page.keyboard.press('Shift+ArrowRight')
    await search.fill('')
    const ranges = (from: number) => {
      const found: Record<string, readonly [number, number]> = {}
      for (const { metrics, range } of asked(heard, from))
        if (range && range[0] < range[1]) for (const metric of metrics) found[metric] = range
      return found
    }
    await until('both to be known finely', () => Promise.resolve(ranges(again)['val/accuracy']))
    await settled(page)
    const before = ranges(0)
    assert.notDeepEqual(before['val/loss'], before['val/accuracy'])
    append(dir, 3001, 1, log(3001))
    await stores.ingest()
    const from = heard.length
    await renew([sessionId(1)])
    await until('both to be asked for again', () => Promise.resolve(Object.keys(ranges(from)).length === 2))
    assert.deepEqual(ranges(from), before)
    await shown.end()
  })

  it('show by steps what an epoch logs before it is committed, without a word from the editor', async () => {
    const dir = await runs({ name: 'a', epochs: [1, 2], log: () => ({ train: { loss: [1, 1] } }) })
    const training = train(dirname(dir), 'slow', LONG_EPOCH)
    try {
      const stores = new LocalStores(dir)
      await until('its second epoch', async () => {
        await stores.ingest()
        return (await stores.sessions.sessionByName('slow'))?.open?.number === 2
      })
      const shown = await show(dir, ['a', 'slow'])
      const { page } = shown
      const axis = page.locator('.curves .controls select:has(option[value="step"])')
      await axis.selectOption('step')
      const last = async () => {
        await stores.ingest()
        return Number((await legend(page, 'loss')).models['slow']!['train']!.value)
      }
      let before = await until('a value of the second epoch', async () => (await last()) < 0.5 && last())
      for (let round = 0; round < 2; round++) before = await until('a later value', async () => (await last()) < before && last())
      // On the axis of epochs there are none but committed ones.
      await axis.selectOption('epoch')
      await until('the value of the committed epoch', async () => (await last()) === 0.5)
      await shown.end()
      await stores.close()
    } finally {
      training.end()
      await training.ended
    }
  })
})

// Measures the comparison's page in a real browser: alone with real answers, and opened and closed in the real editor.
import { Buffer } from 'node:buffer'
import { readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { partsOf } from '../client/pageHtml'
import { ThreadedStores } from '../server/storage/local/threads'
import { endBench, startedBrowser } from '../test/vscode/bench'
import { comparisonPage, showView } from '../test/vscode/comparisonPage'
import { openDemo } from '../test/vscode/demo'
import type { Editor } from '../test/vscode/editor'
import { inExtensionHost } from '../test/vscode/extensionHost'
import { writeGraphPair } from '../test/vscode/graphRuns'
import { type Alone, type AloneOptions, openAlone } from '../test/vscode/pageAlone'
import { bareFrames, bareLayout, boxes, boxesAfter, forgetWatched, heapOf, loaded, now, watched, watchPage } from '../test/vscode/pageTimes'
import { until } from '../test/vscode/until'
import { command } from '../test/vscode/workbench'
import { at, figure, root, text } from './figures'
import { id, newFolder, RunFolder } from './fixtures'

const ROUNDS = 7
/** Charts that are on the screen at once. */
const CHARTS = 4
const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b)
const median = (values: readonly number[]) => at(sorted(values), 0.5)
const many = (count: number) => Array.from({ length: count }, (_, i) => `metric${i}`)

export async function measurePage() {
  try {
    codeSize()
    await opening()
    await longCurves()
    await graphs()
    await tabs()
  } finally {
    await endBench()
  }
}

function codeSize() {
  const read = (name: string) => readFileSync(join(root, 'dist', 'webview', name))
  const page = read('comparison.js')
  // With what it imports at once; what it loads with a graph is another matter.
  const parts = partsOf(page.toString()).map(read)
  const code = Buffer.concat([page, ...parts])
  figure(
    "the comparison page's own code, minified",
    code.length / 1000,
    'kB',
    250,
    `${text(gzipSync(code).length / 1000)} kB as a browser would fetch it`,
  )
}

interface Opened extends Alone {
  readonly begun: number
}
async function withStores<Result>(
  dir: string,
  work: (open: (options: AloneOptions) => Promise<Opened>) => Promise<Result>,
): Promise<Result> {
  const stores = new ThreadedStores(dir)
  try {
    await stores.ingest()
    return await work(async (options) => {
      const begun = performance.now()
      return { ...(await openAlone({ stores, dir }, { before: watchPage, ...options })), begun }
    })
  } finally {
    await stores.close()
    rmSync(dirname(dir), { recursive: true })
  }
}

/** What trainings log: it falls, and it is noisy. */
function writeTraining(run: RunFolder, kind: number, epochs: number, steps: number, names: readonly string[]) {
  const PER_LINE = 100
  for (let e = 1; e <= epochs; e++) {
    const epoch = id(kind, e)
    run.epoch(epoch, e)
    for (let from = 0; from < steps; from += PER_LINE) {
      const step = Array.from({ length: Math.min(PER_LINE, steps - from) }, (_, i) => (e - 1) * steps + from + i)
      const value = (at: number) => 0.8 * Math.exp((-3 * at) / (epochs * steps)) + 0.1 * Math.random()
      const values = Object.fromEntries(names.map((name) => [name, step.map(value)]))
      run.line({ type: 'metrics', epoch, split: 'train', step, time: step.map((at) => 1_764_000_000 + at * 0.01), values })
    }
    run.commit(epoch)
  }
}

/** A folder with the sessions `first` and `second`. */
function twoTrainings(epochs: number, steps: number, names: readonly string[]): string {
  const dir = newFolder()
  for (const [i, name] of ['first', 'second'].entries()) {
    const run = new RunFolder(dir, { session: id(i + 1, 1), name })
    writeTraining(run, 0x11 + i, epochs, steps, names)
    run.finish()
  }
  return dir
}

/** Two models of a thousand epochs with twenty metrics, from the question to the first curve on the screen. */
async function opening() {
  const dir = twoTrainings(1000, 1, many(20))
  let said = 0
  await withStores(dir, async (open) => {
    const { page, told, close } = await open({ references: ['first', 'second'], view: 'curves' })
    const painted = () => until('a curve', async () => (await watched(page)).painted[0])
    const cold = await painted()
    const times: number[] = []
    const came: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const before = told.length
      await page.reload()
      // The page's clock begins with the page, as the command does with its tab.
      times.push(await painted())
      came.push(await loaded(page))
      said = Buffer.byteLength(JSON.stringify(told.slice(before)))
    }
    await close()
    figure(
      'open: 2 models x 1,000 epochs x 20 metrics, from the beginning of its page to the first curve on the screen',
      median(times),
      'ms',
      300,
      `${text(cold)} ms in a browser that was just started; ${text(median(came))} ms until its program had come; ${await parsing(said)} ms to parse its ${text(said / 1000)} kB`,
    )
  })
}

async function parsing(bytes: number): Promise<string> {
  const page = await (await startedBrowser()).newPage()
  const ms = await page.evaluate((length) => {
    const json = JSON.stringify(Array.from({ length: Math.ceil(length / 12) }, (_, i) => `${i}`.padStart(9, '0')))
    const begun = performance.now()
    JSON.parse(json)
    return performance.now() - begun
  }, bytes)
  await page.close()
  return text(ms)
}

/** A hundred curves of ten thousand steps: fifty metrics of two models. */
async function longCurves() {
  const dir = twoTrainings(10, 1000, many(50))
  const page = await (await startedBrowser()).newPage()
  const bare = await bareFrames(page, CHARTS, 2, 1000, 60)
  await page.close()
  const floor = `${text(at(bare, 0.5))} ms for ${CHARTS} bare canvases with as many points, p95 ${text(at(bare, 0.95))} ms`
  await withStores(dir, async (open) => {
    const first: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const { page: opened, close } = await open({ references: ['first', 'second'], view: 'curves' })
      await until('a curve', async () => (await watched(opened)).painted.length > 0)
      const { painted, answered } = await watched(opened)
      first.push(painted[0]! - answered[0]!)
      await close()
    }
    figure("100 curves x 10,000 steps: first paint after the data's arrival", median(first), 'ms', 300, floor)

    const { page: long, told, close } = await open({ references: ['first', 'second'], view: 'curves' })
    await until('a curve', async () => (await watched(long)).painted.length > 0)
    await onSteps(long)
    await seeAll(long)
    const bytes = Buffer.byteLength(JSON.stringify(told.filter(({ type }) => type === 'answer')))
    figure(
      '100 curves x 10,000 steps: data over the wire, all of them seen',
      bytes / 1e6,
      'MB',
      2,
      `${text((100 * 10_000 * 16) / 1e6)} MB of steps and values`,
    )

    const plot = long.locator('.curves .plot').first()
    await plot.scrollIntoViewIfNeeded()
    const box = (await plot.boundingBox())!
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
    await long.mouse.move(x, y)
    await wait(500)
    await forgetWatched(long)
    const sharp: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      for (let turn = 0; turn < 6; turn++) {
        await long.mouse.wheel(0, -100)
        await wait(16)
      }
      const ended = await now(long)
      // What was asked for while the wheel still turned is not meant.
      await wait(500)
      const { answered, painted } = await watched(long)
      const last = answered.at(-1) ?? 0
      if (last > ended) sharp.push(painted.find((one) => one > last)! - ended)
      for (let turn = 0; turn < 6; turn++) {
        await long.mouse.wheel(0, 100)
        await wait(16)
      }
      await wait(300)
    }
    const zoom = sorted((await watched(long)).frames)
    figure('zoom by wheel: a frame, p50', at(zoom, 0.5), 'ms', 16, floor)
    figure('zoom by wheel: a frame, p95', at(zoom, 0.95), 'ms', 33, floor)
    figure('zoom deeper: to sharp', median(sharp), 'ms', 100, 'an answer of the store and one frame')

    for (let turn = 0; turn < 6; turn++) await long.mouse.wheel(0, -100)
    await wait(500)
    await forgetWatched(long)
    await long.keyboard.down('Shift')
    await long.mouse.down()
    for (let turn = 0; turn < 60; turn++) {
      await long.mouse.move(x + 60 * Math.sin(turn / 5), y)
      await wait(16)
    }
    await long.mouse.up()
    await long.keyboard.up('Shift')
    const pan = sorted((await watched(long)).frames)
    figure('pan by dragging: a frame, p50', at(pan, 0.5), 'ms', 16, floor)
    figure('pan by dragging: a frame, p95', at(pan, 0.95), 'ms', 33, floor)
    await close()
  })
}

/** Steps along the axis, not epochs. */
async function onSteps(page: Page) {
  await page.locator('.curves .controls select:has(option[value="step"])').selectOption('step')
  await wait(500)
}

async function seeAll(page: Page) {
  for (const card of await page.locator('.curves .card').all()) {
    await card.scrollIntoViewIfNeeded()
    await wait(30)
  }
  await page.locator('.curves .card canvas').last().waitFor()
  await wait(500)
}

/** The graphs of two models of two thousand layers. */
async function graphs() {
  const dir = newFolder()
  writeGraphPair(dir, 2000)
  await withStores(dir, async (open) => {
    const shown: number[] = []
    const expanded: number[] = []
    const blocked: number[] = []
    let [said, few, all] = ['', 0, 0]
    for (let round = 0; round < 3; round++) {
      const { page, told, close } = await open({ references: ['wide', 'narrow'] })
      await page.locator('.overview').waitFor()
      await forgetWatched(page)
      shown.push(await boxesAfter(page, 'vscode-tab-header[data-view="graph"]', 0))
      await wait(300)
      few = await boxes(page)
      expanded.push(await boxesAfter(page, '[data-key="expand"]', few))
      all = await boxes(page)
      await wait(300)
      blocked.push(...(await watched(page)).blocked)
      said = JSON.stringify(told)
      await close()
    }
    const page = await (await startedBrowser()).newPage()
    const program = readFileSync(createRequire(import.meta.url).resolve('elkjs/lib/elk-worker.min.js'), 'utf8')
    const bare = async (count: number) =>
      `${text((await bareLayout(page, program, count)).took)} ms for elkjs alone to lay out a chain of ${count}`
    figure('graphs of 2 x 2,000 layers: shown as they open', median(shown), 'ms', 1000, await bare(few))
    figure('graphs of 2 x 2,000 layers: all expanded', median(expanded), 'ms', 3000, await bare(all))
    const { longest } = await bareLayout(page, program, all, said)
    await page.close()
    const floor = `${text(longest)} ms for the longest one of a page that parses its ${text(said.length / 1000)} kB beside elkjs alone`
    figure('graphs of 2 x 2,000 layers: longest task that held up the page', Math.max(0, ...blocked), 'ms', 50, floor)
  })
}

/** In the real editor: what is left of twenty comparisons that were opened, looked at and closed. */
async function tabs() {
  const { folder, editor, page } = await openDemo()
  const dir = join(folder, '.epochtree')
  const times: number[] = []
  const openAndClose = async (number: number) => {
    const begun = performance.now()
    await compare(editor, dir, [`digits@${number}`, 'digits-2'])
    const frame = await comparisonPage(page, `digits@${number}`, 'digits-2')
    times.push(performance.now() - begun)
    // Of charts and of the layout's worker something may be left too.
    await showView(frame, 'curves')
    await frame.locator('.curves .card canvas').first().waitFor()
    await showView(frame, 'graph')
    await frame.locator('.graph-view[data-boxes] [data-node]').first().waitFor()
    await command(page, 'View: Close All Editors')
  }
  for (let number = 1; number <= 5; number++) await openAndClose(number)
  const before = await used(editor)
  for (let number = 6; number <= 25; number++) await openAndClose(number)
  const after = await used(editor)
  const growth = (a: number, b: number) => (100 * (b - a)) / a
  figure(
    'memory of the extension host after 20 comparisons were opened and closed: growth',
    growth(before.host, after.host),
    '%',
    10,
    `${text(before.host / 1e6)} MB before`,
  )
  figure(
    'memory of the window after 20 comparisons were opened and closed: growth',
    growth(before.window, after.window),
    '%',
    10,
    `${text(before.window / 1e6)} MB before`,
  )
  const empty: number[] = []
  for (let round = 0; round < ROUNDS; round++) empty.push(await emptyTab(editor))
  figure(
    'open in the editor: from the command to the filled page',
    median(times),
    'ms',
    300,
    `${text(median(empty))} ms for a tab with nothing in it, seen in the same way`,
  )
  await editor.close()
}

const compare = (editor: Editor, dir: string, references: readonly string[]) =>
  inExtensionHost(
    editor,
    async (api, dir: string, references: readonly string[]) => {
      await api.commands.executeCommand(
        'epochtree.compare',
        undefined,
        references.map((reference) => ({ dir, reference })),
      )
    },
    dir,
    references,
  )

/** A tab of the editor whose page is empty: milliseconds until it is there. */
async function emptyTab(editor: Editor): Promise<number> {
  const begun = performance.now()
  await inExtensionHost(editor, (api) => {
    const panel = api.window.createWebviewPanel('bench.empty', 'Empty', api.ViewColumn.Active)
    panel.webview.html = '<!DOCTYPE html><html><head><title>Empty</title></head><body></body></html>'
  })
  await until('the empty tab', async () => {
    for (const frame of editor.page.frames()) if ((await frame.title().catch(() => '')) === 'Empty') return true
    return false
  })
  const took = performance.now() - begun
  await command(editor.page, 'View: Close All Editors')
  return took
}

const used = async (editor: Editor) => ({
  window: await heapOf(editor.page),
  host: await inExtensionHost(editor, () => {
    const v8 = process.getBuiltinModule('v8')
    v8.setFlagsFromString('--expose-gc')
    const collect = process.getBuiltinModule('vm').runInNewContext('gc') as () => void
    for (let i = 0; i < 3; i++) collect()
    return process.memoryUsage().heapUsed
  }),
})

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Page } from 'playwright-core'
import { explain } from '../../server/errors'
import { root } from '../../scripts/vscode/root'
import { demoCopy, endBench, bench } from './bench'
import { compareInTree, comparisonPage, showView } from './comparisonPage'
import { type EditorOptions, keepEvidence, openEditor, type Theme } from './editor'
import { codeLens, hover } from './script'
import { pressRow, row, rowAction } from './tree'
import { webview } from './webview'
import { openFile, showContainer, widenSideBar } from './workbench'

/** The script and nothing around it. */
const calm = {
  'breadcrumbs.enabled': false,
  'editor.fontSize': 13,
  // What stands over the line is part of the picture.
  'editor.hover.above': false,
  'editor.minimap.enabled': false,
  'editor.scrollbar.horizontal': 'hidden',
  'editor.scrollbar.vertical': 'hidden',
  'editor.overviewRulerBorder': false,
  'editor.hideCursorInOverviewRuler': true,
  'editor.stickyScroll.enabled': false,
}

type Pictures = Readonly<Record<string, (page: Page) => Promise<void>>>

/** What is on a picture: the real editor, with the demo as it was really trained. Each begins in a new window. */
const pictures: Pictures = {
  sessions: async (page) => {
    await openFile(page, 'train.py', 96)
    await showContainer(page, 'Epochtree')
    await widenSideBar(page, 430)
    await row(page, 'Sessions', 'digits-2').waitFor()
    await codeLens(page, '2 sessions').waitFor()
    await hover(page, '"digits"', { says: /digits-2/ })
  },
  epoch: async (page) => {
    await showContainer(page, 'Epochtree')
    await widenSideBar(page, 430)
    await row(page, 'Sessions', 'digits-2').waitFor()
    await pressRow(page, 'Sessions', 'Epoch 30')
    const view = await webview(page, () => document.querySelector('h1') !== null && document.querySelector('table') !== null)
    await view.locator('h1').waitFor()
  },
  fork: async (page) => {
    await showContainer(page, 'Epochtree')
    await widenSideBar(page, 430)
    await row(page, 'Sessions', 'digits-2').waitFor()
    await rowAction(row(page, 'Sessions', 'Epoch 30'), 'Fork from Epoch')
    await codeLens(page, 'Train').waitFor()
  },
}

/** The views of a comparison. */
const comparisons: Pictures = {
  comparison: async (page) => {
    await compared(page)
  },
  curves: viewOf('curves', '.curves canvas'),
  differences: viewOf('differences', '.differences table'),
  graph: viewOf('graph', '[data-node]'),
  tradeoff: viewOf('tradeoff', '.tradeoff svg'),
  samples: viewOf('samples', '.samples table'),
}

function viewOf(name: string, drawn: string) {
  return async (page: Page) => {
    const frame = await compared(page)
    await showView(frame, name)
    await frame.locator(drawn).first().waitFor()
    await page.waitForTimeout(500)
  }
}

/** The demo's two models side by side, with as much room as there is. */
async function compared(page: Page) {
  await trees(page)
  await compareInTree(page, 'digits-2', 'digits')
  const frame = await comparisonPage(page, 'digits', 'digits-2')
  await page.keyboard.press('Control+B')
  return frame
}

const trees = async (page: Page) => {
  await showContainer(page, 'Epochtree')
  await widenSideBar(page, 360)
  await row(page, 'Sessions', 'digits-2').waitFor()
}

/** The steps of the walkthrough, smaller: they stand beside a text, and come with the extension. */
const walkthrough: Pictures = {
  demo: async (page) => {
    await openFile(page, 'day2.plan.json')
    await trees(page)
  },
  track: async (page) => {
    await openFile(page, 'train.py', 104)
    await codeLens(page, '2 sessions').waitFor()
    await page.keyboard.press('Control+B')
  },
  look: async (page) => {
    await trees(page)
    await pressRow(page, 'Sessions', 'Epoch 30')
    await (await webview(page, () => document.querySelector('table') !== null)).locator('h1').waitFor()
  },
  fork: async (page) => {
    await trees(page)
    await rowAction(row(page, 'Sessions', 'Epoch 30'), 'Fork from Epoch')
    await codeLens(page, 'Train').waitFor()
    await page.keyboard.press('Control+B')
  },
}

interface PictureSet extends Required<Pick<EditorOptions, 'size' | 'scale'>> {
  readonly of: Pictures
  readonly themes: readonly Theme[]
  readonly to: string
}
const both: readonly Theme[] = ['light', 'dark']
const large = { to: join(root, 'docs', 'pictures'), size: { width: 1200, height: 720 }, scale: 1.5 }
const SETS: readonly PictureSet[] = [
  { ...large, of: pictures, themes: both },
  { ...large, of: comparisons, themes: [...both, 'high contrast'] },
  { of: walkthrough, themes: both, to: join(root, 'media', 'walkthrough'), size: { width: 900, height: 620 }, scale: 1 },
]

/** Draws them all, or those whose path holds the word. */
async function draw(word: string) {
  for (const set of SETS) await drawSet(set, word)
}

async function drawSet({ of, themes, to, size, scale }: PictureSet, word: string) {
  mkdirSync(to, { recursive: true })
  for (const [name, show] of Object.entries(of)) {
    if (!join(to, name).slice(root.length).includes(word)) continue
    for (const theme of themes) {
      const editor = await openEditor({
        folder: await demoCopy(),
        theme,
        size,
        scale,
        settings: calm,
      })
      await show(editor.page).catch(async (error: unknown) => {
        await keepEvidence(`picture ${name} ${theme}`)
        throw error
      })
      await editor.page.evaluate(() => document.fonts.ready)
      const path = join(to, `${name}-${theme.replaceAll(' ', '-')}.png`)
      await editor.page.screenshot({ path, animations: 'disabled', caret: 'hide' })
      await editor.close()
      console.log(path)
    }
  }
}

const { positionals } = parseArgs({ allowPositionals: true })
bench()
  .then(() => draw(positionals[0] ?? ''))
  .finally(endBench)
  .then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(explain(error).message)
      process.exit(1)
    },
  )

import type { Frame, Page } from 'playwright-core'
import { pressRow, row, rowAction, rows } from './tree'
import { until } from './until'

/** The page that compares models, by their labels, once it is filled. */
export const comparisonPage = (page: Page, ...labels: readonly string[]): Promise<Frame> =>
  until(`the comparison of ${labels.join(', ')}`, async () => {
    for (const frame of page.frames()) {
      if (frame.parentFrame()?.parentFrame() !== page.mainFrame()) continue
      const filled = (wanted: string) => document.title === wanted && document.querySelector('vscode-tabs') !== null
      // A frame may go away while it is asked.
      if (await frame.evaluate(filled, labels.join(', ')).catch(() => false)) return frame
    }
    return undefined
  })

/** Selects sessions in the tree and compares them. The deepest comes first: a plain click on a session closes what is below it. */
export async function compareInTree(page: Page, first: string, ...others: readonly string[]): Promise<void> {
  await selectInTree(page, first, ...others)
  await rowAction(row(page, 'Sessions', others.at(-1) ?? first), 'Compare Sessions')
}

/** A tree that is still being filled moves under the pointer: then it is done again. */
export async function selectInTree(page: Page, first: string, ...others: readonly string[]): Promise<void> {
  const wanted = [first, ...others].sort()
  await until(`${wanted.join(', ')} to be selected`, async () => {
    await pressRow(page, 'Sessions', first)
    for (const name of others) await pressRow(page, 'Sessions', name, ['Control'])
    const selected = (await rows(page, 'Sessions')).filter((one) => one.selected).map(({ text }) => text)
    return String(selected.sort()) === String(wanted)
  })
}

/** Shows a view of the page: `curves`, `differences`, ... */
export const showView = (page: Page | Frame, name: string) => page.locator(`vscode-tab-header[data-view="${name}"]`).click()

/** Shows a view of the page, and waits until it is filled. */
export async function showFilled(page: Page | Frame, name: string): Promise<void> {
  await showView(page, name)
  await until(`${name} to be filled`, () =>
    page.evaluate((view) => {
      const panel = document.querySelector(`vscode-tab-panel[data-view="${view}"]`)!
      return panel.textContent.trim() !== '' && panel.querySelector('[aria-busy="true"]') === null
    }, name),
  )
}

/** The names of the page's views, in their order. */
export const viewsOf = (page: Page | Frame) =>
  page.locator('vscode-tab-header').evaluateAll((all) => all.map((one) => one.getAttribute('data-view')!))

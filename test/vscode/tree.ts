import type { Locator, Page } from 'playwright-core'
import { until } from './until'

/** A row of a tree view, as it is seen. */
export interface Row {
  readonly text: string
  readonly description: string
  /** From 1. */
  readonly level: number
  /** Null where there is nothing under it. */
  readonly expanded: boolean | null
  readonly selected: boolean
  /** What a screen reader says. */
  readonly spoken: string
}

/** The pane of a view in the side bar, by the beginning of its title. */
export const view = (page: Page, title: string): Locator =>
  page.locator('.pane').filter({ has: page.locator(`.pane-header[aria-label^="${title}"]`) })

const lines = (page: Page, title: string) => view(page, title).locator('.monaco-list-row')

/** The rows of a view from the first that is on the screen to the last. */
export const rows = (page: Page, title: string): Promise<readonly Row[]> =>
  lines(page, title).evaluateAll((all) =>
    all
      .map((row) => ({ row, index: Number(row.getAttribute('data-index')) }))
      .sort((a, b) => a.index - b.index)
      .map(({ row }) => ({
        text: row.querySelector('.label-name')?.textContent?.trim() ?? row.textContent?.trim() ?? '',
        description: row.querySelector('.label-description')?.textContent?.trim() ?? '',
        level: Number(row.getAttribute('aria-level')),
        expanded: row.hasAttribute('aria-expanded') ? row.getAttribute('aria-expanded') === 'true' : null,
        selected: row.getAttribute('aria-selected') === 'true',
        spoken: row.getAttribute('aria-label') ?? '',
      })),
  )

/** The row whose label is the text, or matches it. */
export const row = (page: Page, title: string, text: string | RegExp): Locator =>
  lines(page, title)
    .filter({ has: page.locator('.label-name', { hasText: typeof text === 'string' ? exactly(text) : text }) })
    .first()

const exactly = (text: string) => new RegExp(`^\\s*${text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}\\s*$`)

/** Waits until the view shows a row that the test accepts. */
export const rowLike = (page: Page, title: string, what: string, accept: (row: Row) => boolean): Promise<Row> =>
  until(what, async () => (await rows(page, title)).find(accept))

export const expand = (page: Page, title: string, text: string | RegExp) => turn(page, title, text, true)
export const collapse = (page: Page, title: string, text: string | RegExp) => turn(page, title, text, false)

async function turn(page: Page, title: string, text: string | RegExp, wanted: boolean) {
  const target = row(page, title, text)
  const done = async () => (await target.getAttribute('aria-expanded')) === String(wanted)
  await until(`${String(text)} to be ${wanted ? 'expanded' : 'collapsed'}`, async () => {
    if (await done()) return true
    await pointAway(page)
    // Where the tree is just drawn anew the click meets a row that goes.
    await target.locator('.monaco-tl-twistie').click()
    return until('it to turn', done, 3000)
  })
}

/** Takes the pointer off all rows: what is told of one lies over those below it, as long as it is pointed at. */
async function pointAway(page: Page): Promise<void> {
  const { width } = page.viewportSize()!
  await page.mouse.move(0.8 * width, 4)
}

/** Clicks on a row. */
export async function pressRow(page: Page, title: string, text: string | RegExp, modifiers: readonly 'Control'[] = []): Promise<void> {
  await pointAway(page)
  await row(page, title, text).click({ modifiers: [...modifiers] })
}

/** Presses an inline action of a row, by its title. */
export async function rowAction(target: Locator, action: string): Promise<void> {
  await pointAway(target.page())
  await target.hover()
  await target.locator(`.actions .action-label[aria-label^="${action}"]`).click()
}

/** Presses an action in the title of a view. */
export async function viewAction(page: Page, title: string, action: string): Promise<void> {
  const pane = view(page, title)
  await pane.hover()
  const button = page
    .locator('.sidebar')
    .locator(`.actions .action-label[aria-label^="${action}"], .title-actions .action-label[aria-label^="${action}"]`)
  await button.first().click()
}

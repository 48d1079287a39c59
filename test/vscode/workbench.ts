import type { Locator, Page } from 'playwright-core'
import type { Theme } from './editor'
import { until } from './until'

const OPEN_WITHIN = 60_000

/** Goes to an address and waits until VS Code stands there. Loading is the one thing that is tried again. */
export async function openFolder(page: Page, address: string): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      await page.goto(address, { waitUntil: 'commit' })
      await page.locator('.monaco-workbench .activitybar .action-label').first().waitFor({ timeout: OPEN_WITHIN })
      await page.locator('.statusbar-item').first().waitFor({ timeout: OPEN_WITHIN })
      return
    } catch (error) {
      if (tries === 2) throw error
    }
}

/** Reloads the window, as "Developer: Reload Window" does. */
export const reload = (page: Page) => openFolder(page, page.url())

export const quickInput = (page: Page): Locator => page.locator('.quick-input-widget:visible')
const quickRows = (page: Page) => quickInput(page).locator('.quick-input-list .monaco-list-row')

/** Presses a key until the palette has opened: while a menu closes, none is heard. */
async function openPalette(page: Page, key: 'F1' | 'Control+P'): Promise<Locator> {
  const input = quickInput(page).locator('input.input')
  await until(`the palette after ${key}`, async () => {
    if (!(await input.isVisible())) await page.keyboard.press(key)
    await input.waitFor({ timeout: 3000 })
    return true
  })
  return input
}

/** Runs a command from the palette, by its whole title such as `Epochtree: Train...`, by keyboard alone. */
export async function command(page: Page, title: string): Promise<void> {
  await until(`the command "${title}" to be the first in the palette`, async () => {
    // A page that is just being shown takes the focus, and the palette closes.
    const input = await openPalette(page, 'F1')
    if ((await input.inputValue({ timeout: 1000 })) !== `>${title}`) await input.fill(`>${title}`, { timeout: 1000 })
    return (await labels(quickRows(page)))[0]?.text === title
  })
  await accept(page)
  // What the command asks comes in the same place: who answers at once would answer the palette.
  await until('the palette to go', async () => {
    const input = quickInput(page).locator('input').first()
    return !(await input.isVisible()) || (await input.inputValue({ timeout: 1000 })) !== `>${title}`
  })
}

/** What the palette offers for a beginning of a title. */
export async function commandsLike(page: Page, text: string): Promise<readonly string[]> {
  await (await openPalette(page, 'F1')).fill(`>${text}`)
  await until('the palette', async () => (await quickRows(page).count()) > 0)
  const found = (await labels(quickRows(page))).map(({ text }) => text)
  await page.keyboard.press('Escape')
  await quickInput(page).waitFor({ state: 'hidden' })
  return found
}

/** One line of a list, as it is seen. */
export interface Line {
  readonly text: string
  readonly description: string
}
const labels = (rows: Locator): Promise<Line[]> =>
  rows.evaluateAll((all) =>
    all.map((row) => ({
      text: row.querySelector('.label-name')?.textContent ?? '',
      description: [...row.querySelectorAll('.label-description, .quick-input-list-label-meta')]
        .map(({ textContent }) => textContent)
        .filter(Boolean)
        .join(' '),
    })),
  )

/** The rows of the quick pick that is open; long lists show their first ones. */
export async function choices(page: Page): Promise<readonly Line[]> {
  await quickRows(page).first().waitFor()
  return labels(quickRows(page))
}

/** Chooses the first row of the open quick pick whose label holds the text; what stands beside and below it may name others. */
export async function choose(page: Page, text: string | RegExp): Promise<void> {
  await quickRows(page)
    .filter({ has: page.locator('.label-name', { hasText: text }) })
    .first()
    .click()
}

/** Types a path into the editor's own dialog, which begins with one by itself, and lists what lies there. */
export async function savePath(page: Page, path: string): Promise<void> {
  const input = quickInput(page).locator('input').first()
  await until('the path that the dialog begins with', async () => (await input.inputValue()) !== '' && (await quickRows(page).count()) > 0)
  await until('the path', async () => {
    await input.fill(path)
    // It lists another folder now, and may write its own path once more.
    await page.waitForTimeout(300)
    return (await input.inputValue()) === path
  })
  await accept(page)
}

/** Accepts what the open quick pick or input box has. Not by the keyboard of the page: something else may just have the focus. */
export const accept = (page: Page): Promise<void> => quickInput(page).locator('input').first().press('Enter')

/** Types into the open quick pick or input box and accepts it. */
export async function answer(page: Page, text: string): Promise<void> {
  await quickInput(page).locator('input').first().fill(text)
  await accept(page)
}

/** Shows a container of the activity bar, such as Explorer or Epochtree. */
export async function showContainer(page: Page, title: string): Promise<void> {
  const item = page.locator('.activitybar .action-item').filter({ has: page.locator(`.action-label[aria-label^="${title}"]`) })
  if (!(await item.first().getAttribute('class'))?.includes('checked')) await item.first().click()
  await page.locator('.sidebar .composite.title h2', { hasText: new RegExp(`^${title}`, 'i') }).waitFor()
}

/** Opens a file of the workspace by keyboard, with the cursor on a line, in a tab that stays. */
export async function openFile(page: Page, path: string, line?: number): Promise<void> {
  const name = path.split('/').at(-1)!
  const offered = quickRows(page)
    .filter({ has: page.locator('.label-name', { hasText: name }) })
    .first()
  await until(`${path} to be offered`, async () => {
    await (await openPalette(page, 'Control+P')).fill(line === undefined ? path : `${path}:${line}`)
    try {
      await offered.waitFor({ timeout: 5000 })
      return true
    } catch {
      // The editor may look through a list of before the file was written; opened anew it makes another.
      await page.keyboard.press('Escape')
      return false
    }
  })
  await offered.click()
  await page.locator('.tab.active', { hasText: name }).first().waitFor()
  await page.locator('.editor-instance .view-line').first().waitFor()
}

export const tabs = (page: Page): Promise<string[]> => page.locator('.tabs-container .tab .label-name').allInnerTexts()

/** Waits until these are all the tabs, by their titles; without any, until there is none. */
export const tabsToBe = (page: Page, ...titles: readonly string[]) =>
  until(
    titles.length ? `${titles.join(', ')} to be the tabs` : 'no tab',
    async () => JSON.stringify(await tabs(page)) === JSON.stringify(titles),
  )

/** A notification with the text; buttons of it are found within. */
export const notification = (page: Page, text: string | RegExp): Locator =>
  page.locator('.notifications-toasts .notification-list-item').filter({ hasText: text }).first()

export const notifications = (page: Page): Promise<string[]> =>
  page.locator('.notifications-toasts .notification-list-item-message').allInnerTexts()

export async function pressButton(within: Locator, name: string): Promise<void> {
  await within.getByRole('button', { name, exact: true }).click()
}

/** The modal dialog. */
export const dialog = (page: Page): Locator => page.locator('.monaco-dialog-box')

/** Opens the context menu of something. Where a list is just drawn anew, the first click may find nothing. */
async function openMenu(page: Page, target: Locator): Promise<Locator> {
  const menu = page.locator('.monaco-menu').first()
  await until('the menu', async () => {
    if (!(await menu.isVisible())) await target.click({ button: 'right', timeout: 5000 })
    await menu.locator('.action-label').first().waitFor({ timeout: 3000 })
    return true
  })
  return menu
}

/** Chooses from the context menu of something, through submenus too: `['Mark', 'Select']`. */
export async function contextMenu(page: Page, target: Locator, ...items: readonly string[]): Promise<void> {
  const menu = await openMenu(page, target)
  for (const [i, item] of items.entries()) {
    const choice = page.locator('.monaco-menu .action-item', { hasText: item }).last()
    const done = () =>
      i === items.length - 1
        ? menu.isHidden()
        : page
            .locator('.monaco-menu')
            .nth(i + 1)
            .isVisible()
    await choice.waitFor()
    // A menu takes no clicks in the first moment after it opened.
    await until(`the choice of ${item}`, async () => {
      if (await done()) return true
      await choice.click({ timeout: 1000 }).catch(() => {})
      return done()
    })
  }
}

/** The titles in the context menu of something. */
export async function contextItems(page: Page, target: Locator): Promise<readonly string[]> {
  await openMenu(page, target)
  const items = (await page.locator('.monaco-menu .action-label').allInnerTexts()).map((text) => text.trim()).filter(Boolean)
  await page.keyboard.press('Escape')
  await page.locator('.monaco-menu').first().waitFor({ state: 'hidden' })
  return items
}

export const statusBar = async (page: Page): Promise<readonly string[]> =>
  (await page.locator('.statusbar-item').allInnerTexts()).map((text) => text.trim()).filter(Boolean)

/** What the workbench calls the kind of a theme, and what its pages do. */
const KINDS: Readonly<Record<Theme, readonly [workbench: string, page: string]>> = {
  dark: ['vs-dark', 'vscode-dark'],
  light: ['vs', 'vscode-light'],
  'high contrast': ['hc-black', 'vscode-high-contrast'],
  'high contrast light': ['hc-light', 'vscode-high-contrast-light'],
}

/** Waits until the workbench and its pages show in a theme. */
export async function inTheme(page: Page, theme: Theme): Promise<void> {
  const [workbench, kind] = KINDS[theme]
  await page.locator(`.monaco-workbench.${workbench}`).waitFor()
  await until(`all pages in ${theme}`, async () => {
    const kinds = page.frames().map((frame) => frame.evaluate(() => document.body?.dataset['vscodeThemeKind']).catch(() => undefined))
    return (await Promise.all(kinds)).every((one) => one === undefined || one === kind)
  })
}

/** Draws the side bar to a width in pixels, by its edge. */
export async function widenSideBar(page: Page, width: number): Promise<void> {
  const bar = await page.locator('.part.sidebar').boundingBox()
  if (!bar) throw new Error('The side bar is not shown.')
  const edge = bar.x + bar.width
  await page.mouse.move(edge, bar.y + bar.height / 2)
  await page.mouse.down()
  await page.mouse.move(bar.x + width, bar.y + bar.height / 2, { steps: 5 })
  await page.mouse.up()
  // The edge is lit as long as it is pointed at.
  await page.mouse.move(bar.x + width / 2, bar.y + bar.height - 10)
}

/** What the terminals show. */
export async function terminalText(page: Page): Promise<string> {
  const rows = await page.locator('.terminal-wrapper.active .xterm-rows > div').allTextContents()
  return rows
    .map((row) => row.replaceAll('\u00a0', ' ').trimEnd())
    .join('\n')
    .trimEnd()
}

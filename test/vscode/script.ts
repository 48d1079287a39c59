import { setTimeout as pause } from 'node:timers/promises'
import type { Locator, Page } from 'playwright-core'
import { until } from './until'

interface Place {
  readonly x: number
  readonly y: number
}

/** Where a text of the active editor is on the screen: its middle. `nth` counts from 0, from the top. */
export const place = (page: Page, text: string, nth = 0): Promise<Place> =>
  until(`"${text}" on the screen`, () =>
    page.evaluate(
      ([wanted, skip]) => {
        let left = skip
        const lines = [...document.querySelectorAll<HTMLElement>('.editor-group-container.active .editor-instance .view-line')]
        for (const line of lines.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)) {
          const whole = (line.textContent ?? '').replaceAll('\u00a0', ' ')
          for (let at = whole.indexOf(wanted); at !== -1; at = whole.indexOf(wanted, at + 1)) {
            if (left-- > 0) continue
            const range = document.createRange()
            const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT)
            let passed = 0
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
              const length = node.textContent?.length ?? 0
              if (at >= passed && at < passed + length) range.setStart(node, at - passed)
              if (at + wanted.length > passed && at + wanted.length <= passed + length) range.setEnd(node, at + wanted.length - passed)
              passed += length
            }
            const { x, y, width, height } = range.getBoundingClientRect()
            if (width > 0) return { x: x + width / 2, y: y + height / 2 }
          }
        }
        return undefined
      },
      [text, nth] as const,
    ),
  )

export const hoverBox = (page: Page): Locator => page.locator('.monaco-hover:visible').last()

/** Points at a text in the script, and tells what the hover says once it has come. */
export async function hover(page: Page, text: string, { nth = 0, says = /\S/ }: { nth?: number; says?: RegExp } = {}): Promise<string> {
  return until(`a hover at "${text}" that says ${String(says)}`, async () => {
    const { x, y } = await place(page, text, nth)
    // From outside the script: where it has just pointed and found nothing, the editor does not ask again.
    await page.mouse.move(x, 2)
    await page.mouse.move(x, y, { steps: 4 })
    await hoverBox(page).waitFor({ timeout: 3000 })
    const said = await hoverBox(page).innerText()
    return says.test(said) && !/^\s*Loading\.\.\.\s*$/.test(said) ? said : undefined
  })
}

/** Clicks a text in the script: the cursor goes there. */
export async function clickText(page: Page, text: string, nth = 0): Promise<void> {
  const { x, y } = await place(page, text, nth)
  // The hover of what was pointed at last stays for a moment, and may lie over it.
  await page.mouse.move(x, 2)
  await until(`"${text}" with nothing over it`, () =>
    page.evaluate(([left, top]) => !document.elementFromPoint(left, top)?.closest('.monaco-hover'), [x, y] as const),
  )
  await page.mouse.click(x, y)
}

/** What stands over the lines of the script: for each line its parts, from left to right. */
export const codeLenses = (page: Page): Promise<readonly (readonly string[])[]> =>
  page.locator('.editor-instance .codelens-decoration').evaluateAll((lines) =>
    lines
      .toSorted((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
      .map((line) =>
        [...line.querySelectorAll('a, span[id]')].map(({ textContent }) => (textContent ?? '').replaceAll('\u00a0', ' ').trim()),
      )
      .filter((parts) => parts.length > 0),
  )

/** A part of a CodeLens that can be clicked. */
export const codeLens = (page: Page, text: string | RegExp): Locator =>
  page.locator('.editor-instance .codelens-decoration a', { hasText: text }).first()

/** Presses a part of a CodeLens, here or in another kind of editor. */
export async function pressCodeLens(page: Page, text: string, editor = '.editor-instance'): Promise<void> {
  // A tooltip of a tab would lie over it.
  await page.mouse.move(700, 500)
  // While the editor still asks for lenses it draws those of before as plain words, and makes the links anew:
  // a click on either is lost.
  const link = page.locator(`${editor} .codelens-decoration > a`, { hasText: text }).first()
  await until(`"${text}" to stay`, async () => {
    const node = await link.elementHandle()
    await pause(300)
    return node?.evaluate(({ isConnected }) => isConnected)
  })
  await link.click()
}

/** Asks for completions at the cursor and tells them, as listed. */
export async function completions(page: Page): Promise<readonly string[]> {
  await page.keyboard.press('Control+Space')
  const list = page.locator('.suggest-widget.visible .monaco-list-row .label-name')
  await list.first().waitFor()
  return list.allInnerTexts()
}

/** The text of the active editor that is on the screen. */
export const shownText = async (page: Page): Promise<string> =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.editor-group-container.active .editor-instance .view-line')]
      .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
      .map((line) => (line.textContent ?? '').replaceAll('\u00a0', ' '))
      .join('\n'),
  )

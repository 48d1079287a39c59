import type { Frame, Page } from 'playwright-core'
import { until } from './until'

/** The page of an epoch, by its reference, once it is filled. */
export const epochPage = (page: Page, reference: string): Promise<Frame> =>
  until(`the page of ${reference}`, async () => {
    for (const frame of page.frames()) {
      if (frame.parentFrame()?.parentFrame() !== page.mainFrame()) continue
      // A frame may go away while it is asked.
      if (
        await frame.evaluate((wanted) => document.title === wanted && document.querySelector('h1') !== null, reference).catch(() => false)
      )
        return frame
    }
    return undefined
  })

/** What a table of the page says, row by row; a value's full figure is in its title. */
export const tableIn = (frame: Frame, table: string) =>
  frame.locator(`table.${table} tbody tr`).evaluateAll((rows) =>
    rows.map((row) => ({
      name: row.querySelector('th')?.innerText ?? '',
      cells: [...row.querySelectorAll('td')].map((cell) => ({ text: cell.textContent ?? '', title: cell.getAttribute('title') })),
    })),
  )

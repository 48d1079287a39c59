import type { Frame, Page } from 'playwright-core'
import { until } from './until'

/** The page inside a webview that the test accepts. Webviews lie over the workbench, not in it, so they are known by what they hold. */
export const webview = (page: Page, accept: () => boolean): Promise<Frame> =>
  until('a webview', async () => {
    for (const frame of page.frames()) {
      if (frame.parentFrame()?.parentFrame() !== page.mainFrame()) continue
      // A frame may go away while it is asked.
      if (await frame.evaluate(accept).catch(() => false)) return frame
    }
    return undefined
  })

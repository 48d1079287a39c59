import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { browser } from './browser'
import { root, toStderr } from './root'

const SIZE = 256

/** Draws media/icon.png from media/icon.svg. */
const opened = await chromium.launch({ executablePath: browser(toStderr), args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
try {
  const page = await opened.newPage({ viewport: { width: SIZE, height: SIZE } })
  const picture = readFileSync(join(root, 'media', 'icon.svg'), 'utf8')
  await page.setContent(`<style>body{margin:0}svg{display:block}</style>${picture}`)
  await page.screenshot({ path: join(root, 'media', 'icon.png'), omitBackground: true })
} finally {
  await opened.close()
}

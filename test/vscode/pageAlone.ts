import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, extname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { BrowserContext, Page } from 'playwright-core'
import { pageHtml, partsOf } from '../../client/pageHtml'
import { root } from '../../scripts/vscode/root'
import { comparison } from '../../server/comparison/comparison'
import { answer } from '../../server/comparison/questions'
import { explain } from '../../server/errors'
import type { Question } from '../../server/protocol/comparison'
import type { Context } from '../../server/requests'
import { fromPage, type FromPage, toPage, type ToPage } from '../../webview/messages/comparison'
import { startedBrowser } from './bench'
import { until } from './until'

export interface Alone {
  readonly page: Page
  /** Everything the page was told and what it asked, in order. */
  readonly heard: readonly FromPage[]
  readonly told: readonly ToPage[]
  /** What is refused when it is asked, as while the server is started again. */
  readonly refused: Set<Question>
  /** Tells the page that sessions went on, as the extension does. */
  readonly renew: (changed?: readonly string[]) => Promise<void>
  readonly close: () => Promise<void>
}
export interface AloneOptions {
  readonly references: readonly string[]
  readonly light?: boolean
  readonly size?: { readonly width: number; readonly height: number }
  readonly trusted?: boolean
  /** The view that it opens at, as after a reload. */
  readonly view?: string
  /** Runs in the page before all else. */
  readonly before?: () => void
}

/** Waits for what the page says last: it says it a moment after it was used. */
export const says = ({ heard }: Pick<Alone, 'heard'>, message: FromPage) =>
  until(`the page to say ${JSON.stringify(message)}`, () => isDeepStrictEqual(heard.at(-1), message))

/** What each page has asked and not been answered yet. */
const asking = new WeakMap<Page, ReadonlyMap<number, unknown>>()
/** The page gathers what it asks for, and writes down what was chosen, within this. */
const GATHERED_MS = 250

/** Waits until a page that was used has come to rest, however slow the machine is: its timers are over, nothing is asked, all is drawn. */
export async function settled(page: Page) {
  do
    await page.evaluate(
      (ms) => new Promise<void>((resolve) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => resolve())), ms)),
      GATHERED_MS,
    )
  while (asking.get(page)?.size)
}

const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css', '.map': 'application/json' }

/**
 * The comparison's page in a real browser with real answers, and no editor around it: a second instead of ten, for trying out,
 * for tests of the page alone, and for measuring it. What lies between the two in the editor is tried in the editor.
 */
export async function openAlone(
  context: Context,
  { references, light = false, size, trusted = true, view, before }: AloneOptions,
): Promise<Alone> {
  const made: BrowserContext = await (
    await startedBrowser()
  ).newContext({
    viewport: size ?? { width: 1100, height: 850 },
    colorScheme: light ? 'light' : 'dark',
  })
  made.setDefaultTimeout(30_000)
  const page = await made.newPage()
  const heard: FromPage[] = []
  const told: ToPage[] = []
  const refused = new Set<Question>()
  const asked = new Map<number, AbortController>()
  asking.set(page, asked)
  let compared = references
  const tell = async (message: ToPage) => {
    toPage.parse(message)
    told.push(message)
    await page.evaluate((text) => window.postMessage(JSON.parse(text) as unknown, '*'), JSON.stringify(message))
  }
  const renew = async (changed: readonly string[] = []) => {
    try {
      const shown = await comparison(context, { references: compared })
      await tell({ type: 'show', comparison: shown, changed, texts: {}, language: 'en', trusted })
    } catch (error) {
      await tell({ type: 'trouble', message: explain(error).message })
    }
  }
  await page.exposeFunction('heardByTest', async (message: unknown) => {
    const parsed = fromPage.parse(message) as FromPage
    heard.push(parsed)
    if (parsed.type === 'ready') return renew()
    if (parsed.type === 'cancel') return asked.get(parsed.id)?.abort()
    if (parsed.type === 'compare') {
      compared = parsed.references
      return renew()
    }
    if (parsed.type !== 'ask') return undefined
    const { id, question } = parsed
    const controller = new AbortController()
    asked.set(id, controller)
    try {
      if (refused.has(question)) throw new Error('Ask again.')
      await tell({
        type: 'answer',
        id,
        answer: await answer(context, { references: compared }, question, parsed.asked, controller.signal),
      })
    } catch (error) {
      if (!controller.signal.aborted) await tell({ type: 'refused', id, message: explain(error).message })
    } finally {
      asked.delete(id)
    }
  })
  await page.addInitScript(() => {
    const editor = window as unknown as { heardByTest(message: unknown): void; acquireVsCodeApi(): unknown }
    editor.acquireVsCodeApi = () => ({
      postMessage: (message: unknown) => editor.heardByTest(message),
      getState: () => JSON.parse(sessionStorage.getItem('state') ?? 'null') as unknown,
      setState: (state: unknown) => sessionStorage.setItem('state', JSON.stringify(state)),
    })
  })
  if (view !== undefined)
    await page.addInitScript((state) => sessionStorage.setItem('state', JSON.stringify(state)), {
      dir: context.dir,
      references,
      view,
      choices: {},
    })
  if (before) await page.addInitScript(before)
  await page.goto(`${await origin()}?${light ? 'light' : 'dark'}`)
  await page.waitForSelector('vscode-tabs')
  return { page, heard, told, refused, renew, close: () => made.close() }
}

let serving: Promise<string> | undefined
/** Where the page's files are served: what the browser is told by a test's own means comes many times slower. */
const origin = () => (serving ??= serve())

async function serve(): Promise<string> {
  const server = createServer(({ url }, response) => {
    const { pathname, search } = new URL(url!, 'http://localhost')
    if (pathname === '/') return response.setHeader('content-type', 'text/html').end(frame(search === '?light'))
    const file = join(root, 'dist', 'webview', basename(pathname))
    // A browser asks for an icon too.
    if (!existsSync(file)) return response.writeHead(204).end()
    return response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(readFileSync(file))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // The tests' process ends when they are done.
  server.unref()
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** The frame that the page has in the editor, with a few of the editor's colours. */
function frame(light: boolean): string {
  const kind = light ? 'vscode-light' : 'vscode-dark'
  const colours = Object.entries(light ? LIGHT : DARK).map(([name, value]) => `--vscode-${name}:${value}`)
  return pageHtml({
    script: 'comparison.js',
    parts: partsOf(readFileSync(join(root, 'dist', 'webview', 'comparison.js'), 'utf8')),
    style: 'comparison.css',
    nonce: 'a',
    language: 'en',
    title: 'Comparison',
    workers: true,
  })
    .replace('</head>', `<style nonce="a">:root{${colours.join(';')}}</style></head>`)
    .replace('<body>', `<body class="${kind}" data-vscode-theme-kind="${kind}">`)
}

const LIGHT = {
  foreground: '#202020',
  descriptionForeground: '#606060',
  'editor-background': '#ffffff',
  'panel-border': '#e0e0e0',
  'panelTitle-activeForeground': '#202020',
  'panelTitle-inactiveForeground': '#606060',
  'textLink-foreground': '#0069cc',
  errorForeground: '#ad0707',
  'charts-green': '#388a34',
  focusBorder: '#0069cc',
  'button-background': '#0069cc',
  'button-foreground': '#ffffff',
}
const DARK = {
  foreground: '#bfbfbf',
  descriptionForeground: '#8c8c8c',
  'editor-background': '#121314',
  'panel-border': '#2a2b2c',
  'panelTitle-activeForeground': '#bfbfbf',
  'panelTitle-inactiveForeground': '#8c8c8c',
  'textLink-foreground': '#53a5ca',
  errorForeground: '#f48771',
  'charts-green': '#89d185',
  focusBorder: '#3994bc',
  'button-background': '#297aa0',
  'button-foreground': '#ffffff',
}

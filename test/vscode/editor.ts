import { globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { root } from '../../scripts/vscode/root'
import { serve, type Serving } from '../../scripts/vscode/serve'
import { steady } from '../../scripts/vscode/settings'
import { bench, results } from './bench'
import { openFolder } from './workbench'

export interface EditorOptions {
  /** A folder, or a `.code-workspace` file; without it an empty window. */
  readonly folder?: string
  /** The extension as it lies in the checkout, as a package, or not at all. */
  readonly extension?: 'checkout' | { readonly vsix: string } | 'none'
  /** Folders of further extensions. */
  readonly others?: readonly string[]
  readonly trusted?: boolean
  /** Of the user; those of the machine come before them, those of the workspace before both. */
  readonly settings?: Readonly<Record<string, unknown>>
  readonly machineSettings?: Readonly<Record<string, unknown>>
  readonly theme?: Theme
  readonly size?: { readonly width: number; readonly height: number }
  /** Pixels of the picture for each of the page. */
  readonly scale?: number
  readonly env?: NodeJS.ProcessEnv
  /** Stays open after the test: for `before`. Whoever opens it so closes it in `after`. */
  readonly keep?: boolean
}

/** A VS Code of a test's own: server, browser profile, settings, extensions. */
export interface Editor {
  readonly page: Page
  readonly server: Serving
  /** One more window of the same VS Code, on the same folder unless another is named. */
  readonly window: (folder?: string) => Promise<Page>
  readonly bridge: string
  readonly close: () => Promise<void>
}

/** By their settings' names; the first two are what a new user has. */
export const themes = {
  dark: 'Dark 2026',
  light: 'Light 2026',
  'high contrast': 'Default High Contrast',
  'high contrast light': 'Default High Contrast Light',
} as const
export type Theme = keyof typeof themes
export const allThemes = Object.keys(themes) as readonly Theme[]

interface Open extends Editor {
  readonly context: BrowserContext
  readonly kept: boolean
}
const open = new Set<Open>()

/** Opens VS Code; after the test that opened it, it is closed again. */
export async function openEditor(options: EditorOptions = {}): Promise<Editor> {
  const { vsCode, browser, folder: place } = await bench()
  const { extension = 'checkout', folder, theme = 'dark' } = options
  const home = mkdtempSync(join(place, 'editor-'))
  const trusted = options.trusted ?? true
  const bridge = join(home, 'bridge')
  const server = await serve(vsCode, {
    home,
    extensions: [join(root, 'test', 'vscode', 'bridge'), ...(extension === 'checkout' ? [root] : []), ...(options.others ?? [])],
    ...(typeof extension === 'object' ? { vsix: [extension.vsix] } : {}),
    trusted,
    settings: {
      ...steady,
      'workbench.colorTheme': themes[theme],
      ...(trusted ? {} : { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' }),
      ...options.settings,
    },
    machineSettings: options.machineSettings ?? {},
    env: { EPOCHTREE_BRIDGE: bridge, ...options.env },
  })
  let context: BrowserContext | undefined
  try {
    const made = await browser.newContext({
      viewport: options.size ?? { width: 1400, height: 900 },
      deviceScaleFactor: options.scale ?? 1,
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    context = made
    made.setDefaultTimeout(30_000)
    const window = async (other = folder) => {
      const page = await made.newPage()
      await openFolder(page, server.address(other))
      return page
    }
    const editor: Open = {
      page: await window(),
      server,
      window,
      context: made,
      kept: options.keep ?? false,
      bridge,
      close: async () => {
        if (!open.delete(editor)) return
        await closed(made, server)
      },
    }
    open.add(editor)
    return editor
  } catch (error) {
    await (context ? closed(context, server) : server.stop())
    throw error
  }
}

async function closed(context: BrowserContext, server: Serving) {
  // Leaving the page lets the extension host end by itself, as when a person closes the window.
  await Promise.all(context.pages().map((page) => page.goto('about:blank').catch(() => {})))
  await context.close()
  await server.stop()
}

/** Keeps what was on the screens when a test failed, and what the servers and the extension said. */
export async function keepEvidence(title: string) {
  mkdirSync(results, { recursive: true })
  const name = title.replaceAll(/[^\p{L}\p{N}]+/gu, '-').slice(0, 120)
  let count = 0
  for (const { context, server } of open) {
    for (const page of context.pages())
      await page
        .screenshot({ path: join(results, `${name}-${++count}.png`), timeout: 10_000 })
        .catch((error: unknown) => console.error(error))
    writeFileSync(join(results, `${name}-${count}.log`), logs(server))
  }
}

function logs({ log, home }: Serving): string {
  const others = globSync('user/logs/**/{Epochtree,remoteexthost}.log', { cwd: home }).map((file) => join(home, file))
  return [log, ...others].map((file) => `== ${basename(file)}\n${readFileSync(file, 'utf8')}`).join('\n')
}

export const rootHooks = {
  async afterEach(this: Mocha.Context) {
    if (this.currentTest?.state === 'failed') await keepEvidence(this.currentTest.fullTitle())
    for (const editor of open) if (!editor.kept) await editor.close()
  },
  async afterAll() {
    for (const editor of open) await editor.close()
  },
}

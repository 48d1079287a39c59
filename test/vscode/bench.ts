import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { browser } from '../../scripts/vscode/browser'
import { demoWorkspace } from '../../scripts/vscode/demoWorkspace'
import { type VsCode, vsCode } from '../../scripts/vscode/fetch'
import { root, toStderr } from '../../scripts/vscode/root'

/** What a run needs once: the editor, a browser, and a workspace in which the demo was really trained. */
export interface Bench {
  readonly vsCode: VsCode
  readonly browser: Browser
  readonly demo: string
  readonly folder: string
}

let made: Promise<Bench> | undefined
let started: Promise<Browser> | undefined

/** A browser alone, for pages that need no editor. */
export const startedBrowser = (): Promise<Browser> =>
  (started ??= chromium.launch({
    executablePath: browser(toStderr),
    // Its sandbox does not start as root.
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', '--disable-quic', '--disable-background-networking'],
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  }))

export const bench = (): Promise<Bench> => (made ??= make())

async function make(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'epochtree-bench-'))
  process.once('exit', () => {
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {
      // Where an editor still writes, it stays: whoever ends this process must not be kept from that.
    }
  })
  // A folder kept from an earlier run saves the training while one works on a single test.
  const kept = process.env['EPOCHTREE_TEST_WORKSPACE']
  const [server, demo, opened] = await Promise.all([
    vsCode(toStderr),
    demoWorkspace(kept || join(folder, 'demo'), toStderr),
    startedBrowser(),
  ])
  return { vsCode: server, browser: opened, demo, folder }
}

export async function endBench(): Promise<void> {
  await (await started)?.close()
  started = undefined
  if (made === undefined) return
  const { folder } = await made
  made = undefined
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

let copies = 0

/** A copy of the demo's workspace of its own: two sessions, `digits` and its fork `digits-2`, and their scripts. */
export async function demoCopy(name = 'digits'): Promise<string> {
  const { demo, folder } = await bench()
  const copy = join(folder, `copy-${++copies}`, name)
  cpSync(demo, copy, { recursive: true, preserveTimestamps: true })
  return copy
}

/** A folder of its own with nothing in it. */
export async function emptyFolder(): Promise<string> {
  const { folder } = await bench()
  const empty = join(folder, `empty-${++copies}`)
  mkdirSync(empty)
  return empty
}

export const results = join(root, 'test-results')

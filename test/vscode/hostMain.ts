import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { root } from '../../scripts/vscode/root'
import { serve } from '../../scripts/vscode/serve'
import { steady } from '../../scripts/vscode/settings'
import { closeWith, endWith } from '../../scripts/vscode/verdict'
import { bench, demoCopy, endBench, results } from './bench'

const { values } = parseArgs({ options: { grep: { type: 'string', short: 'g' } } })
const WITHIN = 300_000

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
process.on('disconnect', () => process.exit(1))

/** Opens VS Code on a page that tells it to load the suite into its extension host. */
async function main(): Promise<number> {
  const { vsCode, browser, folder } = await bench()
  const result = join(folder, 'host-result.json')
  const server = await serve(vsCode, {
    home: join(folder, 'host'),
    settings: steady,
    args: ['--vscode-option=enable-smoke-test-driver'],
    env: { EPOCHTREE_TEST_RESULT: result, ...(values.grep === undefined ? {} : { EPOCHTREE_TEST_GREP: values.grep }) },
  })
  try {
    const page = await browser.newPage()
    let isOver = false
    const over = new Promise<void>((done) => {
      void page.exposeFunction('codeAutomationExit', () => done())
    }).then(() => (isOver = true))
    // What the page says while it is left is not the suite's.
    await page.exposeFunction('codeAutomationLog', (_: string, words: readonly unknown[]) => isOver || console.log(...words))
    const remote = (path: string) => `vscode-remote://127.0.0.1:${server.port}${path}`
    const payload = JSON.stringify([
      ['extensionDevelopmentPath', remote(root)],
      ['extensionTestsPath', remote(join(root, 'out', 'test', 'host', 'index.cjs'))],
    ])
    await page.goto(server.address(await demoCopy(), { payload }), { waitUntil: 'commit' })
    await Promise.race([over, server.ended, pause(WITHIN, undefined, { ref: false })])
    const status = closeWith(result)
    isOver = true
    if (status !== 0) {
      mkdirSync(results, { recursive: true })
      await page.screenshot({ path: join(results, 'host.png') })
      copyFileSync(server.log, join(results, 'host.log'))
    }
    await page.goto('about:blank')
    return status
  } finally {
    await server.stop()
    await endBench()
  }
}

endWith(main())

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runTests } from '@vscode/test-electron'
import { explain } from '../../server/errors'
import { demoWorkspace } from './demoWorkspace'
import { cache, root, toStderr } from './root'
import { closeWith, endWith } from './verdict'

const HELP = `npm run test:desktop -- [--version V] [--grep TEXT]

Runs the extension host's tests in a desktop VS Code, downloaded once: the newest, or --version, such as 1.127.0 or insiders.`

const { values } = parseArgs({
  options: { version: { type: 'string' }, grep: { type: 'string', short: 'g' }, help: { type: 'boolean', short: 'h' } },
})

async function main(): Promise<number> {
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const folder = mkdtempSync(join(tmpdir(), 'epochtree-desktop-'))
  const result = join(folder, 'result.json')
  try {
    const workspace = await demoWorkspace(join(folder, 'demo'), toStderr)
    await runTests({
      version: values.version ?? 'stable',
      cachePath: join(cache(), 'desktop'),
      extensionDevelopmentPath: root,
      extensionTestsPath: join(root, 'out', 'test', 'host', 'index.cjs'),
      extensionTestsEnv: { EPOCHTREE_TEST_RESULT: result, EPOCHTREE_TEST_GREP: values.grep },
      launchArgs: [
        workspace,
        `--user-data-dir=${join(folder, 'user')}`,
        '--disable-extensions',
        '--disable-workspace-trust',
        '--skip-welcome',
      ],
    }).catch((error: unknown) => console.error(explain(error).message))
    return closeWith(result)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}

endWith(main())

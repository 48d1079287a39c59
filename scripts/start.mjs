// Sets up what is missing, then opens VS Code on the demo.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { status } = spawnSync(process.execPath, [join(root, 'scripts/setup.mjs')], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

const { run } = await import('./run.mjs')
run('out/scripts/vscode/start.js', process.argv.slice(2))

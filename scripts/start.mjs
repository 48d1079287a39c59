// Sets up what is missing, then runs the demo's real training.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
for (const args of [['scripts/setup.mjs'], ['bin/epochtree.mjs', 'demo', ...process.argv.slice(2)]]) {
  const { status } = spawnSync(process.execPath, [join(root, args[0]), ...args.slice(1)], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

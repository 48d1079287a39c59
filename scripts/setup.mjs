// Installs what the lockfile names and builds, when that has not been done for this state of the checkout.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, 'node_modules', '.epochtree-setup')
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')

function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32' })
  if (done.status !== 0) {
    console.error(`\`${command} ${args.join(' ')}\` failed. Mend what it says above, then run it again.`)
    process.exit(1)
  }
}

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  run('npm', ['ci', '--no-audit', '--no-fund'])
  writeFileSync(stamp, lock)
}
// Where npm has no Node 24 for the machine, as for Apple silicon, the scripts run on this one.
const [major, minor] = process.versions.node.split('.').map(Number)
const newEnough = major > 22 || (major === 22 && minor >= 13)
if (!newEnough && !existsSync(join(root, 'node_modules', '.bin', 'node')) && !existsSync(join(root, 'node_modules', '.bin', 'node.cmd'))) {
  console.error(
    `Node ${process.versions.node} is too old, and npm has no Node 24 for ${process.platform} ${process.arch}. Install Node 24 (or any from 22.13), then run this again.`,
  )
  process.exit(1)
}
run('npm', ['run', '--silent', 'build'])

// Runs the suites one after another and closes with the one line that counts them all.
import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const total = { passed: 0, failed: 0, skipped: 0 }

function suite(name, command, args, env = {}) {
  console.log(`\n# ${name}`)
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8', env: { ...process.env, ...env }, maxBuffer: 256 * 1024 * 1024 })
  process.stdout.write(done.stdout ?? '')
  process.stderr.write(done.stderr ?? '')
  return { status: done.status ?? 1, text: `${done.stdout}` }
}

function add(name, { passed, failed, skipped }, status) {
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
  if (passed + failed === 0) {
    console.error(`${name}: no test ran`)
    total.failed++
  } else if (status !== 0 && failed === 0) {
    console.error(`${name}: ended with status ${status}`)
    total.failed++
  }
}

const files = globSync('out/test/**/*.test.js', { cwd: root, exclude: ['out/test/vscode/**'] }).sort()
const mocha = suite('TypeScript', process.execPath, ['node_modules/mocha/bin/mocha.js', '--timeout', '120000', ...files])
const count = (word) => Number(new RegExp(`^\\s*(\\d+) ${word}`, 'm').exec(mocha.text)?.[1] ?? 0)
add('TypeScript', { passed: count('passing'), failed: count('failing'), skipped: count('pending') }, mocha.status)

if (existsSync(join(root, 'python/tests/run_everywhere.py'))) {
  const python = suite('Python', process.env.PYTHON ?? (process.platform === 'win32' ? 'python' : 'python3'), [
    'python/tests/run_everywhere.py',
  ])
  const [, passed = 0, failed = 0, skipped = 0] = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/m.exec(python.text) ?? []
  add('Python', { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) }, python.status)
}

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exit(total.failed > 0 ? 1 : 0)

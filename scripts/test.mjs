// Runs the suites one after another, shown as they go, and closes with the one line that counts them all.
import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

const root = join(import.meta.dirname, '..')
const total = { passed: 0, failed: 0, skipped: 0 }

/** After its last test a suite has so long to end: what a failed test left open must not hold up everything. */
const OVERDUE_MS = 60_000

/** Its output is passed through as it comes, and kept for counting. `last` begins what it prints when all tests are over. */
function suite(name, command, args, last) {
  console.log(`\n# ${name}`)
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    let overdue
    child.stdout.setEncoding('utf8').on('data', (part) => {
      process.stdout.write(part)
      text += part
      if (overdue || !last?.test(stripVTControlCharacters(part))) return
      overdue = setTimeout(() => {
        console.error(`${name} still runs ${OVERDUE_MS / 1000} s after its last test: a test leaves something open.`)
        child.kill('SIGKILL')
      }, OVERDUE_MS)
    })
    child.on('error', (error) => resolve({ end: `could not be started: ${error.message}`, text }))
    child.on('close', (code, signal) => {
      clearTimeout(overdue)
      resolve({
        end: code === 0 ? undefined : signal ? `was ended by ${signal}` : `ended with status ${code}`,
        text: stripVTControlCharacters(text),
      })
    })
  })
}

function add(name, { passed, failed, skipped }, end) {
  total.passed += passed
  total.failed += failed
  total.skipped += skipped
  const trouble = end !== undefined && failed === 0 ? end : passed + failed === 0 ? 'ran no test' : undefined
  if (trouble === undefined) return
  console.error(`${name} ${trouble}`)
  total.failed++
}

/** The last figure that mocha gives: what tests print may look like it. Where it died before that, the tests it had ticked off. */
function mochaCounts(text) {
  const count = (pattern) => [...text.matchAll(new RegExp(`^ {2}(\\d+) ${pattern}`, 'gm'))].at(-1)?.[1]
  const passed = count('passing \\(')
  if (passed === undefined) return { passed: text.match(/^ +✔ /gm)?.length ?? 0, failed: 0, skipped: 0 }
  return { passed: Number(passed), failed: Number(count('failing') ?? 0), skipped: Number(count('pending') ?? 0) }
}

const files = globSync('out/test/**/*.test.js', { cwd: root, exclude: ['out/test/vscode/**', 'out/test/services/**'] }).sort()
const colour = process.stdout.isTTY ? '--color' : '--no-color'
const mocha = await suite(
  'TypeScript',
  process.execPath,
  ['node_modules/mocha/bin/mocha.js', colour, '--timeout', '120000', ...files],
  /^ {2}\d+ passing \(/m,
)
add('TypeScript', mochaCounts(mocha.text), mocha.end)

if (existsSync(join(root, 'python/tests/run_everywhere.py'))) {
  const interpreter = process.env.PYTHON ?? (process.platform === 'win32' ? 'python' : 'python3')
  const python = await suite('Python', interpreter, ['python/tests/run_everywhere.py'])
  const [, passed = 0, failed = 0, skipped = 0] =
    [...python.text.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/gm)].at(-1) ?? []
  add('Python', { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) }, python.end)
}

console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 ? 1 : 0

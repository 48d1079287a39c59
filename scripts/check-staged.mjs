// A fast look at the files of a commit: their format, and what oxlint finds without types. `npm run hooks` has git call it.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const windows = process.platform === 'win32'
const git = spawnSync('git', ['diff', '--cached', '--name-only', '--diff-filter=ACMR', '-z'], { cwd: root, encoding: 'utf8' })
const staged = git.stdout.split('\0').filter((file) => file !== '' && existsSync(join(root, file)))

function check(tool, args, files) {
  const program = join(root, 'node_modules', '.bin', windows ? `${tool}.cmd` : tool)
  if (!files.length || !existsSync(program)) return true
  const quoted = windows ? files.map((file) => `"${file}"`) : files
  return spawnSync(windows ? `"${program}"` : program, [...args, ...quoted], { cwd: root, stdio: 'inherit', shell: windows }).status === 0
}

const scripts = staged.filter((file) => /\.[cm]?[jt]s$/.test(file))
const formatted = check(
  'oxfmt',
  ['--check', '--no-error-on-unmatched-pattern'],
  [...scripts, ...staged.filter((file) => /\.(json|css|html)$/.test(file))],
)
const clean = check('oxlint', ['--deny-warnings'], scripts)
if (!formatted) console.error('Run `npm run format`, then stage the files again.')
if (!formatted || !clean) {
  console.error('Nothing was committed. `git commit --no-verify` commits all the same.')
  process.exit(1)
}

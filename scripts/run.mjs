// Runs a built program on the Node 24 that the project's packages bring, or on this one, and ends with its status.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const platform = process.platform === 'win32' ? 'win' : process.platform
const packaged = join(root, 'node_modules', `node-${platform}-${process.arch}`, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

export function run(program, args) {
  const node = existsSync(packaged) ? packaged : process.execPath
  // By the channel the program notices when this process is gone, even if it could not say so.
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', '--enable-source-maps', join(root, program), ...args], {
    cwd: root,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  // A terminal sends its signals to the child too, which is given time to end; others send them to this process alone.
  process.on('SIGINT', () => (process.stdin.isTTY ? setTimeout(() => child.kill('SIGTERM'), 5000) : child.kill('SIGINT')))
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  if (process.env.npm_lifecycle_event) endWith(starters(), child)
  child.on('error', (error) => {
    console.error(`${node} could not be started: ${error.message}. Run \`npm ci\` again.`)
    process.exit(1)
  })
  child.on('exit', (code) => process.exit(code ?? 1))
}

/** npm's process and the shell between, where there is one: whoever ends npm may end it alone. */
function starters() {
  if (process.platform === 'win32') return []
  const [parent, shell] = spawnSync('ps', ['-o', 'ppid=,comm=', '-p', process.ppid], { encoding: 'utf8' }).stdout?.trim().split(/\s+/) ?? []
  return /(^|\/)-?(ba|da|z|k)?sh$/.test(shell ?? '') ? [process.ppid, Number(parent)] : [process.ppid]
}

function endWith(pids, child) {
  setInterval(() => {
    try {
      for (const pid of pids) process.kill(pid, 0)
    } catch (error) {
      if (error.code === 'ESRCH') child.kill('SIGTERM')
    }
  }, 500).unref()
}

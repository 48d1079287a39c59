#!/usr/bin/env node
// Starts the command line on a Node that has `node:sqlite`: this one, or the one that the project's packages bring.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const cli = join(root, 'dist', 'cli.js')

function hasSqlite() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 13)
}

/** The Node 24 that came as an optional package for this platform, if there is one. */
function packagedNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const file = join(root, 'node_modules', `node-${platform}-${process.arch}`, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  return existsSync(file) ? file : undefined
}

/** Whether Ctrl-C may come from a terminal, also where the streams lead elsewhere. */
function hasTerminal() {
  if (process.platform === 'win32' || process.stdin.isTTY) return true
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

function fail(code, sentence) {
  process.stderr.write(`epochtree: ${code}: ${sentence}\n`)
  process.exit(1)
}

if (!existsSync(cli)) fail('not-built', `The program is not built yet. Run \`npm ci && npm run build\` in ${root}.`)
if (hasSqlite()) {
  // On stderr only errors belong. Node 22 calls its SQLite experimental there, and Google's library says that this is no machine of Google's, which
  // the command says in its own words where it matters.
  const { emitWarning } = process
  process.emitWarning = (warning, ...about) => {
    if (String(warning).includes('SQLite is an experimental feature') || about[0] === 'MetadataLookupWarning') return
    emitWarning.call(process, warning, ...about)
  }
  const module = await import('node:module')
  module.enableCompileCache?.()
  await import(pathToFileURL(cli).href)
} else {
  const node = packagedNode()
  if (!node)
    fail(
      'node-too-old',
      `Node ${process.versions.node} has no SQLite. Install Node 24 (or any from 22.13), or run \`npm ci\` in ${root}, which brings one where there is a package for ${process.platform} ${process.arch}.`,
    )
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal's Ctrl-C reaches the child as well; whatever else is sent to this process is handed on.
  const terminal = hasTerminal()
  process.on('SIGINT', () => terminal || child.kill('SIGINT'))
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail('node-failed', `${node} could not be started: ${error.message}. Run \`npm ci\` in ${root} again.`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)))
}

#!/usr/bin/env node
// Starts the command line on a Node that has `node:sqlite`: this one, or the one that the project's packages bring.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
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

function fail(code, sentence) {
  process.stderr.write(`epochtree: ${code}: ${sentence}\n`)
  process.exit(1)
}

if (!existsSync(cli)) fail('not-built', `The program is not built yet. Run \`npm ci && npm run build\` in ${root}.`)
if (hasSqlite()) {
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
  // The terminal sends its signals to the child too; this process only waits to hand on the exit status.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', (error) => fail('node-failed', `${node} could not be started: ${error.message}. Run \`npm ci\` in ${root} again.`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 1)))
}

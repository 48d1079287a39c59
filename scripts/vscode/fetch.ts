import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { EpochtreeError } from '../../server/errors'
import { cleanEnvironment, type Node, node24 } from './node'
import { alone } from './oneAtATime'
import { cache, root, type Say } from './root'

export interface VsCode {
  readonly node: Node
  /** What Node runs to start the server. */
  readonly entry: string
  readonly version: string
}

// The packages whose native parts must be compiled; every other one ships its own or is not needed.
const COMPILED = ['@vscode/spdlog', '@vscode/native-watchdog']
// A third of the size, and nothing that we open.
const NOT_NEEDED = ['extensions/copilot', 'node_modules/@github', 'node_modules/@microsoft/mxc-sdk', 'node_modules/node-pty/deps']

/** A complete VS Code server in the cache, fetched from the package registry when it is not there. */
export async function vsCode(say: Say): Promise<VsCode> {
  if (process.platform === 'win32')
    throw new EpochtreeError(
      'not-found',
      "VS Code's server does not run on Windows itself. Install the desktop VS Code, or run this in the Windows Subsystem for Linux.",
    )
  const node = node24()
  const described = join(root, 'scripts', 'vscode', 'server')
  const lock = readFileSync(join(described, 'package-lock.json'))
  const version = versionIn(lock.toString())
  const hash = createHash('sha256').update(lock).digest('hex').slice(0, 8)
  const home = join(cache(), `server-${version}-${process.platform}-${process.arch}-${hash}`)
  const found = { node, version, entry: join(home, 'node_modules', 'code-server', 'out', 'node', 'entry.js') }
  const complete = () => existsSync(join(home, '.complete'))
  mkdirSync(cache(), { recursive: true })
  while (!complete())
    await alone(
      `${home}.lock`,
      () => fetchInto(home, { described, node, version, say }),
      () => say(`Another run is fetching VS Code's server into ${home}; waiting for it.`),
      complete,
    )
  return found
}

function versionIn(lock: string): string {
  const { packages } = JSON.parse(lock) as { packages: Record<string, { version: string } | undefined> }
  return packages['node_modules/code-server']!.version
}

interface Fetching {
  readonly described: string
  readonly node: Node
  readonly version: string
  readonly say: Say
}

async function fetchInto(home: string, { described, node, version, say }: Fetching): Promise<void> {
  needCompiler()
  say(`Fetching VS Code's server ${version} into ${home}, once (about a minute):`)
  // What a run that was killed left half done.
  for (const name of readdirSync(dirname(home)))
    if (name.startsWith(`${basename(home)}.part-`)) rmSync(join(dirname(home), name), { recursive: true, force: true })
  const temporary = mkdtempSync(`${home}.part-`)
  const headers = node.headers === undefined ? {} : { npm_config_nodedir: node.headers, npm_package_config_node_gyp_nodedir: node.headers }
  const env = cleanEnvironment(node, {
    ...headers,
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_yes: 'true',
    JOBS: 'max',
  })
  const npm = async (what: string, cwd: string, ...args: string[]) => {
    const began = performance.now()
    await quietly('npm', args, cwd, env)
    say(`  ${what} (${((performance.now() - began) / 1000).toFixed(0)} s)`)
  }
  try {
    for (const file of readdirSync(described)) cpSync(join(described, file), join(temporary, file))
    await npm('the server', temporary, 'ci', '--ignore-scripts')
    const editor = join(temporary, 'node_modules', 'code-server', 'lib', 'vscode')
    // Not `ci`: the published shrinkwrap lacks a package that it needs.
    await npm('its packages', editor, 'install', '--omit=dev', '--ignore-scripts')
    await npm('its extensions', join(editor, 'extensions'), 'install', '--omit=dev', '--ignore-scripts')
    const shipped = existsSync(join(editor, 'node_modules', 'node-pty', 'prebuilds', `${process.platform}-${process.arch}`))
    await npm('two native modules, compiled', editor, 'rebuild', ...COMPILED, ...(shipped ? [] : ['node-pty']))
    link(editor)
    trim(editor)
    writeFileSync(join(temporary, '.complete'), new Date().toISOString())
    renameSync(temporary, home)
  } catch (error) {
    if (existsSync(join(home, '.complete'))) return
    throw new EpochtreeError('failed', `VS Code's server could not be fetched: ${(error as Error).message}`, { cause: error })
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

function needCompiler() {
  const missing = [['cc', 'gcc', 'clang'], ['c++', 'g++', 'clang++'], ['make'], ['python3']].filter(
    (names) => !names.some((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined),
  )
  if (missing.length === 0) return
  const remedy =
    process.platform === 'darwin'
      ? '`xcode-select --install`'
      : '`apt-get install -y gcc g++ make python3`, or what your system calls them,'
  throw new EpochtreeError(
    'not-found',
    `VS Code's server has two small parts to compile, and ${missing.map(([name]) => name).join(', ')} is missing here. Run ${remedy} and try again.`,
  )
}

function link(editor: string) {
  const system = process.platform === 'darwin' ? 'darwin' : 'linux'
  for (const [target, name] of [
    [`code-${system}.sh`, 'bin/remote-cli/code-server'],
    [`browser-${system}.sh`, 'bin/helpers/browser.sh'],
  ] as const) {
    rmSync(join(editor, name), { force: true })
    symlinkSync(target, join(editor, name))
  }
}

function trim(editor: string) {
  const remove = (path: string) => rmSync(join(editor, path), { recursive: true, force: true })
  for (const path of NOT_NEEDED) remove(path)
  const mine = `${process.platform}-${process.arch}`
  for (const folder of ['node_modules/@vscode/ripgrep-universal/bin', 'node_modules/node-pty/prebuilds']) {
    if (!existsSync(join(editor, folder, mine))) continue
    for (const entry of readdirSync(join(editor, folder))) if (entry !== mine) remove(join(folder, entry))
  }
}

/** Runs a program without its output, of which the last lines are shown only if it fails. */
function quietly(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-2000)))
    child.on('error', (error) => fail(new Error(`${program} could not be started (${error.message}). Install it and try again.`)))
    child.on('close', (status) =>
      status === 0
        ? done()
        : fail(new Error(`\`${program} ${args.join(' ')}\` ended with ${status}. Mend what it says, then try again:\n${said.trim()}`)),
    )
  })
}

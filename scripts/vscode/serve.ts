import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { EpochtreeError } from '../../server/errors'
import type { VsCode } from './fetch'
import { openGate } from './gate'
import { cleanEnvironment } from './node'

type Settings = Readonly<Record<string, unknown>>

export interface ServeOptions {
  /** Where settings, installed extensions and the server's log lie; without it, in a new folder that goes with the server. */
  readonly home?: string
  /** Folders of extensions, used as they lie there. */
  readonly extensions?: readonly string[]
  /** Packages to be installed first. */
  readonly vsix?: readonly string[]
  readonly settings?: Settings
  /** Those of this machine alone, which here come before the user's, as in every remote window. */
  readonly machineSettings?: Settings
  /** Whether folders are trusted without asking; otherwise the settings decide. */
  readonly trusted?: boolean
  /** Whether extensions may be found and fetched from outside. */
  readonly gallery?: boolean
  readonly env?: NodeJS.ProcessEnv
  readonly args?: readonly string[]
  readonly port?: number
}

export interface Serving {
  readonly port: number
  readonly pid: number
  readonly log: string
  readonly home: string
  /** Opens a folder, or a `.code-workspace` file; the key is in it. */
  readonly address: (folder?: string, query?: Readonly<Record<string, string>>) => string
  readonly ended: Promise<void>
  readonly stop: () => Promise<void>
}

const START_WITHIN = 60_000

/** A VS Code server of its own, reached only with its key, ended with everything that it started. */
export async function serve(vsCode: VsCode, options: ServeOptions = {}): Promise<Serving> {
  // The socket's folder is apart from a lasting home: its path must be short, and this user's alone.
  const own = mkdtempSync(join(tmpdir(), 'epochtree-vscode-'))
  const home = options.home ?? own
  const user = join(home, 'user')
  const extensions = join(home, 'extensions')
  const socket = join(own, 'vscode.sock')
  const config = join(home, 'config.yaml')
  mkdirSync(extensions, { recursive: true })
  writeFileSync(config, 'auth: none\ncert: false\n')
  writeSettings(join(user, 'User'), options.settings)
  writeSettings(join(user, 'Machine'), options.machineSettings)
  for (const folder of options.extensions ?? []) linkExtension(folder, extensions)
  const env = cleanEnvironment(vsCode.node, {
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    XDG_RUNTIME_DIR: own,
    TMPDIR: own,
    ...(options.gallery ? {} : { EXTENSIONS_GALLERY: '{"serviceUrl":""}' }),
    ...options.env,
  })
  const common = [vsCode.entry, '--config', config, '--user-data-dir', user, '--extensions-dir', extensions]
  for (const file of options.vsix ?? []) install(vsCode.node.program, [...common, '--install-extension', file], env)

  const log = join(home, 'server.log')
  const output = openSync(log, 'w')
  const child = spawn(
    vsCode.node.program,
    [
      ...common,
      '--auth=none',
      `--socket=${socket}`,
      '--socket-mode=600',
      '--idle-timeout-seconds=120',
      '--ignore-last-opened',
      '--disable-telemetry',
      '--disable-update-check',
      '--disable-getting-started-override',
      '--disable-proxy',
      ...(options.trusted === false ? [] : ['--disable-workspace-trust']),
      ...(options.args ?? []),
    ],
    { cwd: home, env, stdio: ['ignore', output, output], detached: true },
  )
  closeSync(output)
  const kill = (signal: NodeJS.Signals) => {
    try {
      process.kill(-child.pid!, signal)
    } catch {
      // The whole group has ended already.
    }
  }
  const killNow = () => {
    kill('SIGKILL')
    rmSync(own, { recursive: true, force: true })
  }
  process.once('exit', killNow)
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done())
    child.once('error', () => done())
  })
  let over = false
  void ended.then(() => (over = true))

  const stop = async () => {
    clearInterval(beat)
    await gate?.close()
    kill('SIGTERM')
    await Promise.race([ended, pause(5000, undefined, { ref: false })])
    kill('SIGKILL')
    await ended
    process.removeListener('exit', killNow)
    rmSync(own, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
  // Ends itself two minutes after this process is gone, however that went.
  const beat = setInterval(() => void answers(socket, '/robots.txt'), 50_000).unref()
  let gate: Awaited<ReturnType<typeof openGate>> | undefined
  try {
    const until = Date.now() + START_WITHIN
    while (!(await answers(socket, '/healthz'))) {
      if (over || Date.now() > until)
        throw new EpochtreeError(
          'failed',
          `VS Code's server did not start. Mend what it says, then try again:\n${readFileSync(log, 'utf8').slice(-2000)}`,
        )
      await pause(30)
    }
    const key = randomBytes(18).toString('base64url')
    const { port } = (gate = await openGate(socket, key, options.port ?? 0))
    const address = (folder?: string, query: Readonly<Record<string, string>> = {}) => {
      const place = folder === undefined ? {} : { [folder.endsWith('.code-workspace') ? 'workspace' : 'folder']: folder }
      return `http://127.0.0.1:${port}/?${new URLSearchParams({ ...place, ...query, key }).toString().replaceAll('%2F', '/')}`
    }
    return { port, pid: child.pid!, log, home, address, ended, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What is there already is the user's own. */
function writeSettings(folder: string, settings: Settings | undefined) {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'settings.json')
  if (settings && !existsSync(file)) writeFileSync(file, `${JSON.stringify(settings, null, 2)}\n`)
}

/** The server takes it as installed, and as it lies there. */
function linkExtension(folder: string, extensions: string) {
  const { publisher, name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>
  const link = join(extensions, `${publisher}.${name}-${version}`)
  rmSync(link, { force: true })
  symlinkSync(folder, link, 'dir')
  // The server's list of what is installed; it is made again from what lies there.
  rmSync(join(extensions, 'extensions.json'), { force: true })
}

function install(program: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const done = spawnSync(program, args, { encoding: 'utf8', env })
  if (done.status !== 0)
    throw new EpochtreeError('failed', `The extension could not be installed:\n${`${done.stdout}${done.stderr}`.slice(-2000)}`)
}

function answers(socketPath: string, path: string): Promise<boolean> {
  return new Promise((answered) => {
    const asked = request({ socketPath, path, timeout: 5000 }, (response) => {
      response.resume()
      answered(response.statusCode === 200)
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => answered(false))
    asked.end()
  })
}

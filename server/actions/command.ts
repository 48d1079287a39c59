import { spawn } from 'node:child_process'
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { constants, homedir, hostname, userInfo } from 'node:os'
import { dirname, join, posix, relative, resolve, sep, win32 } from 'node:path'
import * as z from 'zod/mini'
import { EpochtreeError } from '../errors'
import { maskSecrets } from '../tracking/secrets'
import type { JsonObject, LaunchJson } from '../protocol/model'

type Environment = Readonly<Record<string, string | undefined>>

/** How a training was started: what it takes to start it again. Environment variables by name only. */
export interface RecordedCommand {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: readonly string[]
  readonly user?: string | undefined
  readonly host?: string | undefined
  readonly signature?: string | undefined
  /** The folder as from the project's, with slashes: of a command that another machine recorded. */
  readonly within?: string | undefined
}

const recorded = z.object({
  argv: z.array(z.string()).check(z.minLength(1)),
  cwd: z.string(),
  env: z._default(z.array(z.string()), []),
  user: z.optional(z.string()),
  host: z.optional(z.string()),
  signature: z.optional(z.string()),
  within: z.optional(z.string()),
})

export function readCommand(command: JsonObject | null): RecordedCommand | undefined {
  const parsed = recorded.safeParse(command)
  return parsed.success ? parsed.data : undefined
}

/**
 * A command that another machine recorded, as it reads here: in the same place of the project, and with the Python that is here where that machine's is
 * not. Its words stay as they are otherwise; nobody runs it unasked.
 */
export function commandHere({ within, ...command }: RecordedCommand, dir: string): RecordedCommand {
  const { cwd, argv } = command
  if (within === undefined || existsSync(cwd)) return command
  const project = dirname(dir)
  const here = resolve(project, within)
  if (!existsSync(here) || relative(project, here).split(sep)[0] === '..') return command
  // Of the paths that were given whole, those that led into the project.
  const there = cwd.slice(0, cwd.length - within.length).replace(/[\\/]+$/, '')
  const moved = (word: string) =>
    word.startsWith(`${there}/`) || word.startsWith(`${there}\\`) ? join(project, word.slice(there.length + 1).replaceAll('\\', '/')) : word
  const [program, ...words] = argv.map(moved)
  const python = /[\\/](python[\d.]*)(?:\.exe)?$/i.test(program!) && !existsSync(program!)
  return {
    ...command,
    cwd: here,
    argv: [python ? (process.platform === 'win32' ? 'python' : 'python3') : program!, ...words],
    signature: undefined,
  }
}

const NOTED = /^(CUDA_|OMP_|MKL_|NCCL_|TORCH|PYTORCH|TF_|XLA_|HF_|WORLD_SIZE|VIRTUAL_ENV|CONDA_|PYTHON)/

export function recordCommand(argv: readonly string[], cwd: string, env: Environment): RecordedCommand {
  const host = hostname()
  const key = commandKey(env)
  return {
    argv,
    cwd,
    env: Object.keys(env)
      .filter((name) => NOTED.test(name))
      .sort(),
    user: userInfo().username,
    host,
    ...(key === undefined ? {} : { signature: signatureOf(key, host, cwd, argv) }),
  }
}

const signatureOf = (key: string, host: string, cwd: string, argv: readonly string[]) =>
  createHmac('sha256', Buffer.from(key, 'hex'))
    .update([host, cwd, ...argv].join('\0'))
    .digest('hex')

/** Whether this user recorded the command on this host: a run folder from elsewhere may hold any command. */
export function isOurs({ argv, cwd, signature }: RecordedCommand, env: Environment): boolean {
  const key = commandKey(env)
  if (key === undefined || signature === undefined) return false
  const expected = Buffer.from(signatureOf(key, hostname(), cwd, argv))
  const given = Buffer.from(signature)
  return expected.length === given.length && timingSafeEqual(expected, given)
}

/** The folder for what this user's programs keep from one run to the next. */
export function stateFolder(platform: NodeJS.Platform, env: Environment, home: string): string {
  if (platform === 'win32') return win32.join(env['LOCALAPPDATA'] ?? win32.join(home, 'AppData', 'Local'), 'epochtree')
  if (platform === 'darwin') return posix.join(home, 'Library', 'Application Support', 'epochtree')
  return posix.join(env['XDG_STATE_HOME'] || posix.join(home, '.local', 'state'), 'epochtree')
}

/** The user's secret that signs recorded commands; made at first use. Undefined where it can't be kept. */
function commandKey(env: Environment): string | undefined {
  const path = posix.join(stateFolder(process.platform, env, homedir()), 'command-key')
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const fd = openSync(path, 'wx', 0o600)
    writeFileSync(fd, randomBytes(32).toString('hex'))
    closeSync(fd)
    chmodSync(path, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return undefined
  }
  try {
    const key = readFileSync(path, 'utf8').trim()
    return /^[0-9a-f]{64}$/.test(key) ? key : undefined
  } catch {
    return undefined
  }
}

/** For a person to read and to paste: POSIX shells' quoting, or PowerShell's. */
export function shellText(argv: readonly string[], platform: NodeJS.Platform = process.platform): string {
  const plain = platform === 'win32' ? /^[\w@%+:,./\\-]+$/ : /^[\w@%+=:,./-]+$/
  const quote = (word: string) => (platform === 'win32' ? `'${word.replaceAll("'", "''")}'` : `'${word.replaceAll("'", `'\\''`)}'`)
  return argv.map((word) => (plain.test(word) ? word : quote(word))).join(' ')
}

export const launchOf = (command: RecordedCommand, dir: string, sessionId: string): LaunchJson => ({
  argv: command.argv,
  cwd: command.cwd,
  env: { EPOCHTREE_SESSION: sessionId, EPOCHTREE_DIR: dir },
})

/** Whether Ctrl-C may come from a terminal, also where the streams lead elsewhere. */
function hasTerminal(): boolean {
  if (process.platform === 'win32' || process.stdin.isTTY) return true
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/** Runs the engine to its end with its output passed through; resolves to its exit status. */
export function run({ argv, cwd, env }: LaunchJson, quiet: boolean): Promise<number> {
  const [file, ...rest] = argv as [string, ...string[]]
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['inherit', quiet ? 2 : 'inherit', 'inherit'],
      windowsHide: true,
    })
    // A terminal's Ctrl-C reaches the child as well; here it only must not end the waiting.
    const forward = (signal: NodeJS.Signals) => () => void child.kill(signal)
    const handlers: [NodeJS.Signals, () => void][] = [
      ['SIGINT', hasTerminal() ? () => {} : forward('SIGINT')],
      ['SIGTERM', forward('SIGTERM')],
      ['SIGHUP', forward('SIGHUP')],
    ]
    for (const [signal, handler] of handlers) process.on(signal, handler)
    const done = () => handlers.forEach(([signal, handler]) => process.off(signal, handler))
    child.on('error', (error) => {
      done()
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      reject(
        new EpochtreeError(
          'bad-argument',
          `The command \`${shellText(maskSecrets(argv))}\` could not be started in ${cwd}: ${missing ? 'the program or the folder is not there' : error.message}. Check both; the session stays, so \`epochtree resume ${env['EPOCHTREE_SESSION']} --run\` tries again.`,
        ),
      )
    })
    child.on('exit', (code, signal) => {
      // One signal may come twice, from the group and from whoever handed it on.
      setTimeout(done, 1000).unref()
      resolve(code ?? 128 + (signal ? (constants.signals[signal] ?? 1) : 1))
    })
  })
}

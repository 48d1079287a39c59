import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { EpochtreeError } from '../../server/errors'
import { cacheFolder } from '../../server/storage/local/place'
import { alone } from '../vscode/oneAtATime'
import type { Say } from '../vscode/root'

/** Another user, for programs that refuse to run as root. */
export interface User {
  readonly uid: number
  readonly gid: number
}

/** `nobody`, who has this number on every Linux; undefined where we are no root and a program simply runs as us. */
export const other = (): User | undefined => (process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined)

const cacheOfUser = () => process.env['EPOCHTREE_CACHE'] || cacheFolder(process.platform, process.env, homedir())

/** Where servers are kept once they were fetched, outside every checkout. */
export const cache = () => join(cacheOfUser(), 'services')

/** As `cache`, for what another user runs: a private home above it would shut that user out. */
export function place(): string {
  if (!other()) return cache()
  const kept = cache()
  mkdirSync(kept, { recursive: true })
  if (opened(kept)) return kept
  const temporary = join(tmpdir(), `epochtree-services-${userInfo().uid}`)
  mkdirSync(temporary, { recursive: true, mode: 0o755 })
  if (statSync(temporary).uid !== userInfo().uid)
    throw new EpochtreeError('failed', `${temporary} belongs to somebody else. Remove it, or set TMPDIR to a folder of your own.`)
  if (!opened(temporary))
    throw new EpochtreeError(
      'failed',
      `Elasticsearch does not run as root, and the user that it runs as can't enter ${temporary}. Set TMPDIR to a folder that everybody can enter.`,
    )
  return temporary
}

/** Whether another user could enter and read it. */
export function opened(folder: string): boolean {
  if (!other()) return true
  for (let at = folder; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o005) !== 0o005) return false
    if (at === dirname(at)) return true
  }
}

/** A folder for the data of one server. */
export function freshFolder(name: string, base = tmpdir()): string {
  const folder = mkdtempSync(join(base, `epochtree-${name}-`))
  chmodSync(folder, 0o755)
  return folder
}

/** Makes a folder once, whoever asks for it at the same time; what was begun and broken off is thrown away. */
export async function once(folder: string, what: string, say: Say, make: (into: string) => Promise<void>): Promise<string> {
  const done = () => statSync(folder, { throwIfNoEntry: false }) !== undefined
  mkdirSync(dirname(folder), { recursive: true })
  while (!done())
    await alone(
      `${folder}.lock`,
      async () => {
        const part = `${folder}.part`
        rmSync(part, { recursive: true, force: true })
        mkdirSync(part)
        const began = performance.now()
        say(`Fetching ${what}, once.`)
        // Whoever waits sees that somebody is at it, however long it takes.
        const alive = setInterval(() => utimesSync(`${folder}.lock`, new Date(), new Date()), 60_000)
        await make(part).finally(() => clearInterval(alive))
        renameSync(part, folder)
        say(`  ${what} is there (${((performance.now() - began) / 1000).toFixed(0)} s)`)
      },
      () => say(`Another run is fetching ${what}; waiting for it.`),
      done,
    )
  return folder
}

export interface Tool {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** What mends it when the program is not there. */
  readonly remedy: string
}

/** Runs a tool to its end; what it prints. */
export function tool({ program, args, cwd, env, remedy }: Tool): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    let problem = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => (out += part))
    child.stderr.setEncoding('utf8').on('data', (part: string) => (problem = (problem + part).slice(-4000)))
    child.on('error', (error: NodeJS.ErrnoException) =>
      fail(
        error.code === 'ENOENT'
          ? new EpochtreeError('not-found', `There is no \`${program}\` here, which the test servers need. ${remedy}`)
          : error,
      ),
    )
    child.on('close', (status, signal) => {
      if (status === 0) return done(out)
      const how = signal ? `was ended by ${signal}` : `ended with status ${status}`
      fail(new EpochtreeError('failed', `\`${program} ${args.join(' ')}\` ${how}: ${(problem || out.slice(-4000)).trim()}`))
    })
  })
}

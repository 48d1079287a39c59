import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { EpochtreeError } from '../../server/errors'
import type { User } from './place'

/** A server that was started here, on loopback. */
export interface Running {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly dataDir: string
  /** Ends it at once, as a power cut would (SIGKILL); its data stay. */
  kill(): Promise<void>
  /** Lets it end; data that nobody asked to keep are removed. */
  stop(): Promise<void>
  /** Starts it again where it was, on the same port and data, after `kill` or from running; resolves once it answers. */
  restart(): Promise<void>
  /** What it has printed. */
  log(): string
}

export interface Launch {
  readonly name: string
  readonly url: (port: number) => string
  readonly command: (port: number) => { readonly program: string; readonly args: readonly string[]; readonly env?: NodeJS.ProcessEnv }
  /** Written anew at each start. */
  readonly prepare?: (port: number) => void
  /** Fails as long as it does not answer. */
  readonly ready: (port: number) => Promise<void>
  readonly dataDir: string
  readonly logFile: string
  /** Removed with `stop`. */
  readonly temporary: string | undefined
  readonly port?: number
  readonly user?: User | undefined
  /** How long a start may take at most. */
  readonly seconds: number
}

const started = new Set<{ readonly pid: () => number | undefined; readonly temporary: string | undefined }>()
// Servers must not outlive whoever started them. After a SIGKILL of this process they see it by their input's end.
process.on('exit', () => {
  for (const { pid, temporary } of started) {
    killGroup(pid(), 'SIGKILL')
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
})

export async function launch(how: Launch): Promise<Running> {
  mkdirSync(dirname(how.logFile), { recursive: true })
  let child: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()
  const log = () => {
    try {
      return readFileSync(how.logFile, 'utf8')
    } catch {
      return ''
    }
  }
  const start = async (port: number) => {
    how.prepare?.(port)
    const { program, args, env } = how.command(port)
    const out = openSync(how.logFile, 'a')
    const mine = spawn(program, args, {
      // A group of its own: a terminal's Ctrl-C is ours to act upon, and all of it can be killed at once.
      detached: true,
      cwd: how.dataDir,
      env: { ...process.env, ...env },
      stdio: ['pipe', out, out],
      ...how.user,
    })
    closeSync(out)
    child = mine
    mine.unref()
    const input = mine.stdin as Socket
    input.on('error', () => {})
    input.unref()
    let over: string | undefined
    ended = new Promise<string>((done) => {
      mine.on('error', (error) => done(error.message))
      mine.on('exit', (status, signal) => done(signal ? `was ended by ${signal}` : `ended with status ${status}`))
    }).then((end) => {
      over = end
      // What is left of its group ends by this.
      input.destroy()
      if (child === mine) child = undefined
    })
    const until = Date.now() + how.seconds * 1000
    for (;;) {
      try {
        await how.ready(port)
        if (over === undefined) return
      } catch (error) {
        if (over === undefined && Date.now() > until) {
          killGroup(mine.pid, 'SIGKILL')
          throw new EpochtreeError(
            'failed',
            `${how.name} did not answer within ${how.seconds} s: ${(error as Error).message}\n${log().slice(-3000)}`,
          )
        }
      }
      if (over !== undefined) throw new EpochtreeError('failed', `${how.name} ${over}:\n${log().slice(-3000)}`)
      await pause(50)
    }
  }
  const known = { pid: () => child?.pid, temporary: how.temporary }
  started.add(known)
  let port = how.port ?? (await freePort())
  const end = async (signal: NodeJS.Signals) => {
    killGroup(child?.pid, signal)
    await ended
    // A launcher is gone before what it launched: that one still holds port and files.
    while (!(await isFree(port))) await pause(20)
  }
  for (let tries = 1; ; tries++)
    try {
      await start(port)
      break
    } catch (error) {
      // Somebody else took the port between.
      if (tries === 3 || how.port !== undefined || !/address already in use|BindException|Failed to bind/i.test(log())) throw error
      port = await freePort()
    }
  return {
    url: how.url(port),
    port,
    dataDir: how.dataDir,
    get pid() {
      return child?.pid ?? -1
    },
    log,
    kill: () => end('SIGKILL'),
    async stop() {
      const killing = setTimeout(() => killGroup(child?.pid, 'SIGKILL'), 15_000)
      await end('SIGTERM')
      clearTimeout(killing)
      started.delete(known)
      if (how.temporary !== undefined) rmSync(how.temporary, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    },
    async restart() {
      await end('SIGKILL')
      await start(port)
    },
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/**
 * A port that is free now, below those that systems give to outgoing connections: there a client that keeps trying to reach a killed server
 * would sooner or later be given that server's port itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000)
    if (await isFree(port)) return port
  }
}

/** Whether nobody listens there. */
export const isFree = (port: number) =>
  new Promise<boolean>((done) => {
    const server = createServer()
    server.on('error', () => done(false))
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
  })

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

export const python = process.env['PYTHON'] ?? (process.platform === 'win32' ? 'python' : 'python3')

/** Nothing of the machine's own sessions or schedulers reaches the children. */
export function environment(dir: string, extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(EPOCHTREE_|SLURM_|RANK$|WORLD_SIZE$)/.test(name)))
  return {
    ...clean,
    EPOCHTREE_DIR: dir,
    XDG_STATE_HOME: join(dir, '..', 'state'),
    PYTHONPATH: [resolve('python'), process.env['PYTHONPATH']].filter(Boolean).join(delimiter),
    PYTHONDONTWRITEBYTECODE: '1',
    ...extra,
  }
}

export function cli(dir: string, ...args: string[]) {
  const done = spawnSync(process.execPath, ['bin/epochtree.mjs', ...args, '--dir', dir], {
    encoding: 'utf8',
    env: environment(dir),
    maxBuffer: 1 << 28,
    timeout: 120_000,
  })
  return { ...done, json: (): unknown => (assert.equal(done.status, 0, done.stderr), JSON.parse(done.stdout)) }
}

/** A child whose output is kept. */
export interface Child {
  readonly process: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly ended: Promise<{ readonly status: number | null; readonly err: string }>
}

export function start(program: string, args: readonly string[], dir: string, extra: Record<string, string> = {}): Child {
  const child = spawn(program, args, { env: environment(dir, extra), stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (data: Buffer) => (out += data.toString()))
  child.stderr.on('data', (data: Buffer) => (err += data.toString()))
  const ended = new Promise<{ status: number | null; err: string }>((done) => child.on('close', (status) => done({ status, err })))
  return { process: child, out: () => out, err: () => err, ended }
}

export const ingest = (dir: string) => start(process.execPath, ['bin/epochtree.mjs', 'ingest', '--dir', dir], dir)
export const engine = (dir: string, script: string, ...words: string[]) => start(python, ['-c', script, ...words], dir)

export const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))

/** The whole lines of a journal; none where its engine was killed before it began one. */
export function journalLines(run: string): Record<string, unknown>[] {
  const path = join(run, 'journal.jsonl')
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Numbers that repeat with their seed, which a failing test can print. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

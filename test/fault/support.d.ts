import { type ChildProcess } from 'node:child_process'
export declare const python: string
/** Nothing of the machine's own sessions or schedulers reaches the children. */
export declare function environment(dir: string, extra?: Record<string, string>): NodeJS.ProcessEnv
export declare function cli(
  dir: string,
  ...args: string[]
): {
  json: () => unknown
  pid: number
  output: (string | null)[]
  stdout: string
  stderr: string
  status: number | null
  signal: NodeJS.Signals | null
  error?: Error
}
/** A child whose output is kept. */
export interface Child {
  readonly process: ChildProcess
  readonly out: () => string
  readonly ended: Promise<{
    readonly status: number | null
    readonly err: string
  }>
}
export declare function start(program: string, args: readonly string[], dir: string, extra?: Record<string, string>): Child
export declare const ingest: (dir: string) => Child
export declare const engine: (dir: string, script: string, ...words: string[]) => Child
export declare const sleep: (ms: number) => Promise<void>
/** The whole lines of a journal. */
export declare function journalLines(run: string): Record<string, unknown>[]
/** Numbers that repeat with their seed, which a failing test can print. */
export declare function random(seed: number): () => number

// The language server as a process of its own, spoken to as an editor does.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node'
import { root } from './figures'

export interface ServerOptions {
  readonly env?: NodeJS.ProcessEnv
  /** Where the product lies, if elsewhere. */
  readonly dist?: string
  /** Of Node. */
  readonly args?: readonly string[]
}

export class Server {
  readonly process: ChildProcess
  readonly connection: MessageConnection
  readonly begun = performance.now()
  readonly workspace: string

  constructor(workspace: string, { env = {}, dist = join(root, 'dist'), args = [] }: ServerOptions = {}) {
    this.process = spawn(process.execPath, ['--no-warnings', '--max-semi-space-size=1', ...args, join(dist, 'server.js'), '--stdio'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, ...env },
    })
    this.connection = createMessageConnection(new StreamMessageReader(this.process.stdout!), new StreamMessageWriter(this.process.stdin!))
    this.connection.listen()
    this.workspace = workspace
  }

  async initialize() {
    await this.connection.sendRequest('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {},
      workspaceFolders: [{ uri: pathToFileURL(this.workspace).href, name: 'bench' }],
      initializationOptions: { trusted: true },
    })
    await this.connection.sendNotification('initialized', {})
  }

  ask<Answer>(method: string, params: unknown): Promise<Answer> {
    return this.connection.sendRequest(method, params)
  }

  async timed(method: string, params: unknown): Promise<number> {
    const begun = performance.now()
    await this.ask(method, params)
    return performance.now() - begun
  }

  /** Resident memory in MB. */
  memory(): number {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
  }

  /** Processor time so far, in seconds. */
  processor(): number {
    const fields = readFileSync(`/proc/${this.process.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  }

  /** The same in finer steps, of all threads that live. */
  processorOfThreads(): number {
    const tasks = `/proc/${this.process.pid}/task`
    return readdirSync(tasks).reduce(
      (sum, task) => sum + Number(readFileSync(join(tasks, task, 'schedstat'), 'utf8').split(' ')[0]) / 1e9,
      0,
    )
  }

  async end() {
    await this.ask('shutdown', undefined)
    await this.connection.sendNotification('exit')
    await new Promise((resolve) => this.process.once('exit', resolve))
  }
}

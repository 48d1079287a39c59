import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  createProtocolConnection,
  type InitializeResult,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node'
import type { SessionJson, ShowJson, StartedJson } from '../../server/protocol/model'
import { id, writeRuns } from '../contract/fixture'
import { environment } from '../fault/support'
import { temporaryFolder } from './client'

/** What docs/neovim.md sets up: another editor, which knows nothing of VS Code, and starts the server by the command line. */
describe('epochtree lsp --stdio, for another editor', () => {
  let root: string
  before(() => {
    root = temporaryFolder('stdio')
    mkdirSync(join(root, '.epochtree'))
    writeRuns(join(root, '.epochtree'))
  })
  after(() => rmSync(root, { recursive: true, force: true }))

  const session = async (
    work: (execute: <Answer>(command: string, argument?: object) => Promise<Answer>, about: InitializeResult) => Promise<void>,
  ) => {
    const child = spawn(process.execPath, ['bin/epochtree.mjs', 'lsp', '--stdio'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...environment(join(root, '.epochtree')), EPOCHTREE_DIR: '' },
    })
    const ended = new Promise<number | null>((done) => child.once('exit', done))
    const connection = createProtocolConnection(new StreamMessageReader(child.stdout), new StreamMessageWriter(child.stdin))
    connection.listen()
    try {
      const about = await connection.sendRequest<InitializeResult>('initialize', {
        processId: process.pid,
        rootUri: pathToFileURL(root).href,
        capabilities: {},
      })
      await connection.sendNotification('initialized', {})
      await work(
        (command, argument) => connection.sendRequest('workspace/executeCommand', { command, arguments: argument ? [argument] : [] }),
        about,
      )
      await connection.sendRequest('shutdown')
      await connection.sendNotification('exit')
      assert.equal(await ended, 0)
    } finally {
      child.kill('SIGKILL')
      connection.dispose()
    }
  }

  it('tells sessions and epochs, and forks, as the command line does', () =>
    session(async (execute, { capabilities }) => {
      assert.deepEqual(capabilities.executeCommandProvider?.commands.toSorted(), [
        'epochtree.server.epoch',
        'epochtree.server.fork',
        'epochtree.server.session',
      ])
      const sessions = await execute<SessionJson[]>('epochtree.server.session')
      assert.deepEqual(
        sessions.map(({ name }) => name),
        ['net', 'net-2'],
      )
      assert.equal((await execute<SessionJson>('epochtree.server.session', { session: 'net-2' })).epochs, 3)
      const epoch = await execute<ShowJson>('epochtree.server.epoch', { reference: 'net@2' })
      assert.deepEqual([epoch.id, epoch.graph?.parameters, epoch.metrics['val/acc']], [id(12), 4, 0.12])
      const made = await execute<StartedJson>('epochtree.server.fork', { reference: 'net@2', set: ['lr=7'], name: 'from-afar' })
      assert.equal(made.session.name, 'from-afar')
      assert.equal((await execute<SessionJson>('epochtree.server.session', { session: 'from-afar' })).status, 'created')
    }))

  it('refuses in a sentence', () =>
    session(async (execute) => {
      await assert.rejects(execute('epochtree.server.epoch', { reference: 'net@9' }), /not in the history of net.*nearest/)
      await assert.rejects(execute('epochtree.server.epoch'), /Give a reference/)
      await assert.rejects(execute('epochtree.server.fork', { reference: 7 }), /takes one object/)
    }))
})

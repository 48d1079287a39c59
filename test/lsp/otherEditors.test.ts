import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  createProtocolConnection,
  type Hover,
  type InitializeResult,
  type ProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node'
import type { SessionJson, ShowJson, StartedJson } from '../../server/protocol/model'
import { PARENT, writeRuns } from '../contract/fixture'
import { temporaryFolder } from './client'

/** What any editor does that knows the Language Server Protocol and nothing of ours. */
describe('the language server for other editors', () => {
  let root: string
  let server: ChildProcess
  let connection: ProtocolConnection
  let initialized: InitializeResult
  const begin = async (processId: number | null) => {
    root = temporaryFolder('neovim')
    mkdirSync(join(root, '.epochtree'))
    writeRuns(join(root, '.epochtree'))
    server = spawn(process.execPath, [resolve('bin/epochtree.mjs'), 'lsp', '--stdio'], { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] })
    connection = createProtocolConnection(new StreamMessageReader(server.stdout!), new StreamMessageWriter(server.stdin!))
    connection.listen()
    initialized = await connection.sendRequest<InitializeResult>('initialize', {
      processId,
      rootUri: pathToFileURL(root).href,
      capabilities: {},
      workspaceFolders: null,
    })
    await connection.sendNotification('initialized', {})
  }
  const ended = () => new Promise<number | null>((done) => (server.exitCode === null ? server.once('exit', done) : done(server.exitCode)))
  const execute = <Answer>(command: string, argument: object) =>
    connection.sendRequest<Answer>('workspace/executeCommand', { command, arguments: [argument] })
  afterEach(() => {
    server.kill('SIGKILL')
    rmSync(root, { recursive: true, force: true })
  })

  it('lists sessions, shows an epoch and forks it by executeCommand', async () => {
    await begin(process.pid)
    assert.deepEqual(initialized.capabilities.executeCommandProvider?.commands, [
      'epochtree.server.session',
      'epochtree.server.epoch',
      'epochtree.server.fork',
    ])
    const sessions = await execute<SessionJson[]>('epochtree.server.session', {})
    assert.deepEqual(
      sessions.map(({ name, epochs }) => [name, epochs]),
      [
        ['net', 3],
        ['net-2', 3],
      ],
    )
    assert.equal((await execute<SessionJson>('epochtree.server.session', { session: 'net' })).id, PARENT)
    const epoch = await execute<ShowJson>('epochtree.server.epoch', { reference: 'net@2' })
    assert.deepEqual([epoch.number, epoch.metrics['val/acc']], [2, 0.12])
    // Its weights are verified beside, a moment after the start.
    for (;;) {
      const verified = await execute<ShowJson>('epochtree.server.epoch', { reference: 'net@2' })
      if (verified.state === 'ok') break
    }
    const { session, forkedFrom } = await execute<StartedJson>('epochtree.server.fork', { reference: 'net@2', name: 'mine', set: ['lr=3'] })
    assert.deepEqual([session.name, forkedFrom?.epochNumber], ['mine', 2])
    assert.equal((await execute<SessionJson[]>('epochtree.server.session', {})).length, 3)
    await assert.rejects(execute('epochtree.server.epoch', { reference: 'nett@2' }), /There is no session "nett"\. The nearest are net/)
    await assert.rejects(execute('epochtree.server.fork', { reference: 3 }), /reference must be a text/)
    await assert.rejects(execute('epochtree.server.epoch', { dir: '/etc', reference: 'net@2' }), /not part of this workspace/)
  })

  it('hovers without links that only our extension could follow', async () => {
    await begin(process.pid)
    const uri = pathToFileURL(join(root, 'train.py')).href
    await connection.sendNotification('textDocument/didOpen', {
      textDocument: { uri, languageId: 'python', version: 1, text: 'import epochtree\nepochtree.session("net")\n' },
    })
    const hover = await connection.sendRequest<Hover>('textDocument/hover', { textDocument: { uri }, position: { line: 1, character: 12 } })
    const { value } = hover.contents as { value: string }
    assert.match(value, /2 sessions/)
    assert.doesNotMatch(value, /command:/)
  })

  it('ends with shutdown and exit, and when its editor goes without a word', async () => {
    await begin(process.pid)
    await connection.sendRequest('shutdown')
    await connection.sendNotification('exit')
    assert.equal(await ended(), 0)
    rmSync(root, { recursive: true, force: true })
    await begin(null)
    server.stdin!.end()
    await ended()
  })
})

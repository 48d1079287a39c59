import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SessionRow } from '../../server/protocol/editor'
import { type Child, environment, python, start } from '../fault/support'
import { type LspClient, openWorkspace } from './client'

const script = `
import time, epochtree
with epochtree.session("small") as session:
    for epoch in session.epochs(400):
        for step in range(10):
            epoch.log({"loss": 1 / epoch.number}, split="val")
            time.sleep(0.005)
        epoch.commit(graph={"id": "g", "nodes": {}}, weights=b"w")
`

describe('trainings, over the protocol', () => {
  let client: LspClient
  let training: Child | undefined
  let before_: string | undefined
  beforeEach(async () => {
    client = await openWorkspace()
    before_ = process.env['XDG_STATE_HOME']
    // The key that signs the commands of these trainings.
    process.env['XDG_STATE_HOME'] = environment(client.dir)['XDG_STATE_HOME']
    writeFileSync(join(client.root, 'small.py'), script)
  })
  afterEach(async () => {
    training?.process.kill('SIGKILL')
    await training?.ended
    training = undefined
    if (before_ === undefined) delete process.env['XDG_STATE_HOME']
    else process.env['XDG_STATE_HOME'] = before_
    await client.close()
  })

  const row = (what: (row: SessionRow) => boolean) =>
    client.heard('epochtree/changed', ({ sessions }) => sessions.some(what)).then(({ sessions }) => sessions.find(what)!)
  const train = () => {
    training = start(python, [join(client.root, 'small.py')], client.dir)
    return row(({ status, own }) => status === 'running' && own > 2)
  }
  const rows = async (session: string) => client.request('epochtree/session', { dir: client.dir, session })

  it('stops one cleanly, and resumes it where it was; that it runs again is seen at once', async () => {
    const { id } = await train()
    const stopped = await client.request('epochtree/stop', { dir: client.dir, session: id, graceSeconds: 30 })
    assert.equal(stopped.status, 'stopped')
    await training!.ended
    await assert.rejects(client.request('epochtree/stop', { dir: client.dir, session: id, graceSeconds: 1 }), /not running/)

    const { launch, foreign, notRunnable } = await client.request('epochtree/resume', { dir: client.dir, session: id })
    assert.deepEqual([foreign, notRunnable], [null, null])
    assert.deepEqual(launch!.env, { EPOCHTREE_SESSION: id, EPOCHTREE_DIR: client.dir })
    const [program, ...words] = launch!.argv
    training = start(program!, words, client.dir, { ...launch!.env })
    const again = await row(({ id: one, status, own }) => one === id && status === 'running' && own > stopped.own + 2)
    assert.equal(again.latest!.number, again.own)
    await assert.rejects(client.request('epochtree/resume', { dir: client.dir, session: id }), /is running. Stop it first/)
  })

  it('a stop that is called off is taken back', async function () {
    if (process.platform === 'win32') this.skip()
    const { id } = await train()
    // An engine that can't look at the moment.
    training!.process.kill('SIGSTOP')
    const calledOff = new AbortController()
    const stop = client.request('epochtree/stop', { dir: client.dir, session: id, graceSeconds: 60 }, calledOff.signal)
    const file = join(client.dir, 'runs', id, 'stop')
    while (!existsSync(file)) await new Promise((resolve) => setImmediate(resolve))
    calledOff.abort()
    await assert.rejects(stop, /no longer asked to stop/)
    assert.ok(!existsSync(file))
    training!.process.kill('SIGCONT')
    const { own } = await rows(id)
    const later = await row((one) => one.id === id && one.own > own + 2)
    assert.equal(later.status, 'running')
  })

  it('tells that one failed, also where its engine was seen to be gone before its last line was read', async () => {
    const { id } = await train()
    training!.process.kill('SIGKILL')
    await row((one) => one.id === id && one.status === 'interrupted')
    const told = client.heard('epochtree/failed', ({ session }) => session.id === id)
    const journal = join(client.dir, 'runs', id, 'journal.jsonl')
    // Whatever was half written ends with it.
    appendFileSync(
      journal,
      `\n${JSON.stringify({ type: 'finished', status: 'failed', error: 'the loss went to infinity', time: Date.now() / 1000 })}\n`,
    )
    assert.equal((await told).error, 'the loss went to infinity')
  })

  it('a command from elsewhere is named, its secrets masked; where it can not be run, the way is told', async () => {
    const { id } = await train()
    await client.request('epochtree/stop', { dir: client.dir, session: id, graceSeconds: 30 })
    await training!.ended
    const file = join(client.dir, 'runs', id, 'session.json')
    const session = JSON.parse(readFileSync(file, 'utf8')) as { command: { argv: string[] } }
    const resumed = async (command: object | null) => {
      writeFileSync(file, JSON.stringify({ ...session, command }))
      await client.request('epochtree/session', { dir: client.dir, session: id, fresh: true })
      return client.request('epochtree/resume', { dir: client.dir, session: id })
    }
    const foreign = await resumed({ ...session.command, argv: ['python', 'other.py', '--api-key', 'abcdef'] })
    assert.match(foreign.foreign!, /^python other\.py --api-key '?\*\*\*'?$/)
    const moved = await resumed({ ...session.command, cwd: '/nowhere/at/all' })
    assert.deepEqual([moved.launch, moved.foreign], [null, null])
    assert.match(moved.notRunnable!, /folder \/nowhere\/at\/all.*is not here.*EPOCHTREE_SESSION=/)
    const unknown = await resumed(null)
    assert.equal(unknown.launch, null)
    assert.match(unknown.notRunnable!, /not recorded how small is started.*EPOCHTREE_SESSION=/)
  })

  it('finds any epoch of a long history by its number, and tells what it can be sorted by', async () => {
    const { id } = await train()
    await row((one) => one.id === id && one.own > 20)
    const page = await client.request('epochtree/epochs', { dir: client.dir, session: id, offset: 0, limit: 3, upTo: 7 })
    assert.deepEqual(
      page.rows.map(({ number }) => number),
      [7, 6, 5],
    )
    assert.deepEqual(await client.request('epochtree/metrics', { dir: client.dir, session: id }), ['val/loss'])
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { EpochView } from '../../server/protocol/editor'
import type { ShowJson } from '../../server/protocol/model'
import { epochView } from '../../webview/messages/epoch'
import { hashOf, id, PARENT, CHILD, writeRuns } from '../contract/fixture'
import { cli, environment, python } from '../fault/support'
import { type LspClient, openWorkspace, temporaryFolder } from './client'

/** The example, really trained: `clouds` with ten epochs. */
function trained(): string {
  const root = temporaryFolder('epoch')
  cpSync('examples/quickstart/train.py', join(root, 'train.py'))
  const done = spawnSync(python, ['train.py'], { cwd: root, env: environment(join(root, '.epochtree')), encoding: 'utf8' })
  assert.equal(done.status, 0, done.stderr)
  return root
}

describe('an epoch, over the protocol', () => {
  let root: string
  let client: LspClient
  before(async () => {
    root = trained()
    client = await openWorkspace({ root })
    await client.heard('epochtree/changed', ({ folder }) => folder.sessions === 1)
  })
  after(async () => {
    await client.close()
    rmSync(root, { recursive: true, force: true })
  })
  const epoch = (reference: string) => client.request('epochtree/epoch', { dir: client.dir, reference })

  it('is what `epochtree show` tells', async () => {
    const view = await epoch('clouds@6')
    const shown = cli(client.dir, 'show', 'clouds@6', '--json').json() as ShowJson
    assert.deepEqual(Object.fromEntries(view.metrics.map(({ metric, value }) => [metric, value])), shown.metrics)
    assert.deepEqual(view.hyperparameters, shown.hyperparameters)
    assert.deepEqual(view.pruningPlan, shown.pruningPlan)
    assert.deepEqual(view.row.weights, shown.weights)
    assert.deepEqual([view.row.id, view.row.number, view.row.time, view.row.state], [shown.id, shown.number, shown.time, shown.state])
    const { nodes, parameters, nonzero } = view.graph!
    assert.deepEqual({ nodes, parameters, nonzero }, shown.graph)
    assert.equal(
      view.environment['python'],
      spawnSync(python, ['-c', 'import platform; print(platform.python_version(), end="")'], { encoding: 'utf8' }).stdout,
    )
  })

  it('is told against the epoch before, the best, and those around it', async () => {
    const [view, before] = [await epoch('clouds@6'), await epoch('clouds@5')]
    const [loss] = view.metrics
    assert.equal(loss?.metric, 'val/loss')
    assert.equal(loss.before, before.metrics[0]?.value)
    assert.equal(loss.judged, 'better')
    const values = loss.curve.map(Number)
    assert.equal(values[5], loss.value)
    assert.deepEqual(view.curveEpochs, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert.deepEqual(loss.best, { number: values.indexOf(Math.min(...values)) + 1, value: Math.min(...values) })
  })

  it('knows its place and its neighbours', async () => {
    const places = async (reference: string) => {
      const { previous, next, place, epochs } = await epoch(reference)
      return [previous, place, next, epochs]
    }
    assert.deepEqual(await places('clouds@1'), [null, 1, 2, 10])
    assert.deepEqual(await places('clouds@6'), [5, 6, 7, 10])
    assert.deepEqual(await places('clouds'), [9, 10, null, 10])
  })

  it('has the shape that the page checks', async () => {
    const view = await epoch('clouds@min(val/loss)')
    assert.deepEqual(epochView.parse(view), view)
  })

  it('shows a fork what it changed, and the parent that it starts here', async () => {
    const { session } = await client.request('epochtree/fork', {
      dir: client.dir,
      reference: 'clouds@5',
      edits: { set: ['lr=0.5'], name: 'faster' },
    })
    await client.heard('epochtree/changed', ({ sessions }) => sessions.some((one) => one.id === session.id))
    assert.deepEqual(
      (await epoch('clouds@5')).forks.map(({ name, status }) => [name, status]),
      [['faster', 'created']],
    )
    const inherited: EpochView = await epoch('faster@5')
    assert.deepEqual([inherited.row.inherited, inherited.trainer.name, inherited.previous, inherited.next], [true, 'clouds', 4, null])
    const resumed = await client.request('epochtree/resume', { dir: client.dir, session: session.id })
    const { argv, cwd, env } = resumed.launch!
    assert.equal(spawnSync(argv[0]!, argv.slice(1), { cwd, env: { ...environment(client.dir), ...env } }).status, 0)
    await client.heard('epochtree/changed', ({ sessions }) => sessions.some((one) => one.id === session.id && one.status === 'completed'))
    const own = await epoch('faster@6')
    assert.deepEqual(own.changedHyperparameters, [{ path: 'lr', values: [0.05, 0.5] }])
    assert.deepEqual(own.trainer.forkedFrom, { name: 'clouds', number: 5 })
    assert.equal(own.metrics[0]?.before, (await epoch('clouds@5')).metrics[0]?.value)
  })

  it('finds the call in the script that trained it, and says so where there is none', async () => {
    const [{ id: session }] = (await client.request('epochtree/sessions', { dir: client.dir, nested: false, offset: 0, limit: 1 }))
      .rows as unknown as [{ id: string }]
    const site = await client.request('epochtree/callSite', { dir: client.dir, session })
    assert.equal(site?.uri, pathToFileURL(join(root, 'train.py')).href)
    assert.ok(site.line > 10)
    rmSync(join(root, 'train.py'))
    assert.equal(await client.request('epochtree/callSite', { dir: client.dir, session }), null)
    // Moved, but still in the workspace.
    mkdirSync(join(root, 'src', 'deep'), { recursive: true })
    mkdirSync(join(root, '.venv'))
    writeFileSync(join(root, '.venv', 'a.py'), 'import epochtree\nepochtree.session("clouds")\n')
    writeFileSync(join(root, 'src', 'a.py'), '# epochtree.session("clouds")\nsession("clouds")\n')
    writeFileSync(join(root, 'src', 'deep', 'b.py'), 'import epochtree as et\n\nrun = et.session(\n  "clouds")\n')
    const found = await client.request('epochtree/callSite', { dir: client.dir, session })
    assert.deepEqual(found, { uri: pathToFileURL(join(root, 'src', 'deep', 'b.py')).href, line: 2, character: 6 })
  })

  it('refuses what is not there with the nearest', async () => {
    await assert.rejects(epoch('clouds@99'), /99.*nearest.*clouds@10/)
    await assert.rejects(epoch('cloud'), /no session "cloud".*clouds/)
    await assert.rejects(client.request('epochtree/epoch', { dir: '/elsewhere', reference: 'clouds' }), /not part of this workspace/)
  })
})

describe('a workspace that is not trusted', () => {
  let root: string
  let client: LspClient | undefined
  beforeEach(() => {
    root = temporaryFolder('untrusted')
    mkdirSync(join(root, '.epochtree'))
    writeRuns(join(root, '.epochtree'))
  })
  afterEach(async () => {
    await client?.close()
    rmSync(root, { recursive: true, force: true })
  })
  const everything = () =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => `${path} ${statSync(path).mtimeMs} ${statSync(path).ctimeMs} ${statSync(path).nlink}`)
      .sort()

  it('is read, and left as it is', async () => {
    writeFileSync(join(root, '.epochtree', 'store.sqlite'), 'a database from elsewhere')
    const before = everything()
    client = await openWorkspace({ root, options: { trusted: false } })
    const { dir } = client
    await client.heard('epochtree/changed', ({ folder }) => folder.sessions === 2)
    const page = await client.request('epochtree/sessions', { dir, nested: false, offset: 0, limit: 10 })
    assert.deepEqual(
      page.rows.map(({ name }) => name),
      ['net-2', 'net'],
    )
    assert.equal((await client.request('epochtree/epoch', { dir, reference: 'net@2' })).row.number, 2)
    for (const [name, params] of [
      ['epochtree/fork', { dir, reference: 'net@2', edits: {} }],
      ['epochtree/resume', { dir, session: CHILD }],
      ['epochtree/select', { dir, reference: 'net@2' }],
      ['epochtree/rename', { dir, session: CHILD, name: 'other' }],
      ['epochtree/delete', { dir, session: CHILD }],
      ['epochtree/stop', { dir, session: CHILD, graceSeconds: 0 }],
      ['epochtree/checkout', { dir, reference: 'net@2', to: join(root, 'out') }],
      ['epochtree/draft', { dir, kind: 'fork', reference: 'net@2' }],
    ] as const)
      await assert.rejects(client.send(name, params), /not trusted.*Manage Workspace Trust/, name)
    assert.deepEqual(everything(), before)
  })

  it('is taken in once it is trusted', async () => {
    client = await openWorkspace({ root, options: { trusted: false } })
    await client.heard('epochtree/changed', ({ folder }) => folder.sessions === 2)
    const version = (await client.request('epochtree/sessions', { dir: client.dir, nested: false, offset: 0, limit: 1 })).version
    client.notify('epochtree/trusted')
    await client.heard('epochtree/changed', (change) => change.version > version && change.folder.sessions === 2)
    const { name } = await client.request('epochtree/rename', { dir: client.dir, session: PARENT, name: 'renamed' })
    assert.equal(name, 'renamed')
    assert.ok(existsSync(join(client.dir, 'store.sqlite')))
    await client.heard('epochtree/changed', ({ sessions }) => sessions.some((one) => one.id === PARENT && one.name === 'renamed'))
    assert.ok(existsSync(join(client.dir, 'weights', hashOf(11).slice(0, 2))))
    assert.equal((await client.request('epochtree/epoch', { dir: client.dir, reference: `renamed@${id(12)}` })).row.state, 'ok')
  })
})

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient, ObjectId } from 'mongodb'
import type { DoctorJson, SessionJson, StartedJson } from '../../server/protocol/model'
import type { TeamConfig } from '../../server/storage/team/ports'
import { start } from '../fault/support'
import { type LspClient, openWorkspace } from '../lsp/client'
import { type Proxy, startProxy } from './proxy'
import { freshTeam } from './servers'
import { dropTeam, teamEnvironment, until } from './support'
import { train } from './training'

const MiB = 1024 * 1024

describe('what others trained', () => {
  let root: string
  let config: TeamConfig
  const proxies: Proxy[] = []
  const dirOf = (who: string) => join(root, who, '.epochtree')
  const begin = (who: string, to: TeamConfig, ...words: readonly string[]) =>
    start(process.execPath, ['bin/epochtree.mjs', ...words, '--dir', dirOf(who)], dirOf(who), {
      ...teamEnvironment({ ...to, by: who }),
      XDG_CACHE_HOME: join(root, who, 'cache'),
    })
  const run = async (who: string, words: readonly string[], to = config) => {
    const child = begin(who, to, ...words)
    const { status, err } = await child.ended
    return { status, err, out: child.out() }
  }
  const json = async <Answer>(who: string, ...words: readonly string[]): Promise<Answer> => {
    const { status, err, out } = await run(who, [...words, '--json'])
    assert.equal(status, 0, err)
    return JSON.parse(out) as Answer
  }
  const sessionOf = async (who: string, name: string, ...more: readonly string[]) =>
    (await json<SessionJson[]>(who, 'sessions', ...more)).find((one) => one.name === name)!
  async function through(url: string): Promise<Proxy> {
    const proxy = await startProxy(url)
    proxies.push(proxy)
    return proxy
  }

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-elsewhere-'))
    config = await freshTeam()
  })
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close()
    await dropTeam(config)
    rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  })

  /** A machine that is busy with other things may take a server for away: then it is simply done again. */
  const push = () =>
    until(
      () => run('ada', ['push']),
      ({ status }) => status === 0,
      240,
    )

  /** Two sessions of Ada's, the second a fork of the first's epoch 2, handed on. */
  async function adasSessions() {
    const net = train(dirOf('ada'), { name: 'net', tags: ['base'] })
    for (let i = 0; i < 3; i++) net.epoch()
    net.finish()
    const { id: epochId, number: epochNumber } = net.epochs[1]!
    const fork = train(dirOf('ada'), { name: 'net-2', from: 2, forkedFrom: { sessionId: net.id, epochId, epochNumber } })
    for (let i = 0; i < 2; i++) fork.epoch()
    fork.finish()
    await push()
    return { net, fork }
  }

  it('is answered on the command line as where it was trained', async () => {
    await adasSessions()
    for (const words of [
      ['sessions'],
      ['log', 'net-2'],
      ['log', 'net@2'],
      ['show', 'net-2@3'],
      ['show', 'net@2'],
      ['compare', 'net', 'net-2', '--points', '5'],
      ['best', 'net-2', '--max', 'val/acc', '--pareto', 'parameters'],
      ['graph', 'net-2@3'],
      ['diff', 'net@1', 'net-2@4'],
      ['query', 'net-2', '--metric', 'train/loss', '--points', '4'],
      ['query', 'net@3', '--split', 'val', '--group-by', 'label'],
    ]) {
      const [there, here] = [
        await json<Record<string, unknown>>('ada', ...words, '--local'),
        await json<Record<string, unknown>>('bob', ...words),
      ]
      // Only where the files lie is another matter.
      if (words[0] === 'show') there['weightsPath'] = null
      assert.deepEqual(here, there, words.join(' '))
    }
    assert.deepEqual(await json('bob', 'sessions', '--local'), [])
    assert.deepEqual(readdirSync(join(dirOf('bob'), 'runs')), [])
  })

  it('is forked, checked out and marked, and neither resumed nor stopped', async () => {
    const { net } = await adasSessions()
    const weights = (number: number) =>
      readFileSync(join(dirOf('ada'), 'weights', net.epochs[number - 1]!.sha256.slice(0, 2), net.epochs[number - 1]!.sha256))
    const forked = await json<StartedJson>('bob', 'fork', 'net-2@2')
    assert.deepEqual(forked.forkedFrom, { sessionId: net.id, epochId: net.epochs[1]!.id, epochNumber: 2 })
    assert.deepEqual(readFileSync(join(forked.runDir!, 'parent', 'weights.bin')), weights(2))
    // Names are those of the whole team.
    assert.equal(forked.session.name, 'net-3')
    await json('bob', 'checkout', 'net@3', '--to', join(root, 'out'))
    assert.deepEqual(readFileSync(join(root, 'out', 'weights.bin')), weights(3))
    for (const command of ['resume', 'stop']) {
      const { status, err } = await run('bob', [command, 'net'])
      assert.deepEqual([status, err.startsWith('epochtree: bad-argument: net is trained on another machine, by ada')], [1, true], err)
    }
    await json('bob', 'tag', 'net', 'seen')
    await json('bob', 'select', 'net@1')
    const { tags, selected } = await sessionOf('eve', 'net')
    assert.deepEqual([tags, selected?.number], [['base', 'seen'], 1])
    // What is decided elsewhere comes to where it was trained.
    await push()
    assert.deepEqual((await sessionOf('ada', 'net', '--local')).tags, ['base', 'seen'])
  })

  it('is forked and checked out with the weights of the bucket where a copy came without them', async () => {
    await adasSessions()
    await json('bob', 'pull', 'net-2', '--no-weights')
    const { status, err } = await run('bob', ['fork', 'net-2@3', '--local'])
    assert.deepEqual([status, /^epochtree: weights-released: .*`epochtree pull net-2`/m.test(err)], [1, true], err)
    const forked = await json<StartedJson>('bob', 'fork', 'net-2@3')
    assert.ok(existsSync(join(forked.runDir!, 'parent', 'weights.bin')))
    await json('bob', 'checkout', 'net@1', '--to', join(root, 'out'))
    assert.ok(existsSync(join(root, 'out', 'weights.bin')))
    const { epochs } = await json<{ epochs: { weights: { released: boolean } }[] }>('bob', 'log', 'net-2')
    assert.ok(epochs.every(({ weights }) => !weights.released))
  })

  it('is shown, and what is damaged is named by doctor', async () => {
    await adasSessions()
    const client = new MongoClient(config.mongo.uri)
    try {
      const sessions = client.db(config.mongo.database).collection('TrainingSession')
      await sessions.insertOne({ _id: ObjectId.createFromHexString('000000000000000000000081'), format: 1, epochs: [], modelName: 7 })
    } finally {
      await client.close()
    }
    assert.equal((await json<SessionJson[]>('bob', 'sessions')).length, 2)
    const { problems } = await json<DoctorJson>('bob', 'doctor')
    assert.deepEqual(
      problems.map(({ file, sessionId }) => [file, sessionId]),
      [['MongoDB TrainingSession', '000000000000000000000081']],
    )
    assert.match((await run('bob', ['doctor'])).out, /1 problem:\n  MongoDB TrainingSession +TrainingSession 0+81 in MongoDB is damaged/)
  })

  it('has its weights for others also where they are let go of here', async () => {
    await adasSessions()
    const late = train(dirOf('ada'), { name: 'late' })
    for (let n = 0; n < 3; n++) late.epoch()
    late.finish()
    const released = async () => {
      const { epochs } = await json<{ epochs: { weights: { released: boolean } }[] }>('ada', 'log', 'late', '--local')
      return epochs.map(({ weights }) => weights.released)
    }
    const { err } = await run('ada', ['gc', '--keep', 'latest'])
    assert.match(err, /the weights of 3 epochs stay until the team has them: run `epochtree push`/)
    assert.deepEqual(await released(), [false, false, false])
    await json('ada', 'push')
    assert.equal((await run('ada', ['gc', '--keep', 'latest'])).err, '')
    assert.equal((await released()).filter((one) => one).length, 2)
  })

  it('does not come back where it was deleted and tidied up before others were told', async () => {
    await adasSessions()
    await json('ada', 'delete', 'net-2')
    const { status, out, err } = await run('ada', ['gc'])
    assert.deepEqual([status, /net-2 stays until the team knows.*`epochtree push`/.test(err)], [0, true], out + err)
    assert.equal(await sessionOf('ada', 'net-2'), undefined)
    await push()
    assert.equal(await sessionOf('eve', 'net-2'), undefined)
    assert.match((await run('ada', ['gc'])).out, /session +net-2/)
    assert.equal(await sessionOf('ada', 'net-2'), undefined)
  })

  it('comes with weights that can be called off and gone on with', async () => {
    const bytes = randomBytes(24 * MiB)
    const session = '7'.repeat(24)
    const runDir = join(dirOf('ada'), 'runs', session)
    mkdirSync(join(runDir, 'weights'), { recursive: true })
    writeFileSync(join(runDir, 'weights', '1.bin'), bytes)
    const file = { file: 'weights/1.bin', sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length, format: 'bin' }
    const lines = [
      { type: 'started', format: 1, time: 1 },
      { type: 'epoch', epoch: '8'.repeat(24), number: 1, time: 2 },
      { type: 'commit', epoch: '8'.repeat(24), graph: null, weights: file, state: null, pruned: false, time: 3 },
      { type: 'finished', status: 'completed', time: 4 },
    ]
    writeFileSync(join(runDir, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    writeFileSync(
      join(runDir, 'session.json'),
      JSON.stringify({ format: 1, sessionId: session, modelName: 'large', overrides: {}, command: null, createdAt: 1 }),
    )
    await push()
    const line = await through(config.gcs.endpoint!)
    const slow = { ...config, gcs: { ...config.gcs, endpoint: line.url } }
    line.set({ kind: 'drip', bytesPerSecond: 4 * MiB })
    const forking = begin('bob', slow, 'fork', 'large@1')
    while (line.bytes('down') < 8 * MiB && forking.process.exitCode === null) await new Promise((done) => setTimeout(done, 20))
    forking.process.kill('SIGINT')
    const { status, err } = await forking.ended
    assert.deepEqual([status, /^epochtree: aborted: /m.test(err)], [1, true], err)
    assert.deepEqual(readdirSync(join(dirOf('bob'), 'runs')), [])
    line.set({ kind: 'open' })
    const before = line.bytes('down')
    const again = await run('bob', ['fork', 'large@1', '--json'], slow)
    assert.equal(again.status, 0, again.err)
    assert.deepEqual(readFileSync(join((JSON.parse(again.out) as StartedJson).runDir!, 'parent', 'weights.bin')), bytes)
    assert.ok(line.bytes('down') - before < 20 * MiB, `${line.bytes('down') - before} bytes came again`)
  })

  it('is shown as it was while the servers are away, and what is here goes on', async () => {
    await adasSessions()
    const line = await through(config.mongo.uri)
    const by = { ...config, mongo: { ...config.mongo, uri: `mongodb://127.0.0.1:${line.port}/` } }
    const listed = async () => {
      const { status, err, out } = await run('bob', ['sessions', '--json'], by)
      assert.equal(status, 0, err)
      return { err, sessions: JSON.parse(out) as SessionJson[] }
    }
    const whole = ({ err, sessions }: Awaited<ReturnType<typeof listed>>) => err === '' && sessions.length === 2
    await until(listed, whole, 240)
    const own = train(dirOf('bob'), { name: 'own' })
    own.epoch()
    own.finish()
    await line.down()
    const during = await listed()
    assert.match(during.err, /^epochtree: MongoDB went away .*Sessions of others are shown as they were then/)
    assert.deepEqual(during.sessions.map(({ name }) => name).sort(), ['net', 'net-2', 'own'])
    assert.equal((await run('bob', ['log', 'own'], by)).status, 0)
    const { status, err } = await run('bob', ['log', 'net'], by)
    assert.deepEqual([status, /epochtree: server-away: .*MongoDB/.test(err)], [1, true], err)
    await line.up()
    await until(listed, ({ err: now }) => now === '', 240)
    await until(
      () => run('bob', ['log', 'net'], by),
      (now) => now.status === 0,
      240,
    )
  })

  describe('in the editor', () => {
    let line: Proxy
    let client: LspClient
    beforeEach(async () => {
      line = await through(config.mongo.uri)
      mkdirSync(dirOf('bob'), { recursive: true })
      const { database } = config.mongo
      const store = {
        mode: 'team',
        mongo: { uri: `mongodb://127.0.0.1:${line.port}/`, database },
        elastic: config.elastic,
        gcs: config.gcs,
      }
      writeFileSync(join(dirOf('bob'), 'config.json'), JSON.stringify({ store }))
    })
    afterEach(() => client.close())

    it('comes by itself, with its metrics, and is there while the servers are away', async () => {
      client = await openWorkspace({ root: join(root, 'bob') })
      const { net, fork } = await adasSessions()
      const row = (id: string, fits: (row: { readonly main: unknown; readonly tags: readonly string[] }) => boolean) =>
        client.heard('epochtree/changed', ({ sessions }) => sessions.some((one) => one.id === id && fits(one)))
      for (const { id } of [net, fork]) await row(id, ({ main }) => main !== null)
      const { dir } = client
      const list = async () => (await client.request('epochtree/sessions', { dir, nested: false, offset: 0, limit: 10 })).rows
      assert.deepEqual(
        (await list()).map(({ name, team }) => [name, team?.elsewhere, team?.by]).toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
        [
          ['net', true, 'ada'],
          ['net-2', true, 'ada'],
        ],
      )
      await json('eve', 'tag', 'net', 'good')
      await row(net.id, ({ tags }) => tags.includes('good'))
      // What the editor's person decides is decided for all.
      await client.request('epochtree/tag', { dir, session: net.id, tags: ['better'] })
      assert.deepEqual((await sessionOf('eve', 'net')).tags, ['better'])
      const server = (state: string) =>
        client.heard(
          'epochtree/changed',
          ({ folder: { team } }) => team?.servers.some((one) => one.name === 'MongoDB' && one.state === state) ?? false,
        )
      await line.down()
      const { folder } = await server('away')
      assert.deepEqual(
        folder.team!.servers.filter(({ state }) => state === 'ok').map(({ name }) => name),
        ['Elasticsearch', 'Google Cloud Storage'],
      )
      assert.equal((await list()).length, 2)
      const own = train(dir, { name: 'own' })
      own.epoch()
      await client.heard('epochtree/changed', ({ folder: { team } }) => team?.waiting === 1)
      await line.up()
      // It is handed on by itself once they are back. Who hands on and who looks find out each for itself that they are.
      await client.heard(
        'epochtree/changed',
        ({ version, folder: { team } }) =>
          version > folder.version && team?.waiting === 0 && team.servers.every(({ state }) => state === 'ok'),
      )
      assert.ok((await json<SessionJson[]>('eve', 'sessions')).some(({ id }) => id === own.id))
      assert.ok(!existsSync(join(dir, 'runs', net.id)))
    })
  })
})

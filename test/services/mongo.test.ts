import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Db, type Document, MongoClient, ObjectId } from 'mongodb'
import { makeCertificate } from '../../scripts/services/certificates'
import { startMongo } from '../../scripts/services/mongo'
import type { ModelGraph } from '../../server/protocol/model'
import { LocalStores } from '../../server/storage/local/stores'
import { openMongo } from '../../server/storage/mongo/openMongo'
import type { TeamSessions } from '../../server/storage/team/ports'
import { graphHash, summarize } from '../../server/tracking/graph'
import { CHILD, hashOf, id, writeRuns } from '../contract/fixture'
import { sessionStoreContract } from '../contract/sessionStore'
import { aFile, anEpoch, aSession } from './mongoRecords'
import { startProxy } from './proxy'
import { freshName, mongo, mongoAt } from './servers'
import { uploadSessions } from './upload'

const S = id(0x70)
const T = id(0x71)
const oid = (n: number) => new ObjectId(id(n))

/** A server that lies on a port of its own and never says a word. */
async function silentServer() {
  const sockets = new Set<{ destroy(): void }>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    uri: `mongodb://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((done) => server.close(done))
    },
  }
}

describe('sessions in MongoDB', () => {
  let uri: string
  let database: string
  let team: TeamSessions
  let client: MongoClient
  let plain: Db
  const opened: TeamSessions[] = []
  const databases: string[] = []
  const open = (options: Parameters<typeof openMongo>[1] = {}) => {
    const one = openMongo(mongoAt(uri, database), options)
    opened.push(one)
    return one
  }

  before(async () => {
    uri = (await mongo()).url
    client = new MongoClient(uri)
  })
  beforeEach(() => {
    database = freshName()
    databases.push(database)
    plain = client.db(database)
    team = open()
  })
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close()
    await team.close()
  })
  after(async () => {
    for (const name of databases) await client.db(name).dropDatabase()
    await client.close()
  })

  const put = async (sessionId: string, numbers: readonly number[], base: number, more: Parameters<typeof aSession>[1] = {}) => {
    const decided = await team.putSession({ record: aSession(sessionId, more), by: 'ada@lab', alive: false })
    for (const number of numbers) {
      await team.putWeights(aFile(base + number))
      await team.putEpoch(anEpoch(sessionId, number, base))
    }
    return decided
  }
  const document = async (collection: string, of: string) => (await plain.collection(collection).findOne({ _id: new ObjectId(of) }))!

  describe('of the fixture', () => {
    let local: LocalStores
    let root: string
    beforeEach(async () => {
      root = mkdtempSync(join(tmpdir(), 'epochtree-mongo-'))
      const dir = join(root, '.epochtree')
      writeRuns(dir)
      local = new LocalStores(dir)
      await local.ingest()
      await uploadSessions(local, team)
    })
    afterEach(async () => {
      await local.close()
      rmSync(root, { recursive: true, force: true })
    })

    sessionStoreContract(() => team)

    it('has the shape of the source design, read with a plain driver', async () => {
      const child = await document('TrainingSession', CHILD)
      assert.deepEqual(child['epochs'], [11, 12, 23].map(oid), 'the whole history, inherited epochs first')
      assert.equal(child['modelName'], 'net')
      const epoch = await document('Epoch', id(23))
      assert.deepEqual(child['weightsId'], epoch['weightsId'], 'it follows the newest epoch')
      const weights = (await plain.collection('Weights').findOne({ _id: epoch['weightsId'] as ObjectId }))!
      const graph = (await plain.collection('ModelGraph').findOne({ _id: epoch['modelGraphId'] as ObjectId }))!
      assert.equal(weights['weightsFileLocation'], `gs://nowhere/weights/${hashOf(23).slice(0, 2)}/${hashOf(23)}`)
      assert.deepEqual(graph['modelGraph'], { id: 'g', nodes: { a: { id: 'a', data: { parameters: { w: [3, 2] } } } } })
      assert.equal(weights['modelGraphHash'], graphHash(graph['modelGraph'] as ModelGraph))
      // Two epochs have that graph: their weights go with it alike.
      assert.ok([13, 23].some((n) => String(graph['weightsId']) === hashOf(n).slice(0, 24)))
    })

    it('answers as the embedded store does, in all that lists show', async () => {
      const shown = async (store: LocalStores['sessions']) =>
        (await store.sessions()).map((one) => ({ ...one, team: undefined, engine: null }))
      assert.deepEqual(await shown(team), await shown(local.sessions))
      const [{ team: state }] = (await team.sessions()) as [Awaited<ReturnType<TeamSessions['session']>> & object]
      assert.deepEqual([state?.elsewhere, state?.by, state?.waiting], [true, 'test', 0])
    })

    it('gives the same when all is brought once more, and writes nothing', async () => {
      const all = async () =>
        JSON.stringify(await Promise.all(['TrainingSession', 'Epoch'].map((one) => plain.collection(one).find().toArray())))
      // Signs of life come once a minute; another process gives its own.
      const before = await all()
      await uploadSessions(local, team)
      assert.equal(await all(), before)
    })
  })

  it('shows a session that was written by hand in the shape of the source design alone', async () => {
    const graph = { id: 'g', nodes: { a: { id: 'a', data: { parameters: 7 } } } }
    await plain.collection('TrainingSession').insertMany([
      { _id: oid(1), epochs: [11, 12, 13].map(oid), weightsId: oid(31), modelName: 'net' },
      // A retraining from epoch 2, as the source design stores it.
      { _id: oid(2), epochs: [11, 12, 24].map(oid), weightsId: oid(31), modelName: 'net' },
      { _id: oid(3), epochs: [], weightsId: null, modelName: 'net' },
    ])
    await plain.collection('Epoch').insertMany([11, 12, 13, 24].map((n) => ({ _id: oid(n), modelGraphId: oid(21), weightsId: oid(31) })))
    await plain.collection('ModelGraph').insertOne({ _id: oid(21), weightsId: oid(31), modelGraph: graph })
    await plain.collection('Weights').insertOne({ _id: oid(31), modelGraphHash: 'x', weightsFileLocation: 'gs://b/net.h5' })
    const check = async () => {
      const listed = await team.sessions()
      assert.deepEqual(
        listed.map((one) => [one.id, one.name, one.modelName, one.own, one.latest, one.forkPoint]),
        [
          [id(1), 'net', 'net', 3, { id: id(13), number: 3 }, null],
          [id(2), 'net-2', 'net', 1, { id: id(24), number: 3 }, { sessionId: id(1), number: 2 }],
          [id(3), 'net-3', 'net', 0, null, null],
        ],
      )
      const history = await team.history(id(2))
      const epochs = await team.epochs(history)
      assert.deepEqual(
        epochs.map((one) => [one.id, one.sessionId, one.number]),
        [
          [id(11), id(1), 1],
          [id(12), id(1), 2],
          [id(24), id(2), 3],
        ],
      )
      assert.equal(await team.count(history.segments), 3)
      assert.deepEqual(
        (await team.page(history, { offset: 1, limit: 2 })).map((one) => one.id),
        [id(12), id(11)],
      )
      assert.deepEqual([...(await team.clock(history)).number], [1, 2, 3])
      assert.equal((await team.epoch(id(24)))?.number, 3)
      const hash = epochs[0]!.graphHash!
      assert.deepEqual(await team.graph(hash), graph)
      assert.deepEqual(await team.graphSummary(hash), { nodes: 1, parameters: 7, nonzero: null })
      assert.deepEqual((await team.graphChanges(history, 5)).epochs.length, 1)
      assert.equal((await team.sessionByName('net-2'))?.id, id(2))
      assert.deepEqual(
        (await team.forks(id(12))).map((one) => one.id),
        [id(2)],
      )
      assert.deepEqual(
        await team.names(),
        listed.map((one) => ({ id: one.id, name: one.name })),
      )
    }
    await check()
    // Made ready for writing by us, it is shown as before, and what people decide is kept.
    await team.prepare()
    await check()
    await team.mark(id(1), { selected: id(12), tags: ['x'] })
    assert.deepEqual((await team.session(id(1)))?.selected, { id: id(12), number: 2 })
    await team.mark(id(1), { name: 'first' })
    assert.equal((await team.sessionByName('first'))?.id, id(1))
    assert.deepEqual(await team.problems(), [])
    // One of ours with the same model's name takes another name, and a fork of theirs goes on from their epochs.
    await put(S, [3], 0x100, { forkedFrom: { sessionId: id(1), epochId: id(12), epochNumber: 2 } })
    assert.deepEqual(
      (await team.epochs(await team.history(S))).map((one) => one.number),
      [1, 2, 3],
    )
    assert.deepEqual((await document('TrainingSession', S))['epochs'], [11, 12, 0x103].map(oid))
  })

  it('gives each of many who ask for one name at once a name of its own', async () => {
    await team.prepare()
    const clients = Array.from({ length: 4 }, () => open())
    const names = await Promise.all(
      Array.from(
        { length: 24 },
        async (_, i) => (await clients[i % 4]!.putSession({ record: aSession(id(0x200 + i)), by: 'x', alive: false })).name,
      ),
    )
    assert.deepEqual(names.toSorted(), ['net', ...Array.from({ length: 23 }, (_, i) => `net-${i + 2}`)].toSorted())
    assert.deepEqual((await team.names()).map(({ name }) => name).toSorted(), names.toSorted())
    // The same again gives the same.
    assert.equal((await team.putSession({ record: aSession(id(0x200)), by: 'x', alive: false })).name, names[0])
  })

  it('makes one session of two machines that bring it at once', async () => {
    await team.prepare()
    const [a, b] = await Promise.all([team, open()].map((one) => one.putSession({ record: aSession(S), by: 'x', alive: false })))
    assert.deepEqual(a, b)
    assert.equal((await team.sessions()).length, 1)
  })

  it('lets one of two deciders win, and tells the other', async () => {
    await team.prepare()
    const { version } = await put(S, [1], 0x100)
    const other = open()
    const answers = await Promise.all([team.decide(S, { tags: ['a'] }, version), other.decide(S, { tags: ['b'] }, version)])
    assert.equal(answers.filter((one) => one !== undefined).length, 1)
    const won = answers.find((one) => one !== undefined)!
    assert.deepEqual((await team.session(S))?.tags, won.tags)
    assert.equal(won.version, version + 1)
    // What is trained meanwhile is no decision.
    await team.putWeights(aFile(0x102))
    await team.putEpoch(anEpoch(S, 2, 0x100))
    assert.deepEqual((await other.decide(S, { name: 'best', deleted: 7 }, won.version))?.tags, won.tags)
    // `mark` goes on until it is decided.
    await Promise.all(Array.from({ length: 6 }, (_, i) => open().mark(S, { tags: [`t${i}`] })))
    assert.equal((await team.putSession({ record: aSession(S), by: 'x', alive: false })).version, won.version + 7)
    await assert.rejects(team.decide(id(0x999), { tags: [] }, 1), { code: 'unknown-session' })
    await put(T, [], 0)
    await assert.rejects(team.mark(T, { name: 'best' }), { code: 'bad-name' })
    await assert.rejects(team.mark(T, { name: 'a@b' }), { code: 'bad-name' })
  })

  it('lets weightsId follow the newest epoch that has weights until one is selected', async () => {
    await team.prepare()
    const weightsId = async () => String((await document('TrainingSession', S))['weightsId'])
    const of = (n: number) => hashOf(n).slice(0, 24)
    await put(S, [1, 2], 0x100)
    await team.putEpoch(anEpoch(S, 3, 0x100, { weights: null }))
    assert.equal(await weightsId(), of(0x102))
    await team.mark(S, { selected: id(0x101) })
    assert.equal(await weightsId(), of(0x101))
    await team.putWeights(aFile(0x104))
    await team.putEpoch(anEpoch(S, 4, 0x100))
    assert.equal(await weightsId(), of(0x101))
    await team.mark(S, { selected: null })
    assert.equal(await weightsId(), of(0x104))
    // One that was selected before the team had it.
    await team.putSession({ record: aSession(T, { selected: { id: id(0x202), number: 2 } }), by: 'x', alive: false })
    assert.equal((await team.session(T))?.selected, null)
    for (const n of [1, 2, 3]) {
      await team.putWeights(aFile(0x200 + n))
      await team.putEpoch(anEpoch(T, n, 0x200))
    }
    assert.deepEqual((await team.session(T))?.selected, { id: id(0x202), number: 2 })
    assert.equal(String((await document('TrainingSession', T))['weightsId']), of(0x202))
  })

  it('writes each epoch once and in order, however often it is brought', async () => {
    await team.prepare()
    await put(S, [1, 2], 0x100, { open: { id: id(0x103), number: 3 } })
    assert.deepEqual((await team.session(S))?.open, { id: id(0x103), number: 3 })
    await team.putWeights(aFile(0x103))
    await Promise.all([team, open(), open()].map((one) => one.putEpoch(anEpoch(S, 3, 0x100))))
    await team.putEpoch(anEpoch(S, 1, 0x100, { pruned: true }))
    const { own, latest, open: begun } = (await team.session(S))!
    assert.deepEqual([own, latest, begun], [3, { id: id(0x103), number: 3 }, null])
    assert.deepEqual((await document('TrainingSession', S))['epochs'], [0x101, 0x102, 0x103].map(oid))
    assert.equal((await team.epoch(id(0x101)))?.pruned, true)
    await assert.rejects(team.putEpoch(anEpoch(S, 2, 0x500, { weights: null })), { code: 'server-refused' })
    await assert.rejects(team.putEpoch(anEpoch(T, 1, 0x500, { weights: null })), { code: 'unknown-session' })
    await put(T, [], 0)
    await assert.rejects(team.putEpoch({ ...anEpoch(S, 4, 0x100, { weights: null }), sessionId: T, id: id(0x103) }), {
      code: 'server-refused',
    })
    assert.deepEqual((await team.session(T))?.latest, null)
  })

  it('goes on after a writer that died between an epoch and its session', async () => {
    await team.prepare()
    await put(S, [1], 0x100)
    await team.putWeights(aFile(0x102))
    const whole = await document('TrainingSession', S)
    await team.putEpoch(anEpoch(S, 2, 0x100))
    // As if the session's own document had not been written.
    await plain.collection('TrainingSession').replaceOne({ _id: new ObjectId(S) }, whole)
    await team.putEpoch(anEpoch(S, 2, 0x100))
    assert.equal((await team.session(S))?.own, 2)
    assert.deepEqual((await document('TrainingSession', S))['epochs'], [0x101, 0x102].map(oid))
  })

  it('gives a fork its beginning once its parent is known, and its forks as well', async () => {
    await team.prepare()
    const fork = { forkedFrom: { sessionId: S, epochId: id(0x102), epochNumber: 2 } }
    await put(T, [3], 0x200, fork)
    const U = id(0x72)
    await put(U, [4], 0x300, { forkedFrom: { sessionId: T, epochId: id(0x203), epochNumber: 3 } })
    assert.deepEqual([(await team.session(T))?.forkPoint, (await team.history(T)).parentMissing], [null, true])
    await put(S, [1, 2], 0x100)
    assert.equal((await team.history(T)).parentMissing, false)
    await team.putSession({ record: aSession(T, fork), by: 'x', alive: false })
    assert.deepEqual((await team.session(T))?.forkPoint, { sessionId: S, number: 2 })
    assert.deepEqual((await document('TrainingSession', T))['epochs'], [0x101, 0x102, 0x203].map(oid))
    assert.deepEqual((await document('TrainingSession', U))['epochs'], [0x101, 0x102, 0x203, 0x304].map(oid))
    assert.deepEqual(
      (await team.epochs(await team.history(U))).map((one) => one.number),
      [1, 2, 3, 4],
    )
  })

  it('gives so many of the newest sessions', async () => {
    await team.prepare()
    const ids = Array.from({ length: 25 }, (_, i) => id(0x900 + i))
    for (const one of ids) await put(one, [], 0)
    for (const limit of [2, 25, 200])
      assert.deepEqual(
        (await team.newest(limit)).map((one) => one.id),
        ids.toReversed().slice(0, limit),
      )
  })

  describe('changes', () => {
    it('come also from a writer that was late with what it had counted', async () => {
      await team.prepare()
      await put(S, [], 0)
      await put(T, [], 0)
      const start = await team.changes()
      const counter = plain.collection<{ _id: string; n: number }>('Counter')
      // One takes a number, another one after it is done first.
      const late = (await counter.findOneAndUpdate({ _id: 'changes' }, { $inc: { n: 1 } }, { returnDocument: 'after' }))!.n
      await open().mark(T, { tags: ['x'] })
      const first = await team.changes(start.at)
      assert.deepEqual([first.sessionIds, first.all], [[T], false])
      await plain.collection('TrainingSession').updateOne({ _id: new ObjectId(S) }, { $set: { change: late } })
      const second = await team.changes(first.at)
      assert.deepEqual(second.sessionIds, [S])
      assert.deepEqual(await team.changes(second.at), { at: second.at, sessionIds: [], all: false })
      // Whoever stands at an earlier version hears of both, each follower for itself.
      assert.deepEqual((await team.changes(start.at)).sessionIds.toSorted(), [S, T])
      // A version of another process, which may have missed what came late.
      const other = open()
      assert.deepEqual((await other.changes(first.at)).sessionIds.toSorted(), [S, T])
    })

    it('come without the ids of all where nobody asks for these, and later ones all the same', async () => {
      await team.prepare()
      await put(S, [], 0)
      const { at, sessionIds, all } = await team.changes(undefined, false)
      assert.deepEqual([sessionIds, all], [[], true])
      await open().mark(S, { tags: ['x'] })
      assert.deepEqual((await team.changes(at, false)).sessionIds, [S])
    })

    it('tell of what something else wrote while nobody looked', async () => {
      await team.prepare()
      await put(S, [], 0)
      const { at } = await team.changes()
      await plain.collection('TrainingSession').insertOne({ _id: oid(1), epochs: [], weightsId: null, modelName: 'net' })
      // Each process has versions of its own, which may be lower or higher.
      for (let process = 0; process < 8; process++) {
        const later = open()
        const told = await later.changes(at, false)
        assert.ok(told.sessionIds.includes(id(1)), told.sessionIds.join())
        assert.deepEqual((await later.changes(told.at, false)).sessionIds, [])
      }
    })

    it('tell another database, and one that was emptied', async () => {
      await team.prepare()
      await put(S, [], 0)
      const before = await team.changes()
      const identity = await team.identity()
      assert.equal(before.at.store, identity)
      await plain.dropDatabase()
      const other = open()
      await other.prepare()
      assert.notEqual(await other.identity(), identity)
      const after = await team.changes(before.at)
      assert.deepEqual([after.all, after.sessionIds], [true, []])
    })
  })

  it('tells how long a session counts as living, by the clock of this machine', async () => {
    await team.prepare()
    await team.putSession({
      record: aSession(S, { finished: null, engine: { time: 1, pid: 2, host: 'gpu', bootId: null } }),
      by: 'x',
      alive: true,
    })
    const until = async () => (await team.session(S))?.team?.aliveUntil ?? 0
    assert.ok(Math.abs((await until()) - Date.now() / 1000 - 180) < 30, String(await until()))
    await team.putSession({ record: aSession(S), by: 'x', alive: false })
    assert.equal((await team.session(S))?.team?.aliveUntil, null)
  })

  describe('what is damaged or hostile', () => {
    const hostile: readonly (readonly [what: string, document: Document])[] = [
      ['an id with a path', { _id: '../../etc/passwd', epochs: [], modelName: 'x', weightsId: null }],
      ['no model name', { _id: oid(0x81), epochs: [], weightsId: null }],
      ['a name that is an object', { _id: oid(0x82), epochs: [], modelName: { text: 'x' }, weightsId: null, format: 1 }],
      ['a very long name', { _id: oid(0x83), epochs: [], modelName: 'x'.repeat(1_000_000), weightsId: null, format: 1 }],
      ['times without an end', { _id: oid(0x84), epochs: [], modelName: 'x', format: 1, createdAt: 1e300 }],
      ['a fork of nothing', { _id: oid(0x85), epochs: [], modelName: 'x', format: 1, forkedFrom: { sessionId: '..' } }],
      ['a newer format', { _id: oid(0x86), epochs: [], modelName: 'x', format: 99 }],
      ['epochs by hand that are no ids', { _id: oid(0x87), epochs: ['a', 1], modelName: 'x' }],
    ]
    it('is left out of lists, named among the problems, and keeps nothing else from being shown', async () => {
      await team.prepare()
      await put(S, [1], 0x100)
      for (const [, one] of hostile) await plain.collection('TrainingSession').insertOne(one)
      assert.deepEqual(
        (await team.sessions()).map((one) => one.id),
        [S],
      )
      // Names are found by fewer fields, so that who asks for one of those is told what is wrong with it.
      assert.deepEqual(await team.names(), [
        { id: S, name: 'net' },
        { id: id(0x85), name: 'x' },
      ])
      await assert.rejects(team.session(id(0x85)), { code: 'server-damaged' })
      const problems = await team.problems()
      assert.equal(problems.length, hostile.length, JSON.stringify(problems))
      for (const { file, message } of problems)
        assert.match(`${file} ${message}`, /^MongoDB TrainingSession TrainingSession .* in MongoDB (is damaged|was written by a newer)/)
      assert.ok(problems.some(({ message }) => message.includes('"../../etc/passwd"')))
      await assert.rejects(team.session(id(0x82)), { code: 'server-damaged' })
      await assert.rejects(team.session(id(0x86)), { code: 'store-newer' })
      assert.deepEqual(
        (await team.newest(200)).map((one) => one.id),
        [S],
      )
    })

    it('may be an epoch', async () => {
      await team.prepare()
      await put(S, [1, 2, 3], 0x100)
      await plain
        .collection('Epoch')
        .updateOne({ _id: oid(0x102) }, { $set: { weights: { sha256: '../x', bytes: -1, file: '/etc/passwd' } } })
      assert.deepEqual(
        (await team.epochs(await team.history(S))).map((one) => one.number),
        [1, 3],
      )
      assert.deepEqual(
        (await team.page(await team.history(S), { offset: 0, limit: 2 })).map((one) => one.number),
        [3],
        'it takes up its place on a page',
      )
      await assert.rejects(team.epoch(id(0x102)), { code: 'server-damaged', message: new RegExp(`Epoch ${id(0x102)} in MongoDB`) })
      assert.deepEqual(
        (await team.problems(S)).map(({ sessionId, file }) => [sessionId, file]),
        [[S, 'MongoDB Epoch']],
      )
      // Of one that says no text of itself nothing but that is told.
      await plain.collection('Epoch').updateOne({ _id: oid(0x102) }, { $set: { sessionId: [oid(0x70), { toString: 1 }] } })
      assert.deepEqual(
        (await team.epochs({ epochIds: [1, 2, 3].map((n) => id(0x100 + n)) })).map((one) => one.number),
        [1, 3],
      )
      assert.deepEqual(
        (await team.epochs(await team.history(S))).map((one) => one.number),
        [1, 3],
      )
      await assert.rejects(team.epoch(id(0x102)), { code: 'server-damaged' })
    })

    it('may have ids that stand before all others', async () => {
      await team.prepare()
      for (let n = 1; n <= 5; n++)
        await plain.collection('TrainingSession').insertOne({ _id: new Date(n) as unknown as ObjectId, epochs: [], modelName: 'x' })
      for (const one of [S, T]) await put(one, [1], one === S ? 0x100 : 0x200)
      assert.deepEqual(
        (await team.newest(2)).map((one) => one.id),
        [T, S],
      )
    })

    it('fills no memory, however many large ones there are', async () => {
      for (let n = 0; n < 20; n++) await plain.collection('TrainingSession').insertOne({ _id: oid(0x81 + n), by: 'x'.repeat(15e6) })
      const child = join(import.meta.dirname, 'mongoLister.js')
      const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', child, uri, database], { encoding: 'utf8' })
      const { lengths, kilobytes } = JSON.parse(stdout || stderr) as { lengths: number[]; kilobytes: number }
      assert.deepEqual(lengths, Array<number>(20).fill(15e6))
      // All of them together are as many bytes, beside what a process has anyway.
      assert.ok(kilobytes < 350_000, `${kilobytes} KB`)
    })

    it('may be a graph', async () => {
      await team.prepare()
      const graph: ModelGraph = { nodes: { a: { id: 'a' } } }
      const hash = graphHash(graph)
      await team.putGraph(hash, graph, summarize(graph))
      const graphs = plain.collection('ModelGraph')
      for (const modelGraph of [{ nodes: { a: { id: 'b' } } }, { nodes: [1] }, 'x', {}]) {
        await graphs.updateOne({ hash }, { $set: { modelGraph } })
        await assert.rejects(team.graph(hash), { code: 'server-damaged', message: /^ModelGraph [0-9a-f]{24} in MongoDB is damaged/ })
      }
      await graphs.updateOne({ hash }, { $set: { summary: { nodes: -1 } } })
      await assert.rejects(team.graphSummary(hash), { code: 'server-damaged' })
    })
  })

  it('keeps graphs whose keys hold dots, dollars, percents and prototypes', async () => {
    await team.prepare()
    const nodes = JSON.parse(
      '{"layer.0.weight":{"id":"layer.0.weight","data":{"$ref":1,"50%":2,"%2E":3,"":4,"a\\u0000b":5,"__proto__":6}},"constructor":{"id":"c"}}',
    ) as ModelGraph['nodes']
    const graph: ModelGraph = { id: 'net.v1', nodes }
    const hash = graphHash(graph)
    await team.putGraph(hash, graph, summarize(graph))
    await team.putGraph(hash, graph, summarize(graph))
    assert.equal(JSON.stringify(await team.graph(hash)), JSON.stringify(graph))
    const [stored] = await plain.collection('ModelGraph').find().toArray()
    assert.deepEqual(Object.keys((stored!['modelGraph'] as { nodes: object }).nodes), ['layer%2E0%2Eweight', 'constructor'])
  })

  it('gives graphs to the bucket that no document has room for', async () => {
    const bucket = new Map<string, Uint8Array>()
    const large = {
      putBytes: async (name: string, bytes: Uint8Array) => void bucket.set(name, bytes),
      getBytes: async (name: string) => bucket.get(name),
    }
    const withBucket = open({ large })
    await withBucket.prepare()
    let deep: unknown = 1
    for (let i = 0; i < 200; i++) deep = { deep }
    const wide: ModelGraph = {
      id: 'w',
      nodes: Object.fromEntries(
        Array.from({ length: 20 }, (_, i) => [`n.${i}`, { id: `n.${i}`, data: { text: randomBytes(2 ** 19).toString('hex') } }]),
      ),
    }
    for (const graph of [wide, { nodes: { a: { id: 'a', data: { deep } } } } as unknown as ModelGraph]) {
      const hash = graphHash(graph)
      await withBucket.putGraph(hash, graph, summarize(graph))
      assert.deepEqual([...bucket.keys()], [`graphs/${hash.slice(0, 2)}/${hash}`])
      assert.equal(JSON.stringify(await withBucket.graph(hash)), JSON.stringify(graph))
      assert.equal((await withBucket.graphSummary(hash))?.nodes, Object.keys(graph.nodes).length)
      // What the bucket gives back is believed no more than a document.
      const [[name]] = [...bucket] as [[string, Uint8Array]]
      bucket.set(name, Buffer.from('no'))
      await assert.rejects(withBucket.graph(hash), { code: 'server-damaged' })
      // Some hundred kilobytes that would become some gigabytes.
      bucket.set(name, gzipSync(Buffer.concat([Buffer.from('{"nodes":['), Buffer.alloc(90e6, '[],'), Buffer.from('0]}')]), { level: 1 }))
      await assert.rejects(withBucket.graph(hash), { code: 'server-damaged', message: /lists, objects and fields/ })
      bucket.clear()
      await assert.rejects(withBucket.graph(hash), { code: 'server-damaged' })
    }
    await assert.rejects(
      team
        .putGraph(graphHash(wide), { ...wide, nodes: { ...wide.nodes, b: { id: 'b' } } }, summarize(wide))
        .then(() => team.graph('f'.repeat(64)).then(assert.ok)),
    )
  })

  it('keeps settings of any shape, to the last character', async () => {
    await team.prepare()
    let deep: unknown = { 'a.b': '$x', n: '\0', half: '\ud800' }
    for (let i = 0; i < 95; i++) deep = [deep]
    const overrides = JSON.parse(
      JSON.stringify({ hyperparameters: { deep, 'optimizer.lr': 1e-300, '': null, big: '9007199254740993' } }),
    ) as object
    await team.putSession({ record: aSession(S, { overrides: overrides as never }), by: 'x', alive: false })
    assert.equal(JSON.stringify((await team.session(S))?.overrides), JSON.stringify(overrides))
  })

  it('brings nothing that it could not show, and whatever is odd in a way that can be shown', async () => {
    await team.prepare()
    const bring = (more: Partial<ReturnType<typeof aSession>>) => team.putSession({ record: aSession(S, more), by: 'x', alive: false })
    await assert.rejects(bring({ key: 'x'.repeat(20_000) }), {
      code: 'server-refused',
      message: /^TrainingSession [0-9a-f]{24} can't be brought to the team: key: too large/,
    })
    assert.deepEqual(await team.sessions({ deleted: true }), [])
    await bring({
      modelName: 'half \ud800',
      name: 'net',
      finished: { status: 'failed', error: 'x'.repeat(100_000), time: 1e300 },
      attempt: {
        id: null,
        time: null,
        pid: null,
        host: null,
        bootId: null,
        restored: null,
        hyperparameters: { lr: 1 },
        pruningPlan: null,
        environment: {},
      },
    })
    const shown = (await team.session(S))!
    assert.deepEqual([shown.modelName, shown.finished?.time, shown.attempt?.hyperparameters], ['half \ufffd', null, { lr: 1 }])
    await assert.rejects(team.mark(S, { tags: ['x'.repeat(20_000)] }), { code: 'server-refused' })
    await team.putEpoch(anEpoch(S, 1, 0x100, { weights: null, time: NaN, begun: null, started: 1e300 }))
    assert.deepEqual([...(await team.clock({ epochIds: [id(0x101)] })).started], [NaN])
    const huge: ModelGraph = { nodes: { a: { id: 'a', data: { parameters: '123456789012345678901234567890' } } } }
    await team.putGraph(graphHash(huge), huge, summarize(huge))
    assert.deepEqual(await team.graphSummary(graphHash(huge)), summarize(huge))
  })

  it('lets one at a time have a lease, until it leaves it or its time is over', async () => {
    const other = open()
    const won = await Promise.all([team.takeLease('gc', 'a', 30), other.takeLease('gc', 'b', 30)])
    assert.equal(won.filter(Boolean).length, 1)
    const [holder, loser] = won[0] ? ['a', 'b'] : ['b', 'a']
    assert.equal(await team.takeLease('gc', holder, 30), true, 'taken again by whoever has it')
    assert.equal(await team.takeLease('other', loser, 30), true, 'leases have names')
    await team.leaveLease('gc', loser)
    assert.equal(await other.takeLease('gc', loser, 30), false, "nobody leaves another's")
    await team.leaveLease('gc', holder)
    assert.equal(await other.takeLease('gc', loser, -1), true)
    assert.equal(await team.takeLease('gc', holder, 30), true, 'its time was over')
  })

  describe('removal', () => {
    it('takes a deleted session away, step by step, but not what forks need', async () => {
      await team.prepare()
      await put(S, [1, 2, 3], 0x100)
      const fork = { forkedFrom: { sessionId: S, epochId: id(0x102), epochNumber: 2 } }
      await put(T, [3], 0x200, fork)
      assert.equal(await team.startRemoval(S, 50), undefined, 'nobody deleted it')
      await team.mark(S, { deleted: 40, selected: id(0x103) })
      assert.equal(await team.startRemoval(S, 30), undefined, 'not so long ago')
      const { at } = await team.changes()
      assert.deepEqual(await team.startRemoval(S, 50), [id(0x103)])
      assert.deepEqual(await team.startRemoval(S, 50), [id(0x103)])
      await assert.rejects(team.mark(S, { deleted: null }), { code: 'unknown-session' })
      await team.finishRemoval(S)
      await team.finishRemoval(S)
      const left = (await team.session(S))!
      assert.deepEqual([left.own, left.latest, left.deletedAt, left.selected], [2, { id: id(0x102), number: 2 }, 40, null])
      assert.deepEqual((await document('TrainingSession', S))['epochs'], [0x101, 0x102].map(oid))
      assert.deepEqual(
        (await team.epochs(await team.history(T))).map((one) => one.number),
        [1, 2, 3],
      )
      assert.deepEqual((await team.changes(at)).sessionIds, [S])
      // Once the fork is gone as well, all is.
      await team.mark(T, { deleted: 40 })
      assert.deepEqual(await team.startRemoval(T, 50), [id(0x203)])
      await team.finishRemoval(T)
      assert.deepEqual(await team.startRemoval(S, 50), [id(0x101), id(0x102)])
      await team.finishRemoval(S)
      assert.deepEqual(await team.sessions({ deleted: true }), [])
      assert.equal(await plain.collection('Epoch').countDocuments(), 0)
      assert.deepEqual((await team.changes(at)).sessionIds.toSorted(), [S, T])
      // A machine that still has it does not bring it back.
      await assert.rejects(put(S, [], 0), { code: 'session-deleted' })
    })

    it('claims weights that nobody needs, and lets nobody bring or name them meanwhile', async () => {
      await team.prepare()
      await put(S, [1], 0x100)
      await team.putWeights(aFile(0x150))
      const [used, idle, never] = [hashOf(0x101), hashOf(0x150), hashOf(0x151)]
      await plain
        .collection('Weights')
        .insertOne({ _id: oid(5), modelGraphHash: 'x', weightsFileLocation: `gs://b/weights/${hashOf(0x160)}` })
      const all = [used, idle, never, hashOf(0x160)]
      assert.deepEqual(await team.unneededWeights(all, 3600), [never], 'the other was brought just now')
      assert.deepEqual(await team.unneededWeights(all, -10), [idle, never])
      assert.deepEqual(await team.claimWeights(all, -10), [idle, never])
      assert.deepEqual(await team.claimWeights(all, -10), [idle, never], 'by whoever goes on after one that died')
      await assert.rejects(team.putWeights(aFile(0x150)), { code: 'team-busy' })
      await assert.rejects(open().putEpoch(anEpoch(S, 2, 0, { weights: { sha256: idle, bytes: 5, format: null, file: 'x' } })), {
        code: 'team-busy',
      })
      assert.equal((await team.session(S))?.own, 1)
      await team.dropWeights([idle, never])
      assert.equal(await team.putWeights(aFile(0x150)), false, 'whether the bucket has it must be looked at anew')
      assert.equal(await team.putWeights(aFile(0x150)), true)
    })
  })

  describe('the connection', () => {
    it('is made anew once a killed server is there again', async () => {
      const own = await startMongo()
      const patient = openMongo({ uri: own.url, database: 'd' }, { patience: 700 })
      try {
        await patient.prepare()
        await patient.putSession({ record: aSession(S), by: 'x', alive: false })
        for (let round = 0; round < 3; round++) {
          await own.kill()
          await assert.rejects(patient.sessions(), { code: 'server-away' })
          await own.restart()
          await patient.check()
          assert.equal((await patient.sessions()).length, 1)
          await patient.mark(S, { tags: [`round ${round}`] })
        }
      } finally {
        await patient.close()
        await own.stop()
      }
    })

    it('comes with a server that comes late, whatever was asked of it before', async () => {
      const own = await startMongo()
      const patient = openMongo({ uri: own.url, database: 'd' }, { patience: 700 })
      try {
        await own.kill()
        for (let i = 0; i < 2; i++) await assert.rejects(patient.prepare(), { code: 'server-away', message: /^Nothing answers at / })
        await own.restart()
        await patient.check()
        await patient.prepare()
        await patient.putSession({ record: aSession(S), by: 'x', alive: false })
      } finally {
        await patient.close()
        await own.stop()
      }
    })

    it('loses nothing and doubles nothing when the server is killed while many write', async () => {
      const own = await startMongo()
      const writers = Array.from({ length: 4 }, (_, i) => ({
        session: id(0x600 + i),
        base: 0x1000 * (i + 1),
        team: openMongo({ uri: own.url, database: 'd' }, { patience: 1000 }),
      }))
      const last = 12
      let done = 0
      let tell = () => {}
      const written = async (at: number) => {
        while (done < at) await new Promise<void>((resolve) => (tell = resolve))
      }
      /** As the spool does: again until it is acknowledged. */
      const surely = async (work: () => Promise<unknown>) => {
        for (;;)
          try {
            return await work()
          } catch (error) {
            if ((error as { code?: string }).code !== 'server-away') throw error
          }
      }
      try {
        await writers[0]!.team.prepare()
        const writing = Promise.all(
          writers.map(async ({ session, base, team: mine }) => {
            await surely(() => mine.putSession({ record: aSession(session), by: 'x', alive: false }))
            for (let number = 1; number <= last; number++) {
              await surely(() => mine.putWeights(aFile(base + number)))
              await surely(() => mine.putEpoch(anEpoch(session, number, base)))
              done++
              tell()
            }
          }),
        )
        for (const at of [6, 18, 30]) {
          await Promise.race([written(at), writing])
          await own.kill()
          await own.restart()
        }
        await writing
        const client1 = new MongoClient(own.url)
        for (const { session, base } of writers) {
          const found = (await client1
            .db('d')
            .collection('TrainingSession')
            .findOne({ _id: new ObjectId(session) }))!
          const numbers = Array.from({ length: last }, (_, i) => i + 1)
          assert.deepEqual(
            found['epochs'],
            numbers.map((number) => oid(base + number)),
          )
          assert.deepEqual([found['own'], found['latest']], [last, { id: oid(base + last), number: last }])
          assert.deepEqual(
            (await writers[0]!.team.epochs(await writers[0]!.team.history(session))).map(({ number }) => number),
            numbers,
          )
        }
        assert.equal(new Set((await writers[0]!.team.names()).map(({ name }) => name)).size, writers.length)
        await client1.close()
      } finally {
        for (const { team: mine } of writers) await mine.close()
        await own.stop()
      }
    })

    it('waits for no server longer than its patience, and tells at once what it found out to whoever asks next', async () => {
      const silent = await silentServer()
      const patient = openMongo({ uri: silent.uri, database: 'd' }, { patience: 1000 })
      try {
        const first: unknown = await patient.sessions().catch((error: unknown) => error)
        assert.match(String(first), /127\.0\.0\.1:\d+ does not answer/)
        assert.equal(await patient.names().catch((error: unknown) => error), first)
      } finally {
        await patient.close()
        await silent.close()
      }
    })

    it('comes to an end with every question, whatever the line does, and goes on once it is well', async () => {
      const proxy = await startProxy(uri)
      const patient = openMongo({ uri: proxy.url, database }, { patience: 1500 })
      try {
        await patient.prepare()
        await patient.putSession({ record: aSession(S), by: 'x', alive: false })
        for (let round = 0; round < 2; round++) {
          // Half open: nothing comes back any more on connections that are there.
          proxy.set({ kind: 'silent' })
          const from = performance.now()
          await assert.rejects(patient.sessions(), { code: 'server-away' })
          assert.ok(performance.now() - from < 30_000)
          proxy.set({ kind: 'open' })
          await patient.check()
          // Cut in the middle of a question, or of an answer: it is asked again, and a write is done once.
          for (const direction of ['up', 'down'] as const) {
            const cut = proxy.cut(20, direction)
            await patient.mark(S, { tags: [`${round} ${direction}`] })
            await cut
          }
          assert.deepEqual((await patient.session(S))?.tags, [`${round} down`])
          await proxy.down()
          await assert.rejects(patient.mark(S, { tags: ['never'] }), { code: 'server-away' })
          await proxy.up()
          await patient.check()
          await patient.putSession({ record: aSession(S, { tags: [] }), by: `round ${round}`, alive: false })
        }
        const { decided } = (await plain.collection('TrainingSession').findOne({ _id: new ObjectId(S) }))!
        assert.equal(decided, 5, 'each decision counts once')
      } finally {
        await patient.close()
        await proxy.close()
      }
    })

    it('tells what is wrong in words', async () => {
      const none = openMongo({ uri: 'mongodb://127.0.0.1:1/', database: 'd' }, { patience: 500 })
      await assert.rejects(none.check(), { code: 'server-away', message: /Nothing answers at 127\.0\.0\.1:1/ })
      await none.close()
      const unknown = openMongo({ uri: 'mongodb://no-such-host.invalid/', database: 'd' }, { patience: 3000 })
      await assert.rejects(unknown.check(), { code: 'server-away', message: /no-such-host\.invalid, is not known/ })
      await unknown.close()
      assert.throws(
        () => openMongo({ uri: 'mongodb://ada:secret@h/', database: 'd' }),
        (error: Error) => error.message.includes('password') && !error.message.includes('secret'),
      )
      const bad = openMongo({ uri: 'https://h/', database: 'd' })
      await assert.rejects(bad.check(), { code: 'server-refused', message: /mongodb:\/\/HOST/ })
    })

    it('trusts the certificates that it is told to, and says what is wrong with others', async () => {
      const root = mkdtempSync(join(tmpdir(), 'epochtree-mongo-tls-'))
      const good = await makeCertificate(join(root, 'good'))
      const expired = await makeCertificate(join(root, 'expired'), { expired: true })
      const [a, b] = [await startMongo({ tls: good }), await startMongo({ tls: expired })]
      const ask = async (url: string, caFile?: string) => {
        const one = openMongo({ uri: url, database: 'd', ...(caFile === undefined ? {} : { caFile }) }, { patience: 1500 })
        try {
          await one.check()
        } finally {
          await one.close()
        }
      }
      try {
        await ask(a.url, good.caFile)
        await assert.rejects(ask(a.url), { code: 'server-refused', message: /nobody known has signed it/ })
        await assert.rejects(ask(a.url, expired.caFile), { code: 'server-refused', message: /nobody known has signed it/ })
        await assert.rejects(ask(b.url, expired.caFile), { code: 'server-refused', message: /it has expired/ })
        await assert.rejects(ask(uri, good.caFile), { code: 'server-away', message: /whether it speaks TLS: if not, write \?tls=false/ })
        // Its certificates are those of another of the three.
        await ask(`${uri}?tls=false`, good.caFile)
        await assert.rejects(ask(a.url.replace('?tls=true', '')), { code: 'server-away', message: /whether it wants TLS/ })
        await assert.rejects(ask(a.url, join(root, 'none')), { code: 'server-refused', message: /can't be read/ })
      } finally {
        await a.stop()
        await b.stop()
        rmSync(root, { recursive: true, force: true })
      }
    })

    it('lets in who has the password, and names what is wrong otherwise without telling it', async () => {
      const user = { name: 'ada', password: 'p@ss:word/1' }
      const own = await startMongo({ user })
      const ask = async (more: object) => {
        const one = openMongo({ uri: own.url, database: 'd', ...more })
        try {
          await one.prepare()
        } finally {
          await one.close()
        }
      }
      try {
        await ask({ username: 'ada', password: user.password })
        const wrong = (error: Error & { code?: string }) =>
          error.code === 'server-refused' &&
          /user with that password/.test(error.message) &&
          !JSON.stringify([error.message, String(error.cause)]).includes('wr0ng')
        await assert.rejects(ask({ username: 'ada', password: 'wr0ng' }), wrong)
        await assert.rejects(ask({ username: 'nobody', password: 'wr0ng' }), wrong)
        await assert.rejects(ask({}), { code: 'server-refused', message: /asks for a user and a password/ })
      } finally {
        await own.stop()
      }
    })

    it('is not in the way of whoever gives up', async () => {
      const silent = await silentServer()
      const patient = openMongo({ uri: silent.uri, database: 'd' }, { patience: 5000 })
      const stop = new AbortController()
      const asked = patient.epochs({ epochIds: [S] }, stop.signal)
      stop.abort()
      await assert.rejects(asked, { code: 'aborted' })
      await patient.close()
      await silent.close()
    })
  })

  it('is asked of a server that changes a document in one step', async () => {
    const counter = plain.collection<{ _id: string; n: number }>('c')
    await counter.insertOne({ _id: 'c', n: 0 })
    await Promise.all(Array.from({ length: 60 }, () => counter.updateOne({ _id: 'c' }, { $inc: { n: 1 } })))
    assert.equal((await counter.findOne({ _id: 'c' }))?.n, 60)
  })

  it('says which index is in the way', async () => {
    await plain.collection('TrainingSession').createIndex({ name: 1 }, { name: 'theirs' })
    await assert.rejects(team.prepare(), {
      code: 'server-refused',
      message: /An index of TrainingSession in MongoDB, "theirs", is in the way/,
    })
    await plain.collection('TrainingSession').dropIndex('theirs')
    await team.prepare()
    await team.prepare()
    await assert.rejects(
      plain
        .collection('Counter')
        .updateOne({ _id: 'changes' as never }, { $set: { format: 99 } })
        .then(() => open().prepare()),
      { code: 'store-newer' },
    )
  })
})

import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient, ObjectId } from 'mongodb'
import { EpochtreeError } from '../../server/errors'
import { statusOf } from '../../server/journal/liveness'
import { documentCount } from '../../server/storage/local/handOn'
import type { TeamConfig } from '../../server/storage/team/ports'
import { collectTeam, GRACE_SECONDS } from '../../server/storage/team/gc'
import { type HandedOn, type ServerAway, Spool } from '../../server/storage/team/spool'
import { CHILD, id, PARENT, writeRuns } from '../contract/fixture'
import { random } from '../fault/support'
import { elastic, elasticAt, freshTeam, gcs, mongo, mongoAt } from './servers'
import { startProxy } from './proxy'
import { dropTeam, type Machine, machine, never, spoolChild, until } from './support'
import { evaluate, train, type Trained } from './training'

const NOTHING: HandedOn = { sessions: 0, epochs: 0, documents: 0, bytes: 0, left: [] }

describe('the spool', () => {
  let config: TeamConfig
  const machines: Machine[] = []
  const on = (options: Parameters<typeof machine>[1] = {}, other = config) => {
    const one = machine(other, options)
    machines.push(one)
    return one
  }
  /** Lets a spool go on until the work is over; what it had trouble with, but for servers, fails the test. */
  async function while_(
    here: Machine,
    work: () => Promise<void>,
    events: { servers?: (away: readonly ServerAway[]) => void; anew?: () => void } = {},
  ) {
    const stop = new AbortController()
    const troubles: unknown[] = []
    const running = here.spool({ ...events, trouble: (error) => troubles.push(error) }).run(stop.signal)
    try {
      await work()
    } finally {
      stop.abort()
      await running
    }
    assert.deepEqual(troubles, [])
  }
  const waiting = async (here: Machine) => (await here.stores.sessions.sessions()).map(({ team }) => team?.waiting)

  /** All that was trained is in the team, once. */
  async function assertThere(sessions: readonly Trained[], team = on().team) {
    const client = new MongoClient(config.mongo.uri)
    try {
      for (const { id: sessionId, epochs } of sessions) {
        const there = await team.sessions.epochs({ segments: [{ sessionId, from: 1, to: Number.MAX_SAFE_INTEGER }] })
        assert.deepEqual(
          there.map((epoch) => [epoch.id, epoch.number, epoch.weights?.sha256, epoch.graphHash !== null]),
          epochs.map((epoch) => [epoch.id, epoch.number, epoch.sha256, true]),
        )
        const document = await client
          .db(config.mongo.database)
          .collection('TrainingSession')
          .findOne({ _id: new ObjectId(sessionId) })
        assert.deepEqual(
          (document!['epochs'] as unknown[]).slice(-epochs.length).map(String),
          epochs.map((epoch) => epoch.id),
        )
        assert.deepEqual(
          [...(await team.documents.count(epochs.map((epoch) => epoch.id)))].map(([, n]) => n),
          epochs.map(({ documents }) => documents),
        )
        for (const { weights, graphHash } of there) {
          assert.ok(await team.weights.has(weights!.sha256, weights!.bytes))
          assert.ok(await team.sessions.graph(graphHash!))
        }
      }
    } finally {
      await client.close()
    }
  }

  beforeEach(async () => (config = await freshTeam()))
  afterEach(async () => {
    for (const one of machines.splice(0)) await one.close()
    await dropTeam(config)
  })

  it('hands on each session with its epochs, documents, graphs and weights, once', async () => {
    const here = on()
    writeRuns(here.dir)
    await here.stores.ingest()
    assert.deepEqual(await waiting(here), [3, 1])
    const counts = await here.stores.use((db) => [11, 12, 13, 23].map((n) => documentCount(db, id(n))))
    const documents = counts.reduce((sum, n) => sum + n, 0)
    assert.deepEqual(await here.spool().once(never()), { sessions: 2, epochs: 4, documents, bytes: 4 * 'weights of 11'.length, left: [] })

    const there = await here.team.sessions.sessions()
    assert.deepEqual(
      there.map((one) => [one.id, one.name, one.own, one.latest?.number, one.team?.by]),
      [
        [PARENT, 'net', 3, 3, 'ada@lab'],
        [CHILD, 'net-2', 1, 3, 'ada@lab'],
      ],
    )
    const history = await here.stores.sessions.history(CHILD)
    assert.deepEqual(await here.team.sessions.history(CHILD), history)
    const sorted = (values: readonly object[]) => values.map((one) => JSON.stringify(one)).sort()
    assert.deepEqual(sorted(await here.team.documents.last(history)), sorted(await here.stores.documents.last(history)))
    assert.deepEqual(
      await here.team.documents.count([11, 12, 13, 23].map(id)),
      new Map([11, 12, 13, 23].map((n, i) => [id(n), counts[i]!])),
    )
    assert.deepEqual(await waiting(here), [0, 0])

    // The same again, and after the notes were lost with the store: nothing is written.
    assert.deepEqual(await here.spool().once(never()), NOTHING)
    await here.stores.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(here.stores.file + suffix, { force: true })
    const anew = await here.reopened()
    await anew.ingest()
    assert.deepEqual(await waiting(here), [3, 1])
    assert.deepEqual(await here.spool().once(never()), NOTHING)
    assert.deepEqual(await waiting(here), [0, 0])
  })

  it('goes on with a session that goes on, and tells how it ended', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const session = train(here.dir, { name: 'net', alive: true })
    session.epoch()
    await here.stores.ingest()
    await while_(here, async () => {
      const seen = () => there.team.sessions.session(session.id)
      const first = await until(seen, (one) => one?.own === 1)
      assert.ok(first!.team!.aliveUntil! > Date.now() / 1000)
      assert.deepEqual([first!.finished, first!.started, first!.attempt!.hyperparameters], [null, true, { lr: 0.1 }])
      session.epoch()
      session.epoch({ open: true })
      await here.stores.ingest()
      const second = await until(seen, (one) => one?.own === 2 && one.open !== null)
      assert.equal(second!.open!.number, 3)
      assert.deepEqual(await waiting(here), [0])
      unlinkSync(join(session.run, 'alive'))
      session.finish('failed')
      await here.stores.ingest()
      const last = await until(seen, (one) => one!.finished !== null)
      assert.deepEqual([last!.finished!.status, last!.finished!.error, last!.team!.aliveUntil], ['failed', 'it broke', null])
    })
    await assertThere([session], there.team)
  })

  it('calls no session interrupted whose end was not read yet', async () => {
    const here = on()
    const session = train(here.dir, { alive: true })
    session.epoch()
    await here.stores.ingest()
    session.finish()
    unlinkSync(join(session.run, 'alive'))
    await here.spool().once(never())
    const status = async () => statusOf((await here.team.sessions.session(session.id))!, () => '')
    assert.equal(await status(), 'running')
    await here.stores.ingest()
    await here.spool().once(never())
    assert.equal(await status(), 'completed')
  })

  it('tells of one that is killed soon after others saw it', async () => {
    const here = on()
    const [first, second] = [train(here.dir, { alive: true }), train(here.dir, { alive: true })]
    const aliveUntil = async ({ id: sessionId }: Trained) => (await here.team.sessions.session(sessionId))?.team!.aliveUntil
    await here.stores.ingest()
    const stop = new AbortController()
    const running = here.spool({}, { lifeMs: 3000 }).run(stop.signal)
    try {
      await until(() => aliveUntil(first), Boolean)
      const third = train(here.dir, { alive: true })
      await here.stores.ingest()
      await until(() => aliveUntil(third), Boolean)
      for (const { run } of [second, third]) unlinkSync(join(run, 'alive'))
      for (const one of [second, third])
        await until(
          () => aliveUntil(one),
          (time) => time === null,
        )
      assert.ok(await aliveUntil(first))
    } finally {
      stop.abort()
      await running
    }
  })

  it('tells lists what waits, and wakes whoever follows them', async () => {
    const here = on()
    const session = train(here.dir)
    session.epoch()
    session.epoch()
    await here.stores.ingest()
    const { at } = await here.stores.sessions.changes()
    assert.deepEqual(await waiting(here), [2])
    await here.spool().once(never())
    const changed = await here.stores.sessions.changes(at)
    assert.deepEqual([changed.all, changed.sessionIds], [false, [session.id]])
    // And nothing that changes nothing is told.
    await here.spool().once(never())
    assert.deepEqual((await here.stores.sessions.changes(changed.at)).sessionIds, [])
  })

  it('shows nobody what looks like a secret in a command', async () => {
    const here = on()
    const session = train(here.dir, {
      command: {
        argv: ['python', 'train.py', '--api-key', 'sesame1', 'token=sesame2'],
        cwd: '/work',
        env: ['HF_HOME'],
        signature: 'abc',
        host: 'h',
      },
    })
    session.epoch()
    await here.stores.ingest()
    await here.spool().once(never())
    const { command } = (await here.team.sessions.session(session.id))!
    assert.deepEqual(command, { argv: ['python', 'train.py', '--api-key', '***', 'token=***'], cwd: '/work', env: ['HF_HOME'], host: 'h' })
  })

  it('hands on what evaluations logged, of epochs from here and from elsewhere, also later', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const session = train(here.dir)
    session.epoch()
    const [epoch] = session.epochs
    const own = evaluate(here.dir, { ...epoch!, sessionId: session.id }, [1, 2, 3])
    await here.stores.ingest()
    assert.equal((await here.spool().once(never())).documents, epoch!.documents + 6)
    const score = async () => here.team.documents.points({ epochIds: [epoch!.id] }, { split: 'later', name: 'score' })
    assert.deepEqual([...(await score()).value], [1, 2, 3])
    evaluate(there.dir, { ...epoch!, sessionId: session.id }, [4, 5])
    await there.stores.ingest()
    assert.equal((await there.spool().once(never())).documents, 4)
    assert.deepEqual((await score()).value.toSorted(), Float64Array.of(1, 2, 3, 4, 5))
    assert.deepEqual(await there.spool().once(never()), NOTHING)
    assert.ok(existsSync(join(here.dir, 'runs', own)))
  })

  describe('of names and decisions', () => {
    it('takes over the name that the team gives', async () => {
      const [here, there] = [on(), on({ by: 'bob@home' })]
      const first = train(here.dir, { name: 'net' })
      first.epoch()
      const second = train(there.dir, { name: 'net' })
      second.epoch()
      for (const one of [here, there]) {
        await one.stores.ingest()
        assert.deepEqual((await one.spool().once(never())).left, [])
      }
      assert.deepEqual((await here.team.sessions.sessions()).map(({ name }) => name).sort(), ['net', 'net-2'])
      assert.equal((await there.stores.sessions.session(second.id))!.name, 'net-2')
      // It is its name wherever the store is built from.
      assert.equal((JSON.parse(readFileSync(join(second.run, 'marks.json'), 'utf8')) as { name: string }).name, 'net-2')
      // Where another session here bears that name, one is found that is free on both sides.
      const third = train(there.dir, { name: 'net' })
      third.epoch()
      const fourth = train(here.dir, { name: 'net-3' })
      fourth.epoch()
      for (const one of [here, there]) {
        await one.stores.ingest()
        assert.deepEqual((await one.spool().once(never())).left, [])
      }
      const named = new Map((await here.team.sessions.sessions()).map((one) => [one.id, one.name]))
      assert.equal(new Set(named.values()).size, 4)
      for (const session of await there.stores.sessions.sessions()) assert.equal(session.name, named.get(session.id))
      for (const session of await here.stores.sessions.sessions()) assert.equal(session.name, named.get(session.id))
    })

    it('brings what was decided here there, and back what others decided; of both, what was decided here counts', async () => {
      const [here, there] = [on(), on({ by: 'bob@home' })]
      const session = train(here.dir, { name: 'net', tags: ['a'] })
      session.epoch()
      session.epoch()
      await here.stores.ingest()
      const [one, two] = session.epochs.map((epoch) => epoch.id)
      const decided = async (store: Machine['stores']['sessions']) => {
        const { name, selected, tags, deletedAt } = (await store.session(session.id))!
        return [name, selected?.id ?? null, tags, deletedAt]
      }
      await while_(here, async () => {
        await until(
          () => there.team.sessions.session(session.id),
          (found) => found?.own === 2,
        )
        // There, then here, each by one field.
        await there.team.sessions.mark(session.id, { selected: one!, tags: ['b'] })
        await until(
          () => decided(here.stores.sessions),
          (now) => now[1] === one,
        )
        assert.deepEqual(await decided(here.stores.sessions), ['net', one, ['b'], null])
        const deleted = Math.floor(Date.now() / 1000) - 60
        await here.stores.sessions.mark(session.id, { name: 'better', deleted })
        await until(
          () => decided(there.team.sessions),
          (now) => now[3] === deleted,
        )
        assert.deepEqual(await decided(there.team.sessions), ['better', one, ['b'], deleted])
        await there.team.sessions.mark(session.id, { deleted: null })
        await until(
          () => decided(here.stores.sessions),
          (now) => now[3] === null,
        )
      })
      // Both, while nobody handed on.
      await here.stores.sessions.mark(session.id, { selected: two!, name: 'mine' })
      await there.team.sessions.mark(session.id, { selected: null, name: 'yours', tags: ['c'] })
      await here.spool().once(never())
      assert.deepEqual(await decided(there.team.sessions), ['mine', two, ['c'], null])
      await while_(here, async () => {
        await until(
          () => decided(here.stores.sessions),
          (now) => JSON.stringify(now[2]) === '["c"]',
        )
      })
      assert.deepEqual(await decided(here.stores.sessions), ['mine', two, ['c'], null])
      // What both agreed on survives the store.
      await there.team.sessions.mark(session.id, { selected: null })
      await here.stores.close()
      for (const suffix of ['', '-wal', '-shm']) rmSync(here.stores.file + suffix, { force: true })
      await (await here.reopened()).ingest()
      await here.spool().once(never())
      await while_(here, async () => {
        await until(
          () => decided(here.stores.sessions),
          (now) => now[1] === null,
        )
      })
      assert.deepEqual(await decided(there.team.sessions), ['mine', null, ['c'], null])
    })

    it('keeps the tags of both sides where neither had decided anything before', async () => {
      const [here, there] = [on(), on({ by: 'bob@home' })]
      const session = train(here.dir, { name: 'net', tags: ['a'] })
      session.epoch()
      await here.stores.ingest()
      await here.spool().once(never())
      await here.stores.sessions.mark(session.id, { tags: ['a', 'mine'] })
      await there.team.sessions.mark(session.id, { tags: ['theirs'] })
      await here.spool().once(never())
      for (const store of [here.stores.sessions, there.team.sessions])
        assert.deepEqual((await store.session(session.id))!.tags, ['mine', 'theirs'])
    })
  })

  it('tells of a session that others deleted and removed while nobody handed on, and does not bring it back', async () => {
    const here = on()
    const session = train(here.dir, { name: 'gone' })
    session.epoch()
    await here.stores.ingest()
    assert.deepEqual((await here.spool().once(never())).left, [])
    const { team } = on({ by: 'bob@home' })
    const long = Date.now() / 1000 - 3600
    await team.sessions.mark(session.id, { deleted: long })
    assert.deepEqual(await team.sessions.startRemoval(session.id, Date.now() / 1000), [session.epochs[0]!.id])
    await team.sessions.finishRemoval(session.id)
    const { left } = await here.spool().once(never())
    assert.deepEqual(
      left.map(({ name }) => name),
      ['gone'],
    )
    assert.match(left[0]!.why, /was deleted in the team and removed there for good/)
    assert.equal(await team.sessions.session(session.id), undefined)
    // Who puts it away here too hears no more of it.
    await here.stores.sessions.mark(session.id, { deleted: Date.now() / 1000 })
    assert.deepEqual((await here.spool().once(never())).left, [])
  })

  it('counts no epochs as waiting of a session that is deleted and that no fork needs', async () => {
    const here = on()
    const session = train(here.dir, { name: 'away' })
    session.epoch()
    await here.stores.ingest()
    const counts = async () => (await here.stores.sessions.sessions({ deleted: true })).map(({ team }) => team?.waiting)
    assert.deepEqual(await counts(), [1])
    await here.stores.sessions.mark(session.id, { deleted: Date.now() / 1000 })
    assert.deepEqual(await counts(), [0])
    const { id: epochId, number: epochNumber } = session.epochs[0]!
    train(here.dir, { forkedFrom: { sessionId: session.id, epochId, epochNumber } })
    await here.stores.ingest()
    assert.deepEqual(await counts(), [1, 0])
  })

  it('takes another database for another team, and hands everything on anew', async () => {
    const here = on()
    const session = train(here.dir)
    session.epoch()
    await here.stores.ingest()
    await here.spool().once(never())
    const client = new MongoClient(config.mongo.uri)
    await client.db(config.mongo.database).dropDatabase()
    await client.close()
    let anew = 0
    const again = await here.spool({ anew: () => anew++ }).once(never())
    // Its documents and weights are there still.
    assert.deepEqual(again, { ...NOTHING, sessions: 1, epochs: 1 })
    assert.equal(anew, 1)
    await assertThere([session], here.team)
  })

  it('notices a database that was set back to an earlier state, and hands on what it lost', async () => {
    const here = on()
    const session = train(here.dir)
    for (let n = 0; n < 3; n++) session.epoch()
    await here.stores.ingest()
    await here.spool().once(never())
    const client = new MongoClient(config.mongo.uri)
    try {
      const db = client.db(config.mongo.database)
      const [second, third] = session.epochs.slice(1).map((epoch) => new ObjectId(epoch.id))
      await db.collection('Epoch').deleteOne({ _id: third! })
      const { matchedCount } = await db
        .collection('TrainingSession')
        .updateOne(
          { _id: new ObjectId(session.id) },
          { $pull: { epochs: third! as never }, $set: { own: 2, latest: { id: second!, number: 2 } } },
        )
      assert.equal(matchedCount, 1)
    } finally {
      await client.close()
    }
    assert.deepEqual(await here.spool().once(never()), { ...NOTHING, sessions: 1, epochs: 1 })
    await assertThere([session], here.team)
  })

  it('brings a graph once more that nobody needed for long, and that was therefore taken away there', async () => {
    const here = on()
    const spool = here.spool()
    const first = train(here.dir)
    first.epoch()
    await here.stores.ingest()
    assert.deepEqual((await spool.once(never())).left, [])
    const client = new MongoClient(config.mongo.uri)
    const now = Date.now
    try {
      await client.db(config.mongo.database).collection('ModelGraph').deleteMany({})
      // A process that hands on lives for days.
      Date.now = () => now() + 2 * 24 * 3600 * 1000
      const second = train(here.dir)
      second.epoch()
      await here.stores.ingest()
      assert.deepEqual((await spool.once(never())).left, [])
      await assertThere([second], here.team)
    } finally {
      Date.now = now
      await client.close()
    }
  })

  it('hands on in one go what was selected of epochs that others did not see before', async () => {
    const here = on()
    const session = train(here.dir)
    session.epoch()
    await here.stores.ingest()
    await here.spool().once(never())
    session.epoch()
    await here.stores.ingest()
    await here.stores.sessions.mark(session.id, { selected: session.epochs[1]!.id })
    assert.deepEqual((await here.spool().once(never())).left, [])
    assert.equal((await here.team.sessions.session(session.id))!.selected?.number, 2)
  })

  it('gives others the whole grace time for a deletion that they hear of late', async () => {
    const here = on()
    const session = train(here.dir, { name: 'net' })
    session.epoch()
    session.finish()
    await here.stores.ingest()
    await here.spool().once(never())
    // Decided while nothing could be handed on.
    await here.stores.sessions.mark(session.id, { deleted: Date.now() / 1000 - GRACE_SECONDS - 3600 })
    assert.deepEqual((await here.spool().once(never())).left, [])
    const there = async () => (await here.team.sessions.session(session.id))!.deletedAt
    assert.ok(Date.now() / 1000 - (await there())! < 600)
    assert.deepEqual((await collectTeam(here.team, { dryRun: true })).items, [])
    assert.equal((await here.stores.sessions.session(session.id))!.deletedAt, await there(), 'both say the same')
    await here.stores.sessions.mark(session.id, { deleted: null })
    await here.spool().once(never())
    assert.equal(await there(), null)
  })

  it('asks again where a single answer was lost', async () => {
    const here = on()
    const session = train(here.dir)
    session.epoch()
    await here.stores.ingest()
    let lost = 0
    const sessions = new Proxy(here.team.sessions, {
      get: (target, name) =>
        name === 'sessions' && lost === 0
          ? async () => {
              lost++
              throw new EpochtreeError('server-away', 'The connection was cut.')
            }
          : (Reflect.get(target, name) as unknown),
    })
    const spool = new Spool(here.stores, { ...here.team, sessions }, {}, { retryMs: 300 })
    assert.deepEqual((await spool.once(never())).left, [])
    assert.equal(lost, 1)
    await assertThere([session], here.team)
  })

  it('of a damaged session tells what is wrong, and hands on the others', async () => {
    const here = on()
    const broken = train(here.dir, { name: 'broken' })
    const fork = () =>
      train(here.dir, { name: 'fork', forkedFrom: { sessionId: broken.id, epochId: broken.epochs[1]!.id, epochNumber: 2 } })
    broken.epoch()
    broken.epoch()
    await here.stores.ingest()
    const [child, whole] = [fork(), train(here.dir, { name: 'whole' })]
    child.epoch()
    whole.epoch()
    await here.stores.ingest()
    const { sha256 } = broken.epochs[1]!
    const lost = join(here.dir, 'weights', sha256.slice(0, 2), sha256)
    const bytes = readFileSync(lost)
    unlinkSync(lost)
    const { left, ...handed } = await here.spool().once(never())
    assert.deepEqual([handed.sessions, handed.epochs], [2, 2])
    assert.deepEqual(
      left.map(({ name, epochs }) => [name, epochs]),
      [['broken', 2]],
    )
    assert.match(left[0]!.why, new RegExp(`^The weights file ${sha256} of its epoch 2`))
    const problems = await here.stores.sessions.problems()
    assert.deepEqual(
      problems.map(({ sessionId, file }) => [sessionId, file]),
      [[broken.id, 'team/epochs']],
    )
    await assertThere([whole], here.team)
    // Once it is mended it goes, and the fork is told of its parent.
    writeFileSync(lost, bytes)
    assert.deepEqual((await here.spool().once(never())).left, [])
    assert.deepEqual(await here.stores.sessions.problems(), [])
    await assertThere([broken, child, whole], here.team)
    assert.deepEqual(await here.team.sessions.history(child.id), await here.stores.sessions.history(child.id))
  })

  it('lets one process at a time hand on for a folder', async () => {
    const here = on()
    const session = train(here.dir)
    session.epoch()
    await here.stores.ingest()
    const [first, second] = [new AbortController(), new AbortController()]
    const handed: string[] = []
    const one = here.spool({ handed: () => handed.push('first') }, { leaseSeconds: 2 }).run(first.signal)
    await until(
      () => handed,
      (all) => all.length === 1,
    )
    const other = here.spool({ handed: () => handed.push('second') }, { leaseSeconds: 2 }).run(second.signal)
    session.epoch()
    await here.stores.ingest()
    await until(
      () => handed,
      (all) => all.length === 2,
    )
    first.abort()
    await one
    session.epoch()
    await here.stores.ingest()
    await until(
      () => handed,
      (all) => all.length === 3,
    )
    assert.deepEqual(handed, ['first', 'first', 'second'])
    second.abort()
    await other
  })

  it('loses nothing and brings nothing twice when it is killed at any moment', async function () {
    this.timeout(600_000)
    const here = on()
    const sessions = Array.from({ length: 6 }, (_, i) => train(here.dir, { name: `net${i}` }))
    for (const one of sessions) for (let n = 0; n < 12; n++) one.epoch({ rows: 200 })
    await here.stores.ingest()
    await here.stores.close()
    const seed = Date.now() % 2 ** 31
    const next = random(seed)
    try {
      let killed = 0
      for (let round = 0; ; round++) {
        const child = spoolChild(config, here.root)
        // The first tries must not come to their end.
        const longest = 400 + 300 * round
        const timer = setTimeout(() => (child.process.kill('SIGKILL'), killed++), 250 + next() * longest)
        const { status, err } = await child.ended
        clearTimeout(timer)
        if (status === 0) {
          assert.deepEqual((JSON.parse(child.out()) as HandedOn).left, [])
          break
        }
        assert.equal(status, null, err)
      }
      assert.ok(killed > 3, `killed only ${killed} times`)
      await here.reopened()
      await assertThere(sessions, here.team)
      assert.deepEqual(
        await waiting(here),
        sessions.map(() => 0),
      )
      assert.deepEqual(await here.spool().once(never()), NOTHING)
    } catch (error) {
      throw new Error(`with the seed ${seed}`, { cause: error })
    }
  })

  it('goes on by itself when servers come back, and tells which were away and since when', async function () {
    this.timeout(600_000)
    const ways = {
      mongo: await startProxy((await mongo()).url),
      elastic: await startProxy((await elastic()).url),
      gcs: await startProxy((await gcs()).url),
    }
    const through: TeamConfig = {
      by: config.by,
      mongo: { ...config.mongo, uri: mongoAt(ways.mongo.url, config.mongo.database).uri },
      elastic: { ...config.elastic, node: elasticAt(ways.elastic.url, config.elastic.prefix).node },
      gcs: { ...config.gcs, endpoint: ways.gcs.url },
    }
    const here = on({}, through)
    const direct = on()
    const session = train(here.dir, { name: 'net' })
    try {
      session.epoch()
      await here.stores.ingest()
      let away: readonly ServerAway[] = []
      await while_(
        here,
        async () => {
          await until(
            () => direct.team.sessions.session(session.id),
            (one) => one?.own === 1,
          )
          for (const [key, name] of [
            ['elastic', 'Elasticsearch'],
            ['gcs', 'Google Cloud Storage'],
            ['mongo', 'MongoDB'],
          ] as const) {
            const before = Date.now() / 1000
            await ways[key].down()
            session.epoch()
            await here.stores.ingest()
            await until(
              () => away,
              (all) => all.length === 1 && all[0]!.name === name,
              120,
            )
            assert.ok(away[0]!.since >= before - 1 && away[0]!.since <= Date.now() / 1000)
            assert.deepEqual(await waiting(here), [1])
            if (key !== 'mongo') {
              // What people decide goes on.
              await here.stores.sessions.mark(session.id, { tags: [key] })
              await until(
                () => direct.team.sessions.session(session.id),
                (one) => one?.tags[0] === key,
              )
            }
            await ways[key].up()
            await until(
              () => waiting(here),
              ([n]) => n === 0,
              120,
            )
            assert.deepEqual(away, [])
          }
        },
        { servers: (now) => (away = now) },
      )
      await assertThere([session], direct.team)
      // At once, and with one of them away for good: it tells why, and hands on what it can.
      await ways.elastic.down()
      session.epoch()
      await here.stores.ingest()
      const { left } = await here.spool({}, { patienceMs: 1000 }).once(never())
      assert.deepEqual(
        left.map(({ sessionId, epochs }) => [sessionId, epochs]),
        [[session.id, 1]],
      )
      assert.match(left[0]!.why, /Elasticsearch/)
    } finally {
      for (const way of Object.values(ways)) await way.close()
    }
  })

  it('is called off, and goes on from there', async () => {
    const here = on()
    const session = train(here.dir)
    for (let n = 0; n < 80; n++) session.epoch({ rows: 50 })
    await here.stores.ingest()
    const stop = new AbortController()
    const spool = here.spool({ handed: () => stop.abort() })
    await assert.rejects(spool.once(stop.signal), { code: 'aborted' })
    const [left] = await waiting(here)
    assert.ok(left! > 0 && left! < 80, `${left} of 80`)
    assert.equal((await here.spool().once(never())).epochs, left)
    await assertThere([session], here.team)
  })
})

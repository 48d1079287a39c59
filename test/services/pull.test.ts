import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient, ObjectId } from 'mongodb'
import { ask } from '../../scripts/services/ask'
import { resume } from '../../server/actions/newSession'
import * as requests from '../../server/requests'
import type { Team, TeamConfig } from '../../server/storage/team/ports'
import { pull } from '../../server/storage/team/pull'
import { environment, random } from '../fault/support'
import { freshTeam } from './servers'
import { dropTeam, type Machine, machine, never, pullChild, until } from './support'
import { evaluate, train, type Trained } from './training'

const metric = (split: string, name: string) => ({ split, name })
const NOTHING = { sessions: 0, epochs: 0, documents: 0, bytes: 0 }

describe('what is pulled', () => {
  let config: TeamConfig
  const machines: Machine[] = []
  const teams: TeamConfig[] = []
  const on = (options: Parameters<typeof machine>[1] = {}, other = config) => {
    const one = machine(other, options)
    machines.push(one)
    return one
  }
  const newTeam = async () => {
    const made = await freshTeam()
    teams.push(made)
    return made
  }
  beforeEach(async () => (config = await newTeam()))
  afterEach(async () => {
    for (const one of machines.splice(0)) await one.close()
    for (const one of teams.splice(0)) await dropTeam(one)
  })

  /** A parent of some epochs, and a fork of its second, both over. */
  async function trained(here: Machine): Promise<{ readonly parent: Trained; readonly child: Trained }> {
    const parent = train(here.dir, { name: 'net', tags: ['a', 'b'] })
    for (let n = 0; n < 4; n++) parent.epoch({ rows: 30 })
    parent.finish()
    await here.stores.ingest()
    const [, second] = parent.epochs
    const child = train(here.dir, { model: 'net', forkedFrom: { sessionId: parent.id, epochId: second!.id, epochNumber: second!.number } })
    for (let n = 0; n < 3; n++) child.epoch({ rows: 30 })
    child.finish()
    await here.stores.ingest()
    assert.deepEqual(await here.stores.sessions.problems(), [])
    return { parent, child }
  }

  /** All that the command line tells of two models. */
  async function answers({ stores, dir }: Machine, names: readonly [string, string] = ['net', 'net-2']) {
    const context = { stores, dir }
    const [a, b] = names
    const show = async (reference: string) => ({ ...(await requests.show(context, reference)), weightsPath: null })
    return {
      logs: await Promise.all(names.map((name) => requests.log(context, name))),
      compare: await requests.compare(context, [a, b, `${a}@1`], { metrics: undefined, points: 7 }),
      queries: await Promise.all(
        names.map((name) => requests.query(context, name, { metrics: undefined, split: undefined, groupBy: undefined, points: 5 })),
      ),
      groups: await requests.query(context, `${b}@4`, { metrics: undefined, split: undefined, groupBy: 'label', points: undefined }),
      shows: await Promise.all([`${a}@2`, `${b}@5`, `${a}@4`].map(show)),
      clock: await stores.sessions.clock(await stores.sessions.history((await stores.sessions.sessionByName(b))!.id)),
      spans: await stores.documents.spans(await stores.sessions.history((await stores.sessions.sessionByName(b))!.id)),
      points: await stores.documents.points(
        await stores.sessions.history((await stores.sessions.sessionByName(b))!.id),
        metric('train', 'odd'),
      ),
      fields: await stores.documents.sampleFields(await stores.sessions.history((await stores.sessions.sessionByName(b))!.id)),
    }
  }

  async function rebuilt(here: Machine) {
    await here.stores.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(here.stores.file + suffix, { force: true })
    await (await here.reopened()).ingest()
  }

  it('gives the same answers as where it was trained, also after the store is built again, and is not handed on again', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const { parent, child } = await trained(here)
    await here.spool().once(never())
    const documents = [...parent.epochs, ...child.epochs].reduce((sum, epoch) => sum + epoch.documents, 0)
    const weights = 'weights of '.length + 24
    assert.deepEqual(await pull(there.stores, there.team, child.id), { sessions: 2, epochs: 7, documents, bytes: 7 * weights })
    const expected = await answers(here)
    assert.deepEqual(await answers(there), expected)
    assert.deepEqual(await there.stores.sessions.problems(), [])
    assert.ok(!existsSync(join(there.dir, 'pulling')))
    // Whose it is, and that nothing of it waits.
    assert.deepEqual(
      (await there.stores.sessions.sessions()).map(({ team }) => team),
      [0, 1].map(() => ({ elsewhere: false, by: 'ada@lab', waiting: 0, aliveUntil: null })),
    )
    await rebuilt(there)
    assert.deepEqual(await answers(there), expected)
    assert.deepEqual(await there.spool().once(never()), { ...NOTHING, left: [] })
    assert.deepEqual(await pull(there.stores, there.team, child.id), NOTHING)
    // Where it was trained there is nothing to bring.
    assert.deepEqual(await pull(here.stores, here.team, child.id), NOTHING)
    // What is here can be forked, and the fork is handed on.
    const { fork } = await import('../../server/actions/newSession')
    const made = await fork({ stores: there.stores, dir: there.dir }, 'net-2@5', {}, { cwd: there.root, env: environment(there.dir) })
    assert.deepEqual((await there.spool().once(never())).left, [])
    assert.equal((await here.team.sessions.session(made.session.id!))!.forkPoint!.number, 5)
  })

  it('that went on brings only what is new', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const session = train(here.dir, { name: 'net', alive: true })
    session.epoch()
    session.epoch()
    const hand = async () => {
      await here.stores.ingest()
      assert.deepEqual((await here.spool().once(never())).left, [])
    }
    await hand()
    assert.equal((await pull(there.stores, there.team, session.id)).epochs, 2)
    // It is not running here, wherever it is.
    assert.equal((await requests.log({ stores: there.stores, dir: there.dir }, 'net')).session.status, 'interrupted')
    const journal = join(there.dir, 'runs', session.id, 'journal.jsonl')
    const before = readFileSync(journal, 'utf8')
    session.epoch()
    session.finish('failed')
    await hand()
    const again = await pull(there.stores, there.team, session.id)
    assert.deepEqual([again.sessions, again.epochs, again.documents], [1, 1, session.epochs[2]!.documents])
    assert.ok(readFileSync(journal, 'utf8').startsWith(before))
    rmSync(join(session.run, 'alive'))
    const told = async (one: Machine) => ({ ...(await requests.log({ stores: one.stores, dir: one.dir }, 'net')) })
    assert.deepEqual(await told(there), await told(here))
    await rebuilt(there)
    assert.deepEqual(await told(there), await told(here))
    // It was resumed where it was trained.
    writeFileSync(
      join(session.run, 'journal.jsonl'),
      `{"type":"started","format":1,"time":5000,"attempt":"${'c'.repeat(24)}","hyperparameters":{"lr":0.5}}\n`,
      { flag: 'a' },
    )
    session.epoch()
    session.finish()
    await hand()
    assert.equal((await pull(there.stores, there.team, session.id)).epochs, 1)
    assert.deepEqual(await told(there), await told(here))
    assert.deepEqual((await there.stores.sessions.session(session.id))!.attempt, (await here.stores.sessions.session(session.id))!.attempt)
    const clock = (one: Machine) => one.stores.sessions.history(session.id).then((history) => one.stores.sessions.clock(history))
    assert.deepEqual(await clock(there), await clock(here))
  })

  it('goes on where it was trained while it is pulled', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const session = train(here.dir, { name: 'net', alive: true })
    session.epoch()
    const hand = async () => {
      session.epoch()
      await here.stores.ingest()
      assert.deepEqual((await here.spool().once(never())).left, [])
    }
    await hand()
    // With each look at the team there is one more epoch.
    const busy: Team = {
      ...there.team,
      sessions: new Proxy(there.team.sessions, {
        get: (target, name) =>
          name === 'clock'
            ? async (...args: Parameters<typeof target.clock>) => {
                await hand()
                return target.clock(...args)
              }
            : (Reflect.get(target, name) as unknown),
      }),
    }
    const { epochs } = await pull(there.stores, busy, session.id)
    assert.equal(epochs, 2)
    await pull(there.stores, there.team, session.id)
    assert.equal((await there.stores.sessions.session(session.id))!.own, 3)
    const history = await there.stores.sessions.history(session.id)
    assert.deepEqual(await there.stores.sessions.clock(history), await here.stores.sessions.clock(history))
    assert.deepEqual(await there.stores.sessions.problems(), [])
  })

  it('can leave the weights, and bring them later', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const { parent } = await trained(here)
    await here.spool().once(never())
    assert.equal((await pull(there.stores, there.team, parent.id, { weights: false })).bytes, 0)
    const epochs = async () => (await requests.log({ stores: there.stores, dir: there.dir }, 'net')).epochs
    assert.deepEqual(
      (await epochs()).map(({ state, weights }) => [state, weights!.released]),
      [1, 2, 3, 4].map(() => ['ok', true]),
    )
    const again = await pull(there.stores, there.team, parent.id)
    assert.deepEqual([again.epochs, again.bytes > 0], [0, true])
    assert.deepEqual(
      (await epochs()).map(({ weights }) => weights!.released),
      [false, false, false, false],
    )
    await rebuilt(there)
    assert.deepEqual(
      (await epochs()).map(({ state, weights }) => [state, weights!.released]),
      [1, 2, 3, 4].map(() => ['ok', false]),
    )
  })

  it('has what evaluations logged, also those that came later or went on', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const session = train(here.dir, { name: 'net' })
    session.epoch()
    const epoch = { ...session.epochs[0]!, sessionId: session.id }
    evaluate(here.dir, epoch, [1, 2])
    const hand = async () => {
      await here.stores.ingest()
      assert.deepEqual((await here.spool().once(never())).left, [])
    }
    const scores = async (one: Machine) => [
      ...(await one.stores.documents.points({ epochIds: [epoch.id] }, metric('later', 'score'))).value,
    ]
    await hand()
    await pull(there.stores, there.team, session.id)
    assert.deepEqual(await scores(there), [1, 2])
    const second = evaluate(here.dir, epoch, [3])
    await hand()
    assert.equal((await pull(there.stores, there.team, session.id)).documents, 2)
    assert.deepEqual(await scores(there), [1, 2, 3])
    writeFileSync(
      join(here.dir, 'runs', second, 'journal.jsonl'),
      `${JSON.stringify({ type: 'metrics', epoch: epoch.id, split: 'later', step: null, time: [7], values: { score: [4] } })}\n`,
      { flag: 'a' },
    )
    await hand()
    await pull(there.stores, there.team, session.id)
    assert.deepEqual(await scores(there), [1, 2, 3, 4])
    await rebuilt(there)
    assert.deepEqual(await scores(there), [1, 2, 3, 4])
    assert.deepEqual(await there.stores.sessions.problems(), [])
    assert.deepEqual(await there.spool().once(never()), { ...NOTHING, left: [] })
  })

  it('handed on to another team has the same identities there', async () => {
    const second = await newTeam()
    const here = on()
    const { child } = await trained(here)
    evaluate(here.dir, { ...child.epochs[0]!, sessionId: child.id }, [1, 2])
    await here.stores.ingest()
    await here.spool().once(never())
    const there = on({ by: 'bob@home' })
    await pull(there.stores, there.team, child.id)
    const elsewhere = on({ root: there.root }, second)
    await elsewhere.spool().once(never())
    const identities = async ({ elastic }: TeamConfig) => {
      const { status, text } = await ask(`${elastic.node}/${elastic.prefix}/_search`, {
        method: 'POST',
        body: JSON.stringify({ size: 10_000, query: { match_all: {} }, sort: ['_doc'] }),
      })
      assert.equal(status, 200, text)
      const { hits } = JSON.parse(text) as { hits: { hits: { _id: string; _source: { role?: string } }[] } }
      // Marks of outermost points say how they came, not what they are.
      return hits.hits.map(({ _id, _source }) => JSON.stringify([_id, { ..._source, role: undefined }])).sort()
    }
    const first = await identities(config)
    assert.ok(first.length > 400)
    // Evaluations are pulled, and nobody's to hand on but their own.
    const own = first.filter((one) => one.includes('"source":""'))
    assert.deepEqual(await identities(second), own)
  })

  it('bears another name here where its own is taken, and keeps its own there', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const { parent } = await trained(here)
    await here.spool().once(never())
    const mine = train(there.dir, { name: 'net' })
    mine.epoch()
    await there.stores.ingest()
    await pull(there.stores, there.team, parent.id)
    const name = async (one: Pick<Machine['stores'], 'sessions'>, id: string) => (await one.sessions.session(id))!.name
    assert.equal(await name(there.stores, parent.id), 'net-2')
    await there.spool().once(never())
    assert.equal(await name(here.team, parent.id), 'net')
    assert.equal(await name(there.stores, parent.id), 'net-2')
    assert.notEqual(await name(here.team, mine.id), 'net')
    await rebuilt(there)
    await there.spool().once(never())
    assert.equal(await name(here.team, parent.id), 'net')
  })

  it('is decided about by both: what is decided here goes there, and what others decide comes here', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const { parent } = await trained(here)
    await here.spool().once(never())
    await pull(there.stores, there.team, parent.id)
    const stop = new AbortController()
    const running = there.spool().run(stop.signal)
    try {
      await there.stores.sessions.mark(parent.id, { selected: parent.epochs[0]!.id, name: 'ours' })
      await until(
        () => here.team.sessions.session(parent.id),
        (one) => one?.selected?.id === parent.epochs[0]!.id && one.name === 'ours',
      )
      await here.team.sessions.mark(parent.id, { tags: ['x'], selected: null })
      await until(
        () => there.stores.sessions.session(parent.id),
        (one) => one?.tags[0] === 'x' && one.selected === null,
      )
      // A copy that is put away here stays with the others.
      await there.stores.sessions.mark(parent.id, { deleted: 5, tags: ['y'] })
      await until(
        () => here.team.sessions.session(parent.id),
        (one) => one?.tags[0] === 'y',
      )
      assert.equal((await here.team.sessions.session(parent.id))!.deletedAt, null)
    } finally {
      stop.abort()
      await running
    }
    // Without a spool the next pull brings decisions.
    await here.team.sessions.mark(parent.id, { tags: ['z'] })
    await pull(there.stores, there.team, parent.id)
    assert.deepEqual((await there.stores.sessions.session(parent.id))!.tags, ['z'])
  })

  it('can not be gone on with here, only forked', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const { parent } = await trained(here)
    await here.spool().once(never())
    await pull(there.stores, there.team, parent.id)
    await assert.rejects(resume({ stores: there.stores, dir: there.dir }, 'net', { cwd: there.root, env: {} }), /epochtree fork net/)
  })

  it('comes whole, and once, however often it is killed on the way', async function () {
    this.timeout(600_000)
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const session = train(here.dir, { name: 'net' })
    for (let n = 0; n < 40; n++) session.epoch({ rows: 300 })
    await here.stores.ingest()
    await here.spool().once(never())
    const told = (one: Machine) => requests.log({ stores: one.stores, dir: one.dir }, 'net')
    const seed = Date.now() % 2 ** 31
    const next = random(seed)
    const untilWhole = async (least: number) => {
      await there.stores.close()
      let killed = 0
      for (let round = 0; ; round++) {
        const child = pullChild(config, there.root, session.id)
        const timer = setTimeout(() => (child.process.kill('SIGKILL'), killed++), 300 + next() * (400 + 300 * round))
        const { status, err } = await child.ended
        clearTimeout(timer)
        if (status === 0) break
        assert.equal(status, null, err)
        // What is here after each of them is true.
        const stores = await there.reopened()
        await stores.ingest()
        assert.deepEqual(await stores.sessions.problems(), [])
        await stores.close()
      }
      assert.ok(killed >= least, `killed only ${killed} times`)
      await (await there.reopened()).ingest()
      assert.deepEqual(await told(there), await told(here))
      assert.deepEqual(
        await there.stores.documents.points(await there.stores.sessions.history(session.id), metric('train', 'loss')),
        await here.stores.documents.points(await here.stores.sessions.history(session.id), metric('train', 'loss')),
      )
    }
    try {
      await untilWhole(2)
      for (let n = 0; n < 30; n++) session.epoch({ rows: 300 })
      session.finish()
      await here.stores.ingest()
      await here.spool().once(never())
      await untilWhole(1)
      await rebuilt(there)
      assert.deepEqual(await told(there), await told(here))
    } catch (error) {
      throw new Error(`with the seed ${seed}`, { cause: error })
    }
  })

  describe('from servers that others wrote to', () => {
    /** What lies in a folder, with names alone. */
    const listing = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String).sort()

    it('takes no path and no file from what documents say', async () => {
      const [here, there] = [on(), on({ by: 'bob@home' })]
      const { parent } = await trained(here)
      await here.spool().once(never())
      const client = new MongoClient(config.mongo.uri)
      const epochs = client.db(config.mongo.database).collection('Epoch')
      try {
        await epochs.updateMany(
          { sessionId: new ObjectId(parent.id) },
          { $set: { 'weights.file': '../../../evil', 'weights.format': '../../evil' } },
        )
        await pull(there.stores, there.team, parent.id)
        assert.deepEqual(
          (await requests.log({ stores: there.stores, dir: there.dir }, 'net')).epochs.map(({ state }) => state),
          ['ok', 'ok', 'ok', 'ok'],
        )
        assert.deepEqual(readdirSync(there.root).sort(), ['.epochtree', 'cache'])
        assert.deepEqual(
          listing(join(there.dir, 'runs', parent.id)).filter((path) => !/^graphs(\/[0-9a-f]{64}\.json)?$/.test(path)),
          ['journal.jsonl', 'marks.json', 'session.json'],
        )
      } finally {
        await client.close()
      }
    })

    /** A team whose answers are changed on the way. */
    const changed = (team: Team, change: Partial<Team['sessions']>, documents: Partial<Team['documents']> = {}): Team => ({
      ...team,
      sessions: new Proxy(team.sessions, {
        get: (target, name) => change[name as keyof typeof change] ?? target[name as keyof typeof target],
      }),
      documents: new Proxy(team.documents, {
        get: (target, name) => documents[name as keyof typeof documents] ?? target[name as keyof typeof target],
      }),
    })

    it('refuses ids and hashes that are none, and leaves nothing outside', async () => {
      const here = on()
      const { parent } = await trained(here)
      await here.spool().once(never())
      const { sessions, documents } = here.team
      const evil = '../../../../evil'
      const cases: Record<string, [Partial<Team['sessions']>, Partial<Team['documents']>?]> = {
        history: [{ history: async () => ({ segments: [{ sessionId: evil, from: 1, to: 9 }], parentMissing: false }) }],
        epochs: [{ epochs: async (scope, signal) => (await sessions.epochs(scope, signal)).map((one) => ({ ...one, id: evil })) }],
        order: [{ epochs: async (scope, signal) => (await sessions.epochs(scope, signal)).toReversed() }],
        weights: [
          {
            epochs: async (scope, signal) =>
              (await sessions.epochs(scope, signal)).map((one) => ({ ...one, weights: { ...one.weights!, sha256: evil } })),
          },
        ],
        graphs: [{ epochs: async (scope, signal) => (await sessions.epochs(scope, signal)).map((one) => ({ ...one, graphHash: evil })) }],
        graph: [{ graph: async () => ({ id: 'x', nodes: {} }) }],
        session: [
          {
            session: async (id) => ({
              ...(await sessions.session(id))!,
              overrides: { deep: JSON.parse('['.repeat(200) + ']'.repeat(200)) as never },
            }),
          },
        ],
        source: [
          {},
          {
            async *read(ids, signal) {
              for await (const one of documents.read(ids, signal)) yield { ...one, source: evil }
            },
          },
        ],
        'rows that are missing': [
          {},
          {
            async *read(ids, signal) {
              for await (const one of documents.read(ids, signal)) if (one.kind === 'samples') yield one
            },
          },
        ],
        'a line far away': [
          {},
          {
            async *read(ids, signal) {
              for await (const one of documents.read(ids, signal))
                yield one.kind === 'samples' ? { ...one, ordinal: one.ordinal + 1e12 } : one
            },
          },
        ],
      }
      const root = mkdtempSync(join(tmpdir(), 'epochtree-hostile-'))
      try {
        for (const [name, [change, answers_]] of Object.entries(cases)) {
          const there = on({ root: join(root, name, 'deep', 'er') })
          await assert.rejects(pull(there.stores, changed(there.team, change, answers_), parent.id), { code: 'server-damaged' }, name)
          assert.deepEqual(readdirSync(join(root, name, 'deep')), ['er'], name)
          assert.deepEqual(await there.stores.sessions.sessions(), [], name)
          // And once the servers are sound again, it comes.
          await pull(there.stores, there.team, parent.id)
          assert.equal((await requests.log({ stores: there.stores, dir: there.dir }, 'net')).epochs.length, 4, name)
        }
        assert.deepEqual(readdirSync(root).sort(), Object.keys(cases).sort())
      } finally {
        rmSync(root, { recursive: true, force: true })
      }
    })
  })

  it('is called off, and goes on from there', async () => {
    const [here, there] = [on(), on({ by: 'bob@home' })]
    const session = train(here.dir, { name: 'net' })
    for (let n = 0; n < 150; n++) session.epoch()
    await here.stores.ingest()
    await here.spool().once(never())
    const stop = new AbortController()
    const progress = ({ what }: { what: string }) => what.endsWith('@70') && stop.abort()
    await assert.rejects(pull(there.stores, there.team, session.id, { signal: stop.signal, progress }), { code: 'aborted' })
    assert.deepEqual(await there.stores.sessions.sessions(), [])
    const rest = await pull(there.stores, there.team, session.id)
    assert.equal(rest.epochs, 80)
    const told = (one: Machine) => requests.log({ stores: one.stores, dir: one.dir }, 'net')
    assert.deepEqual(await told(there), await told(here))
  })
})

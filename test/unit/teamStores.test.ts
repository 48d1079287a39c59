import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EpochtreeError } from '../../server/errors'
import { statusOf } from '../../server/journal/liveness'
import { listSessions } from '../../server/requests'
import { LocalStores } from '../../server/storage/local/stores'
import type { Changes, SessionOverview, StoreVersion } from '../../server/storage/ports'
import { Known } from '../../server/storage/team/known'
import type { ServerName, Team, TeamConfig } from '../../server/storage/team/ports'
import { TeamStores, type TeamStoresOptions } from '../../server/storage/team/stores'
import { Watched } from '../../server/storage/team/watched'
import { CHILD, hashOf, id, PARENT, writeRuns } from '../contract/fixture'
import { CONFIG, teamLike } from '../contract/teamLike'

const loss = { split: 'train', name: 'loss' }
const away = () => new EpochtreeError('server-away', 'Nobody answers.')

describe('a folder with a team', () => {
  let root: string
  let here: string
  let there: LocalStores
  /** What becomes of whoever asks the team. */
  let fate: 'answered' | 'refused' | 'never'
  const opened: TeamStores[] = []
  /** The team, whose servers go away and come back as the test says. */
  function team(): Team {
    const whole = teamLike(there)
    const within = <Port extends object>(port: Port): Port =>
      new Proxy(port, {
        get: (of, method) => {
          const one = of[method as keyof Port]
          if (fate === 'answered' || typeof one !== 'function' || method === 'close') return one
          return () => (fate === 'never' ? new Promise(() => {}) : Promise.reject(away()))
        },
      })
    return { ...whole, sessions: within(whole.sessions), documents: within(whole.documents), weights: within(whole.weights) }
  }
  function open(options: TeamStoresOptions = {}) {
    const stores = new TeamStores(new LocalStores(here, process.env, { team: true }), team(), options)
    opened.push(stores)
    return stores
  }
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-team-'))
    here = join(root, 'here')
    mkdirSync(here)
    writeRuns(here, [CHILD])
    writeRuns(join(root, 'there'), [PARENT])
    there = new LocalStores(join(root, 'there'))
    await there.ingest()
    fate = 'answered'
  })
  afterEach(async () => {
    for (const stores of opened.splice(0)) await stores.close()
    await there.close()
    rmSync(root, { recursive: true, force: true })
  })

  it('tells what others change, of itself, and whose it is', async () => {
    const stores = open({ everyMs: 5 })
    await stores.local.ingest()
    /** What changed since, once these are among it. */
    const changed = (since: StoreVersion, ...ids: readonly string[]) =>
      new Promise<Changes>((resolve, reject) => {
        const look = () =>
          stores.sessions
            .changes(since)
            .then((found) => (ids.every((one) => found.sessionIds.includes(one)) ? resolve(found) : undefined), reject)
        stores.listen(() => void look())
        void look()
      })
    const before = await stores.sessions.changes()
    assert.deepEqual(before.sessionIds, [CHILD])
    // The fork finds what it starts from.
    const after = await changed(before.at, PARENT, CHILD)
    assert.equal(after.all, false)
    const [parent, child] = await stores.sessions.sessions()
    assert.deepEqual([parent!.team?.elsewhere, child!.team?.elsewhere, child!.forkPoint], [true, false, { sessionId: PARENT, number: 2 }])
    await there.sessions.mark(PARENT, { tags: ['good'] })
    const marked = await changed(after.at, PARENT)
    assert.deepEqual(marked.sessionIds, [PARENT])
    assert.deepEqual((await stores.sessions.sessions({ ids: [PARENT] }))[0]?.tags, ['good'])
    assert.deepEqual((await stores.sessions.changes(marked.at)).sessionIds, [])
  })

  it('answers about what is here as ever while the servers are away, and shows the rest as it was', async () => {
    const before = open()
    await before.ingest()
    const list = await before.sessions.sessions()
    const history = await before.sessions.history(CHILD)
    assert.equal(list.length, 2)
    await before.close()
    fate = 'refused'
    const stores = open()
    await stores.ingest()
    assert.deepEqual(await stores.sessions.sessions(), list)
    assert.deepEqual(
      await stores.sessions.names(),
      list.map(({ id: one, name }) => ({ id: one, name })),
    )
    assert.deepEqual(await stores.sessions.history(CHILD), history)
    assert.equal((await stores.sessions.session(CHILD))?.name, 'net-2')
    assert.deepEqual(await stores.sessions.forks(id(23)), [])
    assert.deepEqual(await stores.sessions.problems(), [])
    const own = { segments: [history.segments.at(-1)!], open: id(24) }
    assert.deepEqual((await stores.documents.points(own, loss)).epochIds, [id(23), id(24)])
    assert.equal(
      (await stores.documents.groupBy([{ epochIds: [id(23)] }], { split: 'val', by: 'label', field: 'loss', better: null, most: 9 })).groups
        .length,
      2,
    )
    assert.equal((await stores.sessions.mark(CHILD, { tags: ['mine'] })).tags[0], 'mine')
    assert.ok(await stores.weights.path(hashOf(23)))
    for (const asked of [
      () => stores.sessions.session(PARENT),
      () => stores.sessions.epochs(history),
      () => stores.sessions.mark(PARENT, { tags: [] }),
      () => stores.documents.points(history, loss),
      () =>
        stores.documents.flips(
          { epochIds: [id(11)] },
          { epochIds: [id(23)] },
          { split: 'test', sample: 'sample', label: 'label', prediction: 'prediction', to: null, search: '', most: 1 },
        ),
      () => stores.weights.fetch(hashOf(11)),
    ])
      await assert.rejects(asked, { code: 'server-away' })
    // And when they are back, all is.
    fate = 'answered'
    assert.equal((await stores.sessions.epochs(history)).length, 3)
  })

  it('waits for no server that is known to be away where all that is needed is here', async () => {
    const before = open()
    await before.ingest()
    const history = await before.sessions.history(CHILD)
    await before.close()
    fate = 'never'
    const stores = open({ watched: new Watched(() => {}, [{ name: 'MongoDB', state: 'away', since: 1, message: 'as it was' }]) })
    await stores.local.ingest()
    assert.deepEqual(await stores.sessions.history(CHILD), history)
    assert.deepEqual(await stores.sessions.forks(id(23)), [])
    assert.deepEqual(await stores.sessions.problems(PARENT), [])
    assert.ok((await stores.sessions.count(history.segments)) > 0)
  })

  it('lists what others have begun while the servers are away', async () => {
    writeRuns(join(root, 'there'), [CHILD])
    await there.ingest()
    here = join(root, 'nothing here')
    mkdirSync(here)
    const stores = open()
    await stores.ingest()
    fate = 'refused'
    const [parent, child] = await listSessions({ stores, dir: here })
    assert.deepEqual([parent!.id, child!.id, child!.uncommitted], [PARENT, CHILD, { id: id(24), number: 4, metrics: {} }])
  })

  it('waits for a list that takes long while the server answers, and calls it away only where it does not', async () => {
    const before = { name: 'MongoDB', state: 'away', since: 1, message: 'as it was' } as const
    const slow = team()
    const watched = new Watched(() => {}, [before])
    const sessions = new Proxy(slow.sessions, {
      get: (of, method) =>
        method === 'sessions'
          ? async (...args: Parameters<typeof of.sessions>) => {
              await new Promise((done) => setTimeout(done, 2500))
              return of.sessions(...args)
            }
          : method === 'identity'
            ? () => of.count([]).then(() => 'the team')
            : (Reflect.get(of, method) as unknown),
    })
    const stores = new TeamStores(new LocalStores(here, process.env, { team: true }), { ...slow, sessions }, { watched })
    opened.push(stores)
    await stores.ingest()
    assert.deepEqual((await stores.sessions.sessions()).map((one) => one.id).sort(), [PARENT, CHILD].sort())
    assert.equal(watched.state('MongoDB')?.message, before.message)
    fate = 'never'
    await stores.ingest()
    assert.match(watched.state('MongoDB')?.message ?? '', /has not answered for 1 s/)
  })

  it('waits for no server with what is here', async () => {
    fate = 'never'
    const stores = open({ everyMs: 5 })
    await stores.local.ingest()
    assert.deepEqual((await stores.sessions.changes()).sessionIds, [CHILD])
    assert.equal((await stores.sessions.sessions()).length, 1)
    assert.deepEqual((await stores.documents.metrics({ epochIds: [id(23)] })).length, 2)
    assert.deepEqual((await stores.sessions.sessions({ ids: [CHILD] }))[0]?.latest, { id: id(23), number: 3 })
  })

  it('knows a session that was pulled as its trainer has it by now', async () => {
    writeRuns(here, [PARENT])
    const file = join(here, 'runs', PARENT, 'session.json')
    writeFileSync(
      file,
      JSON.stringify({
        format: 1,
        sessionId: PARENT,
        modelName: 'net',
        name: 'net',
        createdAt: 1,
        pulled: { team: 'a folder', by: 'ada' },
      }),
    )
    await there.sessions.mark(PARENT, { name: 'renamed', tags: ['new'] })
    const stores = open()
    await stores.ingest()
    const [pulled] = await stores.sessions.sessions({ ids: [PARENT] })
    assert.deepEqual([pulled!.name, pulled!.tags, pulled!.team?.elsewhere], ['renamed', ['new'], true])
    assert.equal((await stores.sessions.sessionByName('renamed'))?.id, PARENT)
    // Decisions about it are for all.
    await stores.sessions.mark(PARENT, { selected: id(12) })
    assert.deepEqual((await there.sessions.session(PARENT))?.selected, { id: id(12), number: 2 })
    fate = 'refused'
    assert.equal((await stores.sessions.epochs(await stores.sessions.history(PARENT))).length, 3)
    assert.equal((await stores.sessions.session(PARENT))?.name, 'renamed')
  })

  it('takes a copy away by itself, and says whether there is one', async () => {
    writeRuns(here, [PARENT])
    const file = join(here, 'runs', PARENT, 'session.json')
    const pulled = { team: 'a folder', by: 'ada' }
    writeFileSync(file, JSON.stringify({ format: 1, sessionId: PARENT, modelName: 'net', name: 'net', createdAt: 1, pulled }))
    const stores = open()
    await stores.ingest()
    const copied = async () => [
      (await stores.sessions.sessions({ ids: [PARENT] }))[0]?.team?.copy,
      (await stores.sessions.session(PARENT))?.team?.copy,
    ]
    assert.deepEqual(await copied(), [true, true])
    assert.equal((await stores.sessions.mark(PARENT, { deleted: 5 })).deletedAt, null)
    assert.deepEqual(await copied(), [undefined, undefined])
    assert.equal((await there.sessions.session(PARENT))?.deletedAt, null)
    await stores.sessions.mark(PARENT, { deleted: null })
    assert.deepEqual(await copied(), [true, true])
  })

  it('takes no name that another has, wherever', async () => {
    const stores = open()
    await stores.ingest()
    await assert.rejects(stores.sessions.mark(CHILD, { name: 'net' }), { code: 'bad-name' })
    await assert.rejects(stores.sessions.mark(PARENT, { name: 'net-2' }), { code: 'bad-name' })
  })

  it('is running elsewhere until the team has heard nothing for long', () => {
    const overview = {
      id: PARENT,
      started: true,
      engine: { time: 1, pid: process.pid, host: null, bootId: null },
      finished: null,
    } as SessionOverview
    const team = { elsewhere: true, by: 'ada', waiting: 0 }
    const now = Date.now() / 1000
    const nowhere = () => assert.fail('no file of it is here')
    assert.equal(statusOf({ ...overview, team: { ...team, aliveUntil: now + 60 } }, nowhere), 'running')
    assert.equal(statusOf({ ...overview, team: { ...team, aliveUntil: now - 1 } }, nowhere), 'interrupted')
    assert.equal(statusOf({ ...overview, team: { ...team, aliveUntil: null } }, nowhere), 'interrupted')
    assert.equal(
      statusOf({ ...overview, finished: { status: 'stopped', error: null, time: 1 }, team: { ...team, aliveUntil: now + 60 } }, nowhere),
      'stopped',
    )
  })

  describe('keeps what is known of the team', () => {
    const file = () => join(here, 'team.sqlite')
    const known: Known[] = []
    const at = (config: TeamConfig = CONFIG) => {
      const one = new Known(file(), config)
      known.push(one)
      return one
    }
    afterEach(() => {
      for (const one of known.splice(0)) one.close()
    })
    const names = (one: Known) => {
      one.load()
      return [...one.sessions.values()].map(({ name }) => name).sort()
    }

    it('for the next process, which asks only for what changed', async () => {
      const { sessions } = team()
      assert.deepEqual(await at().poll(sessions), [])
      const next = at()
      assert.deepEqual(names(next), ['net'])
      assert.deepEqual(await next.poll({ ...sessions, newest: () => assert.fail('all was read again') }), [])
      await there.sessions.mark(PARENT, { name: 'other' })
      assert.deepEqual(await next.poll(sessions), [PARENT])
      assert.deepEqual(names(at()), ['other'])
    })

    it('without what something else wrote and took away, which counts no change', async () => {
      const { sessions } = team()
      const elsewhere = { elsewhere: true, by: null, waiting: 0, aliveUntil: null }
      const byHand = async (options?: { readonly ids?: readonly string[] }) =>
        (await there.sessions.sessions(options)).map((one) => ({ ...one, team: elsewhere }))
      await at().poll({ ...sessions, sessions: byHand, newest: async () => [] })
      assert.deepEqual(names(at()), ['net'])
      const gone = { ...sessions, sessions: async () => [] }
      assert.deepEqual(await at().poll(gone), [PARENT])
      assert.deepEqual(names(at()), [])
    })

    it('and never lets one that is behind write over what is newer', async () => {
      const { sessions } = team()
      await at().poll(sessions)
      await there.sessions.mark(PARENT, { tags: ['old'] })
      const behind = at()
      let asked = () => {}
      let goOn = () => {}
      const [isAsked, mayGoOn] = [new Promise<void>((resolve) => (asked = resolve)), new Promise<void>((resolve) => (goOn = resolve))]
      // It has read what was so, and another writes what came after before it does.
      const reading = behind.poll({
        ...sessions,
        changes: (since) => sessions.changes(since),
        sessions: async (options) => {
          const found = await there.sessions.sessions(options)
          asked()
          await mayGoOn
          return found
        },
      })
      await isAsked
      await there.sessions.mark(PARENT, { tags: ['new'] })
      await at().poll(sessions)
      goOn()
      assert.deepEqual(await reading, [PARENT])
      const next = at()
      next.load()
      assert.deepEqual(next.sessions.get(PARENT)?.tags, ['new'])
    })

    it('but not of another team', async () => {
      await at().poll(team().sessions)
      assert.deepEqual(names(at({ ...CONFIG, mongo: { ...CONFIG.mongo, database: 'another' } })), [])
    })

    it('and begins anew where its file is damaged', async () => {
      writeFileSync(file(), 'no database at all, but long enough to be taken for one'.repeat(100))
      assert.deepEqual(names(at()), [])
      const again = at()
      await again.poll(team().sessions)
      assert.deepEqual(names(at()), ['net'])
    })

    it('with since when a server is away', () => {
      const first = at()
      const watched = new Watched((state) => first.keepState(state))
      watched.answered('Elasticsearch')
      watched.failed('MongoDB', away())
      const [state, ...more] = at().states()
      assert.deepEqual(more, [])
      assert.deepEqual([state!.name, state!.state, state!.message], ['MongoDB', 'away', 'Nobody answers.'])
      const changes: string[] = []
      const next = new Watched(({ state: now }) => changes.push(now), [state!])
      next.failed('MongoDB', away())
      assert.equal(next.state('MongoDB')?.since, state!.since)
      assert.deepEqual(changes, [])
      next.answered('MongoDB')
      assert.deepEqual(changes, ['ok'])
    })

    it('with since when a server is away, whichever of several processes noticed it first', async () => {
      const process = () => {
        const known = at()
        return new Watched(
          (state) => known.keepState(state),
          known.states(),
          () => known.states(),
        )
      }
      const since = (name: ServerName) =>
        at()
          .states()
          .find((one) => one.name === name)?.since
      const [editor, command] = [process(), process()]
      const later = () => new Promise((done) => setTimeout(done, 5))
      for (const one of [editor, command]) one.answered('Elasticsearch')
      await later()
      command.failed('Elasticsearch', away())
      const first = since('Elasticsearch')!
      // What others noted of another server is kept.
      editor.failed('MongoDB', away())
      assert.equal(since('Elasticsearch'), first)
      await later()
      editor.failed('Elasticsearch', away())
      assert.equal(editor.state('Elasticsearch')?.since, first)
      assert.equal(since('Elasticsearch'), first)
      // It was back meanwhile, and whoever noted that it was away is gone.
      const third = process()
      await later()
      third.answered('MongoDB')
      assert.equal(since('MongoDB'), undefined)
      command.answered('MongoDB')
      await later()
      third.failed('MongoDB', away())
      const again = since('MongoDB')!
      assert.ok(again > first)
      await later()
      command.failed('MongoDB', away())
      assert.equal(since('MongoDB'), again)
      await later()
      const fourth = process()
      fourth.answered('Elasticsearch')
      await later()
      fourth.failed('Elasticsearch', away())
      assert.ok(since('Elasticsearch')! > again)
    })
  })

  it('tells of a server that can only be read for as long as rights are missing there, whatever else it answers', async () => {
    let missing: readonly string[] = ['write']
    let fails = false
    const told: string[] = []
    const watched = new Watched(({ state, message }) => told.push(`${state} ${message}`))
    const port = watched.port<{ count(): Promise<number>; missingRights(): Promise<readonly string[]> }>('Elasticsearch', async () => ({
      count: () => (fails ? Promise.reject(away()) : Promise.resolve(1)),
      missingRights: async () => missing,
    }))
    await port.count()
    await port.missingRights()
    await port.count()
    await port.missingRights()
    assert.deepEqual([told.length, told[0]], [2, 'ok null'])
    assert.match(told[1]!, /^reads .*may only read there \(missing: write\).*`write`/)
    fails = true
    await assert.rejects(port.count())
    assert.match(told[2]!, /^away /)
    missing = []
    await port.missingRights()
    assert.deepEqual(watched.state('Elasticsearch')?.state, 'ok')
  })

  it('tells of each error one server only', async () => {
    const watched = new Watched()
    const error = away()
    const sessions = watched.port<{ epochs(): Promise<void> }>('MongoDB', async () => ({ epochs: () => Promise.reject(error) }))
    const documents = watched.port<{ last(): Promise<void> }>('Elasticsearch', async () => ({ last: () => sessions.epochs() }))
    await assert.rejects(documents.last(), { code: 'server-away' })
    assert.deepEqual(
      watched.states.map(({ name, state }) => [name, state]),
      [['MongoDB', 'away']],
    )
  })
})

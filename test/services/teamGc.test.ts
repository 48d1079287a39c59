import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { root as checkout } from '../../scripts/vscode/root'
import type { CollectedJson, ModelGraph } from '../../server/protocol/model'
import type { SessionRecord } from '../../server/storage/ports'
import { collectTeam } from '../../server/storage/team/gc'
import { openTeam } from '../../server/storage/team/open'
import type { Team, TeamConfig } from '../../server/storage/team/ports'
import { graphHash, summarize } from '../../server/tracking/graph'
import { id } from '../contract/fixture'
import { cli, environment } from '../fault/support'
import type { GcWork } from './gcProcess'
import { aSession, anEpoch } from './mongoRecords'
import { freshTeam } from './servers'
import { dropTeam, teamEnvironment } from './support'

const DAY = 24 * 3600
/** Everything is old enough to go. */
const ANY_AGE = { idleSeconds: -10 }
const DOCUMENTS = 3

const PARENT = id(0xa0)
const FORK = id(0xb0)
const GONE = id(0xc0)
const GONE_FORK = id(0xd0)
const KEPT = id(0xe0)
/** Ids of a session's epochs begin here. */
const BASE: Readonly<Record<string, number>> = { [PARENT]: 0x100, [FORK]: 0x200, [GONE]: 0x300, [GONE_FORK]: 0x400, [KEPT]: 0x500 }
const epochId = (session: string, number: number) => id(BASE[session]! + number)

describe('gc of a team', () => {
  let dir: string
  let config: TeamConfig
  let team: Team
  let client: MongoClient

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'epochtree-team-gc-'))
    config = await freshTeam()
    team = openTeam(config, { cache: join(dir, 'cache'), cacheBytes: 1e9 })
    await Promise.all([team.sessions.prepare(), team.documents.prepare(), team.weights.prepare()])
    client = new MongoClient(config.mongo.uri)
  })
  afterEach(async () => {
    await team.close()
    await client.close()
    await dropTeam(config)
    rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  })

  /** Named by its content, and the content by what it is of. */
  function weightsOf(what: string) {
    const bytes = Buffer.from(`weights of ${what} `.repeat(50))
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const path = join(dir, sha256)
    writeFileSync(path, bytes)
    return { sha256, bytes: bytes.length, path }
  }
  function graphOf(what: string) {
    const graph: ModelGraph = { id: what, nodes: { [what]: { id: what, data: { parameters: { w: [1, 2] } } } } }
    return { graph, hash: graphHash(graph) }
  }
  async function bringFile({ sha256, bytes, path }: ReturnType<typeof weightsOf>) {
    const location = await team.weights.put(sha256, path)
    await team.sessions.putWeights({ sha256, bytes, format: 'bin', location, graphHash: null })
  }
  async function bringSession(record: SessionRecord, alive = false) {
    await team.sessions.putSession({ record, by: 'ada@lab', alive })
  }
  /** As the spool does it: its files, graph and documents first. */
  async function bringEpoch(session: string, number: number, graphName = session) {
    const epoch = epochId(session, number)
    const file = weightsOf(epoch)
    await bringFile(file)
    const { graph, hash } = graphOf(graphName)
    await team.sessions.putGraph(hash, graph, summarize(graph))
    await bringDocuments(session, number)
    await team.sessions.putEpoch(
      anEpoch(session, number, BASE[session]!, {
        graphHash: hash,
        weights: { sha256: file.sha256, bytes: file.bytes, format: 'bin', file: `weights/${number}.bin` },
        documents: DOCUMENTS,
      }),
    )
  }
  const bringDocuments = (sessionId: string, number: number) =>
    team.documents.write([
      {
        kind: 'metric',
        epochId: epochId(sessionId, number),
        sessionId,
        number,
        source: '',
        split: 'train',
        name: 'loss',
        level: 0,
        from: 0,
        steps: Float64Array.of(1, 2, 3),
        values: Float64Array.of(3, 2, 1),
        times: Float64Array.of(1, 2, 3),
      },
    ])
  const deletedDaysAgo = (session: string, days: number | null) =>
    team.sessions.mark(session, { deleted: days === null ? null : Date.now() / 1000 - days * DAY })
  const from = (session: string, number: number) => ({
    forkedFrom: { sessionId: session, epochId: epochId(session, number), epochNumber: number },
  })

  /**
   * A deleted parent whose second epoch a fork needs; a deleted session with a deleted fork, which nobody needs; and one that stays. Of a file and of a
   * graph in the bucket nobody knows anything.
   */
  async function bringAll(epochs = 4) {
    await bringSession(aSession(PARENT, { name: 'parent' }))
    for (let number = 1; number <= epochs; number++) await bringEpoch(PARENT, number, number <= 2 ? 'needed' : PARENT)
    await bringSession(aSession(FORK, { name: 'fork', ...from(PARENT, 2) }))
    for (const number of [3, 4]) await bringEpoch(FORK, number, 'needed')
    await bringSession(aSession(GONE, { name: 'gone' }))
    for (const number of [1, 2]) await bringEpoch(GONE, number)
    await bringSession(aSession(GONE_FORK, { name: 'gone-fork', ...from(GONE, 2) }))
    await bringEpoch(GONE_FORK, 3, GONE)
    await bringSession(aSession(KEPT, { name: 'kept' }))
    await bringEpoch(KEPT, 1)
    for (const session of [PARENT, GONE, GONE_FORK]) await deletedDaysAgo(session, 8)
    const stray = weightsOf('nobody')
    await team.weights.put(stray.sha256, stray.path)
    await team.weights.putBytes('ab'.repeat(32), Buffer.from('a graph that was too large'))
  }

  /** What is shown to people is whole: every epoch of every session that is not deleted has its documents, weights and graph. */
  async function lookForHoles(by: Team = team) {
    let epochs = 0
    for (const { id: session } of await by.sessions.sessions()) {
      const { segments } = await by.sessions.history(session)
      const shown = await by.sessions.epochs({ segments })
      const counts = await by.documents.count(shown.map((epoch) => epoch.id))
      for (const { id: epoch, weights, graphHash: hash } of shown) {
        epochs++
        assert.equal(counts.get(epoch), DOCUMENTS, `documents of ${epoch}`)
        assert.ok(await by.weights.has(weights!.sha256, weights!.bytes), `weights of ${epoch}`)
        assert.ok(await by.sessions.graph(hash!), `graph of ${epoch}`)
      }
    }
    return epochs
  }
  const kinds = ({ items }: CollectedJson) =>
    Object.fromEntries(['session', 'epochs', 'weights', 'graph'].map((kind) => [kind, items.filter((item) => item.kind === kind).length]))

  async function isCollected() {
    const names = (await team.sessions.sessions({ deleted: true })).map(({ name }) => name).sort()
    assert.deepEqual(names, ['fork', 'kept', 'parent'])
    assert.equal(await lookForHoles(), 5)
    const own = await team.sessions.epochs({ segments: [{ sessionId: PARENT, from: 1, to: 1e9 }] })
    assert.deepEqual(
      own.map(({ number }) => number),
      [1, 2],
    )
    const gone = [epochId(PARENT, 3), epochId(PARENT, 4), epochId(GONE, 1), epochId(GONE, 2), epochId(GONE_FORK, 3)]
    assert.deepEqual([...(await team.documents.count(gone)).values()], [0, 0, 0, 0, 0])
    const objects: string[] = []
    for (const kind of ['weights', 'graph'] as const)
      for await (const page of team.weights.list(undefined, kind)) objects.push(...page.map(({ sha256 }) => sha256))
    const kept = [epochId(PARENT, 1), epochId(PARENT, 2), epochId(FORK, 3), epochId(FORK, 4), epochId(KEPT, 1)]
    assert.deepEqual(objects.sort(), kept.map((epoch) => weightsOf(epoch).sha256).sort())
    const plain = client.db(config.mongo.database)
    assert.equal(await plain.collection('Weights').countDocuments(), 5)
    assert.equal(await plain.collection('ModelGraph').countDocuments(), 2)
    assert.equal(await plain.collection('Epoch').countDocuments(), 5)
    assert.equal(await plain.collection('TrainingSession').countDocuments({ removing: true }), 0)
    assert.deepEqual(await collectTeam(team, ANY_AGE), { items: [], bytes: 0, dryRun: false, team: true })
  }

  it('takes away what was deleted long ago and no fork needs, and tells before what that will be', async () => {
    await bringAll()
    const before = await lookForHoles()
    const told = await collectTeam(team, { dryRun: true, ...ANY_AGE })
    assert.equal(await lookForHoles(), before)
    assert.deepEqual(await collectTeam(team, { dryRun: true, ...ANY_AGE }), told, 'looking changes nothing')
    const done = await collectTeam(team, ANY_AGE)
    assert.deepEqual(kinds(done), { session: 2, epochs: 1, weights: 6, graph: 3 })
    const named = ({ items }: CollectedJson) => items.map(({ kind, what }) => `${kind} ${what}`).sort()
    assert.deepEqual(named(told), named(done))
    assert.ok(done.bytes > 0 && Math.abs(told.bytes - done.bytes) < 0.2 * done.bytes, `${told.bytes} bytes were told, ${done.bytes} went`)
    await isCollected()
  })

  it('leaves what can be restored, what is trained still, and what was brought within a day', async () => {
    await bringAll()
    await deletedDaysAgo(PARENT, 6)
    await deletedDaysAgo(GONE, null)
    const running = { finished: null, engine: { time: 1, pid: 1, host: 'elsewhere', bootId: null } }
    await bringSession(aSession(id(0xf0), { name: 'running', ...running }), true)
    await deletedDaysAgo(id(0xf0), 8)
    const done = await collectTeam(team)
    assert.deepEqual(
      done.items.map(({ kind, what }) => [kind, what]),
      [['session', 'gone-fork']],
    )
    assert.ok(await team.weights.has(weightsOf('nobody').sha256, weightsOf('nobody').bytes))
    await deletedDaysAgo(PARENT, null)
    assert.equal((await team.sessions.sessions()).length, 4)
    await lookForHoles()
    assert.deepEqual(kinds(await collectTeam(team, { graceSeconds: 0, dryRun: true })), { session: 0, epochs: 0, weights: 0, graph: 0 })
  })

  it('is one at a time', async () => {
    await bringAll()
    assert.ok(await team.sessions.takeLease('gc', 'somebody', 60))
    await assert.rejects(collectTeam(team, ANY_AGE), { code: 'team-busy' })
    assert.equal((await collectTeam(team, { dryRun: true, ...ANY_AGE })).items.length, 12)
    await team.sessions.leaveLease('gc', 'somebody')
    // Whoever loses it in the middle stops: here it waits with the first step that takes something away until it is told so.
    const leases = client.db(config.mongo.database).collection<{ _id: string }>('Lease')
    const robbed: Team = {
      ...team,
      documents: changed(team.documents, {
        remove: async (_, signal) => {
          await leases.updateOne({ _id: 'gc' }, { $set: { holder: 'robber', until: new Date(Date.now() + 60_000) } })
          await new Promise((stopped) => signal!.addEventListener('abort', stopped))
          throw new Error('stopped')
        },
      }),
    }
    await assert.rejects(collectTeam(robbed, ANY_AGE), { code: 'team-busy' })
    assert.equal(((await leases.findOne({ _id: 'gc' })) as { holder?: string } | null)?.holder, 'robber')
    await leases.deleteMany({})
    await collectTeam(team, ANY_AGE)
    await isCollected()
  })

  it('does not take what is brought once more at this moment', async () => {
    await bringAll()
    const stray = weightsOf('nobody')
    let touched = false
    const done = await collectTeam(
      {
        ...team,
        sessions: changed(team.sessions, {
          claimWeights: async (...args) => {
            const claimed = await team.sessions.claimWeights(...args)
            // Somebody found it there, and made it young.
            if (claimed.includes(stray.sha256)) {
              const name = encodeURIComponent(`${config.gcs.prefix}weights/${stray.sha256.slice(0, 2)}/${stray.sha256}`)
              const { status } = await fetch(`${config.gcs.endpoint}/storage/v1/b/${config.gcs.bucket}/o/${name}`, {
                method: 'PATCH',
                headers: { 'content-type': 'application/json' },
                body: '{"metadata":{"touched":"now"}}',
              })
              touched = status === 200
            }
            return claimed
          },
        }),
      },
      ANY_AGE,
    )
    assert.ok(touched)
    assert.equal(kinds(done)['weights'], 5)
    assert.ok(await team.weights.has(stray.sha256, stray.bytes))
    // Nobody is kept from bringing it any longer.
    await bringFile(stray)
  })

  it('spares what was brought and is not named yet', async () => {
    const file = weightsOf('an epoch that is on its way')
    await bringFile(file)
    const { graph, hash } = graphOf('on its way')
    await team.sessions.putGraph(hash, graph, summarize(graph))
    // The objects may be old: whoever brings them notes it.
    const old: Team = {
      ...team,
      weights: changed(team.weights, {
        async *list(...args) {
          for await (const page of team.weights.list(...args)) yield page.map((object) => ({ ...object, age: 10 * DAY }))
        },
      }),
    }
    assert.deepEqual((await collectTeam(old)).items, [])
    assert.equal((await collectTeam(old, { ...ANY_AGE, dryRun: true })).items.length, 2)
  })

  it('heeds forks that come while it works: those before it decided keep what they need, later ones begin without it', async () => {
    await bringAll()
    const late = id(0x10f0)
    const early = id(0x10e0)
    let brought = false
    const done = await collectTeam(
      {
        ...team,
        sessions: changed(team.sessions, {
          startRemoval: async (session, before) => {
            if (session === PARENT) await bringSession(aSession(early, { name: 'early', ...from(PARENT, 3) }))
            return team.sessions.startRemoval(session, before)
          },
        }),
        documents: changed(team.documents, {
          remove: async (epochs, signal) => {
            if ('above' in epochs && epochs.sessionId === PARENT && !brought) {
              brought = true
              await bringSession(aSession(late, { name: 'late', ...from(PARENT, 4) }))
            }
            return team.documents.remove(epochs, signal)
          },
        }),
      },
      ANY_AGE,
    )
    assert.ok(done.items.some(({ what }) => what === 'parent: epochs after 3, which no fork needs'))
    await lookForHoles()
    const numbers = async (session: string) =>
      (await team.sessions.epochs({ segments: (await team.sessions.history(session)).segments })).map(({ number }) => number)
    assert.deepEqual(await numbers(early), [1, 2, 3])
    assert.deepEqual(await numbers(late), [])
    const found = await client.db(config.mongo.database).collection('TrainingSession').findOne({ name: 'late' })
    assert.deepEqual(found?.['epochs'], [])
    assert.equal((await team.sessions.session(late))?.forkPoint, null)
  })

  it('takes along what a trainer that had not heard of it brought meanwhile', async () => {
    await bringAll()
    // Documents of an epoch that never became visible.
    await bringDocuments(GONE, 7)
    assert.equal((await team.documents.count([epochId(GONE, 7)])).get(epochId(GONE, 7)), DOCUMENTS)
    await collectTeam(team, ANY_AGE)
    assert.equal((await team.documents.count([epochId(GONE, 7)])).get(epochId(GONE, 7)), 0)
    await assert.rejects(bringSession(aSession(GONE, { name: 'gone' })), { code: 'session-deleted' })
    await isCollected()
  })

  it('may be killed at any step: nobody ever sees an epoch with something missing, and the next one finishes', async function () {
    this.timeout(600_000)
    await bringAll()
    const work = { config, cache: join(dir, 'cache'), idleSeconds: ANY_AGE.idleSeconds }
    const places = new Set<string>()
    for (let round = 0; ; round++) {
      // A few steps further each time, and never so many that it comes to its end by them.
      const killAt = 1 + (round % 4)
      const when = Math.floor(round / 4) % 2 ? 'before' : 'after'
      const { out, killed } = await collecting({ ...work, killAt, when }).ended
      assert.ok((await lookForHoles()) >= 5)
      // Its lease ends by itself, after a minute.
      await client.db(config.mongo.database).collection('Lease').deleteMany({})
      if (!killed) break
      places.add(out.trim())
    }
    assert.ok(places.size >= 7, [...places].join('\n'))
    await isCollected()
  })

  it('never shows an epoch with something missing, whenever one looks', async () => {
    await bringAll(12)
    const child = collecting({ config, cache: join(dir, 'cache'), idleSeconds: ANY_AGE.idleSeconds, killAt: 0, when: 'before' })
    let over = false
    const ended = child.ended.finally(() => (over = true))
    let looks = 0
    for (; !over; looks++) await lookForHoles()
    const { out, err } = await ended
    assert.ok(looks > 2, `it was looked ${looks} times`)
    assert.equal(kinds(JSON.parse(out || err) as CollectedJson)['epochs'], 1)
    await isCollected()
  })

  it('is a command, with a dry run and JSON', async () => {
    await bringAll()
    const folder = join(dir, 'work', '.epochtree')
    assert.match(cli(folder, 'gc', '--team').stderr, /^epochtree: no-team: /)
    const run = (...words: string[]) => cliOf(folder, teamEnvironment(config), 'gc', '--team', ...words)
    const told = JSON.parse(run('--dry-run', '--json').stdout) as CollectedJson
    // What was brought just now is too young.
    assert.deepEqual(kinds(told), { session: 2, epochs: 1, weights: 0, graph: 0 })
    assert.match(run('--dry-run').stdout, /^Would free .* on the team's servers:\n.*parent: epochs after 2, which no fork needs/s)
    assert.match(run('--grace', '9').stdout, /^Nothing to remove on the team's servers/)
    assert.equal(run('--grace', 'x').status, 2)
    assert.equal(run('--keep', 'latest').status, 2)
    const done = JSON.parse(run('--json').stdout) as CollectedJson
    assert.deepEqual({ ...done, bytes: 0, items: done.items.length }, { dryRun: false, team: true, bytes: 0, items: 3 })
    await lookForHoles()
  })
})

/** A port, some of whose methods do more. */
const changed = <Port extends object>(port: Port, methods: Partial<Port>): Port =>
  new Proxy(port, { get: (target, name) => (Reflect.get(methods, name) ?? Reflect.get(target, name)) as unknown })

function cliOf(folder: string, extra: Record<string, string>, ...words: string[]) {
  return spawnSync(process.execPath, [join(checkout, 'bin/epochtree.mjs'), ...words, '--dir', folder], {
    encoding: 'utf8',
    env: environment(folder, extra),
  })
}

function collecting(work: GcWork) {
  const child = spawn(process.execPath, [join(checkout, 'out/test/services/gcProcess.js'), JSON.stringify(work)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  return {
    ended: new Promise<{ readonly out: string; readonly err: string; readonly killed: boolean }>((resolve, reject) =>
      child.on('close', (status, signal) =>
        status === 0 || signal === 'SIGKILL' ? resolve({ out, err, killed: signal === 'SIGKILL' }) : reject(new Error(err)),
      ),
    ),
  }
}

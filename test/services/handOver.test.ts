import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ajv2020 as Validator } from 'ajv/dist/2020'
import type { PulledJson, PushedJson, SessionJson } from '../../server/protocol/model'
import type { TeamConfig } from '../../server/storage/team/ports'
import { start } from '../fault/support'
import { startProxy } from './proxy'
import { freshTeam } from './servers'
import { dropTeam, machine, teamEnvironment, until } from './support'
import { train } from './training'

const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020') as { Ajv2020: typeof Validator }

describe('epochtree push and pull', () => {
  let root: string
  let config: TeamConfig
  const ajv = new Ajv2020({ allErrors: true, strict: false })
  ajv.addSchema(JSON.parse(readFileSync('docs/cli.schema.json', 'utf8')) as object, 'cli')
  const dirOf = (who: string) => join(root, who, '.epochtree')
  const begin = (who: string, words: readonly string[], other: Partial<TeamConfig> = {}) =>
    start(process.execPath, ['bin/epochtree.mjs', ...words, '--dir', dirOf(who)], dirOf(who), {
      ...teamEnvironment({ ...config, ...other, by: who }),
      XDG_CACHE_HOME: join(root, who, 'cache'),
    })
  const run = async (who: string, ...words: string[]) => {
    const child = begin(who, words)
    const { status, err } = await child.ended
    return { status, err, out: child.out() }
  }
  const json = async <Answer>(who: string, ...words: string[]): Promise<Answer> => {
    const { status, err, out } = await run(who, ...words, '--json')
    assert.equal(status, 0, err)
    const valid = ajv.getSchema(`cli#/$defs/${words[0]}`)!
    const answer = JSON.parse(out) as Answer
    assert.ok(valid(answer), ajv.errorsText(valid.errors))
    return answer
  }

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-hand-'))
    config = await freshTeam()
  })
  afterEach(async () => {
    await dropTeam(config)
    rmSync(root, { recursive: true, force: true })
  })

  it('bring sessions to the team and from it, and tell what they did', async () => {
    const session = train(dirOf('ada'), { name: 'net' })
    const other = train(dirOf('ada'), { name: 'other' })
    for (const one of [session, other]) {
      one.epoch()
      one.epoch()
      one.finish()
    }
    const documents = session.epochs.reduce((sum, one) => sum + one.documents, 0)
    const first = await json<PushedJson>('ada', 'push', 'net')
    assert.deepEqual([first.sessions, first.epochs, first.documents, first.left], [1, 2, documents, []])
    assert.equal((await json<PushedJson>('ada', 'push')).sessions, 1)
    assert.match((await run('ada', 'push')).out, /^Others have everything\.$/m)

    const pulled = await json<PulledJson>('bob', 'pull', 'net@1')
    assert.deepEqual(
      [pulled.session.name, pulled.session.epochs, pulled.sessions, pulled.epochs, pulled.documents],
      ['net', 2, 1, 2, documents],
    )
    assert.match((await run('bob', 'pull', 'net')).out, /: all of it is here already\.$/m)
    assert.match((await run('bob', 'pull', 'other')).out, /: brought 1 session, 2 epochs, .* of weights\.$/m)
    const log = async (who: string) => {
      const { status, err, out } = await run(who, 'log', 'net', '--json', '--local')
      assert.equal(status, 0, err)
      return JSON.parse(out) as unknown
    }
    assert.deepEqual(await log('bob'), await log('ada'))
    // What goes of a copy is the copy.
    assert.match((await run('bob', 'delete', 'other')).out, /other .*: its copy here deleted, the team keeps it/)
    const unknown = await run('bob', 'pull', 'nothing')
    assert.deepEqual([unknown.status, /unknown-session: There is no session "nothing"/.test(unknown.err)], [1, true], unknown.err)
  })

  it('bring anew what the servers lost, where they are told to', async () => {
    const session = train(dirOf('ada'), { name: 'net' })
    session.epoch()
    session.epoch()
    session.finish()
    assert.equal((await run('ada', 'push')).status, 0)
    const there = machine(config, { root: join(root, 'eve') })
    try {
      const [one] = session.epochs
      for await (const objects of there.team.weights.list())
        for (const object of objects) if (object.sha256 === one!.sha256) assert.ok(await there.team.weights.remove(object))
      await there.team.documents.remove([one!.id])
      const lost = await run('bob', 'checkout', 'net@1', '--to', join(root, 'out'))
      assert.match(lost.err, /no-weights: .*`epochtree push --again SESSION`/)
      const { documents, bytes, left } = await json<PushedJson>('ada', 'push', '--again', 'net')
      assert.deepEqual([documents, bytes > 0, left], [one!.documents, true, []])
      assert.equal((await run('bob', 'checkout', 'net@1', '--to', join(root, 'out'))).status, 0)
      assert.equal((await run('bob', 'pull', 'net')).status, 0)
      assert.match((await run('ada', 'push')).out, /^Others have everything\.$/m)
      const [told] = await json<SessionJson[]>('ada', 'sessions')
      assert.deepEqual([told!.name, told!.epochs], ['net', 2])
    } finally {
      await there.close()
    }
  })

  it('tell what a session is called from now on where others have its name', async () => {
    for (const who of ['ada', 'bob']) train(dirOf(who), { name: 'net' }).epoch()
    assert.equal((await run('ada', 'push')).status, 0)
    const second = await run('bob', 'push')
    assert.equal(second.status, 0, second.err)
    assert.match(
      second.err,
      /^epochtree: Others in the team have a session called net already: the one here is called net-2 from now on\.$/m,
    )
  })

  it('end with what could not be handed on, and why', async () => {
    const session = train(dirOf('ada'), { name: 'net' })
    session.epoch()
    assert.equal((await run('ada', 'ingest')).status, 0)
    const { sha256 } = session.epochs[0]!
    rmSync(join(dirOf('ada'), 'weights', sha256.slice(0, 2), sha256))
    const done = await run('ada', 'push')
    assert.equal(done.status, 1, done.err)
    assert.match(done.out, new RegExp(`Nothing was handed on\\.\\n  net: 1 epoch left\\. .*${sha256}`))
  })

  it('end in good order with Ctrl-C', async function () {
    if (process.platform === 'win32') this.skip()
    const session = train(dirOf('ada'), { name: 'net' })
    for (let n = 0; n < 120; n++) session.epoch()
    assert.equal((await run('ada', 'ingest')).status, 0)
    const there = machine(config, { root: join(root, 'eve') })
    try {
      const child = begin('ada', ['push'])
      const seen = async () => (await there.team.sessions.session(session.id))?.own ?? 0
      await until(seen, (own) => own > 0)
      child.process.kill('SIGINT')
      const { status, err } = await child.ended
      assert.deepEqual([status, await seen().then((own) => own < 120)], [1, true], err)
      assert.match(err, /^epochtree: aborted: It was cancelled\. What others can see already stays/m)
      assert.deepEqual((await json<PushedJson>('ada', 'push')).left, [])
      assert.equal(await seen(), 120)
    } finally {
      await there.close()
    }
  })

  it('end with Ctrl-C also where a server takes a question and never answers it', async function () {
    if (process.platform === 'win32') this.skip()
    train(dirOf('ada'), { name: 'net' }).epoch()
    train(dirOf('cy'), { name: 'other' }).epoch()
    assert.equal((await run('ada', 'push')).status, 0)
    const { mongo, elastic, gcs } = config
    const ways = await Promise.all([mongo.uri, elastic.node, gcs.endpoint!].map((url) => startProxy(url)))
    const [toMongo, toElastic, toGcs] = ways.map(({ url }) => url)
    const through = [
      { mongo: { ...mongo, uri: toMongo! } },
      { elastic: { ...elastic, node: toElastic! } },
      { gcs: { ...gcs, endpoint: toGcs! } },
    ]
    try {
      for (const way of ways) way.set({ kind: 'silent' })
      for (const [i, one] of through.entries())
        for (const [who, ...words] of [
          ['bob', 'pull', 'net'],
          ['cy', 'push'],
          ['cy', 'ingest', '--watch'],
        ] as const) {
          const before = ways[i]!.connections()
          const child = begin(who, words, one)
          await until(
            () => Promise.resolve(ways[i]!.connections()),
            (count) => count > before,
          )
          child.process.kill('SIGINT')
          const asked = performance.now()
          const { err } = await child.ended
          const seconds = (performance.now() - asked) / 1000
          // A driver that is closed may take 2 s; whoever waits for an answer has 10 s to 60 s.
          assert.ok(seconds < 8, `${words.join(' ')}: ${seconds} s\n${err}`)
          assert.doesNotMatch(err, /was lost/)
        }
    } finally {
      await Promise.all(ways.map((way) => way.close()))
    }
  })

  it('say where the folder has no team', async () => {
    const child = start(process.execPath, ['bin/epochtree.mjs', 'push', '--dir', dirOf('ada')], dirOf('ada'))
    const { status, err } = await child.ended
    assert.deepEqual([status, err.startsWith('epochtree: no-team: ')], [1, true], err)
  })
})

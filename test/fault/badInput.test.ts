import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { bestOf, compare, diff, listSessions, log, query, show } from '../../server/requests'
import { LocalStores } from '../../server/storage/local/stores'
import { random } from './support'

const id = (n: number) => n.toString(16).padStart(24, '0')
const line = (value: unknown) => `${JSON.stringify(value)}\n`
const STARTED = {
  type: 'started',
  format: 1,
  time: 1,
  attempt: id(900),
  after: null,
  restored: null,
  pid: null,
  host: null,
  bootId: null,
  hyperparameters: {},
  pruningPlan: null,
  environment: {},
}
const epoch = (n: number, number = n) => ({ type: 'epoch', epoch: id(n), number, time: n })
const metrics = (n: number, value = n) => ({
  type: 'metrics',
  epoch: id(n),
  split: 'val',
  step: null,
  time: [n],
  values: { loss: [value] },
})
const commit = (n: number, more: object = {}) => ({
  type: 'commit',
  epoch: id(n),
  graph: null,
  weights: null,
  state: null,
  pruned: false,
  time: n,
  ...more,
})
const whole = (n: number, more: object = {}) => line(epoch(n)) + line(metrics(n)) + line(commit(n, more))

describe('untrusted journals', () => {
  let root: string
  let dir: string
  let stores: LocalStores
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-bad-'))
    dir = join(root, '.epochtree')
    stores = new LocalStores(dir)
  })
  afterEach(async () => {
    await stores.close()
    rmSync(root, { recursive: true, force: true })
  })
  function session(n = 1, extra: object = {}) {
    const run = join(dir, 'runs', id(n))
    for (const folder of ['graphs', 'weights']) mkdirSync(join(run, folder), { recursive: true })
    writeFileSync(
      join(run, 'session.json'),
      JSON.stringify({ format: 1, sessionId: id(n), modelName: 'net', overrides: {}, command: null, createdAt: n, ...extra }),
    )
    writeFileSync(join(run, 'journal.jsonl'), line(STARTED))
    return { run, write: (text: string | Buffer) => appendFileSync(join(run, 'journal.jsonl'), text) }
  }
  const numbers = async (n = 1) => (await stores.sessions.epochs(await stores.sessions.history(id(n)))).map(({ number }) => number)
  const problems = async () => (await stores.sessions.problems()).map(({ file, line: at, message }) => `${file}:${at} ${message}`)

  it('cut at every byte show what was committed before the cut', async function () {
    this.timeout(120_000)
    const { run } = session()
    const text = line(STARTED) + whole(1) + whole(2) + whole(3)
    const ends = [1, 2, 3].map((n) => text.indexOf(line(commit(n))) + line(commit(n)).length)
    for (let cut = 1; cut <= text.length; cut++) {
      // Grown by a byte each time, as a reader of a slow network file system sees it.
      writeFileSync(join(run, 'journal.jsonl'), text.slice(0, cut))
      await stores.ingest()
      assert.deepEqual(
        await numbers(),
        [1, 2, 3].filter((_, i) => ends[i]! <= cut),
      )
    }
    assert.deepEqual(
      (await stores.documents.last(await stores.sessions.history(id(1)))).map(({ value }) => value),
      [1, 2, 3],
    )
    assert.deepEqual(await problems(), [])
  })

  it('a truncated or replaced journal withdraws no committed epoch and doubles none', async () => {
    const { run, write } = session()
    write(whole(1) + whole(2))
    await stores.ingest()
    truncateSync(join(run, 'journal.jsonl'), 60)
    await stores.ingest()
    assert.deepEqual(await numbers(), [1, 2])
    rmSync(join(run, 'journal.jsonl'))
    writeFileSync(join(run, 'journal.jsonl'), line({ ...STARTED, time: 2 }) + whole(1) + whole(2) + whole(3))
    await stores.ingest()
    assert.deepEqual(await numbers(), [1, 2, 3])
    const { value } = await stores.documents.points(await stores.sessions.history(id(1)), { split: 'val', name: 'loss' })
    assert.deepEqual([...value], [1, 2, 3])
  })

  it('random bytes and JSON of the wrong shape are reported with their line; the rest goes on', async function () {
    this.timeout(120_000)
    const chance = random(7)
    const { write } = session()
    const wrong = [
      null,
      1,
      'x',
      [],
      {},
      { type: 'commit' },
      { type: 'epoch', epoch: 'xyz', number: 1 },
      { type: 'epoch', epoch: id(5), number: -1 },
      { type: 'epoch', epoch: id(5), number: 1.5 },
      { type: 'metrics', epoch: id(1), split: 3 },
      { type: 'metrics', epoch: id(1), split: 'a', step: [1], time: [1], values: { x: [1, 2] } },
      { type: 'metrics', epoch: 'nope', split: 'a', step: null, time: 1, values: {} },
      { type: 'samples', epoch: id(1), split: 'a', fields: { a: [1], b: [1, 2] } },
      { type: 'started', hyperparameters: 3 },
      { type: 'finished', status: 'odd' },
    ]
    for (let n = 1; n <= 20; n++) {
      write(whole(n))
      for (let i = 0; i < 5; i++) write(Buffer.concat([randomBytes(Math.floor(chance() * 300)), Buffer.from('\n')]))
      for (const value of wrong) write(line(value))
    }
    await stores.ingest()
    assert.deepEqual(
      await numbers(),
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
    const said = await problems()
    assert.ok(said.length >= 20 * (wrong.length - 2), String(said.length))
    for (const one of said) assert.match(one, /^journal\.jsonl:\d+ \S/)
  })

  it('any JSON whatever in a line, in session.json or in marks.json blocks nothing', async function () {
    this.timeout(120_000)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 6 }), fc.jsonValue(), async (values, other) => {
        rmSync(dir, { recursive: true, force: true })
        const { write } = session()
        for (const [i, value] of values.entries()) {
          const type = ['started', 'epoch', 'metrics', 'samples', 'commit', 'finished', 'gap'][i % 7]
          write(line(typeof value === 'object' && value !== null && !Array.isArray(value) ? { type, epoch: id(1), ...value } : value))
        }
        write(line(STARTED) + whole(50))
        session(2)
        writeFileSync(join(dir, 'runs', id(2), 'session.json'), JSON.stringify(other))
        session(3)
        writeFileSync(join(dir, 'runs', id(3), 'marks.json'), JSON.stringify(other))
        await stores.ingest()
        await listSessions({ stores, dir })
        assert.ok((await numbers()).includes(50))
      }),
      { numRuns: 60 },
    )
  })

  it('JSON nested without end is reported where it stands', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const { write } = session()
    write(line(epoch(1)))
    for (const text of [
      `{"type":"samples","epoch":"${id(1)}","split":"val","fields":{"a":[${deep}]}}`,
      `{"type":"started","hyperparameters":{"a":${deep}}}`,
      deep,
      `{"type":"metrics","epoch":"${id(1)}","split":"val","step":null,"time":1,"values":{"a":[${deep}]}}`,
    ])
      write(`${text}\n`)
    write(line(metrics(1)) + line(commit(1)))
    session(2)
    writeFileSync(
      join(dir, 'runs', id(2), 'session.json'),
      `{"format":1,"sessionId":"${id(2)}","modelName":"x","overrides":${deep.replaceAll('[', '{"a":').replaceAll(']', '}').replace(':}', ':1}')}}`,
    )
    session(3)
    writeFileSync(join(dir, 'runs', id(3), 'marks.json'), `{"tags":${deep}}`)
    await stores.ingest()
    // The line that began anew abandoned the epoch before it only if it was taken.
    assert.deepEqual(await numbers(), [1])
    const said = await problems()
    for (const at of ['journal.jsonl:3', 'journal.jsonl:4', 'journal.jsonl:5', 'journal.jsonl:6', 'session.json', 'marks.json'])
      assert.ok(
        said.some((one) => one.startsWith(at)),
        `${at}: ${said.join('\n')}`,
      )
    assert.equal((await listSessions({ stores, dir })).length, 2)
  })

  it('epochs out of order or begun twice, and commits that belong to nothing, are refused', async () => {
    const { write } = session()
    write(
      whole(1) +
        whole(3) +
        line(epoch(2)) +
        line(commit(2)) +
        line(epoch(3, 3)) +
        line(commit(99)) +
        whole(4) +
        line(commit(4)) +
        line(epoch(5, 4)) +
        line(commit(5)),
    )
    await stores.ingest()
    assert.deepEqual(await numbers(), [1, 3, 4])
    assert.ok((await problems()).length >= 4)
  })

  it('a commit that names a file outside, a link, a missing or a changed one is refused; the rest goes on', async () => {
    const { run, write } = session()
    const bytes = 'weights'
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(root, 'secret'), bytes)
    writeFileSync(join(run, 'weights', 'good.bin'), bytes)
    writeFileSync(join(run, 'weights', 'changed.bin'), 'other')
    symlinkSync(join(root, 'secret'), join(run, 'weights', 'link.bin'))
    const named = (file: string) => ({ weights: { file, sha256, bytes: bytes.length, format: 'bin' } })
    const missing = { weights: { file: 'weights/none.bin', sha256: '0'.repeat(64), bytes: 7, format: 'bin' } }
    write(
      whole(1, named('../../../secret')) +
        whole(2, named(join(root, 'secret'))) +
        whole(3, named('weights/link.bin')) +
        whole(4, missing) +
        whole(5, named('weights/changed.bin')) +
        whole(6, named('weights/good.bin')) +
        whole(7, { graph: '../session.json' }) +
        whole(8, { graph: 'session.json' }) +
        whole(9),
    )
    await stores.ingest()
    assert.deepEqual(await numbers(), [6, 9])
    const said = (await problems()).join('\n')
    for (const n of [1, 2, 3, 4, 5, 7, 8]) assert.match(said, new RegExp(`epoch ${n} was refused`), said)
  })

  it('names of any kind are mended, unique and found', async () => {
    const names = [
      'a"b\'c',
      'line\nbreak',
      '😀 émile',
      'x'.repeat(10_000),
      'a@b~c',
      ' spaced ',
      'deadbeef',
      '',
      '../../etc',
      '__proto__',
      'constructor',
    ]
    for (const [i, modelName] of names.entries()) session(i + 1, { modelName }).write(whole(100 + i))
    await stores.ingest()
    const all = await listSessions({ stores, dir })
    assert.deepEqual(
      all.map(({ modelName }) => modelName),
      names,
    )
    assert.equal(new Set(all.map(({ name }) => name)).size, names.length)
    for (const { name, id: one } of all) assert.equal((await log({ stores, dir }, name)).session.id, one)
  })

  it('a time that is none falls back to that of the id', async () => {
    for (const [i, createdAt] of ['nonsense', 1e308, -1e308, ''].entries()) session(i + 1, { createdAt }).write(whole(100 + i))
    await stores.ingest()
    const all = await listSessions({ stores, dir })
    assert.deepEqual(
      all.map(({ createdAt }) => createdAt),
      [0, 0, 0, 0],
    )
    assert.deepEqual(await problems(), [])
  })

  it("keys of JavaScript's own in settings and metrics do no harm", async () => {
    const { write } = session()
    write(`{"type":"started","hyperparameters":{"__proto__":{"polluted":1},"constructor":2,"lr":1},"pruningPlan":{"__proto__":3}}\n`)
    write(
      `${line(epoch(1))}{"type":"metrics","epoch":"${id(1)}","split":"__proto__","step":null,"time":1,"values":{"__proto__":[1],"constructor":[2]}}\n${line(commit(1))}`,
    )
    await stores.ingest()
    const { epochs } = await log({ stores, dir }, 'net')
    assert.deepEqual(Object.entries(epochs[0]!.metrics), [
      ['__proto__/__proto__', 1],
      ['__proto__/constructor', 2],
    ])
    await show({ stores, dir }, 'net@1')
    await compare({ stores, dir }, ['net', 'net@1'])
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  })

  it('a split may hold a slash; what was logged decides where the name begins', async () => {
    const { write } = session()
    for (const n of [1, 2]) write(line(epoch(n)) + line({ ...metrics(n, 5 - n), split: 'test/night' }) + line(metrics(n)) + line(commit(n)))
    await stores.ingest()
    const metric = { split: 'test', name: 'night/loss' }
    const context = { stores, dir }
    assert.equal((await bestOf(context, 'net', metric, 'min', false)).best.number, 2)
    assert.equal((await show(context, 'net@max(test/night/loss)')).number, 1)
    assert.deepEqual((await query(context, 'net', { metrics: [metric], points: 5 })).metrics?.['test/night/loss']?.points?.high, [4, 3])
    assert.deepEqual(
      (await compare(context, ['net', 'net@1'], { metrics: [metric], points: 5 })).metrics['test/night/loss']?.values,
      [3, 4],
    )
  })

  it('a line over 8 MiB is passed over, in bounded memory', async function () {
    this.timeout(60_000)
    const { write } = session()
    write(whole(1))
    write(`{"type":"samples","epoch":"${id(1)}","x":"`)
    for (let i = 0; i < 40; i++) write(Buffer.alloc(1 << 20, 'y'))
    write('"}\n')
    write(whole(2))
    await stores.ingest()
    assert.deepEqual(await numbers(), [1, 2])
    assert.match((await problems()).join('\n'), /journal\.jsonl:5 .*8 MiB/)
  })

  it('a graph with 200,000 nodes, cycles and edges to nowhere can be shown and compared', async function () {
    this.timeout(120_000)
    const { run, write } = session()
    const nodes = (width: number) =>
      Object.fromEntries(
        Array.from({ length: 200_000 }, (_, i) => [
          `n${i}`,
          {
            id: `n${i}`,
            data: { parameters: { w: [width, i % 7] } },
            inputs: { [`n${(i + 1) % 200_000}`]: {}, nowhere: {} },
            outputs: { [`n${i}`]: {} },
          },
        ]),
      )
    for (const n of [1, 2]) {
      writeFileSync(join(run, 'graphs', `${n}.json`), JSON.stringify({ id: 'g', nodes: nodes(n) }))
      write(whole(n, { graph: `graphs/${n}.json` }))
    }
    await stores.ingest()
    assert.equal((await show({ stores, dir }, 'net@1')).graph?.nodes, 200_000)
    assert.equal((await diff({ stores, dir }, 'net@1', 'net@2')).changed, 200_000)
  })

  it('folders that are no sessions are left alone', async () => {
    session().write(whole(1))
    for (const name of ['notes', id(2), 'f'.repeat(23)]) mkdirSync(join(dir, 'runs', name))
    writeFileSync(join(dir, 'runs', id(3)), 'a file')
    mkdirSync(join(dir, 'runs', id(4), 'session.json'), { recursive: true })
    symlinkSync(root, join(dir, 'runs', id(5)))
    await stores.ingest()
    assert.equal((await listSessions({ stores, dir })).length, 1)
  })

  it('forks that lead in a circle, or to nowhere, show their own epochs', async () => {
    session(1, { forkedFrom: { sessionId: id(2), epochId: id(12), epochNumber: 1 } }).write(
      whole(11).replaceAll('"number":17', '"number":2'),
    )
    session(2, { forkedFrom: { sessionId: id(1), epochId: id(11), epochNumber: 2 } }).write(whole(12))
    session(3, { forkedFrom: { sessionId: id(77), epochId: id(78), epochNumber: 5 } }).write(whole(13))
    await stores.ingest()
    const all = await listSessions({ stores, dir })
    assert.equal(all.length, 3)
    assert.equal(all.find((one) => one.id === id(3))?.parentMissing, true)
    assert.deepEqual(await numbers(3), [13])
  })
})

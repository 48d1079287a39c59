import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CompareJson, LogJson, SessionJson } from '../../server/protocol/model'

const id = (n: number) => n.toString(16).padStart(24, '0')
const line = (value: object) => `${JSON.stringify(value)}\n`

describe('journals read by the command line', () => {
  let dir: string
  beforeEach(() => (dir = join(mkdtempSync(join(tmpdir(), 'epochtree-')), '.epochtree')))
  afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }))

  function run(...args: string[]) {
    const done = spawnSync(process.execPath, ['bin/epochtree.mjs', ...args, '--dir', dir], { encoding: 'utf8' })
    return { ...done, json: <Answer>() => (assert.equal(done.status, 0, done.stderr), JSON.parse(done.stdout) as Answer) }
  }
  function session(n: number, extra: object = {}) {
    const folder = join(dir, 'runs', id(n))
    mkdirSync(join(folder, 'graphs'), { recursive: true })
    mkdirSync(join(folder, 'weights'))
    writeFileSync(
      join(folder, 'session.json'),
      JSON.stringify({ format: 1, sessionId: id(n), modelName: 'net', overrides: {}, command: null, createdAt: n, ...extra }),
    )
    return folder
  }
  function epochLines(folder: string, n: number, number: number, weights = `weights of ${n}`, file = `weights/${n}.bin`) {
    writeFileSync(
      join(folder, `graphs/${n}.json`),
      JSON.stringify({ id: 'g', nodes: { a: { id: 'a', name: 'a', data: { parameters: { weight: [number, 2] } } } } }),
    )
    if (file === `weights/${n}.bin`) writeFileSync(join(folder, file), weights)
    const sha256 = createHash('sha256').update(`weights of ${n}`).digest('hex')
    return (
      line({ type: 'epoch', epoch: id(n), number, time: n }) +
      line({ type: 'metrics', epoch: id(n), split: 'val', step: null, time: [n], values: { loss: [1 / number], odd: ['NaN'] } }) +
      line({
        type: 'commit',
        epoch: id(n),
        graph: `graphs/${n}.json`,
        weights: { file, sha256, bytes: `weights of ${n}`.length, format: 'bin' },
        state: null,
        pruned: false,
        time: n,
      })
    )
  }
  const started = line({
    type: 'started',
    format: 1,
    time: 1,
    attempt: id(999),
    after: null,
    restored: null,
    pid: 1,
    host: 'elsewhere',
    bootId: 'x',
    hyperparameters: { lr: 0.1 },
    pruningPlan: {},
    environment: {},
  })
  const finished = line({ type: 'finished', status: 'completed', error: null, time: 9 })
  const journal = (folder: string, text: string) => writeFileSync(join(folder, 'journal.jsonl'), text)

  function twoModels() {
    const parent = session(1)
    journal(parent, started + epochLines(parent, 11, 1) + epochLines(parent, 12, 2) + epochLines(parent, 13, 3) + finished)
    const fork = session(2, { forkedFrom: { sessionId: id(1), epochId: id(12), epochNumber: 2 } })
    journal(fork, started.replace('0.1', '0.2') + epochLines(fork, 23, 3) + epochLines(fork, 24, 4) + finished)
  }

  it('shows a fork with the past it shares and then its own', () => {
    twoModels()
    const sessions = run('sessions', '--json').json<SessionJson[]>()
    assert.deepEqual(
      sessions.map(({ name, epochs, own, status }) => ({ name, epochs, own, status })),
      [
        { name: 'net', epochs: 3, own: 3, status: 'completed' },
        { name: 'net-2', epochs: 4, own: 2, status: 'completed' },
      ],
    )
    const { epochs } = run('log', 'net-2', '--json').json<LogJson>()
    assert.deepEqual(
      epochs.map((epoch) => [epoch.number, epoch.inherited, epoch.state, epoch.metrics]),
      [
        [1, true, 'ok', { 'val/loss': 1, 'val/odd': 'NaN' }],
        [2, true, 'ok', { 'val/loss': 0.5, 'val/odd': 'NaN' }],
        [3, false, 'ok', { 'val/loss': 1 / 3, 'val/odd': 'NaN' }],
        [4, false, 'ok', { 'val/loss': 0.25, 'val/odd': 'NaN' }],
      ],
    )
    const compared = run('compare', 'net', 'net-2', '--json').json<CompareJson>()
    assert.equal(compared.sharedEpochs, 2)
    assert.deepEqual(compared.pairs, [{ a: 'net', b: 'net-2', shared: 2, at: { id: id(12), number: 2 } }])
    assert.deepEqual(compared.hyperparameters, [{ path: 'lr', values: [0.1, 0.2] }])
    assert.deepEqual(
      compared.graph[0]?.summary.map((one) => one?.parameters),
      [6, 8],
    )
  })

  it('gives the same answers from a store that was deleted or damaged', () => {
    twoModels()
    const answers = () => ['net', 'net-2'].map((name) => run('log', name, '--json').json<LogJson>())
    const before = answers()
    for (const name of readdirSync(dir).filter((file) => file.startsWith('store'))) rmSync(join(dir, name))
    assert.deepEqual(answers(), before)
    writeFileSync(join(dir, 'store.sqlite'), 'no database at all, but long enough to be taken for one '.repeat(40))
    assert.match(run('sessions').stderr, /^epochtree: store-corrupt: .*doctor --rebuild/)
    assert.equal(run('doctor', '--rebuild').status, 0)
    assert.deepEqual(answers(), before)
  })

  it('shows only committed epochs, wherever the journal is cut', () => {
    const folder = session(1)
    const text = started + epochLines(folder, 11, 1) + epochLines(folder, 12, 2)
    const commits = [...text.matchAll(/"type":"commit".*\n/g)].map((match) => match.index + match[0].length)
    for (let cut = 0; cut <= text.length; cut += 97) {
      journal(folder, text.slice(0, cut))
      rmSync(join(dir, 'store.sqlite'), { force: true })
      rmSync(join(dir, 'store.sqlite-wal'), { force: true })
      const [only] = run('sessions', '--json').json<SessionJson[]>()
      assert.equal(only?.own, commits.filter((end) => end <= cut).length, `cut at ${cut}`)
    }
  })

  it('reads on where it stopped, and documents once after the journal was replaced by an equal one', () => {
    const folder = session(1)
    const first = started + epochLines(folder, 11, 1)
    journal(folder, `${first}{"type":"epo`)
    assert.equal(run('sessions', '--json').json<SessionJson[]>()[0]?.own, 1)
    journal(folder, first)
    appendFileSync(join(folder, 'journal.jsonl'), epochLines(folder, 12, 2))
    assert.equal(run('sessions', '--json').json<SessionJson[]>()[0]?.own, 2)
    journal(folder, ` \n${first}${epochLines(folder, 12, 2)}`)
    assert.equal(run('log', 'net', '--json').json<LogJson>().epochs.length, 2)
  })

  it('refuses an epoch whose weights are missing, elsewhere, linked or not what was promised; the rest goes on', () => {
    const folder = session(1)
    symlinkSync('/etc/hostname', join(folder, 'weights/link'))
    journal(
      folder,
      started +
        epochLines(folder, 11, 1) +
        epochLines(folder, 12, 2, '', 'weights/none') +
        epochLines(folder, 13, 3, '', '../../../outside') +
        epochLines(folder, 14, 4, '', 'weights/link') +
        epochLines(folder, 15, 5, 'other content') +
        epochLines(folder, 16, 6) +
        'not json\n' +
        finished,
    )
    assert.deepEqual(
      run('log', 'net', '--json')
        .json<LogJson>()
        .epochs.map(({ number }) => number),
      [1, 6],
    )
    const { problems } = run('ingest', '--json').json<{ problems: { message: string; line: number | null }[] }>()
    assert.equal(problems.length, 5)
    assert.ok(existsSync(join(folder, 'weights/15.bin')), 'what did not match is left where it was')
  })

  it('names the nearest when a reference leads nowhere', () => {
    twoModels()
    assert.match(run('show', 'nett').stderr, /^epochtree: unknown-session: .*net/)
    assert.match(run('show', 'net@9').stderr, /^epochtree: unknown-epoch: .*net@3/)
    assert.equal(run('nonsense').status, 2)
  })
})

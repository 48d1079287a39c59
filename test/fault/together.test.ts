import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogJson, SessionJson, ShowJson, StartedJson } from '../../server/protocol/model'
import { LocalStores } from '../../server/storage/local/stores'
import { cli, engine, environment, ingest, journalLines, start } from './support'

const ROUNDS = 50
const training = (body: string) =>
  `import sys, epochtree\nG = {"id": "g", "nodes": {"a": {"id": "a", "data": {"parameters": {"w": [2, 2]}}}}}\n${body}`
const THREE = training(`
with epochtree.session("net") as session:
    for epoch in session.epochs(3):
        epoch.log({"loss": 1 / epoch.number}, split="val")
        epoch.log_samples({"label": [0, 1, 1], "loss": [0.1, 0.2, 0.4]}, split="val")
        epoch.commit(graph=G, weights=b"w%d" % epoch.number, state=b"s%d" % epoch.number)
`)

describe('several at once, and what goes wrong', () => {
  let root: string
  let dir: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-fault-'))
    dir = join(root, '.epochtree')
  })
  afterEach(() => {
    spawnSync('chmod', ['-R', 'u+w', root])
    rmSync(root, { recursive: true, force: true })
  })
  const train = async (script = THREE, ...words: string[]) => {
    const child = engine(dir, script, ...words)
    const { status, err } = await child.ended
    assert.equal(status, 0, err)
    return child.out()
  }
  const sessions = () => cli(dir, 'sessions', '--json').json() as SessionJson[]
  const log = (reference: string) => cli(dir, 'log', reference, '--json').json() as LogJson

  it(`two ingesting processes and a reader agree, in ${ROUNDS} rounds`, async function () {
    this.timeout(300_000)
    await train()
    const id = readdirSync(join(dir, 'runs'))[0]!
    const journal = join(dir, 'runs', id, 'journal.jsonl')
    // The reader below reads no journals: of a store that is made at the same moment it would know nothing yet.
    sessions()
    for (let round = 0; round < ROUNDS; round++) {
      const number = 4 + round
      const epoch = number.toString(16).padStart(24, '0')
      const metrics = Array.from({ length: 40 }, (_, i) => ({
        type: 'metrics',
        epoch,
        split: 'train',
        step: [i],
        time: [i],
        values: { loss: [i + number] },
      }))
      const lines = [
        { type: 'epoch', epoch, number, time: 1 },
        ...metrics,
        { type: 'commit', epoch, graph: null, weights: null, state: null, pruned: false, time: 2 },
      ]
      appendFileSync(journal, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
      const children = [
        ingest(dir),
        ingest(dir),
        start(process.execPath, ['bin/epochtree.mjs', 'log', 'net', '--json', '--no-ingest', '--dir', dir], dir),
      ]
      for (const { status, err } of await Promise.all(children.map(({ ended }) => ended))) assert.equal(status, 0, err)
    }
    const stores = new LocalStores(dir)
    await stores.ingest()
    const history = await stores.sessions.history(id)
    const { value } = await stores.documents.points(history, { split: 'train', name: 'loss' })
    assert.deepEqual(
      [...value],
      Array.from({ length: ROUNDS }, (_, round) => Array.from({ length: 40 }, (_unused, i) => i + 4 + round)).flat(),
    )
    assert.equal((await stores.sessions.epochs(history)).length, 3 + ROUNDS)
    await stores.close()
  })

  it('a reader goes on when the store is deleted under it', async () => {
    await train()
    const stores = new LocalStores(dir)
    await stores.ingest()
    const before = await stores.sessions.sessions()
    for (const suffix of ['', '-wal', '-shm']) rmSync(stores.file + suffix, { force: true })
    assert.deepEqual(await stores.sessions.sessions(), before)
    await stores.close()
  })

  it('a damaged store is named as such, and built again with the same answers to every command', async function () {
    this.timeout(120_000)
    await train()
    await train()
    cli(dir, 'fork', 'net@2', '--name', 'forked', '--json').json()
    await train(
      training(
        'with epochtree.session("net", resume="must", name="forked") as session:\n  for epoch in session.epochs(4):\n    epoch.commit(graph=G, weights=b"f")',
      ),
    )
    for (const words of [
      ['rename', 'net-2', 'second'],
      ['tag', 'net', 'good', 'old'],
      ['select', 'net@2'],
      ['delete', 'second'],
    ])
      cli(dir, ...words, '--json').json()
    const questions = [
      ['sessions'],
      ['sessions', '--deleted'],
      ['log', 'net'],
      ['log', 'forked'],
      ['show', 'net@2'],
      ['show', 'forked@4'],
      ['graph', 'net@1'],
      ['compare', 'net', 'forked'],
      ['best', 'net', '--min', 'val/loss'],
      ['query', 'net'],
      ['query', 'net', '--group-by', 'label'],
      ['log', 'second'],
    ]
    const answers = () => questions.map((words) => cli(dir, ...words, '--json').json())
    const before = answers()
    const { file } = new LocalStores(dir)
    writeFileSync(file, Buffer.alloc(statSync(file).size, 'x'))
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
    const refused = cli(dir, 'sessions')
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /^epochtree: store-corrupt: .*epochtree doctor --rebuild/)
    assert.equal(cli(dir, 'doctor').status, 1)
    cli(dir, 'doctor', '--rebuild', '--json').json()
    assert.deepEqual(answers(), before)
    cli(dir, 'restore', 'second', '--json').json()
    assert.equal(sessions().length, 3)
  })

  it('two forks with one name at the same moment get two names', async () => {
    await train()
    assert.equal(cli(dir, 'ingest').status, 0)
    const fork = () => start(process.execPath, ['bin/epochtree.mjs', 'fork', 'net@2', '--name', 'twin', '--json', '--dir', dir], dir)
    const children = [fork(), fork(), fork()]
    const statuses = await Promise.all(children.map(({ ended }) => ended))
    for (const { status, err } of statuses) assert.equal(status, 0, err)
    const names = children.map(({ out }) => (JSON.parse(out()) as StartedJson).session.name).toSorted()
    assert.deepEqual(names, ['twin', 'twin-2', 'twin-3'])
  })

  it('a second engine on one session is refused, and the first goes on', async () => {
    const script = training(`
with epochtree.session("net", resume="auto", key="k") as session:
    try:
        epochtree.session("net", resume="must", key="k")
    except epochtree.EpochtreeError as error:
        print(error.code)
    for epoch in session.epochs(2):
        epoch.commit(graph=G)
`)
    assert.equal((await train(script)).trim(), 'session-running')
    assert.equal(log('net').epochs.length, 2)
  })

  it('half a line at the end does not exist, and is cut away by a resume', async () => {
    const script = training(`
import os
session = epochtree.session("net", resume="auto", key="k")
for epoch in session.epochs(int(sys.argv[1])):
    epoch.commit(graph=G)
os._exit(1)
`)
    await engine(dir, script, '2').ended
    const run = join(dir, 'runs', readdirSync(join(dir, 'runs'))[0]!)
    appendFileSync(join(run, 'journal.jsonl'), '{"type":"epoch","epoch":"0000')
    assert.equal(log('net').epochs.length, 2)
    assert.equal(sessions()[0]?.status, 'interrupted')
    await engine(dir, script, '3').ended
    assert.deepEqual(
      log('net').epochs.map(({ number }) => number),
      [1, 2, 3],
    )
    assert.equal(journalLines(run).filter(({ type }) => type === 'started').length, 2)
  })

  it("the user's own weights file may be overwritten after the commit", async () => {
    const file = join(root, 'model.bin')
    await train(
      training(`
with epochtree.session("net") as session:
    for epoch in session.epochs(3):
        open(sys.argv[1], "wb").write(b"weights %d" % epoch.number)
        epoch.commit(graph=G, weights=sys.argv[1])
    open(sys.argv[1], "wb").write(b"something else")
`),
      file,
    )
    for (const number of [1, 2, 3]) cli(dir, 'checkout', `net@${number}`, '--to', join(root, `out${number}`), '--json').json()
    assert.equal(spawnSync('cat', [join(root, 'out2', 'weights.bin')], { encoding: 'utf8' }).stdout, 'weights 2')
  })

  it('a parent with forks can be deleted and collected; the forks keep what they need', async function () {
    this.timeout(60_000)
    await train()
    cli(dir, 'fork', 'net@2', '--name', 'child', '--json').json()
    const go = training(
      'with epochtree.session("net", resume="must", name="child") as session:\n  for epoch in session.epochs(4):\n    epoch.commit(graph=G, weights=b"c%d" % epoch.number)',
    )
    await train(go)
    const before = log('child').epochs
    cli(dir, 'delete', 'net', '--json').json()
    // Whatever is younger than an hour is spared.
    for (const folder of spawnSync('find', [dir], { encoding: 'utf8' }).stdout.trim().split('\n')) utimesSync(folder, 1, 1)
    cli(dir, 'gc', '--json').json()
    assert.deepEqual(log('child').epochs, before)
    assert.deepEqual(
      before.map(({ number, inherited }) => [number, inherited]),
      [
        [1, true],
        [2, true],
        [3, false],
        [4, false],
      ],
    )
    cli(dir, 'fork', 'child@2', '--name', 'grandchild', '--json').json()
    const { file } = new LocalStores(dir)
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
    assert.deepEqual(log('child').epochs, before)
    assert.equal(log('grandchild').epochs.length, 2)
  })

  it('a fork of a fork, of a running parent, can be resumed, and is read before its parent', async function () {
    this.timeout(60_000)
    const running = engine(
      dir,
      training(`
import time
with epochtree.session("net") as session:
    for epoch in session.epochs(2):
        epoch.commit(graph=G, weights=b"p%d" % epoch.number)
    print("ready", flush=True)
    time.sleep(60)
`),
    )
    for (let i = 0; i < 500 && !running.out().includes('ready'); i++) await new Promise((done) => setTimeout(done, 20))
    assert.equal(sessions()[0]?.status, 'running')
    cli(dir, 'fork', 'net@2', '--name', 'a', '--json').json()
    const go = (name: string, to: number) =>
      train(
        training(`
with epochtree.session("net", resume="must", name=sys.argv[1]) as session:
    print(session.starts_from.number, open(session.starts_from.weights_path, "rb").read().decode())
    for epoch in session.epochs(${to}):
        epoch.commit(graph=G, weights=b"%s%d" % (sys.argv[1].encode(), epoch.number))
`),
        name,
      )
    assert.equal((await go('a', 4)).trim(), '2 p2')
    cli(dir, 'fork', 'a@3', '--name', 'b', '--json').json()
    assert.equal((await go('b', 4)).trim(), '3 a3')
    assert.equal((await go('b', 5)).trim(), '4 b4')
    running.process.kill('SIGKILL')
    await running.ended
    const before = log('b').epochs
    assert.deepEqual(
      before.map(({ number }) => number),
      [1, 2, 3, 4, 5],
    )
    // The store that reads the youngest first comes to the same.
    const ids = Object.fromEntries(sessions().map(({ name, id }) => [name, id]))
    const stores = new LocalStores(dir)
    await stores.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(stores.file + suffix, { force: true })
    writeFileSync(stores.file, '')
    for (const name of ['b', 'a', 'net']) await stores.ingest({ only: [ids[name]!] })
    await stores.close()
    assert.deepEqual(log('b').epochs, before)
  })

  it('a folder that can only be read still answers, and says why it can not be changed', async () => {
    await train()
    const before = log('net').epochs
    if (process.getuid?.() === 0) {
      // For root every file can be written, unless the file system itself is read-only.
      const mounted =
        spawnSync('mount', ['--bind', dir, dir]).status === 0 && spawnSync('mount', ['-o', 'remount,ro,bind', dir]).status === 0
      assert.ok(mounted, 'mounting is not possible here: run this test as an ordinary user')
    } else spawnSync('chmod', ['-R', 'a-w', dir])
    try {
      assert.deepEqual(log('net').epochs, before)
      const refused = cli(dir, 'tag', 'net', 'x')
      assert.equal(refused.status, 1)
      assert.match(refused.stderr, /^epochtree: read-only: /)
    } finally {
      if (process.getuid?.() === 0) spawnSync('umount', [dir])
    }
  })

  it('a full disk is named, loses nothing, and goes on when there is room', async function () {
    this.timeout(60_000)
    await train()
    assert.equal(cli(dir, 'ingest').status, 0)
    const run = join(dir, 'runs', readdirSync(join(dir, 'runs'))[0]!)
    const epoch = 'f'.repeat(24)
    const steps = Array.from({ length: 5000 }, (_, i) => i)
    const lines: object[] = [{ type: 'epoch', epoch, number: 4, time: 1 }]
    for (let i = 0; i < 20; i++)
      lines.push({ type: 'metrics', epoch, split: 'train', step: steps, time: steps, values: { [`m${i}`]: steps.map(Math.random) } })
    lines.push({ type: 'commit', epoch, graph: null, weights: null, state: null, pruned: false, time: 1 })
    appendFileSync(join(run, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const full = spawnSync(
      'bash',
      ['-c', 'ulimit -f 600; trap "" XFSZ; exec "$@"', 'bash', process.execPath, 'bin/epochtree.mjs', 'log', 'net', '--dir', dir],
      { encoding: 'utf8', env: environment(dir) },
    )
    assert.equal(full.status, 1, full.stderr)
    assert.match(full.stderr, /^epochtree: disk-full: /)
    assert.equal(log('net').epochs.length, 4)
    const stores = new LocalStores(dir)
    const history = await stores.sessions.history(sessions()[0]!.id)
    assert.equal((await stores.documents.points(history, { split: 'train', name: 'm7' })).value.length, 5000)
    await stores.close()
  })

  it('a store on a network file system lies in the cache of the user', async () => {
    await train()
    const cache = join(root, 'cache')
    const env = { ...environment(dir), EPOCHTREE_NETWORK_FOLDER: dir, XDG_CACHE_HOME: cache }
    const done = spawnSync(process.execPath, ['bin/epochtree.mjs', 'doctor', '--json', '--dir', dir], { encoding: 'utf8', env })
    assert.equal(done.status, 0, done.stderr)
    assert.ok((JSON.parse(done.stdout) as { store: { file: string } }).store.file.startsWith(cache))
    assert.ok(!existsSync(join(dir, 'store.sqlite')))
  })

  it('a clock that goes backwards changes no order', async () => {
    await train(
      training(`
import time
real = time.time
with epochtree.session("net") as session:
    for epoch in session.epochs(3):
        time.time = lambda: real() - 1000 * epoch.number
        for step in range(3):
            epoch.log({"loss": step + 10 * epoch.number}, step=step)
        epoch.commit(graph=G)
`),
    )
    const { epochs } = log('net')
    assert.deepEqual(
      epochs.map(({ number, metrics }) => [number, metrics['train/loss']]),
      [
        [1, 12],
        [2, 22],
        [3, 32],
      ],
    )
  })

  it('a vanished run folder, and one that comes back, trouble nobody', async () => {
    await train()
    const before = log('net').epochs
    const id = readdirSync(join(dir, 'runs'))[0]!
    const away = join(root, 'away')
    mkdirSync(away)
    spawnSync('mv', [join(dir, 'runs', id), away])
    assert.deepEqual(log('net').epochs, before)
    spawnSync('mv', [join(away, id), join(dir, 'runs')])
    assert.deepEqual(log('net').epochs, before)
    assert.equal((cli(dir, 'show', 'net@2', '--json').json() as ShowJson).number, 2)
  })
})

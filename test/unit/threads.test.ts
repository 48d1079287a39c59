import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalStores } from '../../server/storage/local/stores'
import { ThreadedStores } from '../../server/storage/local/threads'

const id = (n: number) => n.toString(16).padStart(24, '0')

function writeRun(dir: string, n: number, epochs: number, points: number) {
  const run = join(dir, 'runs', id(n))
  mkdirSync(join(run, 'graphs'), { recursive: true })
  writeFileSync(join(run, 'graphs', 'g.json'), '{"id":"g","nodes":{}}')
  const lines: object[] = [
    {
      type: 'started',
      format: 1,
      time: 1,
      attempt: id(n),
      after: null,
      restored: null,
      pid: 1,
      host: 'x',
      bootId: null,
      hyperparameters: {},
      pruningPlan: null,
      environment: {},
    },
  ]
  for (let e = 1; e <= epochs; e++) {
    const epoch = id(n * 1000 + e)
    const steps = Array.from({ length: points }, (_, i) => i)
    lines.push({ type: 'epoch', epoch, number: e, time: e })
    lines.push({ type: 'metrics', epoch, split: 'train', step: steps, time: steps, values: { loss: steps.map((s) => s / 7) } })
    lines.push({ type: 'commit', epoch, graph: 'graphs/g.json', weights: null, state: null, pruned: false, time: e })
  }
  writeFileSync(join(run, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  writeFileSync(
    join(run, 'session.json'),
    JSON.stringify({
      format: 1,
      sessionId: id(n),
      modelName: 'net',
      name: `net-${n}`,
      forkedFrom: null,
      overrides: {},
      command: null,
      createdAt: n,
    }),
  )
}

describe('the stores on threads', () => {
  let dir: string
  let stores: ThreadedStores
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'epochtree-threads-'))
    stores = new ThreadedStores(dir)
  })
  afterEach(async () => {
    await stores.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('answer as the stores on one thread do', async () => {
    for (let n = 1; n <= 3; n++) writeRun(dir, n, 5, 100)
    await stores.ingest()
    const direct = new LocalStores(dir)
    try {
      assert.deepEqual(await stores.sessions.sessions(), await direct.sessions.sessions())
      const scope = await stores.sessions.history(id(2))
      assert.deepEqual(await stores.sessions.epochs(scope), await direct.sessions.epochs(scope))
      const metric = { split: 'train', name: 'loss' }
      assert.deepEqual(await stores.documents.points(scope, metric), await direct.documents.points(scope, metric))
      assert.equal((await stores.documents.points(scope, metric)).value.length, 500)
    } finally {
      await direct.close()
    }
  })

  it('answer while a long journal is read, and stop reading when it is cancelled', async () => {
    writeRun(dir, 1, 2, 10)
    await stores.ingest()
    writeRun(dir, 2, 600, 5000)
    const cancel = new AbortController()
    const waits: number[] = []
    let ended = false
    const reading = stores
      .ingest({ signal: cancel.signal })
      .then(
        () => 'read',
        (error: { code: string }) => error.code,
      )
      .finally(() => (ended = true))
    for (let i = 0; i < 15 && !ended; i++) {
      const before = performance.now()
      assert.ok((await stores.sessions.session(id(1))) !== undefined)
      waits.push(performance.now() - before)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    if (ended)
      assert.fail(`the journal was read too soon for this test to tell anything: ${await reading}, ${waits.map(Math.round).join(' ')}`)
    cancel.abort()
    assert.equal(await reading, 'aborted')
    assert.ok(waits.toSorted((a, b) => a - b)[Math.floor(waits.length / 2)]! < 50)
    await stores.ingest()
    assert.equal((await stores.sessions.session(id(2)))?.own, 600)
  })

  it('tell errors in the words of the error, and go on', async () => {
    await assert.rejects(
      stores.weights.placeAt('0'.repeat(64), join(dir, 'here')),
      (error: { code?: string }) => typeof error.code === 'string',
    )
    assert.deepEqual(await stores.sessions.sessions(), [])
  })

  it('keep no process alive', () => {
    const program = `import { ThreadedStores } from ${JSON.stringify(new URL('threadsProbe.js', import.meta.url).href)}; const s = new ThreadedStores(${JSON.stringify(dir)}); console.log((await s.sessions.sessions()).length)`
    assert.equal(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', timeout: 20_000 }).trim(), '0')
  })
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalStores } from '../../server/storage/local/stores'
import { cli, engine, ingest, journalLines, random, sleep } from './support'

const ROUNDS = 200
const ROUNDS_A_SESSION = 20
const STEPS = 20
/** Trains for ever; says each epoch that `commit` called safe. */
const TRAINING = `
import sys, epochtree
with epochtree.session("net", resume="auto", key=sys.argv[1]) as session:
    for epoch in session.epochs(10**6):
        for step in range(${STEPS}):
            epoch.log({"loss": step * epoch.number}, step=step)
        if epoch.commit(graph={"id": "g", "nodes": {"a": {"id": "a", "data": {"n": epoch.number // 5}}}}, weights=b"weights %d" % epoch.number):
            print(epoch.id, epoch.number, flush=True)
`

describe('killed at any moment', () => {
  it(`engine and ingest lose nothing that was committed, in ${ROUNDS} rounds`, async function () {
    this.timeout(600_000)
    const root = mkdtempSync(join(tmpdir(), 'epochtree-kill-'))
    const dir = join(root, '.epochtree')
    const seed = Date.now() % 1e6
    const chance = random(seed)
    const said = new Map<string, string[]>()
    let killedBusy = 0
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const key = `k${Math.floor(round / ROUNDS_A_SESSION)}`
        const training = engine(dir, TRAINING, key)
        const reading = ingest(dir)
        const first = chance() < 0.5 ? training : reading
        const second = first === training ? reading : training
        // Most are killed at work, however slowly this machine starts them; the others as they start.
        if (chance() < 0.7) await Promise.race([once(training.process.stdout!, 'data'), training.ended])
        else await sleep(chance() * 60)
        await sleep(chance() * 240)
        if (first.process.exitCode === null) killedBusy++
        first.process.kill('SIGKILL')
        await sleep(chance() * 120)
        second.process.kill('SIGKILL')
        await Promise.all([training.ended, reading.ended])
        said.set(key, [...(said.get(key) ?? []), ...training.out().split('\n').slice(0, -1)])
        if (round % 10 === 9) await check(dir, said, `seed ${seed}, round ${round}`)
      }
      assert.ok(killedBusy > ROUNDS / 4, `only ${killedBusy} were killed at work`)
      // Built again from the run folders and weights alone, the store tells the same.
      const before = await told(dir)
      const { file } = new LocalStores(dir)
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
      assert.deepEqual(await told(dir), before)
      assert.ok(before.length >= ROUNDS / ROUNDS_A_SESSION)
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})

async function told(dir: string) {
  const stores = new LocalStores(dir)
  try {
    await stores.ingest()
    const answers = []
    for (const session of await stores.sessions.sessions()) {
      const history = await stores.sessions.history(session.id)
      const epochs = await stores.sessions.epochs(history)
      const { step, value } = await stores.documents.points(history, { split: 'train', name: 'loss' })
      answers.push({ session, epochs, steps: [...step], values: [...value] })
    }
    return answers
  } finally {
    await stores.close()
  }
}

async function check(dir: string, said: ReadonlyMap<string, readonly string[]>, when: string) {
  const answers = await told(dir)
  for (const { session, epochs, steps, values } of answers) {
    const lines = journalLines(join(dir, 'runs', session.id))
    const committed = lines.filter(({ type }) => type === 'commit').map(({ epoch }) => epoch)
    assert.deepEqual(
      epochs.map(({ id }) => id),
      committed,
      `${when}: each committed epoch once, in order`,
    )
    assert.deepEqual(
      epochs.map(({ number }) => number),
      epochs.map((_, i) => i + 1),
      `${when}: resumed with the right number`,
    )
    const numbers = new Map(epochs.map(({ id, number }) => [id, number]))
    for (const words of said.get(session.key ?? '') ?? []) {
      const [id, number] = words.split(' ')
      assert.equal(numbers.get(id!), Number(number), `${when}: an epoch was called safe and is not there`)
    }
    assert.deepEqual(
      values,
      epochs.flatMap(({ number }) => Array.from({ length: STEPS }, (_, step) => step * number)),
      `${when}: every value once`,
    )
    assert.equal(steps.length, epochs.length * STEPS)
    for (const { state, weights, number } of epochs) {
      assert.equal(state, 'ok', when)
      const file = join(dir, 'weights', weights!.sha256.slice(0, 2), weights!.sha256)
      assert.ok(existsSync(file), `${when}: weights of epoch ${number}`)
      assert.equal(readFileSync(file, 'utf8'), `weights ${number}`)
    }
    assert.equal(session.problems, 0, when)
  }
  const ids = new Set(answers.map(({ session }) => session.id))
  for (const run of readdirSync(join(dir, 'runs'))) if (existsSync(join(dir, 'runs', run, 'session.json'))) assert.ok(ids.has(run), when)
  assert.equal(cli(dir, 'doctor', '--json').status, 0)
}

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { statusOf } from '../../server/journal/liveness'
import type { SessionOverview } from '../../server/storage/ports'

describe('liveness', () => {
  let dir: string
  let run: string
  const real = Date.now
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'epochtree-live-'))
    run = join(dir, 'runs', '0'.repeat(24))
    mkdirSync(run, { recursive: true })
    writeFileSync(join(run, 'alive'), '')
  })
  afterEach(() => {
    Date.now = real
    rmSync(dir, { recursive: true, force: true })
  })
  const status = (engine: object, more: object = {}) =>
    statusOf(
      {
        started: true,
        finished: null,
        engine: { time: 1, pid: 1, host: 'elsewhere', bootId: null, ...engine },
        ...more,
      } as unknown as SessionOverview,
      () => run,
    )

  it('goes by the sign of life where the engine runs elsewhere', () => {
    assert.equal(status({}), 'running')
    utimesSync(join(run, 'alive'), real() / 1000 - 119, real() / 1000 - 119)
    assert.equal(status({}), 'running')
    utimesSync(join(run, 'alive'), real() / 1000 - 121, real() / 1000 - 121)
    assert.equal(status({}), 'interrupted')
    rmSync(join(run, 'alive'))
    assert.equal(status({}), 'interrupted')
  })

  it("goes by the clock of the folder's files, whatever this machine's says", () => {
    for (const hours of [-1, 1]) {
      Date.now = () => real() + hours * 3_600_000
      utimesSync(join(run, 'alive'), real() / 1000, real() / 1000)
      assert.equal(status({}), 'running')
      utimesSync(join(run, 'alive'), real() / 1000 - 130, real() / 1000 - 130)
      assert.equal(status({}), 'interrupted')
      Date.now = real
      // What was learnt of the folder holds for a while: each hour has a folder of its own.
      rmSync(dir, { recursive: true })
      dir = mkdtempSync(join(tmpdir(), 'epochtree-live-'))
      run = join(dir, 'runs', '0'.repeat(24))
      mkdirSync(run, { recursive: true })
      writeFileSync(join(run, 'alive'), '')
    }
    assert.deepEqual(readdirSync(dir), ['runs'])
  })

  it('knows at once that a process of this machine has gone', () => {
    assert.equal(status({ host: hostname(), bootId: 'an earlier boot', pid: 2 ** 30 }), 'running')
    const boot = process.platform === 'linux' ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : null
    // Only where boots can't be told apart, and the engine's said so too, is the process all there is to go by.
    if (process.platform !== 'darwin') assert.equal(status({ host: hostname(), bootId: boot, pid: 2 ** 30 }), 'interrupted')
  })

  it('tells what the journal tells of the rest', () => {
    assert.equal(status({}, { started: false }), 'created')
    for (const end of ['completed', 'stopped', 'failed']) assert.equal(status({}, { finished: { status: end, error: null } }), end)
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { atLeast } from '../../scripts/vscode/desktop'
import { alone } from '../../scripts/vscode/oneAtATime'

describe('work that only one process does', () => {
  let folder: string
  before(() => (folder = mkdtempSync(join(tmpdir(), 'epochtree-alone-'))))
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('is done once by whoever comes first; the others wait for it', async () => {
    const lock = join(folder, 'first.lock')
    let finished = false
    let works = 0
    let waits = 0
    const turn = () =>
      alone(
        lock,
        async () => {
          works++
          await new Promise((done) => setImmediate(done))
          finished = true
        },
        () => waits++,
        () => finished,
      )
    await Promise.all([turn(), turn(), turn()])
    assert.deepEqual({ works, waits, left: existsSync(lock) }, { works: 1, waits: 2, left: false })
  })

  it('is taken over from a process that is gone', async () => {
    const lock = join(folder, 'dead.lock')
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    writeFileSync(lock, JSON.stringify({ pid, host: hostname() }))
    let works = 0
    await alone(
      lock,
      async () => void works++,
      () => {},
      () => works > 0,
    )
    assert.equal(works, 1)
  })

  it('leaves the lock to others when the work fails', async () => {
    const lock = join(folder, 'failed.lock')
    const failing = alone(
      lock,
      () => Promise.reject(new Error('no network')),
      () => {},
      () => false,
    )
    await assert.rejects(failing, /no network/)
    assert.equal(existsSync(lock), false)
  })
})

describe('the desktop VS Code', () => {
  it('is taken from the version that the extension needs', () => {
    const cases: [version: string, needed: string, taken: boolean][] = [
      ['1.127.0', '1.127.0', true],
      ['1.139.1', '1.127.0', true],
      ['1.99.9', '1.127.0', false],
      ['1.126.9', '1.127.0', false],
      ['2.0.0', '1.127.0', true],
    ]
    for (const [version, needed, taken] of cases) assert.equal(atLeast(version, needed), taken, version)
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cli, environment, python } from '../fault/support'

describe('the demo', () => {
  let root: string
  before(() => (root = mkdtempSync(join(tmpdir(), 'epochtree demo é '))))
  after(() => rmSync(root, { recursive: true, force: true }))

  it('reports what its journals and weights give when they are recomputed from nothing but them', function () {
    this.timeout(300_000)
    const dir = join(root, '.epochtree')
    const { stdout, stderr, status } = cli(dir, 'demo', '--json')
    assert.equal(status, 0, stderr)
    const report = join(root, 'report.json')
    writeFileSync(report, stdout)
    const done = spawnSync(python, ['test/demo/recompute.py', dir, report], { encoding: 'utf8', env: environment(dir) })
    assert.equal(done.stdout.trim(), 'the report is right', done.stderr)
  })

  it('says kindly that it needs Python', () => {
    const done = spawnSync(process.execPath, ['bin/epochtree.mjs', 'demo', '--dir', join(root, 'none')], {
      encoding: 'utf8',
      env: { ...environment(join(root, 'none')), EPOCHTREE_PYTHON: join(root, 'no-python') },
    })
    assert.equal(done.status, 1)
    assert.match(done.stderr, /^epochtree: no-python: [^\n]*Python 3\.9[^\n]*EPOCHTREE_PYTHON[^\n]*\n$/)
  })
})

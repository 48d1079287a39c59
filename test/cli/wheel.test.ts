import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { python } from '../fault/support'

const runs = (words: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(python, words, { encoding: 'utf8', env: { ...process.env, ...env } })

describe('the Python package as a wheel', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'epochtree-wheel-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  const wheelIn = (outdir: string) => join(outdir, 'wheel', readdirSync(join(outdir, 'wheel'))[0]!)

  it('is whole, and the same bytes each time', async () => {
    const { makeWheel } = (await import(pathToFileURL('scripts/wheel.mjs').href)) as { makeWheel: (root: string, outdir: string) => void }
    makeWheel('.', folder)
    const test = runs(['-m', 'zipfile', '-t', wheelIn(folder)])
    assert.equal(test.status, 0, test.stderr)
    const hash = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
    assert.equal(hash(wheelIn(folder)), hash(wheelIn('dist')))
  })

  it('is installed by pip without building or fetching anything', function () {
    if (runs(['-m', 'pip', '--version']).status !== 0) this.skip()
    const to = join(folder, 'site')
    const done = runs(['-m', 'pip', 'install', '--no-deps', '--no-index', '--target', to, wheelIn('dist')])
    assert.equal(done.status, 0, done.stderr)
    const imported = runs(['-c', 'import epochtree, importlib.metadata as m; print(epochtree.__file__); print(m.version("epochtree"))'], {
      PYTHONPATH: to,
    })
    assert.equal(imported.status, 0, imported.stderr)
    const [file, version] = imported.stdout.trim().split(/\r?\n/)
    assert.ok(file?.startsWith(to), file)
    assert.match(version!, /^\d+\.\d+\.\d+/)
    assert.ok(readdirSync(join(to, 'epochtree')).includes('py.typed'))
  })
})

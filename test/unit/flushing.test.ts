import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { flush, writeDurably } from '../../server/journal/runFiles'
import { takeIn } from '../../server/journal/takeIn'
import { placeFile } from '../../server/storage/local/weights'
import { asOnWindows } from '../fixtures/windowsFiles'

describe('files that survive a power cut on Windows, which flushes nothing that is read-only', () => {
  let dir: string
  let windows: ReturnType<typeof asOnWindows>
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'epochtree-flushing-'))
    windows = asOnWindows()
  })
  afterEach(() => {
    windows.end()
    rmSync(dir, { recursive: true })
  })
  const written = (name: string) => {
    writeFileSync(join(dir, name), name)
    return join(dir, name)
  }
  const isKept = (path: string, content: string) => {
    assert.equal(readFileSync(path, 'utf8'), content)
    assert.equal(statSync(path).mode & 0o222, 0)
    assert.ok(windows.flushed.includes(path), `${path} was not flushed`)
  }

  it('what was written, and its folder', () => {
    flush(written('session.json'))
    flush(dir)
    writeDurably(join(dir, 'marks.json'), '{}')
    assert.equal(windows.flushed.length, 2)
  })

  it('weights that the store takes in, also where it was killed between', () => {
    const [kept, begun] = [join(dir, 'weights', 'kept'), join(dir, 'weights', 'begun')]
    takeIn(written('trained'), kept)
    isKept(kept, 'trained')
    takeIn(written('again'), kept)
    isKept(kept, 'trained')
    writeFileSync(begun, 'linked')
    takeIn(written('linked'), begun)
    isKept(begun, 'linked')
  })

  it('weights that a fork has a copy of', () => {
    const from = written('weights')
    chmodSync(from, 0o444)
    const to = join(dir, 'of a fork')
    placeFile(from, to)
    isKept(to, 'weights')
  })
})

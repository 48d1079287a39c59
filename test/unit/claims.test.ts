import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Claims } from '../../server/storage/gcs/claims'

describe('a file that somebody works on alone', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'epochtree-claims-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('is taken over where it was left, and is that one’s however long ago it was left', () => {
    const left = join(dir, 'key.free')
    writeFileSync(left, 'half of it')
    const old = new Date(Date.now() - 5 * 3600_000)
    utimesSync(left, old, old)
    const first = new Claims(dir).claim('key')
    const second = new Claims(dir).claim('key')
    assert.notEqual(first, second)
    assert.deepEqual(
      readdirSync(dir).map((name) => join(dir, name)),
      [first],
    )
  })
})

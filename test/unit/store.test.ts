import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync } from 'node:zlib'
import { checkpointPages, LocalDatabase } from '../../server/storage/local/database'
import { LocalStores } from '../../server/storage/local/stores'
import type { MetricName } from '../../server/storage/ports'
import { CHILD, PARENT, writeFirstRuns } from '../fixtures/firstStore'

describe('the file of the embedded store', () => {
  let root: string
  let dir: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-store-'))
    dir = join(root, '.epochtree')
    writeFirstRuns(dir)
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  /** All that the store can be asked. */
  async function answers(stores: LocalStores) {
    const all = []
    for (const session of [PARENT, CHILD]) {
      const history = await stores.sessions.history(session)
      const metrics: MetricName[] = [...(await stores.documents.metrics(history))]
      all.push(
        await stores.sessions.session(session),
        await stores.sessions.epochs(history),
        await stores.documents.last(history),
        await Promise.all(metrics.map((metric) => stores.documents.points(history, metric))),
        await Promise.all(metrics.map((metric) => stores.documents.envelope(history, metric, 2))),
        await stores.documents.groupBy([history], { split: 'val', by: 'label', field: 'loss', better: null, most: 100 }),
      )
    }
    return all
  }

  it('of the first format is brought forward, and answers as one that is built anew', async () => {
    const old = new LocalStores(dir)
    writeFileSync(old.file, gunzipSync(readFileSync('test/fixtures/store-1.sqlite.gz')))
    const other = join(root, 'other')
    writeFirstRuns(other)
    const anew = new LocalStores(other)
    await anew.ingest()
    // Once as it is found, once after all that it knows of the run folders was looked at again.
    assert.deepEqual(await answers(old), await answers(anew))
    await old.ingest()
    assert.deepEqual(await answers(old), await answers(anew))
    await old.close()
    await anew.close()
  })

  it('that another process has only begun to build is read to its end first', async () => {
    const stores = new LocalStores(dir)
    // What that process leaves when it is killed, or has not come further yet.
    new LocalDatabase(stores.file).close()
    assert.equal((await stores.sessions.sessions()).length, 2)
    await stores.close()
    const part = new LocalStores(dir)
    rmSync(part.file)
    await part.ingest({ only: [PARENT] })
    assert.deepEqual(
      (await part.sessions.sessions()).map(({ id }) => id),
      [PARENT, CHILD],
    )
    await part.close()
  })

  it('that a newer version wrote is refused, and left as it is', async () => {
    const stores = new LocalStores(dir)
    await stores.ingest()
    await stores.close()
    const newer = new DatabaseSync(stores.file)
    newer.exec('PRAGMA user_version=1000')
    newer.close()
    const before = readFileSync(stores.file)
    await assert.rejects(stores.sessions.sessions(), ({ code, message }: { code: string; message: string }) => {
      assert.equal(code, 'store-newer')
      assert.match(message, /format 1000.*Update Epochtree, or move the file away/)
      return true
    })
    await stores.close()
    assert.deepEqual(readFileSync(stores.file), before)
  })

  for (const [what, damage] of [
    ['whose head is no SQLite at all', (file: Buffer) => file.fill('x', 0, 4096)],
    ['that was cut', (file: Buffer) => file.subarray(0, file.length - 40_000)],
    ['with pages of something else', (file: Buffer) => file.fill('x', 16384)],
  ] as const)
    it(`${what} is named as damaged, with the remedy`, async () => {
      const stores = new LocalStores(dir)
      await stores.ingest()
      await stores.close()
      writeFileSync(stores.file, damage(readFileSync(stores.file)))
      await assert.rejects(answers(stores), ({ code, message }: { code: string; message: string }) => {
        assert.equal(code, 'store-corrupt')
        assert.match(message, /epochtree doctor --rebuild/)
        return true
      })
      await stores.close()
    })
})

describe('checkpoints', () => {
  it('are left to the last who closes where SQLite could lose a commit', () => {
    for (const version of ['3.45.1', '3.51.2', '2.99.99']) assert.equal(checkpointPages(version), 0, version)
    for (const version of ['3.51.3', '3.52.0', '3.53.4', '4.0.0']) assert.ok(checkpointPages(version) > 0, version)
  })
})

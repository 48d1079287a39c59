import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect, deletable } from '../../server/actions/gc'
import { LocalStores } from '../../server/storage/local/stores'
import { CHILD, PARENT, weightsOf, writeRuns } from './fixture'

describe('what deleting a session would free', () => {
  let dir: string
  let stores: LocalStores
  beforeEach(async () => {
    dir = join(mkdtempSync(join(tmpdir(), 'epochtree-deletable-')), '.epochtree')
    mkdirSync(dir)
    writeRuns(dir)
    stores = new LocalStores(dir)
    await stores.ingest()
  })
  afterEach(async () => {
    await stores.close()
    rmSync(join(dir, '..'), { recursive: true, force: true })
  })
  const deletableNow = (session: string) => stores.use((db) => deletable(db, dir, session))
  const wouldCollect = (youngSeconds?: number) =>
    stores.use((db) => collect(db, dir, { dryRun: true, ...(youngSeconds === undefined ? {} : { youngSeconds }) }).bytes)

  for (const [what, session] of [
    ['a fork', CHILD],
    ['a parent, whose fork keeps what it needs', PARENT],
  ] as const)
    it(`is what gc then frees, of ${what}`, async () => {
      const { bytes, young } = await deletableNow(session)
      const [all, old] = [await wouldCollect(0), await wouldCollect()]
      await stores.sessions.mark(session, { deleted: 1 })
      // The mark itself goes with its folder, where that goes.
      const mark = session === CHILD ? statSync(join(dir, 'runs', session, 'marks.json')).size : 0
      assert.equal(bytes, (await wouldCollect(0)) - all - mark)
      // Files of this minute are spared for an hour.
      assert.equal(young, Math.max(0, bytes - ((await wouldCollect()) - old - mark)))
      assert.ok(bytes > 0)
    })

  it('of a parent, more when its fork is deleted already', async () => {
    const { bytes } = await deletableNow(PARENT)
    await stores.sessions.mark(CHILD, { deleted: 1 })
    assert.ok((await deletableNow(PARENT)).bytes > bytes)
  })

  it('tells how much of it is in files that gc spares while they are young', async () => {
    const { young } = await deletableNow(PARENT)
    assert.equal(young, weightsOf(13).length)
  })

  it('changes nothing', async () => {
    await deletableNow(PARENT)
    const [first] = await stores.sessions.sessions()
    assert.deepEqual([first?.id, first?.deletedAt, first?.own], [PARENT, null, 3])
  })
})

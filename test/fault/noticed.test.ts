import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JournalFile } from '../../server/journal/lines'
import { Pass } from '../../server/journal/pass'
import { LocalStores } from '../../server/storage/local/stores'

const id = (n: number) => n.toString(16).padStart(24, '0')
const line = (value: object) => `${JSON.stringify(value)}\n`
const epoch = (n: number) =>
  line({ type: 'epoch', epoch: id(n), number: n }) +
  line({ type: 'metrics', epoch: id(n), split: 'val', step: null, time: [n], values: { loss: [n] } }) +
  line({ type: 'commit', epoch: id(n) })
const FINISHED = line({ type: 'finished', status: 'completed' })

describe('what happens to files from outside', () => {
  let root: string
  let dir: string
  let stores: LocalStores
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-noticed-'))
    dir = join(root, '.epochtree')
    stores = new LocalStores(dir)
  })
  afterEach(async () => {
    await stores.close()
    rmSync(root, { recursive: true, force: true })
  })
  const file = (n: number, name: string) => join(dir, 'runs', id(n), name)
  const sessionJson = (n: number, extra: object = {}) =>
    JSON.stringify({ format: 1, sessionId: id(n), modelName: `net${n}`, createdAt: n, ...extra })
  function session(n: number, journal: string) {
    mkdirSync(join(dir, 'runs', id(n)), { recursive: true })
    writeFileSync(file(n, 'session.json'), sessionJson(n))
    writeFileSync(file(n, 'journal.jsonl'), line({ type: 'started' }) + journal)
  }
  /** As every writer of these files does it. */
  function replace(path: string, text: string) {
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
  const names = async () => (await stores.sessions.sessions()).map(({ name }) => name)
  const numbers = async (n: number) => (await stores.sessions.epochs(await stores.sessions.history(id(n)))).map(({ number }) => number)
  const problems = async () => (await stores.sessions.problems()).map(({ file: name }) => name)

  it('lines appended to a finished journal are read', async () => {
    session(1, epoch(1) + FINISHED)
    await stores.ingest()
    appendFileSync(file(1, 'journal.jsonl'), line({ type: 'started' }) + epoch(2) + FINISHED)
    await stores.ingest()
    assert.deepEqual(await numbers(1), [1, 2])
  })

  it('files that were replaced are read, also of a finished session', async () => {
    session(1, epoch(1) + FINISHED)
    await stores.ingest()
    replace(file(1, 'marks.json'), JSON.stringify({ tags: ['kept'] }))
    await stores.ingest()
    assert.deepEqual((await stores.sessions.session(id(1)))?.tags, ['kept'])
    replace(file(1, 'session.json'), sessionJson(1, { modelName: 'other' }))
    await stores.ingest()
    assert.equal((await stores.sessions.session(id(1)))?.modelName, 'other')
  })

  it('an edit in place is noticed at once of a session that goes on, and by a close look of any', async () => {
    session(1, epoch(1))
    session(2, epoch(2) + FINISHED)
    await stores.ingest()
    for (const n of [1, 2]) writeFileSync(file(n, 'session.json'), sessionJson(n, { modelName: 'other' }))
    await stores.ingest()
    assert.equal((await stores.sessions.session(id(1)))?.modelName, 'other')
    await stores.ingest({ closely: true })
    assert.equal((await stores.sessions.session(id(2)))?.modelName, 'other')
  })

  it('names that changed places are taken over', async () => {
    for (const n of [1, 2, 3]) session(n, epoch(n) + FINISHED)
    await stores.ingest()
    assert.deepEqual(await names(), ['net1', 'net2', 'net3'])
    // As another machine with a store of its own leaves the shared folder.
    const other = new LocalStores(dir, { ...process.env, EPOCHTREE_NETWORK_FOLDER: '1', XDG_CACHE_HOME: join(root, 'cache') })
    for (const [n, name] of [
      [1, 'free'],
      [3, 'net1'],
      [2, 'net3'],
      [1, 'net2'],
    ] as const)
      await other.sessions.mark(id(n), { name })
    await other.close()
    await stores.ingest()
    assert.deepEqual(await names(), ['net2', 'net3', 'net1'])
    await stores.ingest()
    assert.deepEqual(await names(), ['net2', 'net3', 'net1'])
  })

  it('a damaged file is a problem until it is mended', async () => {
    session(1, epoch(1))
    await stores.ingest()
    replace(file(1, 'session.json'), '{"format"')
    replace(file(1, 'marks.json'), '{"name":"mine","tags":')
    await stores.ingest()
    await stores.ingest()
    assert.deepEqual(await problems(), ['session.json'])
    replace(file(1, 'session.json'), sessionJson(1, { name: 'a@b' }))
    await stores.ingest()
    assert.deepEqual(await problems(), ['marks.json'])
    assert.equal(readFileSync(file(1, 'marks.json'), 'utf8'), '{"name":"mine","tags":')
    replace(file(1, 'marks.json'), '{"name":"mine","tags":["x"]}')
    await stores.ingest()
    assert.deepEqual(await problems(), [])
    assert.deepEqual((await stores.sessions.session(id(1)))?.tags, ['x'])
    assert.equal((await stores.sessions.sessions())[0]?.problems, 0)
  })

  it('a journal that can not be read keeps no other from being read', async () => {
    session(1, epoch(1))
    rmSync(file(1, 'journal.jsonl'))
    mkdirSync(file(1, 'journal.jsonl'))
    session(2, epoch(2))
    await stores.ingest()
    assert.deepEqual(await numbers(2), [2])
    assert.deepEqual(await problems(), ['journal.jsonl'])
    rmSync(file(1, 'journal.jsonl'), { recursive: true })
    writeFileSync(file(1, 'journal.jsonl'), line({ type: 'started' }) + epoch(1))
    await stores.ingest()
    assert.deepEqual(await numbers(1), [1])
    assert.deepEqual(await problems(), [])
  })

  it('who opened a journal before another read further does not begin again from its start', async () => {
    session(1, epoch(1))
    await stores.ingest()
    const journal = new JournalFile(file(1, 'journal.jsonl'))
    appendFileSync(file(1, 'journal.jsonl'), epoch(2))
    await stores.ingest()
    const place = () => stores.use((db) => db.get<{ pass: number; offset: number }>('SELECT pass, offset FROM place'))
    const before = await place()
    await stores.use((db) => db.transaction(() => new Pass(db, dir, id(1), journal).block()))
    journal.close()
    assert.deepEqual(await place(), before)
    assert.deepEqual(await numbers(1), [1, 2])
  })
})

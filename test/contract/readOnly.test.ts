import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deletable } from '../../server/actions/gc'
import { LocalStores } from '../../server/storage/local/stores'
import { ThreadedStores } from '../../server/storage/local/threads'
import { CHILD, hashOf, id, PARENT, writeRuns } from './fixture'

/** Everything in a folder: names, contents, and when they were changed. */
const everything = (dir: string) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const { mtimeMs, ctimeMs, nlink } = statSync(path)
      return [path, mtimeMs, ctimeMs, nlink, entry.isFile() ? readFileSync(path, 'hex') : ''].join(' ')
    })
    .sort()

describe('a folder that is only read', () => {
  let root: string
  let dir: string
  let env: NodeJS.ProcessEnv
  let stores: LocalStores
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-read-only-'))
    dir = join(root, '.epochtree')
    mkdirSync(dir)
    writeRuns(dir)
    env = { XDG_CACHE_HOME: join(root, 'cache'), LOCALAPPDATA: join(root, 'cache'), HOME: root }
    stores = new LocalStores(dir, env, { readOnly: true })
  })
  afterEach(async () => {
    await stores.close()
    rmSync(root, { recursive: true, force: true })
  })

  it('is left exactly as it is, whatever is asked', async () => {
    const before = everything(dir)
    await stores.ingest()
    assert.deepEqual(
      (await stores.sessions.sessions()).map(({ name, own }) => [name, own]),
      [
        ['net', 3],
        ['net-2', 1],
      ],
    )
    assert.equal((await stores.documents.last({ epochIds: [id(12)] })).length, 2)
    await stores.use((db) => deletable(db, dir, CHILD))
    assert.deepEqual(everything(dir), before)
  })

  it('never opens a store that came with it', async () => {
    writeFileSync(join(dir, 'store.sqlite'), 'not a database')
    await stores.ingest()
    assert.equal((await stores.sessions.sessions()).length, 2)
    assert.ok(!stores.file.startsWith(dir), stores.file)
    assert.equal(readFileSync(join(dir, 'store.sqlite'), 'utf8'), 'not a database')
  })

  it('refuses decisions and forks in a sentence', async () => {
    await stores.ingest()
    const refused = { code: 'read-only', message: /only read here.*trust/ }
    await assert.rejects(stores.sessions.mark(PARENT, { name: 'other' }), refused)
    await assert.rejects(stores.weights.placeAt(hashOf(11), join(root, 'placed')), refused)
  })

  it('lets weights wait that nobody verified, and takes those that were', async () => {
    await stores.ingest()
    const states = async () => (await stores.sessions.epochs({ epochIds: [id(11), id(12)] })).map(({ state }) => state)
    assert.deepEqual(await states(), ['verifying', 'verifying'])
    const kept = join(dir, 'weights', hashOf(11).slice(0, 2))
    mkdirSync(kept, { recursive: true })
    writeFileSync(join(kept, hashOf(11)), 'taken in before')
    await stores.ingest()
    assert.deepEqual(await states(), ['ok', 'verifying'])
  })

  it('gives two sessions of one name two names, without reserving them', async () => {
    const file = join(dir, 'runs', CHILD, 'session.json')
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), name: 'net' }))
    await stores.ingest()
    assert.deepEqual(
      (await stores.sessions.sessions()).map(({ name }) => name),
      ['net', 'net-2'],
    )
    assert.ok(!readdirSync(dir).includes('names'))
  })

  it('is so on threads as well', async () => {
    const before = everything(dir)
    const cache = process.env['XDG_CACHE_HOME']
    process.env['XDG_CACHE_HOME'] = join(root, 'cache')
    const threads = new ThreadedStores(dir, { readOnly: true })
    try {
      await threads.ingest()
      assert.equal((await threads.sessions.sessions()).length, 2)
    } finally {
      await threads.close()
      if (cache === undefined) delete process.env['XDG_CACHE_HOME']
      else process.env['XDG_CACHE_HOME'] = cache
    }
    assert.deepEqual(everything(dir), before)
  })
})

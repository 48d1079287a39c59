import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { ResponseError } from 'vscode-languageserver-protocol/node'
import type { ServerRequests } from '../../server/protocol/editor'
import { writeRuns } from '../contract/fixture'
import { type LspClient, type Opening, openWorkspace, temporaryFolder } from './client'

type Asked = ServerRequests['epochtree/secrets'][0]
const NOTHING = { mongo: null, elastic: null }
const settings = { mainMetric: '', refreshSeconds: 1, folder: '', inlayHints: false }

/** What came so far, and what is still to come. */
class Heard<Value> {
  readonly values: Value[] = []
  readonly #waiting: { readonly count: number; readonly done: (value: Value) => void }[] = []

  readonly add = (value: Value) => {
    this.values.push(value)
    for (const { count, done } of this.#waiting) if (count === this.values.length) done(value)
  }

  /** The one of that number, from 1. */
  at(count: number): Promise<Value> {
    return new Promise((done) => {
      if (this.values.length >= count) done(this.values[count - 1]!)
      else this.#waiting.push({ count, done })
    })
  }
}

/** A server that says nothing, and hears who comes. */
async function listener(): Promise<{ readonly port: number; readonly came: Heard<null>; readonly close: () => void }> {
  const came = new Heard<null>()
  const server: Server = createServer((socket) => {
    came.add(null)
    socket.destroy()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { port: (server.address() as { port: number }).port, came, close: () => server.close() }
}

const storeAt = (port: number) => ({
  mode: 'team' as const,
  mongo: { uri: `mongodb://127.0.0.1:${port}/` },
  elastic: { node: `http://127.0.0.1:${port}` },
  gcs: { bucket: 'team-bucket', endpoint: `http://127.0.0.1:${port}` },
})

describe("a folder's team, over the protocol", () => {
  const folders: string[] = []
  const open: LspClient[] = []
  let trap: Awaited<ReturnType<typeof listener>>
  beforeEach(async () => {
    trap = await listener()
  })
  afterEach(async () => {
    trap.close()
    for (const client of open.splice(0)) await client.close()
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })

  function folderWith(config?: unknown): string {
    const root = temporaryFolder('team')
    folders.push(root)
    mkdirSync(join(root, '.epochtree'))
    writeRuns(join(root, '.epochtree'))
    if (config !== undefined) writeFileSync(join(root, '.epochtree', 'config.json'), JSON.stringify(config))
    return root
  }
  async function opened(opening: Opening) {
    const client = await openWorkspace(opening)
    open.push(client)
    return client
  }
  let asked: Heard<Asked>
  const secrets = (what: Asked) => {
    asked.add(what)
    return NOTHING
  }
  beforeEach(() => (asked = new Heard()))
  const teamOf = async (client: LspClient) => (await client.request('epochtree/folders', null))[0]!.team

  describe('in a workspace that is not trusted', () => {
    it('points the server nowhere, whatever lies in it; trusted, it does', async () => {
      const root = folderWith({ store: storeAt(trap.port) })
      const options = { trusted: false, settings: { ...settings, store: storeAt(trap.port), ownStore: null } }
      const client = await opened({ root, secrets, options })
      const { dir } = client
      const { total } = await client.request('epochtree/sessions', { dir, nested: false, offset: 0, limit: 10 })
      assert.equal(total, 2)
      // Whatever makes it look again.
      client.notify('epochtree/secretsChanged')
      client.notify('epochtree/settings', options.settings)
      writeFileSync(join(root, '.epochtree', 'config.json'), JSON.stringify({ store: storeAt(trap.port) }, null, 2))
      const store = storeAt(trap.port)
      for (const request of [
        () => client.request('epochtree/tryServer', { dir, server: 'mongo', settings: store.mongo }),
        () => client.request('epochtree/tryServer', { dir, server: 'elastic', settings: store.elastic }),
        () => client.request('epochtree/tryServer', { dir, server: 'gcs', settings: store.gcs }),
        () => client.request('epochtree/saveTeam', { dir, store }),
        () => client.request('epochtree/fetch', { dir, reference: 'net@2', token: '1' }),
      ])
        await assert.rejects(request(), (error: ResponseError<{ code: string }>) => error.data?.code === 'not-trusted')
      await client.request('epochtree/epochs', { dir, session: 'net', offset: 0, limit: 10 }).catch(() => undefined)
      assert.equal(await teamOf(client), null)
      const before = trap.came.values.length
      assert.deepEqual([before, asked.values], [0, []])
      client.notify('epochtree/trusted')
      await client.heard('epochtree/changed', ({ folder }) => folder.team !== null)
      assert.deepEqual(await asked.at(1), { mongo: storeAt(trap.port).mongo.uri, elastic: storeAt(trap.port).elastic.node })
      await trap.came.at(1)
    })
  })

  it('is none where nothing says so, and none is looked for', async () => {
    const client = await opened({ root: folderWith(), secrets, options: { settings: { ...settings, store: null, ownStore: null } } })
    assert.equal(await teamOf(client), null)
    assert.deepEqual(asked.values, [])
  })

  for (const what of ['with sessions', 'without any'])
    it(`comes and goes with the settings and with the file, while a folder ${what} is open`, async () => {
      const root = folderWith()
      if (what === 'without any') rmSync(join(root, '.epochtree', 'runs'), { recursive: true })
      const client = await opened({ root, secrets })
      const changes: (boolean | undefined)[] = []
      let last = -1
      const step = async (has: boolean) => {
        const { version } = await client.heard('epochtree/changed', (one) => (one.folder.team !== null) === has && one.version > last)
        last = version
        changes.push(has)
      }
      client.notify('epochtree/settings', { ...settings, store: storeAt(trap.port), ownStore: null })
      await step(true)
      client.notify('epochtree/settings', { ...settings, store: { ...storeAt(trap.port), mode: 'local' }, ownStore: null })
      await step(false)
      client.notify('epochtree/settings', settings)
      writeFileSync(join(root, '.epochtree', 'config.json'), JSON.stringify({ store: storeAt(trap.port) }))
      await step(true)
      rmSync(join(root, '.epochtree', 'config.json'))
      await step(false)
      assert.deepEqual(changes, [true, false, true, false])
    })

  for (const [what, store, sentence] of [
    [
      'a password',
      { mongo: { uri: 'mongodb://me:hunter2@localhost' } },
      /holds a secret in mongo\.uri.*EPOCHTREE_MONGO_URI.*Connect to Team/,
    ],
    [
      'a key',
      { elastic: { node: 'https://localhost', apiKey: 'hunter2' } },
      /holds a secret in .*elastic\.apiKey.*EPOCHTREE_ELASTIC_API_KEY/,
    ],
    ['no address', { mongo: { uri: 'host' } }, /is no address of a MongoDB\. It looks like mongodb:\/\/host:27017/],
    ['a name that nothing is known of', { mongos: {} }, /has a key "store\.mongos" that nothing is known of/],
  ] as const)
    it(`that is named with ${what} is told of, and the folder's own sessions are shown`, async () => {
      const client = await opened({ root: folderWith({ store: { ...storeAt(trap.port), ...store } }), secrets })
      const { folder } = await client.heard('epochtree/changed', (change) => change.folder.team !== null)
      assert.match(folder.team!.trouble!, sentence)
      assert.doesNotMatch(JSON.stringify(folder), /hunter2/)
      const { total } = await client.request('epochtree/sessions', { dir: client.dir, nested: false, offset: 0, limit: 10 })
      assert.equal(total, 2)
    })

  it('gets what a person gave the editor for that address, and asks anew when that changes', async () => {
    const { mongo, elastic } = storeAt(trap.port)
    const client = await opened({ root: folderWith({ store: storeAt(trap.port) }), secrets })
    await asked.at(1)
    client.notify('epochtree/secretsChanged')
    assert.deepEqual(await asked.at(2), { mongo: mongo.uri, elastic: elastic.node })
  })

  it('is sent what a person gave the editor for it', async () => {
    const headers = new Heard<string | undefined>()
    const elastic = createHttpServer((request, response) => {
      headers.add(request.headers.authorization)
      response.writeHead(401, { 'x-elastic-product': 'Elasticsearch' }).end('{}')
    })
    await new Promise<void>((done) => elastic.listen(0, '127.0.0.1', done))
    try {
      const node = `http://127.0.0.1:${(elastic.address() as { port: number }).port}`
      await opened({
        root: folderWith({ store: { ...storeAt(trap.port), elastic: { node } } }),
        secrets: (what) => ({ mongo: null, elastic: what.elastic === node ? { username: 'me', password: 'hunter2' } : null }),
      })
      assert.equal(await headers.at(1), `Basic ${Buffer.from('me:hunter2').toString('base64')}`)
    } finally {
      elastic.close()
    }
  })

  describe('written down in the folder', () => {
    const file = (client: LspClient) => join(client.dir, 'config.json')

    it('is for everybody: what else stands there stays, and version control sees it', async () => {
      const client = await opened({ root: folderWith({ $schema: 'x' }), secrets })
      writeFileSync(join(client.dir, '.gitignore'), '*\n')
      const { dir } = client
      assert.deepEqual(await client.request('epochtree/teamFile', { dir }), { file: file(client), store: null })
      const store = storeAt(trap.port)
      await client.request('epochtree/saveTeam', { dir, store })
      assert.deepEqual(JSON.parse(readFileSync(file(client), 'utf8')), { $schema: 'x', store })
      assert.equal(readFileSync(join(dir, '.gitignore'), 'utf8'), '*\n!.gitignore\n!config.json\n')
      assert.deepEqual((await client.request('epochtree/teamFile', { dir })).store, store)
      await client.heard('epochtree/changed', ({ folder }) => folder.team !== null)
      await client.request('epochtree/saveTeam', { dir, store: null })
      assert.deepEqual(JSON.parse(readFileSync(file(client), 'utf8')), { $schema: 'x' })
    })

    it('is never made of what may not stand there, nor written over what can not be read', async () => {
      const client = await opened({ root: folderWith(), secrets })
      const { dir } = client
      const refusal = async (store: ReturnType<typeof storeAt>) =>
        client.request('epochtree/saveTeam', { dir, store }).then(
          () => assert.fail('It was written.'),
          (error: Error) => error.message,
        )
      assert.match(await refusal({ ...storeAt(1), mongo: { uri: 'mongodb://me:hunter2@host' } }), /holds a secret in mongo\.uri/)
      assert.match(await refusal({ ...storeAt(1), elastic: { node: 'ftp://host' } }), /is no address of an Elasticsearch/)
      writeFileSync(file(client), '{"store": hunter2')
      const told = await refusal(storeAt(1))
      assert.match(told, /config\.json is not JSON/)
      assert.doesNotMatch(told, /hunter2/)
      assert.equal(readFileSync(file(client), 'utf8'), '{"store": hunter2')
    })
  })

  it('has addresses that are checked while they are typed', async () => {
    const client = await opened({ root: folderWith(), secrets })
    const address = (server: 'mongo' | 'elastic' | 'gcs', text: string) =>
      client.request('epochtree/teamAddress', { server, address: text }).then(
        (found) => found.address,
        (error: Error) => error.message,
      )
    assert.equal(await address('mongo', 'mongodb://Host:27017'), 'mongodb://host:27017/')
    assert.equal(await address('elastic', 'https://host:9200/'), 'https://host:9200')
    assert.match(await address('mongo', 'mongodb://me:secret@host'), /^Leave user and password out of the address/)
    assert.match(await address('elastic', 'https://me:secret@host'), /^Leave user and password out of the address/)
    assert.match(await address('mongo', 'host'), /It looks like mongodb:\/\/host:27017/)
    assert.match(await address('elastic', 'host'), /It looks like https:\/\/host:9200/)
    assert.match(await address('gcs', 'host'), /It looks like https:\/\/host:443/)
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificate } from '../../scripts/services/certificates'
import { startGcs } from '../../scripts/services/gcs'
import { type GcsOptions, openGcs } from '../../server/storage/gcs/weights'
import type { TeamConfig, TeamWeights } from '../../server/storage/team/ports'
import { startHttpProxy, startProxy } from './proxy'
import { gcs, gcsAt } from './servers'

const MiB = 1024 * 1024
const KiB = 1024

describe('weights of a team in a bucket, when something goes wrong on the way', () => {
  let dir: string
  let config: TeamConfig['gcs']
  const ends: (() => unknown)[] = []
  const open = (options: Partial<GcsOptions> = {}, to: Partial<TeamConfig['gcs']> = {}): TeamWeights => {
    const store = openGcs({ ...config, ...to }, { cache: join(dir, 'cache'), cacheBytes: 2 ** 40, chunkBytes: 256 * KiB, ...options })
    ends.push(() => store.close())
    return store
  }
  /** A store of somebody else, who has nothing in the cache and no trouble with the line. */
  const other = () => open({ cache: mkdtempSync(join(dir, 'other-')) })
  function file(length: number) {
    const bytes = randomBytes(length)
    const hash = createHash('sha256').update(bytes).digest('hex')
    const path = join(dir, hash)
    writeFileSync(path, bytes)
    return { bytes, hash, path }
  }
  async function brought(hash: string, bytes: Buffer) {
    assert.ok(readFileSync(await other().fetch(hash)).equals(bytes))
    const notes = join(dir, 'cache', 'uploads')
    assert.deepEqual(spawnSync('ls', [notes]).status === 0 ? readdirSync(notes) : [], [])
  }
  async function httpProxy() {
    const proxy = await startHttpProxy(config.endpoint!)
    ends.push(() => proxy.close())
    return proxy
  }
  async function line(target = config.endpoint!) {
    const proxy = await startProxy(target)
    ends.push(() => proxy.close())
    return proxy
  }

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'epochtree-gcs-faults-'))
    config = await gcsAt((await gcs()).url)
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  })

  const is = (method: string, part: string) => (asked: string, url: string) => asked === method && url.includes(part)

  for (const status of [429, 503])
    it(`tries again what is answered by ${status}`, async () => {
      const { bytes, hash, path } = file(MiB)
      const proxy = await httpProxy()
      const store = open({}, { endpoint: proxy.url })
      const all = [
        proxy.inject(is('GET', 'fields='), { status }, 2),
        proxy.inject(is('POST', 'uploadType=resumable'), { status }, 2),
        proxy.inject(is('PUT', 'upload_id='), { status }, 3),
        proxy.inject(is('GET', 'alt=media'), { status }, 2),
      ]
      await store.put(hash, path)
      assert.ok(readFileSync(await store.fetch(hash)).equals(bytes))
      await Promise.all(all)
    })

  it('gives up after its patience, with words, and goes on where it was', async () => {
    const { bytes, hash, path } = file(MiB)
    const proxy = await httpProxy()
    const patience = { idleMs: 1000, totalMs: 800 }
    // The first two chunks are taken.
    let puts = 0
    void proxy.inject(
      (method) => method === 'PUT' && ++puts > 2,
      { status: 503, body: '{"error":{"message":"come back\\u0000 later"}}' },
      1e9,
    )
    const away = { code: 'server-away', message: /too busy.*503: come back later/ }
    await assert.rejects(open({ patience }, { endpoint: proxy.url }).put(hash, path), away)
    proxy.clear()
    let first: number | undefined
    await open({ patience }, { endpoint: proxy.url }).put(hash, path, { progress: (done) => (first ??= done) })
    assert.equal(first, 512 * KiB)
    await brought(hash, bytes)
  })

  it('finds that another brought it meanwhile', async () => {
    for (const length of [1000, MiB]) {
      const { bytes, hash, path } = file(length)
      await other().put(hash, path)
      const proxy = await httpProxy()
      // As if it had not been there a moment ago; the server itself then refuses to write it twice.
      const unseen = proxy.inject(is('GET', 'fields='), { status: 404 })
      await open({}, { endpoint: proxy.url }).put(hash, path)
      await unseen
      assert.ok(proxy.requests.some(({ status }) => status === 412))
      await brought(hash, bytes)
    }
  })

  it('finds out what became of a request whose answer was lost', async () => {
    for (const [which, length] of [
      ['the only one', 1000],
      ['one in the middle', MiB],
      ['the last one', MiB],
    ] as const) {
      const { bytes, hash, path } = file(length)
      const proxy = await httpProxy()
      let puts = 0
      const lost = proxy.inject(
        (method, url) =>
          url.includes('/upload/') &&
          (which === 'the only one' ? method === 'POST' : method === 'PUT' && ++puts === (which === 'the last one' ? 4 : 2)),
        { status: 503, after: true },
      )
      await open({}, { endpoint: proxy.url }).put(hash, path)
      await lost
      await brought(hash, bytes)
    }
  })

  it('makes young again what it finds old, and brings it if that is too late', async function () {
    const { bytes, hash, path } = file(1000)
    await other().put(hash, path)
    const generation = async () => {
      for await (const page of other().list()) for (const object of page) if (object.sha256 === hash) return object.generation
      return undefined
    }
    const first = await generation()
    const proxy = await httpProxy()
    const store = open({}, { endpoint: proxy.url })
    await store.put(hash, path)
    assert.equal(await generation(), first)
    const later = { replaceHeaders: { date: new Date(Date.now() + 2 * 3600_000).toUTCString() } }
    void proxy.inject(is('GET', 'fields='), later)
    await store.put(hash, path)
    const second = await generation()
    assert.ok(second && second !== first)
    await brought(hash, bytes)
    const { running } = await gcs()
    if (!running) this.skip()
    void proxy.inject(is('GET', 'fields='), later)
    let removed = false
    void proxy.inject(
      (method) => {
        if (method === 'PATCH' && !removed) {
          removed = true
          rmSync(join(running.dataDir, config.bucket, 'weights', hash.slice(0, 2), hash))
        }
        return false
      },
      { status: 500 },
    )
    await store.put(hash, path)
    assert.ok(removed)
    await brought(hash, bytes)
  })

  it('takes away what arrived changed, and brings it again', async () => {
    const { bytes, hash, path } = file(1000)
    const proxy = await httpProxy()
    const facts = { name: 'x', size: '1000', generation: '1', metageneration: '1', crc32c: 'AAAAAA==' }
    const wrong = proxy.inject(is('POST', '/upload/'), { status: 200, body: JSON.stringify(facts), after: true })
    await open({}, { endpoint: proxy.url }).put(hash, path)
    await wrong
    await brought(hash, bytes)
    void proxy.inject(is('POST', '/upload/'), { status: 200, body: JSON.stringify(facts) }, 1e9)
    const another = file(1000)
    await assert.rejects(open({}, { endpoint: proxy.url }).put(another.hash, another.path), {
      code: 'server-damaged',
      message: /arrives changed/,
    })
  })

  it('goes on behind a body that was cut off', async () => {
    const { bytes, hash, path } = file(4 * MiB)
    await other().put(hash, path)
    const proxy = await httpProxy()
    const cut = proxy.inject(is('GET', 'alt=media'), { truncate: MiB + 17 }, 3)
    assert.ok(readFileSync(await open({}, { endpoint: proxy.url }).fetch(hash)).equals(bytes))
    await cut
    // Three parts and the rest: nothing came twice.
    const media = proxy.requests.filter(({ url }) => url.includes('alt=media'))
    assert.equal(media.length, 4)
    assert.ok(media.reduce((sum, { bytesDown }) => sum + bytesDown, 0) < 5 * MiB)
    const nothing = file(1000)
    await other().put(nothing.hash, nothing.path)
    void proxy.inject(is('GET', 'alt=media'), { truncate: 0 }, 1e9)
    await assert.rejects(open({}, { endpoint: proxy.url }).fetch(nothing.hash), { code: 'weights-damaged', message: /ends early/ })
    assert.deepEqual(readdirSync(join(dir, 'cache', 'parts')), [])
  })

  it('fetches again what came with a wrong checksum, once', async () => {
    const { bytes, hash, path } = file(2 * MiB)
    await other().put(hash, path)
    const proxy = await httpProxy()
    const once = proxy.inject(is('GET', 'alt=media'), { damage: MiB })
    const fetched = await open({}, { endpoint: proxy.url }).fetch(hash)
    await once
    assert.ok(readFileSync(fetched).equals(bytes))
    rmSync(fetched)
    const twice = proxy.inject(is('GET', 'alt=media'), { damage: MiB }, 2)
    await assert.rejects(open({}, { endpoint: proxy.url }).fetch(hash), { code: 'weights-damaged', message: /another checksum/ })
    await twice
    assert.deepEqual(readdirSync(join(dir, 'cache', 'parts')), [])
    const name = 'cd'.repeat(32)
    await other().putBytes(name, bytes)
    const damaged = proxy.inject(is('GET', 'graphs%2F'), { damage: 5 })
    assert.ok(bytes.equals((await open({}, { endpoint: proxy.url }).getBytes(name, 2 * MiB))!))
    await damaged
  })

  it('goes on after connections were reset in the middle, both ways', async () => {
    const { bytes, hash, path } = file(6 * MiB)
    const proxy = await line()
    const store = open({}, { endpoint: proxy.url })
    const up = proxy.cut(700 * KiB, 'up', 3)
    await store.put(hash, path)
    await up
    const down = proxy.cut(MiB, 'down', 3)
    assert.ok(readFileSync(await store.fetch(hash)).equals(bytes))
    await down
    await brought(hash, bytes)
  })

  it('gives up a line on which nothing moves, and one that is down, and goes on when it is back', async () => {
    const { bytes, hash, path } = file(8 * MiB)
    const proxy = await line()
    const patience = { idleMs: 300, totalMs: 60_000 }
    const store = open({ patience }, { endpoint: proxy.url })
    let silences = 0
    let back: Promise<void> | undefined
    await store.put(hash, path, {
      progress: (done) => {
        if (done < 2 * MiB || silences++ > 0) return
        proxy.set({ kind: 'silent' })
        // Another connection was tried: the first was given up.
        const before = proxy.connections()
        back = until(() => proxy.connections() > before).then(() => proxy.set({ kind: 'open' }))
      },
    })
    await back
    let down: Promise<void> | undefined
    const fetched = await store.fetch(hash, { progress: () => (down ??= proxy.downFor(1)) })
    await down
    assert.ok(silences > 0 && down)
    assert.ok(readFileSync(fetched).equals(bytes))
    await brought(hash, bytes)
  })

  it('goes on after the server was killed, which forgot what was begun', async () => {
    const server = await startGcs()
    ends.push(() => server.stop())
    config = await gcsAt(server.url)
    const { bytes, hash, path } = file(8 * MiB)
    const store = open()
    let restarted: Promise<void> | undefined
    await store.put(hash, path, { progress: (done) => done > 3 * MiB && (restarted ??= server.restart()) })
    assert.ok(restarted)
    await restarted
    let again: Promise<void> | undefined
    const fetched = await store.fetch(hash, { progress: () => (again ??= server.restart()) })
    assert.ok(again)
    await again
    assert.ok(readFileSync(fetched).equals(bytes))
    await brought(hash, bytes)
  })

  it('says that the disk is full, and leaves nothing on it', async function () {
    const cache = join(dir, 'small')
    mkdirSync(cache)
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', cache]).status !== 0) this.skip()
    ends.push(() => spawnSync('umount', [cache]))
    const { hash, path } = file(6 * MiB)
    const fitting = file(3 * MiB)
    await other().put(hash, path)
    await other().put(fitting.hash, fitting.path)
    await assert.rejects(open({ cache }).fetch(hash), { code: 'disk-full', message: /EPOCHTREE_WEIGHTS_CACHE/ })
    assert.deepEqual(readdirSync(join(cache, 'parts')), [])
    // Another fills it while this one arrives.
    const filling = () => {
      try {
        writeFileSync(join(cache, 'filler'), Buffer.alloc(4 * MiB))
      } catch {
        // as far as there was room
      }
    }
    await assert.rejects(open({ cache }).fetch(fitting.hash, { progress: filling }), { code: 'disk-full' })
    rmSync(join(cache, 'filler'))
    assert.deepEqual(readdirSync(join(cache, 'parts')), [])
    assert.ok(readFileSync(await open({ cache }).fetch(fitting.hash)).equals(fitting.bytes))
  })

  it('trusts the certificates that are named, and tells what is wrong with others', async () => {
    const good = await makeCertificate(join(dir, 'good'))
    const old = await makeCertificate(join(dir, 'old'), { expired: true })
    const [server, expired] = await Promise.all([startGcs({ tls: good }), startGcs({ tls: old })])
    ends.push(
      () => server.stop(),
      () => expired.stop(),
    )
    // A folder of the server's is a bucket.
    mkdirSync(join(server.dataDir, 'secure'))
    const there = { bucket: 'secure', endpoint: server.url }
    const trusted = open({}, { ...there, caFile: good.caFile })
    await trusted.check()
    const { bytes, hash, path } = file(MiB)
    await trusted.put(hash, path)
    assert.ok(readFileSync(await trusted.fetch(hash)).equals(bytes))
    await assert.rejects(open({}, there).check(), { code: 'server-refused', message: /not trusted here .*caFile/ })
    const expiredTo = { bucket: 'secure', endpoint: expired.url, caFile: old.caFile }
    await assert.rejects(open({}, expiredTo).check(), { code: 'server-refused', message: /CERT_HAS_EXPIRED/ })
    const plain = { ...there, endpoint: server.url.replace('https', 'http') }
    await assert.rejects(open({}, plain).check(), { code: 'server-refused' })
    const tls = { bucket: config.bucket, endpoint: config.endpoint!.replace('http', 'https') }
    await assert.rejects(open({}, tls).check(), { code: 'server-refused', message: /http or https/ })
  })

  it('takes no answer that is endless or makes no sense', async () => {
    const { hash, path } = file(1000)
    const proxy = await httpProxy()
    const store = open({}, { endpoint: proxy.url })
    for (const body of ['no JSON', '[]', '{"name":1}', '{"name":"x","size":"-1","generation":"1"}', ' '.repeat(100_000)]) {
      const said = proxy.inject(is('GET', 'fields='), { status: 200, body })
      await assert.rejects(store.put(hash, path), { code: 'server-damaged' })
      await said
    }
    void proxy.inject(is('GET', 'pageToken='), { status: 200, body: '{"items":[],"nextPageToken":"again"}' }, 1e9)
    const first = proxy.inject(is('GET', 'prefix='), { status: 200, body: '{"items":[{"name":"a"},5],"nextPageToken":"again"}' })
    await assert.rejects(
      async () => {
        for await (const page of store.list()) assert.deepEqual(page, [])
      },
      { code: 'server-damaged', message: /again and again/ },
    )
    await first
    const lying = file(MiB)
    void proxy.inject(is('PUT', '/upload/'), { status: 308, headers: { range: 'bytes=0-9999999' } }, 1e9)
    await assert.rejects(store.put(lying.hash, lying.path), { code: 'server-damaged', message: /more than it was sent/ })
    void proxy.inject(is('GET', 'prefix='), { status: 302, headers: { location: 'http://127.0.0.1:1/' } })
    await assert.rejects(store.check(), { code: 'server-refused', message: /302/ })
  })

  it('ends an upload of which nothing is ever taken, and one of what is there and is not', async () => {
    const { hash, path } = file(MiB)
    const proxy = await httpProxy()
    const store = open({}, { endpoint: proxy.url })
    void proxy.inject(is('PUT', '/upload/'), { status: 308 }, 1e9)
    await assert.rejects(store.put(hash, path), { code: 'server-damaged', message: /takes nothing of what it is sent/ })
    // Some of it, lost again.
    let puts = 0
    void proxy.inject((method) => method === 'PUT' && ++puts % 2 === 0, { status: 308, headers: { range: 'bytes=0-262143' } }, 1e9)
    await assert.rejects(store.put(hash, path), { code: 'server-damaged', message: /takes nothing of what it is sent/ })
    proxy.clear()
    void proxy.inject(is('POST', '/upload/'), { status: 412 }, 1e9)
    await assert.rejects(store.put(hash, path), { code: 'server-damaged', message: /by turns/ })
    await assert.rejects(store.putBytes(hash, Buffer.from('graph')), { code: 'server-damaged', message: /by turns/ })
    proxy.clear()
    await store.put(hash, path)
    const later = { date: new Date(Date.now() + 2 * 3600_000).toUTCString() }
    void proxy.inject(is('GET', 'fields='), { replaceHeaders: later }, 1e9)
    void proxy.inject(is('PATCH', '/o/'), { status: 412 }, 1e9)
    await assert.rejects(store.put(hash, path), { code: 'server-damaged', message: /by turns/ })
  })

  it('gives up answers that drip', async () => {
    const dripping = createServer((_, answered) => {
      answered.writeHead(200, { 'content-length': 60_000 })
      const drip = setInterval(() => answered.write(' '), 20)
      answered.on('close', () => clearInterval(drip))
    })
    ends.push(() => {
      dripping.closeAllConnections()
      dripping.close()
    })
    await new Promise<void>((done) => dripping.listen(0, '127.0.0.1', done))
    const { port } = dripping.address() as AddressInfo
    const store = open({ patience: { idleMs: 500, totalMs: 1 } }, { endpoint: `http://127.0.0.1:${port}` })
    const away = { code: 'server-away', message: /ETIMEDOUT/ }
    const hash = 'ab'.repeat(32)
    await assert.rejects(store.has(hash, 1), away)
    await assert.rejects(store.getBytes(hash, MiB), away)
    await assert.rejects(store.fetch(hash), away)
  })

  it('changes no object but the one that is brought, whatever the server calls it', async () => {
    const { hash, path } = file(1000)
    const proxy = await httpProxy()
    const facts = { name: 'weights/of-somebody-else', size: '999', generation: '1', metageneration: '1' }
    void proxy.inject(is('POST', '/upload/'), { status: 200, body: JSON.stringify(facts) }, 1e9)
    await assert.rejects(open({}, { endpoint: proxy.url }).put(hash, path), { code: 'server-damaged' })
    const changed = proxy.requests.filter(({ method }) => method === 'DELETE')
    assert.ok(changed.length > 0)
    for (const { url } of changed) assert.ok(url.includes(hash), url)
  })

  it('names rights that are missing', async () => {
    const proxy = await httpProxy()
    const store = open({}, { endpoint: proxy.url })
    const held = ['storage.objects.create', 'storage.objects.get', 'storage.objects.list']
    const told = proxy.inject(is('GET', 'testPermissions'), { status: 200, body: JSON.stringify({ permissions: held }) })
    await assert.rejects(store.prepare(), {
      code: 'server-refused',
      message: /storage\.objects\.update, storage\.objects\.delete.*objectUser/,
    })
    await told
    // Whoever only reads needs no more.
    const holding = (permissions: readonly string[]) =>
      void proxy.inject(is('GET', 'testPermissions'), { status: 200, body: JSON.stringify({ permissions }) })
    holding(held)
    await store.check()
    holding(held)
    assert.deepEqual(await store.missingRights(), ['storage.objects.update', 'storage.objects.delete'])
    holding(['storage.objects.list'])
    await assert.rejects(store.check(), { code: 'server-refused', message: /the right storage\.objects\.get\./ })
    const asked = proxy.requests.findLast(({ url }) => url.includes('testPermissions'))!.url
    for (const verb of ['create', 'get', 'list', 'update', 'delete']) assert.ok(asked.includes(`permissions=storage.objects.${verb}`))
    void proxy.inject(is('GET', 'prefix='), { status: 403, body: '{"error":{"message":"ada does not have storage.objects.list access"}}' })
    await assert.rejects(store.check(), { code: 'server-refused', message: /ada does not have storage\.objects\.list access.*objectUser/ })
  })

  it('looks for credentials for Google alone, in limited time, and tells nothing of what it finds', async () => {
    const kept = { ...process.env }
    const google = (idleMs = 700) => {
      const { endpoint: _, ...there } = config
      const store = openGcs(there, { cache: join(dir, 'cache'), cacheBytes: 1e9, patience: { idleMs, totalMs: 1 } })
      ends.push(() => store.close())
      return store
    }
    const sockets = new Set<Socket>()
    const silent = createServer(() => {}).on('connection', (socket) => sockets.add(socket))
    ends.push(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
    const { port } = silent.address() as AddressInfo
    const key = join(dir, 'key.json')
    try {
      Object.assign(process.env, { HOME: dir, APPDATA: dir, METADATA_SERVER_DETECTION: 'none', CLOUDSDK_CONFIG: dir })
      delete process.env['GOOGLE_APPLICATION_CREDENTIALS']
      await assert.rejects(google().check(), { code: 'server-refused', message: /no credentials .*gcloud auth application-default login/ })
      process.env['GOOGLE_APPLICATION_CREDENTIALS'] = key
      for (const text of [
        '{"type":"service_account","private_key":"SECRET"}',
        '{"type":"service_account","private_key":"SECRET","client_email":"a@b.example"}',
        'SECRET {',
        '{"type":"SECRET"}',
      ]) {
        writeFileSync(key, text)
        // The library tries several times to sign with what is no key.
        await assert.rejects(google(30_000).check(), (error: Error & { code: string }) => {
          assert.equal(error.code, 'server-refused', error.message)
          assert.match(error.message, /GOOGLE_APPLICATION_CREDENTIALS/)
          assert.doesNotMatch(`${error.message} ${error.stack} ${String(error.cause)}`, /SECRET/)
          return true
        })
      }
      writeFileSync(join(dir, 'subject'), 'SECRET')
      const external = {
        type: 'external_account',
        audience: '//iam.googleapis.com/x',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `http://127.0.0.1:${port}/token`,
        credential_source: { file: join(dir, 'subject') },
      }
      writeFileSync(key, JSON.stringify(external))
      const begun = performance.now()
      await assert.rejects(google().check(), { code: 'server-away', message: /ETIMEDOUT/ })
      assert.ok(performance.now() - begun < 10_000)
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name]
      Object.assign(process.env, kept)
    }
  })
})

async function until(holds: () => boolean) {
  while (!holds()) await new Promise((done) => setTimeout(done, 10))
}

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CRC32C, Storage } from '@google-cloud/storage'
import { root } from '../../scripts/vscode/root'
import { Crc32c } from '../../server/storage/gcs/crc32c'
import { type GcsOptions, openGcs } from '../../server/storage/gcs/weights'
import type { StoredObject, TeamConfig, TeamWeights } from '../../server/storage/team/ports'
import { hashOf, weightsOf } from '../contract/fixture'
import { weightsStoreContract } from '../contract/weightsStore'
import type { ChildWork } from './gcsChild'
import { type Proxy, startProxy, type Way } from './proxy'
import { freshName, gcs, gcsAt } from './servers'

const MiB = 1024 * 1024
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('weights of a team in a bucket', () => {
  let dir: string
  let config: TeamConfig['gcs']
  let stores: TeamWeights[]
  let lines: Proxy[]
  const open = (options: Partial<GcsOptions> = {}, to: Partial<TeamConfig['gcs']> = {}) => {
    const store = openGcs({ ...config, ...to }, { cache: join(dir, 'cache'), cacheBytes: 2 ** 40, ...options })
    stores.push(store)
    return store
  }
  async function through(way: Way) {
    const line = await startProxy(config.endpoint!)
    lines.push(line)
    line.set(way)
    return line
  }
  const elsewhere = (name: string) => ({ cache: join(dir, name) })
  /** The bucket, by the plain client. */
  const bucket = () =>
    new Storage(
      config.endpoint === undefined ? {} : { apiEndpoint: config.endpoint, projectId: 'test', useAuthWithCustomEndpoint: false },
    ).bucket(config.bucket)
  /** Asked for by hand: the client's own stream warns of its listeners each time. */
  async function content(hash: string): Promise<Buffer> {
    const answer = await fetch(
      config.endpoint === undefined
        ? (
            await bucket()
              .file(nameOf(hash))
              .getSignedUrl({ action: 'read', expires: Date.now() + 60_000 })
          )[0]
        : `${config.endpoint}/storage/v1/b/${config.bucket}/o/${encodeURIComponent(nameOf(hash))}?alt=media`,
    )
    assert.equal(answer.status, 200)
    return Buffer.from(await answer.arrayBuffer())
  }
  const nameOf = (hash: string) => `${config.prefix}weights/${hash.slice(0, 2)}/${hash}`
  function file(bytes: Uint8Array | string): { readonly path: string; readonly hash: string; readonly bytes: Buffer } {
    const content = Buffer.from(bytes)
    const hash = sha(content)
    const path = join(dir, `file-${hash.slice(0, 12)}`)
    writeFileSync(path, content)
    return { path, hash, bytes: content }
  }

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'epochtree-gcs-'))
    config = await gcsAt((await gcs()).url)
    stores = []
    lines = []
  })
  afterEach(async () => {
    for (const store of stores) await store.close()
    for (const line of lines) await line.close()
    rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  })

  describe('as any store of weights', () => {
    beforeEach(async () => {
      const from = open(elsewhere('another'))
      for (const epoch of [11, 12, 13, 23]) {
        const path = join(dir, String(epoch))
        writeFileSync(path, weightsOf(epoch))
        await from.put(hashOf(epoch), path)
      }
      const store = open()
      await store.prepare()
      await store.fetch(hashOf(11))
    })
    weightsStoreContract(
      () => stores.at(-1)!,
      () => dir,
    )
  })

  it('sums as the client does', () => {
    for (const length of [0, 1, 7, 8, 9, 1000, MiB + 3]) {
      const bytes = randomBytes(length)
      const theirs = new CRC32C()
      theirs.update(bytes)
      const half = length >> 1
      assert.equal(new Crc32c().update(bytes.subarray(0, half)).update(bytes.subarray(half)).digest(), theirs.toString())
    }
  })

  for (const [what, length, chunkBytes] of [
    ['an empty file', 0, undefined],
    ['a small file', 1000, undefined],
    ['a file in chunks', 3 * MiB + 17, 256 * 1024],
    ['a file of whole chunks', 2 * MiB, 512 * 1024],
  ] as const)
    it(`brings ${what} there and back, and tells how far it is`, async () => {
      const { path, hash, bytes } = file(randomBytes(length))
      const told: number[] = []
      const store = open(chunkBytes === undefined ? {} : { chunkBytes })
      const location = await store.put(hash, path, { progress: (done, total) => told.push(done, total) })
      assert.equal(location, `gs://${config.bucket}/${nameOf(hash)}`)
      assert.deepEqual(told.slice(-2), [length, length])
      assert.ok((await content(hash)).equals(bytes))
      assert.ok(await store.has(hash, length))
      assert.equal(await store.has(hash, length + 1), false)
      assert.equal(await store.path(hash), undefined)
      const fetched = await store.fetch(hash)
      assert.ok(readFileSync(fetched).equals(bytes))
      assert.equal(statSync(fetched).mode & 0o222, 0)
      assert.equal(await store.path(hash), fetched)
      assert.deepEqual(readdirSync(join(dir, 'cache', 'parts')), [])
      if (existsSync(join(dir, 'cache', 'uploads'))) assert.deepEqual(readdirSync(join(dir, 'cache', 'uploads')), [])
    })

  it('sends nothing that the bucket has', async () => {
    const { path, hash } = file(randomBytes(2 * MiB))
    await open().put(hash, path)
    const [before] = await bucket().file(nameOf(hash)).getMetadata()
    // Not even its content is looked at.
    writeFileSync(path, randomBytes(2 * MiB))
    await open().put(hash, path)
    const [after] = await bucket().file(nameOf(hash)).getMetadata()
    assert.equal(after.generation, before.generation)
  })

  for (const [what, length, chunkBytes] of [
    ['a small file', 1000, undefined],
    ['a file in chunks', 2 * MiB + 1, 256 * 1024],
  ] as const)
    it(`refuses ${what} that is not what its name promises, and leaves nothing of it`, async () => {
      const { path, hash } = file(randomBytes(length))
      const bytes = readFileSync(path)
      bytes[length - 1]! ^= 1
      writeFileSync(path, bytes)
      await assert.rejects(open(chunkBytes === undefined ? {} : { chunkBytes }).put(hash, path), { code: 'weights-damaged' })
      assert.deepEqual(await bucket().file(nameOf(hash)).exists(), [false])
      if (existsSync(join(dir, 'cache', 'uploads'))) assert.deepEqual(readdirSync(join(dir, 'cache', 'uploads')), [])
    })

  it('says so where something else lies under the name, and where a file to bring is not there', async () => {
    const { path, hash } = file(randomBytes(100))
    await bucket().file(nameOf(hash)).save('something else')
    await assert.rejects(open().put(hash, path), { code: 'server-damaged', message: /14 bytes, and not the 100/ })
    await assert.rejects(open().put('1'.repeat(64), join(dir, 'nowhere')), { code: 'not-found' })
  })

  it('lets several bring and fetch one file at once', async () => {
    const { path, hash, bytes } = file(randomBytes(4 * MiB))
    const bringing = ['a', 'b', 'a', 'c'].map((name) => open({ ...elsewhere(name), chunkBytes: 256 * 1024 }).put(hash, path))
    assert.equal(new Set(await Promise.all(bringing)).size, 1)
    // In one process through one and through several stores, and in two processes: all into one cache.
    const store = open()
    const children = [1, 2].map(() => start({ config, cache: join(dir, 'cache'), sha256: hash }))
    const fetched = await Promise.all([store.fetch(hash), store.fetch(hash), open().fetch(hash), ...children.map((child) => child.got)])
    assert.deepEqual([...new Set(fetched)], [join(dir, 'cache', hash.slice(0, 2), hash)])
    assert.ok(readFileSync(fetched[0]).equals(bytes))
    assert.deepEqual(readdirSync(join(dir, 'cache', 'parts')), [])
  })

  it('goes on with an upload whose process was killed', async () => {
    const { path, hash, bytes } = file(randomBytes(8 * MiB))
    // Each chunk takes its time, so that it is not over before it is killed.
    const line = await through({ kind: 'slow', milliseconds: 20 })
    const slow = { ...config, endpoint: line.url }
    const child = start({ config: slow, cache: join(dir, 'cache'), sha256: hash, file: path, chunkBytes: 256 * 1024 })
    await child.reached(2 * MiB)
    await child.kill()
    line.set({ kind: 'open' })
    assert.deepEqual(await bucket().file(nameOf(hash)).exists(), [false])
    const [note] = readdirSync(join(dir, 'cache', 'uploads'))
    const { sent } = JSON.parse(readFileSync(join(dir, 'cache', 'uploads', note!), 'utf8')) as { sent: number }
    assert.ok(sent >= MiB && sent < 8 * MiB, `it had sent ${sent}`)
    let first: number | undefined
    await open({ chunkBytes: 256 * 1024 }, { endpoint: line.url }).put(hash, path, { progress: (done) => (first ??= done) })
    assert.equal(first, sent)
    assert.ok((await content(hash)).equals(bytes))
    assert.deepEqual(readdirSync(join(dir, 'cache', 'uploads')), [])
  })

  it('begins anew where the file changed since, or the server forgot what was begun', async () => {
    const { path, hash, bytes } = file(randomBytes(6 * MiB))
    const line = await through({ kind: 'slow', milliseconds: 20 })
    const slow = { ...config, endpoint: line.url }
    const child = start({ config: slow, cache: join(dir, 'cache'), sha256: hash, file: path, chunkBytes: 256 * 1024 })
    await child.reached(2 * MiB)
    await child.kill()
    line.set({ kind: 'open' })
    writeFileSync(path, bytes)
    let first: number | undefined
    const stopped = new AbortController()
    const progress = (done: number) => {
      first ??= done
      if (done > 2 * MiB) stopped.abort()
    }
    await assert.rejects(open({ chunkBytes: 256 * 1024 }, { endpoint: line.url }).put(hash, path, { progress, signal: stopped.signal }), {
      code: 'aborted',
    })
    assert.equal(first, 0)
    const [note] = readdirSync(join(dir, 'cache', 'uploads'))
    const at = join(dir, 'cache', 'uploads', note!)
    const kept = JSON.parse(readFileSync(at, 'utf8')) as { path: string; sent: number }
    assert.ok(kept.sent > 0)
    writeFileSync(at, JSON.stringify({ ...kept, path: kept.path.replace(/upload_id=\w+/, 'upload_id=0123456789abcdef') }))
    await open({ chunkBytes: 256 * 1024 }, { endpoint: line.url }).put(hash, path)
    assert.ok((await content(hash)).equals(bytes))
  })

  it('takes no note of an upload that leads elsewhere or is none', async () => {
    const { path, hash, bytes } = file(randomBytes(1 * MiB))
    mkdirSync(join(dir, 'cache', 'uploads'), { recursive: true })
    const note = join(dir, 'cache', 'uploads', `${hash}.free`)
    for (const text of ['no JSON', '{"path":"http://127.0.0.1:1/","sent":0}', 'x'.repeat(MiB)]) {
      writeFileSync(note, text)
      await open({ chunkBytes: 256 * 1024 }).put(hash, path)
      assert.ok((await content(hash)).equals(bytes))
      await bucket().file(nameOf(hash)).delete()
    }
  })

  it('goes on with a download whose process was killed', async () => {
    const { path, hash, bytes } = file(randomBytes(24 * MiB))
    await open(elsewhere('another')).put(hash, path)
    const line = await through({ kind: 'drip', bytesPerSecond: 8 * MiB })
    const child = start({ config: { ...config, endpoint: line.url }, cache: join(dir, 'cache'), sha256: hash })
    await child.reached(4 * MiB)
    await child.kill()
    const [part] = readdirSync(join(dir, 'cache', 'parts'))
    const { size } = statSync(join(dir, 'cache', 'parts', part!))
    assert.ok(size >= 4 * MiB && size < 24 * MiB, `it had fetched ${size}`)
    let first: number | undefined
    const fetched = await open().fetch(hash, { progress: (done) => (first ??= done) })
    assert.ok(first! > size)
    assert.ok(readFileSync(fetched).equals(bytes))
    assert.deepEqual(readdirSync(join(dir, 'cache', 'parts')), [])
  })

  it('does not trust what was left of a download', async () => {
    const { path, hash, bytes } = file(randomBytes(3 * MiB))
    await open(elsewhere('another')).put(hash, path)
    for (const left of [randomBytes(MiB), randomBytes(3 * MiB), randomBytes(4 * MiB)]) {
      mkdirSync(join(dir, 'cache', 'parts'), { recursive: true })
      writeFileSync(join(dir, 'cache', 'parts', `${hash}.free`), left)
      const fetched = await open().fetch(hash)
      assert.ok(readFileSync(fetched).equals(bytes))
      rmSync(fetched)
    }
  })

  it('says so where the bucket holds other bytes than the name promises, after a second look', async () => {
    const hash = sha(Buffer.from('what it should be'))
    await bucket().file(nameOf(hash)).save('what it is instead')
    const cause = { code: 'weights-damaged', message: /another checksum/ }
    await assert.rejects(open().fetch(hash), cause)
    await assert.rejects(open().placeAt(hash, join(dir, 'placed')), cause)
    assert.ok(!existsSync(join(dir, 'placed')))
    assert.deepEqual(readdirSync(join(dir, 'cache', 'parts')), [])
    await assert.rejects(open().fetch('1'.repeat(64)), { code: 'no-weights' })
  })

  it('stops when it is told to, and when it is closed, and goes on later', async () => {
    const { path, hash, bytes } = file(randomBytes(32 * MiB))
    await open(elsewhere('another')).put(hash, path)
    for (const how of ['abort', 'close', 'look'] as const) {
      const store = open()
      const controller = new AbortController()
      const looked = { aborted: false }
      const signal = how === 'look' ? (looked as AbortSignal) : controller.signal
      await assert.rejects(
        store.fetch(hash, {
          signal,
          progress: () => {
            if (how === 'abort') controller.abort()
            else if (how === 'close') void store.close()
            else looked.aborted = true
          },
        }),
        { code: 'aborted' },
      )
      assert.equal(await open().path(hash), undefined)
    }
    await assert.rejects(open().fetch(hash, { signal: AbortSignal.abort() }), { code: 'aborted' })
    assert.ok(readFileSync(await open().fetch(hash)).equals(bytes))
  })

  it('keeps its cache below the limit: what was not used for longest goes first', async () => {
    const files = Array.from({ length: 4 }, () => file(randomBytes(1000)))
    for (const { path, hash } of files) await open(elsewhere('another')).put(hash, path)
    const limited = { cacheBytes: 3000 }
    /** As if so many minutes had gone by since it was used. */
    const used = (index: number, minutes: number) => {
      const then = new Date(Date.now() - minutes * 60_000)
      utimesSync(join(dir, 'cache', 'used', files[index]!.hash), then, then)
    }
    for (const { hash } of files.slice(0, 3)) await open(limited).fetch(hash)
    used(0, 5)
    used(1, 7)
    used(2, 6)
    await open(limited).fetch(files[3]!.hash)
    const here = async () => Promise.all(files.map(async ({ hash }) => (await open().path(hash)) !== undefined))
    assert.deepEqual(await here(), [true, false, true, true])
    // Each was used just now: perhaps another process is about to link it.
    await open(limited).fetch(files[1]!.hash)
    assert.deepEqual(await here(), [true, true, true, true])
  })

  it('lists what is there, and removes only what it was when it was listed', async () => {
    const files = Array.from({ length: 3 }, (_, i) => file(randomBytes(100 + i)))
    const store = open()
    for (const { path, hash } of files) await store.put(hash, path)
    // What others put there is not ours to list.
    for (const name of ['weights/zz/nothing', `weights/00/${'1'.repeat(64)}`, 'weights/00/short', `other/${files[0]!.hash}`])
      await bucket().file(`${config.prefix}${name}`).save('x')
    const listed: StoredObject[] = []
    for await (const page of store.list()) listed.push(...page)
    const bySha = (a: { sha256: string }, b: { sha256: string }) => (a.sha256 < b.sha256 ? -1 : 1)
    assert.deepEqual(
      listed.sort(bySha).map(({ sha256, bytes }) => ({ sha256, bytes })),
      files.map(({ hash, bytes }) => ({ sha256: hash, bytes: bytes.length })).sort(bySha),
    )
    for (const { written } of listed) assert.ok(Math.abs(written - Date.now() / 1000) < 600)
    const [first, second] = listed as [StoredObject, StoredObject]
    await bucket()
      .file(nameOf(first.sha256))
      .setMetadata({ metadata: { touched: 'since' } })
    assert.equal(await store.remove(first), false)
    assert.equal(await store.remove(second), true)
    assert.equal(await store.remove(second), false)
    assert.ok(await store.has(first.sha256, first.bytes))
    assert.equal(await store.has(second.sha256, second.bytes), false)
  })

  it('keeps bytes that are no weights, by their names', async () => {
    const store = open()
    const bytes = randomBytes(50_000)
    const name = 'ab'.repeat(32)
    assert.equal(await store.getBytes(name, 100_000), undefined)
    await store.putBytes(name, bytes)
    await store.putBytes(name, bytes)
    assert.ok(bytes.equals((await store.getBytes(name, 100_000))!))
    await assert.rejects(store.getBytes(name, 49_999), { code: 'server-damaged' })
    // Who keeps them has the whole name.
    const whole = `graphs/cd/${'cd'.repeat(32)}`
    await store.putBytes(whole, bytes)
    assert.ok(bytes.equals((await store.getBytes('cd'.repeat(32), 100_000))!))
    const listed = async (kind?: 'graph') => {
      const all: StoredObject[] = []
      for await (const page of store.list(undefined, kind)) all.push(...page)
      return all
    }
    assert.deepEqual(await listed(), [])
    const graphs = await listed('graph')
    assert.deepEqual(graphs.map(({ sha256 }) => sha256).sort(), [name, 'cd'.repeat(32)])
    for (const { age } of graphs) assert.ok(age > -2 && age < 600)
    assert.ok(await store.remove(graphs[0]!))
    assert.equal((await listed('graph')).length, 1)
  })

  it('names objects and files by hashes and nothing else', async () => {
    const store = open()
    const { path } = file('x')
    for (const name of [
      '',
      '..',
      '../../etc/passwd',
      'A'.repeat(64),
      `${'0'.repeat(63)}/`,
      `${'0'.repeat(64)}\n`,
      '0'.repeat(65),
      `graphs/11/${'0'.repeat(64)}`,
    ]) {
      const refused = { code: 'bad-argument' }
      await assert.rejects(store.put(name, path), refused)
      await assert.rejects(store.fetch(name), refused)
      await assert.rejects(store.has(name, 1), refused)
      await assert.rejects(store.path(name), refused)
      await assert.rejects(store.placeAt(name, join(dir, 'to')), refused)
      await assert.rejects(store.getBytes(name, 10), refused)
      await assert.rejects(store.putBytes(name, Buffer.from('x')), refused)
      await assert.rejects(store.remove({ kind: 'weights', sha256: name, bytes: 1, generation: '1/1', written: 1, age: 1 }), refused)
    }
    assert.ok(!existsSync(join(dir, 'to')))
  })

  it('names what is wrong with the bucket', async () => {
    await open().check()
    await assert.rejects(open({}, { bucket: freshName() }).check(), { code: 'server-refused', message: /has no bucket/ })
    for (const wrong of [{ bucket: 'gs://x' }, { bucket: '../..' }, { prefix: 'a' }, { prefix: '/a/' }, { endpoint: 'nonsense' }])
      await assert.rejects(open({}, wrong).check(), { code: 'bad-argument' })
    await assert.rejects(open({}, { endpoint: 'http://127.0.0.1:1' }).check(), { code: 'server-away', message: /ECONNREFUSED/ })
    await assert.rejects(open({}, { endpoint: 'http://bucket.invalid' }).check(), {
      code: 'server-away',
      message: /no host bucket\.invalid/,
    })
    await assert.rejects(open({}, { endpoint: 'https://127.0.0.1:1', caFile: join(dir, 'none.pem') }).check(), {
      code: 'server-refused',
      message: /can't be read/,
    })
  })
})

const running = new Set<ChildProcess>()
after(() => running.forEach((child) => child.kill('SIGKILL')))

/** A process that brings or fetches. */
function start(work: ChildWork) {
  const child = spawn(process.execPath, [join(root, 'out/test/services/gcsChild.js'), JSON.stringify(work)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let far = 0
  let got: string | undefined
  let err = ''
  let look = () => {}
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines)
      if (line.startsWith('got ')) got = line.slice('got '.length)
      else far = Number(line)
    look()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const ended = new Promise<void>((done) =>
    child.on('close', () => {
      running.delete(child)
      look()
      done()
    }),
  )
  return {
    reached: (bytes: number) =>
      new Promise<void>((resolve, reject) => {
        look = () => {
          if (child.exitCode !== null || child.signalCode !== null) reject(new Error(`It ended before: ${err}`))
          else if (far >= bytes) resolve()
        }
        look()
      }),
    kill: () => {
      child.kill('SIGKILL')
      return ended
    },
    got: ended.then(() => {
      assert.ok(got, err)
      return got
    }),
  }
}

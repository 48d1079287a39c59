import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { after, before, describe, it } from 'mocha'
import { Storage } from '@google-cloud/storage'
import { makeBucket, startGcs } from '../../scripts/services/gcs'
import type { Running } from '../../scripts/services/running'
import { startHttpProxy, startProxy, type HttpProxy, type Proxy } from './proxy'

/** A server that says back what it hears. */
async function startEcho(): Promise<{ readonly url: string; readonly heard: () => number; readonly close: () => void }> {
  let heard = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', (part) => (heard += part.length))
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard: () => heard,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Not `once`, for which a reset is an error. */
const closing = (socket: Socket) => new Promise<void>((done) => void socket.once('close', () => done()))
const turn = () => new Promise((done) => void setImmediate(done))

describe('the proxy of connections', () => {
  let echo: Awaited<ReturnType<typeof startEcho>>
  let proxy: Proxy
  before(async () => {
    echo = await startEcho()
    proxy = await startProxy(echo.url)
  })
  after(async () => {
    await proxy.close()
    echo.close()
  })

  const open = async () => {
    const socket = connect(proxy.port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  const read = (socket: Socket, length: number) =>
    new Promise<Buffer>((done, fail) => {
      let text = Buffer.alloc(0)
      const part = (data: Buffer) => {
        text = Buffer.concat([text, data])
        if (text.length < length) return
        socket.off('data', part)
        done(text)
      }
      socket.on('data', part).once('close', () => fail(new Error(`closed after ${text.length} bytes`)))
    })

  it('passes everything on, each way, to the end', async () => {
    const data = randomBytes(20 * 1024 * 1024)
    const socket = await open()
    const hash = createHash('sha256')
    socket.on('data', (part) => hash.update(part))
    socket.end(data)
    await closing(socket)
    assert.equal(hash.digest('hex'), createHash('sha256').update(data).digest('hex'))
  })

  it('makes it slow', async () => {
    proxy.set({ kind: 'slow', milliseconds: 100 })
    const socket = await open()
    const began = performance.now()
    socket.write('hello')
    assert.equal((await read(socket, 5)).toString(), 'hello')
    assert.ok(performance.now() - began >= 195)
    proxy.set({ kind: 'open' })
    socket.destroy()
  })

  it('lets it drip', async () => {
    proxy.set({ kind: 'drip', bytesPerSecond: 200 })
    const socket = await open()
    const began = performance.now()
    socket.write(Buffer.alloc(60))
    await read(socket, 60)
    assert.ok(performance.now() - began >= 250)
    socket.write(Buffer.alloc(100_000))
    proxy.set({ kind: 'open' })
    await read(socket, 100_000)
    socket.destroy()
  })

  it('falls silent, and goes on where it was', async () => {
    const socket = await open()
    socket.write('one')
    await read(socket, 3)
    proxy.set({ kind: 'silent' })
    const heard = echo.heard()
    const another = await open()
    another.write('two')
    socket.write('three')
    // A way round of everything that could go through.
    for (let i = 0; i < 20; i++) await turn()
    assert.equal(echo.heard(), heard)
    const answers = Promise.all([read(another, 3), read(socket, 5)])
    proxy.set({ kind: 'open' })
    assert.deepEqual((await answers).map(String), ['two', 'three'])
    for (const one of [socket, another]) one.destroy()
  })

  it('forgets connections, and makes others', async () => {
    const socket = await open()
    socket.write('one')
    await read(socket, 3)
    proxy.forget()
    const heard = echo.heard()
    let told = ''
    socket.on('data', (part) => (told += String(part))).on('close', () => (told += 'closed'))
    socket.write('two')
    const another = await open()
    another.write('three')
    assert.equal(String(await read(another, 5)), 'three')
    proxy.set({ kind: 'open' })
    for (let i = 0; i < 20; i++) await turn()
    assert.deepEqual([echo.heard(), told], [heard + 5, ''])
    for (const one of [socket, another]) one.destroy()
  })

  it('cuts in the middle of a request, or of its answer', async () => {
    for (const [direction, heardMore] of [
      ['up', 5],
      ['down', 10],
    ] as const) {
      const socket = await open()
      const heard = echo.heard()
      const cut = proxy.cut(5, direction)
      const closed = closing(socket)
      let text = ''
      socket.on('data', (part) => (text += String(part)))
      socket.write('0123456789')
      await Promise.all([cut, closed])
      while (echo.heard() < heard + heardMore) await turn()
      assert.equal(echo.heard(), heard + heardMore)
      assert.ok('01234'.startsWith(text))
      const next = await open()
      next.write('again')
      assert.equal(String(await read(next, 5)), 'again')
      next.destroy()
    }
  })

  it('is down, and up again at the same address', async () => {
    const socket = await open()
    const closed = closing(socket)
    await proxy.down()
    await closed
    await assert.rejects(once(connect(proxy.port, '127.0.0.1'), 'connect'), /ECONNREFUSED/)
    await proxy.up()
    const next = await open()
    next.write('again')
    assert.equal(String(await read(next, 5)), 'again')
    next.destroy()
  })
})

describe('the proxy of requests', () => {
  let server: Running
  let proxy: HttpProxy
  before(async () => {
    server = await startGcs()
    proxy = await startHttpProxy(server.url)
    await makeBucket(proxy.url, 'weights')
  })
  after(async () => {
    await proxy.close()
    await server.stop()
  })

  const bucket = () =>
    new Storage({ apiEndpoint: proxy.url, projectId: 'test', useAuthWithCustomEndpoint: false, retryOptions: { autoRetry: false } }).bucket(
      'weights',
    )
  const isDownload = (method: string, url: string) => method === 'GET' && url.includes('alt=media')

  it('passes uploads of many parts on, all of them', async () => {
    const data = randomBytes(3 * 1024 * 1024)
    const before = proxy.requests.length
    await bucket()
      .file('large')
      .save(data, { resumable: true, chunkSize: 1024 * 1024 })
    assert.deepEqual((await bucket().file('large').download())[0], data)
    const parts = proxy.requests.slice(before).filter(({ method, bytesUp }) => method === 'PUT' && bytesUp === 1024 * 1024)
    assert.equal(parts.length, 3)
  })

  it('answers instead of the server, so many times', async () => {
    const given = proxy.inject((method) => method === 'GET', { status: 503, body: '{}' }, 2)
    for (let i = 0; i < 2; i++) await assert.rejects(bucket().file('large').getMetadata(), { code: 503 })
    await given
    await bucket().file('large').getMetadata()
  })

  it('loses the answer to what was done', async () => {
    const given = proxy.inject((method) => method === 'POST', { status: 429, after: true })
    await assert.rejects(bucket().file('lost').save('one', { resumable: false }), { code: 429 })
    await given
    assert.equal((await bucket().file('lost').exists())[0], true)
  })

  it('cuts an answer short, damages it, or tells another checksum', async () => {
    for (const answer of [{ truncate: 1000 }, { damage: 1000 }, { replaceHeaders: { 'x-goog-hash': 'crc32c=AAAAAA==' } }]) {
      const given = proxy.inject(isDownload, answer)
      await assert.rejects(bucket().file('large').download(), JSON.stringify(answer))
      await given
    }
    await bucket().file('large').download()
  })
})

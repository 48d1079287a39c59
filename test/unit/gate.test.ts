import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Gate, openGate } from '../../scripts/vscode/gate'

const KEY = 'correct-horse-battery-staple'

describe('the gate before VS Code in the browser', function () {
  // Behind it is a socket with a path, which this server has on other systems only.
  if (process.platform === 'win32') return
  let folder: string
  let behind: Server
  let gate: Gate
  const seen: string[] = []
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'epochtree-gate-'))
    behind = createServer((asked, answered) => {
      seen.push(asked.url!)
      asked.pipe(answered)
    })
    behind.on('upgrade', (asked: IncomingMessage, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
      socket.pipe(socket)
      seen.push(asked.url!)
    })
    const path = join(folder, 'behind.sock')
    behind.listen(path)
    await once(behind, 'listening')
    gate = await openGate(path, KEY, 0)
  })
  after(async () => {
    await gate.close()
    behind.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const at = (path: string, headers: Record<string, string> = {}) => fetch(`http://127.0.0.1:${gate.port}${path}`, { headers })

  it('lets nobody in without the key', async () => {
    const before = seen.length
    for (const answer of [
      await at('/'),
      await at('/?key='),
      await at(`/?key=${KEY}x`),
      await at('/', { cookie: 'key=wrong' }),
      await at('/?key=%FF'),
    ])
      assert.equal(answer.status, 403)
    assert.match(await (await at('/')).text(), /Open the whole address/)
    assert.equal(seen.length, before)
  })

  it('lets in who has it, then by the cookie alone', async () => {
    const first = await at(`/?folder=/a b&key=${KEY}`)
    assert.equal(first.status, 200)
    const [cookie] = first.headers.getSetCookie()
    assert.match(cookie!, /HttpOnly; SameSite=Strict/)
    const again = await fetch(`http://127.0.0.1:${gate.port}/words`, {
      method: 'POST',
      body: 'as they were sent',
      headers: { cookie: cookie!.split(';')[0]! },
    })
    assert.equal(await again.text(), 'as they were sent')
  })

  it('passes web sockets on to who has the key, and drops others', async () => {
    const upgrade = async (query: string) => {
      const asked = request({ port: gate.port, path: `/socket${query}`, headers: { connection: 'Upgrade', upgrade: 'echo' } })
      asked.end()
      return new Promise<string>((done, fail) => {
        asked.on('error', fail)
        asked.on('response', (answer) => done(String(answer.statusCode)))
        asked.on('upgrade', (_, socket) => {
          socket.once('data', (data: Buffer) => {
            socket.destroy()
            done(data.toString())
          })
          socket.write('hello')
        })
      })
    }
    assert.equal(await upgrade(`?key=${KEY}`), 'hello')
    assert.equal(await upgrade(''), '403')
  })
})

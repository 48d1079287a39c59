import { timingSafeEqual } from 'node:crypto'
import { createServer, request as ask, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface Gate {
  readonly port: number
  readonly close: () => Promise<void>
}

/**
 * Lets in from loopback only who has the key: other users of this machine reach its ports too, and behind this one
 * is a terminal. The key comes with the first address, `?key=`, and then in a cookie. Behind it the server listens on a
 * socket in a folder that only this user may enter.
 */
export async function openGate(behind: string, key: string, wantedPort: number): Promise<Gate> {
  const open = new Set<Socket>()
  let cookie = ''
  const server = createServer((request, response) => {
    if (!mayEnter(request, key, cookie)) {
      response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8' })
      response.end('This VS Code belongs to whoever started it. Open the whole address that was printed there.\n')
      return
    }
    const passed = ask({ socketPath: behind, method: request.method, path: request.url, headers: request.headers }, (answer) => {
      const cookies = [...(answer.headers['set-cookie'] ?? []), `${cookie}=${key}; Path=/; HttpOnly; SameSite=Strict`]
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, 'set-cookie': cookies })
      answer.pipe(response)
    })
    passed.on('error', () => {
      if (!response.headersSent) response.writeHead(502, { 'content-type': 'text/plain; charset=utf-8' })
      response.end('VS Code has ended. Start it again.\n')
    })
    response.on('close', () => passed.destroy())
    request.pipe(passed)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (!mayEnter(request, key, cookie)) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      return
    }
    const passed = connect(behind, () => {
      const headers = request.rawHeaders.reduce((text, word, i) => text + word + (i % 2 === 0 ? ': ' : '\r\n'), '')
      passed.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers}\r\n`)
      passed.write(head)
      passed.pipe(socket).pipe(passed)
    })
    for (const [one, other] of [
      [passed, socket],
      [socket, passed],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
  })
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((listening, fail) => {
    server.once('error', fail)
    server.listen(wantedPort, '127.0.0.1', () => listening())
  })
  const { port } = server.address() as AddressInfo
  // Cookies know no ports: each gate of this machine has its own name.
  cookie = `epochtree-${port}`
  return {
    port,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        for (const socket of open) socket.destroy()
      }),
  }
}

function mayEnter({ url = '/', headers }: IncomingMessage, key: string, cookie: string): boolean {
  const right = Buffer.from(key)
  const cookies = (headers.cookie ?? '').split(';').map((part) => part.trim())
  const given = [
    new URLSearchParams(url.split('?')[1]).get('key') ?? '',
    ...cookies.filter((part) => part.startsWith(`${cookie}=`)).map((part) => part.slice(cookie.length + 1)),
  ].map((word) => Buffer.from(word))
  return given.some((word) => word.length === right.length && timingSafeEqual(word, right))
}

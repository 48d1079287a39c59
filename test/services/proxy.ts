import { createServer as createHttpServer, request, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../scripts/services/running'

/** To the server, or from it. */
export type Direction = 'up' | 'down'

/** What a line does to what goes over it. It holds for connections that are there, too. */
export type Way =
  | { readonly kind: 'open' }
  /** Everything comes that much later, each way. */
  | { readonly kind: 'slow'; readonly milliseconds: number }
  /** That many bytes a second, each way. */
  | { readonly kind: 'drip'; readonly bytesPerSecond: number }
  /** Connections are taken, and nothing ever comes. */
  | { readonly kind: 'silent' }

export interface Proxy {
  readonly port: number
  /** The address of the server, by way of here. */
  readonly url: string
  /** All connections that were ever made. */
  readonly connections: () => number
  readonly bytes: (direction: Direction) => number
  set(way: Way): void
  /** Nothing ever comes over the connections that are there, and neither side is told, as where something between has forgotten them. Others are made as ever. */
  forget(): void
  /** Resets a connection once that many bytes went over it in this direction from now on; resolves when that came to pass so many times. */
  cut(after: number, direction: Direction, times?: number): Promise<void>
  /** Resets all connections, and refuses others until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  downFor(seconds: number): Promise<void>
  close(): Promise<void>
}

const MOST_WAITING = 4 * 1024 * 1024

interface Cut {
  readonly after: number
  readonly direction: Direction
  left: number
  readonly done: () => void
}

interface Line {
  readonly client: Socket
  readonly server: Socket
  /** Since the cut that is waited for was asked for. */
  passed: Record<Direction, number>
  forgotten: boolean
}

/** A line of our own between a client and a server, which knows nothing of what goes over it. */
export async function startProxy(target: string): Promise<Proxy> {
  const to = new URL(target)
  const [host, targetPort] = [to.hostname, Number(to.port)]
  const lines = new Set<Line>()
  const bytes: Record<Direction, number> = { up: 0, down: 0 }
  let way: Way = { kind: 'open' }
  let change = () => {}
  const next = () => new Promise<void>((done) => (change = done))
  let changed = next()
  let cutting: Cut | undefined
  let connections = 0
  let listening: Server | undefined

  const reset = (line: Line) => {
    lines.delete(line)
    line.client.resetAndDestroy()
    line.server.resetAndDestroy()
  }

  const pass = (line: Line, direction: Direction) => {
    const [from, into] = direction === 'up' ? [line.client, line.server] : [line.server, line.client]
    const queue: { readonly part: Buffer; readonly came: number }[] = []
    let waiting = 0
    let ended = false
    let busy = false
    const write = async (part: Buffer) => {
      const cut = cutting
      if (cut && cut.direction === direction && line.passed[direction] + part.length >= cut.after) {
        into.write(part.subarray(0, Math.max(0, cut.after - line.passed[direction])))
        if (--cut.left === 0) {
          cutting = undefined
          cut.done()
        }
        // What was let through arrives before the reset.
        await new Promise<void>((done) => void into.write('', () => done()))
        reset(line)
        return
      }
      line.passed[direction] += part.length
      bytes[direction] += part.length
      if (!into.write(part)) await new Promise<void>((done) => void (into.once('drain', done), into.once('close', done)))
    }
    const work = async () => {
      if (busy) return
      busy = true
      for (let first = queue[0]; first && lines.has(line); first = queue[0]) {
        const now = way
        if (now.kind === 'silent' || line.forgotten) {
          await changed
          continue
        }
        const rest = now.kind === 'slow' ? first.came + now.milliseconds - performance.now() : 0
        if (rest > 0) {
          await Promise.race([pause(rest), changed])
          continue
        }
        queue.shift()
        waiting -= first.part.length
        if (now.kind === 'drip') {
          const size = Math.max(1, Math.floor(now.bytesPerSecond / 20))
          const [head, tail] = [first.part.subarray(0, size), first.part.subarray(size)]
          if (tail.length > 0) {
            queue.unshift({ part: tail, came: first.came })
            waiting += tail.length
          }
          await write(head)
          await Promise.race([pause(Math.max(50, 1000 / now.bytesPerSecond)), changed])
        } else await write(first.part)
        if (waiting < MOST_WAITING) from.resume()
      }
      busy = false
      if (ended && queue.length === 0 && lines.has(line) && !line.forgotten) into.end()
    }
    from.on('data', (part: Buffer) => {
      queue.push({ part, came: performance.now() })
      waiting += part.length
      if (waiting >= MOST_WAITING) from.pause()
      void work()
    })
    from.on('end', () => {
      ended = true
      void work()
    })
    // A reset on one side is one on the other; the end of a connection that was over is none.
    from.on('error', () => reset(line))
    from.on('close', () => {
      if (!ended) reset(line)
    })
  }

  const listen = (port: number) =>
    new Promise<Server>((done, fail) => {
      // The other half stays open when a client has said all.
      const server = createServer({ allowHalfOpen: true }, (client) => {
        connections++
        const line: Line = {
          client,
          server: connect({ host, port: targetPort, allowHalfOpen: true }),
          passed: { up: 0, down: 0 },
          forgotten: false,
        }
        lines.add(line)
        line.client.on('close', () => line.server.destroyed && lines.delete(line))
        line.server.on('close', () => line.client.destroyed && lines.delete(line))
        pass(line, 'up')
        pass(line, 'down')
      })
      server.on('error', fail)
      server.listen(port, '127.0.0.1', () => done(server))
    })

  listening = await listen(await freePort())
  const { port } = listening.address() as AddressInfo
  const set = (other: Way) => {
    way = other
    change()
    changed = next()
  }
  const down = async () => {
    const closing = listening
    listening = undefined
    const closed = closing && new Promise<void>((done) => void closing.close(() => done()))
    for (const line of lines) reset(line)
    // Parts that wait see that their line is gone.
    set(way)
    await closed
  }
  const up = async () => {
    listening ??= await listen(port)
  }
  return {
    port,
    url: target.replace(to.host, `127.0.0.1:${port}`),
    connections: () => connections,
    bytes: (direction) => bytes[direction],
    set,
    forget() {
      for (const line of lines) line.forgotten = true
    },
    cut(after, direction, times = 1) {
      for (const line of lines) line.passed = { up: 0, down: 0 }
      return new Promise((done) => (cutting = { after, direction, left: times, done }))
    },
    down,
    up,
    async downFor(seconds) {
      await down()
      await pause(seconds * 1000)
      await up()
    },
    close: down,
  }
}

/** What a request gets instead of, or made of, the server's answer. */
export type Answer =
  /** `after`: the server did what was asked, and only its answer is lost. */
  | { readonly status: number; readonly headers?: OutgoingHttpHeaders; readonly body?: string; readonly after?: boolean }
  /** The server's answer, whose body ends that early although its length was told. */
  | { readonly truncate: number }
  /** The server's answer with other headers, such as a wrong checksum. */
  | { readonly replaceHeaders: OutgoingHttpHeaders }
  /** The server's answer with one byte of its body changed. */
  | { readonly damage: number }

export interface Request {
  readonly method: string
  readonly url: string
  readonly status: number
  readonly bytesUp: number
  readonly bytesDown: number
}

export interface HttpProxy {
  readonly port: number
  readonly url: string
  /** Those that were answered, in order. */
  readonly requests: readonly Request[]
  /** Answers the next requests that match like that; resolves when all were given. Later ones come before earlier ones. */
  inject(matches: (method: string, url: string) => boolean, answer: Answer, times?: number): Promise<void>
  /** Nothing is injected any more. */
  clear(): void
  close(): Promise<void>
}

interface Injection {
  readonly matches: (method: string, url: string) => boolean
  readonly answer: Answer
  left: number
  readonly done: () => void
}

/** Between a client and a server that speak HTTP, with answers of its own now and then. */
export async function startHttpProxy(target: string): Promise<HttpProxy> {
  const to = new URL(target)
  const requests: Request[] = []
  let injections: Injection[] = []

  const handle = (asked: IncomingMessage, answered: ServerResponse) => {
    const [method, url] = [asked.method!, asked.url!]
    const injection = injections.find(({ matches }) => matches(method, url))
    if (injection && --injection.left === 0) {
      injections = injections.filter((one) => one !== injection)
      injection.done()
    }
    const answer = injection?.answer
    const count = { up: 0, down: 0 }
    asked.on('data', (part: Buffer) => (count.up += part.length))
    answered.on('close', () => requests.push({ method, url, status: answered.statusCode, bytesUp: count.up, bytesDown: count.down }))
    const say = () => {
      if (!answer || !('status' in answer)) return
      const body = answer.body ?? ''
      answered.writeHead(answer.status, {
        'content-type': 'application/json',
        ...answer.headers,
        'content-length': Buffer.byteLength(body),
      })
      answered.end(body)
    }
    if (answer && 'status' in answer && !answer.after) {
      asked.on('end', say)
      asked.resume()
      return
    }
    const forwarded = request(
      { host: to.hostname, port: to.port, method, path: url, headers: asked.headers, agent: false, setHost: false },
      (response) => {
        if (answer && 'status' in answer) {
          response.on('end', say)
          response.resume()
          return
        }
        const replaced = answer && 'replaceHeaders' in answer ? answer.replaceHeaders : {}
        answered.writeHead(response.statusCode!, { ...response.headers, ...replaced })
        response.on('data', (part: Buffer) => {
          const before = count.down
          count.down += part.length
          if (answer && 'truncate' in answer && count.down >= answer.truncate) {
            answered.write(part.subarray(0, answer.truncate - before), () => answered.destroy())
            response.destroy()
            return
          }
          const at = answer && 'damage' in answer ? answer.damage - before : -1
          if (at >= 0 && at < part.length) part[at] = part[at]! ^ 0xff
          if (!answered.write(part)) {
            response.pause()
            answered.once('drain', () => response.resume())
          }
        })
        response.on('end', () => answered.end())
        response.on('error', () => answered.destroy())
      },
    )
    forwarded.on('error', () => answered.destroy())
    answered.on('close', () => forwarded.destroy())
    asked.pipe(forwarded)
  }

  const server = createHttpServer(handle)
  // A resumable upload stays open for as long as its file is long.
  server.requestTimeout = 0
  const port = await freePort()
  await new Promise<void>((done, fail) => void server.on('error', fail).listen(port, '127.0.0.1', done))
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    inject: (matches, answer, times = 1) => new Promise((done) => (injections = [{ matches, answer, left: times, done }, ...injections])),
    clear() {
      injections = []
    },
    async close() {
      const closed = new Promise<void>((done) => void server.close(() => done()))
      server.closeAllConnections()
      await closed
    },
  }
}

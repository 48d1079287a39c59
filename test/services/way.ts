import { createServer, connect, type Server, type Socket } from 'node:net'

/** The way to a server, which can be cut and mended. */
export class Way {
  readonly url: string
  readonly #to: URL
  readonly #port: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  private constructor(to: URL, port: number, server: Server) {
    this.#to = to
    this.#port = port
    this.#server = server
    const url = new URL(to.href)
    url.port = String(port)
    this.url = url.href.replace(/\/$/, '')
    this.#take(server)
  }

  static async to(url: string): Promise<Way> {
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    return new Way(new URL(url), (server.address() as { port: number }).port, server)
  }

  #take(server: Server) {
    server.on('connection', (from) => {
      const to = connect(Number(this.#to.port), this.#to.hostname)
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        this.#sockets.add(one)
        one.on('error', () => other.destroy())
        one.on('close', () => {
          this.#sockets.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    })
  }

  /** Nobody comes through, and who was on it is thrown off. */
  async cut() {
    const server = this.#server
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
    if (server) await new Promise<void>((done) => server.close(() => done()))
  }

  async mend() {
    if (this.#server) return
    const server = createServer()
    this.#take(server)
    await new Promise<void>((done, fail) => server.once('error', fail).listen(this.#port, '127.0.0.1', done))
    this.#server = server
  }
}

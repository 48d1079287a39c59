import { startHttpProxy } from '../../test/services/proxy'
import type { TeamConfig } from '../../server/storage/team/ports'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A line to MongoDB that counts what is asked over it: each message begins with its length. */
async function startMessages(target: string) {
  const to = new URL(target)
  const sockets = new Set<Socket>()
  const counted = { up: 0, down: 0, messages: 0 }
  const listening = createServer((client) => {
    const server = connect(Number(to.port), to.hostname)
    let rest = Buffer.alloc(0)
    client.on('data', (part) => {
      counted.up += part.length
      rest = Buffer.concat([rest, part])
      while (rest.length >= 4 && rest.length >= rest.readInt32LE()) {
        counted.messages++
        rest = rest.subarray(rest.readInt32LE())
      }
    })
    server.on('data', (part) => (counted.down += part.length))
    client.pipe(server).pipe(client)
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy()).on('close', () => (sockets.delete(one), other.destroy()))
    }
  })
  await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done))
  const through = new URL(target)
  through.port = String((listening.address() as AddressInfo).port)
  return {
    url: through.href,
    counted: () => ({ ...counted }),
    close: async () => {
      for (const one of sockets) one.destroy()
      await new Promise((done) => listening.close(done))
    },
  }
}

/** A team by way of lines that count what goes over them. */
export async function countingTeam(config: TeamConfig) {
  const mongo = await startMessages(config.mongo.uri)
  const elastic = await startHttpProxy(config.elastic.node)
  const gcs = config.gcs.endpoint === undefined ? undefined : await startHttpProxy(config.gcs.endpoint)
  const through: TeamConfig = {
    ...config,
    mongo: { ...config.mongo, uri: mongo.url },
    elastic: { ...config.elastic, node: elastic.url },
    gcs: { ...config.gcs, ...(gcs ? { endpoint: gcs.url } : {}) },
  }
  return {
    config: through,
    counted() {
      const { up, down, messages } = mongo.counted()
      const http = [...elastic.requests, ...(gcs?.requests ?? [])]
      return {
        mongo: messages,
        elastic: elastic.requests.length,
        gcs: gcs?.requests.length ?? 0,
        bytes: up + down + http.reduce((sum, { bytesUp, bytesDown }) => sum + bytesUp + bytesDown, 0),
      }
    },
    close: async () => void (await Promise.all([mongo.close(), elastic.close(), gcs?.close()])),
  }
}

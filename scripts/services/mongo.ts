import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { toStderr, type Say } from '../vscode/root'
import type { Certificate } from './certificates'
import { goProgram } from './go'
import { freshFolder } from './place'
import { launch, type Running } from './running'

export interface MongoOptions {
  /** Kept when it stops; without it the data go with the server. */
  readonly dataDir?: string
  readonly port?: number
  /** With it only TLS is spoken. */
  readonly tls?: Certificate
  readonly say?: Say
}

/** MongoDB's protocol: FerretDB on SQLite. */
export async function startMongo({ dataDir, port, tls, say = toStderr }: MongoOptions = {}): Promise<Running> {
  const program = await goProgram('ferretdb', say)
  const base = dataDir ?? freshFolder('mongo')
  const data = join(base, 'data')
  mkdirSync(data, { recursive: true })
  const url = (at: number) => `mongodb://127.0.0.1:${at}/${tls ? '?tls=true' : ''}`
  return launch({
    name: 'FerretDB',
    url,
    command: (at) => ({
      program,
      args: ['-listen', `127.0.0.1:${at}`, '-dir', data, ...(tls ? ['-cert', tls.certFile, '-key', tls.keyFile] : [])],
    }),
    async ready(at) {
      const client = new MongoClient(url(at), {
        serverSelectionTimeoutMS: 500,
        ...(tls ? { tlsCAFile: tls.caFile, tlsAllowInvalidCertificates: true } : {}),
      })
      try {
        await client.db('admin').command({ ping: 1 })
      } finally {
        await client.close()
      }
    },
    dataDir: data,
    logFile: join(base, 'server.log'),
    temporary: dataDir === undefined ? base : undefined,
    ...(port === undefined ? {} : { port }),
    seconds: 60,
  })
}

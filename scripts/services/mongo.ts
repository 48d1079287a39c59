import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { toStderr, type Say } from '../vscode/root'
import type { Certificate } from './certificates'
import { goProgram, type Patch } from './go'
import { freshFolder } from './place'
import { launch, type Running } from './running'

export interface MongoOptions {
  /** Kept when it stops; without it the data go with the server. */
  readonly dataDir?: string
  readonly port?: number
  /** With it only TLS is spoken. */
  readonly tls?: Certificate
  /** Turns security on: this one may enter, with a password. It is kept with the data. */
  readonly user?: { readonly name: string; readonly password: string }
  readonly say?: Say
}

/** As a module it offers no settings of its security: they come by these variables. */
const SECURITY: Patch = {
  module: 'github.com/FerretDB/FerretDB',
  file: 'internal/handler/registry/registry.go',
  texts: [
    ['import (\n', 'import (\n\t"os"\n'],
    [
      '\t// handle deprecated variant\n',
      `\tif name := os.Getenv("EPOCHTREE_TEST_USERNAME"); name != "" {
\t\topts.EnableNewAuth = true
\t\topts.SetupDatabase, opts.SetupUsername = "admin", name
\t\topts.SetupPassword = password.WrapPassword(os.Getenv("EPOCHTREE_TEST_PASSWORD"))
\t}

\t// handle deprecated variant
`,
    ],
  ],
}

export const fetchMongo = (say: Say) => goProgram('ferretdb', say, SECURITY)

/** MongoDB's protocol: FerretDB on SQLite. */
export async function startMongo({ dataDir, port, tls, user, say = toStderr }: MongoOptions = {}): Promise<Running> {
  const program = await fetchMongo(say)
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
      ...(user ? { env: { EPOCHTREE_TEST_USERNAME: user.name, EPOCHTREE_TEST_PASSWORD: user.password } } : {}),
    }),
    async ready(at) {
      const client = new MongoClient(url(at), {
        serverSelectionTimeoutMS: 2000,
        ...(user ? { auth: { username: user.name, password: user.password } } : {}),
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

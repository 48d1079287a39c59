import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { toStderr, type Say } from '../vscode/root'
import { ask } from './ask'
import type { Certificate } from './certificates'
import { goProgram } from './go'
import { freshFolder } from './place'
import { launch, type Running } from './running'

export interface GcsOptions {
  /** Kept when it stops; without it the data go with the server. */
  readonly dataDir?: string
  readonly port?: number
  /** With it only TLS is spoken. */
  readonly tls?: Certificate
  readonly say?: Say
}

export const fetchGcs = (say: Say) => goProgram('fakegcs', say)

/** Google Cloud Storage's protocol: fake-gcs-server on files. */
export async function startGcs({ dataDir, port, tls, say = toStderr }: GcsOptions = {}): Promise<Running> {
  const program = await fetchGcs(say)
  const base = dataDir ?? freshFolder('gcs')
  const data = join(base, 'data')
  mkdirSync(data, { recursive: true })
  const url = (at: number) => `${tls ? 'https' : 'http'}://127.0.0.1:${at}`
  return launch({
    name: 'fake-gcs-server',
    url,
    command: (at) => ({
      program,
      args: ['-listen', `127.0.0.1:${at}`, '-dir', data, ...(tls ? ['-cert', tls.certFile, '-key', tls.keyFile] : [])],
    }),
    ready: async (at) => {
      const { status } = await ask(`${url(at)}/_internal/healthcheck`, { seconds: 5 })
      if (status !== 200) throw new Error(`it answers ${status}`)
    },
    dataDir: data,
    logFile: join(base, 'server.log'),
    temporary: dataDir === undefined ? base : undefined,
    ...(port === undefined ? {} : { port }),
    seconds: 60,
  })
}

/** A bucket must be there before anything is put into it. */
export async function makeBucket(endpoint: string, name: string): Promise<void> {
  const { status, text } = await ask(`${endpoint}/storage/v1/b?project=test`, { method: 'POST', body: JSON.stringify({ name }) })
  if (status !== 200 && status !== 409) throw new Error(`The bucket ${name} could not be made: ${status} ${text}`)
}

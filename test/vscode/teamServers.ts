import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Certificate, makeCertificate } from '../../scripts/services/certificates'
import { startElastic } from '../../scripts/services/elastic'
import { makeBucket, startGcs } from '../../scripts/services/gcs'
import { startMongo } from '../../scripts/services/mongo'
import type { Running } from '../../scripts/services/running'
import { toStderr } from '../../scripts/vscode/root'

/** Made anew for each run: whoever looks for it in files finds it in none that came with the project. */
export const PASSWORD = randomBytes(12).toString('hex')
export const BUCKET = 'team-bucket'

/** The three servers of a team, empty, for one suite: they are killed in it. Two of them ask for a password, and Elasticsearch speaks TLS, with a certificate of an authority of its own. */
export interface TeamServers {
  readonly mongo: Running
  readonly elastic: Running
  readonly gcs: Running
  readonly certificate: Certificate
  readonly stop: () => Promise<void>
}

export async function startTeam(): Promise<TeamServers> {
  const folder = mkdtempSync(join(tmpdir(), 'epochtree-team-'))
  const certificate = await makeCertificate(join(folder, 'certificate'))
  const users = [
    { name: 'admin', password: PASSWORD, role: 'superuser' as const },
    { name: 'reader', password: PASSWORD, role: 'reader' as const },
  ]
  const starting = [
    startMongo({ user: { name: 'admin', password: PASSWORD }, say: toStderr }),
    startElastic({ users, tls: certificate, say: toStderr }),
    startGcs({ say: toStderr }),
  ] as const
  const started = await Promise.allSettled(starting)
  const running = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const stop = async () => {
    await Promise.all(running.map((server) => server.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const [mongo, elastic, gcs] = await Promise.all(starting)
    await makeBucket(gcs.url, BUCKET)
    return { mongo, elastic, gcs, certificate, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

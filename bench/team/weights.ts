import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { pipeline } from 'node:stream/promises'
import { Storage } from '@google-cloud/storage'
import { openGcs } from '../../server/storage/gcs/weights'
import type { TeamConfig } from '../../server/storage/team/ports'
import { freshTeam } from '../../test/services/servers'
import { figure, text } from '../figures'
import { median, timed, turns } from '../turns'
import { writeRandom } from './random'
import type { Sizes } from './sizes'

export const plainBucket = ({ bucket, endpoint }: TeamConfig['gcs']) =>
  new Storage(endpoint === undefined ? {} : { apiEndpoint: endpoint, projectId: 'bench' }).bucket(bucket)

/** A file up and down, beside the client's own streams with what they do by themselves. */
export async function measureWeights({ rounds, weightsBytes }: Sizes) {
  const { gcs } = await freshTeam()
  const folder = mkdtempSync(join(tmpdir(), 'epochtree-bench-'))
  const file = join(folder, 'weights')
  const sha256 = writeRandom(file, weightsBytes)
  const store = openGcs(gcs, { cache: join(folder, 'cache'), cacheBytes: Number.MAX_SAFE_INTEGER })
  const bucket = plainBucket(gcs)
  const ours = bucket.file(`${gcs.prefix}weights/${sha256.slice(0, 2)}/${sha256}`)
  const plain = bucket.file(`${gcs.prefix}plain`)
  await store.put(sha256, file)
  const size = `${text(weightsBytes / 2 ** 20)} MiB`

  const up = await turns(
    rounds,
    async () => {
      await ours.delete()
      return timed(() => store.put(sha256, file))
    },
    async () => {
      await plain.delete({ ignoreNotFound: true })
      return timed(() => pipeline(createReadStream(file), plain.createWriteStream()))
    },
  )
  figure(
    `upload of ${size} of weights, against the client's stream`,
    up.ratio,
    'times',
    1.2,
    `${text(median(up.floor))} ms for that, with its check by MD5 and CRC32C; ${text(median(up.own))} ms here, of these ${text(up.processor.floor)} and ${text(up.processor.own)} ms of processor time, with SHA-256 besides`,
  )

  const fetched = join(folder, 'cache', sha256.slice(0, 2), sha256)
  const down = await turns(
    rounds,
    async () => {
      rmSync(fetched, { force: true })
      return timed(() => store.fetch(sha256))
    },
    async () => {
      const to = join(folder, 'plain')
      rmSync(to, { force: true })
      return timed(() => pipeline(plain.createReadStream(), createWriteStream(to)))
    },
  )
  figure(
    `download of ${size} of weights, against the client's stream`,
    down.ratio,
    'times',
    1.2,
    `${text(median(down.floor))} ms for that, with its check by CRC32C; ${text(median(down.own))} ms here, of these ${text(down.processor.floor)} and ${text(down.processor.own)} ms of processor time, with SHA-256 and flushed to the disk besides`,
  )
  await Promise.all([ours.delete(), plain.delete()])
  await store.close()
  rmSync(folder, { recursive: true })
}

import { openGcs } from '../../server/storage/gcs/weights'
import type { TeamConfig } from '../../server/storage/team/ports'

/** A process of its own that brings or fetches one file and tells how far it is, for tests that end it at any moment. */
export interface ChildWork {
  readonly config: TeamConfig['gcs']
  readonly cache: string
  readonly sha256: string
  /** Brought, if given; else the file of that hash is fetched. */
  readonly file?: string
  readonly chunkBytes?: number
}

const { config, cache, sha256, file, chunkBytes } = JSON.parse(process.argv[2]!) as ChildWork
const store = openGcs(config, { cache, cacheBytes: 2 ** 40, ...(chunkBytes === undefined ? {} : { chunkBytes }) })
const progress = (done: number) => process.stdout.write(`${done}\n`)
console.log(`got ${file === undefined ? await store.fetch(sha256, { progress }) : await store.put(sha256, file, { progress })}`)
await store.close()

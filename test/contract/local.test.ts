import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalStores } from '../../server/storage/local/stores'
import { ThreadedStores } from '../../server/storage/local/threads'
import type { Stores } from '../../server/storage/ports'
import { documentStoreContract } from './documentStore'
import { CHILD, writeRuns } from './fixture'
import { sessionStoreContract } from './sessionStore'
import { weightsStoreContract } from './weightsStore'

for (const [name, open] of [
  ['the embedded stores', (dir: string): Stores => new LocalStores(dir)],
  ['the embedded stores on threads', (dir: string): Stores => new ThreadedStores(dir)],
] as const) {
  describe(name, () => {
    let dir: string
    let stores: Stores
    beforeEach(async () => {
      dir = join(mkdtempSync(join(tmpdir(), 'epochtree-contract-')), '.epochtree')
      writeRuns(dir)
      stores = open(dir)
      await stores.ingest()
    })
    afterEach(async () => {
      await stores.close()
      await stores.close()
      rmSync(join(dir, '..'), { recursive: true, force: true })
    })
    describe('of sessions', () => sessionStoreContract(() => stores.sessions))
    describe('of documents', () =>
      documentStoreContract(
        () => stores.documents,
        () => stores.sessions.history(CHILD),
      ))
    describe('of weights', () =>
      weightsStoreContract(
        () => stores.weights,
        () => dir,
      ))
  })
}

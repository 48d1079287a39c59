import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openElastic } from '../../server/storage/elastic/documents'
import { LocalStores } from '../../server/storage/local/stores'
import type { TeamDocuments } from '../../server/storage/team/ports'
import { documentStoreContract } from '../contract/documentStore'
import { CHILD, writeRuns } from '../contract/fixture'
import { elastic, elasticAt } from './servers'
import { documentsIn, resolveIn } from './uploading'

describe('documents in Elasticsearch', () => {
  describe('as any store of documents', () => {
    let dir: string
    let local: LocalStores
    let documents: TeamDocuments
    before(async () => {
      dir = join(mkdtempSync(join(tmpdir(), 'epochtree-elastic-')), '.epochtree')
      writeRuns(dir)
      local = new LocalStores(dir)
      await local.ingest()
      documents = openElastic(elasticAt((await elastic()).url), resolveIn(local))
      await documents.write(documentsIn(dir))
    })
    after(async () => {
      await documents?.close()
      await local?.close()
      rmSync(join(dir, '..'), { recursive: true, force: true })
    })
    documentStoreContract(
      () => documents,
      () => local.sessions.history(CHILD),
    )

    it('writes nothing twice', async () => {
      const again = documentsIn(dir)
      const rows = again.reduce((n, one) => n + (one.kind === 'metric' ? one.values.length : [...one.fields.values()][0]!.length), 0)
      assert.deepEqual(await documents.write(again), { written: 0, known: rows })
    })
  })
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startElastic } from '../../scripts/services/elastic'
import { openElastic } from '../../server/storage/elastic/documents'
import { LocalStores } from '../../server/storage/local/stores'
import type { DocumentColumns, TeamDocuments } from '../../server/storage/team/ports'
import { documentStoreContract } from '../contract/documentStore'
import { CHILD, writeRuns } from '../contract/fixture'
import { elastic, elasticAt, type Server } from './servers'
import { documentsIn, resolveIn } from './uploading'

// The version before speaks the same.
for (const [version, start] of [
  ['', elastic],
  [' 8.19', () => startElastic({ version: '8.19.0' }).then((running) => ({ url: running.url, running }))],
] as const)
  describe(`documents in Elasticsearch${version}`, () => {
    describe('as any store of documents', () => {
      let server: Server
      let dir: string
      let local: LocalStores
      let documents: TeamDocuments
      before(async () => {
        server = await start()
        dir = join(mkdtempSync(join(tmpdir(), 'epochtree-elastic-')), '.epochtree')
        writeRuns(dir)
        local = new LocalStores(dir)
        await local.ingest()
        documents = openElastic(elasticAt(server.url), resolveIn(local))
        await documents.write(documentsIn(dir))
      })
      after(async () => {
        await documents?.close()
        await local?.close()
        rmSync(join(dir, '..'), { recursive: true, force: true })
        if (version !== '') await server?.running?.stop()
      })
      documentStoreContract(
        () => documents,
        () => local.sessions.history(CHILD),
      )

      it('writes nothing twice, reads what was written, and removes it', async () => {
        const again = documentsIn(dir)
        const rows = again.reduce((n, one) => n + (one.kind === 'metric' ? one.values.length : [...one.fields.values()][0]!.length), 0)
        assert.deepEqual(await documents.write(again), { written: 0, known: rows })
        const ids = [...new Set(again.map(({ epochId }) => epochId))]
        const counts = await documents.count([...ids, 'f'.repeat(24)])
        assert.equal(
          [...counts.values()].reduce((a, b) => a + b, 0),
          rows,
        )
        assert.equal(counts.get('f'.repeat(24)), 0)
        const read: DocumentColumns[] = []
        for await (const columns of documents.read(ids)) read.push(columns)
        const seen = new Set((await resolveIn(local)({ epochIds: ids })).map(({ id }) => id))
        assert.deepEqual(rowsIn(read), rowsIn(again.filter(({ epochId }) => seen.has(epochId))))
        const [one, ...rest] = ids
        assert.equal(await documents.remove([one!]), counts.get(one!))
        assert.deepEqual([await documents.remove([one!]), (await documents.count([one!])).get(one!)], [0, 0])
        assert.equal((await documents.count(rest)).get(rest[0]!), counts.get(rest[0]!))
        assert.deepEqual(await documents.write(again), { written: counts.get(one!)!, known: rows - counts.get(one!)! })
      })
    })
  })

/** Each row of columns, however these were parted. */
function rowsIn(columns: readonly DocumentColumns[]): string[] {
  return columns
    .flatMap((one): object[] =>
      one.kind === 'metric'
        ? Array.from(one.values, (value, i) => ({
            ...one,
            steps: one.steps?.[i],
            values: String(value),
            times: one.times[i],
            from: one.from + i,
          }))
        : Array.from([...one.fields.values()][0]!, (_, i) => ({
            ...one,
            fields: Array.from(one.fields, ([name, values]) => JSON.stringify([name, values[i]])).sort(),
            from: one.from + i,
          })),
    )
    .map((row) => JSON.stringify(row, Object.keys(row).sort()))
    .sort()
}

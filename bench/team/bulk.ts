import { Client } from '@elastic/elasticsearch'
import { openElastic } from '../../server/storage/elastic/documents'
import { rowsOf } from '../../server/storage/elastic/rows'
import type { MetricColumns, TeamConfig } from '../../server/storage/team/ports'
import { freshName, freshTeam } from '../../test/services/servers'
import { figure, text } from '../figures'
import { id } from '../fixtures'
import { median, timed, turns } from '../turns'
import type { Sizes } from './sizes'

const METRICS = 20
const POINTS_OF_EPOCH = 500

/** Points as the spool hands them on: each epoch's curves one after another. */
export function* metricColumns(session: string, kind: number, epochs: number, metrics: number, steps: number): Generator<MetricColumns> {
  for (let number = 1; number <= epochs; number++)
    for (let metric = 0; metric < metrics; metric++) {
      const begin = (number - 1) * steps
      yield {
        kind: 'metric',
        epochId: id(kind, number),
        sessionId: session,
        number,
        source: '',
        split: 'train',
        name: `metric${metric}`,
        level: 0,
        from: 0,
        steps: Float64Array.from({ length: steps }, (_, i) => begin + i),
        values: Float64Array.from({ length: steps }, (_, i) => Math.sin(number + metric + i) / (1 + number)),
        times: Float64Array.from({ length: steps }, (_, i) => 1_764_000_000 + begin + i),
      }
    }
}

export const plainClient = ({ node, apiKey, username, password }: TeamConfig['elastic']) =>
  new Client({ node, ...(apiKey ? { auth: { apiKey } } : username ? { auth: { username, password: password ?? '' } } : {}) })

/** As many documents as the client's own helper writes from a list of them, into an index of the same shape. */
export async function measureBulk({ rounds, documents }: Sizes) {
  const { elastic } = await freshTeam()
  const epochs = Math.ceil(documents / METRICS / POINTS_OF_EPOCH)
  const columns = [...metricColumns(id(1, 1), 0x6a, epochs, METRICS, POINTS_OF_EPOCH)]
  const [first] = metricColumns(id(1, 1), 0x6a, 1, 1, 1)
  const count = columns.reduce((sum, { values }) => sum + values.length, 0)
  /** Ready documents, the very same. */
  const ready = columns.flatMap((one) => {
    const { line, count: rows } = rowsOf('any', one)
    return Array.from({ length: rows }, (_, row) => {
      const [action, document] = line(row).split('\n') as [string, string]
      return { action: (JSON.parse(action) as { create: { _id: string } }).create, document: JSON.parse(document) as object }
    })
  })
  const client = plainClient(elastic)
  /** An index of its own that is there, with the adapter's template. */
  const fresh = async () => {
    const config = { ...elastic, prefix: freshName() }
    const store = openElastic(config, async () => [])
    await store.write([{ ...first!, epochId: id(0x6a, 999_999) }])
    return { store, index: rowsOf(config.prefix, first!).index }
  }
  const gone = async (index: string) => void (await client.indices.delete({ index }))
  const { own, floor, ratio, processor } = await turns(
    rounds,
    async () => {
      const { store, index } = await fresh()
      let written = 0
      const ms = await timed(async () => ({ written } = await store.write(columns)))
      if (written !== count) throw new Error(`${written} documents were written, and not ${count}`)
      await store.close()
      await gone(index)
      return ms
    },
    async () => {
      const { store, index } = await fresh()
      const ms = await timed(async () => {
        const { successful, failed } = await client.helpers.bulk<(typeof ready)[number]>({
          datasource: ready,
          onDocument: ({ action: { _id }, document }) => [{ create: { _index: index, _id } }, document],
          refreshOnCompletion: index,
        })
        if (successful !== count || failed > 0) throw new Error(`the helper wrote ${successful} documents, and not ${count}`)
      })
      await store.close()
      await gone(index)
      return ms
    },
  )
  await client.close()
  figure(
    `ingest of ${text(count)} documents to Elasticsearch, against the client's helper`,
    ratio,
    'times',
    1.3,
    `${text(median(floor))} ms for its bulk helper with ready documents; ${text(median(own))} ms here; ${text(processor.floor)} and ${text(processor.own)} ms of them processor time of ours`,
  )
}

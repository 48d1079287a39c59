import { rowsOf } from '../../server/storage/elastic/rows'
import { openElastic } from '../../server/storage/elastic/documents'
import type { Resolve } from '../../server/storage/elastic/scopes'
import type { ReducedCurve, Scope } from '../../server/storage/ports'
import { bucketWidth } from '../../server/tracking/buckets'
import { startProxy } from '../../test/services/proxy'
import { freshTeam } from '../../test/services/servers'
import { figure, text } from '../figures'
import { id } from '../fixtures'
import { median, timed, turns } from '../turns'
import { metricColumns, plainClient } from './bulk'
import type { Sizes } from './sizes'

const METRICS = 20
const STEPS = 10
const BUCKETS = 600
const KINDS = [0x71, 0x72]

/** Curves of two models, reduced by Elasticsearch, beside the plain query for the same that one would write by hand. */
export async function measureComparison({ rounds, epochs }: Sizes) {
  const { elastic } = await freshTeam()
  const proxy = await startProxy(elastic.node)
  const through = { ...elastic, node: proxy.url }
  const session = (model: number) => id(7, model + 1)
  // As MongoDB would tell: who asks it is measured elsewhere.
  const visible = KINDS.map((kind, model) =>
    Array.from({ length: epochs }, (_, i) => ({ id: id(kind, i + 1), number: i + 1, sessionId: session(model) })),
  )
  const resolve: Resolve = async (scope) =>
    'segments' in scope ? visible.filter((_, model) => scope.segments.some(({ sessionId }) => sessionId === session(model))).flat() : []
  const store = openElastic(through, resolve)
  for (const [model, kind] of KINDS.entries()) await store.write(metricColumns(session(model), kind, epochs, METRICS, STEPS))
  const { index } = rowsOf(elastic.prefix, [...metricColumns(session(0), KINDS[0]!, 1, 1, 1)][0]!)
  const client = plainClient(through)
  // Segments as they lie on the servers: one would be slower while they are put together, and the other not.
  await client.indices.forcemerge({ index, max_num_segments: 1 })
  await client.indices.refresh({ index })

  const names = Array.from({ length: METRICS }, (_, i) => `metric${i}`)
  const query = {
    metrics: names.map((name) => ({ split: 'train', name })),
    axis: { of: 'epoch' as const },
    range: [1, epochs] as const,
    buckets: BUCKETS,
  }
  const scope = (model: number): Scope => ({ segments: [{ sessionId: session(model), from: 1, to: epochs }] })
  const width = epochs > BUCKETS ? bucketWidth(query.range, BUCKETS) : 1
  const received = (from: number) => proxy.bytes('down') - from
  const taken = { own: 0, plain: 0 }
  let drawn: ReducedCurve[] = []
  let buckets = 0
  const { own, floor, ratio, processor } = await turns(
    rounds,
    async () => {
      const from = proxy.bytes('down')
      const ms = await timed(async () => {
        drawn = (await Promise.all(KINDS.map((_, model) => store.curves(scope(model), query)))).flat()
      })
      taken.own = received(from)
      if (drawn.length !== 2 * METRICS) throw new Error(`${drawn.length} curves`)
      return ms
    },
    async () => {
      const from = proxy.bytes('down')
      const ms = await timed(async () => {
        const answers = await Promise.all(
          KINDS.map((_, model) =>
            client.search({
              index,
              size: 0,
              track_total_hits: false,
              filter_path: 'aggregations',
              query: {
                bool: {
                  filter: [
                    { term: { session: session(model) } },
                    { range: { number: { gte: 1, lte: epochs } } },
                    { term: { split: 'train' } },
                    { terms: { name: names } },
                  ],
                },
              },
              aggs: {
                names: {
                  terms: { field: 'name', size: METRICS },
                  aggs: {
                    cells: {
                      histogram: { field: 'number', interval: width, min_doc_count: 1 },
                      aggs: {
                        low: { min: { field: 'value' } },
                        high: { max: { field: 'value' } },
                        last: { top_hits: { size: 1, sort: [{ step: 'desc' }], _source: false, docvalue_fields: ['value'] } },
                      },
                    },
                  },
                },
              },
            }),
          ),
        )
        buckets = answers.reduce((sum, { aggregations }) => {
          const { buckets: found } = aggregations!['names'] as unknown as { buckets: { cells: { buckets: object[] } }[] }
          return sum + found.reduce((cells, one) => cells + one.cells.buckets.length, 0)
        }, 0)
      })
      taken.plain = received(from)
      return ms
    },
  )
  const points = drawn.reduce((sum, { x }) => sum + x.length, 0)
  // As they are drawn: where, the value, and its band.
  const asJson = drawn.reduce(
    (sum, { x, value, low, high }) => sum + JSON.stringify([x, value, low, high].map((one) => [...one])).length,
    0,
  )
  const what = `2 models x ${text(epochs)} epochs x ${METRICS} metrics from Elasticsearch`
  figure(
    `${what}, against a query by hand`,
    ratio,
    'times',
    1.3,
    `${text(median(floor))} ms for the plain query sent by hand; ${text(median(own))} ms here; ${text(processor.floor)} and ${text(processor.own)} ms of them processor time of ours`,
  )
  figure(
    `${what}, over the wire`,
    taken.own / 1e6,
    'MB',
    asJson / 1e6,
    `${text(asJson / 1e6)} MB are the ${text(points)} points that are drawn, as plain lists; ${text(taken.plain / 1e6)} MB for the ${text(buckets)} cells of the query by hand; ${text(2 * epochs * METRICS * STEPS)} documents lie there`,
  )
  await Promise.all([client.close(), store.close()])
  await proxy.close()
}

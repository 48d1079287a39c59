import assert from 'node:assert/strict'
import { openElastic } from '../../server/storage/elastic/documents'
import type { Clock, CurvesQuery } from '../../server/storage/ports'
import type { DocumentColumns, TeamDocuments } from '../../server/storage/team/ports'
import { NOTHING, placeSteps, placeTimes } from '../../server/tracking/places'
import { checkCurve, type Lying } from '../contract/curves'
import { startHttpProxy } from './proxy'
import { elastic, elasticAt } from './servers'
import { columnsOf, history, resolve, SESSION } from './trained'

const EPOCHS = 1500
const [loss, acc, rare] = ['train/loss', 'val/acc', 'val/rare'].map((name) => {
  const [split, of] = name.split('/') as [string, string]
  return { split, name: of }
}) as [Metric, Metric, Metric]
type Metric = { readonly split: string; readonly name: string }

interface Logged {
  readonly metric: Metric
  readonly epoch: number
  readonly step: number | null
  readonly value: number
  readonly time: number
}

/** Three steps an epoch, counted anew from epoch 1001 on as after a start from nothing; a value of the whole epoch each fifth; and one that came seldom. */
function* logged(): Generator<Logged> {
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    const at = (epoch > 1000 ? epoch - 1001 : epoch) * 3
    for (let i = 0; i < 3; i++)
      yield {
        metric: loss,
        epoch,
        step: at + i,
        value: epoch % 97 === 0 && i === 1 ? Number.NaN : Math.sin(epoch) * 100 + i,
        time: 1000 + epoch * 10 + i,
      }
    if (epoch % 5 === 0)
      yield { metric: acc, epoch, step: null, value: epoch % 300 === 0 ? Number.POSITIVE_INFINITY : epoch / 7, time: 1005 + epoch * 10 }
    if (epoch % 400 === 1) yield { metric: rare, epoch, step: at + 2, value: epoch, time: 1002 + epoch * 10 }
  }
}

function columns(all: readonly Logged[]): DocumentColumns[] {
  const curves = new Map<string, Logged[]>()
  for (const one of all) {
    const key = `${one.epoch} ${one.metric.name}`
    curves.set(key, [...(curves.get(key) ?? []), one])
  }
  return Array.from(curves.values(), (points) => {
    const { metric, epoch, step } = points[0]!
    return {
      ...columnsOf(epoch),
      ...metric,
      level: step === null ? 1 : 0,
      steps: step === null ? null : Float64Array.from(points, (point) => point.step!),
      values: Float64Array.from(points, ({ value }) => value),
      times: Float64Array.from(points, ({ time }) => time),
    }
  })
}

describe('curves of very many epochs in Elasticsearch', () => {
  const all = [...logged()]
  const open: TeamDocuments[] = []
  let grouped: TeamDocuments
  let single: TeamDocuments
  let config: ReturnType<typeof elasticAt>
  before(async () => {
    config = elasticAt((await elastic()).url)
    grouped = openElastic(config, resolve, { cells: 0, points: 100 })
    single = openElastic(config, resolve)
    open.push(grouped, single)
    await single.write(columns(all))
  })
  after(async () => {
    for (const one of open) await one.close()
  })
  const whole = history(EPOCHS)
  const places = async () => {
    const spans = await single.spans(whole)
    const clock: Clock = {
      number: spans.number,
      started: spans.number.map((number) => (number > 1000 ? 2 : 1)),
      begun: spans.number.map((number) => 1000 + number * 10 - 1),
      committed: spans.number.map((number) => 1000 + number * 10 + 8),
    }
    return { step: placeSteps(spans, NOTHING).places, time: placeTimes(SESSION, clock, spans, NOTHING).places }
  }

  it('lose nothing, by epoch, step and time, of any range, told epoch by epoch or together', async () => {
    const at = await places()
    for (const of of ['epoch', 'step', 'time'] as const) {
      const axis: CurvesQuery['axis'] = of === 'epoch' ? { of } : { of, places: at[of] }
      const lying = (metric: Metric): Lying[] =>
        all
          .filter((one) => one.metric === metric)
          .map(({ epoch, step, value, time }) => ({
            x:
              of === 'epoch'
                ? epoch
                : of === 'step'
                  ? step === null
                    ? at.step.last[epoch - 1]!
                    : step + at.step.shift[epoch - 1]!
                  : time + at.time.shift[epoch - 1]!,
            value,
            epoch,
          }))
      const end = of === 'epoch' ? EPOCHS : at[of].last.at(-1)!
      for (const range of [
        [0, end],
        [end / 3, end / 2],
        [end * 0.6, end * 0.7],
        [end / 3, end / 3 + 40],
        [-100, -1],
      ] as const)
        for (const buckets of [600, 90, 7, 1])
          for (const documents of [grouped, single]) {
            const found = await documents.curves(whole, { metrics: [acc, loss, rare], axis, range, buckets })
            const what = `${of} ${range.join(' to ')} in ${buckets}`
            assert.deepEqual(
              found.map(({ name }) => name),
              ['acc', 'loss', 'rare'],
              what,
            )
            for (const [i, metric] of [acc, loss, rare].entries())
              if (of === 'epoch') byEpoch(found[i]!, lying(metric), range, buckets)
              else checkCurve(found[i], lying(metric), range, buckets, of === 'step')
          }
    }
  })

  it('come as no more than what is drawn', async () => {
    const proxy = await startHttpProxy(config.node)
    try {
      const documents = openElastic({ ...config, node: proxy.url }, resolve)
      open.push(documents)
      const buckets = 300
      const [curve] = await documents.curves(whole, { metrics: [loss], axis: { of: 'epoch' }, range: [1, EPOCHS], buckets })
      assert.ok(curve!.x.length <= buckets)
      const bytes = proxy.requests.reduce((sum, { bytesDown }) => sum + bytesDown, 0)
      // Two buckets, one for the band and one for the last value, of some fields with names.
      assert.ok(bytes < curve!.x.length * 300, `${bytes} bytes for ${curve!.x.length} buckets`)
    } finally {
      await proxy.close()
    }
  })
})

describe('curves of very many epochs in Elasticsearch that are no numbers any more', () => {
  const NAN = new Float64Array([Number.NaN])
  const metric = (i: number) => ({ split: 'train', name: `loss${i}` })
  const open: TeamDocuments[] = []
  after(async () => {
    for (const one of open) await one.close()
  })
  async function withNone(epochs: number, metrics: number, levels: readonly (0 | 1)[]) {
    const documents = openElastic(elasticAt((await elastic()).url), resolve)
    open.push(documents)
    function* columns(): Generator<DocumentColumns> {
      for (let number = 1; number <= epochs; number++)
        for (let i = 0; i < metrics; i++)
          for (const level of levels)
            yield {
              ...columnsOf(number),
              ...metric(i),
              level,
              steps: level === 0 ? new Float64Array([number]) : null,
              values: number === 1 ? new Float64Array([1]) : NAN,
              times: new Float64Array([1000 + number]),
            }
    }
    await documents.write(columns())
    return documents
  }
  async function check(documents: TeamDocuments, epochs: number, metrics: number) {
    const asked = { metrics: Array.from({ length: metrics }, (_, i) => metric(i)), axis: { of: 'epoch' }, buckets: 100 } as const
    const found = await documents.curves(history(epochs), { ...asked, range: [1, epochs] })
    assert.equal(found.length, metrics)
    for (const { count, gaps, x, low, value } of found) {
      assert.equal(count, epochs)
      assert.deepEqual([...gaps], [...x.keys()])
      assert.deepEqual([low[0], low[1]], [1, Number.NaN])
      assert.ok(value.every(Number.isNaN))
    }
  }

  it('are told, of many metrics together', async () => {
    await check(await withNone(4400, 15, [0]), 4400, 15)
  })

  it('are told, where steps and whole epochs have values', async () => {
    await check(await withNone(17_000, 1, [0, 1]), 17_000, 1)
  })
})

function byEpoch(
  curve: Awaited<ReturnType<TeamDocuments['curves']>>[number],
  points: readonly Lying[],
  [from, to]: readonly [number, number],
  buckets: number,
) {
  const numbers = [...new Set(points.map(({ epoch }) => epoch))]
  const within = numbers.filter((number) => from <= number && number <= to)
  assert.equal(curve.count, within.length)
  const inside = [...curve.x].filter((x) => from <= x && x <= to)
  assert.ok(inside.length <= buckets)
  for (const [i, x] of curve.x.entries()) {
    const next = curve.x[i + 1] ?? Number.POSITIVE_INFINITY
    const own = points.filter(({ epoch }) => (from <= x && x <= to ? x <= epoch && epoch < next && epoch <= to : epoch === x))
    assert.ok(Object.is(curve.value[i], own.at(-1)!.value), `${curve.value[i]} at ${x}`)
    const finite = own.map(({ value }) => value).filter((one) => Number.isFinite(one))
    assert.equal(curve.low[i], finite.length ? Math.min(...finite) : Number.NaN)
    assert.equal(curve.high[i], finite.length ? Math.max(...finite) : Number.NaN)
    assert.equal(curve.gaps.includes(i), finite.length < own.length)
  }
}

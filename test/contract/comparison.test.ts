import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { answer } from '../../server/comparison/questions'
import { comparison } from '../../server/comparison/comparison'
import { parseNumber } from '../../server/json'
import type { Axis, Curve, CurvesQuery, Floats, ValuesQuery } from '../../server/protocol/comparison'
import { compare, type Context } from '../../server/requests'
import { LocalStores } from '../../server/storage/local/stores'
import { CHILD, id, PARENT, weightsOf, writeRuns } from './fixture'

const numbers = (column: Floats) => {
  const bytes = Buffer.from(column, 'base64')
  return Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readDoubleLE(i * 8))
}
const references = ['net', 'net-2']
const [SHARED, OLD, NEW] = [`${PARENT}:1`, `${PARENT}:3`, `${CHILD}:3`]

describe("the answers to a comparison's page", () => {
  let dir: string
  let context: Context & { readonly stores: LocalStores }
  beforeEach(async () => {
    dir = join(mkdtempSync(join(tmpdir(), 'epochtree-comparison-')), '.epochtree')
    writeRuns(dir)
    context = { stores: new LocalStores(dir), dir }
    await context.stores.ingest()
  })
  afterEach(async () => {
    await context.stores.close()
    rmSync(join(dir, '..'), { recursive: true, force: true })
  })
  const curves = async (asked: Partial<CurvesQuery> = {}) => {
    const query = { metrics: ['train/loss', 'val/acc'], axis: 'epoch' as Axis, range: null, buckets: 100, ...asked }
    return (await answer(context, { references }, 'curves', query)).curves
  }
  const of = (all: readonly Curve[], metric: string, line: string) => all.find((one) => one.metric === metric && one.line === line)!
  const values = (asked: ValuesQuery) => answer(context, { references }, 'values', asked)

  it('are, epoch by epoch, the numbers that compare gives', async () => {
    const { lines } = await comparison(context, { references })
    assert.deepEqual(
      lines.map((line) => line.id),
      [SHARED, OLD, NEW],
    )
    const all = await curves()
    const { metrics } = await compare(context, references)
    for (const [metric, { curves: expected }] of Object.entries(metrics))
      for (const [model, { epochs, values: told }] of expected.entries()) {
        const own = lines.filter(({ models }) => models.includes(model)).map((line) => of(all, metric, line.id))
        assert.deepEqual(
          own.flatMap(({ x }) => numbers(x)),
          epochs,
        )
        assert.deepEqual(
          own.flatMap(({ value }) => numbers(value)),
          told.map((value) => parseNumber(value)),
        )
      }
    assert.equal(of(all, 'val/acc', SHARED).low, null)
    assert.equal(of(all, 'val/acc', SHARED).epoch, null)
    const { low, high, gaps } = of(all, 'train/loss', SHARED)
    assert.deepEqual(
      [numbers(low!), numbers(high!), gaps],
      [
        [11, 12],
        [13, 14],
        [0, 1],
      ],
    )
  })

  it('go on from the shared past, by step and by time', async () => {
    const steps = await curves({ axis: 'step' })
    assert.deepEqual(numbers(of(steps, 'train/loss', SHARED).x), [4, 5, 6, 7, 8, 9, 10, 11])
    assert.deepEqual(numbers(of(steps, 'train/loss', NEW).x), [12, 13, 14, 15])
    assert.deepEqual(numbers(of(steps, 'train/loss', NEW).epoch!), [3, 3, 3, 3])
    assert.deepEqual(numbers(of(steps, 'val/acc', NEW).x), [15])
    const times = await curves({ axis: 'time', metrics: ['val/acc'] })
    assert.deepEqual(numbers(of(times, 'val/acc', SHARED).x), [0, 1])
    // The old model went on in its own process a second later, the new one where it was forked.
    assert.deepEqual(numbers(of(times, 'val/acc', OLD).x), [2])
    assert.deepEqual(numbers(of(times, 'val/acc', NEW).x), [1])
  })

  it('say where each line ends, whatever is asked of it', async () => {
    const ends = async (axis: Axis, metrics: readonly string[]) => {
      const told = await answer(context, { references }, 'curves', { metrics, axis, range: [0, 0], buckets: 1, lines: [NEW] })
      return Object.fromEntries(told.ends.map(({ line, at }) => [line, at]))
    }
    for (const metrics of [['val/acc'], ['nothing/like-it'], []]) {
      assert.deepEqual(await ends('epoch', metrics), { [SHARED]: 2, [OLD]: 3, [NEW]: 3 })
      assert.deepEqual(await ends('step', metrics), { [SHARED]: 11, [OLD]: 15, [NEW]: 15 })
      assert.deepEqual(await ends('time', metrics), { [SHARED]: 1, [OLD]: 2, [NEW]: 1 })
    }
  })

  it('are the same for a line alone, and columns that are alike come once where that is asked for', async () => {
    for (const axis of ['epoch', 'step', 'time'] as const)
      for (const buckets of [100, 2]) {
        const all = await curves({ axis, buckets })
        assert.deepEqual(
          await curves({ axis, buckets, lines: [NEW] }),
          all.filter(({ line }) => line === NEW),
        )
        const once = await curves({ axis, buckets, once: true, metrics: ['train/loss', 'val/acc', 'train/loss'] })
        const whole = (text: Floats, column: 'x' | 'epoch') => (text.startsWith('=') ? once[Number(text.slice(1))]![column]! : text)
        for (const one of once) {
          assert.equal(whole(one.x, 'x'), of(all, one.metric, one.line).x)
          assert.equal(one.epoch && whole(one.epoch, 'epoch'), of(all, one.metric, one.line).epoch)
        }
        assert.equal(once.filter(({ x }) => x.startsWith('=')).length >= 3, true)
      }
  })

  it('hold what a running session has not committed yet, marked so', async () => {
    for (const { open } of await curves({ axis: 'step' })) assert.equal(open, undefined)
    writeFileSync(join(dir, 'runs', CHILD, 'alive'), '')
    const all = await curves({ axis: 'step' })
    assert.deepEqual(numbers(of(all, 'train/loss', NEW).x), [12, 13, 14, 15, 16, 17, 18, 19])
    assert.equal(of(all, 'train/loss', NEW).open, 4)
    assert.equal(of(all, 'train/loss', OLD).open, undefined)
    assert.deepEqual(numbers(of(await curves(), 'train/loss', NEW).x), [3])
  })

  it('are the same from a store that was written before', async () => {
    const axes = ['epoch', 'step', 'time'] as const
    const ask = () => Promise.all(axes.flatMap((axis) => [100, 2].map((buckets) => curves({ axis, buckets }))))
    const before = await ask()
    await context.stores.close()
    const old = new DatabaseSync(context.stores.file)
    old.exec('DROP TRIGGER session_handed; DROP TABLE lease; DROP TABLE team; ALTER TABLE epoch DROP COLUMN team; ALTER TABLE lines DROP COLUMN team')
    for (const column of ['team', 'handed', 'handed_last', 'pulled']) old.exec(`ALTER TABLE session DROP COLUMN ${column}`)
    old.exec('DROP INDEX chunk_head')
    for (const column of ['started', 'first_step', 'last_step', 'first_time', 'last_time'])
      old.exec(`ALTER TABLE epoch DROP COLUMN ${column}`)
    for (const column of ['rising', 'gaps']) old.exec(`ALTER TABLE chunk DROP COLUMN ${column}`)
    old.exec('CREATE INDEX chunk_head ON chunk(epoch, series, level, source, ordinal, n, step0, step1, last_step, last, lo, hi)')
    old.exec('PRAGMA user_version=3')
    old.close()
    context = { stores: new LocalStores(dir), dir }
    assert.deepEqual(await ask(), before)
  })

  it('tell models of one epoch apart', async () => {
    const { models } = await comparison(context, { references: ['net@2', 'net@2', 'net', 'net@3'] })
    assert.deepEqual(
      models.map(({ label }) => label),
      ['net@2', 'net@2 (2)', 'net@3', 'net@3 (2)'],
    )
  })

  it('are values at the same epoch, the last, the best, the selected one', async () => {
    const at = async (asked: ValuesQuery) => (await values(asked)).epochs.map((epoch) => epoch?.id ?? null)
    assert.deepEqual(await at({ at: 'compared' }), [id(13), id(23)])
    assert.deepEqual(await at({ at: 2 }), [id(12), id(12)])
    assert.deepEqual(await at({ at: 4 }), [null, null])
    assert.deepEqual(await at({ at: 'selected' }), [null, null])
    assert.deepEqual(await at({ at: 'best', metric: 'val/acc', direction: 'lower' }), [id(11), id(11)])
    assert.deepEqual(await at({ at: 'best', metric: 'val/acc', direction: 'higher' }), [id(13), id(23)])
    assert.deepEqual(await at({ at: 'best', metric: 'no/such', direction: 'higher' }), [null, null])
    await assert.rejects(values({ at: 'best' }), { code: 'bad-argument' })
    await context.stores.sessions.mark(PARENT, { selected: id(12) })
    assert.deepEqual(await at({ at: 'selected' }), [id(12), null])
    // A session alone means its selected epoch, and its history goes on to the last.
    assert.deepEqual(await at({ at: 'compared' }), [id(12), id(23)])
    assert.deepEqual(await values({ at: 'last' }), {
      epochs: [
        { id: id(13), number: 3 },
        { id: id(23), number: 3 },
      ],
      metrics: [
        { metric: 'val/acc', values: [0.13, 0.23] },
        { metric: 'train/loss', values: [14, 24] },
      ],
      graphs: [
        { nodes: 1, parameters: 6, nonzero: null },
        { nodes: 1, parameters: 6, nonzero: null },
      ],
      weights: [weightsOf(13).length, weightsOf(23).length],
    })
  })
})

import assert from 'node:assert/strict'
import type { DocumentStore, Scope } from '../../server/storage/ports'
import { id } from './fixture'

/** What any store of documents must do; `scope` is the history of the fixture's fork: epochs 11, 12, 23. */
export function documentStoreContract(store: () => DocumentStore, scope: () => Promise<Scope>) {
  const loss = { split: 'train', name: 'loss' }

  it('names the metrics and the sample fields of a history', async () => {
    assert.deepEqual(await store().metrics(await scope()), [loss, { split: 'val', name: 'acc' }])
    assert.deepEqual(await store().sampleFields(await scope()), [
      { split: 'val', name: 'label' },
      { split: 'val', name: 'loss' },
    ])
    assert.deepEqual(await store().metrics({ epochIds: [id(99)] }), [])
  })

  it('gives each epoch its value: the epoch-level one, else that of the highest step', async () => {
    const values = await store().last(await scope())
    assert.deepEqual(
      values.filter(({ name }) => name === 'loss').map(({ epochId, value }) => [epochId, value]),
      [
        [id(11), 12],
        [id(12), 13],
        [id(23), 24],
      ],
    )
    assert.deepEqual(
      (await store().last(await scope(), [{ split: 'val', name: 'acc' }])).map(({ value }) => value),
      [0.11, 0.12, 0.23],
    )
    assert.deepEqual(await store().last(await scope(), [{ split: 'no', name: 'such' }]), [])
    assert.deepEqual(
      (await store().last({ epochIds: [id(13)] }, [loss])).map(({ value }) => value),
      [14],
    )
  })

  it('gives the best epoch by a metric, across the fork', async () => {
    const acc = { split: 'val', name: 'acc' }
    assert.deepEqual(await store().best(await scope(), acc, 'max'), { epochId: id(23), number: 3, value: 0.23 })
    assert.deepEqual(await store().best(await scope(), acc, 'min'), { epochId: id(11), number: 1, value: 0.11 })
    assert.equal(await store().best(await scope(), { split: 'no', name: 'such' }, 'max'), undefined)
  })

  it('gives every point in the order of the history, NaN included', async () => {
    const { epochIds, epoch, step, value } = await store().points(await scope(), loss)
    assert.deepEqual(epochIds, [id(11), id(12), id(23)])
    assert.deepEqual([...epoch], [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    assert.deepEqual([...step], [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    assert.deepEqual([...value], [11, NaN, 13, 12, 12, NaN, 14, 13, 23, NaN, 25, 24])
  })

  it('reduces a curve to buckets that lose no peak', async () => {
    const whole = await store().envelope(await scope(), loss, 1)
    assert.equal(whole.count, 12)
    assert.deepEqual([Math.min(...whole.low), Math.max(...whole.high)], [11, 25])
    const finer = await store().envelope(await scope(), loss, 3)
    assert.ok(finer.start.length <= 3)
    assert.equal(Math.max(...finer.high), 25)
  })

  it('tells the last step', async () => {
    assert.equal(await store().lastStep(await scope()), 15)
    assert.equal(await store().lastStep({ epochIds: [id(99)] }), null)
  })

  it('groups samples by a field, passing over absent values', async () => {
    const groups = await store().groupBy(await scope(), 'val', 'label', 'loss')
    assert.deepEqual(
      groups
        .map(({ group, count, mean, min, max }) => [group, count, mean, min, max])
        .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
      [
        ['cat', 3, (11 + 12 + 23) / 3, 11, 23],
        ['dog', 3, 2, 2, 2],
      ],
    )
  })
}

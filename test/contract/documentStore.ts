import assert from 'node:assert/strict'
import type { CurvesQuery, DocumentStore, FlipsQuery, Scope } from '../../server/storage/ports'
import type { History } from '../../server/tracking/lineage'
import { NOTHING, placeSteps } from '../../server/tracking/places'
import { checkCurve } from './curves'
import { id } from './fixture'

/**
 * What any store of documents must do; `scope` is the history of the fixture's fork: epochs 11, 12, 23. `uncommitted` is false where only committed
 * epochs have come to it.
 */
export function documentStoreContract(store: () => DocumentStore, scope: () => Promise<History>, { uncommitted = true } = {}) {
  const loss = { split: 'train', name: 'loss' }
  const acc = { split: 'val', name: 'acc' }

  it('names the metrics and the sample fields of a history', async () => {
    assert.deepEqual(await store().metrics(await scope()), [loss, { split: 'val', name: 'acc' }])
    assert.deepEqual(await store().sampleFields(await scope()), [
      { split: 'test', name: 'first', numeric: true },
      { split: 'test', name: 'label', numeric: false },
      { split: 'test', name: 'prediction', numeric: false },
      { split: 'test', name: 'sample', numeric: false },
      { split: 'test', name: 'score', numeric: true },
      { split: 'val', name: 'label', numeric: false },
      { split: 'val', name: 'loss', numeric: true },
    ])
    assert.deepEqual(await store().sampleFields({ epochIds: [id(99)] }), [])
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

  const all: readonly [number, number] = [-1e9, 1e9]
  /** The fork's points by step: a value without a step lies at the end of its epoch. */
  const points = (name: string) =>
    [11, 12, 23].flatMap((n, i) =>
      name === 'acc'
        ? [{ x: 7 + 4 * i, value: n / 100, epoch: i + 1 }]
        : [n, NaN, n + 2, n + 1].map((value, step) => ({ x: step + 4 * (i + 1), value, epoch: i + 1 })),
    )
  const bySteps = async (asked: Scope): Promise<CurvesQuery['axis']> => ({
    of: 'step',
    places: placeSteps(await store().spans(asked), NOTHING).places,
  })

  it('tells what epochs take up', async () => {
    const { number, firstStep, lastStep, firstTime, lastTime } = await store().spans(await scope())
    assert.deepEqual([...number], [1, 2, 3])
    assert.deepEqual([...firstStep], [4, 8, 12])
    assert.deepEqual([...lastStep], [7, 11, 15])
    // Steps were logged with their own numbers as times, epoch-level values with that of the epoch.
    assert.deepEqual([...firstTime], [4, 8, 12])
    assert.deepEqual([...lastTime], [11, 12, 23])
  })

  it('gives curves by epoch: its value, and the band of all that was logged in it', async () => {
    const query = { metrics: [acc, { split: 'no', name: 'such' }, loss], axis: { of: 'epoch' }, range: all, buckets: 100 } as const
    const [first, second, ...more] = await store().curves(await scope(), query)
    assert.deepEqual(more, [])
    assert.deepEqual([first!.name, [...first!.x], [...first!.value]], ['acc', [1, 2, 3], [0.11, 0.12, 0.23]])
    assert.deepEqual([second!.name, [...second!.x], [...second!.value]], ['loss', [1, 2, 3], [12, 13, 24]])
    assert.deepEqual(
      [[...second!.low], [...second!.high], [...second!.gaps]],
      [
        [11, 12, 23],
        [13, 14, 25],
        [0, 1, 2],
      ],
    )
    assert.deepEqual([second!.count, [...second!.epoch]], [3, [1, 2, 3]])
    const [one] = await store().curves(await scope(), { ...query, metrics: [loss], buckets: 1 })
    assert.deepEqual(
      [one!.count, [...one!.x], [...one!.value], [...one!.low], [...one!.high], [...one!.gaps]],
      [3, [1], [24], [11], [25], [0]],
    )
    const [part] = await store().curves(await scope(), { ...query, metrics: [acc], range: [2, 2] })
    assert.deepEqual([part!.count, [...part!.x]], [1, [1, 2, 3]])
  })

  it('gives curves by step, whole or a part, each point or reduced', async () => {
    const asked = await scope()
    const axis = await bySteps(asked)
    for (const range of [all, [4, 15], [6, 9], [8, 8], [7.5, 7.6], [0, 3], [16, 20]] as const)
      for (const buckets of [100, 12, 5, 3, 2, 1])
        for (const metric of [loss, acc]) {
          const [curve] = await store().curves(asked, { metrics: [metric], axis, range, buckets })
          checkCurve(curve, points(metric.name), range, buckets)
        }
  })

  if (uncommitted)
    it('takes along an epoch that is not committed where it is named', async () => {
      const asked = { ...(await scope()), open: id(24) }
      const [curve] = await store().curves(asked, { metrics: [acc], axis: await bySteps(asked), range: all, buckets: 100 })
      assert.deepEqual(
        [[...curve!.x], [...curve!.value]],
        [
          [7, 11, 15, 19],
          [0.11, 0.12, 0.23, 0.24],
        ],
      )
    })

  it('gives no curves to whoever no longer wants them', async () => {
    const query = { metrics: [loss], axis: { of: 'epoch' }, range: all, buckets: 100 } as const
    await assert.rejects(store().curves(await scope(), query, AbortSignal.abort()), { code: 'aborted' })
  })

  it('tells the last step', async () => {
    assert.equal(await store().lastStep(await scope()), 15)
    assert.equal(await store().lastStep({ epochIds: [id(99)] }), null)
  })

  it('groups samples by a field, passing over absent values', async () => {
    const { groups, more } = await store().groupBy([await scope()], { split: 'val', by: 'label', field: 'loss', better: null, most: 10 })
    assert.deepEqual(
      groups.map(({ group, scopes }) => [group, ...scopes]),
      [
        ['cat', { count: 3, mean: (11 + 12 + 23) / 3, min: 11, max: 23 }],
        ['dog', { count: 3, mean: 2, min: 2, max: 2 }],
      ],
    )
    assert.equal(more, 0)
  })

  const parent = { epochIds: [id(11)] }
  const child = { epochIds: [id(23)] }

  it('groups several scopes side by side, and gives those first that became worst', async () => {
    const query = { split: 'test', by: 'label', field: 'score', most: 10 } as const
    const asked = async (better: 'lower' | 'higher' | null, most = 10) => {
      const { groups, more } = await store().groupBy([parent, child], { ...query, better, most })
      return {
        groups: groups.map(({ group, scopes }) => [group, ...scopes.map((one) => one && [one.count, one.mean, one.min, one.max])]),
        more,
      }
    }
    const [cat, dog, one, none] = [
      ['cat', [2, 5.75, 0.5, 11], [2, 11.75, 0.5, 23]],
      ['dog', [1, NaN, NaN, NaN], [1, NaN, NaN, NaN]],
      [1, [1, -1, -1, -1], [1, -1, -1, -1]],
      [null, [1, Infinity, Infinity, Infinity], [1, Infinity, Infinity, Infinity]],
    ]
    assert.deepEqual(await asked('lower'), { groups: [cat, one, none, dog], more: 0 })
    assert.deepEqual(await asked('higher'), { groups: [one, cat, none, dog], more: 0 })
    assert.deepEqual(await asked('lower', 1), { groups: [cat], more: 3 })
    const lone = await store().groupBy([{ epochIds: [id(99)] }, child], { ...query, better: null })
    assert.deepEqual(
      lone.groups.map(({ scopes }) => scopes[0]),
      [null, null, null, null],
    )
    assert.deepEqual(await store().groupBy([parent], { ...query, by: 'no such', better: null }), { groups: [], more: 0 })
    assert.deepEqual(await store().groupBy([parent], { ...query, field: 'label', better: null }), { groups: [], more: 0 })
  })

  it('gives the last epoch that has samples with each of the fields', async () => {
    assert.deepEqual(await store().lastSampled(await scope(), 'test', ['label', 'score']), { id: id(23), number: 3 })
    assert.deepEqual(await store().lastSampled(await scope(), 'test', ['label', 'first']), { id: id(11), number: 1 })
    assert.equal(await store().lastSampled(await scope(), 'test', ['label', 'no such']), undefined)
    assert.equal(await store().lastSampled({ epochIds: [id(99)] }, 'test', ['label']), undefined)
  })

  it('counts each prediction for each label', async () => {
    const query = { split: 'test', label: 'label', prediction: 'prediction' }
    assert.deepEqual(await store().confusion([parent, child], { ...query, most: 10 }), {
      classes: [1, 'cat', 'dog'],
      models: [
        { count: 5, right: 3, counts: Float64Array.of(1, 0, 0, 0, 1, 1, 0, 1, 1) },
        { count: 5, right: 3, counts: Float64Array.of(1, 0, 0, 0, 1, 1, 0, 1, 1) },
      ],
      more: 0,
    })
    const some = await store().confusion([parent], { ...query, most: 2 })
    assert.deepEqual([some.classes, some.more, some.models[0]?.count], [['cat', 'dog'], 1, 5])
    const none = await store().confusion([{ epochIds: [id(99)] }], { ...query, most: 2 })
    assert.deepEqual(none, { classes: [], models: [{ count: 0, right: 0, counts: new Float64Array() }], more: 0 })
  })

  it('tells which samples became right and which wrong, and takes the last document of each', async () => {
    const query = { split: 'test', sample: 'sample', label: 'label', prediction: 'prediction', to: null, search: '', most: 10 } as const
    const counts = { bothRight: 1, bothWrong: 0, wrongToRight: 1, rightToWrong: 2, onlyA: 0, onlyB: 0, repeated: 2 }
    const [b, c, a] = [
      { sample: 'b', label: 'dog', a: 'dog', b: 'cat', to: 'wrong' },
      { sample: 'c', label: 'cat', a: 'cat', b: 'dog', to: 'wrong' },
      { sample: 'a', label: 'cat', a: 'dog', b: 'cat', to: 'right' },
    ]
    const flips = (more: Partial<FlipsQuery>) => store().flips(parent, child, { ...query, ...more })
    assert.deepEqual(await flips({}), { ...counts, samples: [b, c, a], more: 0 })
    assert.deepEqual(await flips({ most: 1 }), { ...counts, samples: [b], more: 2 })
    assert.deepEqual(await flips({ to: 'right' }), { ...counts, samples: [a], more: 0 })
    assert.deepEqual(await flips({ search: 'C' }), { ...counts, samples: [c], more: 0 })
    const lone = await store().flips(parent, { epochIds: [id(99)] }, query)
    assert.deepEqual([lone.onlyA, lone.onlyB, lone.samples], [4, 0, []])
  })

  it('counts values in bins that all scopes have in common', async () => {
    const query = { split: 'test', field: 'score', bins: 4, log: false }
    assert.deepEqual(await store().histogram([parent, child], query), {
      edges: [-10, 0, 10, 20, 30],
      scopes: [
        { counts: Float64Array.of(1, 1, 1, 0), count: 5, outside: 2, mean: 3.5 },
        { counts: Float64Array.of(1, 1, 0, 1), count: 5, outside: 2, mean: 7.5 },
      ],
    })
    const log = await store().histogram([parent, child], { ...query, bins: 2, log: true })
    assert.deepEqual([log.edges.length, log.edges[0], log.edges[2], log.scopes.map(({ outside }) => outside)], [3, 0.5, 23, [3, 3]])
    assert.deepEqual(
      log.scopes.map(({ counts }) => [...counts]),
      [
        [1, 1],
        [1, 1],
      ],
    )
    // Whole numbers have a bin each; one value alone has one.
    assert.deepEqual((await store().histogram([parent], { ...query, field: 'first', bins: 10 })).edges, [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5])
    const one = await store().histogram([{ epochIds: [id(11)] }], { split: 'val', field: 'loss', bins: 1, log: true })
    assert.deepEqual(
      one.scopes.map(({ counts }) => [...counts]),
      [[2]],
    )
    assert.deepEqual((await store().histogram([parent], { ...query, field: 'label' })).edges, [])
  })

  it('stops where nobody wants the answer any more', async () => {
    const gone = AbortSignal.abort()
    const query = { split: 'test', field: 'score' }
    for (const asked of [
      store().groupBy([parent], { ...query, by: 'label', better: null, most: 1 }, gone),
      store().confusion([parent], { split: 'test', label: 'label', prediction: 'prediction', most: 1 }, gone),
      store().histogram([parent], { ...query, bins: 2, log: false }, gone),
    ])
      await assert.rejects(asked, { code: 'aborted' })
  })
}

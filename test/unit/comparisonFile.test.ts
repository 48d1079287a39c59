import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { globSync, readFileSync } from 'node:fs'
import { curveQuestions, fileQuestions, sampleQuestions } from '../../server/comparison/fileQuestions'
import type {
  Comparison,
  ComparisonMetric,
  ComparisonModel,
  Curve,
  Curves,
  CurvesQuery,
  Floats,
  Recorded,
  SavedAnswer,
} from '../../server/protocol/comparison'
import { questions } from '../../webview/messages/comparison'
import { answerFrom, cut } from '../../webview/comparison/fileAnswers'

const floats = (...values: readonly number[]): Floats => Buffer.from(Float64Array.from(values).buffer).toString('base64')
const values = (text: Floats) => [...new Float64Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)]

const model = (reference: string, number: number) =>
  ({ id: `id-${reference}`, name: reference, reference, epoch: { id: `epoch-${number}`, number } }) as ComparisonModel
const metric = (name: string, direction: ComparisonMetric['direction'] = 'lower'): ComparisonMetric => ({
  metric: name,
  split: 'val',
  name,
  direction,
  models: [0, 1],
})
const comparison = {
  models: [model('a', 40), model('b', 50), model('c', 60)],
  metrics: Array.from({ length: 50 }, (_, i) => metric(`val/m${i}`, i < 3 ? 'lower' : null)),
  pairs: [
    { a: 0, b: 1, shared: 30, at: { id: 'e', number: 30 } },
    { a: 0, b: 2, shared: 0, at: null },
  ],
  lines: [{ to: 30 }, { to: 40 }],
} as unknown as Comparison
const ENDS: Curves['ends'] = [
  { line: 'l', at: 5 },
  { line: 'other', at: 9 },
]
const curve: Curve = {
  metric: 'val/m0',
  line: 'l',
  count: 50,
  x: floats(1, 2, 3, 4, 5),
  value: floats(0.1, NaN, 0.3, -0, 0.5),
  low: floats(0, 0, 0, 0, 0),
  high: null,
  epoch: null,
  gaps: [1, 4],
}

describe('what a file of a comparison records', () => {
  it('is asked as the page may ask it', () => {
    const fields = (['loss', 'prediction', 'label', 'sample'] as const).map((name) => ({
      name,
      numeric: name !== 'sample',
      direction: name === 'loss' ? ('lower' as const) : null,
      role: name === 'loss' ? null : name,
    }))
    const all: readonly Recorded[] = [
      ...fileQuestions(comparison),
      ...sampleQuestions(comparison, { splits: [{ split: 'val', fields }] }),
      ...curveQuestions(comparison),
    ]
    for (const { question, asked } of all) assert.deepEqual(questions[question].asked.parse(asked), asked, question)
    const asked = (question: string) => all.filter((one) => one.question === question).map((one) => one.asked)
    assert.deepEqual(asked('graph').slice(0, 3), [
      { a: 'a', b: 'b' },
      { a: 'a', b: 'c' },
      { a: 'a', b: 'id-b@1' },
    ])
    assert.equal(asked('graph').length, 2 + 2 * 40)
    assert.equal(asked('layers').length, 3)
    assert.ok(asked('values').some((one) => (one as { at: unknown }).at === 30))
    // The first against each other, and the other way round.
    assert.equal(asked('flips').length, 4)
    // Each field that can be measured, for each other.
    assert.equal(asked('samples').length, 3 * 3)
    assert.equal(asked('histogram').length, 2 * 3)
    // What matters most on every axis, then all on the first axis before any on another.
    assert.deepEqual(
      curveQuestions(comparison).map(({ asked: { axis, metrics } }) => `${axis} ${metrics.length}`),
      ['epoch 20', 'step 20', 'time 20', 'epoch 20', 'epoch 10', 'step 20', 'step 10', 'time 20', 'time 10'],
    )
  })

  it('asks nothing of samples where there are none', () => {
    assert.deepEqual(sampleQuestions(comparison, { splits: [] }), [])
  })
})

describe('the answers of a file', () => {
  const recorded: readonly Recorded[] = [
    { question: 'graph', asked: { a: 'a', b: 'b' } },
    { question: 'curves', asked: { metrics: ['val/m0'], axis: 'epoch', range: null, buckets: 1000 } },
    { question: 'curves', asked: { metrics: ['val/m1'], axis: 'epoch', range: null, buckets: 1000 } },
    { question: 'histogram', asked: { split: 'val', field: 'loss', bins: 30, log: false } },
    { question: 'samples', asked: { split: 'val', by: 'label', field: 'loss', better: 'lower' } },
    { question: 'layers', asked: { reference: 'a' } },
  ]
  const said: readonly SavedAnswer[] = [
    { answer: { nodes: [] } as never },
    { answer: { curves: [curve], ends: ENDS } },
    { answer: { curves: [{ ...curve, metric: 'val/m1', line: 'other' }], ends: ENDS } },
    { answer: { edges: [], models: [], epochs: [] } },
    { answer: { groups: [], epochs: [], moreGroups: 0 } },
    { refused: 'It has no graph.' },
  ]
  const ask = (question: Recorded['question'], asked: unknown) =>
    answerFrom(comparison, recorded, (place) => said[place]!, question, asked as never)

  it('are those that were recorded, however a model is named or keys are ordered', () => {
    for (const asked of [
      { a: 'a', b: 'b' },
      { b: 'id-b@50', a: 'id-a@epoch-40' },
      { b: 'b@50', a: 'a' },
    ])
      assert.deepEqual(ask('graph', asked), { nodes: [] }, JSON.stringify(asked))
    for (const asked of [
      { a: 'b', b: 'a' },
      { a: 'a@39', b: 'b' },
    ])
      assert.equal(ask('graph', asked), undefined, JSON.stringify(asked))
    const bins = { split: 'val', field: 'loss', bins: 10, log: false }
    assert.deepEqual(ask('histogram', bins), { edges: [], models: [], epochs: [] })
    assert.equal(ask('histogram', { ...bins, split: 'train' }), undefined)
    assert.equal(ask('histogram', { ...bins, log: true }), undefined)
    const groups = { split: 'val', by: 'label', field: 'loss', better: 'higher' }
    assert.deepEqual(ask('samples', groups), { groups: [], epochs: [], moreGroups: 0 })
  })

  it('say again why something was refused', () => {
    assert.throws(() => ask('layers', { reference: 'a' }), /It has no graph\./)
  })

  it('put curves together from those of each metric', () => {
    const asked = { metrics: ['val/m1', 'val/m0', 'val/gone'], axis: 'epoch', range: null, buckets: 200 }
    assert.deepEqual(
      (ask('curves', asked) as Curves).curves.map((one) => one.metric),
      ['val/m1', 'val/m0'],
    )
    assert.deepEqual((ask('curves', { ...asked, lines: ['other'] }) as Curves).curves.length, 1)
    assert.deepEqual((ask('curves', { ...asked, range: [2, 3], lines: ['other'] }) as Curves).ends, ENDS)
    assert.equal(ask('curves', { ...asked, metrics: ['val/gone'] }), undefined)
    assert.equal(ask('curves', { ...asked, axis: 'step' }), undefined)
  })

  it('say of curves that were recorded in fewer points than they have that they are coarser, also of a part without one', () => {
    const long = { ...curve, count: 1001 }
    const part = (range: CurvesQuery['range']) => {
      const told = answerFrom(comparison, recorded, () => ({ answer: { curves: [long], ends: ENDS } }), 'curves', {
        metrics: ['val/m0'],
        axis: 'epoch',
        range,
        buckets: 1,
      })!
      return told.curves.map(({ coarser, count }) => [coarser, count])
    }
    assert.deepEqual(part(null), [[true, 1001]])
    assert.deepEqual(part([2, 3]), [[true, 400]])
    assert.deepEqual(part([2.4, 2.6]), [[true, 1]])
    const whole = ask('curves', { metrics: ['val/m0'], axis: 'epoch', range: [3, 3], buckets: 1 }) as Curves
    assert.deepEqual([whole.curves[0]!.coarser, whole.curves[0]!.count], [undefined, 1])
  })

  it('cut a part out of a curve, with a point on either side', () => {
    const part = cut(curve, [2.5, 3.5])
    assert.deepEqual(
      [values(part.x), values(part.value), values(part.low!), part.high, part.gaps, part.count],
      [[2, 3, 4], [NaN, 0.3, -0], [0, 0, 0], null, [0], 1],
    )
    assert.deepEqual(values(cut(curve, [0, 9]).x), [1, 2, 3, 4, 5])
    assert.deepEqual(values(cut(curve, [9, 10]).x), [5])
    assert.deepEqual(values(cut(curve, [-2, -1]).x), [1])
    assert.deepEqual(values(cut({ ...curve, x: floats(), value: floats(), low: null, gaps: [], count: 0 }, [0, 1]).x), [])
  })
})

describe('the colours of a file', () => {
  it('are there for all that the page asks of an editor without a colour of its own', () => {
    const file = readFileSync('webview/comparison/file.css', 'utf8')
    for (const source of globSync('webview/{comparison,parts}/**/*.{css,ts}'))
      // In high contrast alone there is one for borders.
      for (const [use, name] of readFileSync(source, 'utf8').matchAll(/var\(\s*(--vscode-(?!contrast)[\w-]+)\s*\)/g))
        assert.ok(file.includes(`${name}:`), `${source}: ${use}`)
  })
})

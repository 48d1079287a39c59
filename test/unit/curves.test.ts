import assert from 'node:assert/strict'
import type { ComparisonMetric, ComparisonModel, Line } from '../../server/protocol/comparison'
import { dashesOf, finder, groupsOf, pinnedFirst } from '../../webview/comparison/curves/groups'
import { type Frame, paint, type Pen, trace } from '../../webview/comparison/curves/paint'
import { isReduced, merge, nearestPlace, piecesOf, type Piece, placeFrom } from '../../webview/comparison/curves/points'
import { atEpoch, last, nearest, step } from '../../webview/comparison/curves/reading'
import { smooth } from '../../webview/comparison/curves/smooth'
import { SvgPainter } from '../../webview/comparison/curves/svg'
import { extent, labelRows, marksOf, pathOf, placedMarks, remarksOf, type Series, seriesOf } from '../../webview/comparison/curves/tree'
import { csvOf, fileName, valuesOf } from '../../webview/comparison/curves/values'
import { floats } from '../../webview/comparison/floats'
import { limits, logTicks, ticks, tickTexts, timeUnit } from '../../webview/comparison/ticks'

const piece = (x: readonly number[], value: readonly number[], more: Partial<Piece> = {}): Piece => ({
  count: x.length,
  x: Float64Array.from(x),
  value: Float64Array.from(value),
  low: null,
  high: null,
  epoch: null,
  gaps: value.flatMap((one, i) => (Number.isFinite(one) ? [] : [i])),
  coarser: false,

  ...more,
})
const line = (session: string, from: number, to: number, models: readonly number[], after: string | null = null): Line => ({
  id: `${session}:${from}`,
  sessionId: session,
  sessionName: `name of ${session}`,
  from,
  to,
  models,
  after,
})
/** a, its fork b after 3, b's fork c after 5; and a's epoch 2 by itself. */
const LINES = [
  line('a', 1, 2, [0, 1, 2, 3]),
  line('a', 3, 3, [0, 1, 2], 'a:1'),
  line('a', 4, 6, [0], 'a:3'),
  line('b', 4, 5, [1, 2], 'a:3'),
  line('b', 6, 7, [1], 'b:4'),
  line('c', 6, 8, [2], 'b:4'),
]
const MODELS = ['a', 'b', 'c', 'a@2'].map((label) => ({ label })) as unknown as readonly ComparisonModel[]
const metric = (name: string, split = 'val', models = [0, 1, 2, 3]): ComparisonMetric => ({
  metric: `${split}/${name}`,
  split,
  name,
  direction: null,
  models,
})
const COARSE = new Map([
  ['a:1', piece([1, 2], [10, 20])],
  ['a:3', piece([3], [30])],
  ['a:4', piece([4, 5, 6], [41, 51, 61])],
  ['b:4', piece([4, 5], [42, 52])],
  ['b:6', piece([6, 7], [62, 72])],
  ['c:6', piece([6, 7, 8], [63, NaN, 83])],
])
const SERIES = seriesOf(LINES, 'val/loss', { coarse: COARSE }, 0)
const of = (id: string) => SERIES.find((one) => one.line.id === id)
const FRAME: Frame = { left: 0, top: 0, width: 100, height: 100, xMin: 0, xMax: 10, yMin: 0, yMax: 100, log: false, pixel: 1 }

function traced(series: Series, values = series.value, frame = FRAME): string {
  const steps: string[] = []
  const pen: Pen = {
    moveTo: (x, y) => void steps.push(`M${x},${Math.round(y)}`),
    lineTo: (x, y) => void steps.push(`L${x},${Math.round(y)}`),
  }
  trace(pen, frame, series, values, series.join?.value)
  return steps.join(' ')
}

describe('the charts of curves', () => {
  it('put all splits of a name together, those that matter first, pinned ones before them', () => {
    const groups = groupsOf([metric('loss'), metric('accuracy'), metric('loss', 'train'), metric('lr', 'train')])
    assert.deepEqual(
      groups.map(({ name, metrics }) => [name, metrics.map(({ split }) => split)]),
      [
        ['loss', ['val', 'train']],
        ['accuracy', ['val']],
        ['lr', ['train']],
      ],
    )
    assert.deepEqual(
      pinnedFirst(groups, ['lr', 'gone']).map(({ name }) => name),
      ['lr', 'loss', 'accuracy'],
    )
  })

  it('are found by words in any order and case', () => {
    const groups = groupsOf([metric('layer.1/Loss'), metric('accuracy', 'train')])
    const found = (search: string) => groups.filter(finder(search)).map(({ name }) => name)
    assert.deepEqual(found(''), ['layer.1/Loss', 'accuracy'])
    assert.deepEqual(found('loss LAYER'), ['layer.1/Loss'])
    assert.deepEqual(found('train/'), ['accuracy'])
    assert.deepEqual(found('nothing'), [])
  })

  it('dash a split alike everywhere, and not where it is alone', () => {
    const metrics = [metric('loss'), metric('loss', 'train'), metric('lr', 'train'), metric('top', 'train'), metric('top', 'test')]
    const dash = dashesOf(metrics)
    const [loss, lr, top] = groupsOf(metrics)
    assert.deepEqual(dash(loss!, 'val'), [])
    assert.notDeepEqual(dash(loss!, 'train'), [])
    assert.deepEqual(dash(lr!, 'train'), [])
    assert.deepEqual(dash(top!, 'train'), dash(loss!, 'train'))
  })
})

describe('the points of a curve', () => {
  it('are read to the bit', () => {
    const values = Float64Array.of(0.1, NaN, -Infinity, 5e-324)
    assert.deepEqual(floats(Buffer.from(values.buffer).toString('base64')), values)
  })

  it('share the columns that came once', () => {
    const sent = (...values: readonly number[]) => Buffer.from(Float64Array.from(values).buffer).toString('base64')
    const curve = { metric: 'm', line: 'a:1', count: 2, low: null, high: null, gaps: [] }
    const [one, other] = piecesOf([
      { ...curve, x: sent(5, 6), value: sent(1, 2), epoch: sent(1, 1) },
      { ...curve, x: '=0', value: sent(3, 4), epoch: '=0' },
    ])
    assert.deepEqual([...other!.value], [3, 4])
    assert.equal(other!.x, one!.x)
    assert.equal(other!.epoch, one!.epoch)
  })

  it('are found by their place', () => {
    const x = Float64Array.of(1, 3, 5)
    assert.deepEqual(
      [0, 1, 2, 5, 6].map((at) => placeFrom(x, at)),
      [0, 0, 1, 2, 3],
    )
    assert.deepEqual(
      [0, 1.9, 2.1, 9].map((at) => nearestPlace(x, at)),
      [0, 0, 1, 2],
    )
    assert.equal(nearestPlace(new Float64Array(), 1), -1)
  })

  it('are finer where a part is known finely, and coarse around it', () => {
    const coarse = piece([10, 20, 30, 40], [1, 2, 3, 4], {
      count: 40,
      low: Float64Array.of(0, 1, 2, 3),
      high: Float64Array.of(2, 3, 4, 5),
      gaps: [1, 3],
    })
    // What comes from beyond the range is left out.
    const fine = piece([14, 16, 18, 20, 22, 25], [1.4, 1.6, NaN, 2, 2.2, NaN], { count: 4 })
    assert.ok(isReduced(coarse) && !isReduced(fine, [15, 24]))
    const merged = merge(coarse, fine, [15, 24])
    assert.deepEqual([...merged.x], [10, 16, 18, 20, 22, 30, 40])
    assert.deepEqual([...merged.value], [1, 1.6, NaN, 2, 2.2, 3, 4])
    assert.deepEqual([...merged.high!], [2, 1.6, NaN, 2, 2.2, 4, 5])
    assert.deepEqual([...merged.stride], [10, 1, 1, 1, 1, 10, 10])
    assert.deepEqual([...merged.gaps], [18, 40])
  })
})

describe('the tree of lines', () => {
  it('is the history of each model', () => {
    assert.deepEqual(
      MODELS.map((_, model) => pathOf(LINES, model).map(({ id }) => id)),
      [['a:1', 'a:3', 'a:4'], ['a:1', 'a:3', 'b:4', 'b:6'], ['a:1', 'a:3', 'b:4', 'c:6'], ['a:1']],
    )
  })

  it('is drawn without a gap where a fork parts, also a fork of a fork', () => {
    assert.equal(traced(of('a:1')!), 'M10,90 L20,80')
    assert.equal(traced(of('b:4')!), 'M30,70 L40,58 L50,48')
    assert.equal(traced(of('c:6')!), 'M50,48 L60,37 M80,17')
  })

  it('goes on from the nearest past that has values', () => {
    const coarse = new Map([...COARSE].filter(([id]) => id !== 'b:4' && id !== 'a:3'))
    const made = seriesOf(LINES, 'val/loss', { coarse }, 0)
    assert.deepEqual(made.find((one) => one.line.id === 'c:6')!.join, { x: 2, value: 20, smoothed: 20 })
    assert.equal(made.find((one) => one.line.id === 'a:1')!.join, null)
  })

  it('marks where forks begin, by their names, and where a model ends on another’s past', () => {
    assert.deepEqual(
      marksOf({ lines: LINES, models: MODELS }).map(({ kind, labels, line: at }) => [kind, labels, at.to]),
      [
        ['end', ['a@2'], 2],
        ['fork', ['name of b'], 3],
        ['fork', ['name of c'], 5],
      ],
    )
  })

  it('sets labels so that none covers another', () => {
    assert.deepEqual(
      labelRows(
        [
          { left: 0, width: 50 },
          { left: 40, width: 50 },
          { left: 45, width: 50 },
          { left: 60, width: 10 },
        ],
        2,
        5,
      ),
      [0, 1, -1, 0],
    )
  })

  it('spans what is looked at', () => {
    assert.deepEqual(extent(SERIES, [0, 10], false), [10, 83])
    assert.deepEqual(extent(SERIES, [4, 5], false), [41, 52])
    assert.deepEqual(extent(SERIES, [20, 30], false), [Infinity, -Infinity])
    const band = { low: Float64Array.of(-9, 1), high: Float64Array.of(3, 99) }
    const banded = (count: number) =>
      seriesOf([LINES[0]!], 'm', { coarse: new Map([['a:1', piece([1, 2], [1, 2], { ...band, count })]]) }, 0)
    assert.deepEqual(extent(banded(8), [0, 10], false), [-9, 99])
    assert.deepEqual(extent(banded(2), [0, 10], false), [1, 2])
    const mixed = seriesOf([LINES[0]!], 'm', { coarse: new Map([['a:1', piece([1, 2, 3], [-5, 0.5, 8])]]) }, 0)
    assert.deepEqual(extent(mixed, [0, 10], true), [0.5, 8])
  })

  it('says what is unusual', () => {
    const kinds = (values: readonly number[], log = false) => {
      const coarse = new Map([
        [
          'a:1',
          piece(
            values.map((_, i) => i + 1),
            values,
          ),
        ],
      ])
      return remarksOf(seriesOf([LINES[0]!], 'm', { coarse }, 0), log).map(({ kind }) => kind)
    }
    assert.deepEqual(kinds([]), ['none'])
    assert.deepEqual(kinds([NaN, Infinity]), ['onlyNaN'])
    assert.deepEqual(kinds([3]), ['one'])
    assert.deepEqual(kinds([3, 3]), ['constant'])
    assert.deepEqual(kinds([3, NaN, 4]), ['nan'])
    assert.deepEqual(kinds([3, 0], true), ['notPositive'])
    assert.deepEqual(kinds([3, 4], true), [])
  })
})

describe('smoothing', () => {
  const ones = (n: number) => new Float64Array(n).fill(1)

  it('is a moving average whose beginning is not pulled towards zero', () => {
    const values = [3, 1, 4, 1, 5]
    const { smoothed } = smooth(Float64Array.from(values), ones(5), 0.6)
    let average = 0
    for (const [i, value] of values.entries()) {
      average = average * 0.6 + value * 0.4
      assert.ok(Math.abs(smoothed[i]! - average / (1 - 0.6 ** (i + 1))) < 1e-12)
    }
    assert.ok(Math.abs(smoothed[0]! - 3) < 1e-12)
  })

  it('goes on from the past into each fork', () => {
    const whole = smooth(Float64Array.of(10, 20, 30, 42, 52, 63), ones(6), 0.5).smoothed
    const made = seriesOf(LINES, 'val/loss', { coarse: COARSE }, 0.5)
    const c = made.find((one) => one.line.id === 'c:6')!
    assert.ok(Math.abs(c.smoothed![0]! - whole[5]!) < 1e-12)
    assert.ok(Math.abs(c.join!.smoothed - whole[4]!) < 1e-12)
    assert.equal(c.join!.value, 52)
  })

  it('passes over what is no number, and weighs a point as the points it stands for', () => {
    const { smoothed } = smooth(Float64Array.of(1, NaN, 3), ones(3), 0.5)
    assert.deepEqual([...smoothed], [1, NaN, (1 * 0.25 + 3 * 0.5) / 0.75])
    const { end } = smooth(Float64Array.of(2), Float64Array.of(4), 0.5)
    assert.equal(end.weight, 1 - 0.5 ** 4)
  })
})

describe('axes', () => {
  for (const [min, max, most, expected] of [
    [0, 10, 5, [0, 2, 4, 6, 8, 10]],
    [0.01, 0.034, 5, [0.01, 0.015, 0.02, 0.025, 0.03]],
    [-1, 1, 4, [-1, -0.5, 0, 0.5, 1]],
    [5, 5, 4, [5]],
  ] as const)
    it(`mark ${min} to ${max} with at most ${most} or so`, () => assert.deepEqual(ticks(min, max, most), expected))

  it('never mark minus zero, and epochs only whole', () => {
    assert.ok(Object.is(ticks(-0.4, 3, 3)[0], 0))
    assert.deepEqual(ticks(30.2, 31.9, 5, true), [31])
  })

  it('mark powers of ten, between them where there is room, evenly within one', () => {
    assert.deepEqual(logTicks(0.9, 120, 4), [1, 10, 100])
    assert.deepEqual(logTicks(0.9, 120, 12), [1, 2, 5, 10, 20, 50, 100])
    assert.deepEqual(logTicks(1e-9, 1, 4), [1e-9, 1e-6, 1e-3, 1])
    assert.deepEqual(logTicks(2.1, 4.2, 4), [3, 4])
    assert.deepEqual(logTicks(0, 1, 4), [])
  })

  for (const [at, texts] of [
    [
      [0.1, 0.15, 0.2],
      ['0.10', '0.15', '0.20'],
    ],
    [
      [0, 20, 40],
      ['0', '20', '40'],
    ],
    [
      [0, 500_000, 1_000_000],
      ['0', '500K', '1M'],
    ],
    [
      [1_000_000, 1_000_001],
      ['1M', '1.000001M'],
    ],
    [
      [0, 2e-8, 4e-8],
      ['0', '2e-8', '4e-8'],
    ],
    [
      [1e-5, 1e-3, 0.1, 10],
      ['1e-5', '0.001', '0.1', '10'],
    ],
  ] as const)
    it(`write ${at.join(', ')}`, () => {
      const made = tickTexts(at, 'en')
      assert.deepEqual(made, texts)
    })

  it('are a little more than the values, also of a single one and of what is nearly too large', () => {
    assert.deepEqual(limits(0, 100, false), [-5, 105])
    assert.deepEqual(limits(4, 4, false), [3.6, 4.4])
    assert.deepEqual(limits(0, 0, false), [-1, 1])
    assert.deepEqual(limits(Infinity, -Infinity, false), [0, 1])
    assert.ok(limits(-1e308, 1e308, false).every((one) => Number.isFinite(one)))
    const [low, high] = limits(1, 100, true)
    assert.ok(low > 0 && low < 1 && high > 100)
  })

  it('tell time in the unit that suits', () => assert.deepEqual([60, 600, 36_000, 864_000].map(timeUnit), ['s', 'min', 'h', 'd']))
})

describe('the values at the cursor', () => {
  it('are those of that epoch, and none between two', () => {
    assert.equal(atEpoch(pathOf(LINES, 2), of, 5)!.value, 52)
    assert.equal(atEpoch(pathOf(LINES, 0), of, 5)!.value, 51)
    assert.equal(atEpoch(pathOf(LINES, 3), of, 3), undefined)
    const sparse = seriesOf([LINES[2]!], 'm', { coarse: new Map([['a:4', piece([4, 6], [1, 2])]]) }, 0)
    assert.equal(
      atEpoch([LINES[2]!], () => sparse[0], 5),
      undefined,
    )
  })

  it('are not known where a point stands for several', () => {
    const reduced = seriesOf([LINES[2]!], 'm', { coarse: new Map([['a:4', piece([4, 6], [1, 2], { count: 3 })]]) }, 0)
    const byLine = () => reduced[0]
    for (const epoch of [5, 6]) {
      const found = atEpoch([LINES[2]!], byLine, epoch)
      assert.ok(found && found.value === undefined)
    }
    assert.equal(nearest([LINES[2]!], byLine, 5.9, 1)!.value, undefined)
    // The last value is known, and not of which epoch it is.
    assert.deepEqual([last([LINES[2]!], byLine)!.value, last([LINES[2]!], byLine)!.epoch], [2, undefined])
  })

  it('are the nearest on an axis of steps, as far as the model goes', () => {
    assert.equal(nearest(pathOf(LINES, 0), of, 5.4, 0.1)!.value, 51)
    assert.equal(nearest(pathOf(LINES, 3), of, 2.05, 0.1)!.value, 20)
    assert.equal(nearest(pathOf(LINES, 3), of, 4, 0.1), undefined)
    assert.equal(last(pathOf(LINES, 1), of)!.value, 72)
  })

  it('go on by epochs, through the past that is shared', () => {
    const epochs = (x: readonly number[], epoch: readonly number[]) =>
      piece(
        x,
        x.map(() => 1),
        { epoch: Float64Array.from(epoch) },
      )
    const coarse = new Map([
      ['a:1', epochs([0, 1, 2, 3], [1, 1, 2, 2])],
      ['a:3', epochs([4, 5], [3, 3])],
    ])
    const made = seriesOf(LINES, 'm', { coarse }, 0)
    const byLine = (id: string) => made.find((one) => one.line.id === id)
    assert.equal(step(pathOf(LINES, 1), byLine, 1, 1), 2)
    assert.equal(step(pathOf(LINES, 1), byLine, 2, 1), 4)
    assert.equal(step(pathOf(LINES, 1), byLine, 4, -1), 3)
    assert.equal(step(pathOf(LINES, 1), byLine, 5, 1), 5)
  })
})

describe('the values of a chart', () => {
  const group = { name: 'loss', metrics: [metric('loss', 'val', [0, 2])] }

  it('stand side by side, the shared past in each', () => {
    const { columns, rows } = valuesOf(group, LINES, MODELS, SERIES)
    assert.deepEqual(
      columns.map(({ model }) => model),
      [0, 2],
    )
    assert.deepEqual(
      rows.map(({ x, values }) => [x, ...values]),
      [
        [1, 10, 10],
        [2, 20, 20],
        [3, 30, 30],
        [4, 41, 42],
        [5, 51, 52],
        [6, 61, 63],
        [7, undefined, NaN],
        [8, undefined, 83],
      ],
    )
    assert.deepEqual(
      valuesOf(group, LINES, MODELS, SERIES, [4, 5]).rows.map(({ x }) => x),
      [4, 5],
    )
  })

  it('are a CSV with every digit, in which no name is a formula', () => {
    const models = [{ label: '=1+1' }, { label: '' }, { label: 'c, "d"' }] as unknown as readonly ComparisonModel[]
    const values = { columns: valuesOf(group, LINES, MODELS, SERIES).columns, rows: [{ x: 1, values: [0.1 + 0.2, undefined] }] }
    assert.equal(csvOf(values, 'epoch', models), `epoch,'=1+1 val/loss,"c, ""d"" val/loss"\r\n1,0.30000000000000004,\r\n`)
  })

  it('are saved by a name that a file can have', () => {
    assert.equal(fileName('<b>a/b\\..</b>', 'svg'), 'b-a-b-..-b.svg')
    assert.equal(fileName('../../etc', 'csv'), 'etc.csv')
    assert.equal(fileName('***', 'png'), 'metric.png')
    assert.ok(fileName('x'.repeat(500), 'png').length < 100)
  })
})

describe('a chart as SVG', () => {
  it('holds the curves in their colours, the marks, and nothing that a name could bring in', () => {
    const painter = new SvgPainter('sans "x"')
    const lines = LINES.map((one) => (one.sessionId === 'b' ? { ...one, sessionName: '<script>alert(1)</script>' } : one))
    const series = seriesOf(lines, 'val/loss', { coarse: COARSE }, 0)
    const look = {
      foreground: '#000',
      quiet: '#777',
      grid: '#ddd',
      background: '#fff',
      font: 'x',
      colour: (models: readonly number[]) => `#m${models.join('')}`,
    }
    paint(painter, FRAME, { series, marks: placedMarks({ lines, models: MODELS }, ({ to }) => to), dash: () => [4, 2] }, look)
    const file = painter.done(100, 100, '#fff', 'a\u0000<b>')
    assert.match(file, /<path d="M30 70L40 58L50 48" fill="none" stroke="#m12"[^>]*stroke-dasharray="4 2"/)
    assert.match(file, /&lt;script&gt;/)
    assert.match(file, /<title>a�&lt;b&gt;<\/title>/)
    assert.match(file, /<circle cx="80" cy="17" r="2.5" fill="#m2"/)
    assert.doesNotMatch(file, /<script|NaN|undefined|\u0000/)
  })
})

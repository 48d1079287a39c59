import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Effect, Line, Values } from '../../server/protocol/comparison'
import type { JsonNumber } from '../../server/protocol/model'
import { paretoFront } from '../../server/tracking/best'
import { sparsity } from '../../server/tracking/graph'
import { outermost } from '../../server/tracking/outermost'
import { csv } from '../../webview/comparison/csv'
import { allRows, cellText, changeOf, chosen, markdown, type Row } from '../../webview/comparison/differences/rows'
import * as figures from '../../webview/comparison/figures'
import { lineage } from '../../webview/comparison/lineage'
import { effectSentences, shares } from '../../webview/comparison/overview/effects'
import { leader, verdict } from '../../webview/comparison/overview/verdict'
import { partings } from '../../webview/comparison/partings'
import { pieces, say, type Sentence } from '../../webview/comparison/sentence'
import { placeNames } from '../../webview/comparison/tradeoff/points'
import { comparisonTexts as texts } from '../../webview/messages/comparisonTexts'

/** As it is read: models by their letters. */
const read = (sentence: Sentence) =>
  pieces(sentence, 'en')
    .map((piece) => (typeof piece === 'string' ? piece : 'ABCDEFGHIJKL'[piece.model]))
    .join('')

const line = (id: string, from: number, to: number, models: readonly number[], after: string | null): Line => ({
  id,
  sessionId: id.split(':')[0]!,
  sessionName: id,
  from,
  to,
  models,
  after,
})
const told = (models: number, lines: readonly Line[], sharedEpochs: number, parentMissing = false) =>
  partings({ models: Array.from({ length: models }, () => ({ parentMissing }) as never), lines, sharedEpochs }, texts).map(read)

describe('a sentence of the comparison', () => {
  it('names models and writes numbers as the reader does', () => {
    const sentence = say('{0} of {1}: {2} {3}', { models: [0, 1, 2] }, 12345, '{0}', { groups: [[0], [1, 2]] })
    assert.equal(read(sentence), 'A, B, and C of 12,345: {0} A; B and C')
  })
})

describe('where models parted', () => {
  it('is told of two', () => {
    assert.deepEqual(told(2, [line('a', 1, 30, [0, 1], null), line('a:31', 31, 40, [0], 'a'), line('b', 31, 40, [1], 'a')], 30), [
      'They share 30 epochs, 1 to 30.',
      'A and B part after epoch 30.',
    ])
  })
  it('is told of forks of forks, each parting once', () => {
    const lines = [
      line('a', 1, 10, [0, 1, 2], null),
      line('a:11', 11, 20, [0], 'a'),
      line('b', 11, 15, [1, 2], 'a'),
      line('b:16', 16, 20, [1], 'b'),
      line('c', 16, 20, [2], 'b'),
    ]
    assert.deepEqual(told(3, lines, 10), [
      'They share 10 epochs, 1 to 10.',
      'After epoch 10 they go 2 ways: A; B and C.',
      'B and C part after epoch 15.',
    ])
  })
  it('is told of a model and its own earlier epoch, and of one epoch named twice', () => {
    assert.deepEqual(told(2, [line('a', 1, 10, [0, 1], null), line('a:11', 11, 30, [1], 'a')], 10), [
      'They share 10 epochs, 1 to 10.',
      'The history of A is all in that of B, which goes on after epoch 10.',
    ])
    assert.deepEqual(told(2, [line('a', 1, 1, [0, 1], null)], 1), ['They share one epoch, 1.', 'A and B are one and the same epoch.'])
  })
  it('is told where there is nothing in common, or the parent is not here', () => {
    assert.deepEqual(told(2, [line('a', 1, 3, [0], null), line('b', 1, 3, [1], null)], 0), ['A and B have no epoch in common.'])
    const three = [line('a', 1, 3, [0, 2], null), line('a:4', 4, 5, [0], 'a'), line('c', 4, 5, [2], 'a'), line('b', 1, 3, [1], null)]
    assert.deepEqual(told(3, three, 0), ['These have no epoch in common: A and C; B.', 'A and C part after epoch 3.'])
    assert.match(told(1, [line('a', 3, 4, [0], null)], 0, true)[0]!, /^A was forked from a session that is not here/)
  })
})

describe('the drawing of the histories', () => {
  it('has a row for each model, and joins them where they part', () => {
    const drawn = lineage([line('a', 1, 30, [0, 1], null), line('a:31', 31, 40, [0], 'a'), line('b', 31, 45, [1], 'a')], 2)
    assert.deepEqual(
      drawn.pieces.map(({ row, from, to }) => [row, from, to]),
      [
        [0, 1, 30],
        [0, 30, 40],
        [1, 30, 45],
      ],
    )
    assert.deepEqual(drawn.joins, [{ at: 30, row: 0, to: 1, models: [1] }])
    assert.deepEqual(drawn.ends, [40, 45])
    assert.deepEqual(drawn.named, [1, 45, 30])
  })
  it('ends a model that is the past of another on its own row', () => {
    const drawn = lineage([line('a', 1, 10, [0, 1], null), line('a:11', 11, 30, [0], 'a')], 2)
    assert.deepEqual(drawn.ends, [30, 10])
    assert.deepEqual(drawn.joins, [{ at: 10, row: 0, to: 1, models: [1] }])
  })
})

describe('which is better, and at what cost', () => {
  const epoch = { id: 'e', number: 1 }
  const at = (
    values: readonly (JsonNumber | null)[],
    parameters: readonly (number | null)[] = values.map(() => null),
    weights: readonly (number | null)[] = values.map(() => null),
    epochs = values.map(() => epoch as typeof epoch | null),
  ) => ({ values, parameters, weights, epochs })
  const judge = (figure: ReturnType<typeof at>, direction: 'lower' | 'higher' | null) =>
    verdict('val/x', figure, direction, texts, 'en').map(read)

  it('names the better one, by how much, and its parameters and weights', () => {
    assert.deepEqual(judge(at([0.38, 0.786], [233, 468], [2048, 1024]), 'higher'), [
      'B reaches val/x 0.786, 0.406 more than A.',
      'It has 468 parameters, 100.9% more than A (233).',
      'Its weights take 1 KiB, 50% less than those of A (2 KiB).',
    ])
    assert.equal(judge(at([0.38, 0.786]), 'lower')[0], 'A reaches val/x 0.38, 0.406 less than B.')
  })
  it('sets the best of many against the next', () => {
    assert.equal(judge(at([3, 1, 2]), 'lower')[0], 'B reaches val/x 1, 1 less than C.')
  })
  it('says what is level, unknown, missing, NaN or infinite, and calls none better then', () => {
    assert.deepEqual(judge(at([1, 1, 0]), 'higher'), ['A and B are level: val/x 1.'])
    assert.deepEqual(judge(at([1, 2]), null), [texts.unjudged.replace('{0}', 'val/x')])
    assert.deepEqual(judge(at(['NaN', 'NaN']), 'higher'), ['val/x is NaN there, so none can be called better.'])
    assert.deepEqual(judge(at([null, null]), 'higher'), ['None of them has a value of val/x there.'])
    assert.deepEqual(judge(at(['NaN', 2]), 'higher'), ['Only B has a value of val/x: 2.', 'A: val/x is NaN there.'])
    assert.deepEqual(judge(at([null, 2], [], [], [null, epoch]), 'higher'), ['Only B has a value of val/x: 2.', 'A has no such epoch.'])
    assert.equal(judge(at(['Infinity', 2]), 'lower')[0], 'B reaches val/x 2, ∞ less than A.')
    assert.equal(judge(at([2, 1], [10, 10]), 'lower')[1], 'Both have 10 parameters.')
    assert.equal(judge(at([2, 1], [10, 0]), 'higher')[1], 'It has 10 parameters, 10 more than B (0).')
  })
  it('has one leader at most', () => {
    assert.equal(leader([1, 2, 2], 'lower'), 0)
    assert.equal(leader([1, 2, 2], 'higher'), undefined)
    assert.equal(leader([1, 'NaN', null], 'lower'), undefined)
    assert.equal(leader([1, 2], null), undefined)
  })
})

describe('what a plan did', () => {
  const graph = (parameters: number | null, nonzero = parameters) => ({ nodes: 3, parameters, nonzero })
  const of = (change: Effect['change'], before = graph(606), after = graph(233)): Effect => ({
    since: { id: 'a', number: 30 },
    until: { id: 'b', number: 40 },
    first: graph(1000),
    before,
    after,
    change,
  })
  const none = { layers: 0, removed: 0, masked: 0, layersRemoved: 0, layersAdded: 0 }
  const said = (effect: Effect) => effectSentences(effect, texts).map(read)

  it('is told in figures', () => {
    assert.deepEqual(said(of({ ...none, layers: 3, removed: 373 })), [
      'From epoch 30 to 40, 373 of 606 parameters were removed; layers changed: 3.',
    ])
    assert.match(said(of({ ...none, layers: 2, masked: 5 }))[0]!, /5 of 606 parameters were set to zero; layers changed: 2/)
    assert.match(said(of({ ...none, layers: 2, removed: 1, masked: 5 }))[0]!, /1 of 606 parameters were removed and 5 set to zero/)
    assert.match(said(of(none, graph(606), graph(606)))[0]!, /nothing was removed or set to zero: 606 parameters/)
    assert.deepEqual(said(of({ ...none, layersRemoved: 1, layersAdded: 2 })).slice(1), [
      'Layers gone as a whole: 1.',
      'Layers added: 2; now there are 233 parameters.',
    ])
  })
  it('is told where it can not be known', () => {
    assert.match(said({ ...of(null), after: null })[0]!, /epoch 40 was committed without a graph/)
    assert.match(said({ ...of(null), before: null })[0]!, /epoch 30 was committed without a graph/)
    assert.match(said(of(null))[0]!, /can not be read any more/)
    assert.match(said({ ...of(null), since: null })[0]!, /No epoch of its own/)
  })
  it('is drawn as shares of what there was at first', () => {
    assert.deepEqual(shares(of(none, graph(606), graph(233, 200))), { kept: 200, masked: 33, removed: 373, earlier: 394, all: 1000 })
    assert.equal(shares({ ...of(none), first: null }), undefined)
    assert.deepEqual(shares(of(none, graph(1000), graph(1200))), { kept: 1200, masked: 0, removed: 0, earlier: 0, all: 1200 })
  })
  it('counts sparsity as the server does', () => {
    const some = fc.option(fc.nat(1000))
    fc.assert(
      fc.property(some, some, some, (parameters, nonzero, began) => {
        const [now, first] = [{ nodes: 1, parameters, nonzero }, began === null ? null : graph(began)]
        assert.equal(figures.sparsity(now, first), sparsity(now, first))
      }),
    )
    assert.equal(sparsity(graph(233), graph(5018)), 1 - 233 / 5018)
  })
})

describe('the table of differences', () => {
  const settings = {
    hyperparameters: [
      { path: 'lr', values: [0.1, 0.01] },
      { path: 'seed', values: [1, 1] },
    ],
    pruningPlan: [{ path: 'ratio', values: [0.2, null] }],
    environment: [{ path: 'gpu', values: ['A100', '<b>H100</b>'] }],
    command: [],
    data: [],
  }
  const values: Values = {
    epochs: [null, null],
    metrics: [
      { metric: 'train/loss', values: [2, 1] },
      { metric: 'val/loss', values: ['NaN', 1] },
      { metric: 'val/flat', values: [3, 3] },
    ],
    graphs: [
      { nodes: 1, parameters: 100, nonzero: 100 },
      { nodes: 1, parameters: 50, nonzero: 50 },
    ],
    weights: [2048, 1024],
  }
  const metrics = ['val/loss', 'train/loss', 'val/flat'].map((metric) => ({ metric, split: '', name: '', direction: null, models: [] }))
  const first = { nodes: 1, parameters: 200, nonzero: null }
  const rows = allRows({ settings, metrics }, values, [first, first])
  const title = ({ name }: Row) => name
  const names = (found: readonly Row[]) => found.map(({ name }) => name)
  const all = { all: true, text: '', sorting: undefined, title }

  it('shows only what differs, or all; the metrics that matter most first', () => {
    assert.deepEqual(names(chosen(rows, { ...all, all: false })), [
      'lr',
      'ratio',
      'val/loss',
      'train/loss',
      'parameters',
      'nonzero',
      'sparsity',
      'weights',
      'gpu',
    ])
    assert.equal(chosen(rows, all).length, rows.length)
  })
  it('finds names and values', () => {
    assert.deepEqual(names(chosen(rows, { ...all, text: ' h100' })), ['gpu'])
    assert.deepEqual(names(chosen(rows, { ...all, text: 'LOSS' })), ['val/loss', 'train/loss'])
    assert.deepEqual(chosen(rows, { ...all, text: 'nothing' }), [])
  })
  it('sorts each group by a model: numbers first, and last what is NaN or absent, both ways', () => {
    const sorted = (by: number | 'name', down: boolean) =>
      names(chosen(rows, { ...all, sorting: { by, down } }).filter(({ group }) => group === 'metrics'))
    assert.deepEqual(sorted(0, false), ['train/loss', 'val/flat', 'val/loss'])
    assert.deepEqual(sorted(0, true), ['val/flat', 'train/loss', 'val/loss'])
    assert.deepEqual(sorted('name', true), ['val/loss', 'val/flat', 'train/loss'])
  })
  it('says how far a figure is from the first, and whether that is better', () => {
    const row = (name: string) => rows.find((one) => one.name === name)!
    assert.deepEqual(changeOf(row('train/loss'), 1, 'lower', 'en'), { by: '−1', share: '(−50%)', points: false, judged: 'better' })
    assert.deepEqual(changeOf(row('train/loss'), 1, 'higher', 'en')?.judged, 'worse')
    assert.deepEqual(changeOf(row('train/loss'), 1, null, 'en')?.judged, null)
    assert.equal(changeOf(row('train/loss'), 0, 'lower', 'en'), undefined)
    assert.equal(changeOf(row('val/loss'), 1, 'lower', 'en'), undefined)
    assert.equal(changeOf(row('val/flat'), 1, 'lower', 'en'), undefined)
    assert.equal(changeOf(row('lr'), 1, 'lower', 'en'), undefined)
    assert.deepEqual(changeOf(row('sparsity'), 1, null, 'en'), { by: '+25', share: '', points: true, judged: null })
    assert.deepEqual(changeOf(row('weights'), 1, null, 'en'), { by: '−1 KiB', share: '(−50%)', points: false, judged: null })
    assert.equal(cellText(row('sparsity'), 0.5, 'en'), '50%')
    assert.equal(cellText(row('ratio'), null, 'en'), '–')
    assert.equal(cellText(row('val/loss'), 'NaN', 'en'), 'NaN')
  })
  it('is written as Markdown and CSV that hold whatever was recorded', () => {
    assert.equal(markdown([['a|b', '<script>\n']], ['x', 'y']), '| x | y |\n| --- | --- |\n| a\\|b | &lt;script>  |\n')
    assert.equal(csv([['a,b', 'say "x"', '1\n2', 'é']]), '"a,b","say ""x""","1\n2",é\r\n')
  })
  it('is written as a CSV in which no name or value is a formula, and every number is itself', () => {
    const numbers = ['-0.5', '+1', '-1e-7', '-Infinity', 'NaN', '']
    assert.equal(csv([numbers]), `${numbers.join(',')}\r\n`)
    const formulas = ['=1+1', '+a', '-a', '@a', '＝1+1']
    assert.equal(csv([formulas]), `${formulas.map((text) => `'${text}`).join(',')}\r\n`)
    assert.equal(csv([['=HYPERLINK("https://a.example","b")']]), `"'=HYPERLINK(""https://a.example"",""b"")"\r\n`)
    assert.equal(csv([['\t=1', '\r=1', '\n=1', 'a;=1', 'a\t=1']]), `"'\t=1","'\r=1","'\n=1","a;=1","a\t=1"\r\n`)
  })
})

describe('the points of the trade-off', () => {
  const points = fc.array(fc.record({ metric: fc.double({ noNaN: true }), cost: fc.double({ noNaN: true }) }, { noNullPrototype: true }), {
    maxLength: 300,
  })
  it('are so few that they can be drawn, and still reach as far as all', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 4, max: 100 }), (all, most) => {
        const places = outermost(all, most)
        assert.ok(places.length <= Math.max(most, 4))
        assert.deepEqual(
          places,
          [...new Set(places)].sort((a, b) => a - b),
        )
        for (const figure of ['metric', 'cost'] as const)
          for (const edge of [Math.min, Math.max])
            assert.equal(edge(...places.map((place) => all[place]![figure])), edge(...all.map((point) => point[figure])))
      }),
    )
  })
  it('keep their names apart, inside the picture', () => {
    const anchors = fc.array(fc.record({ x: fc.nat(300), y: fc.nat(200), width: fc.integer({ min: 5, max: 120 }) }), { maxLength: 20 })
    const frame = { x: 0, y: 0, width: 300, height: 200 }
    fc.assert(
      fc.property(anchors, (all) => {
        const boxes = placeNames(all, 15, frame).filter((box) => box !== null)
        for (const [i, a] of boxes.entries()) {
          assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= 300 && a.y + a.height <= 200)
          for (const b of boxes.slice(i + 1))
            assert.ok(a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height)
        }
      }),
    )
  })
  it('of more sparsity are cheaper: turned round, the front is the other side', () => {
    const all = [
      { metric: 1, cost: -0.1 },
      { metric: 0.9, cost: -0.9 },
      { metric: 0.8, cost: -0.5 },
    ]
    assert.deepEqual(
      paretoFront(all, 'max').map(({ metric }) => metric),
      [0.9, 1],
    )
  })
})

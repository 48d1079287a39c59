import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { CompareJson, EpochJson, GraphDifference, JsonNumber, SessionJson, ShowJson } from '../../server/protocol/model'
import { completionScript, type CommandWords } from '../../server/cli/completion'
import { renderBest } from '../../server/cli/text/best'
import { chart } from '../../server/cli/text/chart'
import { renderCompare } from '../../server/cli/text/compare'
import { renderDiff } from '../../server/cli/text/diff'
import { renderGraph } from '../../server/cli/text/graph'
import { renderLog } from '../../server/cli/text/log'
import { renderSessions } from '../../server/cli/text/sessions'
import { renderShow } from '../../server/cli/text/show'
import {
  bytes,
  coloured,
  number,
  percent,
  plain,
  relativeTime,
  safe,
  sparkline,
  styleFor,
  table,
  width,
} from '../../server/cli/text/terminal'

const now = 1_764_000_000
const id = (n: number) => n.toString(16).padStart(24, '0')
const hostileNames = [
  '\x1b[2J\x1b]0;owned\x07',
  'two\nlines\r\n\u2028three',
  'x'.repeat(10_000),
  '\u202Eevil\u2066\u200F',
  '\x9b31m c1',
  'a' + '\u0301'.repeat(10_000),
  '\uD800 alone',
]
/** No control character but line feeds, no bidi override, no line of a screen's size. */
const assertHarmless = (text: string) => {
  assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/)
  for (const line of text.split('\n')) assert.ok(line.length < 700, `${line.length}`)
}

const session = (over: Partial<SessionJson> = {}): SessionJson => ({
  id: id(1),
  name: 'resnet',
  modelName: 'resnet',
  status: 'completed',
  forkedFrom: null,
  epochs: 3,
  own: 3,
  latest: { id: id(103), number: 3 },
  selected: null,
  live: null,
  uncommitted: null,
  createdAt: now - 7200,
  tags: [],
  deleted: false,
  error: null,
  parentMissing: false,
  problems: 0,
  ...over,
})
const epoch = (n: number, metrics: Record<string, JsonNumber>, over: Partial<EpochJson> = {}): EpochJson => ({
  id: id(100 + n),
  number: n,
  sessionId: id(1),
  inherited: false,
  state: 'ok',
  graphHash: null,
  weights: null,
  pruned: false,
  time: now - 60,
  metrics,
  ...over,
})
const difference: GraphDifference = {
  summary: [
    { nodes: 3, parameters: 1000, nonzero: null },
    { nodes: 3, parameters: 500, nonzero: null },
  ],
  added: 1,
  removed: 1,
  changed: 1,
  kept: 1,
  nodes: [
    {
      id: 'n1',
      name: 'conv1',
      change: 'changed',
      differences: [
        {
          path: 'data.shape',
          values: [
            [64, 3, 3, 3],
            [32, 3, 3, 3],
          ],
        },
      ],
      parameters: [1728, 864],
    },
    { id: 'n2', name: 'fc', change: 'removed', differences: [], parameters: [100, null] },
    { id: 'n3', name: 'head', change: 'added', differences: [{ path: 'data.shape', values: [null, [10]] }], parameters: [null, 50] },
  ],
}
const history = (from: number, to: number, f: (n: number) => JsonNumber | null) => {
  const epochs = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  return { epochs, values: epochs.map(f) }
}
const compare = (over: Partial<CompareJson> = {}): CompareJson => ({
  models: ['first', 'second'].map((name, i) => ({
    id: id(i + 1),
    name,
    reference: `${name}@latest`,
    epoch: { id: id(160 + i), number: 60 },
    epochs: 60,
    status: 'completed',
    graph: { nodes: 3, parameters: i ? 500 : 1000, nonzero: null },
  })),
  sharedEpochs: 30,
  pairs: [{ a: id(1), b: id(2), shared: 30, at: { id: id(130), number: 30 } }],
  metrics: {
    'val/loss': {
      values: [0.25, 0.2],
      curves: [history(1, 60, (n) => 1 / n), history(1, 60, (n) => (n <= 30 ? 1 / n : 1 / 30 + (n - 30) / 60))],
    },
    'val/acc': { values: [0.9, 0.85], curves: [history(1, 60, (n) => n / 60), history(1, 60, (n) => n / 60)] },
    lr: { values: [0.1, 0.01], curves: [history(60, 60, () => 0.1), history(60, 60, () => 0.01)] },
  },
  hyperparameters: [{ path: 'optimizer.lr', values: [0.1, null] }],
  pruningPlan: [{ path: 'ratio', values: [0.1, 0.3] }],
  graph: [{ ...difference, a: id(1), b: id(2) }],
  ...over,
})

describe('text of the command line', () => {
  describe('terminal', () => {
    it('decides on colours', () => {
      assert.equal(styleFor({ isTTY: true }, {}).colours, true)
      assert.equal(styleFor({}, {}).colours, false)
      assert.equal(styleFor({ isTTY: true }, { NO_COLOR: '1' }).colours, false)
      assert.equal(styleFor({ isTTY: true }, { NO_COLOR: '' }).colours, true)
      assert.equal(styleFor({ isTTY: true }, { TERM: 'dumb' }).colours, false)
      assert.equal(styleFor({}, { FORCE_COLOR: '1' }).colours, true)
      assert.equal(styleFor({ isTTY: true }, { FORCE_COLOR: '0' }).colours, false)
      assert.equal(plain.red('x'), 'x')
      assert.equal(coloured.red('x'), '\x1b[31mx\x1b[39m')
    })
    it('measures width', () => {
      assert.deepEqual(['abc', '日本', '👨‍👩‍👧‍👦', 'e\u0301', '\x1b[1mab\x1b[22m', '', '⠿█…'].map(width), [3, 4, 2, 1, 2, 0, 3])
    })
    it('makes text of unknown origin harmless', () => {
      for (const name of hostileNames)
        for (const max of [1, 2, 10, 40]) {
          assertHarmless(safe(name, max))
          assert.ok(width(safe(name, max)) <= max)
        }
      assert.equal(safe('\x1b[2J'), '\\x1b[2J')
      assert.equal(safe('a\nb'), 'a\\nb')
      assert.equal(safe('\u202Ex'), '\\u{202e}x')
      assert.equal(safe('abcdef', 6), 'abcdef')
      assert.equal(safe('abcdefg', 6), 'abcde…')
      assert.equal(safe('日本語', 4), '日…')
      assert.equal(safe('שלום 👨‍👩‍👧‍👦'), 'שלום 👨‍👩‍👧‍👦')
      assert.equal(safe(''), '')
    })
    it('aligns tables', () => {
      assert.equal(
        table(
          [
            ['a', '1'],
            ['日本', '100'],
          ],
          { align: ['left', 'right'] },
        ),
        'a       1\n日本  100',
      )
      assert.equal(
        table([
          [coloured.red('a'), 'b'],
          ['aaa', ''],
        ]).split('\n')[0],
        `${coloured.red('a')}    b`,
      )
      assert.equal(table([]), '')
    })
    it('draws sparklines', () => {
      assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8), '▁▂▃▄▅▆▇█')
      assert.equal(sparkline([0, 'NaN', 1, null, 'Infinity'], 8), '▁ █  ')
      assert.equal(sparkline([NaN, NaN], 8), '  ')
      assert.equal(sparkline([], 8), '')
      assert.equal(sparkline([5], 8).length, 1)
      assert.equal(sparkline([-1.7e308, 1.7e308], 2), '▁█')
      assert.equal(
        sparkline(
          Array.from({ length: 500_000 }, (_, i) => i),
          10,
        ).length,
        10,
      )
    })
    it('writes figures', () => {
      assert.deepEqual(
        [1234567, 0.123456, 12345.678, 0.00001234, -0, 'NaN', '-Infinity', null, 1e21, 1e-5, 2.5].map((n) => number(n as JsonNumber)),
        ['1,234,567', '0.1235', '12,346', '1.234e-5', '0', 'NaN', '-Infinity', '-', '1e21', '1e-5', '2.5'],
      )
      assert.deepEqual([0, 1023, 1024, 1536, 1024 ** 2 - 1, 5 * 1024 ** 3].map(bytes), [
        '0 B',
        '1023 B',
        '1 KiB',
        '1.5 KiB',
        '1 MiB',
        '5 GiB',
      ])
      assert.deepEqual([0.257, -0.00001, 25, NaN].map(percent), ['25.7%', '0.0%', '2,500%', '-'])
      assert.deepEqual(
        [5, 30, 120, 7200, 86400, 3 * 86400, 100 * 86400, -120].map((age) => relativeTime(now - age, now)),
        ['just now', '30 s ago', '2 min ago', '2 h ago', '1 day ago', '3 days ago', '2025-08-16', 'in 2 min'],
      )
      assert.equal(relativeTime(1e300, now), '-')
    })
  })

  describe('sessions', () => {
    it('says what to do when there are none', () => {
      assert.match(renderSessions([], plain, now), /import epochtree[^]*epochtree demo/)
    })
    it('lists them', () => {
      const text = renderSessions(
        [
          session(),
          session({
            id: id(2),
            name: 'fork',
            own: 1,
            status: 'running',
            forkedFrom: { sessionId: id(1), epochId: id(102), epochNumber: 2 },
            live: { id: id(9), number: 4, metrics: { 'val/loss': 'NaN' } },
          }),
        ],
        plain,
        now,
      )
      assert.match(text, /000001 {2}resnet .*completed +3 .*2 h ago/)
      assert.match(text, /3 \(1 own\).*resnet@2/)
      assert.match(text, /fork is training epoch 4: val\/loss NaN/)
    })
    it('lets no name move the terminal', () => {
      for (const name of hostileNames)
        assertHarmless(
          renderSessions([session({ name, tags: [name], error: name, live: { id: name, number: 1, metrics: { [name]: 1 } } })], plain, now),
        )
    })
  })

  describe('log', () => {
    it('shows epochs, marks and curves', () => {
      const text = renderLog(
        {
          session: session({ selected: { id: id(102), number: 2 } }),
          epochs: [
            epoch(1, { 'val/loss': 3 }, { inherited: true }),
            epoch(2, { 'val/loss': 1 }, { pruned: true }),
            epoch(3, { 'val/loss': 2 }, { state: 'verifying' }),
          ],
        },
        plain,
        now,
      )
      assert.match(text, /1 {2}000065 {2}↑ /)
      assert.match(text, /2 {2}000066 {2}\*× /)
      assert.match(text, /3 {2}000067 {2}\? /)
      assert.match(text, /█▁▅ {2}1 to 3 {2}best 1 at 2/)
      assert.match(text, /↑ inherited/)
    })
    it('has no more than six metrics', () => {
      const metrics = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`m${i}`, i]))
      const text = renderLog({ session: session(), epochs: [epoch(1, metrics)] }, plain, now)
      assert.match(text, /also logged: m6, m7, m8/)
    })
    it('stands empty, NaN and hostile ones', () => {
      assert.match(renderLog({ session: session({ epochs: 0, own: 0 }), epochs: [] }, plain, now), /No epoch/)
      assert.match(renderLog({ session: session(), epochs: [epoch(1, { loss: 'NaN' })] }, plain, now), /no finite value/)
      assert.match(
        renderLog({ session: session(), epochs: [epoch(1, {}), epoch(2, {})] }, plain, now, { last: 1 }),
        /1 earlier epoch not shown/,
      )
      for (const name of hostileNames)
        assertHarmless(renderLog({ session: session({ name }), epochs: [epoch(1, { [name]: 1 })] }, plain, now))
    })
  })

  it('shows an epoch', () => {
    const shown = (name: string): ShowJson => ({
      ...epoch(3, { 'val/loss': 0.5, [name]: 1 }, { weights: { sha256: 'ab', bytes: 2048, format: name, released: true } }),
      session: { id: id(1), name },
      graph: { nodes: 4, parameters: 1000, nonzero: 250 },
      forks: [{ id: id(2), name }],
      weightsPath: null,
      hyperparameters: { opt: { lr: 0.1, [name]: name } },
      pruningPlan: null,
    })
    const text = renderShow(shown('net'), plain, now)
    assert.match(text, /^net@3 000067/)
    assert.match(text, /1,000 parameters, 250 of them not zero \(75.0% sparse\)/)
    assert.match(text, /2 KiB/)
    assert.match(text, /opt\.lr +0\.1/)
    for (const name of hostileNames) assertHarmless(renderShow(shown(name), plain, now))
  })

  describe('compare', () => {
    it('tells shared past, values, verdicts and differences', () => {
      const text = renderCompare(compare(), plain, 80)
      assert.match(text, /share epochs 1 to 30 and part after epoch 30/)
      assert.match(text, /fork 30/)
      assert.match(text, /val\/loss +0\.25 +0\.2 +-0\.05 \(-20\.0%\) better/)
      assert.match(text, /A first@60 is better by val\/acc/)
      assert.match(text, /B second@60 is better by val\/loss/)
      assert.match(text, /optimizer\.lr +0\.1 +-/)
      assert.match(text, /parameters +1,000 +500 \(-50\.0%\)/)
      assert.match(text, /Graph of B against A/)
      assert.match(text, /64×3×3×3 → 32×3×3×3/)
      for (const line of text.split('\n')) assert.ok(width(line) <= 80, line)
    })
    it('is as wide in colour as without', () => {
      const [a, b] = [plain, coloured].map((style) => renderCompare(compare(), style, 80).split('\n').map(width))
      assert.deepEqual(a, b)
    })
    it('stands no metrics, one model, nothing shared, NaN', () => {
      renderCompare(
        compare({ models: [], pairs: [], metrics: {}, graph: [], hyperparameters: [], pruningPlan: [], sharedEpochs: 0 }),
        plain,
        80,
      )
      assert.match(
        renderCompare(compare({ sharedEpochs: 0, pairs: [{ a: id(1), b: id(2), shared: 0, at: null }] }), plain, 20),
        /share no epoch/,
      )
      const metrics = { loss: { values: ['NaN', null] as const, curves: [history(1, 3, () => 'NaN'), history(1, 3, () => null)] } }
      assert.match(renderCompare(compare({ metrics }), plain, 80), /no finite value/)
    })
    it('names the pairs that go on together', () => {
      const models = compare().models
      const text = renderCompare(
        compare({
          models: [...models, { ...models[1]!, id: id(3), name: 'third' }],
          sharedEpochs: 10,
          pairs: [
            { a: id(1), b: id(2), shared: 10, at: { id: id(110), number: 10 } },
            { a: id(1), b: id(3), shared: 10, at: { id: id(110), number: 10 } },
            { a: id(2), b: id(3), shared: 40, at: { id: id(140), number: 40 } },
          ],
        }),
        plain,
        80,
      )
      assert.match(text, /part after epoch 10 \(00006e\)[^]*B and C share 40 epochs/)
    })
    it('lets no name move the terminal', () => {
      for (const name of hostileNames) {
        const plot = { values: [1, 2], curves: [history(1, 2, (n) => n), history(1, 2, (n) => n)] }
        assertHarmless(
          renderCompare(
            compare({
              models: compare().models.map((model) => ({ ...model, name })),
              metrics: { [name]: plot, [`${name}/loss`]: plot },
              hyperparameters: [{ path: name, values: [name, [name]] }],
              graph: [
                {
                  ...difference,
                  a: name,
                  b: name,
                  nodes: [{ id: name, name, change: 'changed', differences: [{ path: name, values: [name, name] }], parameters: [1, 2] }],
                },
              ],
            }),
            plain,
            80,
          ),
        )
      }
    })
  })

  describe('chart', () => {
    const options = { shared: 0, columns: 40, rows: 4 }
    it('draws the shared past once and neutral', () => {
      const both = [history(1, 20, (n) => n), history(1, 20, (n) => (n <= 10 ? n : 20 - n))]
      const text = chart(both, plain, { ...options, shared: 10 }) ?? ''
      const rows = text
        .split('\n')
        .slice(0, 4)
        .map((line) => line.slice(line.indexOf('│') + 1, -1))
      const past = rows.map((row) => row.slice(0, 15)).join('')
      assert.doesNotMatch(past, /[AB*]/)
      assert.match(past, /[\u2801-\u28ff]/)
      assert.match(rows.join(''), /A[^]*B/)
      assert.match(text, /┴/)
    })
    it('stands one point, flat curves, gaps, extremes and nothing', () => {
      assert.match(chart([history(5, 5, () => 1)], plain, options) ?? '', /A/)
      assert.match(chart([history(1, 5, () => 1), history(1, 3, () => 1)], plain, options) ?? '', /\*/)
      assert.match(chart([history(1, 9, (n) => (n === 5 ? 'NaN' : n))], plain, options) ?? '', /A/)
      assert.match(chart([history(1, 2, (n) => (n === 1 ? -1.7e308 : 1.7e308))], plain, options) ?? '', /A/)
      assert.equal(chart([history(1, 5, () => 'NaN')], plain, options), null)
      assert.equal(chart([], plain, options), null)
    })
  })

  it('shows differences of graphs', () => {
    const text = renderDiff(difference, plain)
    assert.match(text, /1 added, 1 removed, 1 changed, 1 kept\nparameters 1,000 → 500 \(-50\.0%\)/)
    assert.match(text, /~ conv1 {2}parameters 1,728 → 864 \(-50\.0%\)\n {4}data\.shape 64×3×3×3 → 32×3×3×3/)
    assert.match(text, /- fc {2}100 parameters\n\+ head {2}50 parameters\n {4}data\.shape \[10\]/)
    assert.match(renderDiff({ summary: [null, null], added: 0, removed: 0, changed: 0, kept: 2, nodes: [] }, plain), /equal \(2 nodes\)/)
  })

  it('shows a graph as layers', () => {
    const text = renderGraph(
      {
        nodes: {
          a: {
            id: 'a',
            name: 'conv1',
            data: { type: 'Conv2d', parameters: { weight: [64, 3, 3, 3], bias: [64] } },
            inputs: { x: { node: 'input' } },
          },
          b: { id: 'b', data: { op: 'Linear', in_features: 64, out_features: 10, params: 650 } },
          c: { id: 'c' },
        },
      },
      plain,
    )
    assert.match(text, /conv1 +Conv2d +64×3×3×3 +1,792 +input/)
    assert.match(text, /b +Linear +64 → 10 +650/)
    assert.match(text, /3 nodes, 2,442 parameters/)
    assert.match(renderGraph({ nodes: {} }, plain), /no nodes/)
    for (const name of hostileNames)
      assertHarmless(
        renderGraph(
          { nodes: { [name]: { id: name, name, data: { type: name, shape: name }, inputs: { [name]: { node: name } } } } },
          plain,
        ),
      )
  })

  it('shows the best epoch', () => {
    const best = { id: id(5), number: 5, value: 0.1, sessionId: id(1) }
    assert.match(renderBest({ best, metric: 'val/loss', direction: 'min' }, plain), /epoch 5 .* lowest val\/loss: 0\.1/)
    assert.match(
      renderBest(
        {
          best,
          metric: 'val/loss',
          direction: 'min',
          pareto: [
            { ...best, parameters: 1000 },
            { ...best, id: id(6), number: 6, parameters: 2000 },
          ],
        },
        plain,
      ),
      /5 \* {2}000005 +0\.1 +1,000/,
    )
    for (const name of hostileNames) assertHarmless(renderBest({ best, metric: name, direction: 'max', pareto: [] }, plain))
  })

  describe('completion', () => {
    const commands: readonly CommandWords[] = [
      { name: 'sessions', options: ['--json', '--dir'], takesReference: false },
      { name: 'show', options: ['--json'], takesReference: true },
      { name: 'train', options: [], takesReference: false },
    ]
    const bash = (line: string, command: string) =>
      spawnSync(
        'bash',
        [
          '-c',
          `${completionScript('bash', commands)}
epochtree() { printf '%s\\n' 'resnet@1' 'resnet@2' 'two words@1' '$(touch /tmp/owned)'; }
COMP_LINE=${JSON.stringify(line)}; COMP_POINT=\${#COMP_LINE}; ${command}
_epochtree; printf '%s\\n' "\${COMPREPLY[@]}"`,
        ],
        { encoding: 'utf8' },
      )
    it('is bash that bash takes', () => {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: completionScript('bash', commands), encoding: 'utf8' })
      assert.equal(stderr, '')
      assert.equal(status, 0)
    })
    it('completes commands, options and references', () => {
      assert.equal(bash('epochtree s', 'COMP_WORDS=(epochtree s); COMP_CWORD=1').stdout, 'sessions\nshow\n')
      assert.equal(bash('epochtree sessions --j', 'COMP_WORDS=(epochtree sessions --j); COMP_CWORD=2').stdout, '--json\n')
      assert.equal(bash('epochtree show resnet@', 'COMP_WORDS=(epochtree show resnet @); COMP_CWORD=3').stdout, '1\n2\n')
      assert.equal(bash('epochtree show tw', 'COMP_WORDS=(epochtree show tw); COMP_CWORD=2').stdout, 'two\\ words@1\n')
      assert.equal(bash('epochtree train -- s', 'COMP_WORDS=(epochtree train -- s); COMP_CWORD=3').stdout, '\n')
    })
    it('offers a name that is shell code, quoted', () => {
      assert.match(bash('epochtree show ', "COMP_WORDS=(epochtree show ''); COMP_CWORD=2").stdout, /\\\$\\\(touch\\ \/tmp\/owned\\\)/)
    })
    it('names commands and asks for names in zsh and fish', () => {
      for (const shell of ['zsh', 'fish'] as const) {
        const script = completionScript(shell, commands)
        for (const { name } of commands) assert.ok(script.includes(`'${name}'`))
        assert.match(script, /epochtree completion --names/)
      }
    })
  })
})

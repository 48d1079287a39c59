import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { openElastic } from '../../server/storage/elastic/documents'
import { LocalStores } from '../../server/storage/local/stores'
import type { CurvesQuery, DocumentStore, ReducedCurve, Scope } from '../../server/storage/ports'
import type { DocumentColumns, TeamDocuments } from '../../server/storage/team/ports'
import { NOTHING, placeSteps, placeTimes } from '../../server/tracking/places'
import { elastic, elasticAt, freshName } from './servers'
import { documentsIn, resolveIn } from './uploading'

type Inferred<Of> = Of extends fc.Arbitrary<infer One> ? One : never
type Value = number | string | boolean | null | readonly number[] | object
const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -50, max: 50 }) },
  { weight: 2, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 1, arbitrary: fc.constantFrom('NaN', 'Infinity', '-Infinity', -0, 5e-324, -1.7e308) },
)
/** What a text may be mistaken for. */
const label: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 3 }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom('cat', 'dog', '3', 'true', 'null', '"quoted"', '[1]', '{"a":1}', '-', '1e999', 'é"\\,[', 'NaN', '', ' '),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Value>(null, true, false, -0, 0.1, 1e300, [1, 2], { a: [1] }, 'x'.repeat(9000), '"'.repeat(4500)),
  },
)
const names = ['a', 'b.c', 'a*', '%', 'ä\u0000', '']

const metrics = fc.record({
  names: fc.subarray(names.slice(0, 3), { minLength: 1 }),
  split: fc.constantFrom('train', 'train', 'val'),
  rows: fc.integer({ min: 1, max: 5 }),
  kind: fc.constantFrom('even', 'even', 'even', 'any', 'none', 'mixed'),
  first: fc.integer({ min: 0, max: 20 }),
  odd: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 5, maxLength: 5 }),
  values: fc.array(value, { minLength: 15, maxLength: 15 }),
})
const samples = fc.record({
  fields: fc.subarray(names, { minLength: 1 }),
  split: fc.constantFrom('val', 'val', 'test'),
  numeric: fc.subarray(names),
  rows: fc.integer({ min: 1, max: 4 }),
  values: fc.array(fc.tuple(label, value), { minLength: 24, maxLength: 24 }),
})
const epoch = fc.record({
  lines: fc.array(fc.oneof(metrics, metrics, samples), { maxLength: 5 }),
  committed: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  gap: fc.constantFrom(0, 0, 0, 1, 5),
  evaluation: fc.option(fc.oneof(metrics, samples), { freq: 5 }),
})
const history = fc.record({
  parent: fc.array(epoch, { minLength: 1, maxLength: 6 }),
  fork: fc.array(epoch, { maxLength: 4 }),
  at: fc.nat({ max: 5 }),
  /** How the parts are cut that are handed on. */
  cut: fc.integer({ min: 1, max: 5 }),
  /** How many of them come before the first stop. */
  stop: fc.nat({ max: 20 }),
})
const questions = fc.array(
  fc.record({
    range: fc.tuple(fc.integer({ min: -5, max: 120 }), fc.integer({ min: 0, max: 60 })),
    buckets: fc.integer({ min: 1, max: 15 }),
  }),
  { minLength: 3, maxLength: 3 },
)

let count = 0
const id = () => `6a000000${(++count).toString(16).padStart(16, '0')}`

function write(dir: string, { parent, fork, at }: Inferred<typeof history>) {
  const [first, second, evaluation] = [id(), id(), id()]
  let time = 1000
  const append = (session: string, line: object) => appendFileSync(join(dir, 'runs', session, 'journal.jsonl'), `${JSON.stringify(line)}\n`)
  const begin = (session: string, extra: object) => {
    mkdirSync(join(dir, 'runs', session), { recursive: true })
    writeFileSync(join(dir, 'runs', session, 'session.json'), JSON.stringify({ format: 1, sessionId: session, modelName: 'net', ...extra }))
    append(session, { type: 'started', time: ++time })
  }
  const log = (session: string, of: string, line: Inferred<typeof metrics> | Inferred<typeof samples>) => {
    const column = (n: number) => Array.from({ length: line.rows }, (_, row) => n * line.rows + row)
    if ('fields' in line) {
      const fields = line.fields.map((name, n) => [name, column(n).map((k) => line.values[k]![line.numeric.includes(name) ? 1 : 0])])
      return append(session, { type: 'samples', epoch: of, split: line.split, fields: Object.fromEntries(fields) as object })
    }
    const { names: all, split, rows, kind, odd, values } = line
    const steps = Array.from({ length: rows }, (_, i) =>
      kind === 'even' ? line.first + i : kind === 'mixed' && odd[i]! % 2 ? null : odd[i]!,
    )
    append(session, {
      type: 'metrics',
      epoch: of,
      split,
      step: kind === 'none' ? null : steps,
      time: steps.map(() => ++time),
      values: Object.fromEntries(all.map((name, n) => [name, column(n).map((k) => values[k])])),
    })
  }
  const train = (session: string, epochs: Inferred<typeof history>['parent'], after: number) => {
    let number = after
    const committed: { epoch: string; number: number }[] = []
    const evaluations: [string, Inferred<typeof metrics> | Inferred<typeof samples>][] = []
    for (const one of epochs) {
      number += 1 + one.gap
      const of = id()
      append(session, { type: 'epoch', epoch: of, number, time: ++time })
      for (const line of one.lines) log(session, of, line)
      if (one.committed) {
        append(session, { type: 'commit', epoch: of, time: ++time })
        committed.push({ epoch: of, number })
        if (one.evaluation) evaluations.push([of, one.evaluation])
      }
    }
    return { committed, evaluations }
  }
  begin(first, {})
  const { committed, evaluations } = train(first, parent, 0)
  const from = committed[at % Math.max(1, committed.length)]
  if (from) {
    begin(second, { forkedFrom: { sessionId: first, epochId: from.epoch, epochNumber: from.number } })
    train(second, fork, from.number)
  }
  const [evaluated] = evaluations
  if (evaluated) {
    const of = committed.find(({ epoch: one }) => one === evaluated[0])!
    begin(evaluation, { evaluates: { sessionId: first, epochId: of.epoch, epochNumber: of.number } })
    for (const [one, line] of evaluations) if (one === of.epoch) log(evaluation, one, line)
  }
  return { session: from ? second : first, epochs: committed.map((one) => one.epoch) }
}

/** The same rows in parts of another size. */
function* recut(columns: readonly DocumentColumns[], size: number): Generator<DocumentColumns> {
  // Curves are joined first, so that a part may hold what came in several lines.
  const curves = new Map<string, Extract<DocumentColumns, { kind: 'metric' }>[]>()
  for (const one of columns) {
    if (one.kind === 'samples') {
      yield one
      continue
    }
    const key = JSON.stringify([one.epochId, one.source, one.split, one.name, one.level])
    curves.set(key, [...(curves.get(key) ?? []), one])
  }
  for (const parts of curves.values()) {
    const join = (of: (part: (typeof parts)[number]) => Float64Array) => Float64Array.from(parts.flatMap((part) => [...of(part)]))
    const [values, times, steps] = [join((one) => one.values), join((one) => one.times), parts[0]!.steps && join((one) => one.steps!)]
    for (let from = 0; from < values.length; from += size) {
      const cut = (column: Float64Array) => column.subarray(from, from + size)
      yield { ...parts[0]!, from, values: cut(values), times: cut(times), steps: steps && cut(steps) }
    }
  }
}

// Of a few epochs each is asked by its id and read point by point; that is how many are asked.
for (const [how, limits] of [
  ['each by its id', { few: 1e6, run: 1, points: 1e9, milliseconds: 60_000 }],
  ['many together', { few: 0, run: 1, points: 0, milliseconds: 60_000 }],
] as const)
  describe(`documents in Elasticsearch and in the embedded store, epochs ${how}`, () => {
    let documents: TeamDocuments
    let local: LocalStores
    before(async () => {
      documents = openElastic(elasticAt((await elastic()).url, freshName()), (scope) => resolveIn(local)(scope), limits)
    })
    after(() => documents.close())

    it('are asked alike and answer alike', async function () {
      this.timeout(1_200_000)
      await fc.assert(
        fc.asyncProperty(history, questions, async (all, asked) => {
          const root = mkdtempSync(join(tmpdir(), 'epochtree-elastic-'))
          const dir = join(root, '.epochtree')
          try {
            const { session, epochs } = write(dir, all)
            local = new LocalStores(dir)
            await local.ingest()
            const columns = documentsIn(dir)
            // A first try that is stopped, and whose parts are others.
            await documents.write([...recut(columns, all.cut)].slice(0, all.stop))
            await documents.write(columns)
            const scope = await local.sessions.history(session)
            await alike(local, documents, scope, session, asked)
            await alike(local, documents, { epochIds: epochs.toReversed() }, session, [])
          } finally {
            await local.close()
            rmSync(root, { recursive: true, force: true })
          }
        }),
        { numRuns: Number(process.env['EPOCHTREE_TEST_RUNS'] ?? 25), endOnFailure: true },
      )
    })
  })

async function alike(stores: LocalStores, documents: TeamDocuments, scope: Scope, session: string, asked: Inferred<typeof questions>) {
  const both = async <Answer>(what: string, ask: (store: DocumentStore) => Promise<Answer>): Promise<Answer> => {
    const [expected, found] = [await ask(stores.documents), await ask(documents)]
    assert.deepEqual(found, expected, what)
    return expected
  }
  const [known, spans, fields] = await Promise.all([
    both('metrics', (store) => store.metrics(scope)),
    both('spans', (store) => store.spans(scope)),
    both('fields', (store) => store.sampleFields(scope)),
    both('last', async (store) =>
      (await store.last(scope)).map((one) => JSON.stringify([one.epochId, one.split, one.name, String(one.value)])).sort(),
    ),
    both('last step', (store) => store.lastStep(scope)),
  ])
  const open: (() => Promise<unknown>)[] = []
  const ask = <Answer>(what: string, question: (store: DocumentStore) => Promise<Answer>) => void open.push(() => both(what, question))
  for (const metric of known) {
    ask('last of one', (store) => store.last(scope, [metric]))
    for (const direction of ['min', 'max'] as const) ask('best', (store) => store.best(scope, metric, direction))
    ask('points', (store) => store.points(scope, metric))
    ask('envelope', async (store) => {
      const { low, high } = await store.envelope(scope, metric, 1)
      return [...low, ...high]
    })
  }
  const clock = await stores.sessions.clock(scope)
  const axes: CurvesQuery['axis'][] = [
    { of: 'epoch' },
    { of: 'step', places: placeSteps(spans, NOTHING).places },
    { of: 'time', places: placeTimes(session, clock, spans, NOTHING).places },
  ]
  const ranges = asked.map(({ range: [from, length], buckets }) => ({ range: [from, from + length] as const, buckets }))
  for (const { range, buckets } of [...ranges, { range: [-1000, 5000] as const, buckets: 8 }])
    for (const axis of 'segments' in scope ? axes : [])
      ask(`curves by ${axis.of} from ${range.join(' to ')} in ${buckets}`, async (store) =>
        (await store.curves(scope, { metrics: known, axis, range, buckets })).map((curve) => shown(curve, range)),
      )
  for (const split of new Set(fields.map((one) => one.split))) {
    const found = fields.filter((one) => one.split === split).map(({ name }) => name)
    for (const name of found) ask('last sampled', (store) => store.lastSampled(scope, split, [name, found[0]!]))
    const [first, second, third] = [found[0]!, found.at(-1)!, found[found.length >> 1]!]
    const scopes = [scope, 'epochIds' in scope ? { epochIds: scope.epochIds.slice(0, 1) } : { segments: scope.segments.slice(-1) }]
    for (const field of found) {
      ask('groups', (store) => store.groupBy(scopes, { split, by: first, field, better: 'lower', most: 3 }))
      for (const log of [false, true]) ask('histogram', (store) => store.histogram(scopes, { split, field, bins: 5, log }))
    }
    ask('confusion', (store) => store.confusion(scopes, { split, label: first, prediction: second, most: 4 }))
    ask('flips', (store) =>
      store.flips(scopes[0]!, scopes[1]!, { split, sample: third, label: first, prediction: second, to: null, search: '', most: 5 }),
    )
  }
  // Some at once: each waits for the server most of its time.
  for (let from = 0; from < open.length; from += 8) await Promise.all(open.slice(from, from + 8).map((question) => question()))
}

/** Of the nearest beyond either end only where it lies and what its value is. */
function shown(
  { split, name, count: n, x, value: values, low, high, epoch: of, gaps }: ReducedCurve,
  [from, to]: readonly [number, number],
) {
  return {
    metric: [split, name],
    count: n,
    points: Array.from(x, (one, i) =>
      from <= one && one <= to ? [one, values[i], low[i], high[i], of[i], gaps.includes(i)] : [one, values[i], of[i]],
    ),
  }
}

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { LocalStores } from '../../server/storage/local/stores'
import type {
  CurvesQuery,
  FlipsQuery,
  LastValue,
  MetricName,
  ReducedCurve,
  Scope,
  SessionOverview,
  Stores,
} from '../../server/storage/ports'
import { TeamStores } from '../../server/storage/team/stores'
import type { History } from '../../server/tracking/lineage'
import { NOTHING, placeSteps, placeTimes } from '../../server/tracking/places'
import { teamLike } from '../contract/teamLike'

const id = (kind: number, n: number) => kind.toString(16) + n.toString(16).padStart(23, '0')

/** Where a session's journal lies: in this folder, with the team, handed on from here, or pulled from there up to one of its epochs. */
type Place = 'here' | 'there' | 'both' | 'pulled'
interface Line {
  readonly line: object
}
interface Epoch {
  readonly graph: number
  readonly pruned: boolean
  readonly gap: number
  readonly lines: readonly Line[]
}
interface Session {
  readonly place: Place
  readonly part: number
  readonly parent: number
  readonly at: number
  readonly epochs: readonly Epoch[]
  readonly open: readonly Line[]
}

const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -20, max: 20 }) },
  { weight: 1, arbitrary: fc.constantFrom('NaN', 'Infinity', '-Infinity') },
)
const column = <Value>(rows: number, of: fc.Arbitrary<Value>) => fc.array(of, { minLength: rows, maxLength: rows })
const metrics = fc
  .record({
    rows: fc.integer({ min: 1, max: 4 }),
    split: fc.constantFrom('train', 'val'),
    names: fc.subarray(['a', 'b', 'é'], { minLength: 1 }),
  })
  .chain(({ rows, split, names }) =>
    fc.record({
      line: fc.record({
        type: fc.constant('metrics'),
        split: fc.constant(split),
        step: fc.oneof(fc.constant(null), column(rows, fc.integer({ min: 0, max: 12 }))),
        time: column(rows, fc.integer({ min: 0, max: 40 })),
        values: fc.record(Object.fromEntries(names.map((name) => [name, column(rows, value)]))),
      }),
    }),
  )
const samples = fc
  .record({ rows: fc.integer({ min: 1, max: 5 }), fields: fc.subarray(['sample', 'label', 'prediction', 'score'], { minLength: 2 }) })
  .chain(({ rows, fields }) =>
    fc.record({
      line: fc.record({
        type: fc.constant('samples'),
        split: fc.constant('test'),
        fields: fc.record(
          Object.fromEntries(
            fields.map((name) => [
              name,
              column<unknown>(
                rows,
                name === 'score'
                  ? fc.oneof(value, fc.constant(null))
                  : fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('cat', null)),
              ),
            ]),
          ),
        ),
      }),
    }),
  )
const lines = fc.array(fc.oneof({ weight: 3, arbitrary: metrics }, { weight: 2, arbitrary: samples }), { maxLength: 4 })
const session: fc.Arbitrary<Session> = fc.record({
  place: fc.constantFrom<Place>('here', 'there', 'there', 'both', 'pulled'),
  part: fc.nat({ max: 100 }),
  parent: fc.nat({ max: 100 }),
  at: fc.nat({ max: 100 }),
  epochs: fc.array(fc.record({ graph: fc.integer({ min: 0, max: 3 }), pruned: fc.boolean(), gap: fc.integer({ min: 1, max: 2 }), lines }), {
    maxLength: 5,
  }),
  open: lines,
})
const tree = fc.array(session, { minLength: 1, maxLength: 5 })

interface Written {
  readonly id: string
  readonly epochs: { readonly id: string; readonly number: number }[]
}

/** Writes each session into the folder of all, and into those where it lies. */
function writeAll(all: readonly Session[], folders: { readonly whole: string; readonly here: string; readonly there: string }): Written[] {
  const written: Written[] = []
  let epochs = 0
  let time = 1000
  for (const [n, { place, part, parent, at, epochs: own, open }] of all.entries()) {
    const sessionId = id(1, n)
    const from = parent % (n + 1) < n ? written[parent % (n + 1)] : undefined
    const start = from?.epochs.length ? from.epochs[at % from.epochs.length] : undefined
    const history = start && from ? from.epochs.slice(0, from.epochs.indexOf(start) + 1) : []
    const trainer = start && written.find((one) => one.id === id(1, Number(start.id.slice(1, 9))))!
    let number = start?.number ?? 0
    const blocks: { readonly lines: object[]; readonly graph: number }[] = []
    const head = {
      type: 'started',
      format: 1,
      time: ++time,
      attempt: sessionId,
      after: null,
      restored: null,
      pid: null,
      host: null,
      bootId: null,
      hyperparameters: { lr: n },
      pruningPlan: null,
      environment: {},
    }
    const mine: { id: string; number: number }[] = []
    const body = (epoch: string, logged: readonly Line[]) =>
      logged.map(({ line }) => ({ ...line, epoch, ...('time' in line ? { time: (line.time as number[]).map((one) => one + time) } : {}) }))
    for (const one of own) {
      number += one.gap
      // The session's number is part of the id, so that an epoch tells who trained it.
      const epoch = `2${String(n).padStart(8, '0')}${String(++epochs).padStart(15, '0')}`
      const begin = { type: 'epoch', epoch, number, time: ++time }
      const logged = body(epoch, one.lines)
      time += 60
      const commit = {
        type: 'commit',
        epoch,
        graph: `graphs/${one.graph}.json`,
        weights: null,
        state: null,
        pruned: one.pruned,
        time: ++time,
      }
      blocks.push({ lines: [begin, ...logged, commit], graph: one.graph })
      mine.push({ id: epoch, number })
    }
    const last = `2${String(n).padStart(8, '0')}${String(++epochs).padStart(15, '0')}`
    const opened = [{ type: 'epoch', epoch: last, number: number + 1, time: ++time }, ...body(last, open)]
    time += 60
    // A session whose last epoch is not committed is trained here.
    const isOpen = place === 'here' || place === 'both'
    const write = (dir: string, committed: number, withOpen: boolean, pulled: boolean) => {
      const run = join(dir, 'runs', sessionId)
      mkdirSync(join(run, 'graphs'), { recursive: true })
      for (const { graph } of blocks)
        writeFileSync(
          join(run, 'graphs', `${graph}.json`),
          JSON.stringify({
            id: 'g',
            nodes: { a: { id: 'a', data: { parameters: { w: [graph + 1, 2] } } }, [`n${graph}`]: { id: `n${graph}` } },
          }),
        )
      const all = [head, ...blocks.slice(0, committed).flatMap((one) => one.lines), ...(withOpen ? opened : [])]
      writeFileSync(join(run, 'journal.jsonl'), all.map((line) => `${JSON.stringify(line)}\n`).join(''))
      writeFileSync(
        join(run, 'session.json'),
        JSON.stringify({
          format: 1,
          sessionId,
          modelName: 'net',
          name: `net-${n}`,
          forkedFrom: start && trainer ? { sessionId: trainer.id, epochId: start.id, epochNumber: start.number } : null,
          overrides: {},
          command: null,
          createdAt: n,
          ...(pulled ? { pulled: { team: 'a team', by: 'somebody' } } : {}),
        }),
      )
    }
    write(folders.whole, blocks.length, isOpen, false)
    if (isOpen) write(folders.here, blocks.length, true, false)
    // Not all was handed on yet.
    if (place === 'both') write(folders.there, part % (blocks.length + 1), false, false)
    if (place === 'pulled') write(folders.here, part % (blocks.length + 1), false, true)
    if (place === 'there' || place === 'pulled') write(folders.there, blocks.length, false, false)
    written.push({ id: sessionId, epochs: [...history, ...mine] })
  }
  return written
}

async function withStores(all: readonly Session[], work: (whole: Stores, mixed: Stores, written: readonly Written[]) => Promise<void>) {
  const root = mkdtempSync(join(tmpdir(), 'epochtree-mixed-'))
  const folders = { whole: join(root, 'whole'), here: join(root, 'here'), there: join(root, 'there') }
  for (const folder of Object.values(folders)) mkdirSync(folder)
  const written = writeAll(all, folders)
  const [whole, there] = [new LocalStores(folders.whole), new LocalStores(folders.there)]
  const mixed = new TeamStores(new LocalStores(folders.here, process.env, { team: true }), teamLike(there))
  try {
    await whole.ingest()
    await there.ingest()
    await mixed.ingest()
    await work(whole, mixed, written)
  } finally {
    await Promise.all([whole.close(), there.close(), mixed.close()])
    rmSync(root, { recursive: true, force: true })
  }
}

const withoutTeam = <One extends SessionOverview>(one: One) => Object.fromEntries(Object.entries(one).filter(([key]) => key !== 'team'))
const METRICS: readonly MetricName[] = ['train', 'val'].flatMap((split) => ['a', 'b', 'é'].map((name) => ({ split, name })))

describe('a folder and its team', () => {
  it('answer about sessions and epochs as one store that has everything', async function () {
    this.timeout(300_000)
    const asked = fc.record({ offset: fc.nat({ max: 12 }), limit: fc.integer({ min: 1, max: 6 }), most: fc.integer({ min: 1, max: 5 }) })
    await fc.assert(
      fc.asyncProperty(tree, asked, async (all, { offset, limit, most }) => {
        await withStores(all, async (whole, mixed, written) => {
          const expected = await whole.sessions.sessions()
          const found = await mixed.sessions.sessions()
          assert.deepEqual(found.map(withoutTeam), expected)
          assert.deepEqual(
            found.map(({ team }) => team?.elsewhere),
            all.map(({ place }) => place === 'there' || place === 'pulled'),
          )
          assert.deepEqual(await mixed.sessions.names(), await whole.sessions.names())
          assert.deepEqual((await mixed.sessions.changes()).sessionIds.toSorted(), (await whole.sessions.changes()).sessionIds.toSorted())
          const hashes = new Set<string>()
          for (const { id: session, epochs } of written) {
            assert.deepEqual(withoutTeam((await mixed.sessions.session(session))!), await whole.sessions.session(session))
            const history = await mixed.sessions.history(session)
            assert.deepEqual(history, await whole.sessions.history(session))
            const both = async <Answer>(ask: (stores: Stores) => Promise<Answer>) => assert.deepEqual(await ask(mixed), await ask(whole))
            await both(({ sessions }) => sessions.epochs(history))
            assert.deepEqual(
              (await mixed.sessions.epochs(history)).map((epoch) => epoch.id),
              epochs.map((epoch) => epoch.id),
            )
            await both(({ sessions }) => sessions.epochs({ epochIds: epochs.map((epoch) => epoch.id).toReversed() }))
            await both(({ sessions }) => sessions.clock(history))
            await both(({ sessions }) => sessions.count(history.segments))
            for (const pruned of [false, true])
              await both(({ sessions }) => sessions.page(history, { offset, limit, ...(pruned ? { pruned } : {}) }))
            await both(({ sessions }) => sessions.graphChanges(history, most))
            const own = (await whole.sessions.epochs(history)).map(({ graphHash }) => graphHash!)
            for (const hash of own) hashes.add(hash)
            await both(({ sessions }) => sessions.layerSizes(own, most))
            for (const epoch of epochs) {
              await both(({ sessions }) => sessions.epoch(epoch.id))
              const forks = async ({ sessions }: Stores) => (await sessions.forks(epoch.id)).map(withoutTeam)
              assert.deepEqual(await forks(mixed), await forks(whole))
            }
          }
          for (const a of hashes) {
            assert.deepEqual(await mixed.sessions.graph(a), await whole.sessions.graph(a))
            assert.deepEqual(await mixed.sessions.graphSummary(a), await whole.sessions.graphSummary(a))
            for (const b of [...hashes, null]) assert.deepEqual(await mixed.sessions.graphPair(a, b), await whole.sessions.graphPair(a, b))
          }
        })
      }),
      { numRuns: 15 },
    )
  })

  it('answer about metrics as one store that has everything', async function () {
    this.timeout(300_000)
    const asked = fc.array(
      fc.record({
        from: fc.integer({ min: -5, max: 150 }),
        length: fc.integer({ min: 0, max: 150 }),
        buckets: fc.integer({ min: 1, max: 12 }),
      }),
      { minLength: 4, maxLength: 4 },
    )
    await fc.assert(
      fc.asyncProperty(tree, asked, async (all, questions) => {
        await withStores(all, async (whole, mixed, written) => {
          for (const { id: session, epochs } of written) {
            const history = await mixed.sessions.history(session)
            const [overview] = await mixed.sessions.sessions({ ids: [session] })
            const scopes: Scope[] = [
              history,
              { epochIds: epochs.map((epoch) => epoch.id) },
              { epochIds: epochs.map((epoch) => epoch.id).toReversed() },
            ]
            if (overview!.open) scopes.push({ ...history, open: overview!.open.id })
            for (const scope of scopes) {
              const both = async <Answer>(ask: (stores: Stores) => Promise<Answer>) => assert.deepEqual(await ask(mixed), await ask(whole))
              await both(({ documents }) => documents.metrics(scope))
              await both(({ documents }) => documents.spans(scope))
              await both(({ documents }) => documents.lastStep(scope))
              await both(({ documents }) => documents.sampleFields(scope))
              for (const fields of [['label'], ['sample', 'score'], ['label', 'prediction']])
                await both(({ documents }) => documents.lastSampled(scope, 'test', fields))
              for (const metric of METRICS) {
                await both(({ documents }) => documents.last(scope, [metric]))
                await both(({ documents }) => documents.best(scope, metric, 'min'))
                await both(({ documents }) => documents.best(scope, metric, 'max'))
                await both(({ documents }) => documents.points(scope, metric))
                for (const buckets of [1, 3, 1000]) await checkEnvelope(whole, mixed, scope, metric, buckets)
              }
              if ('segments' in scope) await checkCurves(whole, mixed, session, scope, questions)
            }
          }
        })
      }),
      { numRuns: 15 },
    )
  })

  it('answer about samples as one store that has everything', async function () {
    this.timeout(300_000)
    await fc.assert(
      fc.asyncProperty(tree, fc.array(fc.nat({ max: 1000 }), { minLength: 6, maxLength: 6 }), async (all, picks) => {
        await withStores(all, async (whole, mixed, written) => {
          const epochs = [...new Set(written.flatMap((one) => one.epochs.map((epoch) => epoch.id)))]
          if (epochs.length === 0) return
          const one = (n: number): Scope => ({ epochIds: [epochs[picks[n]! % epochs.length]!] })
          const longest = written.reduce((a, b) => (b.epochs.length > a.epochs.length ? b : a))
          const history: History = await mixed.sessions.history(longest.id)
          for (const scopes of [[one(0), one(1)], [one(2), one(3), one(0)], [history], [history, one(4)]]) {
            const both = async <Answer>(ask: (stores: Stores) => Promise<Answer>) => assert.deepEqual(await ask(mixed), await ask(whole))
            for (const better of ['lower', null] as const)
              for (const most of [1, 100])
                await both(({ documents }) => documents.groupBy(scopes, { split: 'test', by: 'label', field: 'score', better, most }))
            await both(({ documents }) => documents.confusion(scopes, { split: 'test', label: 'label', prediction: 'prediction', most: 3 }))
            await both(({ documents }) => documents.histogram(scopes, { split: 'test', field: 'score', bins: 4, log: false }))
            const query: FlipsQuery = {
              split: 'test',
              sample: 'sample',
              label: 'label',
              prediction: 'prediction',
              to: null,
              search: '',
              most: 4,
            }
            await both(({ documents }) => documents.flips(scopes[0]!, scopes.at(-1)!, query))
          }
        })
      }),
      { numRuns: 15 },
    )
  })
})

/** However a curve was cut into buckets, each tells of all its points. */
async function checkEnvelope(whole: Stores, mixed: Stores, scope: Scope, metric: MetricName, buckets: number) {
  const { value } = await whole.documents.points(scope, metric)
  const { count, start, low, high } = await mixed.documents.envelope(scope, metric, buckets)
  assert.equal(count, value.length)
  assert.ok(start.length <= buckets && low.length === start.length && high.length === start.length)
  // Whole chunks go into one bucket, and leave others empty.
  const filled = [...start.keys()].filter((i) => start[i]! >= 0)
  if (count > 0) assert.equal(start[filled[0]!], 0)
  for (const [place, i] of filled.entries()) {
    const next = filled[place + 1]
    const own = [...value.subarray(start[i], next === undefined ? count : start[next])].filter((one) => !Number.isNaN(one))
    assert.equal(low[i], own.length ? Math.min(...own) : Number.NaN)
    assert.equal(high[i], own.length ? Math.max(...own) : Number.NaN)
  }
}

async function checkCurves(
  whole: Stores,
  mixed: Stores,
  session: string,
  scope: Scope & { readonly segments: unknown },
  questions: readonly { readonly from: number; readonly length: number; readonly buckets: number }[],
) {
  const spans = await whole.documents.spans(scope)
  const axes: CurvesQuery['axis'][] = [
    { of: 'epoch' },
    { of: 'step', places: placeSteps(spans, NOTHING).places },
    { of: 'time', places: placeTimes(session, await whole.sessions.clock(scope), spans, NOTHING).places },
  ]
  for (const axis of axes) {
    const all = { metrics: METRICS, axis, range: [-1e6, 1e6], buckets: 1e6 } as const
    const points = await whole.documents.curves(scope, all)
    const last = await whole.documents.last(scope)
    assert.deepEqual(await mixed.documents.curves(scope, all), points)
    for (const buckets of [1, 3, 7]) {
      // Where all lies in the range there is one way to reduce it.
      const [one, other] = await Promise.all(
        [mixed, whole].map(({ documents }) => documents.curves(scope, { ...all, range: [0, 400], buckets })),
      )
      checkReduced(one!, points, last, [0, 400], buckets)
      checkReduced(other!, points, last, [0, 400], buckets)
    }
    for (const { from, length, buckets } of questions) {
      const range = [from, from + length] as const
      checkReduced(await mixed.documents.curves(scope, { metrics: METRICS, axis, range, buckets }), points, last, range, buckets)
    }
  }
}

/** Against each point of the curve for itself. */
function checkReduced(
  curves: readonly ReducedCurve[],
  all: readonly ReducedCurve[],
  last: readonly LastValue[],
  [from, to]: readonly [number, number],
  buckets: number,
) {
  assert.deepEqual(
    curves.map(({ split, name }) => [split, name]),
    all.map(({ split, name }) => [split, name]),
  )
  for (const [n, { x, value, low, high, epoch, gaps }] of curves.entries()) {
    const points = all[n]!
    const inside = [...x].filter((one) => from <= one && one <= to)
    assert.ok(inside.length <= buckets)
    assert.equal(x[0]! < from, points.x[0]! < from)
    assert.equal(x.at(-1)! > to, points.x.at(-1)! > to)
    let seen = 0
    for (let i = 0; i < x.length; i++) {
      if (i > 0) assert.ok(x[i]! > x[i - 1]!)
      if (x[i]! < from || x[i]! > to) continue
      const own = [...points.x.keys()].filter(
        (at) => x[i]! <= points.x[at]! && points.x[at]! < (x[i + 1] ?? Infinity) && points.x[at]! <= to,
      )
      seen += own.length
      const numbers = (of: Float64Array) => own.map((at) => of[at]!).filter((one) => !Number.isNaN(one))
      assert.equal(low[i], numbers(points.low).length ? Math.min(...numbers(points.low)) : Number.NaN)
      assert.equal(high[i], numbers(points.high).length ? Math.max(...numbers(points.high)) : Number.NaN)
      assert.equal(
        gaps.includes(i),
        own.some((at) => points.gaps.includes(at)),
      )
      assert.ok(own.some((at) => points.epoch[at] === epoch[i]))
      // An epoch that lies in a bucket as a whole has its own value, whatever else lies at the place of that.
      const values = last.filter(({ split, name }) => split === points.split && name === points.name).map((one) => one.value)
      assert.ok([...own.map((at) => points.value[at]), ...values].some((of) => Object.is(of, value[i])))
    }
    assert.equal(seen, [...points.x].filter((one) => from <= one && one <= to).length)
  }
}

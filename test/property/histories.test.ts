import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { LocalStores } from '../../server/storage/local/stores'

const id = (kind: number, n: number) => kind.toString(16) + n.toString(16).padStart(23, '0')

type Step =
  | { readonly what: 'session' }
  | { readonly what: 'epoch'; readonly session: number; readonly committed: boolean; readonly gap: number }
  | { readonly what: 'fork'; readonly session: number; readonly at: number }
  | { readonly what: 'resume' | 'delete' | 'restore'; readonly session: number }
  | { readonly what: 'ingest'; readonly sessions: readonly number[]; readonly anew: boolean }

const index = fc.nat({ max: 1000 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ what: 'session' as const }) },
  {
    weight: 12,
    arbitrary: fc.record({ what: fc.constant('epoch' as const), session: index, committed: fc.boolean(), gap: fc.nat({ max: 2 }) }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('fork' as const), session: index, at: index }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('resume' as const, 'delete' as const, 'restore' as const), session: index }) },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant('ingest' as const), sessions: fc.array(index, { maxLength: 3 }), anew: fc.boolean() }),
  },
)

/** What is expected: each session knows its parent's epoch and its own committed epochs, no more. */
interface Model {
  readonly parent: { readonly session: number; readonly epoch: string } | undefined
  readonly own: { readonly id: string; readonly number: number; readonly value: number }[]
}
function history(models: readonly Model[], session: number): Model['own'] {
  const { parent, own } = models[session]!
  if (!parent) return own
  const before = history(models, parent.session)
  return [...before.slice(0, before.findIndex((epoch) => epoch.id === parent.epoch) + 1), ...own]
}

describe('histories', () => {
  it('of any tree of forks, resumes, deletes and interleaved journals are what a naive model gives', async function () {
    this.timeout(300_000)
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), follow), { numRuns: 60 })
  })
})

async function follow(steps: readonly Step[]) {
  const root = mkdtempSync(join(tmpdir(), 'epochtree-property-'))
  const dir = join(root, '.epochtree')
  const models: Model[] = []
  const numbers: number[] = []
  let epochs = 0
  const append = (session: number, line: object) =>
    appendFileSync(join(dir, 'runs', id(1, session), 'journal.jsonl'), `${JSON.stringify(line)}\n`)
  const started = (session: number) =>
    append(session, {
      type: 'started',
      format: 1,
      time: 1,
      attempt: id(3, session),
      after: null,
      restored: null,
      pid: null,
      host: null,
      bootId: null,
      hyperparameters: {},
      pruningPlan: null,
      environment: {},
    })
  const begin = (parent: Model['parent'], from: Model['own'][number] | undefined) => {
    const session = models.length
    const run = join(dir, 'runs', id(1, session))
    mkdirSync(run, { recursive: true })
    const forkedFrom = parent && { sessionId: id(1, parent.session), epochId: parent.epoch, epochNumber: from!.number }
    writeFileSync(
      join(run, 'session.json'),
      JSON.stringify({
        format: 1,
        sessionId: id(1, session),
        modelName: 'net',
        forkedFrom: forkedFrom ?? null,
        overrides: {},
        command: null,
        createdAt: session,
      }),
    )
    models.push({ parent, own: [] })
    numbers.push(from?.number ?? 0)
    started(session)
  }
  const pick = (n: number) => n % models.length
  let stores = new LocalStores(dir)
  try {
    begin(undefined, undefined)
    for (const one of steps) {
      if (one.what === 'session') begin(undefined, undefined)
      else if (one.what === 'epoch') {
        const session = pick(one.session)
        const number = numbers[session]! + 1 + one.gap
        const epoch = id(2, ++epochs)
        append(session, { type: 'epoch', epoch, number, time: 1 })
        append(session, { type: 'metrics', epoch, split: 'val', step: null, time: [1], values: { loss: [epochs] } })
        if (one.committed) {
          append(session, { type: 'commit', epoch, graph: null, weights: null, state: null, pruned: false, time: 1 })
          models[session]!.own.push({ id: epoch, number, value: epochs })
          numbers[session] = number
        }
      } else if (one.what === 'fork') {
        const session = pick(one.session)
        const all = history(models, session)
        const at = all[one.at % Math.max(1, all.length)]
        if (at) begin({ session, epoch: at.id }, at)
      } else if (one.what === 'ingest') {
        if (one.anew) {
          await stores.close()
          stores = new LocalStores(dir)
        }
        const only = one.sessions.map((n) => id(1, pick(n)))
        await stores.ingest(only.length ? { only } : {})
      } else {
        const session = pick(one.session)
        if (one.what === 'resume') started(session)
        else {
          await stores.ingest()
          await stores.sessions.mark(id(1, session), { deleted: one.what === 'delete' ? 1 : null })
        }
      }
    }
    const check = async () => {
      await stores.ingest()
      for (const session of models.keys()) {
        const scope = await stores.sessions.history(id(1, session))
        const expected = history(models, session)
        const found = await stores.sessions.epochs(scope)
        assert.deepEqual(
          found.map((epoch) => [epoch.id, epoch.number]),
          expected.map((epoch) => [epoch.id, epoch.number]),
        )
        const values = await stores.documents.last(scope)
        assert.deepEqual(
          values.map(({ value }) => value),
          expected.map(({ value }) => value),
        )
        assert.equal(await stores.sessions.count(scope.segments), expected.length)
      }
    }
    await check()
    await stores.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(stores.file + suffix, { force: true })
    stores = new LocalStores(dir)
    await check()
  } finally {
    await stores.close()
    rmSync(root, { recursive: true, force: true })
  }
}

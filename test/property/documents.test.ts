import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { LocalStores } from '../../server/storage/local/stores'

const SESSION = '1'.padStart(24, '0')
const EPOCH = 'e'.padStart(24, '0')
const scope = { epochIds: [EPOCH] }

interface Line {
  readonly names: readonly string[]
  readonly split: string
  readonly steps: readonly (number | null)[] | null
  readonly rows: number
}
interface Point {
  readonly step: number
  readonly value: number
  readonly time: number
}

const line: fc.Arbitrary<Line> = fc
  .record({
    names: fc.subarray(['a', 'b', 'c'], { minLength: 1 }),
    split: fc.constantFrom('train', 'train', 'val'),
    rows: fc.integer({ min: 1, max: 4 }),
    kind: fc.constantFrom('even', 'even', 'any', 'none', 'mixed'),
    first: fc.integer({ min: 0, max: 20 }),
    odd: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 4, maxLength: 4 }),
  })
  .map(({ names, split, rows, kind, first, odd }) => ({
    names,
    split,
    rows,
    steps:
      kind === 'none'
        ? null
        : Array.from({ length: rows }, (_, i) => (kind === 'even' ? first + i : kind === 'mixed' && odd[i]! % 2 ? null : odd[i]!)),
  }))

/** What a curve is: rows with a step first, then those without, each as they were logged. */
function naive(lines: readonly (Line & { readonly value: number })[], split: string, name: string): Point[] {
  const all = lines.flatMap((one) =>
    one.split === split && one.names.includes(name)
      ? Array.from({ length: one.rows }, (_, i) => ({
          step: one.steps?.[i] ?? Number.NaN,
          value: one.value + i + one.names.indexOf(name) / 8,
          time: one.value + i,
        }))
      : [],
  )
  return [...all.filter(({ step }) => !Number.isNaN(step)), ...all.filter(({ step }) => Number.isNaN(step))]
}

describe('documents', () => {
  it('come back as they were logged, however their lines are mixed, cut into reads, and merged', async function () {
    this.timeout(300_000)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(line, { maxLength: 5 }), { minLength: 1, maxLength: 8 }), async (reads) => {
        const root = mkdtempSync(join(tmpdir(), 'epochtree-documents-'))
        const dir = join(root, '.epochtree')
        const run = join(dir, 'runs', SESSION)
        const stores = new LocalStores(dir)
        try {
          mkdirSync(run, { recursive: true })
          writeFileSync(join(run, 'session.json'), JSON.stringify({ format: 1, sessionId: SESSION, modelName: 'net' }))
          const journal = join(run, 'journal.jsonl')
          const write = (value: object) => appendFileSync(journal, `${JSON.stringify(value)}\n`)
          write({ type: 'started' })
          write({ type: 'epoch', epoch: EPOCH, number: 1 })
          const logged: (Line & { value: number })[] = []
          for (const lines of reads) {
            for (const one of lines) {
              const value = logged.length * 10
              logged.push({ ...one, value })
              const rows = Array.from({ length: one.rows }, (_, i) => value + i)
              write({
                type: 'metrics',
                epoch: EPOCH,
                split: one.split,
                step: one.steps,
                time: rows,
                values: Object.fromEntries(one.names.map((name, n) => [name, rows.map((row) => row + n / 8)])),
              })
            }
            await stores.ingest()
          }
          const check = async () => {
            for (const split of ['train', 'val'])
              for (const name of ['a', 'b', 'c']) {
                const expected = naive(logged, split, name)
                const { step, value, time } = await stores.documents.points(scope, { split, name })
                assert.deepEqual(
                  Array.from(step, (one, i) => ({ step: one, value: value[i]!, time: time[i]! })),
                  expected,
                )
                const [last] = await stores.documents.last(scope, [{ split, name }])
                const level = expected.filter(({ step: one }) => Number.isNaN(one))
                const highest = expected.toSorted((a, b) => a.step - b.step).at(-1)
                assert.equal(last?.value, (level.at(-1) ?? highest)?.value)
              }
          }
          await check()
          write({ type: 'commit', epoch: EPOCH })
          await stores.ingest()
          await check()
        } finally {
          await stores.close()
          rmSync(root, { recursive: true, force: true })
        }
      }),
      { numRuns: 60 },
    )
  })

  it('of an epoch that is followed for long are merged as they come', async () => {
    const root = mkdtempSync(join(tmpdir(), 'epochtree-documents-'))
    const dir = join(root, '.epochtree')
    const run = join(dir, 'runs', SESSION)
    const stores = new LocalStores(dir)
    try {
      mkdirSync(run, { recursive: true })
      writeFileSync(join(run, 'session.json'), JSON.stringify({ format: 1, sessionId: SESSION, modelName: 'net' }))
      const write = (value: object) => appendFileSync(join(run, 'journal.jsonl'), `${JSON.stringify(value)}\n`)
      write({ type: 'started' })
      write({ type: 'epoch', epoch: EPOCH, number: 1 })
      for (let i = 0; i < 300; i++) {
        write({ type: 'metrics', epoch: EPOCH, split: 'train', step: [i], time: [i], values: { a: [i], b: [i + 1] } })
        await stores.ingest({ only: [SESSION] })
      }
      assert.deepEqual(
        [...(await stores.documents.points(scope, { split: 'train', name: 'b' })).value],
        Array.from({ length: 300 }, (_, i) => i + 1),
      )
      const { chunks } = (await stores.use((db) => db.get<{ chunks: number }>('SELECT count(*) chunks FROM chunk')))!
      assert.ok(chunks < 2 * 2 * 64, `${chunks} chunks`)
    } finally {
      await stores.close()
      rmSync(root, { recursive: true, force: true })
    }
  })

  it('keep their order around a long line, also when the short ones are merged', async () => {
    const root = mkdtempSync(join(tmpdir(), 'epochtree-documents-'))
    const dir = join(root, '.epochtree')
    const run = join(dir, 'runs', SESSION)
    const stores = new LocalStores(dir)
    try {
      mkdirSync(run, { recursive: true })
      writeFileSync(join(run, 'session.json'), JSON.stringify({ format: 1, sessionId: SESSION, modelName: 'net' }))
      let step = 0
      for (const lines of [
        [{ type: 'started' }, { type: 'epoch', epoch: EPOCH, number: 1 }],
        2,
        1,
        9000,
        3,
        2,
        [{ type: 'commit', epoch: EPOCH }],
      ]) {
        const rows = typeof lines === 'number' ? Array.from({ length: lines }, () => step++) : []
        const written =
          typeof lines === 'number'
            ? [{ type: 'metrics', epoch: EPOCH, split: 'train', step: rows, time: rows, values: { a: rows, b: rows } }]
            : lines
        appendFileSync(join(run, 'journal.jsonl'), written.map((one) => `${JSON.stringify(one)}\n`).join(''))
        await stores.ingest()
      }
      for (const name of ['a', 'b']) {
        const { value, step: steps, time } = await stores.documents.points(scope, { split: 'train', name })
        const expected = Float64Array.from({ length: 9008 }, (_, i) => i)
        for (const column of [value, steps, time]) assert.deepEqual(column, expected)
      }
    } finally {
      await stores.close()
      rmSync(root, { recursive: true, force: true })
    }
  })
})

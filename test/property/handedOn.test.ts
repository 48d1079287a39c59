import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { join } from 'node:path'
import { DocumentLines } from '../../server/journal/written'
import { documentCount, documentsOf } from '../../server/storage/local/handOn'
import type { LocalStores } from '../../server/storage/local/stores'
import type { DocumentColumns } from '../../server/storage/team/ports'
import { SESSION, withJournal } from './journal'

const EPOCH = 'e'.padStart(24, '0')
const HANDED = { id: EPOCH, sessionId: SESSION, number: 1 }

const special = fc.constantFrom('NaN', 'Infinity', '-Infinity')
const step = fc.oneof(fc.integer({ min: 0, max: 1e6 }), fc.constant(null))
const rows = fc.integer({ min: 0, max: 5 })
const columnsOf = <Value>(names: readonly string[], n: number, value: fc.Arbitrary<Value>) =>
  fc
    .subarray([...names])
    .chain((some) => fc.record(Object.fromEntries(some.map((name) => [name, fc.array(value, { minLength: n, maxLength: n })]))))
const metrics = rows.chain((n) =>
  fc.record({
    type: fc.constant('metrics'),
    epoch: fc.constant(EPOCH),
    split: fc.constantFrom('train', 'val'),
    step: fc.oneof(fc.constant(null), fc.array(step, { minLength: n, maxLength: n })),
    time: fc.array(fc.double({ min: 0, max: 2e9, noNaN: true }), { minLength: n, maxLength: n }),
    values: columnsOf(['loss', 'acc'], n, fc.oneof(fc.double({ noDefaultInfinity: true, noNaN: true }), special)),
  }),
)
const samples = rows.chain((n) =>
  fc.record({
    type: fc.constant('samples'),
    epoch: fc.constant(EPOCH),
    split: fc.constantFrom('val', 'test'),
    fields: columnsOf(
      ['name', 'label', 'loss'],
      n,
      fc.oneof(
        fc.constantFrom('cat', 'dog', '', 'NaN'),
        fc.integer(),
        special,
        fc.constant(null),
        fc.boolean(),
        fc.constant([1, { a: 'b' }]),
      ),
    ),
  }),
)
const lines = fc.array(fc.tuple(fc.oneof(metrics, samples), fc.boolean()), { maxLength: 12 })

interface Document {
  readonly identity: string
  readonly content: string
}

/** As the words say: each row once, named by its place in the journal. */
function naive(all: readonly ReturnType<typeof lines.generate>['value'][number][0][]): Document[] {
  const found: Document[] = []
  const places = new Map<string, number>()
  for (const [ordinal, line] of all.entries()) {
    if ('fields' in line) {
      const names = Object.keys(line.fields)
      for (let row = 0; row < (Object.values(line.fields)[0]?.length ?? 0); row++)
        found.push({
          identity: `samples ${ordinal} ${row}`,
          content: JSON.stringify([line.split, names.map((name) => [name, (line.fields as Record<string, unknown[]>)[name]![row]])]),
        })
      continue
    }
    for (const [name, column] of Object.entries(line.values))
      for (const [row, value] of (column as unknown[]).entries()) {
        const at = line.step?.[row] ?? null
        const curve = `metric ${line.split}/${name} ${at === null ? 1 : 0}`
        const place = places.get(curve) ?? 0
        places.set(curve, place + 1)
        found.push({ identity: `${curve} ${place}`, content: JSON.stringify([at, Number(value), line.time[row]].map(String)) })
      }
  }
  return found.sort(byIdentity)
}
const byIdentity = (a: Document, b: Document) => (a.identity < b.identity ? -1 : 1)

async function handedOn(stores: LocalStores): Promise<Document[]> {
  return stores.use((db) => {
    const found: Document[] = []
    for (const columns of documentsOf(db, HANDED)) {
      assert.deepEqual([columns.epochId, columns.sessionId, columns.number, columns.source], [EPOCH, SESSION, 1, ''])
      if (columns.kind === 'metric') {
        const { split, name, level, from, steps, values, times } = columns
        assert.equal(steps === null, level === 1)
        for (const [i, value] of values.entries())
          found.push({
            identity: `metric ${split}/${name} ${level} ${from + i}`,
            content: JSON.stringify([steps ? steps[i]! : null, value, times[i]!].map(String)),
          })
      } else {
        const fields = [...columns.fields]
        for (let row = 0; row < fields[0]![1].length; row++)
          found.push({
            identity: `samples ${columns.ordinal} ${columns.from + row}`,
            content: JSON.stringify([columns.split, fields.map(([name, values]) => [name, values[row]])]),
          })
      }
    }
    assert.equal(documentCount(db, EPOCH), found.length)
    return found.sort(byIdentity)
  })
}

/** As a server may give it: at most so many rows at once. */
function parts(columns: DocumentColumns, most: number): DocumentColumns[] {
  const rows = columns.kind === 'metric' ? columns.values.length : [...columns.fields.values()][0]!.length
  const found: DocumentColumns[] = []
  for (let from = 0; from < rows; from += most) {
    const cut = <Column extends { slice(from: number, to: number): Column }>(column: Column) => column.slice(from, from + most)
    found.push(
      columns.kind === 'metric'
        ? {
            ...columns,
            from: columns.from + from,
            steps: columns.steps && cut(columns.steps),
            values: cut(columns.values),
            times: cut(columns.times),
          }
        : {
            ...columns,
            from: columns.from + from,
            fields: new Map([...columns.fields].map(([name, values]) => [name, values.slice(from, from + most)])),
          },
    )
  }
  return found
}

describe('what is handed on of an epoch', () => {
  it('is each row once, with the same identity however the journal was read', async function () {
    this.timeout(300_000)
    await fc.assert(
      fc.asyncProperty(lines, fc.boolean(), async (all, committed) => {
        await withJournal(async ({ stores, write }) => {
          write({ type: 'started' }, { type: 'epoch', epoch: EPOCH, number: 1 })
          for (const [line, read] of all) {
            write(line)
            if (read) await stores.ingest()
          }
          if (committed) write({ type: 'commit', epoch: EPOCH })
          await stores.ingest()
          assert.deepEqual(await handedOn(stores), naive(all.map(([line]) => line)))
        })
      }),
      { numRuns: 60 },
    )
  })

  it('is the same after it was written as a journal, in whatever parts it came', async function () {
    this.timeout(300_000)
    await fc.assert(
      fc.asyncProperty(lines, fc.integer({ min: 1, max: 3 }), async (all, most) => {
        await withJournal(async ({ stores, write }) => {
          write({ type: 'started' }, { type: 'epoch', epoch: EPOCH, number: 1 }, ...all.map(([line]) => line))
          await stores.ingest()
          await withJournal(async (other) => {
            const written = new DocumentLines(EPOCH, join(other.stores.dir, 'scratch'))
            await stores.use((db) => {
              for (const columns of documentsOf(db, HANDED)) for (const part of parts(columns, most)) written.add(part)
            })
            other.write(
              { type: 'started' },
              { type: 'epoch', epoch: EPOCH, number: 1 },
              ...[...written.lines()].map((line) => JSON.parse(line) as object),
            )
            written.close()
            await other.stores.ingest()
            assert.deepEqual(await other.stores.sessions.problems(), [])
            assert.deepEqual(await handedOn(other.stores), naive(all.map(([line]) => line)))
          })
        })
      }),
      { numRuns: 60 },
    )
  })

  it('is whole when its chunks are merged while it is read', async () => {
    await withJournal(async ({ stores, write }) => {
      write({ type: 'started' }, { type: 'epoch', epoch: EPOCH, number: 1 })
      const n = 200
      const log = (line: number) =>
        write({ type: 'metrics', epoch: EPOCH, split: 'train', step: [line], time: [line], values: { a: [line], b: [-1 - line] } })
      for (let line = 0; line < n; line++) {
        log(line)
        await stores.ingest()
      }
      const values: Record<string, number[]> = { a: [], b: [] }
      await stores.use(async (db) => {
        let read = 0
        for (const columns of documentsOf(db, HANDED)) {
          assert.equal(columns.kind, 'metric')
          if (columns.kind !== 'metric') continue
          assert.equal(columns.from, values[columns.name]!.length)
          values[columns.name]!.push(...columns.values)
          if (++read !== 1) continue
          write({ type: 'commit', epoch: EPOCH })
          await stores.ingest()
          assert.ok(db.all('SELECT id FROM chunk').length < 5, 'nothing was merged')
        }
      })
      assert.deepEqual(
        values['a'],
        Array.from({ length: n }, (_, line) => line),
      )
      assert.deepEqual(
        values['b'],
        Array.from({ length: n }, (_, line) => -1 - line),
      )
    })
  })

  it('of a long curve comes in parts', async () => {
    await withJournal(async ({ stores, write }) => {
      write({ type: 'started' }, { type: 'epoch', epoch: EPOCH, number: 1 })
      const n = 150_000
      const column = Array.from({ length: n }, (_, i) => i)
      write({ type: 'metrics', epoch: EPOCH, split: 'train', step: column, time: column, values: { loss: column } })
      await stores.ingest()
      await stores.use((db) => {
        const parts = [...documentsOf(db, HANDED)].flatMap((part) =>
          part.kind === 'metric' ? [[part.from, part.values.length, part.values[0]]] : [],
        )
        assert.deepEqual(parts, [
          [0, 65_536, 0],
          [65_536, 65_536, 65_536],
          [131_072, 18_928, 131_072],
        ])
      })
    })
  })
})

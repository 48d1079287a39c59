import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EpochtreeError } from '../../server/errors'
import { bestOf, compare, listSessions, log, query, show } from '../../server/requests'
import { LocalStores } from '../../server/storage/local/stores'
import { engine, random } from './support'

const ROUNDS = 60
// No two files are the same: one whose name is damaged would be found by its content once another epoch had brought it.
const TRAINING = `
import epochtree
G = {"id": "g", "nodes": {"a": {"id": "a", "data": {"parameters": {"w": [2, 2]}}}}}
with epochtree.session("net", {"lr": 1}, {"id": "p"}) as session:
    for epoch in session.epochs(6):
        epoch.log({"loss": 1 / epoch.number, "n": float("nan")}, split="val")
        epoch.log({"a": [1, 2, 3]}, step=[epoch.number * 3 + i for i in range(3)])
        epoch.log_samples({"l": [1, 2], "t": ["x", "y"]})
        G["nodes"]["a"]["data"]["n"] = epoch.number
        if epoch.number % 2:
            epoch.commit(graph=G, weights=b"w%d" % epoch.number, state=b"s%d" % epoch.number)
`
const ODD = [
  'null',
  '-1',
  '1e400',
  '1e308',
  '""',
  '[]',
  '{}',
  '"\\ud800"',
  '9007199254740993',
  'true',
  '[null]',
  '"NaN"',
  `"${'a'.repeat(24)}"`,
  '0.5',
]
const VALUE = /:("[^"]*"|-?[\d.e]+|null|\[[^[\]]*\]|\{[^{}]*\})/g

describe('a real run, damaged at random', () => {
  it(`harms no question, and is read the same whole, in pieces and again, in ${ROUNDS} rounds`, async function () {
    this.timeout(240_000)
    const root = mkdtempSync(join(tmpdir(), 'epochtree-mutated-'))
    try {
      const { status, err } = await engine(join(root, 'source'), TRAINING).ended
      assert.equal(status, 0, err)
      const seed = Date.now() % 1e6
      const chance = random(seed)
      for (let round = 0; round < ROUNDS; round++) {
        const dir = join(root, String(round))
        cpSync(join(root, 'source'), dir, { recursive: true })
        await follow(dir, chance).catch((error: unknown) => {
          throw new Error(`seed ${seed}, round ${round}: ${(error as Error).stack}`)
        })
        rmSync(dir, { recursive: true })
      }
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})

async function follow(dir: string, chance: () => number) {
  const run = join(dir, 'runs', readdirSync(join(dir, 'runs'))[0]!)
  const path = join(run, 'journal.jsonl')
  const journal = damaged(readFileSync(path), chance)
  writeFileSync(path, journal)
  if (chance() < 0.3) {
    const file = join(run, 'session.json')
    writeFileSync(file, oddValue(readFileSync(file, 'latin1'), chance), 'latin1')
  }
  const whole = await answers(dir)
  assert.deepEqual(await answers(dir), whole, 'built again')
  const stores = new LocalStores(dir)
  try {
    for (let end = 0; end < journal.length;) {
      end = Math.min(journal.length, end + 1 + Math.floor(chance() * 1000))
      writeFileSync(path, journal.subarray(0, end))
      await stores.ingest()
    }
  } finally {
    await stores.close()
  }
  assert.deepEqual(await answers(dir, false), whole, 'read in pieces')
}

/** What a new store tells, having been asked everything. */
async function answers(dir: string, forget = true) {
  const stores = new LocalStores(dir)
  try {
    await stores.ingest()
    const told = []
    for (const { id, name } of await listSessions({ stores, dir })) {
      const { epochs } = await log({ stores, dir }, id)
      const numbers = epochs.map(({ number }) => number)
      assert.deepEqual(
        numbers,
        [...new Set(numbers)].toSorted((a, b) => a - b),
      )
      for (const { number } of epochs) await show({ stores, dir }, `${id}@${number}`)
      await query({ stores, dir }, id, { points: 5 })
      if (epochs.length) await compare({ stores, dir }, [id, `${id}@${numbers[0]}`], { points: 5 })
      await bestOf({ stores, dir }, id, { split: 'val', name: 'loss' }, 'min', true).catch((error: unknown) =>
        assert.ok(error instanceof EpochtreeError, String(error)),
      )
      told.push({ id, name, epochs: epochs.map(({ id: epoch, number, state, metrics }) => ({ epoch, number, state, metrics })) })
    }
    return told
  } finally {
    await stores.close()
    if (forget) for (const suffix of ['', '-wal', '-shm']) rmSync(stores.file + suffix, { force: true })
  }
}

function damaged(journal: Buffer, chance: () => number): Buffer {
  const at = (n: number) => Math.floor(chance() * n)
  if (chance() < 0.3) {
    const bytes = Buffer.from(journal)
    for (let i = at(10); i >= 0; i--) bytes[at(bytes.length)] = at(256)
    return bytes
  }
  const lines = journal.toString('latin1').split('\n').slice(0, -1)
  for (let i = at(4); i >= 0; i--) {
    const kind = chance()
    const one = at(lines.length)
    if (kind < 0.2) lines.splice(one, 1)
    else if (kind < 0.4) lines.splice(at(lines.length), 0, lines[one]!)
    else if (kind < 0.5) lines.push(...lines.splice(one, 1))
    else lines[one] = oddValue(lines[one]!, chance)
  }
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1')
}

function oddValue(text: string, chance: () => number): string {
  const values = [...text.matchAll(VALUE)]
  const value = values[Math.floor(chance() * values.length)]
  if (!value) return text
  const odd = ODD[Math.floor(chance() * ODD.length)]!
  return `${text.slice(0, value.index + 1)}${odd}${text.slice(value.index + value[0].length)}`
}

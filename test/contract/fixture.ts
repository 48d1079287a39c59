import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const id = (n: number) => n.toString(16).padStart(24, '0')
export const weightsOf = (epoch: number) => `weights of ${epoch}`
export const hashOf = (epoch: number) => createHash('sha256').update(weightsOf(epoch)).digest('hex')
export const PARENT = id(1)
export const CHILD = id(2)

/**
 * A parent with epochs 1 to 3 (ids 11 to 13) and a fork of its epoch 2 with epochs 3 and 4 (ids 23, 24), one of them open.
 * Every epoch has four steps of `train/loss`, an epoch-level `val/acc`, and samples with a label; and in `test` samples of which one is
 * named twice, one has no label, and others are classified in one way by the parent and in another by the child.
 */
export function writeRuns(dir: string, only: readonly string[] = [PARENT, CHILD]) {
  const write = (to: string, session: string, ...rest: [extra: object, numbers: readonly number[], base: number]) => {
    if (only.includes(session)) writeRun(to, session, ...rest)
  }
  write(dir, PARENT, { name: 'net', createdAt: 1 }, [1, 2, 3], 10)
  write(dir, CHILD, { name: 'net-2', createdAt: 2, forkedFrom: { sessionId: PARENT, epochId: id(12), epochNumber: 2 } }, [3, 4], 20)
}

function writeRun(dir: string, session: string, extra: object, numbers: readonly number[], base: number) {
  const run = join(dir, 'runs', session)
  for (const folder of ['graphs', 'weights']) mkdirSync(join(run, folder), { recursive: true })
  const lines: object[] = [
    {
      type: 'started',
      format: 1,
      time: 1,
      attempt: session,
      after: null,
      restored: null,
      pid: null,
      host: null,
      bootId: null,
      hyperparameters: { lr: base },
      pruningPlan: null,
      environment: {},
    },
  ]
  for (const number of numbers) {
    const n = base + number
    const open = n === 24
    const steps = [0, 1, 2, 3].map((step) => step + 4 * number)
    writeFileSync(
      join(run, 'graphs', `${n}.json`),
      JSON.stringify({ id: 'g', nodes: { a: { id: 'a', data: { parameters: { w: [number, 2] } } } } }),
    )
    writeFileSync(join(run, 'weights', `${n}.bin`), weightsOf(n))
    lines.push(
      { type: 'epoch', epoch: id(n), number, time: n },
      { type: 'metrics', epoch: id(n), split: 'train', step: steps, time: steps, values: { loss: [n, 'NaN', n + 2, n + 1] } },
      { type: 'metrics', epoch: id(n), split: 'val', step: null, time: [n], values: { acc: [n / 100] } },
      { type: 'samples', epoch: id(n), split: 'val', fields: { label: ['cat', 'dog', 'cat'], loss: [n, 2, null] } },
      {
        type: 'samples',
        epoch: id(n),
        split: 'test',
        fields: {
          sample: ['a', 'b', 'c', 'd', 'b', 'e'],
          label: ['cat', 'dog', 'cat', 1, 'dog', null],
          prediction: base === 10 ? ['dog', 'cat', 'cat', 1, 'dog', 'cat'] : ['cat', 'dog', 'dog', 1, 'cat', 'cat'],
          score: [n, 'NaN', 0.5, -1, null, 'Infinity'],
          ...(number === 1 ? { first: [1, 2, 3, 4, 5, 6] } : {}),
        },
      },
    )
    if (!open)
      lines.push({
        type: 'commit',
        epoch: id(n),
        graph: `graphs/${n}.json`,
        weights: { file: `weights/${n}.bin`, sha256: hashOf(n), bytes: weightsOf(n).length, format: 'bin' },
        state: null,
        pruned: number === 2,
        time: n,
      })
  }
  writeFileSync(join(run, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  writeFileSync(
    join(run, 'session.json'),
    JSON.stringify({ format: 1, sessionId: session, modelName: 'net', overrides: {}, command: null, ...extra }),
  )
}

import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const newId = () =>
  Math.floor(Date.now() / 1000)
    .toString(16)
    .padStart(8, '0') + randomBytes(8).toString('hex')

export interface Trained {
  readonly id: string
  readonly run: string
  readonly epochs: readonly { readonly id: string; readonly number: number; readonly sha256: string; readonly documents: number }[]
  /** Writes an epoch as an engine does, its commit last. */
  readonly epoch: (options?: { readonly open?: boolean; readonly rows?: number }) => void
  readonly finish: (status?: 'completed' | 'failed') => void
}
export interface Training {
  readonly id?: string
  readonly name?: string
  readonly model?: string
  readonly forkedFrom?: { readonly sessionId: string; readonly epochId: string; readonly epochNumber: number }
  readonly command?: object
  readonly tags?: readonly string[]
  readonly from?: number
  readonly alive?: boolean
}

/** A session that is trained by this process, as far as its files tell. */
export function train(
  dir: string,
  { id = newId(), name, model = 'net', forkedFrom, command, tags, from = 0, alive = false }: Training = {},
): Trained {
  const run = join(dir, 'runs', id)
  for (const folder of ['graphs', 'weights']) mkdirSync(join(run, folder), { recursive: true })
  const journal = join(run, 'journal.jsonl')
  const line = (...lines: readonly object[]) => appendFileSync(journal, lines.map((one) => `${JSON.stringify(one)}\n`).join(''))
  const begun = Date.now() / 1000
  writeFileSync(
    join(run, 'session.json'),
    JSON.stringify({
      format: 1,
      sessionId: id,
      modelName: model,
      ...(name === undefined ? {} : { name }),
      forkedFrom: forkedFrom ?? null,
      overrides: {},
      command: command ?? null,
      createdAt: begun,
      ...(tags ? { tags } : {}),
    }),
  )
  if (alive) writeFileSync(join(run, 'alive'), '')
  line({
    type: 'started',
    format: 1,
    time: begun,
    attempt: newId(),
    hyperparameters: { lr: 0.1 },
    pruningPlan: { ratio: 0.5 },
    environment: {},
  })
  const epochs: { id: string; number: number; sha256: string; documents: number }[] = []
  let number = forkedFrom?.epochNumber ?? from
  return {
    id,
    run,
    epochs,
    epoch({ open = false, rows = 4 } = {}) {
      number++
      const epoch = newId()
      const weights = `weights of ${epoch}`
      const sha256 = createHash('sha256').update(weights).digest('hex')
      const steps = Array.from({ length: rows }, (_, i) => number * rows + i)
      const times = steps.map((step) => begun + step / 16)
      writeFileSync(
        join(run, 'graphs', `${number}.json`),
        JSON.stringify({
          id: 'g',
          nodes: { 'a.b': { id: 'a.b', name: 'a.b', data: { parameters: { w: [1 + Math.ceil(number / 2), 2] } } } },
        }),
      )
      writeFileSync(join(run, 'weights', `${number}.bin`), weights)
      line(
        { type: 'epoch', epoch, number, of: 100, time: begun + number },
        {
          type: 'metrics',
          epoch,
          split: 'train',
          step: steps,
          time: times,
          values: { loss: steps.map((step) => 1 / step), odd: steps.map((_, i) => (i ? 'NaN' : i)) },
        },
        {
          type: 'samples',
          epoch,
          split: 'val',
          fields: { sample: ['a', 'b', 'c'], label: ['cat', 'dog', 'cat'], prediction: ['cat', 'cat', null], loss: [number, 'NaN', null] },
        },
        { type: 'metrics', epoch, split: 'val', step: null, time: [begun + number], values: { acc: [1 - 1 / number] } },
        { type: 'samples', epoch, split: 'test', fields: { sample: [number, { deep: ['x'] }], loss: [1e-7, 12] } },
      )
      if (open) return
      line({
        type: 'commit',
        epoch,
        graph: `graphs/${number}.json`,
        weights: { file: `weights/${number}.bin`, sha256, bytes: weights.length, format: 'bin' },
        state: null,
        pruned: number % 2 === 0,
        time: begun + number + 0.5,
      })
      epochs.push({ id: epoch, number, sha256, documents: 2 * rows + 1 + 3 + 2 })
    },
    finish: (status = 'completed') =>
      line({ type: 'finished', status, error: status === 'failed' ? 'it broke' : null, time: begun + 1000 }),
  }
}

/** An evaluation of an epoch, as its run folder tells it. */
export function evaluate(
  dir: string,
  epoch: { readonly sessionId: string; readonly id: string; readonly number: number },
  values: readonly number[],
): string {
  const id = newId()
  const run = join(dir, 'runs', id)
  mkdirSync(run, { recursive: true })
  const evaluates = { sessionId: epoch.sessionId, epochId: epoch.id, epochNumber: epoch.number }
  const lines = [
    { type: 'started', format: 1, time: 5 },
    { type: 'metrics', epoch: epoch.id, split: 'later', step: null, time: values.map(() => 5), values: { score: values } },
    { type: 'samples', epoch: epoch.id, split: 'later', fields: { sample: values, right: values.map((value) => value > 1) } },
    { type: 'finished', status: 'completed', time: 6 },
  ]
  writeFileSync(join(run, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  writeFileSync(
    join(run, 'session.json'),
    JSON.stringify({ format: 1, sessionId: id, modelName: 'net', forkedFrom: null, evaluates, overrides: {}, command: null, createdAt: 5 }),
  )
  return id
}

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A training as its journal tells it: what it logged in each of its own epochs. */
export interface Trained {
  readonly name: string
  readonly forkOf?: { readonly name: string; readonly at: number }
  /** Numbers of its own first and last epoch. */
  readonly epochs: readonly [from: number, to: number]
  /** Values of an epoch by split, then by name; of several steps where they are arrays. */
  readonly log: (epoch: number) => Readonly<Record<string, Readonly<Record<string, number | readonly number[]>>>>
  readonly running?: boolean
}

const hex = (text: string) => Buffer.from(text).toString('hex')
/** Ids of 24 hexadecimal digits, which tell what they are of. */
export const sessionId = (place: number) => `5e55${String(place).padStart(20, '0')}`
const epochId = (place: number, epoch: number) => `e0${String(place).padStart(8, '0')}${String(epoch).padStart(14, '0')}`

const asJson = (value: number) => (Number.isFinite(value) ? value : String(value))

/** Writes run folders as engines do. A step takes a second; a fork begins an hour after its parent. */
export function writeRuns(dir: string, runs: readonly Trained[]): void {
  for (const [place, { name, forkOf, epochs, log, running }] of runs.entries()) {
    const folder = join(dir, 'runs', sessionId(place))
    mkdirSync(join(folder, 'graphs'), { recursive: true })
    writeFileSync(
      join(folder, 'graphs', '1.json'),
      JSON.stringify({ id: 'g', nodes: { a: { id: 'a', data: { type: 'linear', parameters: { w: [8, 8] } } } } }),
    )
    const parent = forkOf && runs.findIndex((one) => one.name === forkOf.name)
    const forkedFrom =
      forkOf && parent !== undefined
        ? { sessionId: sessionId(parent), epochId: epochId(trainerOf(runs, parent, forkOf.at), forkOf.at), epochNumber: forkOf.at }
        : null
    const start = 1_764_000_000 + place * 3600
    writeFileSync(
      join(folder, 'session.json'),
      JSON.stringify({
        format: 1,
        sessionId: sessionId(place),
        modelName: `model-${hex(name).slice(0, 8)}`,
        name,
        forkedFrom,
        overrides: {},
        command: null,
        createdAt: start,
      }),
    )
    const lines: object[] = [
      {
        type: 'started',
        format: 1,
        time: start,
        attempt: sessionId(place),
        after: null,
        restored: null,
        pid: running ? process.pid : 1,
        host: 'test',
        bootId: null,
        hyperparameters: { seed: place },
        pruningPlan: null,
        environment: {},
      },
    ]
    for (let epoch = epochs[0]; epoch <= epochs[1]; epoch++) lines.push(...epochLines(place, epoch, epochs[0], start, log(epoch)))
    if (!running) lines.push({ type: 'finished', status: 'completed', error: null, time: start + 3000 })
    writeFileSync(join(folder, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  }
}

export function epochLines(place: number, number: number, first: number, start: number, logged: ReturnType<Trained['log']>): object[] {
  const epoch = epochId(place, number)
  const lines: object[] = [{ type: 'epoch', epoch, number, time: start + number - first }]
  for (const [split, names] of Object.entries(logged)) {
    const columns = Object.entries(names).map(([name, values]) => [name, typeof values === 'number' ? null : values] as const)
    const single = Object.fromEntries(
      Object.entries(names).flatMap(([name, value]) => (typeof value === 'number' ? [[name, [asJson(value)]]] : [])),
    )
    const time = start + (number - first) * 10
    if (Object.keys(single).length) lines.push({ type: 'metrics', epoch, split, step: null, time: [time + 9], values: single })
    for (const [name, values] of columns) {
      if (!values) continue
      const step = values.map((_, i) => (number - 1) * values.length + i)
      lines.push({
        type: 'metrics',
        epoch,
        split,
        step,
        time: values.map((_, i) => time + (9 * i) / values.length),
        values: { [name]: values.map(asJson) },
      })
    }
  }
  lines.push({
    type: 'commit',
    epoch,
    graph: 'graphs/1.json',
    weights: null,
    state: null,
    pruned: false,
    time: start + (number - first + 1) * 10,
  })
  return lines
}

/** Who trained an epoch of a model's history. */
function trainerOf(runs: readonly Trained[], place: number, epoch: number): number {
  const { epochs, forkOf } = runs[place]!
  if (epoch >= epochs[0] || !forkOf) return place
  return trainerOf(
    runs,
    runs.findIndex(({ name }) => name === forkOf.name),
    epoch,
  )
}

import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonNumber, JsonObject } from '../../server/protocol/model'

export interface EpochOf {
  readonly metrics?: Readonly<Record<string, JsonNumber>>
  /** Of each layer: parameters, and those that are not zero; without it the epoch has no graph. */
  readonly layers?: Readonly<Record<string, readonly [parameters: number, nonzero: number]>>
  readonly weights?: number
  /** Sample documents: columns of fields, by split. */
  readonly samples?: Readonly<Record<string, JsonObject>>
}
export interface RunOf {
  /** A number that its ids are made from. */
  readonly kind: number
  readonly name: string
  /** The run that it was forked from, and after which epoch. */
  readonly after?: readonly [kind: number, number: number]
  readonly hyperparameters?: JsonObject
  readonly pruningPlan?: JsonObject | null
  readonly environment?: JsonObject
  readonly epochs: readonly EpochOf[]
}

const hex = (kind: number, number: number) => `65a1b2${kind.toString(16).padStart(6, '0')}${number.toString(16).padStart(12, '0')}`

/** A session as its engine leaves it behind, for comparisons that the demo can't show. */
export function writeRun(
  dir: string,
  { kind, name, after, hyperparameters = {}, pruningPlan = null, environment = {}, epochs }: RunOf,
): void {
  const session = hex(kind, 0)
  const folder = join(dir, 'runs', session)
  for (const part of ['graphs', 'weights']) mkdirSync(join(folder, part), { recursive: true })
  const parent = after && { sessionId: hex(after[0], 0), epochId: hex(after[0], after[1]), epochNumber: after[1] }
  writeFileSync(
    join(folder, 'session.json'),
    JSON.stringify({
      format: 1,
      sessionId: session,
      modelName: name,
      name,
      forkedFrom: parent ?? null,
      overrides: {},
      command: null,
      createdAt: kind,
    }),
  )
  const lines: object[] = [
    {
      type: 'started',
      format: 1,
      time: 1,
      attempt: session,
      after: parent?.epochId ?? null,
      restored: null,
      pid: 1,
      host: 'a',
      bootId: null,
      hyperparameters,
      pruningPlan,
      environment,
    },
  ]
  for (const [i, { metrics = {}, layers, weights, samples = {} }] of epochs.entries()) {
    const number = (after?.[1] ?? 0) + i + 1
    const epoch = hex(kind, number)
    lines.push({ type: 'epoch', epoch, number, time: number })
    const splits = new Map<string, string[]>()
    for (const metric of Object.keys(metrics)) {
      const split = metric.slice(0, metric.indexOf('/'))
      splits.set(split, [...(splits.get(split) ?? []), metric])
    }
    for (const [split, names] of splits)
      lines.push({
        type: 'metrics',
        epoch,
        split,
        step: null,
        time: [number],
        values: Object.fromEntries(names.map((metric) => [metric.slice(split.length + 1), [metrics[metric]]])),
      })
    for (const [split, fields] of Object.entries(samples)) lines.push({ type: 'samples', epoch, split, fields })
    if (layers) writeFileSync(join(folder, 'graphs', `${number}.json`), JSON.stringify({ id: 'g', nodes: nodesOf(layers) }))
    lines.push({
      type: 'commit',
      epoch,
      graph: layers ? `graphs/${number}.json` : null,
      weights: weights === undefined ? null : weightsFile(folder, number, weights),
      state: null,
      pruned: false,
      time: number,
    })
  }
  lines.push({ type: 'finished', status: 'completed', error: null, time: 1 })
  writeFileSync(join(folder, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

const nodesOf = (layers: NonNullable<EpochOf['layers']>) =>
  Object.fromEntries(
    Object.entries(layers).map(([id, [parameters, nonzero]]) => [id, { id, name: id, data: { type: 'linear', parameters, nonzero } }]),
  )

function weightsFile(folder: string, number: number, size: number) {
  const file = `weights/${number}.bin`
  const content = Buffer.alloc(size, `${folder} ${number} `)
  writeFileSync(join(folder, file), content)
  return { file, sha256: createHash('sha256').update(content).digest('hex'), bytes: size, format: 'raw' }
}

import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GraphNode, JsonObject, ModelGraph } from '../../server/protocol/model'

/** Layers of a block of `transformer`: what it is called, its type, what it reads, and whether it has weights. */
const BLOCK = [
  ['norm1', 'LayerNorm', ['-'], 1],
  ['attention.query', 'Linear', ['norm1'], 64],
  ['attention.key', 'Linear', ['norm1'], 64],
  ['attention.value', 'Linear', ['norm1'], 64],
  ['attention.scores', 'MatMul', ['attention.query', 'attention.key'], 0],
  ['attention.softmax', 'Softmax', ['attention.scores'], 0],
  ['attention.mix', 'MatMul', ['attention.softmax', 'attention.value'], 0],
  ['attention.output', 'Linear', ['attention.mix'], 64],
  ['add1', 'Add', ['attention.output', '-'], 0],
  ['norm2', 'LayerNorm', ['add1'], 1],
  ['mlp.up', 'Linear', ['norm2'], 256],
  ['mlp.gelu', 'GELU', ['mlp.up'], 0],
  ['mlp.down', 'Linear', ['mlp.gelu'], 64],
  ['add2', 'Add', ['mlp.down', 'add1'], 0],
] as const
const WIDTH = 64

export interface NetworkOptions {
  /** About so many nodes: whole blocks of 14, and three around them. */
  readonly nodes: number
  /** Share of a block's units that are left, and of those how many are not masked; both 1 where nothing is said. */
  readonly left?: (block: number) => number
  readonly unmasked?: (block: number) => number
  /** Blocks that are not there. */
  readonly without?: ReadonlySet<number>
}

/** A transformer's graph, as an engine commits it. */
export function transformer({ nodes: wanted, left = () => 1, unmasked = () => 1, without = new Set() }: NetworkOptions): ModelGraph {
  const nodes: Record<string, { -readonly [Key in keyof GraphNode]: GraphNode[Key] }> = {}
  const add = (id: string, data: JsonObject, sources: readonly string[]) => {
    nodes[id] = { id, name: id, data, inputs: Object.fromEntries(sources.map((source) => [source, {}])), outputs: {} }
    for (const source of sources) Object.assign(nodes[source]!.outputs!, { [id]: {} })
  }
  const dense = (type: string, units: number, share: number, kept: number): JsonObject => {
    const size = Math.max(1, Math.round(units * share))
    return { type, shape: [size], parameters: { weight: [WIDTH, size], bias: [size] }, nonzero: Math.round((WIDTH + 1) * size * kept) }
  }
  add('input', { type: 'Input', shape: [WIDTH] }, [])
  add('embedding', dense('Embedding', WIDTH, 1, 1), ['input'])
  let last = 'embedding'
  for (let block = 0; block < Math.ceil((wanted - 3) / BLOCK.length); block++) {
    if (without.has(block)) continue
    const before = last
    for (const [name, type, sources, units] of BLOCK) {
      last = `blocks.${block}.${name}`
      add(
        last,
        units ? dense(type, units, left(block), unmasked(block)) : { type, shape: [WIDTH] },
        sources.map((source) => (source === '-' ? before : `blocks.${block}.${source}`)),
      )
    }
  }
  add('head', dense('Linear', 10, 1, 1), [last])
  return { id: 'transformer', nodes }
}

export const runId = (session: number, epoch = 0) => session.toString(16).padStart(6, '0') + epoch.toString(16).padStart(18, '0')

function epochLines(session: number, number: number, graph: string): object[] {
  const epoch = runId(session, number)
  return [
    { type: 'epoch', epoch, number, time: number },
    { type: 'metrics', epoch, split: 'val', step: null, time: [number], values: { acc: [1 - 1 / number] } },
    { type: 'commit', epoch, graph, weights: null, state: null, pruned: false, time: number },
  ]
}

/** One more epoch of such a session, as when it is resumed. */
export function addGraphEpoch(dir: string, session: number, number: number, graph: ModelGraph) {
  const run = join(dir, 'runs', runId(session))
  writeFileSync(join(run, 'graphs', `${number}.json`), JSON.stringify(graph))
  const lines = [{ type: 'started', time: number }, ...epochLines(session, number, `graphs/${number}.json`)]
  appendFileSync(join(run, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

/** A finished session that committed these graphs, one an epoch; the same object is written once. */
export function writeGraphRun(dir: string, session: number, name: string, graphs: readonly ModelGraph[]) {
  const run = join(dir, 'runs', runId(session))
  mkdirSync(join(run, 'graphs'), { recursive: true })
  const files = new Map<ModelGraph, string>()
  const lines: object[] = [
    {
      type: 'started',
      format: 1,
      time: 1,
      attempt: runId(session),
      after: null,
      restored: null,
      pid: 1,
      host: 'elsewhere',
      bootId: null,
      hyperparameters: {},
      pruningPlan: null,
      environment: {},
    },
  ]
  for (const [i, graph] of graphs.entries()) {
    const number = i + 1
    if (!files.has(graph)) {
      files.set(graph, `graphs/${number}.json`)
      writeFileSync(join(run, 'graphs', `${number}.json`), JSON.stringify(graph))
    }
    lines.push(...epochLines(session, number, files.get(graph)!))
  }
  lines.push({ type: 'finished', status: 'completed', error: null, time: 1 })
  writeFileSync(join(run, 'journal.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  writeFileSync(
    join(run, 'session.json'),
    JSON.stringify({
      format: 1,
      sessionId: runId(session),
      modelName: name,
      name,
      forkedFrom: null,
      overrides: {},
      command: null,
      createdAt: session,
    }),
  )
}

/** Two sessions, `wide` and `narrow`, of about so many nodes: some blocks of the second are pruned, some masked, one is gone and some are new. */
export function writeGraphPair(dir: string, nodes: number, epochs = 4) {
  const blocks = Math.ceil((nodes - 3) / BLOCK.length)
  const [third, half] = [Math.floor(blocks / 3), Math.floor(blocks / 2)]
  const wide = transformer({ nodes, without: new Set([half + 2]) })
  const narrow = (share: number) =>
    transformer({
      nodes,
      left: (block) => (block === third || block === half ? share : 1),
      unmasked: (block) => (block === half + 1 ? share : 1),
      without: new Set([third + 3]),
    })
  writeGraphRun(
    dir,
    1,
    'wide',
    Array.from({ length: epochs }, () => wide),
  )
  writeGraphRun(
    dir,
    2,
    'narrow',
    Array.from({ length: epochs }, (_, i) => narrow(1 - (i + 1) / (2 * epochs))),
  )
}

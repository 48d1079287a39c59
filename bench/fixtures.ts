import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An id that says what it is of: a kind, then a number. */
export const id = (kind: number, n: number) => kind.toString(16).padStart(4, '0') + n.toString(16).padStart(20, '0')

export const newFolder = () => join(mkdtempSync(join(tmpdir(), 'epochtree-bench-')), '.epochtree')

interface Run {
  readonly session: string
  readonly name: string
  readonly forkedFrom?: { readonly sessionId: string; readonly epochId: string; readonly epochNumber: number }
}

/** A run folder whose journal is written line by line, as an engine does. */
export class RunFolder {
  readonly folder: string
  readonly journal: string
  #lines: string[] = []
  readonly #fd: number

  constructor(dir: string, { session, name, forkedFrom }: Run) {
    this.folder = join(dir, 'runs', session)
    this.journal = join(this.folder, 'journal.jsonl')
    mkdirSync(join(this.folder, 'graphs'), { recursive: true })
    writeFileSync(
      join(this.folder, 'graphs', '1.json'),
      JSON.stringify({ id: 'g', nodes: { a: { id: 'a', data: { type: 'linear', parameters: { w: [8, 8] } } } } }),
    )
    this.#fd = openSync(this.journal, 'a')
    this.line({
      type: 'started',
      format: 1,
      time: 1,
      attempt: session,
      after: null,
      restored: null,
      pid: 1,
      host: 'bench',
      bootId: null,
      hyperparameters: {},
      pruningPlan: null,
      environment: {},
    })
    writeFileSync(
      join(this.folder, 'session.json'),
      JSON.stringify({
        format: 1,
        sessionId: session,
        modelName: name.replace(/-\d+$/, ''),
        name,
        forkedFrom: forkedFrom ?? null,
        overrides: {},
        command: null,
        createdAt: 1,
      }),
    )
  }

  line(value: object) {
    this.#lines.push(`${JSON.stringify(value)}\n`)
    if (this.#lines.length >= 1000) this.flush()
  }

  epoch(epoch: string, number: number, time = number) {
    this.line({ type: 'epoch', epoch, number, time })
  }

  commit(epoch: string, weights: object | null = null, time = 1) {
    this.line({ type: 'commit', epoch, graph: 'graphs/1.json', weights, state: null, pruned: false, time })
  }

  finish() {
    this.line({ type: 'finished', status: 'completed', error: null, time: 1 })
    this.flush()
    closeSync(this.#fd)
  }

  flush() {
    if (this.#lines.length) writeSync(this.#fd, this.#lines.join(''))
    this.#lines = []
  }
}

/** Epochs of so many steps of random metrics, up to one of a number, in lines as long as a writer that flushes every 0.25 s makes them. */
export function writeMetrics(
  run: RunFolder,
  kind: number,
  epochs: number,
  steps: number,
  names: readonly string[],
  perLine: number,
  first = 1,
) {
  let time = 1_764_000_000
  for (let e = first; e <= epochs; e++) {
    const epoch = id(kind, e)
    run.epoch(epoch, e, time)
    for (let from = 0; from < steps; from += perLine) {
      const rows = Array.from({ length: Math.min(perLine, steps - from) }, (_, i) => (e - 1) * steps + from + i)
      run.line({
        type: 'metrics',
        epoch,
        split: 'train',
        step: rows,
        time: rows.map(() => (time += Math.random() * 0.01)),
        values: Object.fromEntries(names.map((name) => [name, rows.map(() => Math.random())])),
      })
    }
    run.commit(epoch, null, time)
  }
}

/** A file of so many bytes, holes where the file system has them, and its hash. */
export function writeWeights(path: string, bytes: number) {
  const fd = openSync(path, 'w')
  writeSync(fd, `weights of ${bytes} bytes`)
  ftruncateSync(fd, bytes)
  closeSync(fd)
  const hash = createHash('sha256')
  const zeros = Buffer.alloc(1 << 20)
  const head = Buffer.alloc(1 << 20)
  head.write(`weights of ${bytes} bytes`)
  for (let at = 0; at < bytes; at += zeros.length) hash.update((at === 0 ? head : zeros).subarray(0, Math.min(zeros.length, bytes - at)))
  return hash.digest('hex')
}

import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { answer } from '../server/comparison/questions'
import type { CurvesQuery } from '../server/protocol/comparison'
import { ThreadedStores } from '../server/storage/local/threads'
import { at, figure, text } from './figures'
import { id, newFolder, RunFolder, writeMetrics } from './fixtures'

const ROUNDS = 15
const BUCKETS = 600
const named = (count: number) => Array.from({ length: count }, (_, i) => `metric${i}`)
const asked = (names: readonly string[]) => names.map((name) => `train/${name}`)

async function median(work: () => unknown): Promise<number> {
  const times = []
  await work()
  for (let i = 0; i < ROUNDS; i++) {
    const begun = performance.now()
    await work()
    times.push(performance.now() - begun)
  }
  return at(
    times.toSorted((a, b) => a - b),
    0.5,
  )
}

/** What the server needs for the answers of a comparison's page, written as they travel; its stores on threads, as in the editor. */
export async function measureComparison() {
  const dir = newFolder()
  const stores = new ThreadedStores(dir)
  const ask = async (references: readonly string[], query: Omit<CurvesQuery, 'buckets'>) =>
    JSON.stringify(await answer({ stores, dir }, { references }, 'curves', { buckets: BUCKETS, once: true, ...query }))

  const few = named(20)
  const parent = new RunFolder(dir, { session: id(1, 1), name: 'net' })
  writeMetrics(parent, 0x11, 1000, 10, few, 10)
  parent.finish()
  const fork = new RunFolder(dir, {
    session: id(1, 2),
    name: 'fork',
    forkedFrom: { sessionId: id(1, 1), epochId: id(0x11, 500), epochNumber: 500 },
  })
  writeMetrics(fork, 0x12, 1000, 10, few, 10, 501)
  fork.finish()
  const many = named(50)
  for (const [n, name] of ['wide', 'wider'].entries()) {
    const run = new RunFolder(dir, { session: id(2, n + 1), name })
    writeMetrics(run, 0x21 + n, 100, 100, many, 25)
    run.finish()
  }
  const long = new RunFolder(dir, { session: id(3, 1), name: 'long' })
  writeMetrics(long, 0x31, 10_000, 2, named(6), 2)
  long.finish()
  await stores.ingest({ verify: false })

  const models = ['net', 'fork']
  const epochs = { metrics: asked(few), axis: 'epoch', range: null } as const
  const pointsOfEpochs = columns(20, 1500, 1)
  figure(
    'curves of 2 models x 1,000 epochs x 20 metrics',
    await median(() => ask(models, epochs)),
    'ms',
    100,
    `${text(await median(() => reduce(pointsOfEpochs)))} ms to reduce as many numbers in memory`,
  )
  const wide = ['wide', 'wider']
  const whole = { metrics: asked(many), axis: 'step', range: null } as const
  const points = columns(100, 10_000, 1)
  const inMemory = `${text(await median(() => reduce(points)))} ms to reduce as many numbers in memory`
  figure('100 curves x 10,000 steps', await median(() => ask(wide, whole)), 'ms', 150, inMemory)
  figure('100 curves x 10,000 steps, by time', await median(() => ask(wide, { ...whole, axis: 'time' })), 'ms', 200, inMemory)
  figure(
    '100 curves x 10,000 steps, over the wire',
    (await ask(wide, whole)).length / 1e6,
    'MB',
    2,
    `${text((100 * BUCKETS * 3 * 8 * (4 / 3)) / 1e6)} MB for three columns of ${BUCKETS}`,
  )
  const part = columns(100, 100, 1)
  figure(
    '100 curves x 10,000 steps, zoomed to 1 %',
    await median(() => ask(wide, { ...whole, range: [5000, 5100] })),
    'ms',
    30,
    `${text(await median(() => reduce(part)))} ms to reduce as many numbers in memory`,
  )
  const alone = { metrics: asked(named(6)), axis: 'epoch', range: null, lines: [`${id(3, 1)}:1`] } as const
  const curvesOfLong = columns(6, 10_000, 1)
  const sixInMemory = `${text(await median(() => reduce(curvesOfLong)))} ms to reduce as many numbers in memory`
  figure('6 curves of one line of 10,000 epochs, asked anew', await median(() => ask(['long', 'net'], alone)), 'ms', 100, sixInMemory)
  const byStep = { ...alone, axis: 'step' } as const
  figure('6 curves of one line of 10,000 epochs, by step', await median(() => ask(['long', 'net'], byStep)), 'ms', 100, sixInMemory)
  const line = { metrics: asked(few), axis: 'epoch', range: null, lines: [`${id(1, 2)}:501`] } as const
  const fewInMemory = `${text(await median(() => reduce(columns(20, 500, 1))))} ms to reduce as many numbers in memory`
  figure('20 curves of one line of 500 epochs, asked anew', await median(() => ask(models, line)), 'ms', 30, fewInMemory)
  await stores.close()
  rmSync(dirname(dir), { recursive: true })
}

const columns = (curves: number, length: number, seed: number) =>
  Array.from({ length: curves }, (_, curve) => Float64Array.from({ length }, (_, i) => Math.sin(seed + curve + i)))

/** The least that any answer takes: last, smallest and largest of each bucket of plain arrays, written as they travel. */
function reduce(curves: readonly Float64Array[]): string {
  const base64 = (column: Float64Array) => Buffer.from(column.buffer).toString('base64')
  return JSON.stringify(
    curves.map((values) => {
      const size = Math.min(BUCKETS, values.length)
      const value = new Float64Array(size)
      const low = new Float64Array(size).fill(Number.POSITIVE_INFINITY)
      const high = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
      for (let i = 0; i < values.length; i++) {
        const bucket = Math.floor((i * size) / values.length)
        const one = values[i]!
        value[bucket] = one
        if (one < low[bucket]!) low[bucket] = one
        if (one > high[bucket]!) high[bucket] = one
      }
      return [value, low, high].map(base64)
    }),
  )
}

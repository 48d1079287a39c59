import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LocalStores } from '../server/storage/local/stores'
import { at, figure, text } from './figures'
import { id, newFolder, RunFolder } from './fixtures'

const DOCUMENTS = 1_000_000
const PER_LINE = 1000
const CLASSES = 10
const BINS = 50

interface Columns {
  readonly label: Float64Array
  readonly prediction: Float64Array
  readonly loss: Float64Array
}

/** A million sample documents of each of two models: one epoch of validation each, and what the page asks of them. */
export async function measureSamples() {
  const dir = newFolder()
  const [one, other] = [columns(0.9), columns(0.92)]
  const shuffled = Float64Array.from({ length: DOCUMENTS }, (_, i) => (i * 7_654_321) % DOCUMENTS)
  const inOrder = shuffled.map((_, i) => i)
  write(dir, 1, one, inOrder)
  write(dir, 2, other, inOrder)
  write(dir, 3, other, shuffled)
  const stores = new LocalStores(dir)
  await stores.ingest()
  const scope = (n: number) => ({ epochIds: [id(0x2c, n)] })
  const [a, b, c] = [scope(1), scope(2), scope(3)]
  const { documents } = stores
  const plain = join(dir, 'plain')
  mkdirSync(plain)
  for (const [name, column] of Object.entries({ ...one, other: other.prediction, sample: inOrder, shuffled }))
    writeFileSync(join(plain, name), new Uint8Array(column.buffer))
  const read = (name: string) => {
    const bytes = readFileSync(join(plain, name))
    return new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)
  }
  const flipped = { split: 'val', sample: 'sample', label: 'label', prediction: 'prediction', to: null, search: '', most: 500 }

  await measured(
    'mean by label of 1,000,000 sample documents',
    150,
    () => documents.groupBy([a], { split: 'val', by: 'label', field: 'loss', better: 'lower', most: 1000 }),
    () => plainGroups(read('label'), read('loss')),
  )
  await measured(
    'confusion of 1,000,000 sample documents',
    150,
    () => documents.confusion([a], { split: 'val', label: 'label', prediction: 'prediction', most: 30 }),
    () => plainConfusion(read('label'), read('prediction')),
  )
  await measured(
    'histogram of 1,000,000 sample documents',
    150,
    () => documents.histogram([a], { split: 'val', field: 'loss', bins: BINS, log: false }),
    () => plainHistogram(read('loss')),
  )
  await measured(
    'flips of 2 x 1,000,000 sample documents, logged in one order',
    400,
    () => documents.flips(a, b, flipped),
    () => plainFlips(read('sample'), read('sample'), read('label'), read('prediction'), read('other')),
  )
  await measured(
    'flips of 2 x 1,000,000 sample documents, in another order',
    800,
    () => documents.flips(a, c, flipped),
    () => plainFlips(read('sample'), read('shuffled'), read('label'), read('prediction'), read('other')),
  )
  await stores.close()
  rmSync(dirname(dir), { recursive: true })
}

/** Of a model that is right so often. */
function columns(right: number): Columns {
  const label = Float64Array.from({ length: DOCUMENTS }, (_, i) => i % CLASSES)
  return {
    label,
    prediction: label.map((one) => (Math.random() < right ? one : Math.floor(Math.random() * CLASSES))),
    loss: label.map(() => -Math.log(Math.random())),
  }
}

/** The `order`-th sample in each place. */
function write(dir: string, n: number, { label, prediction, loss }: Columns, order: Float64Array) {
  const run = new RunFolder(dir, { session: id(0xc, n), name: `samples-${n}` })
  const epoch = id(0x2c, n)
  run.epoch(epoch, 1)
  for (let from = 0; from < DOCUMENTS; from += PER_LINE) {
    const rows = Array.from(order.subarray(from, from + PER_LINE))
    const of = (column: Float64Array) => rows.map((row) => column[row]!)
    run.line({
      type: 'samples',
      epoch,
      split: 'val',
      fields: { sample: rows.map((row) => `s${row}`), label: of(label), prediction: of(prediction), loss: of(loss) },
    })
  }
  run.commit(epoch)
  run.finish()
}

async function measured(what: string, target: number, ask: () => Promise<unknown>, floor: () => unknown) {
  const times: number[] = []
  const floors: number[] = []
  await ask()
  floor()
  for (let i = 0; i < 9; i++) {
    // Turn by turn, so that both meet the same machine.
    const begun = performance.now()
    floor()
    const between = performance.now()
    await ask()
    floors.push(between - begun)
    times.push(performance.now() - between)
  }
  const median = (all: readonly number[]) =>
    at(
      all.toSorted((x, y) => x - y),
      0.5,
    )
  figure(what, median(times), 'ms', target, `${text(median(floors))} ms over plain arrays of the same values, read from files`)
}

function plainGroups(label: Float64Array, loss: Float64Array) {
  const [count, sum] = [new Float64Array(CLASSES), new Float64Array(CLASSES)]
  for (let i = 0; i < loss.length; i++) {
    count[label[i]!]!++
    sum[label[i]!]! += loss[i]!
  }
  return sum.map((one, i) => one / count[i]!)
}

function plainConfusion(label: Float64Array, prediction: Float64Array) {
  const counts = new Float64Array(CLASSES * CLASSES)
  for (let i = 0; i < label.length; i++) counts[label[i]! * CLASSES + prediction[i]!]!++
  return counts
}

function plainHistogram(loss: Float64Array) {
  let [low, high] = [Infinity, -Infinity]
  for (const value of loss) {
    if (value < low) low = value
    if (value > high) high = value
  }
  const counts = new Float64Array(BINS)
  for (const value of loss) counts[Math.min(BINS - 1, Math.floor(((value - low) / (high - low)) * BINS))]!++
  return counts
}

/** Samples that are named by their number. */
function plainFlips(a: Float64Array, b: Float64Array, label: Float64Array, before: Float64Array, after: Float64Array) {
  const was = new Uint8Array(DOCUMENTS)
  for (let i = 0; i < a.length; i++) was[a[i]!] = before[i] === label[i] ? 1 : 0
  const counts = new Float64Array(4)
  for (let i = 0; i < b.length; i++) counts[was[b[i]!]! * 2 + (after[b[i]!] === label[b[i]!] ? 1 : 0)]!++
  return counts
}

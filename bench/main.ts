// Measures what the README promises, each figure beside a floor measured in the same run.
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { fork } from '../server/actions/newSession'
import { LocalStores } from '../server/storage/local/stores'
import { measureComparison } from './comparison'
import { measureEditor } from './editor'
import { at, figure, root, text } from './figures'
import { id, newFolder, RunFolder, writeMetrics, writeWeights } from './fixtures'
import { chosenOf, measure, type Parts } from './parts'
import { questions } from './questions'
import { measureSamples } from './samples'
import { median, timed } from './turns'

const { values: options } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string' } } })

async function several(rounds: number, work: () => unknown): Promise<number[]> {
  const times = []
  for (let i = 0; i < rounds; i++) times.push(await timed(work))
  return times.toSorted((a, b) => a - b)
}
function run(program: string, args: readonly string[], env: Record<string, string> = {}): string {
  const done = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ...env }, maxBuffer: 1 << 28 })
  if (done.status !== 0) throw new Error(`${program} ${args.slice(0, 3).join(' ')} ended with ${done.status}: ${done.stderr}`)
  return done.stdout
}

/** Median of fresh processes that time themselves from opening the store. */
function fresh(dir: string, question: string, before: () => void = () => {}): number {
  const times = Array.from(
    { length: 7 },
    () => (before(), Number(run(process.execPath, ['--no-warnings', join(root, 'out', 'bench', 'fresh.js'), dir, question]))),
  )
  return median(times)
}

/** The machine's own Node, which starts the command line for most people; this one where there is no other. */
function ownNode(): string {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .find((folder) => !folder.includes('node_modules') && existsSync(join(folder, name)))
  return found === undefined ? process.execPath : join(found, name)
}

const python = process.env['EPOCHTREE_PYTHON'] ?? (process.platform === 'win32' ? 'python' : 'python3')
/** Asks the system to forget a file's cached pages. */
const forget = (...files: string[]) =>
  run(python, [
    '-c',
    'import os,sys\nfor p in sys.argv[1:]:\n  f=os.open(p,os.O_RDONLY); os.fsync(f); os.posix_fadvise(f,0,0,os.POSIX_FADV_DONTNEED); os.close(f)',
    ...files,
  ])

/** The milliseconds of reading these files' bytes. */
const reading = (...files: string[]) => several(5, () => files.forEach((file) => readFileSync(file))).then((times) => at(times, 0.5))

async function question(name: string, what: string, dir: string, warm: number, cold: number, floor: string, dropped = false) {
  const stores = new LocalStores(dir)
  await questions[name]!(stores, dir)
  const times = await several(9, () => questions[name]!(stores, dir))
  await stores.close()
  figure(`${what}, warm`, at(times, 0.5), 'ms', warm, floor)
  figure(
    `${what}, ${dropped ? 'file cache dropped' : 'a fresh process'}`,
    fresh(dir, name, dropped ? () => void forget(stores.file) : undefined),
    'ms',
    cold,
    floor,
  )
}

const parts: Parts = {
  async ingest() {
    const dir = newFolder()
    const names = Array.from({ length: 10 }, (_, i) => `metric${i}`)
    const journal = new RunFolder(dir, { session: id(1, 1), name: 'net' })
    writeMetrics(journal, 2, 1000, 100, names, 25)
    journal.finish()
    const floors: number[] = []
    const times: number[] = []
    const { file } = new LocalStores(dir)
    for (let i = 0; i < 9; i++) {
      // Turn by turn, so that both meet the same machine.
      floors.push(
        await timed(() => {
          for (const line of readFileSync(journal.journal, 'utf8').split('\n')) if (line) JSON.parse(line)
        }),
      )
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
      const stores = new LocalStores(dir)
      // The first question builds an absent store: reading is timed with it, and making the store too.
      times.push(await timed(() => stores.sessions.sessions()))
      await stores.close()
    }
    const floor = median(floors)
    const time = median(times)
    figure(
      'ingest of 1,000,000 points, against reading and parsing',
      // Each beside the floor of its own turn: what else the machine does meets both.
      median(times.map((one, i) => one / floors[i]!)),
      'times',
      3,
      `${text(floor)} ms to read and parse the journal`,
    )
    figure(
      'ingest, store work alone',
      1_000_000 / ((time - floor) / 1000),
      'points/s',
      1_000_000,
      `${text(1_000_000 / (floor / 1000))} points/s read and parsed`,
      'at least',
    )
    figure(
      'store size, sealed',
      statSync(file).size / 1_000_000,
      'bytes/pt',
      20,
      `16 bytes of value and time; the journal has ${text(statSync(journal.journal).size / 1_000_000)}`,
    )
    rmSync(dirname(dir), { recursive: true })
  },

  async commit() {
    const dir = newFolder()
    const journal = new RunFolder(dir, { session: id(1, 1), name: 'net' })
    journal.epoch(id(2, 1), 1)
    journal.flush()
    const stores = new LocalStores(dir)
    await stores.ingest()
    const fd = openSync(join(dir, 'probe'), 'w')
    const floor = await several(300, () => {
      writeSync(fd, Buffer.alloc(16384), 0, 16384, 0)
      fsyncSync(fd)
    })
    closeSync(fd)
    let step = 0
    const times = []
    for (let i = 0; i < 300; i++) {
      const rows = Array.from({ length: 50 }, () => step++)
      journal.line({
        type: 'metrics',
        epoch: id(2, 1),
        split: 'train',
        step: rows,
        time: rows,
        values: Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`m${n}`, rows.map(Math.sqrt)])),
      })
      journal.flush()
      times.push(await timed(() => stores.ingest({ only: [id(1, 1)], verify: false })))
    }
    times.sort((a, b) => a - b)
    const fsync = at(floor, 0.5)
    const said = `${text(fsync)} ms for the machine's fsync`
    figure('one durable commit of 500 points, p50', at(times, 0.5), 'ms', 2, said)
    figure('one durable commit of 500 points, p99', at(times, 0.99), 'ms', 15, said)
    figure('one durable commit, p50 against 3 fsyncs + 1 ms', at(times, 0.5), 'ms', 3 * fsync + 1, said)
    await stores.close()
    rmSync(dirname(dir), { recursive: true })
  },

  async curves() {
    const dir = newFolder()
    const long = new RunFolder(dir, { session: id(0xa, 1), name: 'long' })
    writeMetrics(long, 0x1a, 1000, 2000, ['loss', 'accuracy'], 500)
    long.finish()
    const wide = new RunFolder(dir, { session: id(0xb, 1), name: 'wide' })
    writeMetrics(
      wide,
      0x1b,
      200,
      20,
      Array.from({ length: 50 }, (_, i) => `metric${i}`),
      20,
    )
    wide.finish()
    const samples = new RunFolder(dir, { session: id(0xc, 1), name: 'samples' })
    for (let e = 1; e <= 15; e++) {
      samples.epoch(id(0x1c, e), e)
      for (let from = 0; from < 10_000; from += 1000) {
        const rows = Array.from({ length: 1000 }, (_, i) => from + i)
        samples.line({
          type: 'samples',
          epoch: id(0x1c, e),
          split: 'val',
          fields: { sample: rows.map((n) => `s${n}`), label: rows.map((n) => n % 10), loss: rows.map(() => Math.random()) },
        })
      }
      samples.commit(id(0x1c, e))
    }
    samples.finish()
    const stores = new LocalStores(dir)
    await stores.ingest()
    await stores.close()
    const bytes = await reading(stores.file)
    const all = `${text(bytes)} ms to read the whole store`
    await question('envelope', 'envelope of 2 curves over 1,000 epochs', dir, 10, 30, all)
    await question('points', 'all 2,000,000 points of a curve', dir, 60, 600, all, true)
    await question('last', 'last values of 200 epochs x 50 metrics', dir, 20, 40, all)
    await question('groups', 'mean by label of 150,000 sample documents', dir, 20, 80, all)
    rmSync(dirname(dir), { recursive: true })
  },

  async fork() {
    const medians: number[] = []
    for (const [name, bytes] of [
      ['1 MiB', 2 ** 20],
      ['1 GiB', 2 ** 30],
      ['4 GiB', 2 ** 32],
    ] as const) {
      const dir = newFolder()
      const parent = new RunFolder(dir, { session: id(1, 1), name: 'net' })
      mkdirSync(join(parent.folder, 'weights'))
      for (let e = 1; e <= 30; e++) {
        parent.epoch(id(2, e), e)
        const file = `weights/${e}.bin`
        const sha256 = e === 30 ? writeWeights(join(parent.folder, file), bytes) : undefined
        parent.commit(id(2, e), sha256 ? { file, sha256, bytes, format: 'bin' } : null)
      }
      parent.finish()
      const stores = new LocalStores(dir)
      await stores.ingest()
      const launching = { cwd: dir, env: process.env }
      await fork({ stores, dir }, 'net@30', {}, launching)
      const times = await several(20, () => fork({ stores, dir }, 'net@30', {}, launching))
      const probe = join(dir, 'probe')
      const floor = await several(20, () => {
        for (let i = 0; i < 3; i++) {
          const fd = openSync(probe, 'w')
          writeSync(fd, 'x')
          fsyncSync(fd)
          closeSync(fd)
        }
      })
      medians.push(at(times, 0.5))
      figure(
        `fork of epoch 30 with ${name} of weights`,
        at(times, 0.5),
        'ms',
        10,
        `${text(at(floor, 0.5))} ms to write and flush 3 small files`,
      )
      await stores.close()
      rmSync(dirname(dir), { recursive: true })
    }
    figure('fork with 4 GiB over fork with 1 MiB', medians[2]! - medians[0]!, 'ms', 5, 'no byte of the weights is read')
  },

  async history() {
    const dir = newFolder()
    for (let s = 1; s <= 100; s++) {
      const from = (s - 1) * 1000
      const run1 = new RunFolder(dir, {
        session: id(0xd, s),
        name: `deep-${s + 1}`,
        ...(s > 1 ? { forkedFrom: { sessionId: id(0xd, s - 1), epochId: id(0x1d, from), epochNumber: from } } : {}),
      })
      for (let e = from + 1; e <= from + 1000; e++) {
        run1.epoch(id(0x1d, e), e)
        run1.commit(id(0x1d, e))
      }
      run1.finish()
    }
    const stores = new LocalStores(dir)
    await stores.ingest()
    await questions['history']!(stores, dir)
    const times = await several(9, () => questions['history']!(stores, dir))
    const { segments } = await stores.sessions.history(id(0xd, 100))
    const listing = await several(5, () => stores.sessions.epochs({ segments }))
    figure(
      'history of a fork 100 deep, 100,000 epochs',
      at(times, 0.5),
      'ms',
      20,
      `${text(at(listing, 0.5))} ms to list all its epochs one by one`,
    )
    await stores.close()
    rmSync(dirname(dir), { recursive: true })
  },

  async sessions() {
    const dir = newFolder()
    for (let s = 1; s <= 10_000; s++) {
      const one = new RunFolder(dir, { session: id(0xe, s), name: `net-${s}` })
      one.epoch(id(0x1e, s), 1)
      one.commit(id(0x1e, s))
      one.finish()
    }
    const stores = new LocalStores(dir)
    await stores.ingest()
    await questions['sessions']!(stores, dir)
    const times = await several(9, () => questions['sessions']!(stores, dir))
    await stores.close()
    figure(
      'sessions of a store with 10,000, as a library call',
      at(times, 0.5),
      'ms',
      30,
      `${text(await reading(stores.file))} ms to read the whole store`,
    )
    const node = ownNode()
    const launcher = join(root, 'bin', 'epochtree.mjs')
    const bare = at(await several(7, () => run(node, ['-e', '0'])), 0.5)
    const floor = `${text(bare)} ms for the bare Node ${run(node, ['--version']).trim()} that starts it`
    for (const [what, words] of [
      ['as a cold CLI process', ['--json']],
      ['as a cold CLI process, as text', []],
    ] as const) {
      const cold = await several(9, () => run(node, [launcher, 'sessions', ...words, '--dir', dir]))
      figure(`sessions of a store with 10,000, ${what}`, at(cold, 0.5), 'ms', 250, floor)
    }
    rmSync(dirname(dir), { recursive: true })
  },

  comparison: measureComparison,

  async editor() {
    await measureEditor()
    // Apart, because it needs a browser, which no other part does.
    const { measureActivation } = await import('./activation')
    await measureActivation()
  },

  async page() {
    const { measurePage } = await import('./page')
    await measurePage()
  },

  samples: measureSamples,

  async python() {
    const env = { PYTHONPATH: join(root, 'python') }
    const log = JSON.parse(run(python, [join(root, 'python', 'tests', 'bench_log.py')], env)) as Record<string, number>
    const dumps = `${text(log['dumpsSeconds']!)} s of json.dumps of the same`
    figure('Python: one log of 10 metrics, p50', log['p50Us']!, 'us', 5, dumps)
    figure('Python: one log of 10 metrics, p99', log['p99Us']!, 'us', 20, dumps)
    figure('Python: one log of 10 metrics, longest', log['longestMs']!, 'ms', 20, dumps)
    figure('Python: memory grown by 200,000 calls', log['rssMiB']!, 'MiB', 64, `${text(log['journalMiB']!)} MiB of journal`)
    figure('Python: 200,000 calls and close, against json.dumps', log['totalOverDumps']!, 'times', 2, dumps)
    const imported = JSON.parse(run(python, [join(root, 'python', 'tests', 'bench_import.py')], env)) as Record<string, number>
    figure(
      'Python: import over the bare interpreter',
      imported['importMs']!,
      'ms',
      15,
      `${text(imported['bareMs']!)} ms for the bare interpreter`,
    )
  },
}

const chosen = chosenOf(parts, options)
if (chosen) await measure(parts, chosen, options)

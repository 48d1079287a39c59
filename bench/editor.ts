// Measures what the language server promises, with the server as a process of its own, spoken to as an editor does.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import type { Changed, FolderState, Page, SessionRow } from '../server/protocol/editor'
import { LocalStores } from '../server/storage/local/stores'
import { at, figure } from './figures'
import { id, newFolder, RunFolder, writeMetrics } from './fixtures'
import { Server } from './server'

const SESSIONS = 10_000
const LONG = 100_000
const TRAININGS = 20
const SCRIPT_LINES = 5000

/** Ten thousand finished sessions, one of them a hundred thousand epochs long. */
export async function writeManySessions(dir: string) {
  for (let s = 1; s <= SESSIONS; s++) {
    const run = new RunFolder(dir, { session: id(1, s), name: `net-${s}` })
    const epochs = s === 1 ? LONG : 1
    for (let e = 1; e <= epochs; e++) {
      const epoch = id(2, s * 1_000_000 + e)
      run.epoch(epoch, e)
      run.line({
        type: 'metrics',
        epoch,
        split: 'val',
        step: null,
        time: [e],
        values: { accuracy: [Math.random()], loss: [Math.random()] },
      })
      run.commit(epoch)
    }
    run.finish()
  }
  const stores = new LocalStores(dir)
  await stores.ingest()
  await stores.close()
}

const scriptText = (model: string) => {
  const lines = ['import epochtree', `BASE = "${model}"`]
  for (let n = 0; lines.length < SCRIPT_LINES - 12; n++)
    lines.push(`def layer_${n}(x, width=${n}):`, `    y = x * width + ${n}`, '    return [y for _ in range(3)]', '')
  lines.push(
    'with epochtree.session(BASE, hyperparameters={"lr": 0.001, "optimizer": {"momentum": 0.9}}, pruning_plan={"ratio": 0.1, "everyEpochs": 2}) as session:',
    '    for epoch in session.epochs(40):',
    '        epoch.log({"loss": 0.3}, split="train", step=7)',
    '        epoch.commit()',
    `    epochtree.evaluate("${model}-5@max(val/accuracy)")`,
    '',
  )
  return lines.join('\n')
}

export async function measureEditor() {
  const dir = newFolder()
  await writeManySessions(dir)
  const workspace = dirname(dir)
  const server = new Server(workspace)
  await server.initialize()
  const [folder] = await server.ask<FolderState[]>('epochtree/folders', null)
  const first = performance.now() - server.begun
  if (folder?.sessions !== SESSIONS) throw new Error(`${folder?.sessions} sessions instead of ${SESSIONS}`)
  const bare = await nodeStart()
  figure("the server's first answer, 10,000 sessions, from its start", first, 'ms', 400, `${bare.toFixed(0)} ms for a bare Node`)

  const list = { dir, nested: true, offset: 0, limit: 200 }
  const page = await server.ask<Page<SessionRow>>('epochtree/sessions', list)
  const lists = await many(20, () => server.timed('epochtree/sessions', list))
  const bytes = Buffer.byteLength(JSON.stringify(page))
  const parse = await many(20, async () => {
    const begun = performance.now()
    JSON.parse(JSON.stringify(page))
    return performance.now() - begun
  })
  figure(
    'first 200 items of the tree of 10,000 sessions, p95',
    at(lists, 0.95),
    'ms',
    100,
    `${bytes.toLocaleString('en')} bytes, written and parsed in ${at(parse, 0.5).toFixed(1)} ms`,
  )
  const long = id(1, 1)
  const expanded = await many(20, async () => {
    const begun = performance.now()
    await server.ask('epochtree/notable', { dir, session: long })
    await server.ask('epochtree/epochs', { dir, session: long, offset: 50_000, limit: 100 })
    return performance.now() - begun
  })
  figure('expanding the session of 100,000 epochs, and a page of its middle, p95', at(expanded, 0.95), 'ms', 50, 'two questions')

  await wait(3000)
  const used = server.processor()
  const IDLE_SECONDS = 20
  await wait(IDLE_SECONDS * 1000)
  const idle = server.memory()
  figure('idle, 10,000 finished runs: share of a core', (100 * (server.processor() - used)) / IDLE_SECONDS, '%', 0.5, 'no training runs')
  figure('memory of the server, idle', idle, 'MB', 150, `${nodeMemory().toFixed(0)} MB for a bare Node`)

  await liveUpdates(server, dir)
  await whileIngesting(server, dir, workspace)
  await server.end()
  rmSync(workspace, { recursive: true })
}

const many = async (rounds: number, work: () => Promise<number>) => {
  const times = []
  for (let i = 0; i < rounds; i++) times.push(await work())
  return times.sort((a, b) => a - b)
}

async function nodeStart(): Promise<number> {
  const begun = performance.now()
  await new Promise((resolve) => spawn(process.execPath, ['-e', '0']).once('exit', resolve))
  return performance.now() - begun
}
const nodeMemory = () => Number(spawnSync(process.execPath, ['-p', 'process.memoryUsage().rss / 2 ** 20'], { encoding: 'utf8' }).stdout)

/** From a flushed line of a journal to the notification of it, with many trainings writing at once. */
async function liveUpdates(server: Server, dir: string) {
  const runs = Array.from({ length: TRAININGS }, (_, n) => {
    const session = id(3, n + 1)
    const run = new RunFolder(dir, { session, name: `live-${n + 1}` })
    run.flush()
    writeFileSync(join(run.folder, 'alive'), '')
    return { session, run, number: 0 }
  })
  const seen = new Map<string, () => void>()
  const disposable = server.connection.onNotification('epochtree/changed', ({ sessions }: Changed) => {
    for (const { id: session, latest } of sessions) seen.get(`${session} ${latest?.number}`)?.()
  })
  const times: number[] = []
  for (let round = 0; round < 30; round++) {
    const waiting = runs.map(async (one, n) => {
      await wait((1000 * n) / TRAININGS)
      const number = ++one.number
      const epoch = id(4, (n + 1) * 1000 + number)
      one.run.epoch(epoch, number)
      one.run.line({ type: 'metrics', epoch, split: 'val', step: null, time: [number], values: { accuracy: [Math.random()] } })
      one.run.commit(epoch)
      const shown = new Promise<void>((resolve) => seen.set(`${one.session} ${number}`, resolve))
      one.run.flush()
      const begun = performance.now()
      await shown
      times.push(performance.now() - begun)
    })
    await Promise.all(waiting)
  }
  disposable.dispose()
  for (const { run } of runs) run.finish()
  const sorted = times.sort((a, b) => a - b)
  figure(
    "from a flushed line to the tree's change, 20 trainings writing, p95",
    at(sorted, 0.95),
    'ms',
    300,
    `${fsyncTime(dir).toFixed(1)} ms for one fsync here`,
  )
}

function fsyncTime(dir: string): number {
  const fd = openSync(join(dir, 'fsync'), 'w')
  const times = Array.from({ length: 20 }, () => {
    const begun = performance.now()
    writeSync(fd, 'x')
    fsyncSync(fd)
    return performance.now() - begun
  }).sort((a, b) => a - b)
  closeSync(fd)
  return at(times, 0.5)
}

/** Hover, lenses and completion in a long script, while a long journal is read at full speed. */
async function whileIngesting(server: Server, dir: string, workspace: string) {
  const uri = pathToFileURL(join(workspace, 'train.py')).href
  const text = scriptText('net')
  await server.connection.sendNotification('textDocument/didOpen', { textDocument: { uri, languageId: 'python', version: 1, text } })
  const lines = text.split('\n')
  const line = (word: string) => lines.findIndex((one) => one.includes(word))
  const call = { line: line('with epochtree.session'), character: 20 }
  const reference = { line: line('evaluate("'), character: lines[line('evaluate("')]!.indexOf('@') + 1 }
  const textDocument = { uri }
  // A journal of five million points comes in meanwhile.
  mkdirSync(join(dir, 'runs'), { recursive: true })
  const run = new RunFolder(dir, { session: id(5, 1), name: 'heavy' })
  writeMetrics(run, 6, 5000, 100, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'], 25)
  run.finish()
  const hovers: number[] = []
  const others: number[] = []
  let peak = 0
  const own = await server.ask<Page<SessionRow>>('epochtree/sessions', { dir, nested: false, filter: 'heavy', offset: 0, limit: 1 })
  let row = own.rows[0]
  for (let i = 0; i < 2000 && (!row || row.epochs < 5000); i++) {
    hovers.push(
      await server.timed('textDocument/hover', { textDocument, position: call }),
      await server.timed('textDocument/hover', { textDocument, position: reference }),
    )
    others.push(
      await server.timed('textDocument/codeLens', { textDocument }),
      await server.timed('textDocument/completion', { textDocument, position: reference }),
    )
    peak = Math.max(peak, server.memory())
    await wait(10)
    row = (await server.ask<Page<SessionRow>>('epochtree/sessions', { dir, nested: false, filter: 'heavy', offset: 0, limit: 1 })).rows[0]
  }
  const p95 = (times: number[]) =>
    at(
      times.sort((a, b) => a - b),
      0.95,
    )
  figure('hover in a 5,000-line script while a journal is read, p95', p95(hovers), 'ms', 20, `${hovers.length} hovers`)
  figure('CodeLens and completion there, p95', p95(others), 'ms', 20, `${others.length} questions`)
  figure('memory of the server while it reads a journal, highest', peak, 'MB', 400, '10,000 sessions and 100,000 epochs in the store')
}

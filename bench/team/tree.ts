import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FolderState, Page, SessionRow } from '../../server/protocol/editor'
import { freshTeam } from '../../test/services/servers'
import { teamEnvironment } from '../../test/services/support'
import { at, figure, text } from '../figures'
import { Server, type ServerOptions } from '../server'
import { median, timed, turns } from '../turns'
import { ownFolder, writeSessions } from './sessions'
import type { Sizes } from './sizes'

const PAGE = 200

const list = (dir: string, offset = 0, limit = PAGE) => ({ dir, nested: false, offset, limit })

/** A server that has just started, and its first page with so many rows in all. */
async function started(workspace: string, options: ServerOptions, total: number) {
  const server = new Server(workspace, options)
  await server.initialize()
  const [folder] = await server.ask<FolderState[]>('epochtree/folders', null)
  const { dir } = folder!
  let first: number | undefined
  for (;;) {
    const page = await server.ask<Page<SessionRow>>('epochtree/sessions', list(dir))
    const now = performance.now() - server.begun
    if (page.rows.length === Math.min(PAGE, total)) first ??= now
    if (page.total === total) return { server, dir, first: first!, whole: now }
    await new Promise((done) => setTimeout(done, 10))
  }
}

/** The tree of a team with many sessions, as the editor asks the language server for it. */
export async function measureTree({ rounds, sessions }: Sizes) {
  const config = await freshTeam()
  const { client, db } = await writeSessions(config, sessions)
  const { workspace, env: own } = await ownFolder()
  const options = { env: { ...own, ...teamEnvironment(config) } }
  const total = sessions + 1
  const what = `the tree of a team of ${text(sessions)} sessions`
  const collection = db.collection('TrainingSession')

  // Without what an earlier look keeps here. All of it is read from MongoDB, so fewer rounds do.
  const looks = { first: [] as number[], whole: [] as number[] }
  const few = Math.min(3, rounds)
  const newest = { sort: { _id: -1 as const }, projection: { epochs: 0, details: 0 } }
  const page: number[] = []
  const { floor } = await turns(
    few,
    async () => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(join(workspace, '.epochtree', `team.sqlite${suffix}`), { force: true })
      const { server, first, whole } = await started(workspace, options, total)
      await server.end()
      looks.first.push(first)
      looks.whole.push(whole)
      return whole
    },
    async () => {
      page.push(await timed(() => collection.find({}, { ...newest, limit: 500 }).toArray()))
      return timed(() => collection.find({}, newest).toArray())
    },
  )

  const starts: number[] = []
  const processor: number[] = []
  for (let i = 0; i < rounds; i++) {
    const { server, first } = await started(workspace, options, total)
    starts.push(first)
    processor.push(1000 * server.processor())
    await server.end()
  }
  const { server, dir } = await started(workspace, options, total)
  const idle = server.processorOfThreads()
  const pages: number[] = []
  const wholes: number[] = []
  for (let i = 0; i < 20; i++) {
    pages.push(await server.timed('epochtree/sessions', list(dir)))
    wholes.push(
      await timed(async () => {
        let rows = 0
        for (let offset = 0; offset < total; offset += PAGE)
          rows += (await server.ask<Page<SessionRow>>('epochtree/sessions', list(dir, offset))).rows.length
        if (rows !== total) throw new Error(`${rows} rows instead of ${total}`)
      }),
    )
  }
  const perLook = (1000 * (server.processorOfThreads() - idle)) / 20
  const memory = server.memory()
  await server.end()
  const p95 = (times: number[]) =>
    at(
      times.sort((a, b) => a - b),
      0.95,
    )
  const plain = `${text(median(page))} ms for the driver's question for 500 of them, ${text(median(floor))} ms for all`
  figure(`first page of ${what}, p95`, p95(pages), 'ms', 100, plain)
  figure(`all pages of ${what}, p95`, p95(wholes), 'ms', 1000, `${plain}; ${text(perLook)} ms of the server's processor time`)
  figure(
    `from the server's start to the first page of ${what}`,
    median(starts),
    'ms',
    500,
    `${text(median(processor))} ms of processor time until then, all threads together; ${text(memory)} MB of memory`,
  )
  figure(
    `the very first look, with no list kept here: first page of ${what}`,
    median(looks.first.slice(1)),
    'ms',
    500 + median(page),
    plain,
  )
  figure(
    `the very first look, with no list kept here: all of ${what}`,
    median(looks.whole.slice(1)),
    'ms',
    500 + 1.3 * median(floor),
    plain,
  )
  await client.close()
  rmSync(workspace, { recursive: true })
}

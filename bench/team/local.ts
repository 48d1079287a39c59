import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { FolderState, Page, SessionRow } from '../../server/protocol/editor'
import { at, figure, root, text } from '../figures'
import { Server, type ServerOptions } from '../server'
import { median } from '../turns'
import { ownFolder } from './sessions'
import type { Sizes } from './sizes'

/** Of the product: the program that a folder with a team loads, and the clients in it. */
const isTeams = (file: string) => /^team(-[^/]*)?\.js(\.map)?$/.test(basename(file))

/** In place of each file of the team's program: says that somebody loaded it. */
const noting = (file: string) => `import { appendFileSync } from 'node:fs'
appendFileSync(process.env.EPOCHTREE_BENCH_LOADED, ${JSON.stringify(`${file}\n`)})
export const openTeamStores = () => {
  throw new Error('This is not it.')
}
`
const CLIENTS = /node_modules\/(mongodb|bson|@elastic|@google-cloud)\//

/** What a folder without a team pays for there being teams: a server with the clients beside it, and one where they were never installed. */
export async function measureLocal({ rounds }: Sizes) {
  const { workspace, dir, env: own } = await ownFolder()
  const env = { ...own, EPOCHTREE_STORE: undefined }
  const place = mkdtempSync(join(tmpdir(), 'epochtree-bench-'))
  const [whole, without] = ['with', 'without'].map((name) => join(place, name, 'dist')) as [string, string]
  const dist = join(root, 'dist')
  cpSync(dist, whole, { recursive: true })
  cpSync(dist, without, { recursive: true, filter: (path) => !isTeams(path) })
  const clients = readdirSync(dist).filter((name) => isTeams(name) && name.endsWith('.js'))
  if (clients.length < 4) throw new Error(`Of the team's program there is only ${clients.join(', ')}.`)

  const noted = join(place, 'noted.txt')
  const told = join(place, 'told', 'dist')
  cpSync(dist, told, { recursive: true })
  for (const file of clients) writeFileSync(join(told, file), noting(file))
  const loadedBy = async (store: 'local' | 'team', work: (env: NodeJS.ProcessEnv) => unknown) => {
    writeFileSync(noted, '')
    await work({ ...env, EPOCHTREE_STORE: store === 'team' ? store : undefined, EPOCHTREE_BENCH_LOADED: noted })
    return readFileSync(noted, 'utf8').split('\n').filter(Boolean)
  }
  const byServer = async (env: NodeJS.ProcessEnv) => (await asked(workspace, { env, dist: told }))()
  const byCommand = (env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, [join(told, 'cli.js'), 'sessions', '--dir', dir], { env: { ...process.env, ...env } }).status
  const address = {
    EPOCHTREE_MONGO_URI: 'mongodb://127.0.0.1:9/',
    EPOCHTREE_ELASTIC_NODE: 'http://127.0.0.1:9',
    EPOCHTREE_GCS_BUCKET: 'bench',
  }
  if ((await loadedBy('team', (env) => byCommand({ ...env, ...address }))).length === 0) throw new Error('What a team loads was not noted.')
  const loaded = [...(await loadedBy('local', byServer)), ...(await loadedBy('local', byCommand))]
  const ours = ['server.js', 'storeWorker.js', 'cli.js', ...readdirSync(dist).filter((name) => /^cli-.*\.js$/.test(name))]
  const within = ours.flatMap((file) =>
    (JSON.parse(readFileSync(join(dist, `${file}.map`), 'utf8')) as { sources: string[] }).sources.filter((source) => CLIENTS.test(source)),
  )
  const bytes = (files: readonly string[]) => files.reduce((sum, file) => sum + statSync(join(dist, file)).size, 0)
  figure(
    "the team's program and its clients, loaded by local mode",
    bytes(loaded) / 1e6,
    'MB',
    0,
    `${text(bytes(clients) / 1e6)} MB are there in ${clients.length} files; ${text(bytes(['server.js', 'storeWorker.js']) / 1e6)} MB are the server and its store`,
  )
  figure(
    "files of the clients in the server's and the command line's own programs",
    within.length,
    'files',
    0,
    `${ours.length} programs and parts`,
  )

  const found = { with: { ms: [] as number[], mb: [] as number[] }, without: { ms: [] as number[], mb: [] as number[] } }
  const sides = [
    [found.with, whole],
    [found.without, without],
  ] as const
  for (let round = -1; round < 3 * rounds; round++)
    for (const [side, at] of round % 2 === 0 ? sides : sides.toReversed()) {
      const end = await asked(workspace, { env, dist: at })
      const { ms, mb } = await end()
      if (round >= 0) {
        side.ms.push(ms)
        side.mb.push(mb)
      }
    }
  for (const [what, unit, key] of [
    ["the server's first answer in local mode: what the clients add", 'ms', 'ms'],
    ['memory of the server in local mode: what the clients add', 'MB', 'mb'],
  ] as const) {
    const floor = found.without[key].toSorted((a, b) => a - b)
    // What two halves of the same would differ by: less than that can't be told from nothing.
    const noise = at(floor, 0.75) - at(floor, 0.25)
    figure(
      what,
      median(found.with[key].map((one, i) => one - found.without[key][i]!)),
      unit,
      noise,
      `${text(median(floor))} ${unit} without them, of which the middle half lies within ${text(noise)} ${unit}: no more than that is nothing`,
    )
  }
  for (const folder of [place, workspace]) rmSync(folder, { recursive: true })
}

/** Starts a server and asks it for its list; how long it took from its start, and what memory it has. */
async function asked(workspace: string, options: ServerOptions) {
  const server = new Server(workspace, options)
  await server.initialize()
  const [folder] = await server.ask<FolderState[]>('epochtree/folders', null)
  const { rows } = await server.ask<Page<SessionRow>>('epochtree/sessions', { dir: folder!.dir, nested: true, offset: 0, limit: 200 })
  const ms = performance.now() - server.begun
  if (rows.length !== 1) throw new Error(`${rows.length} sessions instead of one`)
  return async () => {
    const mb = server.memory()
    await server.end()
    return { ms, mb }
  }
}

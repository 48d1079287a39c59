import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EpochtreeError } from './errors'
import { makeFolder } from './folder'
import type { Params, Result, StoreSettings } from './protocol/editor'
import { addressOf, checkStore, readTeamFile } from './storage/team/config'
import type { Workspace } from './workspace'

const configFile = (dir: string) => join(dir, 'config.json')

/** What the folder's own file says, for whoever is about to write another. */
export function teamFile(workspace: Workspace, { dir }: Params<'epochtree/teamFile'>): Result<'epochtree/teamFile'> {
  workspace.mayChange()
  const folder = workspace.folder(dir)
  return { file: configFile(folder.dir), store: (readTeamFile(folder.dir) as StoreSettings | undefined) ?? null }
}

export function teamAddress({ server, address }: Params<'epochtree/teamAddress'>): Result<'epochtree/teamAddress'> {
  if (address.includes('@'))
    throw new EpochtreeError('bad-argument', 'Leave user and password out of the address: they are asked for next, and kept apart from it.')
  if (server !== 'gcs') return { address: addressOf(server, address) }
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
    throw new EpochtreeError('bad-argument', 'It is no address of a server. It looks like https://host:443.')
  return { address }
}

/** In the store's thread: the clients of the servers are loaded nowhere else. */
export async function tryServer(workspace: Workspace, tried: Params<'epochtree/tryServer'>, signal: AbortSignal) {
  workspace.mayChange()
  const { dir, ...one } = tried
  const folder = workspace.folder(dir)
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new EpochtreeError('aborted', 'It was cancelled.')), { once: true }),
  )
  return (await Promise.race([folder.stores.run('tryServer', one, folder.dir), aborted])) as Result<'epochtree/tryServer'>
}

/** Only these two are for others to have; everything else in the folder stays out of version control. */
const IGNORED = '*\n'
const IGNORED_BUT_CONFIG = '*\n!.gitignore\n!config.json\n'

/** Writes the folder's own file, whole or not at all; what else stands in it stays. */
export function saveTeam(workspace: Workspace, { dir, store }: Params<'epochtree/saveTeam'>): Result<'epochtree/saveTeam'> {
  workspace.mayChange()
  const folder = workspace.folder(dir)
  const file = configFile(folder.dir)
  readTeamFile(folder.dir) // What can't be read is not written over.
  const { store: _, ...others } = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>) : {}
  if (store) checkStore(store, file)
  makeFolder(folder.dir)
  const temporary = `${file}.${process.pid}.tmp`
  try {
    writeFileSync(temporary, `${JSON.stringify({ ...others, ...(store ? { store } : {}) }, null, 2)}\n`)
    renameSync(temporary, file)
  } finally {
    rmSync(temporary, { force: true })
  }
  const ignore = join(folder.dir, '.gitignore')
  if (store && readFileSync(ignore, 'utf8') === IGNORED) writeFileSync(ignore, IGNORED_BUT_CONFIG)
  workspace.lookAtTeams()
  return { file }
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Whether a team's configuration has to be looked at: a folder without one costs a look at the file system, and loads nothing. */
export function mayHaveTeam(
  dir: string,
  env: Readonly<Record<string, string | undefined>>,
  given?: { readonly settings?: unknown },
): boolean {
  if (env['EPOCHTREE_STORE'] === 'local') return false
  return env['EPOCHTREE_STORE'] !== undefined || given?.settings !== undefined || existsSync(join(dir, 'config.json'))
}

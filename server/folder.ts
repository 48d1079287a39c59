import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The `.epochtree` folder: named, or the nearest ancestor's own, or beside the project's root, or here. */
export function findFolder(named: string | undefined, cwd: string, env: Readonly<Record<string, string | undefined>>): string {
  const given = named ?? env['EPOCHTREE_DIR']
  if (given) return resolve(cwd, given)
  const ancestors = [cwd]
  for (let at = cwd; dirname(at) !== at;) ancestors.push((at = dirname(at)))
  const mine = (path: string) =>
    statSync(path, { throwIfNoEntry: false })?.isDirectory() === true &&
    (process.getuid === undefined || statSync(path).uid === process.getuid())
  const found = ancestors.map((folder) => join(folder, '.epochtree')).find(mine)
  if (found) return found
  const root = ancestors.find((folder) => existsSync(join(folder, '.git')) || existsSync(join(folder, 'pyproject.toml')))
  return join(root ?? cwd, '.epochtree')
}

export function makeFolder(dir: string) {
  mkdirSync(join(dir, 'runs'), { recursive: true })
  const ignore = join(dir, '.gitignore')
  if (!existsSync(ignore)) writeFileSync(ignore, '*\n')
}

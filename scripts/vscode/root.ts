import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../../server/storage/local/place'

/** The checkout: bundled code lies at any depth below it. */
export const root = (() => {
  for (let at = import.meta.dirname; ; at = dirname(at))
    if (existsSync(join(at, 'scripts', 'vscode', 'server', 'package-lock.json'))) return at
    else if (at === dirname(at)) throw new Error(`${import.meta.dirname} is not in a checkout of Epochtree. Clone it, and run this there.`)
})()

/** Where what is fetched once is kept, outside every checkout. */
export const cache = () => join(process.env['EPOCHTREE_CACHE'] || cacheFolder(process.platform, process.env, homedir()), 'vscode')

/** Says what goes on, a line a step. */
export type Say = (line: string) => void

export const toStderr: Say = (line) => void process.stderr.write(`${line}\n`)

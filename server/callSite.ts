import { readFile, readdir, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readCommand } from './actions/command'
import type { Result } from './protocol/editor'
import { understand } from './script/model'
import { LONGEST_DOCUMENT, parse } from './script/parse'
import type { TrackedFolder } from './trackedFolder'

const MOST_SCRIPTS = 2000
const MOST_FOLDERS = 5000
const DEEPEST = 12
/** Folders that hold other people's scripts. */
const PASSED_OVER = /^(\..*|node_modules|__pycache__|site-packages|venv|env|build|dist)$/

/**
 * Where a session's model is begun: in the script that trained it, where that lies in the workspace; else in the first of the workspace's
 * scripts that names its model; else, as in a workspace that is a copy, in the script that trained it, wherever that is.
 */
export async function callSite(folder: TrackedFolder, roots: readonly string[], sessionId: string): Promise<Result<'epochtree/callSite'>> {
  const { modelName } = await folder.session(sessionId)
  const command = readCommand((await folder.stores.sessions.session(sessionId))?.command ?? null)
  const words = command && isAbsolute(command.cwd) ? command.argv.filter((word) => word.endsWith('.py')) : []
  const recorded = words.map((word) => resolve(command!.cwd, word))
  const inside = (path: string) => roots.some((root) => path.startsWith(root.endsWith(sep) ? root : root + sep))
  const called = async (paths: AsyncIterable<string> | Iterable<string>, trainedIt: boolean) => {
    for await (const path of paths) {
      const found = await callIn(path, modelName, trainedIt)
      if (found) return found
    }
    return null
  }
  return (await called(recorded.filter(inside), true)) ?? (await called(scripts(roots), false)) ?? (await called(recorded, true))
}

/** Python files below the folders, nearest first, and not without end. */
async function* scripts(roots: readonly string[]): AsyncGenerator<string> {
  let level = [...roots]
  let files = 0
  let folders = 0
  for (let depth = 0; level.length && depth < DEEPEST; depth++) {
    const deeper: string[] = []
    for (const at of level) {
      if (++folders > MOST_FOLDERS) return
      const entries = await readdir(at, { withFileTypes: true }).catch(() => [])
      for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        if (entry.isDirectory() && !PASSED_OVER.test(entry.name)) deeper.push(join(at, entry.name))
        if (!entry.isFile() || !entry.name.endsWith('.py')) continue
        if (++files > MOST_SCRIPTS) return
        yield join(at, entry.name)
      }
    }
    level = deeper
  }
}

async function callIn(path: string, modelName: string, trainedIt: boolean): Promise<Result<'epochtree/callSite'>> {
  const { size } = await stat(path).catch(() => ({ size: Infinity }))
  if (size > LONGEST_DOCUMENT) return null
  const text = await readFile(path, 'utf8').catch(() => '')
  if (!text.includes('epochtree')) return null
  const { sessions } = understand(parse(text))
  // Of the script that trained it, a call whose model only running it would tell may be the one.
  const call =
    sessions.find((one) => one.modelName === modelName) ?? (trainedIt ? sessions.find((one) => one.modelName === undefined) : undefined)
  if (!call) return null
  const before = text.slice(0, call.from).split('\n')
  return { uri: pathToFileURL(path).href, line: before.length - 1, character: before.at(-1)!.length }
}

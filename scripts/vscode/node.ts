import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EpochtreeError } from '../../server/errors'
import { root } from './root'

export interface Node {
  readonly program: string
  /** Its headers, where they came along; node-gyp fetches them elsewhere. */
  readonly headers: string | undefined
}

/** The Node 24 that the VS Code server runs on: the one that the project's packages bring, or this one. */
export function node24(): Node {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const prefix = join(root, 'node_modules', `node-${platform}-${process.arch}`)
  const packaged = join(prefix, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(packaged)) return { program: packaged, headers: existsSync(join(prefix, 'include')) ? prefix : undefined }
  if (process.versions.node.startsWith('24.')) return { program: process.execPath, headers: undefined }
  throw new EpochtreeError(
    'not-found',
    `VS Code's server runs on Node 24; this is ${process.versions.node}, and there is no package of Node 24 for ${process.platform} ${process.arch}. Install Node 24 and run it again with that.`,
  )
}

/** An environment in which a child finds that Node first and nothing of an npm script or an editor that started us. */
export function cleanEnvironment(node: Node, extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const ours = Object.entries(process.env).filter(
    ([name]) => !/^(VSCODE_|ELECTRON_|EPOCHTREE_|NODE_OPTIONS$|NODE_CHANNEL_FD$|npm_(package|lifecycle)_)/.test(name),
  )
  const path = `${dirname(node.program)}${process.platform === 'win32' ? ';' : ':'}${process.env['PATH'] ?? ''}`
  return { ...Object.fromEntries(ours), PATH: path, ...extra }
}

import { createHash } from 'node:crypto'
import { dirname, isAbsolute, relative, sep } from 'node:path'
import type { Json, JsonObject } from '../../protocol/model'
import { maskSecrets } from '../../tracking/secrets'
import type { SessionRecord } from '../ports'
import type { SessionUpload } from './ports'

/**
 * What others are told of a session that was trained beside a folder: nothing of it that looks like a secret, and no signature, which would be of what
 * it hides.
 */
export function uploadOf(record: SessionRecord, by: string, alive: boolean, dir: string): SessionUpload {
  const { team: _, ...told } = record
  return { record: { ...told, command: told.command && shownCommand(told.command, dirname(dir)) }, by, alive }
}

function shownCommand(recorded: JsonObject, project: string): JsonObject {
  const { signature: _, ...command } = recorded
  const { argv, cwd } = command
  return {
    ...command,
    argv: Array.isArray(argv) ? maskSecrets((argv as readonly Json[]).map(String)) : [],
    ...(typeof cwd === 'string' ? within(project, cwd) : {}),
  }
}

/** Where in the project it was run: others have the project elsewhere. */
function within(project: string, cwd: string): JsonObject {
  const path = relative(project, cwd)
  return isAbsolute(path) || path.split(sep)[0] === '..' ? {} : { within: path.replaceAll(sep, '/') }
}

/** Tells whether a session has to be told of again: of what its epochs and people's decisions tell, nothing counts. */
export function digest({ record, by, alive }: SessionUpload): string {
  const { name: _1, tags: _2, selected: _3, deletedAt: _4, own: _5, latest: _6, forkPoint: _7, problems: _8, ...told } = record
  return createHash('sha256')
    .update(JSON.stringify([told, by, alive]))
    .digest('hex')
    .slice(0, 32)
}

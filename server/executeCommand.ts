import { fork } from './actions/newSession'
import { EpochtreeError } from './errors'
import { type CommandArgument, commandArgumentOf } from './parameters'
import * as requests from './requests'
import type { TrackedFolder } from './trackedFolder'
import type { Workspace } from './workspace'

/**
 * Commands for any client of the Language Server Protocol; each takes one object and answers as the command line does with `--json`.
 * Their names are no commands that the extension contributes: its client library registers these itself.
 */
const commands = {
  /** `{}` lists the sessions, `{session}` tells one. */
  'epochtree.server.session': async (workspace: Workspace, { dir, session, deleted }: CommandArgument) => {
    const folder = folderOf(workspace, dir)
    if (session === undefined) return requests.listSessions(folder, { deleted: deleted ?? false })
    return (await requests.log(folder, session)).session
  },
  /** `{reference}`: one epoch. */
  'epochtree.server.epoch': async (workspace: Workspace, { dir, reference }: CommandArgument) =>
    requests.show(folderOf(workspace, dir), needed(reference, 'reference')),
  /** `{reference, name?, set?, planFile?, epochs?}`: a new session that starts there, and how to run it. */
  'epochtree.server.fork': async (workspace: Workspace, { dir, reference, ...edits }: CommandArgument) => {
    workspace.mayChange()
    const folder = folderOf(workspace, dir)
    const started = await fork(folder, needed(reference, 'reference'), edits, { cwd: process.cwd(), env: process.env })
    if (started.session.id !== null) await folder.wrote(started.session.id)
    return started
  },
}
export const commandNames = Object.keys(commands)

export async function executeCommand(workspace: Workspace, command: string, words: readonly unknown[]): Promise<unknown> {
  if (!Object.hasOwn(commands, command)) throw new EpochtreeError('bad-argument', `There is no command ${command.slice(0, 200)}.`)
  return commands[command as keyof typeof commands](workspace, commandArgumentOf(words[0], command))
}

function needed(value: string | undefined, key: string): string {
  if (value === undefined) throw new EpochtreeError('bad-argument', `Give a ${key}, such as {"${key}": "resnet50@30"}.`)
  return value
}

function folderOf(workspace: Workspace, dir: string | undefined): TrackedFolder {
  if (dir !== undefined) return workspace.folder(dir)
  const [only, ...others] = workspace.folders
  if (!only) throw new EpochtreeError('not-found', 'No folder is open. Open the folder of your training scripts.')
  if (others.length) throw new EpochtreeError('bad-argument', `Say which folder: {"dir": "${only.dir}"}.`)
  return only
}

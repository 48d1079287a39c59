import { existsSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { isOurs, readCommand, shellText } from './actions/command'
import { maskSecrets } from './tracking/secrets'
import { EpochtreeError } from './errors'
import type { Started } from './protocol/editor'
import type { StartedJson } from './protocol/model'
import type { TrackedFolder } from './trackedFolder'

/** What the editor needs to run the engine as a task of its own. */
export async function startedOf(folder: TrackedFolder, { session, launch, runDir }: StartedJson): Promise<Started> {
  if (session.id === null || runDir === null) throw new EpochtreeError('failed', 'Nothing was made.')
  await folder.wrote(session.id)
  const command = readCommand((await folder.stores.sessions.session(session.id))?.command ?? null)
  const about = { dir: folder.dir, session: { id: session.id, name: session.name }, runDir }
  if (!launch)
    return {
      ...about,
      launch: null,
      foreign: null,
      notRunnable: `It is not recorded how ${session.name} is started. Run its script in a terminal with EPOCHTREE_SESSION=${session.id}: it takes this session.`,
    }
  if (!isAbsolute(launch.cwd) || !existsSync(launch.cwd))
    return {
      ...about,
      launch: null,
      foreign: null,
      notRunnable: `The folder ${launch.cwd}, where its script was started, is not here. Run the script where it lies now, with EPOCHTREE_SESSION=${session.id}: it takes this session.`,
    }
  folder.expect(session.id)
  return {
    ...about,
    launch,
    notRunnable: null,
    foreign: command && isOurs(command, process.env) ? null : shellText(maskSecrets(launch.argv)),
  }
}

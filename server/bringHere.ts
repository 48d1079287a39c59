import { openDraft } from './drafts/draftFolder'
import type { Params } from './protocol/editor'
import { resolve } from './references'
import type { FileRecord } from './storage/ports'
import type { TrackedFolder } from './trackedFolder'
import type { Workspace } from './workspace'

const TOLD_EVERY_MS = 100

/** What something that starts at an epoch, or is made of it, needs and this machine lacks. */
async function missing(workspace: Workspace, asked: Params<'epochtree/missing'>) {
  const { folder, reference } =
    'file' in asked ? ofDraft(workspace, asked.file) : { folder: workspace.folder(asked.dir), reference: asked.reference }
  const none = { folder, files: [] as FileRecord[] }
  // Without a team there is nowhere to bring them from: whoever needs them says so.
  if (!folder.hasTeam || reference === undefined) return none
  const { epoch } = await resolve(folder.stores, reference)
  if (epoch.released) return none
  const files: FileRecord[] = []
  for (const file of [epoch.weights, epoch.optimizerState])
    if (file && files.every(({ sha256 }) => sha256 !== file.sha256) && !(await folder.stores.weights.path(file.sha256))) files.push(file)
  return { folder, files }
}

function ofDraft(workspace: Workspace, file: string): { readonly folder: TrackedFolder; readonly reference: string | undefined } {
  const { folder, about } = openDraft(workspace, file)
  return { folder, reference: about.kind === 'fork' ? `${about.session}@${about.epoch}` : undefined }
}

const bytesOf = (files: readonly FileRecord[]) => files.reduce((sum, { bytes }) => sum + bytes, 0)

export async function missingBytes(workspace: Workspace, asked: Params<'epochtree/missing'>): Promise<number | null> {
  const { files } = await missing(workspace, asked)
  return files.length ? bytesOf(files) : null
}

/** Brings weights here from a team's bucket; what came before it was called off need not come again. */
export async function bringHere(workspace: Workspace, asked: Params<'epochtree/fetch'>, signal: AbortSignal): Promise<null> {
  workspace.mayChange()
  const { folder, files } = await missing(workspace, asked)
  const total = bytesOf(files)
  let before = 0
  let told = 0
  for (const { sha256, bytes } of files) {
    await folder.stores.weights.fetch(sha256, {
      signal,
      progress: (done) => {
        const now = performance.now()
        if (now - told < TOLD_EVERY_MS) return
        told = now
        workspace.fetching({ token: asked.token, done: before + done, total })
      },
    })
    before += bytes
  }
  return null
}

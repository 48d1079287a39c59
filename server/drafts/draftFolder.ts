import { existsSync, mkdirSync, realpathSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { newId } from '../actions/newSession'
import { EpochtreeError } from '../errors'
import { readText } from '../journal/runFiles'
import type { TrackedFolder } from '../trackedFolder'
import type { Workspace } from '../workspace'

const id = z.string().check(z.regex(/^[0-9a-f]{24}$/))
const about = z.discriminatedUnion('kind', [
  z.object({ format: z.literal(1), kind: z.literal('fork'), session: id, epoch: id, suggestedName: z.string(), original: z.string() }),
  z.object({
    format: z.literal(1),
    kind: z.literal('train'),
    script: z.string(),
    root: z.string(),
    python: z.array(z.string()).check(z.minLength(1)),
    model: z.optional(z.string()),
    suggestedName: z.string(),
    original: z.string(),
  }),
])
/** What draft.json beside a draft says: what it is a draft of. Ids, because names and `latest` move on while one thinks. */
export type DraftAbout = z.infer<typeof about>

export interface DraftFile {
  readonly folder: TrackedFolder
  readonly file: string
  readonly kind: DraftAbout['kind']
}

const LARGEST = 32 * 1024 * 1024
const FILES = { fork: 'fork.jsonc', train: 'train.jsonc' } as const
const ABOUT = 'draft.json'

/** The draft that a file is; undefined for any other file. Only what lies in the `drafts` of a followed folder is ever read as one, or removed. */
export function draftAt(workspace: Workspace, file: string): DraftFile | undefined {
  const kind = (['fork', 'train'] as const).find((one) => FILES[one] === basename(file))
  const draft = dirname(file)
  if (!kind || !id.safeParse(basename(draft)).success) return undefined
  const folder = workspace.folders.find(({ dir }) => sameFolder(dirname(draft), join(dir, 'drafts')))
  return folder && { folder, file, kind }
}

/** Editors may write a drive's letter small, or name a folder by its link. */
function sameFolder(a: string, b: string): boolean {
  if (a === b) return true
  try {
    return realpathSync.native(a) === realpathSync.native(b)
  } catch {
    return false
  }
}

export function openDraft(workspace: Workspace, file: string): DraftFile & { readonly about: DraftAbout } {
  const draft = draftAt(workspace, file)
  if (!draft)
    throw new EpochtreeError(
      'not-found',
      `${file.slice(0, 200)} is no draft of this workspace. Begin one with "Fork from Epoch..." or "Train...".`,
    )
  return { ...draft, about: readAbout(draft) }
}

export function readAbout({ file, kind }: DraftFile): DraftAbout {
  const path = join(dirname(file), ABOUT)
  const again = 'Discard it, and begin another with "Fork from Epoch..." or "Train...".'
  if (!existsSync(path)) throw new EpochtreeError('not-found', `The draft is not there any more, or was begun elsewhere. ${again}`)
  let content: unknown
  try {
    content = JSON.parse(readText(path, LARGEST))
  } catch {
    throw new EpochtreeError('failed', `${path} is damaged, so it is not known what this is a draft of. ${again}`)
  }
  const parsed = about.safeParse(content)
  if (!parsed.success || parsed.data.kind !== kind)
    throw new EpochtreeError('failed', `${path} doesn't say what this is a draft of. ${again}`)
  return parsed.data
}

/** Writes a new draft; resolves to its file. */
export function writeDraft(dir: string, content: DraftAbout, text: string): string {
  const folder = join(dir, 'drafts', newId())
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, ABOUT), JSON.stringify(content))
  const file = join(folder, FILES[content.kind])
  writeFileSync(file, text)
  return file
}

/** Whether the file is as it began. */
export function isUntouched({ file, about: { original } }: { readonly file: string; readonly about: DraftAbout }): boolean {
  return existsSync(file) && readText(file, LARGEST) === original
}

/** Takes away what was written, and the folder where nothing else lies in it. */
export function removeDraft({ file }: Pick<DraftFile, 'file'>) {
  const folder = dirname(file)
  for (const name of [basename(file), ABOUT]) rmSync(join(folder, name), { force: true })
  for (const empty of [folder, dirname(folder)])
    try {
      rmdirSync(empty)
    } catch {
      return // somebody keeps something there
    }
}

import type { Page } from 'playwright-core'
import { demoCopy } from './bench'
import { type Editor, type EditorOptions, openEditor } from './editor'
import { row } from './tree'
import { showContainer } from './workbench'

export interface Demo {
  readonly folder: string
  readonly editor: Editor
  readonly page: Page
}

/** Opens VS Code on a copy of the demo's workspace, or on the one that is named, with its sessions in the tree. */
export async function openDemo(options: EditorOptions = {}): Promise<Demo> {
  const folder = options.folder ?? (await demoCopy())
  const editor = await openEditor({ ...options, folder })
  const { page } = editor
  await showContainer(page, 'Epochtree')
  await row(page, 'Sessions', 'digits-2').waitFor()
  return { folder, editor, page }
}

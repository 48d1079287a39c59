import * as vscode from 'vscode'
import type { Server } from '../server'
import type { Target } from '../target'
import type { EpochPanels } from './panels'

const SCHEME = 'epochtree'
const VIEW_TYPE = 'epochtree.epochDocument'

/** The epoch that a reference's definition leads to: as text where it is only peeked at, and as its tab where it is gone to. */
export function epochDocuments(server: Server, panels: EpochPanels): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
      provideTextDocumentContent: (uri) => {
        const { dir, reference } = targetIn(uri)
        return server.request('epochtree/report', { dir, kind: 'show', references: [reference] })
      },
    }),
    vscode.window.registerCustomEditorProvider(VIEW_TYPE, {
      openCustomDocument: (uri) => ({ uri, dispose: () => {} }),
      resolveCustomEditor: async ({ uri }, panel) => {
        // One tab an epoch: the one that has its title and can be turned to the next.
        await panels.open(targetIn(uri), panel.viewColumn)
        panel.dispose()
      },
    } satisfies vscode.CustomReadonlyEditorProvider),
  )
}

function targetIn({ query }: vscode.Uri): Target {
  const { dir, reference } = JSON.parse(query) as Partial<Target>
  if (typeof dir !== 'string' || typeof reference !== 'string') throw new Error(vscode.l10n.t('This address names no epoch.'))
  return { dir, reference }
}

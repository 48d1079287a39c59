import * as vscode from 'vscode'
import type { Compared } from '../../server/protocol/comparison'
import { bytesText } from '../bytes'
import type { Server } from '../server'
import { textsOfComparison } from './texts'

const { t } = vscode.l10n

/** Writes a comparison into one file that every browser opens. */
export async function saveComparison(server: Server, compared: Compared): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri
  const chosen = await vscode.window.showSaveDialog({
    title: t('Save Comparison as HTML'),
    filters: { HTML: ['html'] },
    ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, 'comparison.html') } : {}),
  })
  if (!chosen) return
  const asked = { ...compared, file: chosen.fsPath, texts: textsOfComparison(), language: vscode.env.language }
  const { file, bytes } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: t('Writing the comparison...'), cancellable: true },
    (_, token) =>
      server.request('epochtree/saveComparison', asked, token).catch((error: unknown) => {
        throw token.isCancellationRequested ? new vscode.CancellationError() : error
      }),
  )
  const show = t('Reveal')
  const picked = await vscode.window.showInformationMessage(t('Wrote {0}, {1}. It opens in any browser.', file, bytesText(bytes)), show)
  if (picked === show) await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(file))
}

import * as vscode from 'vscode'
import { bytesText } from './bytes'
import type { Server } from './server'

const { t } = vscode.l10n

/** Of an epoch, or of the draft of its fork. */
type Wanted = { readonly dir: string; readonly reference: string } | { readonly file: string }

let last = 0

/** Brings an epoch's weights here where they lie in the team's bucket alone: seen, and called off at will. */
export async function bringHere(server: Server, wanted: Wanted, name: string): Promise<void> {
  const bytes = await server.request('epochtree/missing', wanted)
  if (bytes === null) return
  await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: t('Fetching the weights of {0}, {1}', name, bytesText(bytes)),
      cancellable: true,
    },
    async (progress, cancellation) => {
      const token = `fetch ${++last}`
      let shown = 0
      const listening = server.on('epochtree/fetching', ({ token: of, done, total }) => {
        if (of !== token || total === 0) return
        const percent = (100 * done) / total
        progress.report({ increment: percent - shown, message: t('{0} %', Math.floor(percent)) })
        shown = percent
      })
      try {
        await server.request('epochtree/fetch', { ...wanted, token }, cancellation)
      } catch (error) {
        throw cancellation.isCancellationRequested ? new vscode.CancellationError() : error
      } finally {
        listening.dispose()
      }
    },
  )
}

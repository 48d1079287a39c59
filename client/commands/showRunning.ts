import * as vscode from 'vscode'
import type { RunningRow } from '../../server/protocol/editor'
import { runningText } from '../statusBar'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** The trainings that run, each with what can be done about it. */
export function showRunning({ server, tree }: Parts): Commands {
  const open = { iconPath: new vscode.ThemeIcon('preview'), tooltip: t('Open its latest epoch') }
  const stop = { iconPath: new vscode.ThemeIcon('debug-stop'), tooltip: t('Stop') }
  const target = ({ session }: RunningRow) => ({ dir: session.dir, reference: session.id, name: session.name })
  return {
    'epochtree.showRunning': async () => {
      const rows = await server.request('epochtree/running', null)
      if (!rows.length) return vscode.window.showInformationMessage(t('No training runs now.'))
      const pick = vscode.window.createQuickPick<vscode.QuickPickItem & { row: RunningRow }>()
      pick.title = t('Running Trainings')
      pick.placeholder = t('Choose one to see it in the tree')
      pick.items = rows.map((row) => ({
        label: `$(sync~spin) ${row.session.name}`,
        description: runningText(row, 0).slice(row.session.name.length).trim(),
        buttons: row.session.latest ? [open, stop] : [stop],
        row,
      }))
      pick.onDidTriggerItemButton(async ({ button, item }) => {
        pick.hide()
        await vscode.commands.executeCommand(button === stop ? 'epochtree.stop' : 'epochtree.openEpoch', target(item.row))
      })
      pick.onDidAccept(async () => {
        const [chosen] = pick.selectedItems
        pick.hide()
        if (chosen) await tree.reveal(chosen.row.session.dir, chosen.row.session.id)
      })
      pick.onDidHide(() => pick.dispose())
      pick.show()
      return undefined
    },
  }
}

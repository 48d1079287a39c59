import * as vscode from 'vscode'
import { bringHere } from '../bringHere'
import { type OfModel, modelsToCompare } from '../comparison/choose'
import { saveComparison } from '../comparison/save'
import { targetFor } from '../pickEpoch'
import { sessionFor } from '../pickSession'
import type { Node } from '../sessionTree/nodes'
import type { Target } from '../target'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** What only shows. */
export function look(parts: Parts): Commands {
  const { server, comparisons, log } = parts
  return {
    'epochtree.compare': async (node?: Node | Target | OfModel, chosen?: readonly Node[]) =>
      comparisons.open(await modelsToCompare(server, node, chosen)),
    'epochtree.saveComparison': async () => saveComparison(server, comparisons.active ?? (await modelsToCompare(server))),
    'epochtree.copyReference': async (node?: Node | Target) => {
      const asked = { session: t('Copy the reference of an epoch of which session?'), epoch: t('Of which epoch?') }
      const target = await targetFor(server, node, asked)
      await vscode.env.clipboard.writeText(target.name ?? target.reference)
    },
    'epochtree.checkout': async (node?: Node | Target) => {
      const asked = { session: t('Check out an epoch of which session?'), epoch: t('Check out which epoch?') }
      const target = await targetFor(server, node, asked)
      const [to] =
        (await vscode.window.showOpenDialog({
          title: t('Check Out {0} Into', target.name ?? target.reference),
          canSelectFolders: true,
          canSelectFiles: false,
          openLabel: t('Check Out Here'),
        })) ?? []
      if (!to) return
      await bringHere(server, { dir: target.dir, reference: target.reference }, target.name ?? target.reference)
      const { files } = await server.request('epochtree/checkout', { dir: target.dir, reference: target.reference, to: to.fsPath })
      const show = t('Reveal')
      const picked = await vscode.window.showInformationMessage(t('Wrote {0} files into {1}.', files.length, to.fsPath), show)
      if (picked === show) await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(files[0] ?? to.fsPath))
    },
    'epochtree.revealFiles': async (node?: Node | Target) => {
      const { dir, id } = await sessionFor(server, node, { title: t('Reveal the files of which session?') })
      const { runDir } = await server.request('epochtree/sessionFiles', { dir, session: id })
      await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(runDir))
    },
    'epochtree.openScript': async (node?: Node | Target) => {
      const row = await sessionFor(server, node, { title: t('Open the script of which session?') })
      const found = await server.request('epochtree/callSite', { dir: row.dir, session: row.id })
      if (!found)
        throw new Error(
          t('No script of this workspace begins a session of the model "{0}". Open the folder that holds the script.', row.modelName),
        )
      const at = new vscode.Position(found.line, found.character)
      await vscode.window.showTextDocument(vscode.Uri.parse(found.uri), { selection: new vscode.Range(at, at) })
    },
    'epochtree.showLog': () => log.show(),
  }
}

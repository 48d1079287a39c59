import * as vscode from 'vscode'
import { sessionFor, sessionsFor } from '../pickSession'
import type { Node } from '../sessionTree/nodes'
import { type Target, targetOf } from '../target'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** The sessions of one model, as the lens over a call names them. */
interface OfModel {
  readonly dir: string
  readonly model: string
}

/** What only shows. */
export function look(parts: Parts): Commands {
  const { server, comparisons, log } = parts
  return {
    'epochtree.compare': async (node?: Node | Target | OfModel, chosen?: readonly Node[]) => {
      const model = node && 'model' in node ? node.model : undefined
      const given = node && 'model' in node ? [] : [node]
      const nodes = (chosen?.length ? chosen.toSorted(oldestFirst) : given).flatMap((one) => targetOf(one) ?? [])
      let compared = nodes
      if (compared.length < 2) {
        const [first] = nodes
        const rows = await sessionsFor(server, {
          title: first ? t('Compare {0} with', first.name ?? first.reference) : t('Compare which sessions?'),
          // Models of different folders have no past in common, and no store that knows both.
          fits: ({ dir, modelName }) => (first === undefined || first.dir === dir) && (model === undefined || model === modelName),
        })
        compared = [...nodes, ...rows.map(({ dir, id, name }) => ({ dir, reference: id, name }))]
      }
      const { dir } = compared[0]!
      await comparisons.open({ dir, references: compared.map(({ reference }) => reference) })
    },
    'epochtree.copyReference': async (node: Node | Target) => {
      const target = targetOf(node)
      if (target) await vscode.env.clipboard.writeText(target.name ?? target.reference)
    },
    'epochtree.checkout': async (node: Node | Target) => {
      const target = targetOf(node)
      if (!target) return
      const [to] =
        (await vscode.window.showOpenDialog({
          title: t('Check Out {0} Into', target.name ?? target.reference),
          canSelectFolders: true,
          canSelectFiles: false,
          openLabel: t('Check Out Here'),
        })) ?? []
      if (!to) return
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

/** However they were clicked: the parent stands before its fork. */
const oldestFirst = (a: Node, b: Node) => (a.kind === 'session' && b.kind === 'session' ? a.row.createdAt - b.row.createdAt : 0)

import * as vscode from 'vscode'
import type { Node } from '../sessionTree/nodes'
import type { Commands, Parts } from '.'
import { askedSession, pickSessions } from './ask'

const { t } = vscode.l10n

/** The reference that a node stands for. */
export function referenceOf(node: Node): { dir: string; reference: string; name: string } | undefined {
  if (node.kind === 'session') return { dir: node.row.dir, reference: node.row.id, name: node.row.name }
  if (node.kind === 'epoch')
    return {
      dir: node.row.dir,
      reference: `${node.row.session.id}@${node.row.number}`,
      name: `${node.row.session.name}@${node.row.number}`,
    }
  return undefined
}

/** What only shows. */
export function look(parts: Parts): Commands {
  const { server, log } = parts
  return {
    'epochtree.compare': async (node?: Node, chosen?: readonly Node[]) => {
      const nodes = (chosen?.length ? chosen : node ? [node] : []).flatMap((one) => referenceOf(one) ?? [])
      let compared = nodes
      if (compared.length < 2) {
        const [first] = nodes
        const rows = await pickSessions(parts, first ? t('Compare {0} with', first.name) : t('Compare which sessions?'), true)
        compared = [...nodes, ...rows.map(({ dir, id, name }) => ({ dir, reference: id, name }))]
      }
      const { dir } = compared[0]!
      const text = await server.request('epochtree/report', {
        dir,
        kind: 'compare',
        references: compared.map(({ reference }) => reference),
      })
      const document = await vscode.workspace.openTextDocument({ content: text, language: 'plaintext' })
      await vscode.window.showTextDocument(document, { preview: true })
    },
    'epochtree.copyReference': async (node: Node) => {
      const reference = referenceOf(node)
      if (reference) await vscode.env.clipboard.writeText(reference.name)
    },
    'epochtree.checkout': async (node: Node) => {
      const reference = referenceOf(node)
      if (!reference) return
      const [to] =
        (await vscode.window.showOpenDialog({
          title: t('Check Out {0} Into', reference.name),
          canSelectFolders: true,
          canSelectFiles: false,
          openLabel: t('Check Out Here'),
        })) ?? []
      if (!to) return
      const { files } = await server.request('epochtree/checkout', { ...reference, to: to.fsPath })
      const show = t('Reveal')
      const picked = await vscode.window.showInformationMessage(t('Wrote {0} files into {1}.', files.length, to.fsPath), show)
      if (picked === show) await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(files[0] ?? to.fsPath))
    },
    'epochtree.revealFiles': async (node?: Node) => {
      const { dir, id } = await askedSession(parts, node, t('Reveal the files of which session?'))
      const { runDir } = await server.request('epochtree/sessionFiles', { dir, session: id })
      await vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(runDir))
    },
    'epochtree.showLog': () => log.show(),
  }
}

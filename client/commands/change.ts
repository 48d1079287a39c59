import * as vscode from 'vscode'
import type { SessionRow } from '../../server/protocol/editor'
import { bytesText } from '../bytes'
import { epochFor } from '../pickEpoch'
import { sessionFor } from '../pickSession'
import type { EpochNode, Node, SessionNode } from '../sessionTree/nodes'
import { type Target, targetOf } from '../target'
import { byText } from '../team/words'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** Whose they are, and that they go for everybody; nothing where the folder has no team. */
function ofTeam(rows: readonly SessionRow[]): string[] {
  if (!rows.some(({ team }) => team)) return []
  const copies = rows.filter(({ team }) => team?.copy)
  const theirs = rows.filter(({ team }) => team && !team.copy)
  return [
    ...copies.map(({ name, team }) =>
      t('The copy of {0} on this machine goes; your team keeps it, trained by {1}.', name, byText(team?.by ?? null)),
    ),
    ...theirs.flatMap(({ name, team }) => (team?.elsewhere ? t('{0} was trained by {1}.', name, byText(team.by)) : [])),
    ...(theirs.length ? [t('It goes for everybody in your team.')] : []),
  ]
}

/** What people decide about sessions that are there. */
export function change(parts: Parts): Commands {
  const { server } = parts
  return {
    'epochtree.select': async (node?: EpochNode | Target) => {
      const asked = { session: t('Select an epoch of which session?'), epoch: t('Select which epoch?') }
      return server.request('epochtree/select', await epochFor(server, node, asked))
    },
    'epochtree.float': async (node?: Node | Target) => {
      const { dir, id } = await sessionFor(server, node, { title: t('Let which model follow its newest epoch again?') })
      return server.request('epochtree/float', { dir, session: id })
    },
    'epochtree.rename': async (node?: Node) => {
      const row = await sessionFor(server, node, { title: t('Rename which session?') })
      const name = await vscode.window.showInputBox({
        title: t('Rename {0}', row.name),
        value: row.name,
        prompt: t('The new name of the session'),
      })
      if (name !== undefined && name !== row.name) await server.request('epochtree/rename', { dir: row.dir, session: row.id, name })
    },
    'epochtree.tag': async (node?: Node) => {
      const row = await sessionFor(server, node, { title: t('Tag which session?') })
      const text = await vscode.window.showInputBox({
        title: t('Tags of {0}', row.name),
        value: row.tags.join(', '),
        prompt: t('Words with commas between them'),
      })
      if (text === undefined) return
      const tags = [...new Set(text.split(',').map((tag) => tag.trim()))].filter((tag) => tag !== '')
      await server.request('epochtree/tag', { dir: row.dir, session: row.id, tags })
    },
    'epochtree.delete': async (node?: Node, chosen?: readonly Node[]) => {
      const sessions = (chosen ?? []).filter((one): one is SessionNode => one.kind === 'session').map(({ row }) => row)
      const rows = sessions.length ? sessions : [await sessionFor(server, node, { title: t('Delete which session?') })]
      const names = rows.map(({ name }) => name).join(', ')
      let [bytes, young] = [0, 0]
      // What another machine has is its own to free.
      const here = rows.filter(({ team }) => !team?.elsewhere || team.copy)
      for (const row of here) {
        const freed = await server.request('epochtree/deletable', { dir: row.dir, session: row.id })
        bytes += freed.bytes
        young += freed.young
      }
      const remove = t('Delete')
      const answer = await vscode.window.showWarningMessage(
        t('Delete {0}?', names),
        {
          modal: true,
          detail: [
            ...ofTeam(rows),
            ...(here.length ? [t('`epochtree gc` would then free {0}.', bytesText(bytes))] : []),
            ...(young > 0
              ? [t('{0} of it are in files younger than an hour, which it spares until they are older.', bytesText(young))]
              : []),
            t('Until it has run, the deletion can be undone. Forks keep what they need.'),
          ].join(' '),
        },
        remove,
      )
      if (answer !== remove) return
      for (const row of rows) await server.request('epochtree/delete', { dir: row.dir, session: row.id })
      const undo = t('Undo')
      void vscode.window.showInformationMessage(t('Deleted {0}.', names), undo).then(async (picked) => {
        if (picked === undo) for (const row of rows) await server.request('epochtree/restore', { dir: row.dir, session: row.id })
      })
    },
    'epochtree.restore': async (node?: SessionNode | Target) => {
      const target = targetOf(node)
      // It is in the menu of a deleted session only.
      if (!target) throw new Error(t('The list was just drawn anew. Choose it once more.'))
      await server.request('epochtree/restore', { dir: target.dir, session: target.reference })
    },
  }
}

import * as vscode from 'vscode'
import type { SessionGroup, SessionSort } from '../../server/protocol/editor'
import type { Node } from '../sessionTree/nodes'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** What the tree shows, and in which order. */
export function arrange({ tree }: Parts): Commands {
  const pick = async <Value extends string>(title: string, current: Value, choices: readonly (readonly [Value, string])[]) => {
    const picked = await vscode.window.showQuickPick(
      choices.map(([value, label]) => ({ label, value, ...(value === current ? { description: t('now') } : {}) })),
      { title },
    )
    return picked?.value
  }
  return {
    'epochtree.refresh': () => tree.refresh(),
    'epochtree.showMore': (node?: Extract<Node, { kind: 'more' }>) => node && tree.showMore(node),
    'epochtree.filter': () => {
      const box = vscode.window.createInputBox()
      box.title = t('Filter Sessions')
      box.placeholder = t('Words of a name, model, state or tag')
      box.value = tree.arrangement.filter
      // Shown while it is typed; Escape takes it back.
      const before = tree.arrangement.filter
      let kept = false
      box.onDidChangeValue((filter) => tree.arrange({ filter: filter.trim() }))
      box.onDidAccept(() => {
        kept = true
        box.hide()
      })
      box.onDidHide(() => {
        if (!kept) tree.arrange({ filter: before })
        box.dispose()
      })
      box.show()
    },
    'epochtree.clearFilter': () => tree.arrange({ filter: '' }),
    'epochtree.sortBy': async () => {
      const sort = await pick<SessionSort>(t('Sort Sessions By'), tree.arrangement.sort, [
        ['newest', t('Newest first')],
        ['name', t('Name')],
        ['best', t('Best value')],
        ['epochs', t('Most epochs')],
      ])
      if (sort) tree.arrange({ sort })
    },
    'epochtree.groupBy': async () => {
      const group = await pick<SessionGroup>(t('Group Sessions By'), tree.arrangement.group, [
        ['none', t('Nothing: forks under the epochs where they start')],
        ['model', t('Model')],
        ['state', t('State')],
        ['date', t('Date')],
      ])
      if (group) tree.arrange({ group })
    },
    'epochtree.showDeleted': () => tree.arrange({ deleted: true }),
    'epochtree.hideDeleted': () => tree.arrange({ deleted: false }),
  }
}

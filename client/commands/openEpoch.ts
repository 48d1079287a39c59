import * as vscode from 'vscode'
import { pickEpoch } from '../pickEpoch'
import { sessionFor } from '../pickSession'
import type { Node } from '../sessionTree/nodes'
import { type Target, targetOf } from '../target'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** The epoch's tab; from the palette a session is picked first, then one of its epochs. */
export function openEpoch({ server, panels }: Parts): Commands {
  return {
    'epochtree.openEpoch': async (given?: Node | Target) => {
      const target = targetOf(given)
      if (target) return panels.open(target)
      const session = await sessionFor(server, undefined, {
        title: t('Open an epoch of which session?'),
        fits: ({ epochs }) => epochs > 0,
        none: t('No session has a committed epoch yet. Run a script that uses `import epochtree`.'),
      })
      const row = await pickEpoch(server, session, t('Open which epoch of {0}?', session.name), { toStartAt: false })
      return panels.open({ dir: row.dir, reference: `${session.id}@${row.id}` })
    },
  }
}

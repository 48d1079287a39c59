import * as vscode from 'vscode'
import { epochFor } from '../pickEpoch'
import type { Node } from '../sessionTree/nodes'
import { type Target, targetOf } from '../target'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** The epoch's tab; from the palette a session is picked first, then one of its epochs. */
export function openEpoch({ server, panels }: Parts): Commands {
  return {
    'epochtree.openEpoch': async (given?: Node | Target) => {
      const asked = { session: t('Open an epoch of which session?'), epoch: t('Open which epoch?'), toStartAt: false }
      return panels.open(targetOf(given) ?? (await epochFor(server, undefined, asked)))
    },
  }
}

import * as vscode from 'vscode'
import { targetFor } from '../pickEpoch'
import type { Node } from '../sessionTree/nodes'
import type { Target } from '../target'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** The epoch's tab; from the palette a session is picked first, then one of its epochs. */
export function openEpoch({ server, panels }: Parts): Commands {
  return {
    'epochtree.openEpoch': async (given?: Node | Target) => {
      const asked = { session: t('Open an epoch of which session?'), epoch: t('Open which epoch?') }
      return panels.open(await targetFor(server, given, asked))
    },
  }
}

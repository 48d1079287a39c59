import * as vscode from 'vscode'
import type { ComparisonPanels } from '../comparison/panels'
import type { EpochPanels } from '../epochView/panels'
import { sentence } from '../sentence'
import type { Server } from '../server'
import type { Secrets } from '../team/secrets'
import type { SessionTree } from '../sessionTree/sessionTree'
import type { Drafts } from '../drafts'
import type { Trainings } from '../tasks'
import { arrange } from './arrange'
import { change } from './change'
import { look } from './look'
import { train } from './train'
import { openEpoch } from './openEpoch'
import { showRunning } from './showRunning'
import { start } from './start'
import { team } from './team'

/** What commands work with. */
export interface Parts {
  readonly context: vscode.ExtensionContext
  readonly server: Server
  readonly secrets: Secrets
  readonly tree: SessionTree
  readonly drafts: Drafts
  readonly trainings: Trainings
  readonly panels: EpochPanels
  readonly comparisons: ComparisonPanels
  readonly log: vscode.LogOutputChannel
}
export type Commands = Readonly<Record<string, (...args: never[]) => unknown>>

/** One table from a command's name to what it does. */
export function registerCommands(context: vscode.ExtensionContext, parts: Parts) {
  const table: Commands = {
    ...arrange(parts),
    ...change(parts),
    ...look(parts),
    ...openEpoch(parts),
    ...showRunning(parts),
    ...start(parts),
    ...team(parts),
    ...train(parts),
  }
  for (const [name, handle] of Object.entries(table))
    context.subscriptions.push(
      vscode.commands.registerCommand(name, (...args: never[]) => told(parts.log, () => handle(...(args.map(known) as never[])))),
    )
}

/** A row that the tree dropped while its menu was open comes as nothing, alone or among others: then the command asks what it is about. */
const known = (given: unknown): unknown =>
  Array.isArray(given) ? given.filter((one) => one !== undefined && one !== null) : (given ?? undefined)

/** Whatever goes wrong is said in the server's words: a sentence with its remedy. */
async function told(log: vscode.LogOutputChannel, work: () => unknown): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof vscode.CancellationError) return undefined
    const message = sentence(error)
    log.error(message)
    void showError(message)
    return undefined
  }
}

async function showError(message: string) {
  const trust = vscode.l10n.t('Manage Workspace Trust')
  const picked = await vscode.window.showErrorMessage(message, ...(vscode.workspace.isTrusted ? [] : [trust]))
  if (picked === trust) await vscode.commands.executeCommand('workbench.trust.manage')
}

import * as vscode from 'vscode'
import { registerCommands } from './commands'
import { Drafts } from './drafts'
import { ComparisonPanels } from './comparison/panels'
import { EpochPanels } from './epochView/panels'
import { Server } from './server'
import { Secrets } from './team/secrets'
import { SessionTree } from './sessionTree/sessionTree'
import { StatusBar } from './statusBar'
import { Terminals } from './terminals'
import { Trainings } from './tasks'
import { announceFailures } from './failures'
import { epochDocuments } from './epochView/document'
import { markTrainingScripts } from './trainingScripts'

/** Registers, and nothing more: the server starts beside, and everything asks it when it is asked itself. */
export function activate(context: vscode.ExtensionContext) {
  const log = vscode.window.createOutputChannel('Epochtree', { log: true })
  const secrets = new Secrets(context.secrets)
  const server = new Server(context, log, secrets)
  const tree = new SessionTree(server, context.workspaceState)
  const panels = new EpochPanels(server, context.extensionUri)
  const comparisons = new ComparisonPanels(server, context.extensionUri)
  const trainings = new Trainings(server, context.asAbsolutePath('dist/python'))
  const drafts = new Drafts(server, tree, trainings)
  context.subscriptions.push(
    log,
    server,
    tree,
    panels,
    comparisons,
    trainings,
    drafts,
    epochDocuments(server, panels),
    new StatusBar(server),
    announceFailures(server, tree),
    new Terminals(server, context),
    markTrainingScripts(),
  )
  registerCommands(context, { context, server, secrets, tree, panels, comparisons, drafts, trainings, log })
  void server.start()
}

export function deactivate() {
  // The server is a subscription: VS Code disposes of it, and waits for its promise.
}

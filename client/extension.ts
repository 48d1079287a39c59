import * as vscode from 'vscode'
import { registerCommands } from './commands'
import { Drafts } from './drafts'
import { Server } from './server'
import { SessionTree } from './sessionTree/sessionTree'
import { Trainings } from './tasks'
import { markTrainingScripts } from './trainingScripts'

/** Registers, and nothing more: the server starts beside, and everything asks it when it is asked itself. */
export function activate(context: vscode.ExtensionContext) {
  const log = vscode.window.createOutputChannel('Epochtree', { log: true })
  const server = new Server(context, log)
  const tree = new SessionTree(server, context.workspaceState)
  const trainings = new Trainings(server, context.asAbsolutePath('dist/python'))
  const drafts = new Drafts(server, tree, trainings)
  context.subscriptions.push(log, server, tree, trainings, drafts, markTrainingScripts())
  registerCommands(context, { server, tree, drafts, trainings, log })
  void server.start()
}

export function deactivate() {
  // The server is a subscription: VS Code disposes of it, and waits for its promise.
}

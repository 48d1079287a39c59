import * as vscode from 'vscode'
import { registerCommands } from './commands'
import { Server } from './server'
import { SessionTree } from './sessionTree/sessionTree'

/** Registers, and nothing more: the server starts beside, and everything asks it when it is asked itself. */
export function activate(context: vscode.ExtensionContext) {
  const log = vscode.window.createOutputChannel('Epochtree', { log: true })
  const server = new Server(context, log)
  const tree = new SessionTree(server, context.workspaceState)
  context.subscriptions.push(log, server, tree)
  registerCommands(context, { server, tree, log })
  void server.start()
}

export function deactivate() {
  // The server is a subscription: VS Code disposes of it, and waits for its promise.
}

import * as vscode from 'vscode'
import type { Server } from './server'
import type { SessionTree } from './sessionTree/sessionTree'

const { t } = vscode.l10n

const LONGEST_ERROR = 300

/** A training that ended with an error needs a person: its error, and the ways to it. Nothing else is ever announced. */
export function announceFailures(server: Server, tree: SessionTree): vscode.Disposable {
  return server.on('epochtree/failed', async ({ dir, session, error }) => {
    const terminal = terminalOf(session.name)
    const [showTerminal, openSession] = [t('Show Terminal'), t('Open Session')]
    const lastLine = error.trim().split('\n').at(-1) ?? error
    const short = lastLine.length > LONGEST_ERROR ? `${lastLine.slice(0, LONGEST_ERROR)}…` : lastLine
    const picked = await vscode.window.showErrorMessage(
      t('The training of {0} failed: {1}', session.name, short),
      ...(terminal ? [showTerminal] : []),
      openSession,
    )
    if (picked === showTerminal) terminal?.show()
    if (picked === openSession) await tree.reveal(dir, session.id)
  })
}

/** The terminal of the task in which a session was trained from here, if it was; tasks' terminals bear the task's name. */
const terminalOf = (name: string): vscode.Terminal | undefined =>
  vscode.window.terminals.find((terminal) => terminal.name.split(/\s+/).includes(name))

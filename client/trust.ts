import * as vscode from 'vscode'

/** Nothing is ever run in a folder that came from who knows where. */
export function needsTrust() {
  if (!vscode.workspace.isTrusted)
    throw new Error(
      vscode.l10n.t(
        'This workspace is not trusted, so nothing is run or changed in it. Trust it with "Workspaces: Manage Workspace Trust".',
      ),
    )
}

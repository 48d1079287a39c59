import * as vscode from 'vscode'

const { t } = vscode.l10n

export interface Run {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly folder: vscode.WorkspaceFolder | undefined
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a program in a terminal that people can read, and resolves to its exit status; undefined where the terminal was closed. */
export async function runTask({ name, program, args, folder, cwd, env = {} }: Run): Promise<number | undefined> {
  if (!vscode.workspace.isTrusted)
    throw new Error(t('This workspace is not trusted, so nothing is run in it. Trust it with "Workspaces: Manage Workspace Trust".'))
  const task = new vscode.Task(
    { type: 'epochtree', task: name },
    folder ?? vscode.TaskScope.Workspace,
    name,
    'Epochtree',
    new vscode.ProcessExecution(program, [...args], { cwd, env }),
  )
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, panel: vscode.TaskPanelKind.Dedicated, clear: true }
  const running = await vscode.tasks.executeTask(task)
  return new Promise((resolve) => {
    const ends = [
      vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
        if (execution !== running) return
        for (const end of ends) end.dispose()
        resolve(exitCode)
      }),
      // A program that could not be started has no process to end.
      vscode.tasks.onDidEndTask(({ execution }) => {
        if (execution !== running) return
        setImmediate(() => {
          for (const end of ends) end.dispose()
          resolve(undefined)
        })
      }),
    ]
  })
}

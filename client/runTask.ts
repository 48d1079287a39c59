import * as vscode from 'vscode'
import { endOf } from './endOf'
import { needsTrust } from './trust'

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
  needsTrust()
  const task = new vscode.Task(
    { type: 'epochtree', task: name },
    folder ?? vscode.TaskScope.Workspace,
    name,
    'Epochtree',
    new vscode.ProcessExecution(program, [...args], { cwd, env }),
  )
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, panel: vscode.TaskPanelKind.Dedicated, clear: true }
  return endOf(await vscode.tasks.executeTask(task))
}

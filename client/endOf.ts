import * as vscode from 'vscode'

/** The exit status of a task; undefined where no process came to be, or its terminal was closed. */
export function endOf(execution: vscode.TaskExecution): Promise<number | undefined> {
  return new Promise((resolve) => {
    const ends = [
      vscode.tasks.onDidEndTaskProcess((end) => {
        if (end.execution === execution) done(end.exitCode)
      }),
      // A program that could not be started has no process to end; where there was one, this comes after its end.
      vscode.tasks.onDidEndTask((end) => {
        if (end.execution === execution) setImmediate(() => done(undefined))
      }),
    ]
    const done = (status: number | undefined) => {
      for (const end of ends) end.dispose()
      resolve(status)
    }
  })
}

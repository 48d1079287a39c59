import * as vscode from 'vscode'
import type { SessionRow, Started } from '../server/protocol/editor'
import { isPython, trainingEnvironment, withPython } from './pythonCommand'
import { chosenPython, namedPython } from './selectedPython'
import type { Server } from './server'
import { endOf } from './endOf'
import { needsTrust } from './trust'

const { t } = vscode.l10n

export const TASK_TYPE = 'epochtree'
const OFFERED = 20

/** Trainings as VS Code tasks: each in a terminal of its own, with the chosen Python, and never unasked. */
export class Trainings implements vscode.TaskProvider, vscode.Disposable {
  readonly #server: Server
  readonly #packageFolder: string
  readonly #registered: vscode.Disposable

  constructor(server: Server, packageFolder: string) {
    this.#server = server
    this.#packageFolder = packageFolder
    this.#registered = vscode.tasks.registerTaskProvider(TASK_TYPE, this)
  }

  /** Runs what the server made; resolves when it runs, or when it is decided that it doesn't. */
  async run(started: Started): Promise<void> {
    const { session, foreign, notRunnable } = started
    needsTrust()
    if (notRunnable !== null) return this.#explain(notRunnable, started)
    if (foreign !== null && !(await agreed(session.name, foreign))) return
    const task = await this.#task(started)
    const before = await this.#server.request('epochtree/session', { dir: started.dir, session: session.id })
    const execution = await vscode.tasks.executeTask(task)
    void this.#watch(execution, started, before)
  }

  async #task({ dir, session, launch }: Started): Promise<vscode.Task> {
    const { argv, cwd, env } = launch!
    const uri = vscode.Uri.file(cwd)
    const folder = (await this.#folderOf(dir)) ?? vscode.workspace.getWorkspaceFolder(uri)
    const [program, ...words] = withPython(
      argv,
      isPython(argv[0]!) ? await chosenPython(vscode.workspace.getWorkspaceFolder(uri)?.uri ?? folder?.uri ?? uri) : undefined,
    )
    const task = new vscode.Task(
      { type: TASK_TYPE, session: session.name },
      folder ?? vscode.TaskScope.Workspace,
      session.name,
      'Epochtree',
      new vscode.ProcessExecution(program!, words, {
        cwd,
        env: trainingEnvironment(env, this.#packageFolder, process.env, process.platform),
      }),
      [],
    )
    task.detail = t('Trains the session {0}', session.name)
    task.presentationOptions = {
      reveal: vscode.TaskRevealKind.Always,
      panel: vscode.TaskPanelKind.New,
      focus: false,
      echo: true,
      showReuseMessage: false,
    }
    return task
  }

  /** The workspace folder whose terminals look for sessions in this folder. */
  async #folderOf(dir: string): Promise<vscode.WorkspaceFolder | undefined> {
    const followed = await this.#server.request('epochtree/folders', null)
    const roots = followed.find((one) => one.dir === dir)?.roots ?? []
    return vscode.workspace.workspaceFolders?.find(({ uri }) => roots.includes(uri.fsPath))
  }

  /** Says why nothing was trained, where the training itself could not: its own failures are told by the server. */
  async #watch(execution: vscode.TaskExecution, { dir, session, launch }: Started, before: SessionRow) {
    let heard = false
    const listening = this.#server.on('epochtree/changed', ({ sessions }) => {
      heard ||= sessions.some((row) => row.id === session.id && row.status !== 'created')
    })
    const status = await endOf(execution)
    const row = await this.#server.request('epochtree/session', { dir, session: session.id, fresh: true }).catch(() => undefined)
    listening.dispose()
    const began = row === undefined || heard || JSON.stringify(row) !== JSON.stringify({ ...before, name: row.name })
    if (began && row?.status !== 'created') return
    const program = execution.task.execution instanceof vscode.ProcessExecution ? execution.task.execution.process : launch!.argv[0]!
    const [show, choose] = [t('Show Terminal'), t('Choose Python...')]
    const terminal = vscode.window.terminals.find(({ name }) => name.includes(session.name))
    const message =
      status === undefined
        ? t('{0} could not be started. Check that it is there, and its folder {1}; then resume {2}.', program, launch!.cwd, session.name)
        : status === 0
          ? t(
              'The command ended without taking the session {0}. Its script must call epochtree.session("{1}").',
              session.name,
              row?.modelName ?? session.name,
            )
          : t('The command ended with status {0} before {1} began. Its terminal says why; mend it, then resume {1}.', status, session.name)
    const picked = await vscode.window.showErrorMessage(message, ...(terminal ? [show] : []), ...(isPython(program) ? [choose] : []))
    if (picked === show) terminal?.show()
    if (picked === choose) await choosePython(vscode.Uri.file(launch!.cwd))
  }

  async #explain(message: string, { dir, session }: Started) {
    const copy = t('Copy the Variables')
    if ((await vscode.window.showWarningMessage(message, copy)) === copy)
      await vscode.env.clipboard.writeText(variablesText({ EPOCHTREE_SESSION: session.id, EPOCHTREE_DIR: dir }, process.platform))
  }

  /** Trainings that can go on, for "Tasks: Run Task". */
  async provideTasks(): Promise<vscode.Task[]> {
    if (!vscode.workspace.isTrusted) return []
    const tasks: vscode.Task[] = []
    for (const { dir } of await this.#server.request('epochtree/folders', null)) {
      const { rows } = await this.#server.request('epochtree/sessions', { dir, nested: false, offset: 0, limit: OFFERED })
      for (const { id, status } of rows) if (status !== 'running' && status !== 'completed') tasks.push(...(await this.#resumed(dir, id)))
    }
    return tasks
  }

  /** A task of tasks.json: `{"type": "epochtree", "session": "digits-2"}` goes on with that session. */
  async resolveTask(task: vscode.Task): Promise<vscode.Task | undefined> {
    const { session } = task.definition as { session?: unknown }
    if (!vscode.workspace.isTrusted || typeof session !== 'string') return undefined
    for (const { dir } of await this.#server.request('epochtree/folders', null)) {
      const [found] = await this.#resumed(dir, session)
      if (!found) continue
      const resolved = new vscode.Task(
        task.definition,
        task.scope ?? vscode.TaskScope.Workspace,
        task.name,
        'Epochtree',
        found.execution,
        [],
      )
      resolved.presentationOptions = found.presentationOptions
      return resolved
    }
    return undefined
  }

  /** Empty where it can't be run, or not without being asked about. */
  async #resumed(dir: string, session: string): Promise<vscode.Task[]> {
    try {
      const started = await this.#server.request('epochtree/resume', { dir, session })
      return started.launch && started.foreign === null ? [await this.#task(started)] : []
    } catch {
      return []
    }
  }

  dispose() {
    this.#registered.dispose()
  }
}

async function agreed(name: string, command: string): Promise<boolean> {
  const run = t('Run It')
  const answer = await vscode.window.showWarningMessage(
    t('Run this command, which you did not record on this machine?'),
    { modal: true, detail: `${command}\n\n${t('It trains {0}. Whoever recorded the session chose it: read it first.', name)}` },
    run,
  )
  return answer === run
}

/** Where it is chosen now: the Python extension's choice does nothing while the setting names one. */
async function choosePython(resource: vscode.Uri) {
  const extension = vscode.extensions.getExtension('ms-python.python')
  await (extension && namedPython(resource) === undefined
    ? vscode.commands.executeCommand('python.setInterpreter')
    : vscode.commands.executeCommand('workbench.action.openSettings', 'epochtree.python'))
}

function variablesText(variables: Readonly<Record<string, string>>, platform: NodeJS.Platform): string {
  return Object.entries(variables)
    .map(([name, value]) =>
      platform === 'win32' ? `$env:${name} = '${value.replaceAll("'", "''")}'` : `export ${name}='${value.replaceAll("'", `'\\''`)}'`,
    )
    .join('\n')
}

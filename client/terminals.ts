import { delimiter } from 'node:path'
import * as vscode from 'vscode'
import type { Server } from './server'

const { t } = vscode.l10n

/** Gives integrated terminals the command `epochtree`, the Python package, and the folder that the editor follows. */
export class Terminals implements vscode.Disposable {
  readonly #server: Server
  readonly #context: vscode.ExtensionContext
  readonly #disposables: vscode.Disposable[]

  constructor(server: Server, context: vscode.ExtensionContext) {
    this.#server = server
    this.#context = context
    this.#disposables = [
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#set()),
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.#setFolders()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('epochtree')) this.#set()
      }),
    ]
    this.#set()
  }

  #set() {
    const collection = this.#context.environmentVariableCollection
    const wanted = vscode.workspace.getConfiguration('epochtree').get('terminalEnvironment', true)
    collection.clear()
    if (!vscode.workspace.isTrusted || !wanted) {
      for (const folder of vscode.workspace.workspaceFolders ?? []) collection.getScoped({ workspaceFolder: folder }).clear()
      return
    }
    collection.description = new vscode.MarkdownString(t('Adds the command `epochtree`, and lets Python `import epochtree`.'))
    collection.prepend('PATH', `${this.#context.asAbsolutePath('bin/terminal')}${delimiter}`, {
      applyAtProcessCreation: true,
      // What a shell's own start-up files set comes later, and would hide it.
      applyAtShellIntegration: true,
    })
    // With the editor's own runtime: no other Node need be there.
    collection.replace('EPOCHTREE_RUNTIME', process.execPath)
    // Whole, not put before what is there: a training's task sets it too, and an entry without a separator, or an empty one, would spoil it.
    const inherited = process.env['PYTHONPATH']
    collection.replace('PYTHONPATH', `${this.#context.asAbsolutePath('dist/python')}${inherited ? `${delimiter}${inherited}` : ''}`)
    void this.#setFolders()
  }

  async #setFolders() {
    if (!vscode.workspace.isTrusted) return
    const collection = this.#context.environmentVariableCollection
    const followed = await this.#server.request('epochtree/folders', null)
    for (const folder of vscode.workspace.workspaceFolders ?? []) {
      const dir = followed.find(({ roots }) => roots.includes(folder.uri.fsPath))?.dir
      const scoped = collection.getScoped({ workspaceFolder: folder })
      if (dir === undefined) scoped.clear()
      else scoped.replace('EPOCHTREE_DIR', dir)
    }
  }

  dispose() {
    for (const disposable of this.#disposables) disposable.dispose()
  }
}

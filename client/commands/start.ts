import { join } from 'node:path'
import * as vscode from 'vscode'
import { runTask } from '../runTask'
import { selectedPython } from '../selectedPython'
import { trackingFor } from '../snippet'
import type { Commands, Parts } from '.'

const { t } = vscode.l10n

/** What a new user does first. */
export function start({ context, server, tree }: Parts): Commands {
  return {
    'epochtree.openWalkthrough': () =>
      vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#epochtree.start`, false),
    'epochtree.insertSnippet': insertSnippet,
    'epochtree.runDemo': async () => {
      const folder = await chosenFolder(t('Train the demo in which folder?'))
      const scripts = vscode.Uri.joinPath(folder.uri, 'epochtree-demo').fsPath
      const followed = await server.request('epochtree/folders', null)
      const dir = followed.find(({ roots }) => roots.includes(folder.uri.fsPath))?.dir ?? join(folder.uri.fsPath, '.epochtree')
      const python = await selectedPython(folder.uri)
      const ended = runTask({
        name: t('Demo'),
        program: process.execPath,
        args: [...quietNode, context.asAbsolutePath('dist/cli.js'), 'demo', '--into', scripts, '--dir', dir],
        folder,
        cwd: folder.uri.fsPath,
        env: { ELECTRON_RUN_AS_NODE: '1', EPOCHTREE_PYTHON: python, PYTHONDONTWRITEBYTECODE: '1' },
      })
      await vscode.commands.executeCommand('epochtree.sessions.focus')
      const status = await ended
      tree.refresh()
      if (status !== undefined && status !== 0)
        throw new Error(t('The demo ended with status {0}. Its terminal says why; it needs Python 3.9 or newer.', status))
      const [newest] = (await server.request('epochtree/sessions', { dir, nested: false, offset: 0, limit: 1 })).rows
      if (newest) await tree.reveal(dir, newest.id)
    },
    'epochtree.installPackage': async () => {
      const folder = vscode.workspace.workspaceFolders?.[0]
      const python = await selectedPython(folder?.uri)
      const status = await runTask({
        name: t('Install the Python package'),
        program: python,
        args: ['-m', 'pip', 'install', '--no-deps', '--no-index', '--force-reinstall', await shippedWheel(context.extensionUri)],
        folder,
        cwd: folder?.uri.fsPath ?? context.extensionUri.fsPath,
      })
      if (status === 0) void vscode.window.showInformationMessage(t('`import epochtree` works with {0} now.', python))
      else
        throw new Error(
          t(
            'pip could not install the package with {0}; its terminal says why. Choose another environment with "Python: Select Interpreter", or name one in the setting epochtree.python.',
            python,
          ),
        )
    },
  }
}

/** A newer editor may warn of what an older one still called experimental; nobody needs to read that. */
const quietNode = ['--disable-warning=ExperimentalWarning']

/** The package as one file that pip takes without building or fetching anything. */
async function shippedWheel(extension: vscode.Uri): Promise<string> {
  const folder = vscode.Uri.joinPath(extension, 'dist', 'wheel')
  const found = (await vscode.workspace.fs.readDirectory(folder)).find(([name]) => name.endsWith('.whl'))
  if (!found) throw new Error(t('The Python package is missing from the extension. Install Epochtree again.'))
  return vscode.Uri.joinPath(folder, found[0]).fsPath
}

async function insertSnippet() {
  const editor = vscode.window.activeTextEditor
  if (editor?.document.languageId !== 'python')
    throw new Error(
      t('Open the Python script that trains your model, and put the cursor where its training loop begins; then run this again.'),
    )
  const { document } = editor
  const { import: missing, snippet } = trackingFor(document.getText(), document.fileName)
  if (missing) {
    const end = document.lineCount
    // A last line without its end would otherwise be joined with the import.
    const text = missing.line >= end && document.lineAt(end - 1).text !== '' ? `\n${missing.text}` : missing.text
    const at = missing.line >= end ? document.lineAt(end - 1).range.end : new vscode.Position(missing.line, 0)
    await editor.edit((edit) => edit.insert(at, text), { undoStopBefore: true, undoStopAfter: false })
  }
  const line = document.lineAt(editor.selection.active.line)
  // Behind code, on a line of its own.
  const place = line.isEmptyOrWhitespace ? editor.selection.active : line.range.end
  const inserted = new vscode.SnippetString(line.isEmptyOrWhitespace ? snippet : `\n${snippet}`)
  await editor.insertSnippet(inserted, place, { undoStopBefore: false, undoStopAfter: true })
  await vscode.window.showTextDocument(document, editor.viewColumn)
}

async function chosenFolder(title: string): Promise<vscode.WorkspaceFolder> {
  const folders = vscode.workspace.workspaceFolders ?? []
  const [only] = folders
  if (!only) throw new Error(t('No folder is open. Open one with "File: Open Folder...", then run this again.'))
  if (folders.length === 1) return only
  const picked = await vscode.window.showQuickPick(
    folders.map((folder) => ({ label: folder.name, description: folder.uri.fsPath, folder })),
    { title },
  )
  if (!picked) throw new vscode.CancellationError()
  return picked.folder
}

import { basename } from 'node:path'
import * as vscode from 'vscode'

const { t } = vscode.l10n

const TRACKED = /^[ \t]*(?:from[ \t]+epochtree\b|import[ \t][^#\n]*\bepochtree\b)/m
const MOST_SCRIPTS = 500
const OTHERS = '**/{.*,node_modules,site-packages,venv,env,__pycache__}/**'

const isTracked = (text: string) => TRACKED.test(text)

/** Shows "Train" above scripts that begin sessions. */
export function markTrainingScripts(): vscode.Disposable {
  const mark = (editor: vscode.TextEditor | undefined) => {
    const document = editor?.document
    const tracked = document?.languageId === 'python' && isTracked(document.getText())
    void vscode.commands.executeCommand('setContext', 'epochtree.scriptHasSession', tracked)
  }
  mark(vscode.window.activeTextEditor)
  return vscode.Disposable.from(
    vscode.window.onDidChangeActiveTextEditor(mark),
    vscode.workspace.onDidChangeTextDocument(({ document }) => {
      if (document === vscode.window.activeTextEditor?.document) mark(vscode.window.activeTextEditor)
    }),
  )
}

/** The script that is meant: the given one, the one in the editor, or one that is chosen; saved, as it will be run. */
export async function scriptToTrain(given: vscode.Uri | undefined): Promise<vscode.Uri> {
  const active = vscode.window.activeTextEditor?.document
  const here = active?.languageId === 'python' && active.uri.scheme === 'file' && isTracked(active.getText()) ? active.uri : undefined
  const script = given ?? here ?? (await chosenScript())
  const open = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === script.toString())
  if (open?.isDirty && !(await open.save())) throw new Error(t('{0} could not be saved, so it is not trained.', basename(script.fsPath)))
  return script
}

async function chosenScript(): Promise<vscode.Uri> {
  const scripts = await trackedScripts()
  if (scripts.length === 0) {
    const insert = t('Insert Tracking')
    const picked = await vscode.window.showInformationMessage(
      t('No script here uses `import epochtree` yet. Open the one that trains, and insert tracking into it.'),
      insert,
    )
    if (picked === insert) await vscode.commands.executeCommand('epochtree.insertSnippet')
    throw new vscode.CancellationError()
  }
  const picked = await vscode.window.showQuickPick(
    scripts.map((uri) => ({ label: basename(uri.fsPath), description: vscode.workspace.asRelativePath(uri), uri })),
    { title: t('Train which script?'), matchOnDescription: true },
  )
  if (!picked) throw new vscode.CancellationError()
  return picked.uri
}

async function trackedScripts(): Promise<vscode.Uri[]> {
  const found = await vscode.workspace.findFiles('**/*.py', OTHERS, MOST_SCRIPTS)
  const read = await Promise.all(
    found.map(async (uri) => {
      try {
        return isTracked(new TextDecoder().decode(await vscode.workspace.fs.readFile(uri))) ? [uri] : []
      } catch {
        return []
      }
    }),
  )
  return read.flat().sort((a, b) => (a.path < b.path ? -1 : 1))
}

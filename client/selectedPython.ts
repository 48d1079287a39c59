import * as vscode from 'vscode'

/** As much of the Python extension's API as is asked. */
interface PythonExtension {
  readonly environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string }
    resolveEnvironment(path: unknown): Promise<{ readonly executable?: { readonly uri?: vscode.Uri } } | undefined>
  }
}

/** The Python to run with: the setting, else the one chosen in the Python extension, else the system's. */
export const selectedPython = async (resource: vscode.Uri | undefined): Promise<string> =>
  (await chosenPython(resource)) ?? (process.platform === 'win32' ? 'python' : 'python3')

/** The Python that somebody chose: by the setting, or in the Python extension. */
export async function chosenPython(resource: vscode.Uri | undefined): Promise<string | undefined> {
  return namedPython(resource) ?? (await pythonOfExtension(resource))
}

/** The Python of the setting, which comes before any other choice. */
export const namedPython = (resource: vscode.Uri | undefined): string | undefined =>
  vscode.workspace.getConfiguration('epochtree', resource).get('python', '').trim() || undefined

async function pythonOfExtension(resource: vscode.Uri | undefined): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<PythonExtension | undefined>('ms-python.python')
  if (!extension) return undefined
  const environments = (await extension.activate())?.environments
  if (!environments) return undefined
  const found = await environments.resolveEnvironment(environments.getActiveEnvironmentPath(resource))
  return found?.executable?.uri?.fsPath
}

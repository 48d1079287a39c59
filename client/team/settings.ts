import * as vscode from 'vscode'
import type { StoreSettings } from '../../server/protocol/editor'

const { Global, Workspace, WorkspaceFolder } = vscode.ConfigurationTarget

const configuration = () => vscode.workspace.getConfiguration('epochtree')

/** The setting as it holds; undefined where nobody set it. */
export const shownStore = (): StoreSettings | undefined => present(configuration().get<StoreSettings>('store'))

/** VS Code gives an object with nothing in it where nothing is set. */
export const present = <Store>(store: Store | null | undefined): Store | undefined =>
  store && Object.keys(store).length ? store : undefined

/** Where the setting is made, the nearest first. */
export function placesOfStore(): readonly { readonly target: vscode.ConfigurationTarget; readonly store: StoreSettings }[] {
  const { globalValue, workspaceValue, workspaceFolderValue } = configuration().inspect<StoreSettings>('store') ?? {}
  return [[WorkspaceFolder, workspaceFolderValue] as const, [Workspace, workspaceValue] as const, [Global, globalValue] as const].flatMap(
    ([target, store]) => (present(store) ? [{ target, store: store! }] : []),
  )
}

export const writeStore = (store: StoreSettings | undefined, target: vscode.ConfigurationTarget) =>
  configuration().update('store', store, target)

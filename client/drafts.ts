import * as vscode from 'vscode'
import type { Draft } from '../server/protocol/editor'
import { bringHere } from './bringHere'
import { isDraft } from './isDraft'
import type { Server } from './server'
import type { SessionTree } from './sessionTree/sessionTree'
import type { Trainings } from './tasks'
import { needsTrust } from './trust'

const { t } = vscode.l10n

const ORIGINAL = 'epochtree-original'

/** Drafts in the editor: shown beside what they began with, and ended by a click. */
export class Drafts implements vscode.Disposable {
  readonly #server: Server
  readonly #tree: SessionTree
  readonly #trainings: Trainings
  readonly #disposables: vscode.Disposable[]

  constructor(server: Server, tree: SessionTree, trainings: Trainings) {
    this.#server = server
    this.#tree = tree
    this.#trainings = trainings
    this.#disposables = [
      vscode.workspace.registerTextDocumentContentProvider(ORIGINAL, {
        provideTextDocumentContent: ({ path }) => server.request('epochtree/original', { file: vscode.Uri.file(path).fsPath }),
      }),
      vscode.window.tabGroups.onDidChangeTabs(({ closed }) => {
        for (const tab of closed) void this.#closed(tab)
      }),
    ]
  }

  async open({ file, title }: Draft) {
    const draft = vscode.Uri.file(file)
    await vscode.commands.executeCommand('vscode.diff', draft.with({ scheme: ORIGINAL }), draft, title, { preview: false })
  }

  /** Makes the session that a draft asks for, and trains it where that is wished. */
  async apply(given: unknown, train: boolean) {
    needsTrust()
    const uri = this.#uriOf(given)
    const document = await vscode.workspace.openTextDocument(uri)
    if (document.isDirty) await document.save()
    await bringHere(this.#server, { file: uri.fsPath }, t('the epoch'))
    const started = await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title: t('Making the session') }, () =>
      this.#server.request('epochtree/apply', { file: uri.fsPath, text: document.getText() }),
    )
    await this.#close(uri)
    if (train) await this.#trainings.run(started)
    await this.#tree.reveal(started.dir, started.session.id)
  }

  async discard(given: unknown) {
    needsTrust()
    const uri = this.#uriOf(given)
    const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString())
    // What was typed is not asked about again: that is what discarding means.
    if (document?.isDirty) await document.save()
    await this.#server.request('epochtree/discard', { file: uri.fsPath })
    await this.#close(uri)
  }

  #uriOf(given: unknown): vscode.Uri {
    if (given instanceof vscode.Uri) return isDraft(given) ? given : vscode.Uri.file(given.path)
    const { file } = (given ?? {}) as { file?: unknown }
    if (typeof file === 'string') return vscode.Uri.file(file)
    const active = vscode.window.activeTextEditor?.document.uri
    if (active && isDraft(active)) return active
    throw new Error(t('Open a draft first: begin one with "Fork from Epoch..." or "Train...".'))
  }

  async #close(uri: vscode.Uri) {
    const tabs = vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs).filter((tab) => draftOf(tab)?.fsPath === uri.fsPath)
    await vscode.window.tabGroups.close(tabs)
  }

  /** A draft that was opened and left as it began goes with its tab. */
  async #closed(tab: vscode.Tab) {
    const uri = draftOf(tab)
    if (!uri || !vscode.workspace.isTrusted) return
    const open = vscode.window.tabGroups.all.some(({ tabs }) => tabs.some((one) => draftOf(one)?.fsPath === uri.fsPath))
    if (!open) await this.#server.request('epochtree/discard', { file: uri.fsPath, untouched: true }).catch(() => undefined)
  }

  dispose() {
    for (const disposable of this.#disposables) disposable.dispose()
  }
}

function draftOf({ input }: vscode.Tab): vscode.Uri | undefined {
  const uri = input instanceof vscode.TabInputTextDiff ? input.modified : input instanceof vscode.TabInputText ? input.uri : undefined
  return uri && isDraft(uri) ? uri : undefined
}

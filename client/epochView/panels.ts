import * as vscode from 'vscode'
import type { Changed, EpochView } from '../../server/protocol/editor'
import type { Action, ToPage } from '../../webview/messages/epoch'
import { preparePanel } from '../preparePanel'
import { sentence } from '../sentence'
import type { Server } from '../server'
import type { Target } from '../target'
import { textsOfPage } from './texts'

const VIEW_TYPE = 'epochtree.epoch'
/** What changes together is asked for once. */
const GATHER_MS = 250

interface Shown {
  readonly panel: vscode.WebviewPanel
  target: Target
  view: EpochView | undefined
  /** Whether the page listens: not before it said so, and not while it is hidden. */
  ready: boolean
  /** What the page shows now, as it was told: to be told the same would draw it anew, and open rows and marked text would suffer. */
  told: string | undefined
  asked: NodeJS.Timeout | undefined
}

/** The tabs of epochs: one for each, filled anew when something about it changed. */
export class EpochPanels implements vscode.Disposable, vscode.WebviewPanelSerializer {
  readonly #server: Server
  readonly #extension: vscode.Uri
  readonly #shown = new Set<Shown>()
  readonly #disposables: vscode.Disposable[]

  constructor(server: Server, extension: vscode.Uri) {
    this.#server = server
    this.#extension = extension
    this.#disposables = [
      vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, this),
      server.on('epochtree/changed', (change) => this.#changed(change)),
      server.onRestarted(() => this.#refreshAll()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#refreshAll()),
    ]
  }

  /** Shows an epoch; in the tab that shows it already, where there is one. */
  async open(target: Target, column = vscode.ViewColumn.Active): Promise<void> {
    const view = await this.#server.request('epochtree/epoch', target)
    const found = this.#showing(view)
    if (found) {
      found.panel.reveal()
      this.#fill(found, view)
      return
    }
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, titleOf(view), column, { enableFindWidget: true })
    this.#fill(this.#adopt(panel, target), view)
  }

  /** After a reload of the window the page tells what it had shown. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const { pageState } = await schemas()
    const kept = pageState.safeParse(state)
    if (!kept.success) {
      panel.dispose()
      return
    }
    const { dir, reference } = kept.data
    await this.#refresh(this.#adopt(panel, { dir, reference }))
  }

  #adopt(panel: vscode.WebviewPanel, target: Target): Shown {
    const shown: Shown = { panel, target, view: undefined, ready: false, told: undefined, asked: undefined }
    this.#shown.add(shown)
    panel.iconPath = new vscode.ThemeIcon('git-commit')
    panel.webview.onDidReceiveMessage((message: unknown) => void this.#heard(shown, message))
    panel.onDidChangeViewState(() => {
      // A hidden page is gone; it is made again, and says so, when it is seen.
      if (!panel.visible) shown.ready = false
    })
    panel.onDidDispose(() => {
      clearTimeout(shown.asked)
      this.#shown.delete(shown)
    })
    preparePanel(panel, { extension: this.#extension, page: 'epoch' })
    return shown
  }

  #showing({ row }: EpochView): Shown | undefined {
    return [...this.#shown].find(
      ({ view }) => view?.row.dir === row.dir && view.row.id === row.id && view.row.session.id === row.session.id,
    )
  }

  #fill(shown: Shown, view: EpochView) {
    shown.view = view
    shown.target = { dir: view.row.dir, reference: `${view.row.session.id}@${view.row.id}` }
    shown.panel.title = titleOf(view)
    if (shown.ready) void this.#tell(shown)
  }

  async #tell(shown: Shown) {
    const { panel, view } = shown
    if (!view) return
    const message: ToPage = {
      type: 'show',
      view,
      texts: textsOfPage(),
      language: vscode.env.language,
      trusted: vscode.workspace.isTrusted,
    }
    const told = JSON.stringify(message)
    if (told === shown.told) return
    shown.told = told
    await panel.webview.postMessage(message)
  }

  async #tellTrouble(shown: Shown, error: unknown) {
    shown.told = undefined
    await shown.panel.webview.postMessage({ type: 'trouble', message: sentence(error) } satisfies ToPage)
  }

  async #refresh(shown: Shown) {
    try {
      const view = await this.#server.request('epochtree/epoch', shown.target)
      if (this.#shown.has(shown)) this.#fill(shown, view)
    } catch (error) {
      if (shown.ready) await this.#tellTrouble(shown, error)
    }
  }

  #refreshAll() {
    for (const shown of this.#shown) this.#refreshSoon(shown)
  }

  #refreshSoon(shown: Shown) {
    shown.asked ??= setTimeout(() => {
      shown.asked = undefined
      void this.#refresh(shown)
    }, GATHER_MS)
  }

  #changed({ dir, sessions, structure }: Changed) {
    for (const shown of this.#shown) {
      if (shown.target.dir !== dir) continue
      const about = shown.view && [shown.view.row.session.id, shown.view.trainer.id, ...shown.view.forks.map(({ id }) => id)]
      if (structure || !about || sessions.some(({ id }) => about.includes(id))) this.#refreshSoon(shown)
    }
  }

  async #heard(shown: Shown, message: unknown) {
    const { fromPage } = await schemas()
    const parsed = fromPage.safeParse(message)
    if (!parsed.success) return
    const { data } = parsed
    switch (data.type) {
      case 'ready':
        shown.ready = true
        shown.told = undefined
        await (shown.view ? this.#tell(shown) : this.#refresh(shown))
        return
      case 'act':
        await this.#act(shown, data.action)
        return
      case 'openFork':
        await vscode.commands.executeCommand('epochtree.openEpoch', { dir: shown.target.dir, reference: data.session })
        return
      default:
        await this.#go(shown, data.number)
    }
  }

  /** Turns the tab to another epoch of its model; one that has a tab already is shown there. */
  async #go(shown: Shown, number: number) {
    const session = shown.view?.row.session.id
    if (session === undefined) return
    try {
      const view = await this.#server.request('epochtree/epoch', { dir: shown.target.dir, reference: `${session}@${number}` })
      const other = this.#showing(view)
      if (other) other.panel.reveal()
      this.#fill(other ?? shown, view)
    } catch (error) {
      await this.#tellTrouble(shown, error)
    }
  }

  async #act({ target, view }: Shown, action: Action) {
    const name = view?.reference ?? target.reference
    await vscode.commands.executeCommand(`epochtree.${action}`, { ...target, name })
  }

  /** The tabs stay: after a reload of the window they are filled again. */
  dispose() {
    for (const { asked } of this.#shown) clearTimeout(asked)
    for (const disposable of this.#disposables) disposable.dispose()
  }
}

/** Loaded with the first tab: activation does without. */
const schemas = () => import('../../webview/messages/epoch')

const titleOf = ({ reference }: EpochView) => reference

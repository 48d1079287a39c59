import { randomBytes } from 'node:crypto'
import { Buffer } from 'node:buffer'
import * as vscode from 'vscode'
import type { Comparison, Compared } from '../../server/protocol/comparison'
import type { Changed } from '../../server/protocol/editor'
import type { FromPage, ToPage } from '../../webview/messages/comparison'
import { pageHtml } from '../pageHtml'
import type { Server } from '../server'
import { textsOfComparison } from './texts'

const VIEW_TYPE = 'epochtree.comparison'
/** What changes together is told once. */
const GATHER_MS = 250

interface Shown {
  readonly panel: vscode.WebviewPanel
  compared: Compared
  comparison: Comparison | undefined
  /** Whether the page listens: not before it said so, and not while it is hidden. */
  ready: boolean
  /** Questions of the page that are not answered yet. */
  readonly asked: Map<number, vscode.CancellationTokenSource>
  /** Sessions that changed, told together. */
  readonly changed: Set<string>
  telling: NodeJS.Timeout | undefined
}

/** The tabs of comparisons: one for each set of models. */
export class ComparisonPanels implements vscode.Disposable, vscode.WebviewPanelSerializer {
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
      server.onRestarted(() => this.#renewAll()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#renewAll()),
    ]
  }

  /** Compares models; in the tab that does so already, where there is one. */
  async open(compared: Compared): Promise<void> {
    const found = [...this.#shown].find((one) => sameModels(one.compared, compared))
    if (found) {
      found.panel.reveal()
      return
    }
    const comparison = await this.#server.request('epochtree/comparison', compared)
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, titleOf(comparison), vscode.ViewColumn.Active)
    this.#adopt(panel, compared).comparison = comparison
  }

  /** After a reload of the window the page tells what it had compared. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const { pageState } = await schemas()
    const kept = pageState.safeParse(state)
    if (!kept.success) {
      panel.dispose()
      return
    }
    const { dir, references } = kept.data
    await this.#renew(this.#adopt(panel, { dir, references }))
  }

  #adopt(panel: vscode.WebviewPanel, compared: Compared): Shown {
    const shown: Shown = {
      panel,
      compared,
      comparison: undefined,
      ready: false,
      asked: new Map(),
      changed: new Set(),
      telling: undefined,
    }
    this.#shown.add(shown)
    const files = vscode.Uri.joinPath(this.#extension, 'dist', 'webview')
    panel.iconPath = new vscode.ThemeIcon('compare-changes')
    panel.webview.options = { enableScripts: true, localResourceRoots: [files] }
    panel.webview.onDidReceiveMessage((message: unknown) => void this.#heard(shown, message))
    panel.onDidChangeViewState(() => {
      // A hidden page is gone; it is made again, and says so, when it is seen.
      if (!panel.visible) this.#forget(shown)
    })
    panel.onDidDispose(() => {
      this.#forget(shown)
      this.#shown.delete(shown)
    })
    const address = (file: string) => panel.webview.asWebviewUri(vscode.Uri.joinPath(files, file)).toString()
    panel.webview.html = pageHtml({
      script: address('comparison.js'),
      style: address('comparison.css'),
      nonce: randomBytes(16).toString('base64url'),
      language: vscode.env.language,
      title: panel.title,
      workers: true,
    })
    return shown
  }

  #forget(shown: Shown) {
    shown.ready = false
    clearTimeout(shown.telling)
    shown.telling = undefined
    for (const source of shown.asked.values()) source.cancel()
    shown.asked.clear()
  }

  async #tell(shown: Shown, message: ToPage) {
    if (shown.ready) await shown.panel.webview.postMessage(message)
  }

  #show(shown: Shown, comparison: Comparison, changed: readonly string[] = []) {
    shown.comparison = comparison
    shown.panel.title = titleOf(comparison)
    return this.#tell(shown, {
      type: 'show',
      comparison,
      changed,
      texts: textsOfComparison(),
      language: vscode.env.language,
      trusted: vscode.workspace.isTrusted,
    })
  }

  /** Asks anew who is compared, and says what keeps it from being shown. */
  async #renew(shown: Shown, changed: readonly string[] = []) {
    try {
      const comparison = await this.#server.request('epochtree/comparison', shown.compared)
      if (!this.#shown.has(shown)) return
      await this.#tell(shown, { type: 'mended' })
      await this.#show(shown, comparison, changed)
    } catch (error) {
      await this.#tell(shown, { type: 'trouble', message: sentence(error) })
    }
  }

  #renewAll() {
    for (const shown of this.#shown) void this.#renew(shown)
  }

  #changed({ dir, sessions, removed }: Changed) {
    for (const shown of this.#shown) {
      if (shown.compared.dir !== dir || !shown.ready) continue
      const about = new Set(shown.comparison?.lines.map(({ sessionId }) => sessionId))
      for (const { id } of shown.comparison?.models ?? []) about.add(id)
      for (const id of [...sessions.map((row) => row.id), ...removed]) if (about.size === 0 || about.has(id)) shown.changed.add(id)
      if (shown.changed.size === 0) continue
      shown.telling ??= setTimeout(() => {
        shown.telling = undefined
        const changed = [...shown.changed]
        shown.changed.clear()
        void this.#renew(shown, changed)
      }, GATHER_MS)
    }
  }

  async #heard(shown: Shown, message: unknown) {
    const { fromPage } = await schemas()
    const parsed = fromPage.safeParse(message)
    if (!parsed.success) return
    const heard = parsed.data as FromPage
    switch (heard.type) {
      case 'ready':
        shown.ready = true
        await (shown.comparison ? this.#show(shown, shown.comparison) : undefined)
        await this.#renew(shown)
        return
      case 'ask':
        return this.#answer(shown, heard)
      case 'cancel':
        shown.asked.get(heard.id)?.cancel()
        return
      case 'act':
        await vscode.commands.executeCommand(`epochtree.${heard.action}`, { dir: shown.compared.dir, reference: heard.reference })
        return
      case 'compare':
        shown.compared = { dir: shown.compared.dir, references: heard.references }
        await this.#renew(shown)
        return
      case 'copy':
        await vscode.env.clipboard.writeText(heard.text)
        return
      default: {
        const folder = vscode.workspace.workspaceFolders?.[0]?.uri
        const file = await vscode.window.showSaveDialog(folder ? { defaultUri: vscode.Uri.joinPath(folder, heard.name) } : {})
        if (file) await vscode.workspace.fs.writeFile(file, Buffer.from(heard.content, heard.base64 ? 'base64' : 'utf8'))
      }
    }
  }

  async #answer(shown: Shown, { id, question, asked }: Extract<FromPage, { type: 'ask' }>) {
    const source = new vscode.CancellationTokenSource()
    shown.asked.set(id, source)
    try {
      const name = `epochtree/comparison/${question}` as const
      const answer = await this.#server.request(name, { ...shown.compared, asked }, source.token)
      await this.#tell(shown, { type: 'answer', id, answer })
    } catch (error) {
      await this.#tell(shown, { type: 'refused', id, message: sentence(error) })
    } finally {
      shown.asked.delete(id)
      source.dispose()
    }
  }

  /** The tabs stay: after a reload of the window they are filled again. */
  dispose() {
    for (const shown of this.#shown) this.#forget(shown)
    for (const disposable of this.#disposables) disposable.dispose()
  }
}

/** Loaded with the first tab: activation does without. */
const schemas = () => import('../../webview/messages/comparison')

const sameModels = (a: Compared, b: Compared) => a.dir === b.dir && String(a.references) === String(b.references)
const titleOf = ({ models }: Comparison) => models.map(({ label }) => label).join(' ↔ ')
const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error))

import { Buffer } from 'node:buffer'
import * as vscode from 'vscode'
import type { Comparison, Compared } from '../../server/protocol/comparison'
import type { Changed } from '../../server/protocol/editor'
import type { FromPage, ToPage } from '../../webview/messages/comparison'
import { preparePanel } from '../preparePanel'
import { sentence } from '../sentence'
import type { Server } from '../server'
import { byId, nameOf, sameModels, titleOf } from './models'
import { textsOfComparison } from './texts'

const VIEW_TYPE = 'epochtree.comparison'
/** What changes together is told once. */
const GATHER_MS = 250
/** A page that asks more at once has lost its way. */
const MOST_ASKED = 500

interface Shown {
  readonly panel: vscode.WebviewPanel
  compared: Compared
  comparison: Comparison | undefined
  /** What stands in the page itself: a new page shows it and need not be told. */
  standing: Comparison | undefined
  /** Whether the page listens: not before it said so, and not while it is hidden. */
  ready: boolean
  /** Questions of this page that are not answered yet; another page, with numbers of its own, gets another map. */
  asked: Map<number, vscode.CancellationTokenSource>
  /** Sessions that went on since the page was told. */
  readonly changed: Set<string>
  /** Whether the comparison may be another by now. */
  stale: boolean
  telling: NodeJS.Timeout | undefined
  /** One at a time: an older answer never comes after a newer one. */
  renewing: Promise<void> | undefined
}

/** The tabs of comparisons: one for each set of models. */
export class ComparisonPanels implements vscode.Disposable, vscode.WebviewPanelSerializer {
  readonly #server: Server
  readonly #extension: vscode.Uri
  readonly #shown = new Set<Shown>()
  readonly #opening = new Set<Compared>()
  readonly #disposables: vscode.Disposable[]

  constructor(server: Server, extension: vscode.Uri) {
    this.#server = server
    this.#extension = extension
    this.#disposables = [
      vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, this),
      server.on('epochtree/changed', (change) => this.#changed(change)),
      server.onEnded(() => this.#serverEnded()),
      server.onRestarted(() => this.#renewAll()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#renewAll()),
    ]
  }

  /** The models of the tab that is looked at. */
  get active(): Compared | undefined {
    return [...this.#shown].find(({ panel }) => panel.active)?.compared
  }

  /** Compares models; in the tab that does so already, where there is one. */
  async open(asked: Compared): Promise<void> {
    if (this.#reveal(asked) || [...this.#opening].some((one) => sameModels(one, asked))) return
    this.#opening.add(asked)
    try {
      const { compared, comparison } = byId(asked, await this.#server.request('epochtree/comparison', asked))
      // Now that names are ids, the tab may turn out to be there.
      if (this.#reveal(compared)) return
      const panel = vscode.window.createWebviewPanel(VIEW_TYPE, titleOf(comparison), vscode.ViewColumn.Active)
      this.#adopt(panel, compared, comparison)
    } finally {
      this.#opening.delete(asked)
    }
  }

  #reveal(compared: Compared): boolean {
    const found = [...this.#shown].find((one) => sameModels(one.compared, compared))
    found?.panel.reveal()
    return found !== undefined
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
    this.#adopt(panel, { dir, references }, undefined)
  }

  #adopt(panel: vscode.WebviewPanel, compared: Compared, comparison: Comparison | undefined) {
    const shown: Shown = {
      panel,
      compared,
      comparison,
      standing: comparison,
      ready: false,
      asked: new Map(),
      changed: new Set(),
      stale: false,
      telling: undefined,
      renewing: undefined,
    }
    this.#shown.add(shown)
    panel.iconPath = new vscode.ThemeIcon('compare-changes')
    panel.webview.onDidReceiveMessage((message: unknown) => void this.#heard(shown, message))
    panel.onDidChangeViewState(() => {
      // A hidden page is gone; it is made again, and says so, when it is seen.
      if (!panel.visible) this.#forget(shown)
    })
    panel.onDidDispose(() => {
      this.#shown.delete(shown)
      this.#forget(shown)
    })
    const told = comparison && messageOf(comparison)
    preparePanel(panel, { extension: this.#extension, page: 'comparison', workers: true, told })
  }

  #forget(shown: Shown) {
    shown.ready = false
    clearTimeout(shown.telling)
    shown.telling = undefined
    const { asked } = shown
    shown.asked = new Map()
    for (const source of asked.values()) source.cancel()
  }

  async #tell(shown: Shown, message: ToPage) {
    if (shown.ready) await shown.panel.webview.postMessage(message)
  }

  #show(shown: Shown, changed: readonly string[] = []) {
    const { comparison } = shown
    if (!comparison) return Promise.resolve()
    return this.#tell(shown, messageOf(comparison, changed))
  }

  /** Asks anew who is compared; what changes meanwhile is asked for afterwards, and once. */
  #renew(shown: Shown): Promise<void> {
    shown.stale = true
    return (shown.renewing ??= this.#renewUntilFresh(shown).finally(() => (shown.renewing = undefined)))
  }

  async #renewUntilFresh(shown: Shown) {
    while (shown.stale && this.#shown.has(shown)) {
      shown.stale = false
      const changed = [...shown.changed]
      const asked = shown.compared
      try {
        const found = byId(asked, await this.#server.request('epochtree/comparison', asked))
        if (!this.#shown.has(shown)) return
        if (shown.compared !== asked) continue
        for (const id of changed) shown.changed.delete(id)
        Object.assign(shown, found)
        shown.panel.title = titleOf(found.comparison)
        await this.#tell(shown, { type: 'mended' })
        await this.#show(shown, changed)
      } catch (error) {
        if (shown.compared !== asked) continue
        shown.stale = true
        // What is shown stays, and with it what is meant by it.
        if (shown.comparison) shown.compared = { dir: asked.dir, references: shown.comparison.models.map(({ reference }) => reference) }
        await this.#troubled(shown, sentence(error))
        return
      }
    }
  }

  async #troubled(shown: Shown, message: string) {
    await this.#tell(shown, { type: 'trouble', message })
  }

  #serverEnded() {
    const message = vscode.l10n.t('The Epochtree server ended and is being started again. What is shown here stays.')
    for (const shown of this.#shown) void this.#troubled(shown, message)
  }

  /** All of it may be another. */
  #renewAll() {
    for (const shown of this.#shown) {
      for (const id of sessionsOf(shown)) shown.changed.add(id)
      this.#renewSoon(shown)
    }
  }

  #renewSoon(shown: Shown) {
    shown.stale = true
    if (!shown.ready) return
    shown.telling ??= setTimeout(() => {
      shown.telling = undefined
      void this.#renew(shown)
    }, GATHER_MS)
  }

  #changed({ dir, sessions, removed, structure }: Changed) {
    const ids = [...sessions.map(({ id }) => id), ...removed]
    for (const shown of this.#shown) {
      if (shown.compared.dir !== dir) continue
      const about = sessionsOf(shown)
      // Of very many changes it is not told which they are.
      const changed = structure && ids.length === 0 ? [...about] : ids.filter((id) => about.has(id))
      for (const id of changed) shown.changed.add(id)
      if (changed.length > 0 || about.size === 0) this.#renewSoon(shown)
    }
  }

  async #heard(shown: Shown, message: unknown) {
    const { fromPage } = await schemas()
    const parsed = fromPage.safeParse(message)
    if (!parsed.success || !this.#shown.has(shown)) return
    const heard = parsed.data as FromPage
    try {
      await this.#answer(shown, heard)
    } catch (error) {
      void vscode.window.showErrorMessage(sentence(error))
    }
  }

  async #answer(shown: Shown, heard: FromPage): Promise<void> {
    switch (heard.type) {
      case 'ready':
        // What another page had asked in this tab is nobody's any more.
        this.#forget(shown)
        shown.ready = true
        if (shown.comparison !== shown.standing) await this.#show(shown)
        // Made once more, a page does not show what stands in it: that is old by then.
        shown.standing = undefined
        if (shown.stale || !shown.comparison) await this.#renew(shown)
        return
      case 'ask':
        return this.#ask(shown, heard)
      case 'cancel': {
        const source = shown.asked.get(heard.id)
        shown.asked.delete(heard.id)
        source?.cancel()
        return
      }
      case 'act': {
        const { dir } = shown.compared
        const { action, reference } = heard
        await vscode.commands.executeCommand(`epochtree.${action}`, { dir, reference, name: nameOf(reference, shown.comparison) })
        return
      }
      case 'compare': {
        const compared = { dir: shown.compared.dir, references: heard.references }
        if (!sameModels(compared, shown.compared) && this.#reveal(compared)) return
        shown.compared = compared
        await this.#renew(shown)
        return
      }
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

  async #ask(shown: Shown, { id, question, asked }: Extract<FromPage, { type: 'ask' }>) {
    const waiting = shown.asked
    if (waiting.size >= MOST_ASKED)
      return this.#tell(shown, { type: 'refused', id, message: vscode.l10n.t('Too much was asked at once. Try again.') })
    const source = new vscode.CancellationTokenSource()
    waiting.set(id, source)
    /** Unless nobody waits for it any more: then the number may mean another question by now. */
    const tell = async (message: ToPage) => {
      if (shown.asked === waiting && waiting.get(id) === source) await this.#tell(shown, message)
    }
    try {
      const name = `epochtree/comparison/${question}` as const
      const answer = await this.#server.request(name, { ...shown.compared, asked }, source.token)
      await tell({ type: 'answer', id, answer })
    } catch (error) {
      await tell({ type: 'refused', id, message: sentence(error) })
    } finally {
      if (waiting.get(id) === source) waiting.delete(id)
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

const messageOf = (comparison: Comparison, changed: readonly string[] = []): Extract<ToPage, { type: 'show' }> => ({
  type: 'show',
  comparison,
  changed,
  texts: textsOfComparison(),
  language: vscode.env.language,
  trusted: vscode.workspace.isTrusted,
})

/** Those that trained what is shown; none while that is not known. */
const sessionsOf = ({ comparison }: Shown): ReadonlySet<string> =>
  new Set([...(comparison?.models ?? []).map(({ id }) => id), ...(comparison?.lines ?? []).map(({ sessionId }) => sessionId)])

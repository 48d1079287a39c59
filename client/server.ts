import { setImmediate as nextTurn } from 'node:timers/promises'
import * as vscode from 'vscode'
import type { LanguageClient } from 'vscode-languageclient/node'
import type {
  InitializationOptions,
  NotificationName,
  Notifications,
  Params,
  RequestName,
  Result,
  ServerRequests,
  Settings,
} from '../server/protocol/editor'

import { isDraft } from './isDraft'
import { withoutSecrets } from './team/traces'
import type { Secrets } from './team/secrets'

const section = 'epochtree'

export function readSettings(): Settings {
  const settings = vscode.workspace.getConfiguration(section)
  return {
    mainMetric: settings.get('mainMetric', ''),
    refreshSeconds: settings.get('refreshSeconds', 1),
    folder: settings.get('folder', ''),
    inlayHints: settings.get('inlayHints', false),
    store: given(settings.get('store')),
    ownStore: given(settings.inspect('store')?.globalValue),
  }
}

/** The setting is an object with nothing in it where nobody set it. */
const given = (store: unknown) => (store && Object.keys(store).length ? store : null)

/** The language server, which alone owns the stores; the rest of the extension asks it through here. */
export class Server implements vscode.Disposable {
  readonly #context: vscode.ExtensionContext
  readonly #log: vscode.LogOutputChannel
  readonly #secrets: Secrets
  readonly #listeners = new Map<NotificationName, Set<(value: never) => void>>()
  readonly #ended = new vscode.EventEmitter<void>()
  /** Fires when the server ended by itself; it is started again. */
  readonly onEnded = this.#ended.event
  readonly #restarted = new vscode.EventEmitter<void>()
  /** Fires when the server runs again after it had ended: what was shown is to be asked for anew. */
  readonly onRestarted = this.#restarted.event
  #client: LanguageClient | undefined
  #ready: Promise<LanguageClient> | undefined
  #told = false

  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel, secrets: Secrets) {
    this.#context = context
    this.#log = log
    this.#secrets = secrets
  }

  /** Starts it once; whoever asks something waits for it. */
  start(): Promise<LanguageClient> {
    return (this.#ready ??= this.#start())
  }

  async request<Name extends RequestName>(name: Name, params: Params<Name>, token?: vscode.CancellationToken): Promise<Result<Name>> {
    const client = await this.start()
    return token ? client.sendRequest(name, params, token) : client.sendRequest(name, params)
  }

  on<Name extends NotificationName>(name: Name, listener: (value: Notifications[Name]) => void): vscode.Disposable {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return new vscode.Disposable(() => listeners.delete(listener))
  }

  async #start(): Promise<LanguageClient> {
    // The extension host reads what is imported in one go, and the client library is long: activation ends first.
    await nextTurn()
    const { CloseAction, ErrorAction, LanguageClient: Client, State, TransportKind } = await import('./languageClient')
    const module = this.#context.asAbsolutePath('dist/server.js')
    const run = { module, transport: TransportKind.ipc }
    const client = new Client(
      section,
      'Epochtree',
      // Lists of ten thousand sessions are short-lived garbage: a small nursery keeps the server small, and its pauses short.
      {
        run: { ...run, options: { execArgv: ['--max-semi-space-size=1'] } },
        debug: { ...run, options: { execArgv: ['--nolazy', '--inspect=6019', '--enable-source-maps'] } },
      },
      {
        documentSelector: [
          { scheme: 'file', language: 'python' },
          { scheme: 'untitled', language: 'python' },
          { scheme: 'file', pattern: '**/*.plan.json' },
          { scheme: 'file', pattern: '**/drafts/*/{fork,train}.jsonc' },
          { notebook: 'jupyter-notebook', language: 'python' },
        ],
        outputChannel: this.#log,
        traceOutputChannel: withoutSecrets(this.#log),
        markdown: { isTrusted: { enabledCommands: ['epochtree.openEpoch', 'epochtree.compare', 'epochtree.fork'] } },
        initializationOptions: {
          trusted: vscode.workspace.isTrusted,
          links: true,
          secrets: true,
          settings: readSettings(),
        } satisfies InitializationOptions,
        middleware: {
          // VS Code says itself how JSON is written.
          handleDiagnostics: (uri, diagnostics, next) =>
            next(uri, isDraft(uri) ? diagnostics.filter(({ code }) => code !== 'syntax') : diagnostics),
        },
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue }),
          closed: () => {
            this.#tellOnce()
            this.#ended.fire()
            return { action: CloseAction.Restart, handled: true }
          },
        },
      },
    )
    this.#client = client
    for (const name of ['epochtree/changed', 'epochtree/failed', 'epochtree/fetching'] as const)
      client.onNotification(name, (value: unknown) => {
        for (const listener of this.#listeners.get(name) ?? []) listener(value as never)
      })
    client.onRequest('epochtree/secrets', (asked: ServerRequests['epochtree/secrets'][0]) => this.#secrets.answer(asked))
    let began = false
    client.onDidChangeState(({ newState }) => {
      if (newState !== State.Running) return
      if (began) this.#restarted.fire()
      began = true
    })
    this.#context.subscriptions.push(
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(section)) void client.sendNotification('epochtree/settings', readSettings())
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void client.sendNotification('epochtree/trusted')),
      this.#secrets.onChanged(() => void client.sendNotification('epochtree/secretsChanged')),
    )
    await client.start()
    return client
  }

  /** However often it should happen, one message is enough; the log has the rest. */
  #tellOnce() {
    if (this.#told) return
    this.#told = true
    void vscode.window.showWarningMessage(
      vscode.l10n.t('The Epochtree server ended unexpectedly and was started again. Nothing that was recorded is lost.'),
    )
  }

  async dispose() {
    this.#ended.dispose()
    this.#restarted.dispose()
    await this.#client?.dispose()
  }
}

import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pathToFileURL } from 'node:url'
import {
  type CodeAction,
  type CodeLens,
  type CompletionItem,
  createProtocolConnection,
  type Diagnostic,
  type InitializeResult,
  type Position,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver-protocol/node'
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node'
import type {
  InitializationOptions,
  NotificationName,
  Notifications,
  Params,
  RequestName,
  Result,
  ServerRequests,
} from '../../server/protocol/editor'
import { startServer } from '../../server/server'

/** A client of the language server, in this process: what it says goes through the real protocol, over a pair of streams. */
export interface LspClient {
  readonly root: string
  /** The `.epochtree` folder of the first workspace folder. */
  readonly dir: string
  readonly initialized: InitializeResult
  request<Name extends RequestName>(name: Name, params: Params<Name>, signal?: AbortSignal): Promise<Result<Name>>
  /** Any request of the protocol itself. */
  send<Answer>(method: string, params: unknown): Promise<Answer>
  /** Resolves to the first notification that fits; those that came since `since` (by default: ever) count. */
  heard<Name extends NotificationName>(name: Name, fits: (value: Notifications[Name]) => boolean): Promise<Notifications[Name]>
  /** The first message that people would see. */
  told(): Promise<string>
  notify(method: string, params?: unknown): void
  open(path: string, text: string, languageId?: string): OpenDocument
  close(): Promise<void>
}
/** Ours are plain texts. */
export type Told = Omit<Diagnostic, 'message'> & { readonly message: string }
export interface OpenDocument {
  readonly uri: string
  readonly text: string
  /** Replaces the whole text, as typing does. */
  change(text: string): void
  /** What is wrong with the text as it is now. */
  diagnostics(): Promise<readonly Told[]>
  lenses(): Promise<readonly CodeLens[]>
  completions(at: Position): Promise<readonly CompletionItem[]>
  actions(diagnostic: Told): Promise<readonly CodeAction[]>
  close(): void
}

export interface Opening {
  /** A folder to be copied as the workspace. */
  readonly from?: string
  /** The workspace itself, where it is to be shared. */
  readonly root?: string
  readonly options?: Partial<InitializationOptions>
  /** Whatever another client would give in their place. */
  readonly initializationOptions?: unknown
  /** What people gave this client to keep; without it, it keeps nothing. */
  readonly secrets?: (asked: ServerRequests['epochtree/secrets'][0]) => ServerRequests['epochtree/secrets'][1]
}

export const temporaryFolder = (name: string) => mkdtempSync(join(tmpdir(), `epochtree-${name}-`))

export async function openWorkspace({ from, root: given, options, initializationOptions, secrets }: Opening = {}): Promise<LspClient> {
  const root = given ?? temporaryFolder('lsp')
  if (from) cpSync(from, root, { recursive: true })
  const [toServer, toClient] = [new PassThrough(), new PassThrough()]
  startServer(createConnection(ProposedFeatures.all, new StreamMessageReader(toServer), new StreamMessageWriter(toClient)))
  const connection = createProtocolConnection(new StreamMessageReader(toClient), new StreamMessageWriter(toServer))

  const heard: { readonly name: string; readonly value: unknown }[] = []
  const waiting = new Set<() => void>()
  const note = (name: string) => (value: unknown) => {
    heard.push({ name, value })
    for (const look of waiting) look()
  }
  for (const name of ['epochtree/changed', 'epochtree/failed', 'textDocument/publishDiagnostics', 'window/showMessage'])
    connection.onNotification(name, note(name))
  if (secrets) connection.onRequest('epochtree/secrets', secrets)
  const first = <Value>(name: string, fits: (value: Value) => boolean): Promise<Value> =>
    new Promise((resolve) => {
      const look = () => {
        const found = heard.find((one) => one.name === name && fits(one.value as Value))
        if (!found) return
        waiting.delete(look)
        resolve(found.value as Value)
      }
      waiting.add(look)
      look()
    })

  connection.listen()
  const initialized = await connection.sendRequest<InitializeResult>('initialize', {
    // A server watches the process that started it by a timer of its own; here that is this process.
    processId: null,
    rootUri: null,
    capabilities: {},
    workspaceFolders: [{ uri: pathToFileURL(root).href, name: basename(root) }],
    initializationOptions:
      initializationOptions === undefined
        ? { trusted: true, links: true, secrets: secrets !== undefined, ...options }
        : initializationOptions,
  })
  await connection.sendNotification('initialized', {})

  const send = <Answer>(method: string, params: unknown) => connection.sendRequest<Answer>(method, params)
  const request = <Name extends RequestName>(name: Name, params: Params<Name>, signal?: AbortSignal): Promise<Result<Name>> => {
    if (!signal) return connection.sendRequest<Result<Name>>(name, params)
    const listeners: (() => void)[] = []
    signal.addEventListener('abort', () => listeners.forEach((listener) => listener()), { once: true })
    return connection.sendRequest<Result<Name>>(name, params, {
      isCancellationRequested: signal.aborted,
      onCancellationRequested: (listener) => {
        listeners.push(() => listener(undefined))
        return { dispose: () => {} }
      },
    })
  }
  const notify = (method: string, params?: unknown) => void connection.sendNotification(method, params)
  const [folder] = await request('epochtree/folders', null)

  return {
    root,
    dir: folder!.dir,
    initialized,
    request,
    send,
    heard: (name, fits) => first(name, fits),
    told: async () => (await first<{ readonly message: string }>('window/showMessage', () => true)).message,
    notify,
    open: (path, text, languageId = languageOf(path)) => {
      const uri = pathToFileURL(path).href
      let version = 1
      let current = text
      notify('textDocument/didOpen', { textDocument: { uri, languageId, version, text } })
      return {
        uri,
        get text() {
          return current
        },
        change: (changed) => {
          current = changed
          notify('textDocument/didChange', { textDocument: { uri, version: ++version }, contentChanges: [{ text: changed }] })
        },
        diagnostics: async () =>
          (
            await first<{ uri: string; version?: number; diagnostics: Told[] }>(
              'textDocument/publishDiagnostics',
              (one) => one.uri === uri && one.version === version,
            )
          ).diagnostics,
        lenses: () => send('textDocument/codeLens', { textDocument: { uri } }),
        completions: (position) => send('textDocument/completion', { textDocument: { uri }, position }),
        actions: (diagnostic) =>
          send('textDocument/codeAction', { textDocument: { uri }, range: diagnostic.range, context: { diagnostics: [diagnostic] } }),
        close: () => notify('textDocument/didClose', { textDocument: { uri } }),
      }
    },
    close: async () => {
      await connection.sendRequest('shutdown')
      connection.end()
      connection.dispose()
      for (const stream of [toServer, toClient]) stream.destroy()
      if (given === undefined) rmSync(root, { recursive: true, force: true })
    },
  }
}

const languageOf = (path: string) => (path.endsWith('.py') ? 'python' : path.endsWith('.jsonc') ? 'jsonc' : 'json')

/** The text without its mark `|`, and where that was. */
export function atMark(marked: string): { readonly text: string; readonly position: Position; readonly offset: number } {
  const offset = marked.indexOf('|')
  const before = marked.slice(0, offset).split('\n')
  return {
    text: marked.slice(0, offset) + marked.slice(offset + 1),
    position: { line: before.length - 1, character: before.at(-1)!.length },
    offset,
  }
}

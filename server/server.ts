import { fileURLToPath } from 'node:url'
import {
  type CancellationToken,
  type Connection,
  MessageType,
  NotebookDocuments,
  ResponseError,
  ShowMessageNotification,
  TextDocuments,
  TextDocumentSyncKind,
} from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import packageJson from '../package.json' with { type: 'json' }
import { editorRequests } from './editorRequests'
import { explain } from './errors'
import { commandNames, executeCommand } from './executeCommand'
import { answerAboutScripts, languageCapabilities } from './language'
import { commandOf, initializationOptionsOf, paramsOf, secretsOf, settingsOf } from './parameters'
import type { RequestName } from './protocol/editor'
import { Scripts } from './scripts'
import { Workspace } from './workspace'

/** What an error of ours is to the editor; its code travels as data. */
const REFUSED = -32001
const REFRESHED_EVERY_MS = 1000

/** The language server over any connection: IPC in the editor, stdio for other clients, a pair of streams in tests. */
export function startServer(connection: Connection) {
  const warn = (message: string) => void connection.sendNotification(ShowMessageNotification.type, { type: MessageType.Warning, message })
  let begin = () => {}
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const workspace = new Workspace({
    changed: (change) => {
      void connection.sendNotification('epochtree/changed', change)
      refreshSoon()
    },
    failed: (failure) => void connection.sendNotification('epochtree/failed', failure),
    fetching: (progress) => void connection.sendNotification('epochtree/fetching', progress),
    warn,
    log: (message) => connection.console.info(message),
    secrets: async (asked) => {
      // A server asks nothing before the client has had its answer to `initialize`.
      await begun
      return client.secrets ? secretsOf(await connection.sendRequest('epochtree/secrets', asked)) : { mongo: null, elastic: null }
    },
  })

  const configure = (given: unknown) => {
    const { settings, wrong } = settingsOf(given)
    workspace.configure(settings)
    for (const one of wrong) warn(one)
  }

  let tellsFolders = false
  const client = { links: false, refreshes: false, secrets: false }
  const scripts = new Scripts(new TextDocuments(TextDocument), new NotebookDocuments(TextDocument))
  const language = answerAboutScripts(connection, workspace, scripts, { links: () => client.links, refreshes: () => client.refreshes })
  // Trainings tell of themselves many times a second; lenses are asked for again once in a while.
  let refreshing: NodeJS.Timeout | undefined
  const refreshSoon = () => {
    refreshing ??= setTimeout(() => {
      refreshing = undefined
      language.refresh()
    }, REFRESHED_EVERY_MS)
  }

  connection.onInitialize(({ workspaceFolders, rootUri, initializationOptions, capabilities }) => {
    const given = initializationOptionsOf(initializationOptions)
    tellsFolders = capabilities.workspace?.workspaceFolders === true
    client.links = given.links ?? false
    client.secrets = given.secrets ?? false
    client.refreshes = capabilities.workspace?.codeLens?.refreshSupport === true
    configure(given.settings)
    if (given.trusted ?? true) void workspace.trust()
    const folders = workspaceFolders ?? (rootUri ? [{ uri: rootUri, name: rootUri.split('/').at(-1) ?? rootUri }] : [])
    for (const { uri, name } of folders) if (uri.startsWith('file:')) workspace.add(fileURLToPath(uri), name)
    return {
      serverInfo: { name: 'epochtree', version: packageJson.version },
      capabilities: {
        textDocumentSync: TextDocumentSyncKind.Incremental,
        notebookDocumentSync: { notebookSelector: [{ notebook: '*', cells: [{ language: 'python' }] }] },
        ...languageCapabilities,
        workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
        executeCommandProvider: { commands: commandNames },
      },
    }
  })
  connection.onInitialized(() => {
    begin()
    if (tellsFolders)
      connection.workspace.onDidChangeWorkspaceFolders(({ added, removed }) => {
        for (const { uri } of removed) if (uri.startsWith('file:')) void workspace.remove(fileURLToPath(uri))
        for (const { uri, name } of added) if (uri.startsWith('file:')) workspace.add(fileURLToPath(uri), name)
      })
  })
  connection.onNotification('epochtree/settings', (given: unknown) => {
    configure(given)
    // The editor has asked for hints and lenses perhaps before this came.
    language.refresh()
  })
  connection.onNotification('epochtree/trusted', () => workspace.trust())
  connection.onNotification('epochtree/secretsChanged', () => workspace.secretsChanged())

  type Handle = (workspace: Workspace, params: unknown, signal: AbortSignal) => Promise<unknown>
  for (const [name, handle] of Object.entries(editorRequests) as [RequestName, Handle][])
    connection.onRequest(name, (...given: unknown[]) => {
      const token = given.pop() as CancellationToken
      return answered(handle(workspace, paramsOf(name, given), abortedBy(token)))
    })
  connection.onExecuteCommand((given) => {
    const { command, arguments: words } = commandOf(given)
    return answered(executeCommand(workspace, command, words ?? []))
  })

  connection.onShutdown(() => {
    clearTimeout(refreshing)
    language.close()
    return workspace.close()
  })
  scripts.listen(connection)
  connection.listen()
}

/** Errors reach people as a sentence with its remedy, never as a stack. */
async function answered<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ResponseError) throw error
    const { code, message } = explain(error)
    throw new ResponseError(REFUSED, message, { code })
  }
}

function abortedBy(token: CancellationToken): AbortSignal {
  const controller = new AbortController()
  if (token.isCancellationRequested) controller.abort()
  else token.onCancellationRequested(() => controller.abort())
  return controller.signal
}

import {
  CodeActionKind,
  type CodeLens,
  type CompletionItem,
  CompletionItemKind,
  type Connection,
  type Diagnostic,
  DiagnosticSeverity,
  type DocumentLink,
  type Hover,
  type InlayHint,
  type Location,
  type ServerCapabilities,
} from 'vscode-languageserver'
import type { TextDocument } from 'vscode-languageserver-textdocument'
import { fileURLToPath } from 'node:url'
import { lensesOf } from './codeLens'
import { choicesFor, sortKey } from './completion'
import { explain } from './errors'
import { hoverAt } from './hover'
import { lostReferences, resolvedEpochs } from './referenceChecks'
import { check } from './script/checks'
import { checkPlan } from './script/plan'
import { referenceAt, referencePartAt } from './script/references'
import type { Finding, Range } from './script/types'
import { type DraftDocuments, draftDocuments } from './draftDocuments'
import type { Scripts } from './scripts'
import type { TrackedFolder } from './trackedFolder'
import type { Workspace } from './workspace'

export interface LanguageOptions {
  /** Whether the client runs the extension's commands from links and lenses. */
  readonly links: () => boolean
  /** Whether the client asks again for lenses and hints when it is told to. */
  readonly refreshes: () => boolean
}

export const languageCapabilities: ServerCapabilities = {
  hoverProvider: true,
  codeLensProvider: { resolveProvider: false },
  completionProvider: { triggerCharacters: ['"', "'", '@', '(', '/', ':', '~'] },
  definitionProvider: true,
  documentLinkProvider: { resolveProvider: false },
  inlayHintProvider: true,
  codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] },
}

const SEVERITY = { error: DiagnosticSeverity.Error, warning: DiagnosticSeverity.Warning, information: DiagnosticSeverity.Information }
const KINDS = {
  session: CompletionItemKind.Module,
  epoch: CompletionItemKind.Value,
  word: CompletionItemKind.Keyword,
  metric: CompletionItemKind.Field,
}
const CHECKED_AFTER_MS = 250

/** What the language server knows about training scripts and plans: each answer comes from one file of its own. */
export function answerAboutScripts(connection: Connection, workspace: Workspace, scripts: Scripts, options: LanguageOptions) {
  const drafts = draftDocuments(workspace)
  const draftOf = (uri: string) => (drafts.covers(uri) ? scripts.document(uri) : undefined)
  const about = (uri: string) => {
    const document = scripts.document(uri)
    const folder = document && folderOf(workspace, uri)
    return document && folder ? { document, folder } : undefined
  }

  connection.onHover(async ({ textDocument, position }): Promise<Hover | null> => {
    const found = about(textDocument.uri)
    const draft = draftOf(textDocument.uri)
    const model =
      found &&
      (draft
        ? await quietly(connection, () => drafts.model(draft))
        : (scripts.model(found.document) ?? planAsModel(scripts, found.document)))
    if (!found || !model) return null
    const hover = await quietly(connection, () =>
      hoverAt(found.folder, model, found.document.offsetAt(position), { links: options.links(), now: Date.now() / 1000 }),
    )
    return hover ? { contents: { kind: 'markdown', value: hover.markdown }, range: rangeIn(found.document, hover) } : null
  })

  connection.onCodeLens(async ({ textDocument }): Promise<CodeLens[]> => {
    const draft = draftOf(textDocument.uri)
    if (draft) return (await quietly(connection, () => drafts.lenses(draft, options.links()))) ?? []
    const found = about(textDocument.uri)
    const model = found && scripts.model(found.document)
    if (!found || !model) return []
    const lenses = (await quietly(connection, () => lensesOf(found.folder, model))) ?? []
    return lenses.map((lens) => ({
      range: rangeIn(found.document, lens),
      command: { title: lens.title, command: options.links() ? lens.command : '', arguments: [lens.argument] },
    }))
  })

  connection.onCompletion(async ({ textDocument, position }): Promise<CompletionItem[]> => {
    const draft = draftOf(textDocument.uri)
    if (draft) return (await quietly(connection, () => drafts.completions(draft, position))) ?? []
    const found = about(textDocument.uri)
    const model = found && scripts.model(found.document)
    if (!found || !model) return []
    const offset = found.document.offsetAt(position)
    const reference = referenceAt(model, offset)
    if (!reference?.exact) return []
    const part = referencePartAt(reference.text, offset - reference.from)
    const choices = (await quietly(connection, () => choicesFor(found.folder, part))) ?? []
    const range = rangeIn(found.document, { from: reference.from + part.from, to: reference.from + part.to })
    return choices.map((choice, place) => ({
      label: choice.label,
      detail: choice.detail,
      kind: KINDS[choice.kind],
      sortText: sortKey(place),
      filterText: choice.insert ?? choice.label,
      textEdit: { range, newText: choice.insert ?? choice.label },
      ...(choice.goesOn && options.links() ? { command: { title: '', command: 'editor.action.triggerSuggest' } } : {}),
    }))
  })

  connection.onDefinition(async ({ textDocument, position }): Promise<Location | null> => {
    const found = about(textDocument.uri)
    const model = found && scripts.model(found.document)
    const reference = found && model && referenceAt(model, found.document.offsetAt(position))
    if (!found || !reference) return null
    return { uri: epochUri(found.folder, reference.text), range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } } }
  })

  connection.onDocumentLinks(({ textDocument }): DocumentLink[] => {
    const found = about(textDocument.uri)
    const model = found && scripts.model(found.document)
    if (!found || !model || !options.links()) return []
    return model.references.map((reference) => ({
      range: rangeIn(found.document, reference),
      target: `command:epochtree.openEpoch?${encodeURIComponent(JSON.stringify([{ dir: found.folder.dir, reference: reference.text }]))}`,
      tooltip: 'Open this epoch',
    }))
  })

  connection.languages.inlayHint.on(async ({ textDocument, range }): Promise<InlayHint[]> => {
    const found = about(textDocument.uri)
    const model = found && scripts.model(found.document)
    if (!found || !model || !workspace.settings.inlayHints) return []
    const [from, to] = [found.document.offsetAt(range.start), found.document.offsetAt(range.end)]
    const resolved = (await quietly(connection, () => resolvedEpochs(found.folder, model))) ?? []
    return resolved
      .filter(({ reference }) => reference.from >= from && reference.to <= to)
      .map(({ reference, number }) => ({
        position: found.document.positionAt(reference.to + 1),
        label: `epoch ${number}`,
        paddingLeft: true,
      }))
  })

  connection.onCodeAction(({ textDocument, context }) =>
    context.diagnostics.flatMap(({ range, data, source, ...diagnostic }) => {
      const instead = source === 'epochtree' ? ((data as { instead?: readonly string[] } | undefined)?.instead ?? []) : []
      return instead.map((newText, place) => ({
        title: `Change to ${newText}`,
        kind: CodeActionKind.QuickFix,
        diagnostics: [{ range, data, source: source!, ...diagnostic }],
        isPreferred: place === 0,
        edit: { changes: { [textDocument.uri]: [{ range, newText }] } },
      }))
    }),
  )

  const checks = new Map<string, NodeJS.Timeout>()
  const later = (document: TextDocument) => {
    clearTimeout(checks.get(document.uri))
    checks.set(
      document.uri,
      setTimeout(() => {
        checks.delete(document.uri)
        void quietly(connection, async () => {
          const { version } = document
          const diagnostics = await diagnosticsOf(workspace, scripts, drafts, document)
          // Typed on meanwhile: a later check is on its way.
          if (scripts.document(document.uri)?.version === version)
            await connection.sendDiagnostics({ uri: document.uri, version, diagnostics })
        })
      }, CHECKED_AFTER_MS),
    )
  }
  const forget = (uri: string) => {
    clearTimeout(checks.get(uri))
    checks.delete(uri)
    void connection.sendDiagnostics({ uri, diagnostics: [] })
  }
  scripts.onChange(later, forget)
  const checkAll = () => {
    for (const document of scripts.all()) later(document)
  }
  return {
    /** Sessions changed: what is shown about them is asked for again. */
    refresh() {
      if (!options.refreshes()) return checkAll()
      void connection.languages.inlayHint.refresh()
      void connection.sendRequest('workspace/codeLens/refresh')
      checkAll()
    },
    close() {
      for (const timer of checks.values()) clearTimeout(timer)
    },
  }
}

async function diagnosticsOf(
  workspace: Workspace,
  scripts: Scripts,
  drafts: DraftDocuments,
  document: TextDocument,
): Promise<Diagnostic[]> {
  if (drafts.covers(document.uri)) return drafts.diagnostics(document)
  const model = scripts.model(document)
  const plan = model ? undefined : scripts.plan(document)
  const findings: readonly Finding[] = model ? check(model) : plan ? checkPlan(plan) : []
  const own = findings.map((finding) =>
    diagnostic(document, finding, finding.message, SEVERITY[finding.severity], finding.code, finding.instead),
  )
  const folder = folderOf(workspace, document.uri)
  if (!model || !folder || model.references.length === 0) return own
  const lost = await lostReferences(folder, model)
  return [
    ...own,
    ...lost.map(({ reference, message, code, instead }) =>
      diagnostic(document, reference, message, DiagnosticSeverity.Warning, code, instead),
    ),
  ]
}

const diagnostic = (
  document: TextDocument,
  range: Range,
  message: string,
  severity: DiagnosticSeverity,
  code: string,
  instead: readonly string[],
): Diagnostic => ({
  range: rangeIn(document, range),
  message,
  severity,
  code,
  source: 'epochtree',
  data: { instead },
})

const rangeIn = (document: TextDocument, { from, to }: Range) => ({ start: document.positionAt(from), end: document.positionAt(to) })

/** A plan's keys as settings, so that a hover tells their values over the sessions. */
function planAsModel(scripts: Scripts, document: TextDocument) {
  const plan = scripts.plan(document)
  return plan && { imports: [], sessions: [], evaluations: [], references: [], metrics: [], settings: plan.settings }
}

function folderOf(workspace: Workspace, uri: string): TrackedFolder | undefined {
  if (!uri.startsWith('file:') && !uri.startsWith('vscode-notebook-cell:')) return workspace.folders[0]
  return workspace.folderOf(fileURLToPath(uri.replace(/^vscode-notebook-cell:/, 'file:').replace(/#.*$/s, '')))
}

/** The view of an epoch as a document that can be gone to. */
export const epochUri = ({ dir }: TrackedFolder, reference: string): string =>
  `epochtree:/${encodeURIComponent(reference)}.md?${encodeURIComponent(JSON.stringify({ dir, reference }))}`

/** What is shown beside code never interrupts whoever writes it: trouble goes to the log. */
async function quietly<Answer>(connection: Connection, work: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await work()
  } catch (error) {
    const { code, message } = explain(error)
    if (!code.startsWith('unknown-') && code !== 'bad-reference' && code !== 'ambiguous-reference') connection.console.warn(message)
    return undefined
  }
}

import { fileURLToPath } from 'node:url'
import { type CodeLens, type CompletionItem, type Diagnostic, DiagnosticSeverity, type Position } from 'vscode-languageserver'
import type { TextDocument } from 'vscode-languageserver-textdocument'
import { draftCompletions } from './drafts/completions'
import { draftAt } from './drafts/draftFolder'
import { lensTitles } from './drafts/lenses'
import { checkDraft, type DraftRemark } from './drafts'
import { readPlan } from './script/plan'
import type { ScriptModel } from './script/types'
import type { Workspace } from './workspace'

const SEVERITIES = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  information: DiagnosticSeverity.Information,
} as const

/** Drafts in the editor: checked as they are typed, completed, and ended by a click. */
export interface DraftDocuments {
  covers(uri: string): boolean
  diagnostics(document: TextDocument): Promise<Diagnostic[]>
  lenses(document: TextDocument, links: boolean): Promise<CodeLens[]>
  completions(document: TextDocument, position: Position): Promise<CompletionItem[]>
  /** Its hyper-parameters and plan as a script would have them, for whoever tells of their values over the sessions. */
  model(document: TextDocument): Promise<ScriptModel>
}

export function draftDocuments(workspace: Workspace): DraftDocuments {
  const check = (document: TextDocument) => checkDraft(workspace, fileURLToPath(document.uri), document.getText())
  const rangeIn = (document: TextDocument, { from, to }: Pick<DraftRemark, 'from' | 'to'>) => ({
    start: document.positionAt(from),
    end: document.positionAt(to),
  })
  return {
    covers: (uri) => uri.startsWith('file:') && draftAt(workspace, fileURLToPath(uri)) !== undefined,
    diagnostics: async (document) =>
      (await check(document)).remarks.map((remark): Diagnostic => ({
        range: rangeIn(document, remark),
        severity: SEVERITIES[remark.severity],
        source: 'epochtree',
        message: remark.message,
        data: { instead: remark.instead },
        ...(remark.syntax ? { code: 'syntax' } : {}),
      })),
    lenses: async (document, links) => {
      const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } }
      const file = fileURLToPath(document.uri)
      return lensTitles(await check(document)).map(({ title, command }): CodeLens => ({
        range,
        command: { title, command: links ? command : '', ...(command ? { arguments: [{ file }] } : {}) },
      }))
    },
    completions: async (document, position) => draftCompletions(document, position, (await check(document)).base),
    model: async (document) => {
      const { modelName } = (await check(document)).base
      const text = document.getText()
      const settings = [...readPlan(text, ['hyperparameters'], 'hyperparameters').settings, ...readPlan(text, ['pruningPlan']).settings]
      return {
        imports: [],
        sessions: [],
        evaluations: [],
        references: [],
        metrics: [],
        settings: settings.map((setting) => ({ ...setting, modelName })),
      }
    },
  }
}

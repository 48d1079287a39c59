import * as vscode from 'vscode'
import { comparisonTexts } from '../../webview/messages/comparisonTexts'

/** The page's texts in the editor's language. */
export const textsOfComparison = (): Record<string, string> =>
  Object.fromEntries(Object.entries(comparisonTexts).map(([key, text]) => [key, vscode.l10n.t(text)]))

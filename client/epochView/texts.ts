import * as vscode from 'vscode'
import { epochTexts } from '../../webview/messages/epochTexts'

/** The page's texts in the editor's language. */
export const textsOfPage = (): Record<string, string> =>
  Object.fromEntries(Object.entries(epochTexts).map(([key, text]) => [key, vscode.l10n.t(text)]))

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as vscode from 'vscode'
import { pageHtml, partsOf } from './pageHtml'

interface Prepared {
  readonly extension: vscode.Uri
  /** The name of the page's files. */
  readonly page: 'comparison' | 'epoch'
  readonly workers?: boolean
  readonly told?: unknown
}

/** Puts a page into its tab: it may load what comes with the extension, and nothing else. */
export function preparePanel({ webview, title }: vscode.WebviewPanel, { extension, page, workers = false, told }: Prepared): void {
  const files = vscode.Uri.joinPath(extension, 'dist', 'webview')
  webview.options = { enableScripts: true, localResourceRoots: [files] }
  const address = (file: string) => webview.asWebviewUri(vscode.Uri.joinPath(files, file)).toString()
  webview.html = pageHtml({
    script: address(`${page}.js`),
    parts: partsOf(readFileSync(vscode.Uri.joinPath(files, `${page}.js`).fsPath, 'utf8')).map(address),
    style: address(`${page}.css`),
    nonce: randomBytes(16).toString('base64url'),
    language: vscode.env.language,
    title,
    workers,
    told,
  })
}

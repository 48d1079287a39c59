import { scriptJson } from '../server/protocol/scriptJson'

export interface PageFiles {
  readonly script: string
  /** What the script imports outright: fetched together with it, not after it. */
  readonly parts?: readonly string[]
  readonly style: string
  readonly nonce: string
  readonly language: string
  /** What the page says until it is filled. */
  readonly title: string
  /** True where it computes in workers of its own. */
  readonly workers?: boolean
  /** What the page is told at once. */
  readonly told?: unknown
}

/** The page's frame: nothing in it runs, and nothing is fetched, but the files that come with the extension. */
export function pageHtml({ script, parts = [], style, nonce, language, title, workers = false, told }: PageFiles): string {
  const worker = workers ? ' worker-src blob:;' : ''
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}';${worker} base-uri 'none'; form-action 'none'`
  const data = told === undefined ? '' : `<script nonce="${nonce}" type="application/json" id="told">${scriptJson(told)}</script>\n`
  return `<!DOCTYPE html>
<html lang="${attribute(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${attribute(title)}</title>
<link rel="stylesheet" nonce="${nonce}" href="${attribute(style)}">
${parts.map((part) => `<link rel="modulepreload" nonce="${nonce}" href="${attribute(part)}">\n`).join('')}</head>
<body>
<p id="trouble" role="alert" hidden></p>
<main aria-busy="true"></main>
${data}<script nonce="${nonce}" type="module" src="${attribute(script)}"></script>
</body>
</html>`
}

/** Files beside a built script that it imports outright. */
export const partsOf = (script: string): string[] => [...script.matchAll(/\bfrom\s*"\.\/([\w-]+\.js)"/g)].map(([, name]) => name!)

const attribute = (text: string) => text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)

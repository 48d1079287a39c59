// Writes l10n/bundle.l10n.json: every text of the extension, for whoever translates it into l10n/bundle.l10n.<language>.json.
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..')

// `t('...')`, and in a page's own list `key: '...'`.
const CALL = /\bt\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g
const ENTRY = /^ {2}\w+:\s+(['"])((?:\\.|(?!\1)[^\\])*)\1,$/gm

/** All texts, in the order of the alphabet, each its own translation into English. */
export function texts() {
  const found = new Set()
  const add = (file, pattern) => {
    for (const [, quote, text] of readFileSync(join(root, file), 'utf8').matchAll(pattern))
      if (quote !== '`' || !text.includes('${'))
        found.add(JSON.parse(`"${text.replaceAll(/\\(['`])/g, '$1').replaceAll(/(?<!\\)"/g, '\\"')}"`))
  }
  for (const file of globSync('client/**/*.ts', { cwd: root })) add(file, CALL)
  for (const file of globSync('webview/messages/*Texts.ts', { cwd: root })) add(file, ENTRY)
  return Object.fromEntries([...found].toSorted((a, b) => (a < b ? -1 : 1)).map((text) => [text, text]))
}

/** Writes them where translations are put beside them. */
export function writeBundle(to) {
  mkdirSync(join(to, 'l10n'), { recursive: true })
  writeFileSync(join(to, 'l10n', 'bundle.l10n.json'), `${JSON.stringify(texts(), null, 2)}\n`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeBundle(root)

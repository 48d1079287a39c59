import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

interface Manifest {
  readonly contributes: unknown
  readonly capabilities: unknown
}

describe('texts for translators', () => {
  it('can all be found: none is put together before it is translated', async () => {
    const { texts } = (await import(pathToFileURL('scripts/l10n.mjs').href)) as { texts: () => Record<string, string> }
    const found = texts()
    for (const text of ['Epoch {0}', 'Fork from Here', 'There is no session yet. Run a script that uses `import epochtree`.'])
      assert.ok(text in found, text)
    for (const file of globSync('webview/messages/*Texts.ts'))
      for (const text of Object.values(Object.values((await import(pathToFileURL(file).href)) as object)[0] as Record<string, string>))
        assert.ok(text in found, text)
    for (const file of globSync('client/**/*.ts'))
      for (const [call] of readFileSync(file, 'utf8').matchAll(/(?<![\w.])(?:vscode\.l10n\.)?t\((?!\s*['"])[^)]{1,40}/g))
        assert.ok(file.endsWith('texts.ts'), `${file}: ${call}`)
  })

  it('of the manifest are all in package.nls.json, and none is there for nothing', () => {
    const { contributes, capabilities } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
    const named = [...JSON.stringify([contributes, capabilities]).matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key!)
    assert.deepEqual(named.toSorted(), Object.keys(JSON.parse(readFileSync('package.nls.json', 'utf8')) as object).toSorted())
  })
})

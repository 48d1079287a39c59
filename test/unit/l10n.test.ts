import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

interface Manifest {
  readonly contributes: unknown
  readonly capabilities: unknown
}

describe('texts for translators', () => {
  it('are all in the bundle; `npm run l10n` writes it', async () => {
    const { texts } = (await import(pathToFileURL('scripts/l10n.mjs').href)) as { texts: () => Record<string, string> }
    const found = texts()
    assert.deepEqual(JSON.parse(readFileSync('l10n/bundle.l10n.json', 'utf8')), found)
    for (const text of ['Epoch {0}', 'Fork from Here', 'There is no session yet. Run a script that uses `import epochtree`.'])
      assert.ok(text in found, text)
  })

  it('of the manifest are all in package.nls.json, and none is there for nothing', () => {
    const { contributes, capabilities } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
    const named = [...JSON.stringify([contributes, capabilities]).matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key!)
    assert.deepEqual(named.toSorted(), Object.keys(JSON.parse(readFileSync('package.nls.json', 'utf8')) as object).toSorted())
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

describe('imports', () => {
  let copy: string
  const compile = () =>
    spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'server', 'client'], {
      cwd: copy,
      encoding: 'utf8',
      timeout: 120_000,
    })

  before(function () {
    this.timeout(120_000)
    copy = mkdtempSync(join(tmpdir(), 'epochtree-imports-'))
    for (const one of ['server', 'client', 'webview', 'tsconfig.base.json', 'package.json'])
      cpSync(one, join(copy, one), { recursive: true })
    symlinkSync(join(process.cwd(), 'node_modules'), join(copy, 'node_modules'), 'junction')
    const done = compile()
    assert.equal(done.status, 0, done.stdout)
  })
  after(() => rmSync(copy, { recursive: true, force: true }))

  for (const [from, to] of [
    ['client', '../server/requests'],
    ['server/protocol', '../errors'],
    ['server/protocol', '../tracking/best'],
    ['server/tracking', '../storage/local/stores'],
    ['server/tracking', '../journal/ingest'],
    ['server/tracking', '../requests'],
    ['server/storage/local', '../../requests'],
    ['server/storage/local', '../../actions/gc'],
    ['server/journal', '../cli/progress'],
  ] as const)
    it(`${from} can't import ${to}`, () => {
      const file = join(copy, from, 'forbidden.ts')
      writeFileSync(file, `import * as other from '${to}'\nexport const taken = other\n`)
      const done = compile()
      rmSync(file)
      assert.notEqual(done.status, 0)
      assert.match(done.stdout, /TS6307/)
    })

  it("of the editor's own module are in client/ alone", () => {
    for (const folder of ['server', 'webview']) {
      if (!existsSync(folder)) continue
      for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
        if (file.endsWith('.ts')) assert.doesNotMatch(readFileSync(join(folder, file), 'utf8'), /from 'vscode'/, file)
    }
  })
})

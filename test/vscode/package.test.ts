import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/vscode/root'
import { bench, demoCopy } from './bench'
import { type Editor, openEditor } from './editor'
import { row } from './tree'
import { command, notifications, showContainer } from './workbench'

describe('the package', () => {
  let vsix: string
  let editor: Editor
  before(async () => {
    vsix = join((await bench()).folder, 'epochtree.vsix')
    const made = spawnSync(process.execPath, ['scripts/package.mjs', '--out', vsix], { cwd: root, encoding: 'utf8' })
    // It refuses to make one that is too large.
    assert.equal(made.status, 0, made.stderr)
    editor = await openEditor({ folder: await demoCopy(), extension: { vsix }, keep: true })
  })
  after(() => editor.close())

  const installed = () => {
    const folder = join(editor.server.home, 'extensions')
    const name = readdirSync(folder).find((entry) => entry.startsWith('epochtree.epochtree-'))
    assert.ok(name)
    return join(folder, name)
  }

  it('works in an editor that never saw the checkout', async () => {
    const { page } = editor
    await showContainer(page, 'Epochtree')
    await row(page, 'Sessions', 'digits-2').waitFor()
    await command(page, 'Epochtree: Focus on Sessions View')
    assert.deepEqual(await notifications(page), [])
  })

  it('holds what is listed, and nothing else', () => {
    assert.deepEqual(
      readdirSync(installed())
        .filter((entry) => !entry.startsWith('.'))
        .sort(),
      [
        'LICENSE.txt',
        'THIRD-PARTY-NOTICES.txt',
        'bin',
        'changelog.md',
        'dist',
        'examples',
        'l10n',
        'media',
        'package.json',
        'package.nls.json',
        'readme.md',
        'schemas',
      ],
    )
    const files = readdirSync(installed(), { recursive: true, encoding: 'utf8' })
    assert.deepEqual(
      files.filter((file) => /node_modules|\.map$|\.test\.|__pycache__|\.ts$/.test(file)),
      [],
    )
    // On PYTHONPATH it must not hide a module of the user's own.
    assert.deepEqual(readdirSync(join(installed(), 'dist', 'python')), ['epochtree'])
  })

  it('names the packages whose code it holds, with their licences', () => {
    const notices = readFileSync(join(installed(), 'THIRD-PARTY-NOTICES.txt'), 'utf8')
    for (const name of ['commander', 'vscode-languageclient', 'vscode-languageserver', 'zod'])
      assert.match(notices, new RegExp(String.raw`^${name} \d+\.\d+\.\d+ \(MIT\)\n\n[\s\S]*?Permission is hereby granted`, 'm'))
  })
})

import assert from 'node:assert/strict'
import * as vscode from 'vscode'

interface Manifest {
  readonly contributes: { readonly commands: readonly { readonly command: string }[] }
}

describe('the extension, in its host', () => {
  before(() => found().activate())

  it('registers every command that it contributes', async () => {
    const { contributes } = found().packageJSON as Manifest
    const there = new Set(await vscode.commands.getCommands(true))
    assert.deepEqual(
      contributes.commands.map(({ command }) => command).filter((command) => !there.has(command)),
      [],
    )
  })

  it('declares no telemetry, and runs where the files are', () => {
    const manifest = found().packageJSON as Record<string, unknown>
    assert.deepEqual(manifest['extensionKind'], ['workspace'])
    assert.equal(manifest['telemetry'], undefined)
  })
})

function found(): vscode.Extension<unknown> {
  const extension = vscode.extensions.getExtension('epochtree.epochtree')
  assert.ok(extension)
  return extension
}

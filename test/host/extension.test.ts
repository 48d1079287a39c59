import assert from 'node:assert/strict'
import * as vscode from 'vscode'

describe('the extension, in its host', () => {
  it('is there', () => {
    assert.ok(vscode.extensions.getExtension('epochtree.epochtree'))
  })
})

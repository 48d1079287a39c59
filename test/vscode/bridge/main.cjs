// Runs a test's function in the extension host: tests of the screen sometimes ask the editor itself.
const { createServer } = require('node:http')
const { rmSync } = require('node:fs')
const { runInThisContext } = require('node:vm')
const vscode = require('vscode')

exports.activate = (context) => {
  const path = process.env.EPOCHTREE_BRIDGE
  if (!path) return
  // The newest window answers.
  rmSync(path, { force: true })
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const data of request) text += data
    try {
      const { source, args } = JSON.parse(text)
      response.end(JSON.stringify({ value: await runInThisContext(`(${source})`)(vscode, ...args) }))
    } catch (error) {
      response.end(JSON.stringify({ error: String(error?.stack ?? error) }))
    }
  }).listen(path)
  context.subscriptions.push({ dispose: () => server.close() })
}

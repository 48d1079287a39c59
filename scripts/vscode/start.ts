import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { EpochtreeError, explain } from '../../server/errors'
import { demoWorkspace } from './demoWorkspace'
import { desktop, openDesktop } from './desktop'
import { vsCode } from './fetch'
import { cache, root, type Say } from './root'
import { serve, type ServeOptions, type Serving } from './serve'
import { quiet } from './settings'

const PORT = 8413

const HELP = `npm start -- [--workspace DIR] [--browser] [--port N] [--no-open] [--check]

Trains the demo in a workspace and opens VS Code on it, with the extension of this checkout.
  --workspace DIR   a folder of your own instead of the one in the cache; the demo is trained there if it has no sessions
  --browser         VS Code in the browser also where there is a desktop one
  --port N          the port on 127.0.0.1; without it ${PORT}, or any that is free
  --no-open         only prints the address
  --check           ends by itself once VS Code has answered`

const say: Say = (line) => console.log(line)

function words() {
  const { values } = parseArgs({
    options: {
      workspace: { type: 'string' },
      browser: { type: 'boolean' },
      port: { type: 'string' },
      'no-open': { type: 'boolean' },
      check: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const port = values.port === undefined ? undefined : Number(values.port)
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536))
    throw new EpochtreeError('bad-argument', `--port is a number from 0 to 65535, not "${values.port}".`)
  return { ...values, port }
}
type Words = ReturnType<typeof words>

async function main() {
  const values = words()
  if (values.help) return say(HELP)
  const folder = await demoWorkspace(resolve(values.workspace ?? join(dirname(cache()), 'demo')), say)
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { vscode: string } }
  const wanted = values.browser || values.check || values['no-open'] || values.port !== undefined
  if (!wanted) {
    const found = desktop(engines.vscode.replace('^', ''))
    if (typeof found === 'string') say(`VS Code opens in the browser: ${found}.`)
    else if (openDesktop(found, root, folder)) return say(`${found.name} is open on ${folder}, with Epochtree in its activity bar.`)
  }

  const server = await inBrowser(values)
  const address = server.address(folder)
  let ending = false
  const end = () => {
    if (!ending) void server.stop().then(() => process.exit(0))
    ending = true
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  // Whoever started this has ended, however that went.
  process.on('disconnect', end)
  if (values.check) {
    const { status } = await fetch(address)
    say(`VS Code answered with ${status} at ${address}`)
    await server.stop()
    process.exit(status === 200 ? 0 : 1)
  }
  say(
    `\nVS Code is at\n\n  ${address}\n\nwith the demo in ${folder}; Epochtree is in its activity bar. Only this address, with its key, opens it. Ctrl-C ends it.`,
  )
  if (!values['no-open'] && process.stdout.isTTY && !process.env['CI']) openBrowser(address)
  await server.ended
  if (!ending) {
    console.error(`VS Code has ended by itself. Run \`npm start\` again; what it said lies in ${server.log}`)
    process.exit(1)
  }
}

async function inBrowser({ workspace, port }: Words): Promise<Serving> {
  const found = await vsCode(say)
  const options: ServeOptions = {
    home: join(cache(), 'profile'),
    extensions: [root],
    settings: quiet,
    gallery: true,
    // A folder that somebody names is asked about, as anywhere.
    trusted: workspace === undefined,
  }
  try {
    return await serve(found, { ...options, port: port ?? PORT })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    if (port === undefined) return serve(found, options)
    throw new EpochtreeError('failed', `Port ${port} is taken. Name another, or none: then a free one is found.`)
  }
}

function openBrowser(address: string) {
  const [program, ...args] = { darwin: ['open'], win32: ['cmd', '/c', 'start', '""'] }[process.platform as string] ?? ['xdg-open']
  spawn(program!, [...args, address], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref()
}

main().catch((error: unknown) => {
  console.error(explain(error).message)
  process.exit(1)
})

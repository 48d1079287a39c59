import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { root } from '../../scripts/vscode/root'
import { bench, demoCopy } from './bench'
import { until } from './until'

describe('npm start', () => {
  /** With a profile of its own, and the server that is fetched already. */
  const start = async (...args: string[]) => {
    const { folder, vsCode } = await bench()
    const cache = mkdtempSync(join(folder, 'start-'))
    const server = join(dirname(vsCode.entry), '..', '..', '..', '..')
    mkdirSync(join(cache, 'vscode'))
    symlinkSync(server, join(cache, 'vscode', basename(server)))
    const child = spawn(process.execPath, ['out/scripts/vscode/start.js', ...args], {
      cwd: root,
      env: { ...process.env, EPOCHTREE_CACHE: cache },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
    const ended = new Promise<number | null>((done) => child.on('close', done))
    return { child, ended, said: () => said }
  }

  it('prints an address that opens VS Code on the workspace, serves until it is told to end, and ends clean', async () => {
    const folder = await demoCopy()
    const { child, ended, said } = await start('--no-open', '--workspace', folder)
    const address = await until('the address', () => /http:\/\/127\.0\.0\.1:\d+\/\S+/.exec(said())?.[0])
    assert.equal(new URL(address).searchParams.get('folder'), folder)
    const page = await fetch(address)
    assert.equal(page.status, 200)
    assert.match(await page.text(), /vscode-workbench-web-configuration/)
    assert.equal((await fetch(new URL('/', address))).status, 403)
    child.kill('SIGTERM')
    assert.equal(await ended, 0)
    await assert.rejects(fetch(address))
  })

  it('ends by itself with --check', async () => {
    const { ended, said } = await start('--check', '--workspace', await demoCopy())
    assert.equal(await ended, 0, said())
    assert.match(said(), /answered with 200/)
  })

  it('says what it can do, and what it does not know', async () => {
    const help = await start('--help')
    assert.equal(await help.ended, 0)
    assert.match(help.said(), /--workspace DIR/)
    const wrong = await start('--prot', '1')
    assert.equal(await wrong.ended, 1)
    assert.match(wrong.said(), /--prot/)
    assert.doesNotMatch(wrong.said(), /\n {4}at /)
  })
})

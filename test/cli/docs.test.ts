import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { IngestJson, LogJson, StartedJson } from '../../server/protocol/model'
import { cli, environment } from '../fault/support'

describe('the documentation', () => {
  it('gives a smallest engine that works as it stands', function () {
    if (process.platform === 'win32') this.skip()
    const root = mkdtempSync(join(tmpdir(), 'epochtree-docs-'))
    try {
      const dir = join(root, '.epochtree')
      const [, engine] = /```sh\n(.*?)```/s.exec(readFileSync('docs/journal.md', 'utf8')) ?? []
      const done = spawnSync('sh', ['-euc', engine!], { cwd: root, env: environment(dir), encoding: 'utf8' })
      assert.equal(done.status, 0, done.stderr)
      assert.deepEqual((cli(dir, 'ingest', '--json').json() as IngestJson).problems, [])
      const { session, epochs } = cli(dir, 'log', 'hello', '--json').json() as LogJson
      assert.deepEqual([session.status, session.modelName], ['completed', 'hello'])
      assert.deepEqual(
        epochs.map(({ number, state, metrics }) => [number, state, metrics]),
        [
          [1, 'ok', { 'val/loss': 0.8 }],
          [2, 'ok', { 'val/loss': 0.7 }],
          [3, 'ok', { 'val/loss': 0.6 }],
        ],
      )
      assert.equal((cli(dir, 'fork', 'hello@2', '--json').json() as StartedJson).session.name, 'hello-2')
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })

  it('links to nothing that is not there', () => {
    for (const page of [
      'README.md',
      'docs/architecture.md',
      'docs/journal.md',
      'examples/quickstart/README.md',
      'examples/two-days/README.md',
    ])
      for (const [, link] of readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g))
        assert.ok(existsSync(resolve(dirname(page), link!)), `${page}: ${link}`)
  })

  it('names every command that there is, and no other', () => {
    const help = cli('/nowhere/.epochtree', '--help').stdout
    const commands = [...help.matchAll(/^ {2}([a-z]+) (?:\[|<)/gm)].map(([, name]) => name!).filter((name) => name !== 'help')
    const readme = readFileSync('README.md', 'utf8')
    const table = /## Commands(.*?)\n## /s.exec(readme)?.[1] ?? ''
    const named = new Set(
      [...table.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) =>
        [...cell!.matchAll(/`(?:epochtree )?([a-z]+)\b/g)].map(([, name]) => name!),
      ),
    )
    for (const name of commands) assert.ok(named.has(name), name)
    for (const [, name] of readme.matchAll(/(?:^|`)epochtree ([a-z]+)/gm)) assert.ok(commands.includes(name!), name)
  })
})

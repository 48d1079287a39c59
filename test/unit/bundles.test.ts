import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from '../../scripts/vscode/root'

const CLIENTS = /node_modules\/(mongodb|bson|@elastic|@google-cloud|google-auth-library|undici)\/|server\/storage\/(mongo|elastic|gcs)\//
/** What is loaded only where a folder has a team. */
const isTeams = (file: string) => /^team(-[A-Z0-9]+)?\.js(\.map)?$/.test(file)

describe('the bundles', () => {
  const dist = join(root, 'dist')
  const sources = (file: string) => (JSON.parse(readFileSync(join(dist, file), 'utf8')) as { sources: string[] }).sources

  it("hold a team's clients in its own program, and nowhere else", () => {
    const maps = globSync('*.js.map', { cwd: dist })
    const holding = maps.filter((file) => sources(file).some((source) => CLIENTS.test(source)))
    assert.ok(maps.includes('server.js.map') && maps.includes('storeWorker.js.map') && maps.includes('cli.js.map'))
    assert.deepEqual(
      holding.filter((file) => !isTeams(file)),
      [],
    )
    for (const client of ['mongodb', '@elastic/elasticsearch', '@google-cloud/storage'])
      assert.ok(
        holding.some((file) => sources(file).some((source) => source.includes(`node_modules/${client}/`))),
        client,
      )
    // Each is loaded with the first question to its server: none is part of the program that is loaded first.
    assert.deepEqual(
      sources('team.js.map').filter((source) => source.includes('node_modules/')),
      [],
    )
  })

  describe('that a program loads', () => {
    let folder: string
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'epochtree-bundles-'))
      mkdirSync(join(folder, '.epochtree'))
    })
    afterEach(() => rmSync(folder, { recursive: true, force: true }))

    /** The files of the product that a program and its threads loaded. */
    function loaded(args: readonly string[], env: NodeJS.ProcessEnv = {}): string[] {
      const noted = mkdtempSync(join(folder, 'loaded-'))
      const ended = spawnSync(process.execPath, args, {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, EPOCHTREE_STORE: undefined, ...env, NODE_V8_COVERAGE: noted },
      })
      assert.equal(ended.status, 0, ended.stderr)
      const files = readdirSync(noted).flatMap((file) =>
        (JSON.parse(readFileSync(join(noted, file), 'utf8')) as { result: { url: string }[] }).result.map(({ url }) => url),
      )
      return files.flatMap((url) =>
        url.startsWith('file:') && fileURLToPath(url).startsWith(dist) ? fileURLToPath(url).slice(dist.length + 1) : [],
      )
    }
    const cli = join(root, 'bin', 'epochtree.mjs')
    const probe = JSON.stringify(new URL('threadsProbe.js', import.meta.url).href)
    const threads = `import { ThreadedStores } from ${probe}; const stores = new ThreadedStores('.epochtree'); await stores.ingest(); await stores.sessions.sessions(); await stores.close()`

    it('are none of a team where there is none', () => {
      const files = [...loaded([cli, 'sessions']), ...loaded(['--input-type=module', '-e', threads])]
      assert.ok(files.includes('cli.js') && files.includes('storeWorker.js'))
      assert.deepEqual(files.filter(isTeams), [])
    })

    it('are those of a team where there is one', () => {
      const nowhere = 'http://127.0.0.1:1'
      const team = {
        EPOCHTREE_STORE: 'team',
        EPOCHTREE_MONGO_URI: 'mongodb://127.0.0.1:1',
        EPOCHTREE_ELASTIC_NODE: nowhere,
        EPOCHTREE_GCS_BUCKET: 'none',
        EPOCHTREE_GCS_ENDPOINT: nowhere,
      }
      assert.ok(loaded([cli, 'sessions', '--no-ingest'], team).includes('team.js'))
      assert.deepEqual(loaded([cli, 'sessions', '--no-ingest', '--local'], team).filter(isTeams), [])
    })
  })
})

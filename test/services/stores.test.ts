import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalStores } from '../../server/storage/local/stores'
import { openTeam } from '../../server/storage/team/open'
import type { TeamConfig } from '../../server/storage/team/ports'
import { Spool } from '../../server/storage/team/spool'
import { TeamStores } from '../../server/storage/team/stores'
import { documentStoreContract } from '../contract/documentStore'
import { CHILD, hashOf, PARENT, writeRuns } from '../contract/fixture'
import { sessionStoreContract } from '../contract/sessionStore'
import { weightsStoreContract } from '../contract/weightsStore'
import { freshTeam } from './servers'

/** Where the fixture's two sessions were trained: in the folder that is asked, or in another that handed them on. */
const arrangements: readonly { readonly name: string; readonly here: readonly string[]; readonly there: readonly string[] }[] = [
  { name: 'all of it here', here: [PARENT, CHILD], there: [] },
  { name: 'all of it elsewhere', here: [], there: [PARENT, CHILD] },
  { name: 'a fork here of what is elsewhere', here: [CHILD], there: [PARENT] },
  { name: 'a fork elsewhere of what is here', here: [PARENT], there: [CHILD] },
]

const openLocal = (dir: string) => new LocalStores(dir, process.env, { team: true })

/** Hands on what a folder has, as `epochtree push` does. */
async function handOn(dir: string, config: TeamConfig, cache: string) {
  const local = openLocal(dir)
  const team = openTeam(config, { cache, cacheBytes: 2 ** 30 })
  try {
    await local.ingest()
    await new Spool(local, team).once(new AbortController().signal)
  } finally {
    await team.close()
    await local.close()
  }
}

for (const { name, here, there } of arrangements)
  describe(`the stores of a folder with a team, ${name}`, () => {
    let root: string
    let dir: string
    let stores: TeamStores
    async function open() {
      root = mkdtempSync(join(tmpdir(), 'epochtree-stores-'))
      dir = join(root, 'here', '.epochtree')
      const other = join(root, 'there', '.epochtree')
      for (const folder of [dir, other]) mkdirSync(folder, { recursive: true })
      const config = await freshTeam()
      writeRuns(dir, here)
      // A fork is handed on after what it starts from.
      const order = there.includes(PARENT) || here.length === 0 ? [other, dir] : [dir, other]
      writeRuns(other, there)
      for (const folder of order) await handOn(folder, config, join(root, 'cache-there'))
      stores = new TeamStores(openLocal(dir), openTeam(config, { cache: join(root, 'cache'), cacheBytes: 2 ** 30 }))
      await stores.ingest()
    }
    async function close() {
      await stores.close()
      await stores.close()
      rmSync(root, { recursive: true, force: true })
    }

    describe('of sessions', () => {
      beforeEach(open)
      afterEach(close)
      sessionStoreContract(() => stores.sessions)
    })
    describe('of documents', () => {
      before(open)
      after(close)
      documentStoreContract(
        () => stores.documents,
        () => stores.sessions.history(CHILD),
        { uncommitted: here.includes(CHILD) },
      )
    })
    describe('of weights', () => {
      before(async () => {
        await open()
        await stores.weights.fetch(hashOf(11))
      })
      after(close)
      weightsStoreContract(
        () => stores.weights,
        () => root,
      )
    })
  })

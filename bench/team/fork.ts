import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fork, type Bringing } from '../../server/actions/newSession'
import { LocalStores } from '../../server/storage/local/stores'
import { openTeam } from '../../server/storage/team/open'
import { TeamStores } from '../../server/storage/team/stores'
import { freshTeam } from '../../test/services/servers'
import type { TeamConfig } from '../../server/storage/team/ports'
import { machine, never } from '../../test/services/support'
import { figure, text } from '../figures'
import { id, RunFolder } from '../fixtures'
import { median, timed, turns } from '../turns'
import { countingTeam } from './counting'
import { writeRandom } from './random'
import type { Sizes } from './sizes'

const EPOCHS = 30

/** Forks of a session that somebody else brought to the team. */
export async function measureFork({ rounds, forkBytes }: Sizes) {
  const config = await freshTeam()
  const here = machine(config)
  const parent = new RunFolder(here.dir, { session: id(1, 1), name: 'net' })
  mkdirSync(join(parent.folder, 'weights'))
  let sha256 = ''
  for (let number = 1; number <= EPOCHS; number++) {
    parent.epoch(id(2, number), number)
    parent.line({ type: 'metrics', epoch: id(2, number), split: 'train', step: [number], time: [number], values: { loss: [1 / number] } })
    const file = `weights/${number}.bin`
    const isLast = number === EPOCHS
    if (isLast) sha256 = writeRandom(join(parent.folder, file), forkBytes)
    parent.commit(id(2, number), isLast ? { file, sha256, bytes: forkBytes, format: 'bin' } : null)
  }
  parent.finish()
  await here.stores.ingest()
  const { left } = await here.spool().once(never())
  if (left.length > 0) throw new Error(`not handed on: ${left.map(({ why }) => why).join(' ')}`)
  await here.close()

  const root = mkdtempSync(join(tmpdir(), 'epochtree-bench-'))
  const dir = join(root, '.epochtree')
  const cache = join(root, 'cache')
  const stores = new TeamStores(new LocalStores(dir, {}, { team: true }), openTeam(config, { cache, cacheBytes: Number.MAX_SAFE_INTEGER }))
  await stores.ingest()
  let bringing = 0
  const bring: Bringing = async (work) => {
    const begun = performance.now()
    const result = await work({})
    bringing = performance.now() - begun
    return result
  }
  const launching = { cwd: root, env: process.env, bringing: bring }
  const forked = () => timed(() => fork({ stores, dir }, `net@${EPOCHS}`, {}, launching))
  const size = `${text(forkBytes / 2 ** 20)} MiB`
  await forked()
  const questions = await counted(config, cache)

  const cached = await turns(2 * rounds, forked, () =>
    timed(() => {
      for (let i = 0; i < 3; i++) {
        const fd = openSync(join(root, 'probe'), 'w')
        writeSync(fd, 'x')
        fsyncSync(fd)
        closeSync(fd)
      }
    }),
  )
  figure(
    `fork of a team's epoch with ${size} of weights, which are here already`,
    median(cached.own),
    'ms',
    50,
    `${text(median(cached.floor))} ms to write and flush 3 small files; ${text(cached.processor.own)} ms of processor time; ${questions}`,
  )

  // Alone, into another cache.
  const other = openTeam(config, { cache: join(root, 'other'), cacheBytes: Number.MAX_SAFE_INTEGER })
  const drop = (folder: string) => rmSync(join(folder, sha256.slice(0, 2), sha256), { force: true })
  const beyond: number[] = []
  const fetching = await turns(
    rounds,
    async () => {
      drop(cache)
      const ms = await forked()
      beyond.push(ms - bringing)
      return ms
    },
    async () => {
      drop(join(root, 'other'))
      return timed(() => other.weights.fetch(sha256))
    },
  )
  figure(
    'the same with weights that are not here, without the time in which they come',
    median(beyond.slice(1)),
    'ms',
    50,
    `${text(median(fetching.own))} ms with it; ${text(median(fetching.floor))} ms for the download alone`,
  )
  await Promise.all([stores.close(), other.close()])
  rmSync(root, { recursive: true })
}

/** What one fork asks of the servers. */
async function counted(config: TeamConfig, cache: string): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'epochtree-bench-'))
  const dir = join(root, '.epochtree')
  const lines = await countingTeam(config)
  const stores = new TeamStores(
    new LocalStores(dir, {}, { team: true }),
    openTeam(lines.config, { cache, cacheBytes: Number.MAX_SAFE_INTEGER }),
  )
  await stores.ingest()
  // Connections are made, and what is asked once is asked.
  await fork({ stores, dir }, `net@${EPOCHS}`, {}, { cwd: root, env: process.env })
  const before = lines.counted()
  await fork({ stores, dir }, `net@${EPOCHS}`, {}, { cwd: root, env: process.env })
  const after = lines.counted()
  await stores.close()
  await lines.close()
  rmSync(root, { recursive: true })
  return `${after.mongo - before.mongo} questions to MongoDB, ${after.elastic - before.elastic} to Elasticsearch, ${after.gcs - before.gcs} to the bucket`
}

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Followed, Follower } from '../../server/journal/follow'
import { LocalStores } from '../../server/storage/local/stores'
import { CHILD, PARENT, writeRuns } from '../contract/fixture'
import { cli, sleep } from './support'

/** A follower that looks at everything only once, so that whatever comes later must be noticed by itself. */
describe('following a folder', () => {
  let root: string
  let dir: string
  let follower: Follower
  const trouble: unknown[] = []
  const follow = () => {
    follower = new Follower(new LocalStores(dir), dir, {
      unfinishedEveryMs: 200,
      allEveryMs: 3_600_000,
      changed: () => {},
      trouble: (error) => trouble.push(error),
    })
    follower.start()
  }
  const shown = async (what: string, accept: (sessions: readonly Followed[]) => boolean) => {
    for (const end = Date.now() + 20_000; Date.now() < end; await sleep(10)) if (accept([...follower.sessions.values()])) return
    assert.fail(`${what} was never shown; there is ${JSON.stringify([...follower.sessions.values()].map(({ name, own }) => [name, own]))}`)
  }
  const named =
    (...names: readonly string[]) =>
    (sessions: readonly Followed[]) =>
      JSON.stringify(sessions.map(({ name }) => name).sort()) === JSON.stringify(names)

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-follow-'))
    dir = join(root, '.epochtree')
    trouble.length = 0
  })
  afterEach(async () => {
    await follower.close()
    assert.deepEqual(trouble, [])
    rmSync(root, { recursive: true, force: true })
  })

  it('waits for a folder that is not there yet, and does not make it', async () => {
    follow()
    await sleep(500)
    assert.deepEqual(readdirSync(root), [])
    writeRuns(dir)
    await shown('what came', named('net', 'net-2'))
  })

  it('shows what is trained in a folder that has no runs yet, or none any more', async () => {
    mkdirSync(dir)
    const runs = join(dir, 'runs')
    const elsewhere = join(root, 'elsewhere')
    writeRuns(elsewhere)
    const train = (session: string) => {
      mkdirSync(runs)
      renameSync(join(elsewhere, 'runs', session), join(runs, session))
    }
    follow()
    await sleep(500)
    train(PARENT)
    await shown('what came', named('net'))
    renameSync(runs, join(root, 'away'))
    await sleep(500)
    train(CHILD)
    await shown('what came then', (sessions) => sessions.some(({ name }) => name === 'net-2'))
  })

  it('shows a session whose session.json comes long after its folder', async () => {
    const elsewhere = join(root, 'elsewhere')
    writeRuns(elsewhere)
    mkdirSync(join(dir, 'runs'), { recursive: true })
    follow()
    await sleep(500)
    const from = join(elsewhere, 'runs', PARENT)
    mkdirSync(join(dir, 'runs', PARENT))
    for (const name of readdirSync(from)) if (name !== 'session.json') renameSync(join(from, name), join(dir, 'runs', PARENT, name))
    await sleep(700)
    assert.equal(follower.sessions.size, 0)
    renameSync(join(from, 'session.json'), join(dir, 'runs', PARENT, 'session.json'))
    await shown('the session', named('net'))
  })

  it('heals a fork when its parent comes', async () => {
    const elsewhere = join(root, 'elsewhere')
    writeRuns(elsewhere)
    mkdirSync(join(dir, 'runs'), { recursive: true })
    renameSync(join(elsewhere, 'runs', CHILD), join(dir, 'runs', CHILD))
    follow()
    await shown('the fork alone', (sessions) => sessions.length === 1 && sessions[0]!.forkPoint === null)
    renameSync(join(elsewhere, 'runs', PARENT), join(dir, 'runs', PARENT))
    await shown('where it starts', (sessions) => sessions.find(({ id }) => id === CHILD)?.forkPoint?.sessionId === PARENT)
  })

  it('sees what another process decided, and what it removed', async () => {
    writeRuns(dir)
    follow()
    await shown('both', named('net', 'net-2'))
    cli(dir, 'rename', 'net-2', 'other')
    await shown('the new name', named('net', 'other'))
    cli(dir, 'delete', 'other')
    await shown('that it is deleted', (sessions) => sessions.some(({ name, deletedAt }) => name === 'other' && deletedAt !== null))
    cli(dir, 'gc')
    await shown('that it is gone', named('net'))
  })

  it('survives the store being deleted, and the whole folder', async () => {
    writeRuns(dir)
    follow()
    await shown('both', named('net', 'net-2'))
    for (const name of readdirSync(dir)) if (name.startsWith('store.sqlite')) rmSync(join(dir, name))
    writeFileSync(join(dir, 'runs', PARENT, 'marks.json'), JSON.stringify({ name: 'again' }))
    await shown('the session by its new name', named('again', 'net-2'))
    rmSync(dir, { recursive: true })
    await shown('nothing', named())
    writeRuns(dir)
    await shown('both again', named('net', 'net-2'))
  })
})

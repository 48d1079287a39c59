import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fork } from '../../server/actions/newSession'
import { EpochtreeError } from '../../server/errors'
import { LocalStores } from '../../server/storage/local/stores'
import type { Transfer } from '../../server/storage/ports'
import type { TeamDocuments } from '../../server/storage/team/ports'
import { TeamStores } from '../../server/storage/team/stores'
import { id, PARENT, writeRuns } from '../contract/fixture'
import { teamLike } from '../contract/teamLike'

/** What one waits for, and another says. */
function signal() {
  let say = () => {}
  const said = new Promise<void>((done) => (say = done))
  return { said, say }
}

describe('a fork of what only the team has', () => {
  let root: string
  let dir: string
  let there: LocalStores
  let stores: TeamStores
  let fetching: (sha256: string, transfer?: Transfer) => Promise<string>
  let lastStep: TeamDocuments['lastStep']
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-fork-'))
    dir = join(root, 'here')
    writeRuns(join(root, 'there'), [PARENT])
    there = new LocalStores(join(root, 'there'))
    await there.ingest()
    const team = teamLike(there)
    const { weights, documents } = team
    const here = new Set<string>()
    fetching = (...asked) => weights.fetch(...asked)
    lastStep = (scope) => documents.lastStep(scope)
    stores = new TeamStores(new LocalStores(dir, {}, { team: true }), {
      ...team,
      weights: {
        ...weights,
        path: async (sha256) => (here.has(sha256) ? weights.path(sha256) : undefined),
        fetch: async (sha256, transfer) => {
          const path = await fetching(sha256, transfer)
          here.add(sha256)
          return path
        },
      },
      documents: { ...documents, lastStep: (scope) => lastStep(scope) },
    })
    await stores.ingest()
  })
  afterEach(async () => {
    await stores.close()
    await there.close()
    rmSync(root, { recursive: true, force: true })
  })
  const forked = (more = {}) => fork({ stores, dir }, 'net@2', {}, { cwd: root, env: {}, ...more })

  it('asks for the last step while weights come', async () => {
    const asked = signal()
    const begun = signal()
    // Each waits for the other to have begun.
    fetching = async (sha256) => {
      begun.say()
      await asked.said
      return there.weights.fetch(sha256)
    }
    const scopes: unknown[] = []
    lastStep = async (scope) => {
      scopes.push(scope)
      asked.say()
      await begun.said
      return there.documents.lastStep(scope)
    }
    const { runDir } = await forked()
    const start = JSON.parse(readFileSync(join(runDir!, 'parent', 'start.json'), 'utf8')) as { step: number }
    assert.equal(start.step, await there.documents.lastStep({ epochIds: [id(11), id(12)] }))
    assert.deepEqual(scopes, [{ epochIds: [id(12)] }])
  })

  it('of an epoch without a step takes that of one before it', async () => {
    lastStep = async (scope) => ('epochIds' in scope ? null : 7)
    const { runDir } = await forked()
    assert.equal((JSON.parse(readFileSync(join(runDir!, 'parent', 'start.json'), 'utf8')) as { step: number }).step, 7)
  })

  it('calls off what comes where the last step cannot be had, and tells why', async () => {
    const begun = signal()
    let calledOff = false
    fetching = (_, transfer) =>
      new Promise((_done, fail) => {
        transfer!.signal!.addEventListener('abort', () => {
          calledOff = true
          fail(new EpochtreeError('aborted', 'It was cancelled.'))
        })
        begun.say()
      })
    lastStep = async () => {
      await begun.said
      throw new EpochtreeError('server-away', 'Elasticsearch does not answer.')
    }
    await assert.rejects(forked(), { code: 'server-away' })
    assert.ok(calledOff)
    assert.deepEqual(readdirSync(dir).includes('runs') ? readdirSync(join(dir, 'runs')) : [], [])
  })

  it('can be called off by who asked for it', async () => {
    const stop = new AbortController()
    fetching = (_, transfer) =>
      new Promise((_done, fail) => {
        transfer!.signal!.addEventListener('abort', () => fail(new EpochtreeError('aborted', 'It was cancelled.')))
        stop.abort()
      })
    const bringing = <Result>(work: (transfer: Transfer) => Promise<Result>) => work({ signal: stop.signal })
    await assert.rejects(forked({ bringing }), { code: 'aborted' })
  })

  it('that is only tried out asks for no documents and brings nothing', async () => {
    const asked: string[] = []
    fetching = async () => (asked.push('weights'), '')
    lastStep = async () => (asked.push('documents'), null)
    assert.equal((await forked({ dryRun: true })).session.id, null)
    assert.deepEqual(asked, [])
  })
})

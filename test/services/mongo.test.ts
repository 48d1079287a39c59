import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { LocalStores } from '../../server/storage/local/stores'
import { openMongo } from '../../server/storage/mongo/openMongo'
import type { TeamSessions } from '../../server/storage/team/ports'
import { writeRuns } from '../contract/fixture'
import { sessionStoreContract } from '../contract/sessionStore'
import { mongo, mongoAt } from './servers'
import { uploadSessions } from './upload'

describe('sessions in MongoDB', () => {
  let uri: string
  let database: string
  let team: TeamSessions
  let plain: MongoClient
  const databases: string[] = []
  const open = () => openMongo(mongoAt(uri, database))

  before(async () => {
    uri = (await mongo()).url
    plain = new MongoClient(uri)
  })
  beforeEach(() => {
    database = `test_${randomBytes(6).toString('hex')}`
    databases.push(database)
    team = open()
  })
  afterEach(async () => {
    await team.close()
    await team.close()
  })
  after(async () => {
    for (const name of databases) await plain.db(name).dropDatabase()
    await plain.close()
  })

  describe('of the fixture', () => {
    let local: LocalStores
    let root: string
    beforeEach(async () => {
      root = mkdtempSync(join(tmpdir(), 'epochtree-mongo-'))
      const dir = join(root, '.epochtree')
      writeRuns(dir)
      local = new LocalStores(dir)
      await local.ingest()
      await uploadSessions(local, team)
    })
    afterEach(async () => {
      await local.close()
      rmSync(root, { recursive: true, force: true })
    })
    sessionStoreContract(() => team)
  })
})

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'mocha'
import { Client } from '@elastic/elasticsearch'
import { Storage } from '@google-cloud/storage'
import { MongoClient } from 'mongodb'
import { ask } from '../../scripts/services/ask'
import { startElastic } from '../../scripts/services/elastic'
import { makeBucket, startGcs } from '../../scripts/services/gcs'
import { startMongo } from '../../scripts/services/mongo'
import type { Running } from '../../scripts/services/running'
import { freshTeam } from './servers'

const storageAt = (endpoint: string) =>
  new Storage({ apiEndpoint: endpoint, projectId: 'test', useAuthWithCustomEndpoint: false, retryOptions: { autoRetry: false } })

async function withMongo<T>(url: string, work: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 5000 })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

const isThere = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe("a team's servers", () => {
  it('answer plain drivers, with nothing in them that another test put there', async () => {
    const [team, other] = await Promise.all([freshTeam(), freshTeam()])
    const { username, password } = team.mongo
    const client = new MongoClient(team.mongo.uri, username === undefined ? {} : { auth: { username, password: password! } })
    try {
      const documents = client.db(team.mongo.database).collection('documents')
      assert.equal(await documents.countDocuments(), 0)
      await documents.insertOne({ a: 1 }, { writeConcern: { w: 'majority', journal: true } })
      assert.equal(await documents.countDocuments(), 1)
      assert.equal(await client.db(other.mongo.database).collection('documents').countDocuments(), 0)
    } finally {
      await client.close()
    }
    const { prefix, node } = team.elastic
    assert.notEqual(prefix, other.elastic.prefix)
    const elastic = new Client({
      node,
      ...(team.elastic.username === undefined ? {} : { auth: { username: team.elastic.username, password: team.elastic.password! } }),
    })
    try {
      await elastic.index({ index: `${prefix}-1`, id: 'a', document: { a: 1 }, op_type: 'create', refresh: true })
      assert.equal((await elastic.count({ index: `${prefix}-*` })).count, 1)
    } finally {
      await elastic.close()
    }
    if (team.gcs.endpoint === undefined) return
    const bucket = storageAt(team.gcs.endpoint).bucket(team.gcs.bucket)
    await bucket.file('a').save('one', { preconditionOpts: { ifGenerationMatch: 0 } })
    assert.equal((await bucket.file('a').download())[0].toString(), 'one')
    assert.equal((await storageAt(other.gcs.endpoint!).bucket(other.gcs.bucket).getFiles())[0].length, 0)
  })
})

describe('a MongoDB of its own', () => {
  let server: Running
  before(async () => void (server = await startMongo()))
  after(() => server.stop())

  it('has its data again when it was killed in the middle of things', async () => {
    const { url, port, pid } = server
    await withMongo(url, (client) =>
      client
        .db('d')
        .collection('c')
        .insertMany([{ a: 1 }, { a: 2 }], { writeConcern: { w: 'majority', journal: true } }),
    )
    await server.kill()
    assert.equal(isThere(pid), false)
    await assert.rejects(
      withMongo(url.replace('?', '?serverSelectionTimeoutMS=500&'), (client) => client.db('d').command({ ping: 1 })),
      /ECONNREFUSED/,
    )
    await server.restart()
    assert.equal(server.port, port)
    assert.notEqual(server.pid, pid)
    assert.equal(await withMongo(server.url, (client) => client.db('d').collection('c').countDocuments()), 2)
  })

  it('takes its data away when it stops', async () => {
    const another = await startMongo()
    assert.equal(existsSync(another.dataDir), true)
    const { pid } = another
    await another.stop()
    assert.equal(isThere(pid), false)
    assert.equal(existsSync(another.dataDir), false)
  })
})

describe('an Elasticsearch of its own', () => {
  for (const version of ['9.5.0', '8.19.0'] as const)
    it(`has its data again when it was killed in the middle of things (${version})`, async function () {
      this.timeout(1_200_000)
      const server = await startElastic({ version })
      try {
        const { port, pid, url } = server
        const document = `${url}/i/_doc/a`
        assert.equal((await ask(`${document}?op_type=create`, { method: 'PUT', body: '{"a":1}' })).status, 201)
        await server.kill()
        assert.equal(isThere(pid), false)
        await assert.rejects(ask(document), /ECONNREFUSED/)
        await server.restart()
        assert.equal(server.port, port)
        assert.match((await ask(document)).text, /"_source":\{"a":1\}/)
      } finally {
        await server.stop()
      }
    })
})

describe('a bucket of its own', () => {
  let server: Running
  before(async () => {
    server = await startGcs()
    await makeBucket(server.url, 'weights')
  })
  after(() => server.stop())

  it('has its objects again when it was killed', async () => {
    const file = () => storageAt(server.url).bucket('weights').file('a/b')
    await file().save('one', { metadata: { metadata: { sha256: 'x' } } })
    const [before] = await file().getMetadata()
    await server.restart()
    const [metadata] = await file().getMetadata()
    assert.deepEqual([metadata.generation, metadata.crc32c, metadata.metadata], [before.generation, before.crc32c, { sha256: 'x' }])
    assert.equal((await file().download())[0].toString(), 'one')
  })

  it('tells when an object was touched since it was looked at', async () => {
    const file = storageAt(server.url).bucket('weights').file('a/touched')
    await file.save('one')
    const [{ generation }] = await file.getMetadata()
    // Google's makes a new version of its metadata, this one a new one of the object.
    await file.setMetadata({ metadata: { needed: 'yes' } })
    await assert.rejects(file.delete({ ifGenerationMatch: generation!, ifMetagenerationMatch: 1 }), { code: 412 })
    assert.equal((await file.exists())[0], true)
  })

  it('writes once, and removes only what was looked at', async () => {
    const bucket = storageAt(server.url).bucket('weights')
    const file = bucket.file('once')
    await file.save('one', { preconditionOpts: { ifGenerationMatch: 0 } })
    await assert.rejects(bucket.file('once').save('two', { preconditionOpts: { ifGenerationMatch: 0 } }), { code: 412 })
    const [{ generation }] = await file.getMetadata()
    await assert.rejects(bucket.file('once').delete({ ifGenerationMatch: Number(generation) - 1 }), { code: 412 })
    assert.equal((await file.exists())[0], true)
    await bucket.file('once').delete({ ifGenerationMatch: generation! })
    assert.equal((await file.exists())[0], false)
    await assert.rejects(bucket.file('once').delete({ ifGenerationMatch: generation! }), { code: 404 })
  })
})

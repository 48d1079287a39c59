import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { after, before, describe, it } from 'mocha'
import { Client, type ClientOptions } from '@elastic/elasticsearch'
import { MongoClient, type MongoClientOptions } from 'mongodb'
import { makeCertificate, type Certificate } from '../../scripts/services/certificates'
import { hasApiKeys, makeApiKey, startElastic, type ElasticUser } from '../../scripts/services/elastic'
import { startGcs } from '../../scripts/services/gcs'
import { startMongo } from '../../scripts/services/mongo'
import { freshFolder } from '../../scripts/services/place'
import type { Running } from '../../scripts/services/running'

const ada: ElasticUser = { name: 'ada', password: 'p@ss:word/1', role: 'superuser' }
const rea: ElasticUser = { name: 'rea', password: 'only-reads', role: 'reader' }

let valid: Certificate
let expired: Certificate
let folder: string
before(async () => {
  folder = freshFolder('certificates')
  valid = await makeCertificate(`${folder}/valid`)
  expired = await makeCertificate(`${folder}/expired`, { expired: true })
})

after(() => rmSync(folder, { recursive: true, force: true }))

describe('Elasticsearch with security', () => {
  let server: Running
  before(async () => void (server = await startElastic({ users: [ada, rea], tls: valid })))
  after(() => server.stop())

  const ask = async <T>(options: ClientOptions, work: (client: Client) => Promise<T>, ca = valid.caFile) => {
    const client = new Client({ node: server.url, maxRetries: 0, tls: { ca: readFileSync(ca) }, ...options })
    try {
      return await work(client)
    } finally {
      await client.close()
    }
  }
  const health = (client: Client) => client.cluster.health()
  const write = (client: Client) => client.index({ index: 'i', document: { a: 1 } })
  const by = ({ name, password }: ElasticUser): ClientOptions => ({ auth: { username: name, password } })

  it('lets in who has the password, and nobody else', async () => {
    assert.equal((await ask(by(ada), health)).number_of_nodes, 1)
    await assert.rejects(ask(by({ ...ada, password: 'wrong' }), health), { statusCode: 401 })
    await assert.rejects(ask({}, health), { statusCode: 401 })
  })

  it('lets in by API keys, and refuses others', async function () {
    // Where there is no full JDK.
    if (!(await hasApiKeys())) this.skip()
    const apiKey = await makeApiKey(server.url, ada)
    assert.equal((await ask({ auth: { apiKey } }, write)).result, 'created')
    const wrong = Buffer.from(`${Buffer.from(apiKey, 'base64').toString().split(':')[0]}:wrong`).toString('base64')
    await assert.rejects(ask({ auth: { apiKey: wrong } }, health), { statusCode: 401 })
    const reading = await makeApiKey(server.url, ada, { cluster: ['monitor'], indices: [{ names: ['*'], privileges: ['read'] }] })
    await ask({ auth: { apiKey: reading } }, health)
    await assert.rejects(ask({ auth: { apiKey: reading } }, write), { statusCode: 403 })
  })

  it('lets only read who has no other right', async () => {
    await ask(by(rea), health)
    await assert.rejects(ask(by(rea), write), { statusCode: 403 })
  })

  it('is not trusted without its authority', async () => {
    await assert.rejects(ask(by(ada), health, expired.caFile), /certificate|self.signed|issuer/i)
  })
})

describe('MongoDB with security', () => {
  const user = { name: 'ada', password: 'p@ss:word/1' }
  const ping = async (server: Running, options: MongoClientOptions) => {
    const client = new MongoClient(server.url, { serverSelectionTimeoutMS: 3000, ...options })
    try {
      await client.db('d').collection('c').insertOne({ a: 1 })
    } finally {
      await client.close()
    }
  }

  it('lets in who has the password, and nobody else, also after a restart', async () => {
    const server = await startMongo({ user, tls: valid })
    const tlsCAFile = valid.caFile
    try {
      for (let time = 0; time < 2; time++) {
        await ping(server, { tlsCAFile, auth: { username: user.name, password: user.password } })
        await assert.rejects(ping(server, { tlsCAFile, auth: { username: user.name, password: 'wrong' } }), { code: 18 })
        await assert.rejects(ping(server, { tlsCAFile }), /authentication/i)
        await server.restart()
      }
      await assert.rejects(ping(server, { auth: { username: user.name, password: user.password } }), /certificate/i)
    } finally {
      await server.stop()
    }
  })

  it('is refused when its certificate is out of date', async () => {
    const server = await startMongo({ tls: expired })
    try {
      await assert.rejects(ping(server, { tlsCAFile: expired.caFile }), /certificate has expired/)
    } finally {
      await server.stop()
    }
  })
})

describe('certificates out of date', () => {
  it('are seen as such by whoever asks', async () => {
    const server = await startGcs({ tls: expired })
    try {
      const { request } = await import('node:https')
      const failed = await new Promise<NodeJS.ErrnoException>((done) =>
        request(server.url, { ca: readFileSync(expired.caFile) })
          .on('error', done)
          .end(),
      )
      assert.equal(failed.code, 'CERT_HAS_EXPIRED')
    } finally {
      await server.stop()
    }
  })
})

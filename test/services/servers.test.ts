import assert from 'node:assert/strict'
import { MongoClient } from 'mongodb'
import { ask } from '../../scripts/services/ask'
import { freshTeam } from './servers'

describe('the servers of a team', () => {
  it('answer, each to a plain question', async () => {
    const team = await freshTeam()
    const client = new MongoClient(team.mongo.uri)
    try {
      await client.db(team.mongo.database).collection('c').insertOne({ a: 1 })
      assert.equal(await client.db(team.mongo.database).collection('c').countDocuments(), 1)
    } finally {
      await client.close()
    }
    assert.equal((await ask(`${team.elastic.node}/_cluster/health`)).status, 200)
    assert.equal((await ask(`${team.gcs.endpoint}/storage/v1/b/${team.gcs.bucket}`)).status, 200)
  })
})

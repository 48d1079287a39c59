import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { getServers, setServers } from 'node:dns'
import * as fc from 'fast-check'
import { ObjectId } from 'mongodb'
import { hostsOf } from '../../server/storage/mongo/connection'
import { decodeKey, decodeKeys, encodeKey, encodeKeys, isShallowEnough } from '../../server/storage/mongo/keys'
import { openMongo } from '../../server/storage/mongo/openMongo'
import { missingRights } from '../../server/storage/mongo/rights'
import { epochDocument, listedSession, nameOf, parse } from '../../server/storage/mongo/schema'

describe('keys of documents in MongoDB', () => {
  it('hold nothing that a server may refuse, and come back as they were', () => {
    assert.equal(encodeKey('layer.0.$w%2E\0'), 'layer%2E0%2E%24w%252E%00')
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('.', '$', '%', '2', 'E', '\0', 'a', 'é', '𝄞') }), (key) => {
        assert.doesNotMatch(encodeKey(key), /[.$\0]/)
        assert.equal(decodeKey(encodeKey(key)), key)
      }),
    )
  })

  it('are changed at every level, in whatever a graph may hold', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(JSON.stringify(decodeKeys(encodeKeys(value))), JSON.stringify(value))
      }),
    )
    const hostile: unknown = JSON.parse('{"__proto__":{"a.b":1},"x":[{"c.d":2}]}')
    assert.equal(JSON.stringify(encodeKeys(hostile)), '{"__proto__":{"a%2Eb":1},"x":[{"c%2Ed":2}]}')
    assert.equal(Object.getPrototypeOf(encodeKeys(hostile)), Object.prototype)
    const plain = { a: { b: [1] } }
    assert.equal(encodeKeys(plain), plain, 'what needs no change is not copied')
  })

  it('are not nested deeper than a document may be', () => {
    const nested = (levels: number) => {
      let value: unknown = 1
      for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { value }
      return value
    }
    assert.ok(isShallowEnough(nested(90)))
    assert.ok(!isShallowEnough(nested(91)))
    assert.ok(!isShallowEnough(nested(5000)))
  })
})

describe('documents of MongoDB', () => {
  const _id = ObjectId.createFromHexString('0'.repeat(23) + '1')

  it('need no more than the source design gives them', () => {
    const { value } = parse('TrainingSession', listedSession, { _id, epochs: [], weightsId: null, modelName: 'net' })
    assert.deepEqual(value, { _id: _id.toHexString(), weightsId: null, modelName: 'net' })
  })

  it('are refused with their collection and id where they are something else, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), (thing) => {
        for (const type of [listedSession, epochDocument]) {
          const { damaged } = parse('Epoch', type, thing)
          assert.ok(damaged)
          assert.match(damaged.error.message, /^Epoch .* in MongoDB is damaged \(.*\) and was passed over\./s)
          assert.ok(damaged.error.message.length < 700)
        }
      }),
    )
    assert.equal(nameOf('Epoch', { _id }), `Epoch ${_id.toHexString()}`)
    assert.equal(nameOf('Epoch', { _id: '../../etc' }), 'Epoch "../../etc"')
    assert.equal(parse('Epoch', epochDocument, { _id, format: 2 }).damaged?.error.code, 'store-newer')
  })
})

describe('the address of MongoDB', () => {
  it('is told in messages by its hosts alone', () => {
    assert.equal(hostsOf('mongodb://ada:secret@a:1,b:2/db?replicaSet=x'), 'a:1,b:2')
    assert.equal(hostsOf('mongodb+srv://cluster.example/?tls=true'), 'cluster.example')
    assert.equal(hostsOf('secret'), 'its address')
  })

  it('that is looked up by a name is away where nobody looks names up', async () => {
    // What answers names of hosts refuses them all.
    const refusing = createSocket('udp4')
    refusing.on('message', (query, from) => {
      query[2]! |= 0x80
      query[3] = (query[3]! & 0xf0) | 5
      refusing.send(query, from.port, from.address)
    })
    const usual = getServers()
    await new Promise<void>((done) => refusing.bind(0, '127.0.0.1', done))
    setServers([`127.0.0.1:${refusing.address().port}`])
    const team = openMongo({ uri: 'mongodb+srv://cluster.example/', database: 'd' })
    try {
      await assert.rejects(team.check(), { code: 'server-away', message: /cluster\.example, is not known.*network/ })
    } finally {
      setServers(usual)
      refusing.close()
      await team.close()
    }
  })

  it('is told to be none where an option of it is', async () => {
    const team = openMongo({ uri: 'mongodb://host/?tls=maybe', database: 'd' })
    await assert.rejects(team.check(), { code: 'server-refused', message: /an option after its \?/ })
    await team.close()
  })
})

describe('what the user of MongoDB may do', () => {
  const reading = ['collStats', 'find', 'listIndexes']
  const writing = [...reading, 'insert', 'update', 'remove', 'createIndex']
  const said = (...privileges: readonly (readonly [resource: object, actions: readonly string[]])[]) => ({
    authInfo: {
      authenticatedUsers: [{ user: 'ada', db: 'admin' }],
      authenticatedUserPrivileges: privileges.map(([resource, actions]) => ({ resource, actions })),
    },
    ok: 1,
  })
  const whole = (db: string) => ({ db, collection: '' })
  const all = ['insert', 'update', 'remove', 'createIndex']

  it('is told by its rights on that database, on all, or on everything', () => {
    assert.deepEqual(missingRights(said([whole('epochtree'), reading]), 'epochtree'), all)
    assert.deepEqual(missingRights(said([whole('epochtree'), reading], [whole('other'), writing]), 'epochtree'), all)
    assert.deepEqual(missingRights(said([{ db: 'epochtree', collection: 'system.js' }, writing]), 'epochtree'), all)
    for (const resource of [whole('epochtree'), whole(''), { anyResource: true }])
      assert.deepEqual(missingRights(said([{ cluster: true }, ['serverStatus']], [resource, writing]), 'epochtree'), [])
  })

  it('is anything where nobody logs in, and unknown where the server does not tell', () => {
    for (const answer of [
      { authInfo: { authenticatedUsers: [], authenticatedUserPrivileges: [] } },
      { authInfo: { authenticatedUsers: [{ user: 'ada' }], authenticatedUserRoles: [] } },
      { ok: 1 },
      null,
    ])
      assert.deepEqual(missingRights(answer, 'epochtree'), [])
  })
})

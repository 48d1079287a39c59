import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EpochtreeError } from '../../server/errors'
import { addressOf, mayHaveTeam, readTeam, teamConfig, type TeamSources } from '../../server/storage/team/config'

const SECRET = 'hunter2-s3cr3t'
const servers = {
  mongo: { uri: 'mongodb://db.team.example:27017' },
  elastic: { node: 'https://search.team.example:9200' },
  gcs: { bucket: 'team-weights' },
}
const team = { mode: 'team', ...servers }
const dir = '/work/.epochtree'
const ofFile = (store: unknown, more: Partial<TeamSources> = {}) => teamConfig({ dir, env: {}, file: JSON.stringify({ store }), ...more })
const ofEnv = (env: TeamSources['env'], more: Partial<TeamSources> = {}) => teamConfig({ dir, env, ...more })
const named = {
  EPOCHTREE_STORE: 'team',
  EPOCHTREE_MONGO_URI: 'mongodb://db.team.example:27017',
  EPOCHTREE_ELASTIC_NODE: 'https://search.team.example:9200',
  EPOCHTREE_GCS_BUCKET: 'team-weights',
}

/** What is refused, and that no secret is in the words. */
function refused(work: () => unknown, code: string, ...words: readonly (string | RegExp)[]) {
  assert.throws(work, (error: unknown) => {
    assert.ok(error instanceof EpochtreeError, String(error))
    assert.equal(error.code, code)
    for (const word of words)
      assert.match(error.message, word instanceof RegExp ? word : new RegExp(word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    assert.doesNotMatch(`${error.message} ${error.stack}`, new RegExp(SECRET))
    return true
  })
}

describe("a team's configuration", () => {
  it('is none where nothing says so', () => {
    assert.equal(teamConfig({ dir, env: {} }), undefined)
    assert.equal(ofFile({ ...team, mode: 'local' }), undefined)
    assert.equal(ofFile(servers), undefined)
    assert.equal(ofFile(team, { env: { EPOCHTREE_STORE: 'local' } }), undefined)
    assert.equal(ofFile(team, { settings: { mode: 'local' } }), undefined)
    // Addresses that are set for another folder don't make this one a team's.
    const { EPOCHTREE_STORE: _, ...addresses } = named
    assert.equal(ofEnv(addresses), undefined)
  })

  it('tells all that it lacks at once', () => {
    const lacks = (settings: unknown, env: TeamSources['env'], words: string) =>
      refused(() => ofFile(settings, { env }), 'bad-argument', words)
    lacks(
      { mode: 'team' },
      {},
      'where its MongoDB, Elasticsearch, and bucket are. Set EPOCHTREE_MONGO_URI, EPOCHTREE_ELASTIC_NODE, and EPOCHTREE_GCS_BUCKET',
    )
    const { gcs: _, ...two } = team
    lacks(two, {}, 'where its bucket is. Set EPOCHTREE_GCS_BUCKET, or store.gcs.bucket in')
    lacks({ mode: 'team' }, { EPOCHTREE_MONGO_URI: 'mongodb://db' }, 'where its Elasticsearch and bucket are')
  })

  it('comes from the file, with what it leaves out', () => {
    const { by, ...config } = ofFile(team)!
    assert.match(by, /./)
    assert.deepEqual(config, {
      mongo: { uri: 'mongodb://db.team.example:27017/', database: 'epochtree' },
      elastic: { node: 'https://search.team.example:9200', prefix: 'epochtree' },
      gcs: { bucket: 'team-weights', prefix: '' },
    })
    const { mongo, elastic, gcs } = ofFile({
      mode: 'team',
      mongo: { uri: 'mongodb+srv://DB.team.example/models?replicaSet=a', caFile: 'ca.pem' },
      elastic: { node: 'http://127.0.0.1:9200/', prefix: 'vision' },
      gcs: { bucket: 'team-weights', prefix: '/vision/', endpoint: 'http://127.0.0.1:4443/' },
    })!
    assert.deepEqual(mongo, { uri: 'mongodb+srv://db.team.example/models?replicaSet=a', database: 'models', caFile: join(dir, 'ca.pem') })
    assert.deepEqual(elastic, { node: 'http://127.0.0.1:9200', prefix: 'vision' })
    assert.deepEqual(gcs, { bucket: 'team-weights', prefix: 'vision/', endpoint: 'http://127.0.0.1:4443' })
    assert.equal(ofFile({ ...team, mongo: { uri: 'mongodb://db/admin', database: 'models' } })!.mongo.database, 'models')
    assert.equal(ofFile({ ...team, mongo: { uri: 'mongodb://db/admin' } })!.mongo.database, 'epochtree')
  })

  it('comes from the environment, which counts before the file and splits off who logs in', () => {
    const config = ofEnv({ ...named, EPOCHTREE_BY: 'ci' })!
    assert.equal(config.by, 'ci')
    assert.deepEqual(config.mongo, { uri: 'mongodb://db.team.example:27017/', database: 'epochtree' })
    const login = ofFile(team, {
      env: {
        EPOCHTREE_MONGO_URI: `mongodb://ann%40lab:${SECRET}%25:x@a.example,b.example:27018/?tls=true`,
        EPOCHTREE_ELASTIC_NODE: `https://bob:${SECRET}@other.example:9200`,
        EPOCHTREE_GCS_BUCKET: 'other-bucket',
        EPOCHTREE_CA_FILE: '/etc/team.pem',
      },
    })!
    assert.deepEqual(login.mongo, {
      uri: 'mongodb://a.example,b.example:27018/?tls=true',
      database: 'epochtree',
      username: 'ann@lab',
      password: `${SECRET}%:x`,
      caFile: '/etc/team.pem',
    })
    assert.deepEqual(login.elastic, {
      node: 'https://other.example:9200',
      prefix: 'epochtree',
      username: 'bob',
      password: SECRET,
      caFile: '/etc/team.pem',
    })
    assert.equal(login.gcs.bucket, 'other-bucket')
  })

  it("comes from the editor's settings, which count before the file", () => {
    const settings = { ...team, elastic: { node: 'https://mine.example' } }
    assert.equal(ofFile(team, { settings })!.elastic.node, 'https://mine.example')
    assert.equal(
      ofFile({ mode: 'team', mongo: servers.mongo, gcs: servers.gcs }, { settings: { elastic: servers.elastic } })!.mongo.database,
      'epochtree',
    )
  })

  it('names the key that is missing or wrong, and the remedy', () => {
    for (const [key, variable] of [
      ['mongo', 'EPOCHTREE_MONGO_URI'],
      ['elastic', 'EPOCHTREE_ELASTIC_NODE'],
      ['gcs', 'EPOCHTREE_GCS_BUCKET'],
    ])
      refused(() => ofFile({ ...team, [key!]: undefined }), 'bad-argument', variable!, `store.${key}`, 'EPOCHTREE_STORE=local')
    refused(() => teamConfig({ dir, env: {}, file: '{"store": ' }), 'bad-argument', 'config.json', 'not JSON')
    refused(() => teamConfig({ dir, env: {}, file: `{"store": {"mongo": ${SECRET}}}` }), 'bad-argument', 'not JSON')
    refused(() => ofFile({ ...team, mode: 'teem' }), 'bad-argument', 'store.mode')
    refused(() => ofFile({ ...team, elastik: {} }), 'bad-argument', 'store.elastik', 'docs/team.md')
    refused(() => ofFile({ ...team, mongo: { uri: 7 } }), 'bad-argument', 'store.mongo.uri')
    for (const uri of ['db.example:27017', 'mongodb://db.example:65536', 'mongodb://db.example:0', 'mongodb://a.example,b:c'])
      refused(() => ofFile({ ...team, mongo: { uri } }), 'bad-argument', 'mongodb://host')
    refused(() => ofFile({ ...team, mongo: { ...servers.mongo, database: '../etc' } }), 'bad-argument', 'database')
    refused(() => ofFile({ ...team, elastic: { node: 'search:9200' } }), 'bad-argument', 'https://host:9200')
    refused(() => ofFile({ ...team, elastic: { ...servers.elastic, prefix: 'A*' } }), 'bad-argument', 'prefix')
    refused(() => ofFile({ ...team, gcs: { bucket: '../x' } }), 'bad-argument', 'bucket')
    refused(() => ofFile({ ...team, gcs: { bucket: 'weights', endpoint: 'file:///etc' } }), 'bad-argument', 'endpoint')
    refused(() => ofFile({ ...team, gcs: { bucket: 'weights', prefix: 'a/../b' } }), 'bad-argument', 'prefix')
    refused(() => ofEnv({ EPOCHTREE_STORE: 'teem' }), 'bad-argument', 'EPOCHTREE_STORE', 'local or team')
  })

  it('refuses secrets where others can read them', () => {
    const holds = (store: object, ...words: string[]) => {
      refused(() => ofFile({ ...team, ...store }), 'bad-argument', 'config.json', ...words)
      refused(() => teamConfig({ dir, env: {}, settings: { ...team, ...store } }), 'bad-argument', 'setting', ...words)
    }
    holds({ mongo: { uri: `mongodb://ann:${SECRET}@db.example` } }, 'mongo.uri', 'EPOCHTREE_MONGO_URI', 'Connect to Team')
    holds({ mongo: { ...servers.mongo, password: SECRET } }, 'mongo.password', 'EPOCHTREE_MONGO_PASSWORD')
    holds({ elastic: { node: `https://bob:${SECRET}@search.example` } }, 'elastic.node', 'EPOCHTREE_ELASTIC_NODE')
    holds({ mongo: { uri: `mongodb://:${SECRET}@db.example` } }, 'mongo.uri', 'EPOCHTREE_MONGO_URI')
    holds({ elastic: { node: `https://:${SECRET}@search.example` } }, 'elastic.node', 'EPOCHTREE_ELASTIC_NODE')
    holds({ elastic: { ...servers.elastic, apiKey: SECRET } }, 'elastic.apiKey', 'EPOCHTREE_ELASTIC_API_KEY')
    holds({ gcs: { ...servers.gcs, keyFile: SECRET } }, 'gcs.keyFile', 'GOOGLE_APPLICATION_CREDENTIALS')
    refused(() => ofFile({ ...team, gcs: { bucket: 'weights', endpoint: `https://a:${SECRET}@b.example` } }), 'bad-argument', 'password')
    for (const key of [`${SECRET}\n`, `id ${SECRET}`, `${SECRET}\r`, `ż${SECRET}`])
      refused(() => ofEnv({ ...named, EPOCHTREE_ELASTIC_API_KEY: key }), 'bad-argument', 'API key', 'line break')
    for (const node of [`https://search.example/?apiKey=${SECRET}`, `https://search.example/#${SECRET}`])
      refused(() => ofFile({ ...team, elastic: { node } }), 'bad-argument', 'config.json', '? or #')
    for (const endpoint of [`https://b.example/?token=${SECRET}`, `https://b.example/${SECRET}`])
      refused(() => ofFile({ ...team, gcs: { bucket: 'weights', endpoint } }), 'bad-argument', 'endpoint', 'https://host:443')
    refused(() => ofEnv({ ...named, EPOCHTREE_MONGO_URI: `mongodb://a:${SECRET}%@db.example` }), 'bad-argument', '%25')
  })

  describe('sends secrets of the environment only', () => {
    const mongoLogin = { EPOCHTREE_MONGO_USERNAME: 'ann', EPOCHTREE_MONGO_PASSWORD: SECRET }
    const elasticKey = { EPOCHTREE_ELASTIC_API_KEY: SECRET }

    it('where the environment says', () => {
      assert.equal(ofEnv({ ...named, ...mongoLogin })!.mongo.password, SECRET)
      assert.equal(ofEnv({ ...named, ...elasticKey })!.elastic.apiKey, SECRET)
      assert.equal(ofFile(team, { env: { ...named, ...mongoLogin, ...elasticKey } })!.elastic.apiKey, SECRET)
    })

    it('or here', () => {
      for (const host of ['localhost:27017', '127.0.0.1', '[::1]:27017', 'localhost:1,127.0.0.2:2'])
        assert.equal(ofFile({ ...team, mongo: { uri: `mongodb://${host}` } }, { env: mongoLogin })!.mongo.username, 'ann', host)
      assert.equal(ofFile({ ...team, elastic: { node: 'http://localhost:9200' } }, { env: elasticKey })!.elastic.apiKey, SECRET)
    })

    it("or where the user's own settings say", () => {
      assert.equal(ofFile(team, { env: mongoLogin, own: servers })!.mongo.password, SECRET)
      assert.equal(teamConfig({ dir, env: elasticKey, settings: team, own: servers })!.elastic.apiKey, SECRET)
    })

    it('and never where only a file or a workspace says', () => {
      for (const host of ['db.evil.example', 'localhost,db.evil.example', 'localhost.evil.example', '127.0.0.1.evil.example'])
        refused(
          () => ofFile({ ...team, mongo: { uri: `mongodb://${host}` } }, { env: mongoLogin }),
          'not-trusted',
          'MongoDB',
          'EPOCHTREE_MONGO_URI',
        )
      refused(() => ofFile({ ...team, mongo: { uri: 'mongodb+srv://localhost' } }, { env: mongoLogin }), 'not-trusted')
      for (const node of ['https://evil.example', 'https://localhost.evil.example:9200', 'https://127.0.0.1.evil.example'])
        refused(() => ofFile({ ...team, elastic: { node } }, { env: elasticKey }), 'not-trusted', 'Elasticsearch', 'EPOCHTREE_ELASTIC_NODE')
      refused(() => teamConfig({ dir, env: elasticKey, settings: team, own: { mongo: servers.mongo } }), 'not-trusted')
      // The address as a whole is what is trusted: another way to the same host may be read on its way.
      refused(
        () => ofFile({ ...team, elastic: { node: 'http://search.team.example:9200' } }, { env: elasticKey, own: servers }),
        'not-trusted',
      )
    })
  })

  it('sends what the editor keeps only where it was given for', () => {
    const secrets = {
      mongo: { for: addressOf('mongo', servers.mongo.uri), username: 'ann', password: SECRET },
      elastic: { for: addressOf('elastic', servers.elastic.node), apiKey: SECRET },
    }
    const config = ofFile(team, { secrets })!
    assert.deepEqual([config.mongo.username, config.mongo.password, config.elastic.apiKey], ['ann', SECRET, SECRET])
    const other = ofFile(
      { mode: 'team', mongo: { uri: 'mongodb://evil.example' }, elastic: { node: 'https://evil.example' }, gcs: servers.gcs },
      { secrets },
    )!
    assert.doesNotMatch(JSON.stringify(other), new RegExp(SECRET))
  })

  it('lets no file choose what is trusted or sent along', () => {
    const env = { ...named, EPOCHTREE_ELASTIC_API_KEY: SECRET }
    refused(() => ofFile({ ...team, elastic: { ...servers.elastic, caFile: 'ca.pem' } }, { env }), 'bad-argument', 'EPOCHTREE_CA_FILE')
    assert.equal(
      ofFile({ ...team, elastic: { ...servers.elastic, caFile: 'ca.pem' } }, { env: { ...env, EPOCHTREE_CA_FILE: '/ca.pem' } })!.elastic
        .caFile,
      '/ca.pem',
    )
    for (const option of [
      'authMechanism=MONGODB-OIDC',
      'authMechanism=MONGODB-AWS',
      'tlsCertificateKeyFile=/home/ann/.key',
      'proxyHost=evil',
      'tlsInsecure=true',
    ])
      refused(
        () => ofFile({ ...team, mongo: { uri: `mongodb://db.example/?${option}` } }),
        'bad-argument',
        option.split('=')[0]!,
        'EPOCHTREE_MONGO_URI',
      )
    assert.match(
      ofFile({ ...team, mongo: { uri: 'mongodb://db.example/?replicaSet=a&authMechanism=SCRAM-SHA-256' } })!.mongo.uri,
      /replicaSet=a/,
    )
    assert.match(ofEnv({ ...named, EPOCHTREE_MONGO_URI: 'mongodb://db.example/?tlsInsecure=true' })!.mongo.uri, /tlsInsecure/)
  })

  describe('in a folder', () => {
    let folder: string
    beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'epochtree-config-'))))
    afterEach(() => rmSync(folder, { recursive: true, force: true }))

    it('is read from config.json', () => {
      assert.equal(mayHaveTeam(folder, {}), false)
      assert.equal(readTeam(folder, {}), undefined)
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ store: team }))
      assert.equal(mayHaveTeam(folder, {}), true)
      assert.equal(readTeam(folder, {})!.gcs.bucket, 'team-weights')
      assert.equal(readTeam(folder, { EPOCHTREE_STORE: 'local' }), undefined)
    })

    it('is refused where something else lies in its place', () => {
      mkdirSync(join(folder, 'config.json'))
      refused(() => readTeam(folder, {}), 'bad-argument', 'is no file')
    })

    it('is refused where it is too large', () => {
      writeFileSync(join(folder, 'config.json'), ' '.repeat(100_000))
      refused(() => readTeam(folder, {}), 'bad-argument', '64 KiB')
    })
  })
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { LogOutputChannel } from 'vscode'
import { Ajv } from 'ajv'
import { withoutSecrets } from '../../client/team/traces'
import { teamConfig } from '../../server/storage/team/config'

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
interface Described {
  readonly properties: Readonly<Record<string, unknown>>
}

describe('where a team is, as settings and files say it', () => {
  const schema = json('schemas/config.schema.json') as unknown as { properties: { store: Described } }

  it('has one form in the setting and in the file', () => {
    const { contributes } = json('package.json') as { contributes: { configuration: Described } }
    const setting = contributes.configuration.properties['epochtree.store'] as Described & { scope: string }
    assert.deepEqual(setting.properties, schema.properties.store.properties)
    assert.equal(setting.scope, 'machine-overridable')
  })

  it('is never read from a workspace that is not trusted', () => {
    const { capabilities } = json('package.json') as { capabilities: { untrustedWorkspaces: { restrictedConfigurations: string[] } } }
    assert.ok(capabilities.untrustedWorkspaces.restrictedConfigurations.includes('epochtree.store'))
  })

  const fits = new Ajv({ strict: false }).compile(schema)
  const whole = { mode: 'team', mongo: { uri: 'mongodb://host' }, elastic: { node: 'https://host:9200' }, gcs: { bucket: 'bucket' } }
  for (const [what, store] of [
    ['whole', whole],
    ['with everything', { ...whole, mongo: { uri: 'mongodb+srv://host/team?tls=true', database: 'a', caFile: 'ca.pem' } }],
    ['with a user and password', { ...whole, mongo: { uri: 'mongodb://me:hunter2@host' } }],
    ['with a password apart', { ...whole, mongo: { uri: 'mongodb://host', password: 'hunter2' } }],
    ['with a key', { ...whole, elastic: { node: 'https://host', apiKey: 'hunter2' } }],
    ['with a user in the address', { ...whole, elastic: { node: 'https://me:hunter2@host' } }],
    ['of another kind', { ...whole, mode: 'teams' }],
    ['without an address', { ...whole, elastic: {} }],
  ] as const)
    it(`means to the editor's completion what it means to the server: ${what}`, () => {
      const file = JSON.stringify({ store })
      let refused: Error | undefined
      try {
        assert.ok(teamConfig({ dir: '/project/.epochtree', env: {}, file }))
      } catch (error) {
        refused = error as Error
      }
      assert.equal(fits(JSON.parse(file)), refused === undefined, refused?.message)
      assert.doesNotMatch(refused?.message ?? '', /hunter2/)
    })
})

describe('what is traced between editor and server', () => {
  it('holds no password and no key, however it is written down', () => {
    const lines: string[] = []
    const log = Object.freeze({ trace: (text: string) => lines.push(text), logLevel: 1 }) as unknown as LogOutputChannel
    const traced = withoutSecrets(log)
    const login = { username: 'me', password: 'a "b" \\ c', apiKey: 'k3y==' }
    traced.trace(`Sending request 'epochtree/tryServer - (3)'.\nParams: ${JSON.stringify({ login }, null, 4)}`)
    traced.trace(JSON.stringify({ type: 'send-response', message: { id: 3, result: { mongo: login } } }))
    assert.equal(lines.length, 2)
    for (const line of lines) {
      assert.match(line, /"username": ?"me"/)
      assert.doesNotMatch(line, /a \\"b|k3y/)
      assert.equal(line.match(/"\*\*\*"/g)?.length, 2)
    }
    assert.equal(traced.logLevel, 1)
  })

  it('holds no address with a password in it, as people paste them and as settings have them', () => {
    const lines: string[] = []
    const traced = withoutSecrets({ trace: (text: string) => lines.push(text) } as unknown as LogOutputChannel)
    const password = 'p/4:s@s"w\\'
    const store = { mongo: { uri: `mongodb+srv://ada:${password}@host/?tls=true` }, elastic: { node: `HTTPS://:${password}@host:9200` } }
    traced.trace(JSON.stringify({ store, address: `mongodb://ada:${password}@a,b`, uri: 'file:///home/ada/numpy@2/a.py' }, null, 2))
    assert.doesNotMatch(lines[0]!, /p\/4|s@s|w\\/)
    assert.deepEqual(JSON.parse(lines[0]!), {
      store: { mongo: { uri: 'mongodb+srv://***@host/?tls=true' }, elastic: { node: 'HTTPS://***@host:9200' } },
      address: 'mongodb://***@a,b',
      uri: 'file:///home/ada/numpy@2/a.py',
    })
  })
})

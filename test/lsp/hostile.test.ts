import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ErrorCodes, type ResponseError } from 'vscode-languageserver-protocol/node'
import { commandNames } from '../../server/executeCommand'
import { editorRequests } from '../../server/editorRequests'
import { parameters } from '../../server/parameters'
import { PARENT, writeRuns } from '../contract/fixture'
import { type LspClient, openWorkspace, temporaryFolder } from './client'

type Refusal = ResponseError<{ readonly code: string }>

const REFUSED = -32001
const deep = (levels: number): unknown => (levels === 0 ? [] : [deep(levels - 1)])
const hostile: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  'a\0b',
  '../../../etc/passwd',
  '__proto__',
  'x'.repeat(40_000),
  [],
  [null],
  [{}],
  Array.from({ length: 1001 }, () => 'x'),
  deep(1000),
  {},
  { length: 1e9 },
  JSON.parse('{"__proto__": {"dir": "x"}, "toString": 1}'),
]

describe('hostile parameters', () => {
  let client: LspClient
  before(async () => {
    const root = temporaryFolder('hostile')
    mkdirSync(join(root, '.epochtree'))
    writeRuns(join(root, '.epochtree'))
    client = await openWorkspace({ from: root })
    rmSync(root, { recursive: true })
  })
  after(() => client.close())

  /** An answer, or one sentence that is meant for people. */
  async function sentenceOf(method: string, params: unknown): Promise<Refusal | undefined> {
    try {
      await client.send(method, params)
      return undefined
    } catch (thrown) {
      const error = thrown as Refusal
      const what = `${method} of ${JSON.stringify({ params }).slice(0, 300)}: ${error.message}`
      assert.ok(error.code === ErrorCodes.InvalidParams || error.code === REFUSED, `${what} (${error.code})`)
      assert.match(error.message, /^\S[^\n]*$/, what)
      assert.doesNotMatch(error.message, /TypeError|RangeError|\bat \S+ \(|undefined|\[object|is not a function|If it comes again/, what)
      assert.ok(error.message.length < 1000, what)
      return error
    }
  }

  // What fits every request: each passes over what it does not know.
  const fitting = () => ({
    dir: client.dir,
    session: PARENT,
    reference: 'net@2',
    references: ['net', 'net-2'],
    epoch: PARENT,
    by: 'none',
    nested: true,
    offset: 0,
    limit: 10,
    kind: 'fork',
    name: 'mine',
    tags: ['good'],
    to: join(client.root, 'out'),
    file: join(client.root, 'fork.jsonc'),
    text: '{}',
    edits: {},
    graceSeconds: 0,
    asked: null,
  })

  for (const name of Object.keys(editorRequests) as (keyof typeof editorRequests)[])
    it(`${name} answers with a sentence, and goes on`, async () => {
      for (const params of [...hostile, [1, 2, 3], undefined]) await sentenceOf(name, params)
      const keys = 'shape' in parameters[name].def ? Object.keys(parameters[name].def.shape) : Object.keys(fitting())
      for (const key of keys) for (const value of hostile) await sentenceOf(name, { ...fitting(), [key]: value })
      assert.equal((await client.request('epochtree/folders', null)).length, 1)
    })

  for (const name of commandNames)
    it(`${name} answers with a sentence, and goes on`, async () => {
      for (const value of hostile) {
        await sentenceOf('workspace/executeCommand', { command: name, arguments: value })
        await sentenceOf('workspace/executeCommand', { command: name, arguments: [value] })
        for (const key of ['dir', 'session', 'reference', 'name', 'set', 'planFile', 'epochs', 'deleted'])
          await sentenceOf('workspace/executeCommand', { command: name, arguments: [{ reference: 'net@2', [key]: value }] })
      }
      for (const params of hostile) await sentenceOf('workspace/executeCommand', params)
      for (const command of hostile) await sentenceOf('workspace/executeCommand', { command })
    })

  it('are told by the field that does not fit', async () => {
    const { dir } = client
    for (const [name, params, sentence] of [
      ['epochtree/sessions', null, 'what is asked must be an object.'],
      ['epochtree/folders', {}, 'what is asked must be null.'],
      ['epochtree/sessions', { dir }, 'nested must be true or false.'],
      ['epochtree/sessions', { dir, nested: true, offset: 0, limit: 1001 }, 'limit must be at most 1000.'],
      ['epochtree/sessions', { dir, nested: true, offset: 0.5, limit: 1 }, 'offset must be a whole number.'],
      ['epochtree/sessions', { dir, nested: true, offset: 0, limit: 1, sort: 'luck' }, 'sort must be one of newest, name, best, epochs.'],
      ['epochtree/sessions', { dir, nested: true, offset: 0, limit: 1, group: { by: 'none' } }, 'group.key must be a text.'],
      ['epochtree/sessionFiles', { dir, session: '../..' }, 'session must be an id of 24 hexadecimal digits.'],
      ['epochtree/tag', { dir, session: '../../..', tags: [] }, 'session must be an id of 24 hexadecimal digits.'],
      ['epochtree/checkout', { dir, reference: 'net', to: 'a\0b' }, 'to must be a path.'],
      ['epochtree/rename', { dir, session: PARENT, name: 'x'.repeat(10_001) }, 'name must have at most 10000 characters.'],
      ['epochtree/fork', { dir, reference: 'net', edits: { set: [3] } }, 'edits.set.0 must be a text.'],
      ['epochtree/draft', { dir, kind: 'other' }, 'kind is none of what it may be.'],
    ] as const) {
      const error = await sentenceOf(name, params)
      assert.equal(error?.code, ErrorCodes.InvalidParams)
      assert.equal(error.message, `${name}: ${sentence}`)
    }
    const error = await sentenceOf('workspace/executeCommand', { command: 'epochtree.server.fork', arguments: [{ reference: 3 }] })
    assert.equal(error?.message, 'epochtree.server.fork: reference must be a text.')
  })
})

describe('what a client gives at the start', () => {
  it('may be nothing', async () => {
    for (const initializationOptions of [null, {}, { settings: null, other: 1 }, { trusted: null, links: null }]) {
      const client = await openWorkspace({ initializationOptions })
      assert.equal((await client.request('epochtree/folders', null)).length, 1)
      await client.close()
    }
  })

  for (const [initializationOptions, sentence] of [
    ['trusted', 'what is asked must be an object.'],
    [{ trusted: 'no' }, 'trusted must be true or false.'],
    [{ links: 1 }, 'links must be true or false.'],
  ] as const)
    it(`is refused where it does not fit: ${sentence}`, async () => {
      await assert.rejects(openWorkspace({ initializationOptions }), {
        code: ErrorCodes.InvalidParams,
        message: `initializationOptions: ${sentence}`,
      })
    })

  for (const settings of [{ refreshSeconds: 'often', inlayHints: true }, { refreshSeconds: 0 }, { folder: ['/'] }, 'all', []])
    it(`settings that do not fit take nothing else away, and are told: ${JSON.stringify(settings)}`, async () => {
      const client = await openWorkspace({ initializationOptions: { settings } })
      assert.equal(client.dir, join(client.root, '.epochtree'))
      assert.match(await client.told(), /^The settings? (of Epochtree|epochtree\.(refreshSeconds|folder)) must be /)
      client.notify('epochtree/settings', settings)
      client.notify('epochtree/settings')
      assert.equal((await client.request('epochtree/folders', null)).length, 1)
      await client.close()
    })
})

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from '../../scripts/services/ask'
import { makeCertificate } from '../../scripts/services/certificates'
import { startElastic } from '../../scripts/services/elastic'
import { freePort } from '../../scripts/services/running'
import { openElastic } from '../../server/storage/elastic/documents'
import type { CurvesQuery } from '../../server/storage/ports'
import type { TeamConfig, TeamDocuments } from '../../server/storage/team/ports'
import { NOTHING, placeSteps } from '../../server/tracking/places'
import { startHttpProxy, startProxy } from './proxy'
import { elastic, elasticAt } from './servers'
import { epochId, history, ids, loss, resolve, SESSION, trained } from './trained'

describe('Elasticsearch', () => {
  const open: TeamDocuments[] = []
  const opened = (config: TeamConfig['elastic'], more: Parameters<typeof openElastic>[2] = {}) => {
    const documents = openElastic(config, resolve, more)
    open.push(documents)
    return documents
  }
  let url: string
  const raw = async (method: string, path: string, body?: object) => {
    const answer = await ask(`${url}${path}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) })
    return { status: answer.status, body: JSON.parse(answer.text || '{}') as Record<string, never> }
  }
  before(async () => {
    url = (await elastic()).url
  })
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close()
  })

  describe('that has too much to do', () => {
    it('is asked again, for all or for what it did not take, and has each document once', async () => {
      const proxy = await startHttpProxy(url)
      try {
        const config = elasticAt(url)
        const documents = opened({ ...config, node: proxy.url })
        const bulk = (method: string, path: string) => method === 'POST' && path.includes('/_bulk')
        await documents.prepare()
        void proxy.inject(
          bulk,
          { status: 429, body: JSON.stringify({ error: { type: 'es_rejected_execution_exception', reason: 'queue' }, status: 429 }) },
          2,
        )
        void proxy.inject(bulk, { status: 503, body: '' }, 2)
        // It did what it was asked, and nobody heard of it.
        void proxy.inject(bulk, { status: 502, body: '', after: true }, 1)
        assert.deepEqual(await documents.write(trained(3, 50)), { written: 0, known: 150 })
        assert.deepEqual([...(await documents.count(ids(3))).values()], [50, 50, 50])
        const search = (_: string, path: string) => path.includes('_search')
        void proxy.inject(
          search,
          { status: 429, body: JSON.stringify({ error: { type: 'circuit_breaking_exception', reason: 'too much' }, status: 429 }) },
          2,
        )
        assert.equal((await documents.last(history(3), [loss])).length, 3)
        // Also where many are asked for at once.
        const many = opened({ ...config, node: proxy.url }, { points: 10 })
        const { places } = placeSteps(await many.spans(history(3)), NOTHING)
        const wide: CurvesQuery = { metrics: [loss], axis: { of: 'step', places }, range: [0, 200], buckets: 10 }
        const curve = await many.curves(history(3), wide)
        const together = proxy.inject((_, path) => path.includes('_msearch'), { status: 429, body: '{}' }, 2)
        assert.deepEqual(await many.curves(history(3), wide), curve)
        await together
        void proxy.inject(search, { status: 429, body: '{}' }, 50)
        await assert.rejects(documents.last(history(3), [loss]), { code: 'team-busy' })
      } finally {
        await proxy.close()
      }
    })

    it('is sent again only the documents that it refused', async () => {
      const proxy = await startHttpProxy(url)
      try {
        const documents = opened({ ...elasticAt(url), node: proxy.url })
        await documents.prepare()
        const items = Array.from({ length: 40 }, (_, i) => ({
          create: i % 4 === 0 ? { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'queue' } } : { status: 201 },
        }))
        // The server has them all; what it says it refused is known when it comes again.
        void proxy.inject((_, path) => path.includes('/_bulk'), {
          status: 200,
          headers: { 'x-elastic-product': 'Elasticsearch' },
          body: JSON.stringify({ items }),
          after: true,
        })
        assert.deepEqual(await documents.write(trained(1, 40)), { written: 30, known: 10 })
        const sent = proxy.requests.filter(({ url: path }) => path.includes('/_bulk')).map(({ bytesUp }) => bytesUp)
        assert.equal(sent.length, 2)
        assert.ok(sent[1]! < sent[0]! / 3, `${sent.join(', ')} bytes`)
      } finally {
        await proxy.close()
      }
    })

    it('or a proxy before it, takes large requests in parts', async () => {
      const proxy = await startHttpProxy(url)
      try {
        const documents = opened({ ...elasticAt(url), node: proxy.url })
        await documents.prepare()
        void proxy.inject(
          (_, path) => path.includes('/_bulk'),
          { status: 413, body: '<html>too large</html>', headers: { 'content-type': 'text/html' } },
          3,
        )
        assert.deepEqual(await documents.write(trained(2, 40)), { written: 80, known: 0 })
      } finally {
        await proxy.close()
      }
    })
  })

  it('that is cut off in the middle of what it is sent, or of its answers, has each document once', async () => {
    const proxy = await startProxy(url)
    try {
      const documents = opened({ ...elasticAt(url), node: proxy.url })
      const cut = Promise.all([proxy.cut(200_000, 'up', 2), documents.write(trained(20, 500))])
      const [, { written, known }] = await cut
      assert.equal(written + known, 10_000)
      assert.equal((await documents.points(history(20), loss)).value.length, 10_000)
      const [, points] = await Promise.all([proxy.cut(10_000, 'down'), documents.points(history(20), loss)])
      assert.equal(points.value.length, 10_000)
    } finally {
      await proxy.close()
    }
  })

  it('that never answers is told as away, in time', async () => {
    const proxy = await startProxy(url)
    try {
      const documents = opened({ ...elasticAt(url), node: proxy.url }, { milliseconds: 300 })
      proxy.set({ kind: 'silent' })
      await assert.rejects(documents.metrics(history(1)), { code: 'server-away', message: /did not answer in time/ })
      const gone = new AbortController()
      const asked = opened({ ...elasticAt(url), node: proxy.url }).last(history(1), [loss], gone.signal)
      gone.abort()
      await assert.rejects(asked, { code: 'aborted' })
    } finally {
      await proxy.close()
    }
  })

  it('whose disk is full lets it be known, and takes the rest when it can', async () => {
    const config = elasticAt(url)
    const documents = opened(config)
    await documents.write(trained(1, 10))
    const index = `${config.prefix}-2026.05`
    await raw('PUT', `/${index}/_settings`, { 'index.blocks.read_only_allow_delete': true })
    await assert.rejects(documents.write(trained(1, 10, 2)), { code: 'disk-full', message: /disk of Elasticsearch .* is full/ })
    assert.equal((await documents.last(history(2), [loss])).length, 1)
    await raw('PUT', `/${index}/_settings`, { 'index.blocks.read_only_allow_delete': null })
    assert.deepEqual(await documents.write(trained(1, 10, 2)), { written: 10, known: 0 })
    await raw('PUT', `/${index}/_settings`, { 'index.blocks.write': true })
    await assert.rejects(documents.write(trained(1, 10, 3)), { code: 'server-refused', message: /block/ })
  })

  it('has several teams, also where the prefix of one begins with that of another', async () => {
    const config = elasticAt(url)
    const all = ['', '-vision', '-2-b'].map((more) => opened({ ...config, prefix: config.prefix + more }))
    for (const documents of all) assert.deepEqual(await documents.write(trained(1, 10)), { written: 10, known: 0 })
    for (const documents of all) assert.equal((await documents.count([epochId(1)])).get(epochId(1)), 10)
    await all[1]!.remove([epochId(1)])
    for (const documents of [all[0]!, all[2]!]) assert.equal((await documents.count([epochId(1)])).get(epochId(1)), 10)
  })

  describe('that has other things by these names', () => {
    const refused = async (prepare: (prefix: string) => Promise<unknown>, message: RegExp, code = 'server-refused') => {
      const config = elasticAt(url)
      await prepare(config.prefix)
      const documents = opened(config)
      await assert.rejects(
        documents.write(trained(1, 10)),
        (error: { code: string; message: string }) => error.code === code && message.test(error.message),
        message.source,
      )
    }
    it('an index', () =>
      refused(
        (prefix) => raw('PUT', `/${prefix}-2026.05`, { mappings: { properties: { step: { type: 'keyword' } } } }),
        /index ".*-2026.05" .* not made by Epochtree/,
      ))
    it('an index in the place of the alias', () => refused((prefix) => raw('PUT', `/${prefix}`), /not made by Epochtree/))
    it('a template', () =>
      refused(
        (prefix) => raw('PUT', `/_index_template/${prefix}`, { index_patterns: [`${prefix}-*`], template: {} }),
        /template .* not made by Epochtree/,
      ))
    it('another template for the same indices', () =>
      refused(
        (prefix) =>
          raw('PUT', `/_index_template/other-${prefix}`, { index_patterns: [`${prefix}-2*`], priority: 500 + prefix.length, template: {} }),
        /another template/,
      ))
    it('documents of a newer version', () =>
      refused(
        (prefix) =>
          raw('PUT', `/_index_template/${prefix}`, { index_patterns: [`${prefix}-*`], _meta: { epochtree: { format: 99 } }, template: {} }),
        /newer Epochtree/,
        'store-newer',
      ))
    it('a mapping that was changed', async () => {
      const config = elasticAt(url)
      await raw('PUT', `/${config.prefix}-2026.05`, {
        aliases: { [config.prefix]: {} },
        mappings: {
          dynamic: 'strict',
          _meta: { epochtree: { format: 1 } },
          properties: { kind: { type: 'keyword' }, epoch: { type: 'keyword' } },
        },
      })
      await assert.rejects(opened(config).write(trained(1, 10)), { code: 'server-refused', message: /train\/loss.*epoch.*another mapping/ })
    })
    it('and leaves what people set in our template', async () => {
      const config = elasticAt(url)
      const documents = opened(config)
      await documents.prepare()
      type Found = {
        index_templates: { index_template: { template: object; index_patterns: string[]; priority: number; _meta: object } }[]
      }
      const { body } = await raw('GET', `/_index_template/${config.prefix}`)
      const { template, index_patterns, priority, _meta } = (body as unknown as Found).index_templates[0]!.index_template
      const changed = { index_patterns, priority, _meta, template: { ...template, settings: { index: { number_of_shards: '3' } } } }
      assert.equal((await raw('PUT', `/_index_template/${config.prefix}`, changed)).status, 200)
      await documents.prepare()
      await documents.write(trained(2, 10))
      const settings = await raw('GET', `/${config.prefix}/_settings?filter_path=*.settings.index.number_of_shards`)
      assert.match(JSON.stringify(settings.body), /"number_of_shards":"3"/)
      assert.equal((await documents.points(history(2), loss)).value.length, 20)
    })
  })

  it('in whose place an empty one stands is made ready once more', async () => {
    const proxy = await startHttpProxy(url)
    try {
      const config = elasticAt(url)
      const documents = opened({ ...config, node: proxy.url })
      const mappings = async () =>
        (await raw('GET', `/${config.prefix}*/_mapping`)).body as Record<string, { mappings: { dynamic?: string } }>
      await documents.write(trained(1, 5))
      for (const index of Object.keys(await mappings())) await raw('DELETE', `/${index}`)
      await raw('DELETE', `/_index_template/${config.prefix}`)
      void proxy.inject((_, path) => path.includes('_bulk'), { status: 403, body: '{}' }, 1)
      await assert.rejects(documents.write(trained(1, 5)))
      assert.deepEqual(await documents.write(trained(1, 5)), { written: 5, known: 0 })
      assert.deepEqual(
        Object.values(await mappings()).map(({ mappings: { dynamic } }) => dynamic),
        ['strict'],
      )
      assert.deepEqual([...(await documents.count(ids(1))).values()], [5])
    } finally {
      await proxy.close()
    }
  })

  it('takes what one team writes at once, from several machines, once', async () => {
    const config = elasticAt(url)
    const all = await Promise.all([1, 2, 3].map(() => opened(config).write(trained(30, 100))))
    assert.equal(
      all.reduce((sum, { written }) => sum + written, 0),
      3000,
    )
    assert.equal(
      all.reduce((sum, { known }) => sum + known, 0),
      6000,
    )
  })

  it('is written to as far as wanted', async () => {
    const config = elasticAt(url)
    const documents = opened(config)
    const stop = new AbortController()
    const writing = documents.write(trained(1000, 1000), { signal: stop.signal, progress: () => stop.abort() })
    await assert.rejects(writing, { code: 'aborted' })
    await raw('POST', `/${config.prefix}/_refresh`)
    const counts = [...(await documents.count(ids(1000))).values()]
    assert.ok(counts.some((n) => n > 0) && counts.some((n) => n === 0))
  })

  it('has each document once after its writer was killed, whenever', async () => {
    const config = elasticAt(url)
    const writer = fork(join(import.meta.dirname, 'elasticWriter.js'), [JSON.stringify(config), '200', '500'], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const ended = new Promise((done) => writer.on('exit', done))
    await new Promise((done) => writer.on('message', done))
    writer.kill('SIGKILL')
    await ended
    const documents = opened(config)
    const { written, known } = await documents.write(trained(200, 500))
    assert.equal(written + known, 100_000)
    assert.ok(known > 0 && written > 0, `${written} written, ${known} known`)
    assert.deepEqual(new Set((await documents.count(ids(200))).values()), new Set([500]))
    assert.equal((await documents.best(history(200), loss, 'max'))?.value, 200)
  })

  it('of documents that were put in by hand shows those that it can', async () => {
    const config = elasticAt(url)
    const documents = opened(config)
    await documents.write(trained(3, 10))
    const index = `${config.prefix}-2026.05`
    const point = { kind: 'metric', epoch: epochId(4), session: SESSION, number: 4, source: '', ...loss }
    const put = async (document: object) => (await raw('POST', `/${index}/_doc?refresh=true`, document)).status
    assert.equal(await put({ ...point, value: 0.5, time: 1 }), 201)
    for (const odd of [
      { ...point },
      { ...point, special: 'minus zero' },
      { ...point, epoch: '../../etc/passwd', value: 1 },
      { ...point, epoch: epochId(99), number: -7, value: 1 },
      { kind: 'metric', epoch: epochId(4) },
      { kind: 'metric', epoch: epochId(4), name: 'x'.repeat(30_000), split: 'train', value: 1 },
      { ...point, split: '<script>', name: '\u0000\u001b[31m', value: -1e308, step: -5 },
      { kind: 'sample', epoch: epochId(4), split: 'val', fields: { label: ['a', { deep: 1 }] } },
      {
        kind: 'sample',
        epoch: epochId(4),
        split: 'val',
        names: ['label', '..'],
        line: -1,
        row: -3,
        fields: { label: 'x'.repeat(100_000) },
        large: ['label'],
      },
      { kind: 'elephant' },
      {},
    ])
      assert.equal(await put(odd), 201, JSON.stringify(odd).slice(0, 80))
    for (const refused of [
      { ...point, more: 1 },
      { ...point, value: 'text' },
      { ...point, name: { a: 1 } },
      { ...point, name: 'x'.repeat(40_000) },
    ])
      assert.equal(await put(refused), 400, JSON.stringify(refused).slice(0, 80))
    assert.deepEqual(
      (await documents.last(history(4), [loss])).map(({ value }) => value),
      [1, 2, 3, 0.5],
    )
    assert.ok((await documents.metrics(history(4))).length >= 3)
    assert.equal((await documents.points(history(4), loss)).value.length, 31)
    await documents.spans(history(4))
    await documents.sampleFields(history(4))
    await documents.groupBy([history(4)], { split: 'val', by: 'label', field: '..', better: null, most: 3 })
    await documents.curves(history(4), { metrics: [loss], axis: { of: 'epoch' }, range: [1, 4], buckets: 2 })
    for await (const columns of documents.read(ids(4))) assert.match(columns.epochId, /^[0-9a-f]{24}$/)
    assert.equal((await documents.count([epochId(4)])).get(epochId(4)), 8)
    assert.equal(await documents.remove([epochId(4)]), 8)
  })

  it('gives pages of fewer documents where these are long', async () => {
    const config = elasticAt(url)
    const documents = opened(config)
    const text = (row: number, length: number) => `${row} ${'x'.repeat(length)}`
    const rows = Array.from({ length: 120 }, (_, row) => row)
    const fields = new Map<string, readonly unknown[]>([
      ['answer', rows.map((row) => text(row, 3000))],
      ['story', rows.map((row) => text(row, 20_000))],
      ['loss', rows],
    ])
    const line = { kind: 'samples', epochId: epochId(1), sessionId: SESSION, number: 1, source: '', split: 'val' } as const
    await documents.write([{ ...line, ordinal: 0, from: 0, fields }])
    const few = opened(config, { bytes: 100_000 })
    for (const by of ['answer', 'story']) {
      const query = { split: 'val', by, field: 'loss', better: null, most: 200 } as const
      const found = await few.groupBy([history(1)], query)
      assert.deepEqual(found, await documents.groupBy([history(1)], query))
      assert.ok(JSON.stringify(found).includes('119 x'), by)
    }
    const read: unknown[] = []
    for await (const one of few.read(ids(1))) if (one.kind === 'samples') read.push(...one.fields.get('story')!)
    assert.deepEqual(read, fields.get('story'))
    await assert.rejects(
      opened(config, { bytes: 1000 }).groupBy([history(1)], { split: 'val', by: 'story', field: 'loss', better: null, most: 3 }),
      {
        code: 'server-damaged',
        message: /larger answer/,
      },
    )
  })

  it('that was started anew between two pages is away, and not damaged', async () => {
    const proxy = await startHttpProxy(url)
    try {
      const documents = opened({ ...elasticAt(url), node: proxy.url })
      await documents.write(trained(1, 11_000))
      const gone = { error: { type: 'search_context_missing_exception', reason: 'No search context found for id [1]' }, status: 404 }
      const asked = proxy.inject((_, path) => path.startsWith('/_search'), { status: 404, body: JSON.stringify(gone) })
      await assert.rejects(documents.points(history(1), loss), { code: 'server-away', message: /started anew/ })
      await asked
      assert.equal((await documents.points(history(1), loss)).value.length, 11_000)
    } finally {
      await proxy.close()
    }
  })

  it('is asked about more epochs than it takes at once', async () => {
    const documents = opened(elasticAt(url))
    await documents.write(trained(30, 2))
    await documents.write(trained(30, 2, 90_000))
    const many = { epochIds: Array.from({ length: 100_000 }, (_, i) => epochId(((i * 7919) % 100_003) + 1)) }
    assert.equal((await documents.last(many, [loss])).length, 60)
    assert.deepEqual(await documents.metrics(many), [loss])
    assert.deepEqual(await documents.best(history(100_000), loss, 'max'), { epochId: epochId(90_029), number: 90_029, value: 90_029 })
    const [curve] = await documents.curves(history(100_000), { metrics: [loss], axis: { of: 'epoch' }, range: [1, 100_000], buckets: 600 })
    assert.deepEqual([curve!.count, curve!.x.length], [60, 60])
    assert.equal((await documents.spans(history(70_000))).lastStep.filter((step) => !Number.isNaN(step)).length, 30)
    assert.equal(
      [...(await documents.count(many.epochIds)).values()].reduce((a, b) => a + b, 0),
      120,
    )
    assert.equal(await documents.remove(many.epochIds), 120)
  })

  it('is killed in the middle of a request and started again, and has each document once', async () => {
    const server = await startElastic()
    try {
      const documents = opened(elasticAt(server.url))
      let killed: Promise<void> | undefined
      const progress = () => {
        killed ??= server.kill().then(() => server.restart())
      }
      const write = async (): Promise<number> => {
        try {
          const { written, known } = await documents.write(trained(100, 500), { progress })
          return written + known
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'server-away')
          // Whoever hands on does so again.
          await killed
          return write()
        }
      }
      assert.equal(await write(), 50_000)
      assert.ok(killed)
      await killed
      assert.deepEqual(new Set((await documents.count(ids(100))).values()), new Set([500]))
    } finally {
      await server.stop()
    }
  })

  describe('that does not let one in says why', () => {
    let root: string
    before(() => {
      root = mkdtempSync(join(tmpdir(), 'epochtree-elastic-'))
    })
    after(() => rmSync(root, { recursive: true, force: true }))
    const fails = async (config: Partial<TeamConfig['elastic']>, code: string, message: RegExp) => {
      const documents = opened({ prefix: 'team', node: url, ...config })
      const secrets = /s3cret|c2VjcmV0/
      await assert.rejects(documents.check(), (error: Error & { code: string }) => {
        assert.equal(error.code, code, error.message)
        assert.match(error.message, message)
        assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`, secrets)
        return true
      })
    }

    it('where nothing listens, where something else answers, and where the address is wrong', async () => {
      await fails({ node: `http://ada:s3cret@127.0.0.1:${await freePort()}` }, 'server-away', /nothing listens there/)
      await fails({ node: 'http://no-such-host.invalid:9200' }, 'server-away', /host .* not known/)
      await fails({ node: 'elastic.example.org' }, 'bad-argument', /http/)
      const other = createServer((_, response) => response.setHeader('content-type', 'application/json').end('{"took":1}'))
      await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
      await fails({ node: `http://127.0.0.1:${(other.address() as AddressInfo).port}` }, 'server-refused', /no Elasticsearch/)
      other.close()
      assert.throws(() => opened({ node: url, prefix: 'Team *' }), { code: 'bad-argument' })
    })

    it('with passwords and certificates', async () => {
      const certificate = await makeCertificate(join(root, 'valid'))
      const users = [
        { name: 'ada', password: 's3cret', role: 'superuser' },
        { name: 'eve', password: 's3cret-too', role: 'nothing' },
        { name: 'bob', password: 's3cret-three', role: 'reader' },
      ] as const
      const server = await startElastic({ users, tls: certificate })
      try {
        const { caFile } = certificate
        const node = server.url
        const ada = { node, caFile, username: 'ada', password: 's3cret' }
        await fails({ ...ada, password: 's3cret-wrong' }, 'server-refused', /does not know/)
        await fails({ node, caFile }, 'server-refused', /does not know/)
        await fails({ node, caFile, apiKey: 'c2VjcmV0OnMzY3JldA==' }, 'server-refused', /does not know/)
        await fails({ ...ada, caFile: join(root, 'none.crt') }, 'server-refused', /can't be read/)
        await fails({ node, username: 'ada', password: 's3cret' }, 'server-refused', /signed by nobody whom this machine trusts/)
        await fails({ ...ada, node: node.replace('https:', 'http:') }, 'server-away', /begins with https/)
        await fails({ node, caFile, username: 'eve', password: 's3cret-too' }, 'server-refused', /right to do indices:data\/read\/search/)
        const documents = opened({ ...ada, prefix: 'team' })
        await documents.write(trained(2, 10))
        assert.equal((await documents.last(history(2), [loss])).length, 2)
        const reader = opened({ node, caFile, prefix: 'team', username: 'bob', password: 's3cret-three' })
        assert.equal((await reader.last(history(2), [loss])).length, 2)
        await assert.rejects(reader.write(trained(3, 10)), { code: 'server-refused', message: /right to do/ })
        const { text } = await ask(`${node}/_security/api_key`, {
          method: 'POST',
          body: JSON.stringify({
            name: 'one',
            role_descriptors: {
              one: {
                cluster: ['monitor'],
                indices: [{ names: ['team*'], privileges: ['read', 'write', 'create_index', 'view_index_metadata', 'maintenance'] }],
              },
            },
          }),
          username: 'ada',
          password: 's3cret',
        })
        const { encoded } = JSON.parse(text) as { encoded: string }
        const member = opened({ node, caFile, prefix: 'team', apiKey: encoded })
        assert.deepEqual(await member.write(trained(3, 10)), { written: 10, known: 20 })
      } finally {
        await server.stop()
      }
      const expired = await makeCertificate(join(root, 'expired'), { expired: true })
      const old = await startElastic({ users: users.slice(0, 1), tls: expired })
      try {
        await fails(
          { node: old.url, caFile: expired.caFile, username: 'ada', password: 's3cret' },
          'server-refused',
          /not valid at this time/,
        )
      } finally {
        await old.stop()
      }
    })
  })
})

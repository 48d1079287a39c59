// What a large team would ask of its servers: measured on a few epochs with real servers, then multiplied and played through for a day. `docs/scale.md` shows it.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BSON, MongoClient } from 'mongodb'
import { ask } from '../scripts/services/ask'
import { startElastic } from '../scripts/services/elastic'
import { makeBucket, startGcs } from '../scripts/services/gcs'
import { startMongo } from '../scripts/services/mongo'
import type { SessionRecord } from '../server/storage/ports'
import { openTeam } from '../server/storage/team/open'
import type { DocumentColumns, Team, TeamConfig } from '../server/storage/team/ports'
import { graphHash, summarize } from '../server/tracking/graph'
import { startHttpProxy } from '../test/services/proxy'

const { values: options } = parseArgs({
  options: {
    sessions: { type: 'string', default: '10000' },
    epochs: { type: 'string', default: '100' },
    documents: { type: 'string', default: '5000' },
    /** Of one epoch's weights, and how many epochs lie between two that have any. */
    megabytes: { type: 'string', default: '50' },
    'save-every': { type: 'string', default: '10' },
    /** Epochs that are brought to real servers to measure what each costs. */
    measured: { type: 'string', default: '40' },
    json: { type: 'string' },
  },
})
const team = {
  people: 1000,
  sessionsADay: Number(options.sessions),
  epochs: Number(options.epochs),
  documents: Number(options.documents),
  weights: Number(options.megabytes) * 1e6,
  saveEvery: Number(options['save-every']),
}

/** US dollars, region us-central1, as in the copies of Google's price lists that were at hand on 2026-11-27 (the newest of them of April 2026). */
const PRICES = {
  /** n2-highmem-8: 8 vCPU, 64 GB. */
  elasticNodeHour: 0.5241,
  /** n2-standard-4: 4 vCPU, 16 GB. */
  mongoNodeHour: 0.1942,
  /** Balanced persistent disk. */
  diskGbMonth: 0.1,
  bucketGbMonth: 0.02,
  classA: 0.005 / 1000,
  classB: 0.0004 / 1000,
}
const HOURS_A_MONTH = 730
const DAYS_A_MONTH = 30
/** Lucene can't hold more in a shard. */
const MOST_IN_SHARD = 2 ** 31 - 129
/** What Elastic advises at most. */
const GOOD_IN_SHARD = 200e6
const REPLICAS = 1
const DISK_OF_NODE = 4e12
/** Disks are never to be full. */
const FILLED = 0.75

// ---- what one epoch costs, measured

/** A point of each of eight curves at every step, four values of the epoch, and a fifth of samples. */
function* epochDocuments(sessionId: string, epochId: string, number: number, documents: number): Generator<DocumentColumns> {
  const samples = Math.floor(documents / 5)
  const curves = 8
  const steps = Math.floor((documents - samples - 4) / curves)
  const of = { epochId, sessionId, number, source: '' }
  const begun = Date.now() / 1000
  for (let curve = 0; curve < curves; curve++)
    yield {
      kind: 'metric',
      ...of,
      split: curve % 2 ? 'val' : 'train',
      name: ['loss', 'accuracy', 'lr', 'grad_norm'][curve >> 1]!,
      level: 0,
      from: 0,
      steps: Float64Array.from({ length: steps }, (_, i) => number * steps + i),
      values: Float64Array.from({ length: steps }, (_, i) => Math.exp(-(number * steps + i) / 1e5) * (1 + 0.1 * Math.random())),
      times: Float64Array.from({ length: steps }, (_, i) => begun + i * 0.13 + 0.01 * Math.random()),
    }
  for (const name of ['loss', 'accuracy', 'f1', 'sparsity'])
    yield {
      kind: 'metric',
      ...of,
      split: 'val',
      name,
      level: 1,
      from: 0,
      steps: null,
      values: Float64Array.of(Math.random()),
      times: Float64Array.of(begun),
    }
  const column = (value: (row: number) => unknown) => Array.from({ length: samples }, (_, row) => value(row))
  yield {
    kind: 'samples',
    ...of,
    split: 'test',
    ordinal: 0,
    from: 0,
    fields: new Map<string, readonly unknown[]>([
      ['sample', column((row) => `images/${String(row).padStart(6, '0')}.png`)],
      ['label', column((row) => `class-${row % 100}`)],
      ['prediction', column(() => `class-${Math.floor(Math.random() * 100)}`)],
      ['loss', column(() => Math.random())],
      ['confidence', column(() => Math.random())],
    ]),
  }
}

/** Counts what goes to a MongoDB: each message begins with its length. */
async function counting(port: number): Promise<{ readonly port: number; readonly messages: () => number; readonly close: () => void }> {
  let messages = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const there = createConnection({ host: '127.0.0.1', port })
    for (const socket of [client, there]) sockets.add(socket.on('error', () => {}))
    let rest = Buffer.alloc(0)
    client.on('data', (part: Buffer) => {
      rest = Buffer.concat([rest, part])
      for (; rest.length >= 4 && rest.length >= rest.readInt32LE(0); rest = rest.subarray(rest.readInt32LE(0))) messages++
    })
    client.pipe(there).pipe(client)
  })
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as AddressInfo).port,
    messages: () => messages,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

const newId = () => Math.floor(Date.now() / 1000).toString(16) + randomBytes(8).toString('hex')

async function measure(epochs: number) {
  const folder = mkdtempSync(join(tmpdir(), 'epochtree-scale-'))
  const quiet = () => {}
  const [mongo, elastic, gcs] = await Promise.all([startMongo({ say: quiet }), startElastic({ say: quiet }), startGcs({ say: quiet })])
  const [mongoWay, elasticWay, gcsWay] = await Promise.all([counting(mongo.port), startHttpProxy(elastic.url), startHttpProxy(gcs.url)])
  await makeBucket(gcs.url, 'scale')
  const config: TeamConfig = {
    mongo: { uri: `mongodb://127.0.0.1:${mongoWay.port}/`, database: 'scale' },
    elastic: { node: elasticWay.url, prefix: 'scale' },
    gcs: { bucket: 'scale', prefix: '', endpoint: gcsWay.url },
    by: 'ada@lab',
  }
  const opened = openTeam(config, { cache: join(folder, 'cache'), cacheBytes: 1e9 })
  try {
    await Promise.all([opened.sessions.prepare(), opened.documents.prepare(), opened.weights.prepare()])
    const before = { mongo: mongoWay.messages(), elastic: elasticWay.requests.length, gcs: gcsWay.requests.length }
    const session = newId()
    await bring(opened, folder, session, epochs)
    const after = { mongo: mongoWay.messages(), elastic: elasticWay.requests.length, gcs: gcsWay.requests.length }
    const wire = elasticWay.requests.slice(before.elastic).reduce((sum, { bytesUp }) => sum + bytesUp, 0)
    const documents = epochs * team.documents
    const client = new MongoClient(mongo.url)
    const plain = client.db('scale')
    const sizeOf = async (collection: string) => BSON.calculateObjectSize((await plain.collection(collection).findOne({}))!)
    const sizes = { epoch: await sizeOf('Epoch'), session: await sizeOf('TrainingSession'), weights: await sizeOf('Weights') }
    await client.close()
    const stored = await storedBytes(elastic.url, 'scale')
    const quickest = await rate(elastic.url, { ...config, elastic: { node: elastic.url, prefix: 'rate' } }, folder, session)
    // Metrics and samples by themselves.
    const alone: Record<string, number> = {}
    for (const kind of ['metric', 'samples'] as const) {
      const part = openTeam({ ...config, elastic: { node: elastic.url, prefix: kind } }, { cache: folder, cacheBytes: 1 })
      await part.documents.prepare()
      for (let number = 1; number <= Math.min(epochs, 10); number++) {
        const epoch = newId()
        await part.documents.write([...epochDocuments(session, epoch, number, team.documents)].filter((one) => one.kind === kind))
      }
      const { bytes, documents: count } = await storedBytes(elastic.url, kind)
      alone[kind] = bytes / count
      await part.close()
    }
    return {
      bytesADocument: stored.bytes / stored.documents,
      bytesAMetric: alone['metric']!,
      bytesASample: alone['samples']!,
      wireADocument: wire / documents,
      documentsASecond: quickest,
      mongoAnEpoch: (after.mongo - before.mongo) / epochs,
      elasticAnEpoch: (after.elastic - before.elastic) / epochs,
      gcsAFile: (after.gcs - before.gcs) / epochs,
      sizes,
    }
  } finally {
    await opened.close()
    mongoWay.close()
    await Promise.all([elasticWay.close(), gcsWay.close()])
    await Promise.all([mongo.stop(), elastic.stop(), gcs.stop()])
    rmSync(folder, { recursive: true, force: true })
  }
}

/** As the spool does it, each epoch with weights and all with one graph. */
async function bring({ sessions, documents, weights }: Team, folder: string, id: string, epochs: number): Promise<void> {
  const record: SessionRecord = {
    id,
    name: 'net',
    modelName: 'net',
    createdAt: Date.now() / 1000,
    forkedFrom: null,
    forkPoint: null,
    key: null,
    tags: [],
    selected: null,
    deletedAt: null,
    started: true,
    engine: null,
    finished: null,
    own: 0,
    latest: null,
    open: null,
    problems: 0,
    overrides: {},
    command: { argv: ['python', 'train.py', '--lr', '0.01'], cwd: '/home/ada/net', env: [] },
    attempt: null,
  }
  const graph = {
    id: 'g',
    nodes: Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [
        `layer.${i}`,
        { id: `layer.${i}`, data: { parameters: { weight: [256, 256], bias: [256] } } },
      ]),
    ),
  }
  const hash = graphHash(graph)
  await sessions.putSession({ record, by: 'ada@lab', alive: true })
  for (let number = 1; number <= epochs; number++) {
    const epoch = newId()
    // What weights hold is nothing to their number of requests.
    const bytes = randomBytes(1000)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const path = join(folder, sha256)
    writeFileSync(path, bytes)
    const location = await weights.put(sha256, path)
    const file = { sha256, bytes: bytes.length, format: 'safetensors' }
    await sessions.putWeights({ ...file, location, graphHash: hash })
    if (number === 1) await sessions.putGraph(hash, graph, summarize(graph))
    await documents.write(epochDocuments(id, epoch, number, team.documents))
    await sessions.putEpoch({
      id: epoch,
      sessionId: id,
      number,
      state: 'ok',
      graphHash: hash,
      weights: { ...file, file: `weights/${number}.safetensors` },
      optimizerState: null,
      released: false,
      pruned: false,
      time: Date.now() / 1000,
      begun: Date.now() / 1000,
      started: Date.now() / 1000,
      documents: team.documents,
    })
  }
}

/** How many documents a second this machine takes at best, client and server on it, without anything in between. */
async function rate(url: string, config: TeamConfig, folder: string, session: string): Promise<number> {
  const opened = openTeam(config, { cache: folder, cacheBytes: 1 })
  try {
    await opened.documents.prepare()
    let best = 0
    for (let round = 0; round < 4; round++) {
      const columns = Array.from({ length: 10 }, (_, i) => [...epochDocuments(session, newId(), 10 * round + i + 1, team.documents)]).flat()
      const begun = performance.now()
      const { written } = await opened.documents.write(columns)
      best = Math.max(best, (written * 1000) / (performance.now() - begun))
    }
    return best
  } finally {
    await opened.close()
    await ask(`${url}/rate-*`, { method: 'DELETE' })
  }
}

/** On the disk, once merged as an index is that nobody writes to any more. */
async function storedBytes(url: string, prefix: string): Promise<{ readonly bytes: number; readonly documents: number }> {
  await ask(`${url}/${prefix}-*/_refresh`, { method: 'POST' })
  await ask(`${url}/${prefix}-*/_forcemerge?max_num_segments=1`, { method: 'POST' })
  await ask(`${url}/${prefix}-*/_flush`, { method: 'POST' })
  const { text } = await ask(`${url}/${prefix}-*/_stats/store,docs`)
  const { primaries } = (JSON.parse(text) as { _all: { primaries: { store: { size_in_bytes: number }; docs: { count: number } } } })._all
  return { bytes: primaries.store.size_in_bytes, documents: primaries.docs.count }
}

// ---- a day of it

/** Numbers that repeat with their seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** An editor that is open asks so often what others changed. */
const LOOK_SECONDS = 1.5
/** When people begin trainings, by the hour: most before lunch and in the evening, for the night. */
const BEGUN = [1, 1, 1, 1, 1, 2, 3, 5, 9, 12, 12, 9, 7, 10, 11, 11, 10, 11, 12, 7, 4, 3, 2, 1]

/** Epochs that are committed in each minute of a day like all others, and sessions that run then. */
function playDay() {
  const next = random(1)
  const total = BEGUN.reduce((sum, share) => sum + share, 0)
  const committed = new Float64Array(24 * 60)
  const running = new Float64Array(24 * 60)
  for (let session = 0; session < team.sessionsADay; session++) {
    let left = next() * total
    let hour = 0
    while (left >= BEGUN[hour]!) left -= BEGUN[hour++]!
    const begun = (hour + left / BEGUN[hour]!) * 60
    // A quarter of an hour to a day, most about two hours.
    const minutes = Math.min(1440, Math.max(15, 120 * Math.exp(0.9 * gauss(next))))
    for (let minute = Math.floor(begun); minute < begun + minutes; minute++) running[minute % 1440]!++
    for (let epoch = 1; epoch <= team.epochs; epoch++) committed[Math.floor(begun + (epoch / team.epochs) * minutes) % 1440]!++
  }
  return { committed, running }
}
const gauss = (next: () => number) => Math.sqrt(-2 * Math.log(next() || 1e-9)) * Math.cos(2 * Math.PI * next())

const cores = cpus().length
console.log(`Measuring ${options.measured} epochs of ${team.documents} documents on this machine (${cores} cores) ...`)
const one = await measure(Number(options.measured))
const { committed, running } = playDay()
const epochsADay = team.sessionsADay * team.epochs
const documentsADay = epochsADay * team.documents
const mean = epochsADay / 86_400
const peak = Math.max(...committed) / 60
const filesADay = epochsADay / team.saveEvery
const bytesADay = documentsADay * one.bytesADocument
const month = { documents: documentsADay * DAYS_A_MONTH, bytes: bytesADay * DAYS_A_MONTH, weights: filesADay * team.weights * DAYS_A_MONTH }
/** A node of eight cores, by what this machine did with all of its own. */
const nodeRate = (one.documentsASecond * 8) / cores
const nodes = {
  ingest: Math.ceil((peak * team.documents * (1 + REPLICAS)) / nodeRate),
  disk: Math.ceil((month.bytes * (1 + REPLICAS)) / (DISK_OF_NODE * FILLED)),
}
const elasticNodes = Math.max(3, nodes.ingest, nodes.disk)
const money = {
  'Elasticsearch, nodes': elasticNodes * PRICES.elasticNodeHour * HOURS_A_MONTH,
  'Elasticsearch, disks': ((month.bytes * (1 + REPLICAS)) / FILLED / 1e9) * PRICES.diskGbMonth,
  'MongoDB, three nodes': 3 * PRICES.mongoNodeHour * HOURS_A_MONTH,
  'MongoDB, disks':
    ((3 * 1.5 * epochsADay * DAYS_A_MONTH * (one.sizes.epoch + one.sizes.weights / team.saveEvery)) / 1e9) * PRICES.diskGbMonth,
  'bucket, one month of weights': (month.weights / 1e9) * PRICES.bucketGbMonth,
  'bucket, requests': filesADay * DAYS_A_MONTH * (PRICES.classA + (one.gcsAFile - 1) * PRICES.classB),
}
const result = {
  team,
  cores,
  one,
  day: { epochs: epochsADay, documents: documentsADay, bytes: bytesADay, weights: filesADay * team.weights, files: filesADay },
  month,
  rates: {
    epochs: { mean, peak },
    documents: { mean: mean * team.documents, peak: peak * team.documents },
    elastic: { mean: mean * one.elasticAnEpoch, peak: peak * one.elasticAnEpoch },
    elasticBytes: { mean: mean * team.documents * one.wireADocument, peak: peak * team.documents * one.wireADocument },
    mongo: { mean: mean * one.mongoAnEpoch, peak: peak * one.mongoAnEpoch },
    gcs: { mean: (mean / team.saveEvery) * one.gcsAFile, peak: (peak / team.saveEvery) * one.gcsAFile },
    gcsBytes: { mean: (mean / team.saveEvery) * team.weights, peak: (peak / team.saveEvery) * team.weights },
    running: Math.max(...running),
    /** Everybody's editor is open, and looks whether something changed. */
    looks: team.people / LOOK_SECONDS,
    /** What they are then told of sessions that were trained on meanwhile. */
    toldBytes: {
      mean: (team.people / LOOK_SECONDS) * Math.min(LOOK_SECONDS * mean, team.sessionsADay) * one.sizes.session,
      peak: team.people * peak * one.sizes.session,
    },
  },
  shards: {
    hoursUntilOneIsFull: (MOST_IN_SHARD / documentsADay) * 24,
    atLeastAMonth: Math.ceil(month.documents / MOST_IN_SHARD),
    goodAMonth: Math.ceil(month.documents / GOOD_IN_SHARD),
    goodADay: Math.ceil(documentsADay / GOOD_IN_SHARD),
  },
  nodes: { ...nodes, nodeRate },
  money,
  sum: Object.values(money).reduce((sum, dollars) => sum + dollars, 0),
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, undefined, 2)}\n`)
const round = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3))))
const rows = (heading: string, of: Readonly<Record<string, unknown>>) => {
  console.log(`\n${heading}`)
  for (const [name, value] of Object.entries(of))
    console.log(
      `  ${name.padEnd(30)} ${
        typeof value === 'number'
          ? round(value)
          : Object.entries(value as object)
              .map(([key, inner]) => `${key} ${round(Number(inner))}`)
              .join(', ')
      }`,
    )
}
rows('one epoch, measured', one)
rows('a day', result.day)
rows('a month', result.month)
rows('a second', result.rates)
rows('shards', result.shards)
rows('nodes of Elasticsearch', result.nodes)
rows('US dollars a month', { ...money, sum: result.sum })

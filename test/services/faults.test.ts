import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@elastic/elasticsearch'
import { type Db, MongoClient, ObjectId } from 'mongodb'
import { ask } from '../../scripts/services/ask'
import { startElastic } from '../../scripts/services/elastic'
import { startGcs } from '../../scripts/services/gcs'
import { startMongo } from '../../scripts/services/mongo'
import type { Running } from '../../scripts/services/running'
import type { SessionJson } from '../../server/protocol/model'
import type { TeamConfig } from '../../server/storage/team/ports'
import { type Child, engine, journalLines, random, sleep, start } from '../fault/support'
import { type Proxy, startProxy } from './proxy'
import { elasticAt, freshTeam, mongoAt } from './servers'
import { teamEnvironment, until } from './support'

/** `EPOCHTREE_FAULT_ROUNDS=50` for all; `EPOCHTREE_FAULT_SEED` is what a failed one has printed. */
const ROUNDS = Number(process.env['EPOCHTREE_FAULT_ROUNDS'] ?? 5)
const SEED = Number(process.env['EPOCHTREE_FAULT_SEED'] ?? Date.now() % 2 ** 31)
/** Within these each kind of fault has come. */
const ROUNDS_A_TEAM = 5
const TRAININGS = 20
/** Many times as long as whoever hands on waits for an answer, and then before the next try: a busy machine lets servers fall behind. */
const STANDSTILL_MS = 600_000

/** An engine as people use it. Its epochs take longer and longer, so that it writes for as long as a fault lasts, and not without end. */
const TRAINING = `
import os, random, sys, time, epochtree
name, seed, end, fails = sys.argv[1:]
chance = random.Random(int(seed))
def rest(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until and not os.path.exists(end):
        time.sleep(0.05)
with epochtree.session(name, hyperparameters={"lr": 0.1}) as session:
    for epoch in session.epochs(1000):
        n = epoch.number
        for step in range(chance.randrange(1, 40)):
            epoch.log({"loss": 1 / (n + step), "odd": float("nan") if step == 3 else step}, step=100 * n + step)
        epoch.log({"accuracy": 1 - 1 / n}, split="val")
        rows = chance.randrange(1, 8)
        epoch.log_samples({"sample": ["%d-%d" % (n, row) for row in range(rows)], "loss": [chance.random() for _ in range(rows)]}, split="val")
        rest(0.3 * 1.4 ** n * (0.5 + chance.random()))
        weights = b"same" * 5000 if chance.random() < 0.1 else os.urandom(400_000 if chance.random() < 0.1 else 20_000)
        epoch.commit(graph={"id": "g", "nodes": {"a": {"id": "a", "data": {"parameters": {"w": [1 + n // 2, 2]}}}}}, weights=weights)
        print(session.id, flush=True)
        if os.path.exists(end):
            if fails == "fails":
                raise RuntimeError("the loss went to infinity")
            break
`

const SERVERS = ['MongoDB', 'Elasticsearch', 'Google Cloud Storage'] as const
type ServerName = (typeof SERVERS)[number]
interface Faulty {
  readonly name: ServerName
  readonly running: Running
  readonly proxy: Proxy
}

const LINES = ['cut', 'half-open', 'drip', 'slow', 'down'] as const
/** What happens in a round; two at once. */
type Fault =
  | { readonly kind: (typeof LINES)[number] | 'killed'; readonly server: ServerName }
  /** Who hands on is killed, and begun again. */
  | { readonly kind: 'spool killed'; readonly server?: undefined }
const describeFault = ({ kind, server }: Fault) => (server === undefined ? kind : `${server} ${kind}`)

type Chance = () => number
const between = (chance: Chance, from: number, to: number) => from + chance() * (to - from)
function shuffled<Value>(chance: Chance, values: readonly Value[]): Value[] {
  const left = [...values]
  return values.map(() => left.splice(Math.floor(chance() * left.length), 1)[0]!)
}

/** The faults of the rounds of a team, each kind once at least. */
function faultsOf(chance: Chance): (readonly Fault[])[] {
  const others = [...shuffled(chance, SERVERS), ...shuffled(chance, SERVERS)]
  const all = shuffled<Fault>(chance, [
    ...LINES.map((kind, i): Fault => ({ kind, server: others[i]! })),
    ...SERVERS.map((server): Fault => ({ kind: 'killed', server })),
    { kind: 'spool killed' },
    { kind: 'spool killed' },
  ])
  return Array.from({ length: ROUNDS_A_TEAM }, (_, round) => all.slice(2 * round, 2 * round + 2))
}

/** What a session's files tell. */
interface Truth {
  readonly id: string
  readonly epochs: readonly {
    readonly id: string
    readonly number: number
    readonly sha256: string
    readonly bytes: number
    readonly nodes: unknown
    readonly documents: readonly string[]
  }[]
  readonly finished: string | null
}
function truthOf(run: string, id: string): Truth {
  const documents = new Map<string, string[]>()
  const numbers = new Map<string, number>()
  const epochs: Truth['epochs'][number][] = []
  let finished: string | null = null
  for (const line of journalLines(run)) {
    const epoch = line['epoch'] as string
    const of = documents.get(epoch) ?? []
    documents.set(epoch, of)
    if (line['type'] === 'epoch') numbers.set(epoch, line['number'] as number)
    else if (line['type'] === 'metrics') {
      const steps = line['step'] as number[] | null
      for (const [name, values] of Object.entries(line['values'] as Record<string, unknown[]>))
        values.forEach((value, i) => of.push(JSON.stringify([line['split'], name, steps?.[i] ?? null, value])))
    } else if (line['type'] === 'samples') {
      const fields = Object.entries(line['fields'] as Record<string, unknown[]>)
      fields[0]![1].forEach((_, row) =>
        of.push(sampleText(line['split'], Object.fromEntries(fields.map(([name, all]) => [name, all[row]])))),
      )
    } else if (line['type'] === 'commit') {
      const { sha256, bytes } = line['weights'] as { sha256: string; bytes: number }
      const { nodes } = JSON.parse(readFileSync(join(run, line['graph'] as string), 'utf8')) as { nodes: unknown }
      epochs.push({ id: epoch, number: numbers.get(epoch)!, sha256, bytes, nodes, documents: of })
    } else if (line['type'] === 'finished') finished = line['status'] as string
  }
  return { id, epochs, finished }
}
const sampleText = (split: unknown, fields: object) =>
  JSON.stringify([split, Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1))])

interface Training {
  readonly dir: string
  readonly child: Child
  readonly how: 'completes' | 'fails' | 'is killed'
}

/** The servers as they are, without what lies between, asked by plain drivers. */
class Plain {
  readonly #config: TeamConfig

  constructor(config: TeamConfig) {
    this.#config = config
  }

  /** By a client of its own: one that has lost its server while it wrote may wait for ever. */
  async mongo<Answer>(work: (db: Db) => Promise<Answer>): Promise<Answer> {
    const { uri, database } = this.#config.mongo
    const client = new MongoClient(uri, { serverSelectionTimeoutMS: 3000, connectTimeoutMS: 3000, socketTimeoutMS: 30_000 })
    let timer: NodeJS.Timeout | undefined
    try {
      return await Promise.race([
        work(client.db(database)),
        new Promise<never>((_, fail) => (timer = setTimeout(() => fail(new Error('no answer from MongoDB')), 60_000))),
      ])
    } finally {
      clearTimeout(timer)
      void client.close().catch(() => {})
    }
  }

  async elastic<Answer>(work: (client: Client, index: string) => Promise<Answer>): Promise<Answer> {
    const { node, prefix } = this.#config.elastic
    const client = new Client({ node, maxRetries: 0, requestTimeout: 30_000 })
    try {
      return await work(client, prefix)
    } finally {
      void client.close().catch(() => {})
    }
  }

  /** How many documents each of the epochs has. */
  counts(ids: readonly string[]): Promise<Map<string, number>> {
    return this.elastic(async (client, index) => {
      const found = await client.search<unknown, Record<'epochs', { buckets: { key: string; doc_count: number }[] }>>({
        index,
        size: 0,
        allow_partial_search_results: false,
        query: { terms: { epoch: [...ids] } },
        aggs: { epochs: { terms: { field: 'epoch', size: ids.length } } },
      })
      return new Map(found.aggregations!.epochs.buckets.map(({ key, doc_count }) => [key, doc_count]))
    })
  }

  /** The documents of a session, epoch by epoch, in the words of `Truth`. */
  documents(sessionId: string): Promise<Map<string, string[]>> {
    return this.elastic(async (client, index) => {
      type Source = {
        kind: string
        epoch: string
        split: string
        name: string
        step?: number
        value?: number
        special?: string
        fields: object
      }
      const found = await client.search<Source>({
        index,
        size: 10_000,
        allow_partial_search_results: false,
        query: { term: { session: sessionId } },
      })
      const documents = new Map<string, string[]>()
      for (const { _source } of found.hits.hits) {
        const { kind, epoch, split, name, step, value, special, fields } = _source!
        const text = kind === 'sample' ? sampleText(split, fields) : JSON.stringify([split, name, step ?? null, value ?? special])
        documents.set(epoch, [...(documents.get(epoch) ?? []), text])
      }
      return documents
    })
  }

  /** The size of a weights file in the bucket; undefined where there is none. */
  async weightsBytes(sha256: string): Promise<number | undefined> {
    const { bucket, endpoint } = this.#config.gcs
    const { status, text } = await ask(`${endpoint}/storage/v1/b/${bucket}/o/${encodeURIComponent(objectOf(sha256))}`, { seconds: 30 })
    if (status === 404) return undefined
    assert.equal(status, 200, text)
    return Number((JSON.parse(text) as { size: string }).size)
  }

  async weights(sha256: string): Promise<Buffer> {
    const { bucket, endpoint } = this.#config.gcs
    const answer = await fetch(`${endpoint}/storage/v1/b/${bucket}/o/${encodeURIComponent(objectOf(sha256))}?alt=media`, {
      signal: AbortSignal.timeout(30_000),
    })
    assert.equal(answer.status, 200)
    return Buffer.from(await answer.arrayBuffer())
  }

  async objects(): Promise<string[]> {
    const { bucket, endpoint } = this.#config.gcs
    const names: string[] = []
    for (let page = ''; ;) {
      const { text } = await ask(`${endpoint}/storage/v1/b/${bucket}/o?maxResults=1000${page && `&pageToken=${encodeURIComponent(page)}`}`)
      const { items = [], nextPageToken } = JSON.parse(text) as { items?: { name: string }[]; nextPageToken?: string }
      names.push(...items.map(({ name }) => name))
      if (!nextPageToken) return names
      page = nextPageToken
    }
  }
}
const objectOf = (sha256: string) => `weights/${sha256.slice(0, 2)}/${sha256}`

interface SessionDocument {
  readonly _id: ObjectId
  readonly name: string
  readonly epochs: readonly ObjectId[]
  readonly finished?: { readonly status: string } | null
  readonly alive?: boolean
}

describe('with every fault of each server', () => {
  let servers: Record<ServerName, Faulty>

  before(async function () {
    this.timeout(600_000)
    const running = await Promise.all([startMongo(), startElastic(), startGcs()])
    const proxies = await Promise.all(running.map(({ url }) => startProxy(url)))
    servers = Object.fromEntries(SERVERS.map((name, i) => [name, { name, running: running[i]!, proxy: proxies[i]! }])) as typeof servers
  })
  after(async () => {
    for (const { proxy, running } of Object.values(servers)) await Promise.all([proxy.close(), running.stop()])
  })

  for (let first = 0; first < ROUNDS; first += ROUNDS_A_TEAM) {
    const seed = SEED + first / ROUNDS_A_TEAM
    const rounds = Math.min(ROUNDS_A_TEAM, ROUNDS - first)
    it(`nothing is lost, nothing comes twice, and states are true (rounds ${first + 1} to ${first + rounds}, seed ${seed})`, async function () {
      this.timeout(60 * 60_000)
      const team = await Rounds.begin(servers, random(seed), first)
      try {
        for (const [round, faults] of faultsOf(team.chance).slice(0, rounds).entries()) {
          const what = `round ${first + round + 1}, ${faults.map(describeFault).join(' and ')}`
          const begun = Date.now()
          try {
            const told = await team.round(round, faults)
            console.log(`      ${what}: ${told}, ${Math.round((Date.now() - begun) / 1000)} s`)
          } catch (error) {
            throw new Error(`${what}, seed ${seed}; who handed on said:\n${team.said()}`, { cause: error })
          }
        }
        await team.end()
      } finally {
        await team.close()
      }
    })
  }
})

/** Two machines of one team, each with trainings and a process that hands on, and a third that looks. */
class Rounds {
  readonly chance: Chance
  readonly #servers: Record<ServerName, Faulty>
  readonly #first: number
  readonly #root: string
  readonly #through: TeamConfig
  readonly #direct: TeamConfig
  readonly #plain: Plain
  readonly #dirs: readonly string[]
  readonly #spools: Child[] = []
  readonly #ended: Child[] = []
  readonly #trainings: Training[] = []
  /** Epochs that were seen whole. */
  readonly #whole = new Set<string>()
  readonly #wrong: string[] = []
  #looks = 0

  static async begin(servers: Record<ServerName, Faulty>, chance: Chance, first: number): Promise<Rounds> {
    const { MongoDB, Elasticsearch, 'Google Cloud Storage': bucket } = servers
    const direct = await freshTeam({ mongo: MongoDB.running.url, elastic: Elasticsearch.running.url, gcs: bucket.running.url })
    const through: TeamConfig = {
      by: direct.by,
      mongo: mongoAt(MongoDB.proxy.url, direct.mongo.database),
      elastic: elasticAt(Elasticsearch.proxy.url, direct.elastic.prefix),
      gcs: { ...direct.gcs, endpoint: bucket.proxy.url },
    }
    return new Rounds(servers, chance, first, through, direct)
  }

  private constructor(servers: Record<ServerName, Faulty>, chance: Chance, first: number, through: TeamConfig, direct: TeamConfig) {
    this.#servers = servers
    this.chance = chance
    this.#first = first
    this.#through = through
    this.#direct = direct
    this.#plain = new Plain(direct)
    this.#root = mkdtempSync(join(tmpdir(), 'epochtree-faults-'))
    this.#dirs = ['one', 'two'].map((name) => join(this.#root, name, '.epochtree'))
    this.#dirs.forEach((_, i) => this.#handOn(i))
  }

  /** Begins who hands on, on one of the machines. */
  #handOn(i: number) {
    const before = this.#spools[i]
    if (before) this.#ended.push(before)
    this.#spools[i] = this.#cli(this.#dirs[i]!, { ...this.#through, by: `${i}@lab` }, 'ingest', '--watch')
  }

  /** Itself, and not by way of what looks for a Node: it is to be killed. */
  #cli(dir: string, config: TeamConfig, ...words: string[]): Child {
    return start(process.execPath, ['--no-warnings', 'dist/cli.js', ...words, '--dir', dir], dir, {
      ...teamEnvironment(config),
      XDG_CACHE_HOME: join(dir, '..', 'cache'),
    })
  }

  said(): string {
    return [...this.#ended, ...this.#spools]
      .map(({ err }) => err())
      .join('---\n')
      .slice(-8000)
  }

  async round(round: number, faults: readonly Fault[]): Promise<string> {
    const end = join(this.#root, `end${round}`)
    const trainings = Array.from({ length: TRAININGS }, (_, i): Training => {
      const dir = this.#dirs[i % 2]!
      const how = i < 2 ? 'is killed' : i < 4 ? 'fails' : 'completes'
      // Each name twice, once on each machine.
      const words = [`net${round}-${Math.floor(i / 2)}`, `${Math.floor(this.chance() * 1e9)}`, end, how]
      return { dir, how, child: engine(dir, TRAINING, ...words) }
    })
    this.#trainings.push(...trainings)
    const over = new AbortController()
    const looking = [this.#look(over.signal), this.#lookAtStates(over.signal)]
    try {
      const killed = trainings.filter(({ how }) => how === 'is killed').map((one) => this.#killTraining(one, between(this.chance, 0, 6000)))
      await Promise.all([...faults.map((fault) => this.#fault(fault)), ...killed])
      writeFileSync(end, '')
      for (const { child, how } of trainings) {
        const { status, err } = await child.ended
        assert.equal(status, how === 'completes' ? 0 : how === 'fails' ? 1 : null, err)
      }
      await this.#arrive()
    } finally {
      writeFileSync(end, '')
      over.abort()
      await Promise.all(looking)
      for (const { child } of trainings) {
        child.process.kill('SIGKILL')
        await child.ended
      }
    }
    await this.#lookOnce()
    assert.deepEqual(this.#wrong, [])
    const mine = this.#truths(trainings)
    assert.equal(mine.length, TRAININGS)
    for (const one of mine) await this.#compare(one)
    await this.#states(true)
    const epochs = mine.flatMap((one) => one.epochs)
    return `${epochs.length} epochs, ${epochs.reduce((sum, { documents }) => sum + documents.length, 0)} documents`
  }

  // ---- faults

  async #killTraining({ child }: Training, ms: number) {
    // Whoever was killed before its first epoch was begun has nothing to tell.
    await until(child.out, (text) => text !== '', 120)
    await sleep(ms)
    child.process.kill('SIGKILL')
  }

  async #fault(fault: Fault) {
    const { chance } = this
    await sleep(between(chance, 0, 3000))
    if (fault.server === undefined) return this.#killSpools()
    const { proxy, running } = this.#servers[fault.server]
    const seconds = between(chance, 3, 8)
    const during = async (way: Parameters<Proxy['set']>[0]) => {
      proxy.set(way)
      await sleep(seconds * 1000)
      proxy.set({ kind: 'open' })
    }
    switch (fault.kind) {
      case 'cut': {
        for (let n = 0; n < 4; n++) {
          const up = chance() < 0.6
          // Anywhere in what is asked or told mostly, or deep in a file.
          await proxy.cut(Math.floor(1 + chance() ** 3 * (up ? 20_000 : 2000)), up ? 'up' : 'down')
          await sleep(between(chance, 0, 1000))
        }
        return
      }
      case 'half-open':
        // For a time, or for good: then whoever waits has to find out.
        if (chance() < 0.5) return during({ kind: 'silent' })
        return proxy.forget()
      case 'drip':
        return during({ kind: 'drip', bytesPerSecond: Math.floor(between(chance, 1000, 20_000)) })
      case 'slow':
        return during({ kind: 'slow', milliseconds: between(chance, 100, 800) })
      case 'down':
        // With many rounds now and then for a minute.
        return proxy.downFor(this.#first % 15 === 10 ? 60 : seconds)
      case 'killed':
        await running.kill()
        await sleep(between(chance, 0, 3000))
        return running.restart()
    }
  }

  async #killSpools() {
    for (let n = 0; n < 3; n++) {
      const i = Math.floor(this.chance() * 2)
      const { process: spool, ended } = this.#spools[i]!
      assert.equal(spool.exitCode, null)
      spool.kill('SIGKILL')
      await ended
      await sleep(between(this.chance, 0, 1000))
      this.#handOn(i)
      await sleep(between(this.chance, 0, 4000))
    }
  }

  // ---- what is so

  #runs(): { readonly dir: string; readonly id: string }[] {
    return this.#dirs.flatMap((dir) => {
      const runs = join(dir, 'runs')
      return existsSync(runs) ? readdirSync(runs).map((id) => ({ dir, id })) : []
    })
  }

  #truth(id: string): Truth | undefined {
    const dir = this.#dirs.find((one) => existsSync(join(one, 'runs', id)))
    return dir === undefined ? undefined : truthOf(join(dir, 'runs', id), id)
  }

  /** Of trainings that have told their session, or of all. */
  #truths(trainings?: readonly Training[]): Truth[] {
    const ids = trainings ? trainings.map(({ child }) => child.out().slice(0, 24)) : this.#runs().map(({ id }) => id)
    return ids.flatMap((id) => this.#truth(id) ?? [])
  }

  // ---- what others see

  #sessions(): Promise<SessionDocument[]> {
    const projection = { name: 1, epochs: 1, finished: 1, alive: 1 }
    return this.#plain.mongo((db) => db.collection<SessionDocument>('TrainingSession').find({}, { projection }).toArray())
  }

  /** Waits for all that was trained, for as long as it goes on arriving. */
  async #arrive() {
    const truths = this.#truths()
    let least = Number.POSITIVE_INFINITY
    for (let since = Date.now(); ;) {
      const { left, what } = await this.#missing(truths).catch((error: unknown) => ({ left: least, what: [String(error)] }))
      if (left === 0) return
      if (left < least) [least, since] = [left, Date.now()]
      if (Date.now() - since > STANDSTILL_MS) throw new Error(`Nothing arrives any more: ${what.join(', ')}`)
      await sleep(200)
    }
  }

  async #missing(truths: readonly Truth[]): Promise<{ readonly left: number; readonly what: readonly string[] }> {
    const there = new Map((await this.#sessions()).map((session) => [session._id.toHexString(), session]))
    let left = 0
    const what = truths.flatMap(({ id, epochs, finished }) => {
      const session = there.get(id)
      const waiting = epochs.length - (session?.epochs.length ?? 0)
      const isTold = finished === null ? session?.alive !== true : session?.finished?.status === finished
      left += waiting + (isTold && session ? 0 : 1)
      return waiting > 0 ? `${waiting} epochs of ${id}` : isTold ? [] : `how ${id} ended`
    })
    return { left, what }
  }

  /** Looks again and again: no epoch may be seen that is not whole. */
  async #look(over: AbortSignal) {
    while (!over.aborted) {
      try {
        await this.#lookOnce()
        this.#looks++
      } catch {
        // A server is away; what it has is looked at later.
      }
      await sleep(200)
    }
  }

  async #lookOnce() {
    const seen = (await this.#sessions()).flatMap(({ _id, epochs }) =>
      epochs.map(String).flatMap((epoch) => (this.#whole.has(epoch) ? [] : { session: _id.toHexString(), epoch })),
    )
    if (seen.length === 0) return
    const ids = seen.map(({ epoch }) => epoch)
    const { found, graphs } = await this.#plain.mongo(async (db) => {
      const epochs = await db
        .collection('Epoch')
        .find({ _id: { $in: ids.map((id) => new ObjectId(id)) } })
        .toArray()
      const named = epochs.flatMap((epoch) => (epoch['modelGraphId'] as ObjectId | null) ?? [])
      const all = await db
        .collection('ModelGraph')
        .find({ _id: { $in: named } }, { projection: { _id: 1 } })
        .toArray()
      return { found: new Map(epochs.map((epoch) => [String(epoch._id), epoch])), graphs: new Set(all.map(({ _id }) => String(_id))) }
    })
    const counts = await this.#plain.counts(ids)
    for (const { session, epoch } of seen) {
      const truth = this.#truth(session)?.epochs.find(({ id }) => id === epoch)
      const wrong = (what: string) => void this.#wrong.push(`${session} shows the epoch ${epoch}: ${what}`)
      const document = found.get(epoch)
      if (!truth) wrong('it was never committed')
      else if (!document) wrong('it has no document')
      else {
        if (counts.get(epoch) !== truth.documents.length) wrong(`${counts.get(epoch)} of ${truth.documents.length} documents`)
        if (!graphs.has(String(document['modelGraphId']))) wrong('its graph is not there')
        const bytes = await this.#plain.weightsBytes(truth.sha256)
        if (bytes !== truth.bytes) wrong(`its weights have ${bytes} of ${truth.bytes} bytes`)
      }
      this.#whole.add(epoch)
    }
  }

  async #lookAtStates(over: AbortSignal) {
    while (!over.aborted) {
      try {
        await this.#states(false)
      } catch (error) {
        this.#wrong.push((error as Error).message)
      }
      await sleep(1500)
    }
  }

  /** What the command line of somebody else shows: nothing that is not so, and in the end all that is. */
  async #states(isOver: boolean) {
    const child = this.#cli(join(this.#root, 'reader', '.epochtree'), { ...this.#direct, by: 'reader@home' }, 'sessions', '--json')
    const timer = setTimeout(() => child.process.kill('SIGKILL'), 120_000)
    const { status, err } = await child.ended
    clearTimeout(timer)
    assert.equal(status, 0, `\`epochtree sessions\` ended with ${status}: ${err}`)
    const shown = JSON.parse(child.out()) as SessionJson[]
    const alive = new Set(this.#trainings.flatMap(({ child: one }) => (isAlive(one) ? one.out().slice(0, 24) : [])))
    for (const session of shown) {
      const truth = this.#truth(session.id)
      assert.ok(truth, `${session.name} is shown, and nobody trained it`)
      const what = `${session.name} is shown as ${session.status} with ${session.own} epochs; it has ${truth.epochs.length} and ${truth.finished ?? 'goes on'}`
      assert.ok(session.own <= truth.epochs.length && (session.latest?.number ?? 0) === session.own, what)
      if (session.status === 'completed' || session.status === 'failed') assert.equal(session.status, truth.finished, what)
      else if (session.status === 'interrupted') assert.ok(truth.finished === null && !alive.has(session.id), what)
      else assert.ok(session.status === 'running' || session.status === 'created', what)
    }
    if (!isOver) return
    const truths = this.#truths()
    assert.deepEqual(
      shown.map(({ id, status: state, own, latest }) => `${id} ${state} ${own} ${latest?.id}`).sort(),
      truths.map(({ id, epochs, finished }) => `${id} ${finished ?? 'interrupted'} ${epochs.length} ${epochs.at(-1)?.id}`).sort(),
    )
    assert.equal(new Set(shown.map(({ name }) => name)).size, shown.length)
  }

  /** All of a session is there, once. */
  async #compare({ id, epochs }: Truth) {
    const _id = new ObjectId(id)
    const { session, documents, graphs } = await this.#plain.mongo(async (db) => {
      const stored = await db.collection('Epoch').find({ sessionId: _id }).sort({ number: 1 }).toArray()
      const named = stored.map((epoch) => epoch['modelGraphId'] as ObjectId)
      return {
        session: await db.collection<SessionDocument>('TrainingSession').findOne({ _id }),
        documents: stored,
        graphs: await db
          .collection('ModelGraph')
          .find({ _id: { $in: named } })
          .toArray(),
      }
    })
    const ids = epochs.map((epoch) => epoch.id)
    assert.deepEqual(session!.epochs.map(String), ids)
    assert.deepEqual(
      documents.map((one) => [String(one._id), one['number'], (one['weights'] as { sha256: string }).sha256, one['documents']]),
      epochs.map((epoch) => [epoch.id, epoch.number, epoch.sha256, epoch.documents.length]),
    )
    const nodes = new Map(graphs.map((graph) => [String(graph._id), (graph['modelGraph'] as { nodes: unknown }).nodes]))
    const stored = await this.#plain.documents(id)
    assert.deepEqual([...stored.keys()].sort(), ids.toSorted())
    for (const [i, epoch] of epochs.entries()) {
      assert.deepEqual(nodes.get(String(documents[i]!['modelGraphId'])), epoch.nodes)
      assert.deepEqual(stored.get(epoch.id)!.sort(), epoch.documents.toSorted())
      const bytes = await this.#plain.weights(epoch.sha256)
      assert.equal(createHash('sha256').update(bytes).digest('hex'), epoch.sha256)
    }
  }

  /** Nothing is there besides, and who hands on ends when it is told to. */
  async end() {
    const all = this.#truths().flatMap(({ epochs }) => epochs)
    const count = all.reduce((sum, { documents }) => sum + documents.length, 0)
    assert.equal(await this.#plain.elastic(async (client, index) => (await client.count({ index })).count), count)
    assert.equal(await this.#plain.mongo((db) => db.collection('Epoch').countDocuments()), all.length)
    assert.deepEqual((await this.#plain.objects()).sort(), [...new Set(all.map(({ sha256 }) => objectOf(sha256)))].sort())
    assert.ok(this.#looks > 0)
    assert.equal(this.#whole.size, all.length)
    for (const { process: spool, ended } of this.#spools) {
      spool.kill('SIGTERM')
      const { status, err } = await ended
      assert.equal(status, 0, err)
    }
  }

  async close() {
    for (const { process: child, ended } of [...this.#trainings.map((one) => one.child), ...this.#spools]) {
      child.kill('SIGKILL')
      await ended
    }
    for (const { proxy } of Object.values(this.#servers)) {
      proxy.set({ kind: 'open' })
      await proxy.up()
    }
    // What a killed command had started itself notices that a moment later, and may still write.
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 })
  }
}

const isAlive = ({ process: { exitCode, signalCode } }: Child) => exitCode === null && signalCode === null

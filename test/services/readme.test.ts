import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startElastic } from '../../scripts/services/elastic'
import { makeBucket, startGcs } from '../../scripts/services/gcs'
import { startMongo } from '../../scripts/services/mongo'
import type { Running } from '../../scripts/services/running'
import { root } from '../../scripts/vscode/root'
import type { CompareJson, DoctorJson, SessionJson } from '../../server/protocol/model'

/** A block of code in the README, under its heading. */
interface Block {
  readonly heading: string
  readonly language: string
  readonly text: string
}

function blocksOf(section: string): Block[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, text] = new RegExp(`\n## ${section}\n(.*?)\n## `, 's').exec(readme)!
  const blocks: Block[] = []
  let heading = ''
  for (const [, title, language, code] of text!.matchAll(/^### (.+)$|^```(\w+)\n([\s\S]*?)^```$/gm))
    if (title !== undefined) heading = title
    else blocks.push({ heading, language: language!, text: code! })
  return blocks
}

const ELASTIC_PASSWORD = 'quite secret'

/** Asks again until it is so. */
async function until<Answer>(what: string, ask: () => Answer | undefined | false, within = 60_000): Promise<Answer> {
  for (const end = Date.now() + within; ; await pause(200)) {
    const answer = ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > end) throw new Error(`Waited ${within / 1000} s for ${what}.`)
  }
}

describe('the README, "For a team", word by word', function () {
  this.timeout(600_000)
  let place: string
  let servers: { readonly mongo: Running; readonly elastic: Running; readonly gcs: Running }
  const background: ChildProcess[] = []

  before(async () => {
    place = mkdtempSync(join(tmpdir(), 'epochtree-readme-'))
    const users = [
      { name: 'boss', password: ELASTIC_PASSWORD, role: 'superuser' },
      { name: 'reader', password: ELASTIC_PASSWORD, role: 'reader' },
    ] as const
    const [mongo, elastic, gcs] = await Promise.all([startMongo(), startElastic({ users }), startGcs()])
    servers = { mongo, elastic, gcs }
    await makeBucket(gcs.url, 'example-bucket')
  })
  after(async () => {
    for (const child of background) if (child.exitCode === null) child.kill('SIGINT')
    await Promise.all(Object.values(servers ?? {}).map((server: Running) => server.stop()))
    rmSync(place, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  })

  /** Somebody with a machine of their own: a home, the command line and the package on their paths. */
  class Person {
    readonly name: string
    readonly home: string
    project: string
    /** What was exported so far. */
    readonly #exported: string[] = []

    constructor(name: string) {
      this.name = name
      this.home = join(place, name)
      this.project = join(this.home, 'project')
      const bin = join(this.home, 'bin')
      mkdirSync(bin, { recursive: true })
      const commands = {
        epochtree: `exec "${process.execPath}" --disable-warning=ExperimentalWarning "${join(root, 'bin', 'epochtree.mjs')}" "$@"`,
        // Google is not part of this: the bucket is elsewhere, and asks for no login.
        gcloud: `echo "$@" >> "${join(this.home, 'gcloud.txt')}"`,
      }
      for (const [command, line] of Object.entries(commands)) {
        writeFileSync(join(bin, command), `#!/bin/sh\n${line}\n`)
        chmodSync(join(bin, command), 0o755)
      }
    }

    get env(): NodeJS.ProcessEnv {
      const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(EPOCHTREE_|GIT_|XDG_|SLURM_)/.test(name)))
      return {
        ...clean,
        HOME: this.home,
        PATH: `${join(this.home, 'bin')}${delimiter}${process.env['PATH']}`,
        PYTHONPATH: join(root, 'python'),
        PYTHONDONTWRITEBYTECODE: '1',
        EPOCHTREE_BY: `${this.name}@lab`,
        GIT_AUTHOR_NAME: this.name,
        GIT_AUTHOR_EMAIL: `${this.name}@lab`,
        GIT_COMMITTER_NAME: this.name,
        GIT_COMMITTER_EMAIL: `${this.name}@lab`,
      }
    }

    /** As it stands in the README, but for the addresses and passwords, which are everybody's own. */
    #script(text: string): string {
      for (const [line] of text.matchAll(/^export .*$/gm)) this.#exported.push(here(line))
      return [...this.#exported, here(text)].join('\n')
    }

    run(text: string, cwd = this.project): string {
      const done = spawnSync('sh', ['-euc', this.#script(text)], { cwd, env: this.env, encoding: 'utf8', timeout: 240_000 })
      assert.equal(done.status, 0, `${text}\n${done.stdout}\n${done.stderr}`)
      return done.stdout
    }

    /** For as long as the test lasts. */
    start(text: string): ChildProcess {
      const child = spawn(
        'sh',
        [
          '-euc',
          this.#script(text)
            .replace(/\n*$/, '')
            .replace(/([^\n]*)$/, 'exec $1'),
        ],
        {
          cwd: this.project,
          env: this.env,
          stdio: 'ignore',
        },
      )
      background.push(child)
      return child
    }

    json<Answer>(words: string): Answer {
      return JSON.parse(this.run(`epochtree ${words} --json`)) as Answer
    }

    /** What `doctor` says, and its status. */
    doctor(): { readonly status: number | null; readonly answer: DoctorJson; readonly text: string } {
      const ask = (words: string) =>
        spawnSync('sh', ['-euc', this.#script(`epochtree doctor ${words}`)], { cwd: this.project, env: this.env, encoding: 'utf8' })
      const { status, stdout } = ask('--json')
      return { status, answer: JSON.parse(stdout) as DoctorJson, text: ask('').stdout }
    }
  }

  const here = (text: string) =>
    text
      .replaceAll(/mongodb:\/\/\w+:[\w-]+@mongo\.example\.com:27017\//g, servers.mongo.url)
      .replaceAll('mongodb://mongo.example.com:27017/', servers.mongo.url)
      .replaceAll('https://elastic.example.com:9200', servers.elastic.url)
      .replaceAll(/EPOCHTREE_ELASTIC_API_KEY=\S+/g, `EPOCHTREE_ELASTIC_USERNAME=boss EPOCHTREE_ELASTIC_PASSWORD='${ELASTIC_PASSWORD}'`)
      .replaceAll('"bucket": "example-bucket"', `"bucket": "example-bucket", "endpoint": "${servers.gcs.url}"`)
      .replaceAll('git clone ada/project', `git clone ${join(place, 'ada', 'project')}`)

  const SESSION = (name: string) => (one: SessionJson) => one.name === name

  it('leads from three empty servers to two people who work together', async () => {
    const blocks = blocksOf('For a team')
    const take = (heading: string, language = 'sh'): string => {
      const at = blocks.findIndex((block) => block.heading === heading && block.language === language)
      assert.ok(at >= 0, `There is no ${language} block left under "${heading}".`)
      const [block] = blocks.splice(at, 1)
      return block!.text
    }
    const ada = new Person('ada')
    const bob = new Person('bob')

    // Ada has a project, and writes down where the servers are.
    mkdirSync(ada.project)
    copyFileSync(join(root, 'examples', 'quickstart', 'train.py'), join(ada.project, 'train.py'))
    ada.run('git init -q\ngit add train.py\ngit commit -qm "The script"')
    mkdirSync(join(ada.project, '.epochtree'))
    writeFileSync(join(ada.project, '.epochtree', 'config.json'), here(take('Where they are', 'json')))
    ada.run(take('Where they are'))
    assert.match(ada.run(take('Where they are')), /MongoDB +reached[\s\S]*Elasticsearch +reached[\s\S]*Google Cloud Storage +reached/)
    assert.equal(readFileSync(join(ada.home, 'gcloud.txt'), 'utf8'), 'auth application-default login\n')

    // One of her machines hands on what is trained on it.
    const watching = ada.start(take('Ada trains'))
    ada.run(take('Ada trains'))
    await until('all to be uploaded', () => {
      const { answer } = ada.doctor()
      return answer.team!.waiting === 0 && answer.sessions === 1
    })
    watching.kill('SIGINT')
    await new Promise((done) => watching.once('exit', done))
    assert.match(ada.run(take('Ada trains')), /Others have everything/)

    // Bob comes along, sees her session, forks it, trains on, and brings his.
    const [clone, ...rest] = take('Bob trains on').split(/(?<=cd project\n)/)
    bob.run(clone!, bob.home)
    assert.ok(existsSync(join(bob.project, '.epochtree', 'config.json')))
    const told = bob.run(rest.join(''))
    assert.match(told, /clouds/)
    const his = bob.json<SessionJson[]>('sessions').find(SESSION('clouds-2'))
    assert.deepEqual([his!.status, his!.epochs, his!.own], ['completed', 10, 5])

    // Ada sees it, as he left it.
    const seen = ada.json<SessionJson[]>('sessions')
    assert.deepEqual(seen.map(({ name }) => name).toSorted(), ['clouds', 'clouds-2'])
    const [a, b] = [ada, bob].map((one) => one.json<CompareJson>('compare clouds clouds-2'))
    assert.deepEqual(a!.metrics, b!.metrics)
    assert.equal(a!.sharedEpochs, 5)

    // He takes her session along, and works with it without a server.
    bob.run(take('On a plane'))
    for (const server of Object.values(servers)) await server.kill()
    assert.match(bob.run('epochtree log clouds'), /10/)
    bob.run('epochtree fork clouds@7 --name plane --run --yes')
    for (const server of Object.values(servers)) await server.restart()
    bob.run('epochtree push')
    assert.ok(ada.json<SessionJson[]>('sessions').some(SESSION('plane')))

    assert.deepEqual(blocks, [], 'Everything that stands there was done.')
  })

  it('tells the truth of each server that is away: which, since when, and what still works', async () => {
    const ada = new Person('ada')
    ada.run(blocksOf('For a team').find(({ text }) => text.startsWith('export'))!.text)
    const fine = ada.doctor()
    assert.deepEqual([fine.status, fine.answer.team!.servers.map(({ state }) => state)], [0, ['ok', 'ok', 'ok']])
    for (const [name, server, waits] of [
      ['MongoDB', servers.mongo, /Sessions of others are shown as they were last seen here; those .* can not be opened/],
      ['Elasticsearch', servers.elastic, /Metrics and samples of others .* not be forked/],
      ['Google Cloud Storage', servers.gcs, /Weights of others/],
    ] as const) {
      const before = Date.now() / 1000
      await server.kill()
      const first = ada.doctor()
      assert.equal(first.status, 1)
      assert.match(first.text, new RegExp(`${name} +away +since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d`))
      assert.match(first.text, waits)
      const states = Object.fromEntries(first.answer.team!.servers.map((one) => [one.name, one.state]))
      assert.deepEqual(states, { MongoDB: 'ok', Elasticsearch: 'ok', 'Google Cloud Storage': 'ok', [name]: 'away' })
      // Since when it is away is told the same the next time.
      const since = (answer: DoctorJson) => answer.team!.servers.find((one) => one.name === name)!.since
      assert.ok(since(first.answer) >= before - 1)
      assert.equal(since(ada.doctor().answer), since(first.answer))
      // Of others' sessions it says what can't be done, and so it is.
      if (name !== 'Google Cloud Storage') assert.throws(() => ada.run('epochtree fork plane --name never'), /server-away/)
      // What is here works: a training, and whatever looks at it.
      ada.run('python3 train.py')
      assert.equal(ada.json<SessionJson[]>('sessions').filter(({ own }) => own === 10).length > 1, true)
      await server.restart()
      assert.equal(ada.doctor().status, 0)
    }
    for (const { text, answer } of [ada.doctor(), fine]) assert.doesNotMatch(text + JSON.stringify(answer), new RegExp(ELASTIC_PASSWORD))
  })

  it('tells who may only read what is missing, and what still works, and so it is', () => {
    const ada = new Person('ada')
    ada.run(blocksOf('For a team').find(({ text }) => text.startsWith('export'))!.text)
    ada.run(`export EPOCHTREE_ELASTIC_USERNAME=reader EPOCHTREE_ELASTIC_PASSWORD='${ELASTIC_PASSWORD}'\ntrue`)
    const { status, answer, text } = ada.doctor()
    assert.equal(status, 1)
    assert.deepEqual(
      answer.team!.servers.map(({ state }) => state),
      ['ok', 'reads', 'ok'],
    )
    assert.match(text, /Elasticsearch +may only be read[\s\S]*missing: write, create_index, maintenance/)
    assert.match(text, /can be seen, compared, forked and pulled/)
    assert.doesNotMatch(text, /can not be read until then/)
    ada.run('epochtree fork plane --name looked')
    ada.run('epochtree compare plane clouds')
    ada.run('python3 train.py')
    assert.throws(() => ada.run('epochtree push'), /may only read there \(missing: write, create_index, maintenance\)/)
  })
})

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BestJson, CollectedJson, CompareJson, LogJson, QueryJson, SessionJson, StartedJson } from '../../server/protocol/model'
import { environment, python, sleep, start } from '../fault/support'

const launcher = join(process.cwd(), 'bin', 'epochtree.mjs')

describe('the commands, on a script that really trains', () => {
  let root: string
  let dir: string
  const at = (...args: string[]) =>
    spawnSync(process.execPath, [launcher, ...args], { encoding: 'utf8', cwd: root, env: environment(dir), timeout: 60_000 })
  const ok = (...args: string[]) => {
    const done = at(...args)
    assert.equal(done.status, 0, `${args.join(' ')}: ${done.stderr}`)
    return done.stdout
  }
  const json = <Answer>(...args: string[]) => JSON.parse(ok(...args, '--json')) as Answer
  const refused = (status: number, ...args: string[]) => {
    const done = at(...args)
    assert.equal(done.status, status, `${args.join(' ')}: ${done.stdout}`)
    return done.stderr
  }

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-commands-'))
    dir = join(root, '.epochtree')
    cpSync('examples/quickstart/train.py', join(root, 'train.py'))
    const done = spawnSync(python, ['train.py'], { cwd: root, env: environment(dir), encoding: 'utf8' })
    assert.equal(done.status, 0, done.stderr)
  })
  after(() => rmSync(root, { recursive: true, force: true }))

  it('fork runs what was recorded by the script itself, with the edits', () => {
    const { session, forkedFrom, exitCode, launch } = json<StartedJson>('fork', 'clouds@5', '--set', 'lr=0.5', '--run')
    assert.equal(exitCode, 0)
    assert.equal(session.name, 'clouds-2')
    assert.equal(forkedFrom?.epochNumber, 5)
    assert.ok(launch?.argv.includes('train.py'))
    const { epochs } = json<LogJson>('log', 'clouds-2')
    assert.deepEqual(
      epochs.map(({ number, inherited }) => [number, inherited]),
      Array.from({ length: 10 }, (_, i) => [i + 1, i < 5]),
    )
    const compared = json<CompareJson>('compare', 'clouds', 'clouds-2')
    assert.equal(compared.sharedEpochs, 5)
    assert.deepEqual(compared.hyperparameters, [{ path: 'lr', values: [0.05, 0.5] }])
    const [a, b] = compared.metrics['val/loss']!.curves
    assert.deepEqual(a!.values.slice(0, 5), b!.values.slice(0, 5))
    assert.notDeepEqual(a!.values.slice(5), b!.values.slice(5))
  })

  it('train stores the session first, passes the output on and returns the exit status', () => {
    assert.match(ok('train', '--name', 'quick', '--set', 'epochs=2', '--', python, 'train.py'), /epoch {2}2 /)
    const quick = json<SessionJson[]>('sessions').find(({ name }) => name === 'quick')
    assert.deepEqual([quick?.status, quick?.epochs, quick?.modelName], ['completed', 2, 'clouds'])
    assert.equal(at('train', '--name', 'bad', '--', python, '-c', 'import sys; print("out"); sys.exit(7)').status, 7)
    assert.equal(at('train', '--json', '--name', 'worse', '--', python, '-c', 'print("out")').stdout.startsWith('{'), true)
  })

  it('resume goes on where it stopped, stop ends a training cleanly', async () => {
    writeFileSync(
      join(root, 'slow.py'),
      'import time, epochtree\nwith epochtree.session("slow") as s:\n  for e in s.epochs(1000):\n    e.log({"x": e.number}); e.commit(weights=b"w"); print(e.number, flush=True); time.sleep(0.05)\n',
    )
    const training = start(python, [join(root, 'slow.py')], dir)
    for (let i = 0; i < 300 && !training.out().includes('3\n'); i++) await sleep(20)
    assert.match(refused(1, 'resume', 'slow'), /^epochtree: session-running: /)
    const stopped = json<SessionJson>('stop', 'slow')
    assert.equal(stopped.status, 'stopped')
    await training.ended
    const before = json<LogJson>('log', 'slow').epochs.length
    const again = start(process.execPath, [launcher, 'resume', 'slow', '--run', '--json', '--dir', dir], dir)
    for (let i = 0; i < 300; i++) {
      await sleep(20)
      if ((json<SessionJson[]>('sessions').find(({ name }) => name === 'slow')?.epochs ?? 0) > before) break
    }
    ok('stop', 'slow')
    await again.ended
    const { epochs } = json<LogJson>('log', 'slow')
    assert.ok(epochs.length > before)
    assert.deepEqual(
      epochs.map(({ number }) => number),
      epochs.map((_, i) => i + 1),
    )
  })

  it('hands a signal on to the training, and tells how it ended', async function () {
    if (process.platform === 'win32') this.skip()
    writeFileSync(
      join(root, 'endless.py'),
      'import time, epochtree\nwith epochtree.session("endless") as s:\n  for e in s.epochs(100000):\n    e.commit(weights=b"w"); print("epoch", e.number, flush=True); time.sleep(0.02)\n',
    )
    for (const [signal, status, state] of [
      ['SIGINT', 130, 'stopped'],
      ['SIGTERM', 143, 'interrupted'],
    ] as const) {
      // In a session of its own there is no terminal that would send it to the training as well.
      const child = spawn(process.execPath, [launcher, 'train', '--name', `endless-${signal}`, '--', python, 'endless.py'], {
        cwd: root,
        env: environment(dir),
        stdio: ['ignore', 'pipe', 'ignore'],
        detached: true,
      })
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
      try {
        let out = ''
        await new Promise<void>((resolve, reject) => {
          child.stdout.on('data', (data: Buffer) => (out += data.toString()).includes('epoch 3\n') && resolve())
          void ended.then(() => reject(new Error(out)))
        })
        child.kill(signal)
        assert.equal(await ended, status)
      } finally {
        // Also where the test failed nothing goes on for ever.
        if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL')
      }
      assert.equal(json<SessionJson[]>('sessions').find(({ name }) => name === `endless-${signal}`)?.status, state)
    }
  })

  it('ingest --watch --json prints one session a line, and nothing else', async function () {
    if (process.platform === 'win32') this.skip()
    const watching = start(process.execPath, [launcher, 'ingest', '--watch', '--json', '--dir', dir], dir)
    for (let i = 0; i < 500 && !watching.out().includes('"name":"clouds"'); i++) await sleep(20)
    ok('tag', 'clouds', 'seen')
    for (let i = 0; i < 500 && !watching.out().includes('"seen"'); i++) await sleep(20)
    watching.process.kill('SIGINT')
    assert.deepEqual(await watching.ended, { status: 0, err: '' })
    const lines = watching.out().trimEnd().split('\n')
    for (const line of lines) assert.equal((JSON.parse(line) as SessionJson).id.length, 24)
    assert.ok(lines.length >= 2)
  })

  it('a dry run makes nothing and tells the name that would be free', () => {
    const there = () => readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((file) => !file.startsWith('store.sqlite'))
    json('fork', 'clouds@5', '--name', 'tried')
    const before = there()
    const { session, runDir, forkedFrom } = json<StartedJson>(
      'fork',
      'clouds@5',
      '--name',
      'tried',
      '--set',
      'a.b=[1]',
      '--epochs',
      '7',
      '--dry-run',
    )
    assert.deepEqual(session, {
      id: null,
      name: 'tried-2',
      modelName: 'clouds',
      overrides: { hyperparameters: { a: { b: [1] } }, epochs: 7 },
    })
    assert.deepEqual([runDir, forkedFrom?.epochNumber], [null, 5])
    assert.deepEqual(there(), before)
  })

  it('a command that somebody else recorded is shown, and runs with --yes only', () => {
    const { runDir } = json<StartedJson>('fork', 'clouds@3', '--name', 'foreign')
    const file = join(runDir!, 'session.json')
    const session = JSON.parse(readFileSync(file, 'utf8')) as { command: { argv: string[] } }
    session.command.argv = [python, '-c', 'open("pwned", "w")', '--api-key', 'sk-abcdefghijk', '\x1b[2K\rharmless']
    writeFileSync(`${file}.new`, JSON.stringify(session))
    renameSync(`${file}.new`, file)
    const said = refused(1, 'resume', 'foreign', '--run')
    assert.match(said, /^epochtree: command-not-recorded-here: .*--yes/)
    assert.ok(!said.includes('sk-abc'))
    // What would hide the command on a terminal is spelled out.
    assert.ok(said.includes('\\x1b[2K\\rharmless'))
    assert.doesNotMatch(said.trimEnd(), /\p{Cc}/u)
    assert.ok(!existsSync(join(root, 'pwned')))
    ok('resume', 'foreign', '--run', '--yes')
    assert.ok(existsSync(join(root, 'pwned')))
  })

  it('marks are kept: select, float, rename, tag, delete, restore', () => {
    assert.equal(json<SessionJson>('select', 'clouds@4').selected?.number, 4)
    assert.equal(json<LogJson>('log', 'clouds@selected').epochs.length, 4)
    assert.equal(json<SessionJson>('float', 'clouds').selected, null)
    assert.equal(json<SessionJson>('rename', 'quick', 'quicker').name, 'quicker')
    assert.match(refused(1, 'rename', 'quicker', 'clouds'), /^epochtree: /)
    assert.deepEqual(json<SessionJson>('tag', 'quicker', 'a', 'b').tags, ['a', 'b'])
    assert.deepEqual(json<SessionJson>('tag', 'quicker', 'a', '--remove').tags, ['b'])
    json('delete', 'quicker')
    assert.ok(!json<SessionJson[]>('sessions').some(({ name }) => name === 'quicker'))
    assert.ok(json<SessionJson[]>('sessions', '--deleted').some(({ name, deleted }) => name === 'quicker' && deleted))
    json('restore', 'quicker')
    assert.ok(json<SessionJson[]>('sessions').some(({ name }) => name === 'quicker'))
  })

  it('answers are the same for the spellings of a reference', () => {
    const { epochs, session } = json<LogJson>('log', 'clouds')
    const fifth = epochs[4]!
    for (const text of ['clouds@5', `clouds@${fifth.id}`, fifth.id, 'clouds@latest~5', `${session.id}@5`, `${session.id.slice(-6)}@5`])
      assert.equal(json<{ id: string }>('show', text).id, fifth.id, text)
    assert.equal(
      json<{ number: number }>('show', 'clouds@min(val/loss)').number,
      json<BestJson>('best', 'clouds', '--min', 'val/loss').best.number,
    )
    for (const alone of [fifth.id, fifth.id.toUpperCase()]) {
      assert.deepEqual(json<LogJson>('log', alone), json<LogJson>('log', 'clouds@5'))
      assert.equal(json<BestJson>('best', alone, '--min', 'val/loss').best.number, 5)
    }
    assert.match(refused(1, 'query', 'clouds', '--split', 'vla'), /^epochtree: unknown-metric: .*val/)
    assert.match(refused(1, 'tag', 'clouds', ''), /^epochtree: bad-argument: /)
    assert.match(refused(1, 'show', 'clouds@5~5'), /^epochtree: unknown-epoch: .*nearest: clouds@1\./)
    assert.match(refused(1, 'show', 'cluods'), /^epochtree: unknown-session: .*clouds/)
    assert.match(refused(1, 'show', 'clouds@99'), /^epochtree: unknown-epoch: /)
    assert.match(refused(1, 'show', 'clouds@9007199254740993'), /^epochtree: /)
    assert.match(refused(1, 'show', 'clouds@min(val/lss)'), /^epochtree: unknown-metric: .*val\/loss/)
  })

  it('query, checkout, gc, ingest, doctor and completion tell what they promise', () => {
    const { metrics } = json<QueryJson>('query', 'clouds', '--metric', 'val/loss', '--points', '4')
    assert.equal(metrics?.['val/loss']?.values.length, 10)
    assert.equal(metrics?.['val/loss']?.points?.count, 10)
    const about = (...words: string[]) => json<QueryJson>('query', ...words).epoch.number
    ok('select', 'clouds@5')
    assert.deepEqual([about('clouds'), about('clouds@selected'), about('clouds@7')], [10, 5, 7])
    ok('float', 'clouds')
    ok('checkout', 'clouds@5', '--to', 'model')
    assert.equal((JSON.parse(readFileSync(join(root, 'model', 'weights.json'), 'utf8')) as number[]).length, 3)
    assert.equal(json<CollectedJson>('gc', '--dry-run').dryRun, true)
    assert.deepEqual(json<{ problems: unknown[] }>('ingest').problems, [])
    assert.equal(json<{ store: { state: string } }>('doctor').store.state, 'ok')
    for (const shell of ['bash', 'zsh', 'fish']) assert.match(ok('completion', shell), /epochtree/)
    assert.ok(ok('completion', '--names').split('\n').includes('clouds'))
  })

  it('compare --html writes one whole file, and nothing else is lost for it', () => {
    const file = join(root, 'comparison.html')
    const written = json<{ file: string; bytes: number }>('compare', 'clouds@3', 'clouds', '--html', 'comparison.html')
    assert.deepEqual(written, { file, bytes: statSync(file).size })
    const html = readFileSync(file, 'utf8')
    assert.match(html, /^<!DOCTYPE html>/)
    assert.doesNotMatch(html, /\b(?:src|href)="|https?:\/\/(?!www\.w3\.org)[^"' ]*\.(?:js|css)/)
    // Its own page is written anew; what else is there stays.
    assert.match(ok('compare', 'clouds@2', 'clouds', '--html', 'comparison.html'), /^Wrote .*comparison\.html, \d/)
    mkdirSync(join(root, 'folder.html'))
    writeFileSync(join(root, 'mine.html'), '<p>Mine</p>')
    const compare = ['compare', 'clouds@3', 'clouds', '--html']
    for (const [to, said] of [
      ['folder.html', /bad-argument: .* is a folder\. Name a file in it/],
      ['mine.html', /bad-argument: .* is there already, and is no comparison/],
      ['train.py', /bad-argument: .* must end in \.html/],
      [join('gone', 'a.html'), /not-found: The folder .* is not there/],
    ] as const)
      assert.match(refused(1, ...compare, to), said)
    assert.match(refused(2, ...compare, 'a.html', '--points', '5'), /usage: .*--html <file>/)
    assert.match(refused(1, 'compare', 'clouds', '--html', 'a.html'), /two models at least/)
    assert.equal(readFileSync(join(root, 'mine.html'), 'utf8'), '<p>Mine</p>')
    if (process.platform !== 'win32') {
      symlinkSync('comparison.html', join(root, 'link.html'))
      ok(...compare, 'link.html')
      assert.ok(lstatSync(join(root, 'link.html')).isSymbolicLink())
    }
    assert.deepEqual(
      readdirSync(root).filter((name) => name.includes('.tmp')),
      [],
    )
  })

  it('usage errors end with 2, every command has an example', () => {
    for (const words of [
      ['nothing'],
      ['show'],
      ['sesions'],
      ['best', 'clouds'],
      ['log', 'clouds', '--wrong'],
      ['compare', 'clouds', '--points', 'x'],
      ['fork', 'clouds', '--set', 'lr'],
      ['gc', '--keep', 'all'],
      ['completion', 'tcsh'],
      ['train', '--'],
    ])
      assert.match(refused(2, ...words), /^epochtree: usage: [^\n]+ See `epochtree [a-z ]*--help`\.\n$/, words.join(' '))
    const commands = [...ok('--help').matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name]) => name!)
    assert.ok(commands.length >= 22, commands.join(' '))
    for (const name of commands) assert.match(ok(name, '--help'), /Example:\n {2}.*epochtree /, name)
  })

  it('a reader that has seen enough is no failure', () => {
    const done = spawnSync('sh', ['-c', `"$0" "$1" log clouds | head -1`, process.execPath, launcher], {
      cwd: root,
      env: environment(dir),
      encoding: 'utf8',
    })
    assert.equal(done.stderr, '')
  })
})

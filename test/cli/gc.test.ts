import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CollectedJson, DoctorJson, LogJson, SessionJson, ShowJson, StartedJson } from '../../server/protocol/model'
import { cli, environment, python } from '../fault/support'

const SCRIPT = `
import sys, epochtree
with epochtree.session("net") as session:
    for epoch in session.epochs(10):
        epoch.log({"loss": (epoch.number - 4) ** 2, "odd": epoch.number}, split="val")
        epoch.commit(graph={"id": "g", "nodes": {}}, weights=b"%s %d" % (session.id.encode(), epoch.number) * 1000, state=b"state %d" % epoch.number)
`

describe('gc', () => {
  let root: string
  let dir: string
  const json = <Answer>(...words: string[]) => cli(dir, ...words, '--json').json() as Answer
  const files = () =>
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !path.includes('store.sqlite'))
  const grownOld = () => {
    const time = Date.now() / 1000 - 2 * 3600
    for (const path of files()) utimesSync(path, time, time)
  }
  /** Bytes on the disk, a file with several names once. */
  const onDisk = () => {
    const inodes = new Map(
      files()
        .map((path) => [lstatSync(path), lstatSync(path).ino] as const)
        .map(([stat, ino]) => [ino, stat]),
    )
    return [...inodes.values()].reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
  }
  /** A dry run tells what the run after it does; returns what it did. */
  const collected = (...words: string[]) => {
    const told = json<CollectedJson>('gc', '--dry-run', ...words)
    const before = onDisk()
    const done = json<CollectedJson>('gc', ...words)
    assert.deepEqual(done, { ...told, dryRun: false })
    // What people decided is written down, and documents lie in the store.
    assert.ok(Math.abs(before - onDisk() - done.bytes) < 4000, `${before - onDisk()} bytes were freed, ${done.bytes} told`)
    return done
  }
  const letGo = (name: string) => json<LogJson>('log', name).epochs.flatMap(({ number, weights }) => (weights?.released ? number : []))

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-gc-'))
    dir = join(root, '.epochtree')
    writeFileSync(join(root, 'train.py'), SCRIPT)
    const done = spawnSync(python, ['train.py'], { cwd: root, env: environment(dir), encoding: 'utf8' })
    assert.equal(done.status, 0, done.stderr)
    json('ingest')
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it('keeps what was named, the best epoch that a fork inherited among it', () => {
    // The fork's own epochs 9 and 10 are worse than the epoch 4 that it took over.
    json('fork', 'net@8', '--name', 'child', '--run')
    grownOld()
    const { bytes } = collected('--keep', 'best:val/loss,forks,every:5')
    assert.ok(bytes > 100_000)
    assert.deepEqual(letGo('net'), [1, 2, 3, 6, 7, 9])
    assert.deepEqual(letGo('child'), [1, 2, 3, 6, 7, 9])
    json('fork', 'child@4')
    assert.match(cli(dir, 'fork', 'net@7').stderr, /^epochtree: weights-released: .*net@5/)
  })

  it('counts a file with several names once, with the last of them', () => {
    json('fork', 'net@10', '--name', 'draft')
    json('delete', 'draft')
    json('delete', 'net')
    grownOld()
    assert.ok(collected().bytes > 250_000)
    assert.deepEqual(json<SessionJson[]>('sessions', '--deleted'), [])
  })

  it('leaves a deleted parent what its forks need, and lists no more than that', () => {
    json('fork', 'net@3', '--name', 'child')
    json('delete', 'net')
    grownOld()
    collected()
    assert.equal(json<LogJson>('log', 'child').epochs.length, 3)
    const { session, epochs } = json<LogJson>('log', 'net')
    assert.deepEqual([session.epochs, session.own, session.latest?.number, epochs.length], [3, 3, 3, 3])
    json('doctor', '--rebuild')
    assert.deepEqual(json<LogJson>('log', 'net'), { session, epochs })
  })

  it('keeps what a parent trains after it was collected, restored and resumed', () => {
    json('fork', 'net@3', '--name', 'child')
    json('delete', 'net')
    grownOld()
    json('gc')
    json('restore', 'net')
    writeFileSync(join(root, 'train.py'), SCRIPT.replace('epochs(10)', 'epochs(12)'))
    const { exitCode } = json<StartedJson>('resume', 'net', '--run')
    assert.equal(exitCode, 0)
    const numbers = () => json<LogJson>('log', 'net').epochs.map(({ number }) => number)
    const trained = numbers()
    assert.deepEqual(trained.slice(0, 3), [1, 2, 3])
    assert.equal(trained.at(-1), 12)
    assert.ok(trained.length > 3)
    json('doctor', '--rebuild')
    assert.deepEqual(numbers(), trained)
  })

  it('spares what is younger than an hour', () => {
    json('delete', 'net')
    assert.ok(!json<CollectedJson>('gc').items.some(({ kind }) => kind === 'weights'))
    grownOld()
    assert.equal(json<CollectedJson>('gc').items.filter(({ kind }) => kind === 'weights').length, 20)
  })

  it('frees a name whose session was never made', () => {
    const dead = 'a'.repeat(24)
    mkdirSync(join(dir, 'runs', dead))
    const name = createHash('sha256').update('ghost').digest('hex')
    writeFileSync(join(dir, 'names', name), JSON.stringify({ name: 'ghost', sessionId: dead }))
    collected()
    assert.ok(existsSync(join(dir, 'names', name)))
    grownOld()
    collected()
    assert.ok(!existsSync(join(dir, 'names', name)))
    assert.equal(json<StartedJson>('fork', 'net@1', '--name', 'ghost').session.name, 'ghost')
  })

  it('does not guess which end of a metric is the best', () => {
    const done = cli(dir, 'gc', '--keep', 'best:val/odd')
    assert.equal(done.status, 2)
    assert.match(done.stderr, /^epochtree: usage: .*min:val\/odd or max:val\/odd/)
  })

  it('doctor names weights that are lost or cut', () => {
    const path = (number: number) => json<ShowJson>('show', `net@${number}`).weightsPath!
    const problems = () => json<DoctorJson>('doctor').problems.map(({ message }) => message)
    assert.deepEqual(problems(), [])
    const [lost, cut] = [path(3), path(7)]
    renameSync(lost, `${lost}.aside`)
    rmSync(cut)
    writeFileSync(cut, 'short')
    const [first, second, ...more] = problems()
    assert.match(first!, /^The weights file of net@3 is not in .*backup/)
    assert.match(second!, /^The weights file of net@7 has 5 bytes instead of .*backup/)
    assert.deepEqual(more, [])
    assert.match(cli(dir, 'checkout', 'net@7', '--to', join(root, 'out')).stderr, /^epochtree: weights-damaged: /)
    assert.ok(!existsSync(join(root, 'out')))
  })
})

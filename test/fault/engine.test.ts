import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { LogJson, QueryJson, SessionJson, ShowJson } from '../../server/protocol/model'
import { cli, python, start } from './support'

const CLI = resolve('bin/epochtree.mjs')
const TRAIN = `
import epochtree, os, sys
G = {"id": "g", "nodes": {"a": {"id": "a", "data": {"parameters": {"w": [2, 2]}}}}}
with epochtree.session("net", {"lr": 1, "deep": {"a": 1, "b": [1]}}, {"id": "p"}) as session:
    for epoch in session.epochs(3):
        epoch.log({"loss": 1 / epoch.number}, split="val", step=epoch.number * 10)
        epoch.commit(graph=G, weights=b"w%d" % epoch.number, state=b"s%d" % epoch.number)
`

describe('the Python package with the real command line', () => {
  let root: string
  let dir: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-engine-'))
    dir = join(root, '.epochtree')
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))
  const run = async (script: string, extra: Record<string, string> = {}) => {
    const child = start(python, ['-c', `import epochtree, os, sys\n${script}`], dir, { EPOCHTREE_CLI: CLI, ...extra })
    const { status, err } = await child.ended
    assert.equal(status, 0, err)
    return child.out().trim().split('\n')
  }
  const sessions = () => cli(dir, 'sessions', '--json').json() as SessionJson[]

  it('evaluates an epoch of the past for every model that has it', async () => {
    await run(TRAIN)
    cli(dir, 'fork', 'net@2', '--name', 'child', '--json').json()
    const told = await run(`
with epochtree.evaluate("net@min:val/loss~1") as epoch:
    print(epoch.number, epoch.graph["nodes"]["a"]["id"], open(epoch.weights_path).read())
    epoch.log({"accuracy": 0.5})
    epoch.log({"latency": [1, 2, 3]}, split="device", step=[1, 2, 3])
    epoch.log_samples({"label": [0, 1, 1], "loss": [1, 2, 4]})
`)
    assert.deepEqual(told, ['2 a w2'])
    for (const name of ['net', 'child']) {
      const { metrics } = cli(dir, 'show', `${name}@2`, '--json').json() as ShowJson
      assert.deepEqual([metrics['test/accuracy'], metrics['device/latency'], metrics['val/loss']], [0.5, 3, 0.5])
      const groups = (cli(dir, 'query', name, '--group-by', 'label', '--json').json() as QueryJson).groups
      assert.deepEqual(
        groups?.['test/loss']?.map(({ group, mean }) => [group, mean]),
        [
          [0, 1],
          [1, 3],
        ],
      )
    }
    assert.equal(sessions().length, 2, 'an evaluation is no model of its own')
    // Another rank asks as well, and writes nothing.
    const before = readdirSync(join(dir, 'runs')).length
    await run('with epochtree.evaluate("net@2") as epoch: epoch.log({"accuracy": 1})', { RANK: '1' })
    assert.equal(readdirSync(join(dir, 'runs')).length, before)
  })

  it('verifies the weights that an evaluation loads', async () => {
    await run(TRAIN)
    const { weightsPath } = cli(dir, 'show', 'net@2', '--json').json() as ShowJson
    rmSync(weightsPath!)
    writeFileSync(weightsPath!, 'w3')
    const told = await run(`
with epochtree.evaluate("net@2") as epoch:
    try:
        epoch.weights_path
    except epochtree.EpochtreeError as error:
        print(error.code, error)
`)
    assert.match(told[0]!, /^weights-damaged .*put the right file there/i)
    assert.ok(told[0]!.includes(weightsPath!))
  })

  it('forks from a reference, with its own name, and tells what is wrong with one', async () => {
    await run(TRAIN)
    const told = await run(`
with epochtree.session("net", {"lr": 2, "own": 1}, fork_from="net@2", name="mine") as session:
    start = session.starts_from
    print(session.name, start.number, start.step, start.graph["nodes"]["a"]["id"], open(start.weights_path).read(), open(start.state_path).read())
    for epoch in session.epochs(4):
        print(epoch.number)
for reference in ("nobody@1", "net@99", "net@x"):
    try:
        epochtree.session("net", fork_from=reference)
    except epochtree.EpochtreeError as error:
        print(error.code)
os.environ["EPOCHTREE_CLI"] = "/nowhere/epochtree"
try:
    epochtree.session("net", fork_from="net@1")
except epochtree.EpochtreeError as error:
    print(error.code)
`)
    assert.deepEqual(told.slice(0, 3), ['mine 2 20 a w2 s2', '3', '4'])
    assert.deepEqual([told[3], told[4], told[6]], ['unknown-session', 'unknown-epoch', 'cli-missing'])
    const { session, epochs } = cli(dir, 'log', 'mine', '--json').json() as LogJson
    assert.deepEqual([session.epochs, session.own], [4, 2])
    assert.deepEqual(
      epochs.map(({ number, inherited }) => [number, inherited]),
      [
        [1, true],
        [2, true],
        [3, false],
        [4, false],
      ],
    )
    assert.equal(sessions().length, 2, 'what could not be forked left nothing behind')
  })

  it('starts a fork with its edits merged over what the script says', async () => {
    const script = join(root, 'train.py')
    writeFileSync(
      script,
      `${TRAIN}        print(epoch.number)\nprint(session.hyperparameters, session.pruning_plan, "EPOCHTREE_SESSION" in os.environ)\n`,
    )
    const trained = start(python, [script], dir)
    assert.equal((await trained.ended).status, 0)
    const plan = join(root, 'plan.json')
    writeFileSync(plan, '{"id": "q", "ratio": 0.5}')
    const forked = cli(dir, 'fork', 'net@1', '--set', 'deep.a=5', '--set', 'new=[1]', '--plan', plan, '--epochs', '2', '--run')
    assert.equal(forked.status, 0, forked.stderr)
    assert.match(forked.stdout, /^2\n/m)
    assert.doesNotMatch(forked.stdout, /^3\n/m)
    assert.ok(forked.stdout.includes("{'lr': 1, 'deep': {'a': 5, 'b': [1]}, 'new': [1]} {'id': 'q', 'ratio': 0.5} False"), forked.stdout)
  })

  it('a fork whose weights were cut short says so when it loads them', async () => {
    await run(TRAIN)
    cli(dir, 'fork', 'net@2', '--name', 'child', '--json').json()
    const child = sessions().find(({ name }) => name === 'child')!
    const parent = join(dir, 'runs', child.id, 'parent')
    const file = readdirSync(parent).find((name) => name.startsWith('weights'))!
    rmSync(join(parent, file))
    writeFileSync(join(parent, file), 'w2')
    truncateSync(join(parent, file), 1)
    const told = await run(`
with epochtree.session("net", resume="must", name="child") as session:
    try:
        session.starts_from.weights_path
    except epochtree.EpochtreeError as error:
        print(error.code)
`)
    assert.deepEqual(told, ['weights-damaged'])
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ajv2020 as Validator } from 'ajv/dist/2020'
import { cli, environment, python } from '../fault/support'

const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020') as { Ajv2020: typeof Validator }

const SCRIPT = `
import sys, epochtree
G = {"id": "g", "nodes": {"a": {"id": "a", "name": "a", "data": {"type": "linear", "shape": [2], "parameters": {"w": [2, 3]}}}}}
with epochtree.session("net", hyperparameters={"lr": 0.1, "deep": {"x": [1]}}, pruning_plan={"method": "l1", "ratio": 0.1}) as session:
    for epoch in session.epochs(3):
        epoch.log({"loss": [1.0, float("nan")], "acc": [0.5, 0.6]}, split="train", step=[epoch.number * 2, epoch.number * 2 + 1])
        epoch.log({"loss": 1 / epoch.number, "odd": float("inf")}, split="val")
        epoch.log_samples({"label": ["a", "b", "a"], "loss": [0.1, 0.2, None]}, split="val")
        epoch.commit(graph=G if epoch.number > 1 else None, weights=b"w%d" % epoch.number if epoch.number != 2 else None)
`

describe('docs/cli.schema.json', () => {
  let root: string
  let dir: string
  const ajv = new Ajv2020({ allErrors: true, strict: false })
  ajv.addSchema(JSON.parse(readFileSync('docs/cli.schema.json', 'utf8')) as object, 'cli')
  const check = (definition: string, ...words: string[]) => {
    const answer = cli(dir, ...words, '--json').json()
    const valid = ajv.getSchema(`cli#/$defs/${definition}`)!
    assert.ok(valid(answer), `${words.join(' ')}: ${ajv.errorsText(valid.errors)}`)
    return answer
  }

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'epochtree-schema-'))
    dir = join(root, '.epochtree')
    writeFileSync(join(root, 'train.py'), SCRIPT)
    const done = spawnSync(python, ['train.py'], { cwd: root, env: environment(dir), encoding: 'utf8' })
    assert.equal(done.status, 0, done.stderr)
  })
  after(() => rmSync(root, { recursive: true, force: true }))

  it('describes the answer of every command', () => {
    check('started', 'fork', 'net@3', '--name', 'child', '--set', 'lr=0.2')
    check('started', 'fork', 'net@3', '--dry-run')
    check('started', 'resume', 'child')
    check('started', 'resume', 'child', '--run', '--yes')
    check('sessions', 'sessions')
    check('sessions', 'sessions', '--deleted')
    for (const reference of ['net', 'child', 'net@2']) check('log', 'log', reference)
    for (const reference of ['net@1', 'net@2', 'child']) check('show', 'show', reference)
    check('graph', 'graph', 'net@3')
    check('diff', 'diff', 'net@2', 'net@3')
    check('compare', 'compare', 'net', 'child')
    check('compare', 'compare', 'net', 'child@2', 'net@1', '--points', '5')
    check('compareHtml', 'compare', 'net', 'child', '--html', join(root, 'comparison.html'))
    check('best', 'best', 'net', '--min', 'val/loss', '--pareto', 'parameters')
    check('query', 'query', 'net', '--points', '3')
    check('query', 'query', 'net', '--group-by', 'label')
    check('checkout', 'checkout', 'net@3', '--to', join(root, 'out'))
    for (const words of [
      ['select', 'net@2'],
      ['float', 'net'],
      ['rename', 'child', 'kid'],
      ['tag', 'kid', 'x'],
      ['delete', 'kid'],
      ['restore', 'kid'],
    ])
      check('changed', ...words)
    check('gc', 'gc', '--dry-run', '--keep', 'latest')
    check('gc', 'gc')
    check('ingest', 'ingest')
    check('doctor', 'doctor')
    check('doctor', 'doctor', '--rebuild')
  })

  it('refuses what is no answer', () => {
    const valid = ajv.getSchema('cli#/$defs/sessions')!
    assert.ok(!valid([{ id: 'x' }]))
    assert.ok(!valid({}))
  })
})

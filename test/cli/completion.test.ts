import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { cli, environment, python } from '../fault/support'

const SCRIPT = `
import epochtree
for name in ("net", "new net", "$(touch pwned)"):
    with epochtree.session(name) as session:
        for epoch in session.epochs(2):
            epoch.log({"loss": 1.0}, split="val")
            epoch.commit()
`
/** Calls what bash calls at the Tab key, with the words as readline breaks them. */
const BASH = `
eval "$(epochtree completion bash)"
while IFS= read -r line; do
  COMP_LINE="$line"; COMP_POINT=\${#line}
  read -ra COMP_WORDS <<<"\${line//[@:=]/ & }"
  [[ $line == *[@:=\\ ] ]] && COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _epochtree
  printf '%s|' "\${COMPREPLY[@]}"; echo
done`
const FISH = `
epochtree completion fish | source
while read line
  complete -C $line | string split -f 1 \\t | string join '|'
end`

const has = (shell: string) => spawnSync(shell, ['--version']).status === 0

describe('the Tab key', () => {
  let root: string
  let dir: string
  const complete = (shell: string, script: string, ...lines: string[]) => {
    const done = spawnSync(shell, ['-c', script], {
      cwd: root,
      encoding: 'utf8',
      input: `${lines.join('\n')}\n`,
      env: { ...environment(dir), PATH: [join(root, 'bin'), process.env['PATH']].join(delimiter) },
    })
    assert.equal(done.stderr, '')
    return done.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('|').filter((word) => word !== ''))
  }

  before(function () {
    if (process.platform === 'win32') this.skip()
    root = mkdtempSync(join(tmpdir(), 'epochtree-completion-'))
    dir = join(root, '.epochtree')
    mkdirSync(join(root, 'bin'))
    const program = join(root, 'bin', 'epochtree')
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${join(process.cwd(), 'bin', 'epochtree.mjs')}" "$@"\n`)
    chmodSync(program, 0o755)
    assert.equal(spawnSync(python, ['-c', SCRIPT], { cwd: root, env: environment(dir) }).status, 0)
    cli(dir, 'ingest', '--json').json()
  })
  after(() => root && rmSync(root, { recursive: true, force: true }))

  it('in bash gives commands, options, sessions and epochs', function () {
    if (!has('bash')) this.skip()
    const [commands, sessions, epochs, metrics, options, own] = complete(
      'bash',
      BASH,
      'epochtree gr',
      'epochtree log n',
      'epochtree log net@',
      'epochtree compare net net@min:',
      'epochtree fork --dr',
      'epochtree train -- pyth',
    )
    assert.deepEqual(commands, ['graph'])
    assert.deepEqual(sessions, ['net', 'new\\ net'])
    assert.deepEqual(epochs, ['latest', '1', '2', 'min:val/loss', 'max:val/loss'])
    assert.deepEqual(metrics, ['val/loss'])
    assert.deepEqual(options, ['--dry-run'])
    assert.deepEqual(own, [])
    assert.ok(!existsSync(join(root, 'pwned')))
  })

  it('in fish gives the same', function () {
    if (!has('fish')) this.skip()
    const [commands, sessions, epochs] = complete('fish', FISH, 'epochtree gr', 'epochtree log n', 'epochtree log net@m')
    assert.deepEqual(commands, ['graph'])
    assert.deepEqual(sessions, ['net', 'new net'])
    assert.deepEqual(epochs, ['net@max:val/loss', 'net@min:val/loss'])
  })

  it('makes no folder', () => {
    const elsewhere = join(root, 'elsewhere')
    assert.equal(cli(elsewhere, 'completion', '--names').stdout, '')
    assert.ok(!existsSync(elsewhere))
  })
})

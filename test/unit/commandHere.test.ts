import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandHere, readCommand, type RecordedCommand } from '../../server/actions/command'
import type { SessionRecord } from '../../server/storage/ports'
import { uploadOf } from '../../server/storage/team/upload'

/** What others get of a command that was recorded in a project. */
const handedOn = (argv: readonly string[], cwd: string, project = '/home/ada/project') => {
  const record = { command: { argv, cwd, env: [], user: 'ada', host: 'gpu1', signature: 'aa' } } as unknown as SessionRecord
  return readCommand(uploadOf(record, 'ada@gpu1', false, join(project, '.epochtree')).record.command)!
}

describe('a command that another machine recorded', () => {
  let project: string
  before(() => {
    project = mkdtempSync(join(tmpdir(), 'epochtree-here-'))
    mkdirSync(join(project, 'scripts'))
  })
  after(() => rmSync(project, { recursive: true }))
  const here = (command: RecordedCommand) => commandHere(command, join(project, '.epochtree'))
  const python = process.platform === 'win32' ? 'python' : 'python3'

  it('runs in the same place of the project that is here, with the Python that is here', () => {
    const { argv, cwd, signature } = here(
      handedOn(
        ['/home/ada/venv/bin/python3.12', 'train.py', '--data', '/data/x', '/home/ada/project/a b.json'],
        '/home/ada/project/scripts',
      ),
    )
    assert.deepEqual(
      [argv, cwd, signature],
      [[python, 'train.py', '--data', '/data/x', join(project, 'a b.json')], join(project, 'scripts'), undefined],
    )
  })

  it('runs in the project itself where it did there', () => {
    const { argv, cwd } = here(handedOn(['python', '/home/ada/project/train.py'], '/home/ada/project'))
    assert.deepEqual([argv, cwd], [['python', join(project, 'train.py')], project])
  })

  it('stays as it is where that place is none here, or lay outside', () => {
    for (const cwd of ['/home/ada/project/elsewhere', '/home/ada/other', '/home/ada'])
      assert.equal(here(handedOn(['python', 'train.py'], cwd)).cwd, cwd)
    assert.equal(here({ argv: ['python'], cwd: '/home/ada/project', env: [], within: '../..' }).cwd, '/home/ada/project')
  })

  it('stays as it is where its folder is here as well', () => {
    const { argv, cwd } = here(handedOn(['/no/python3', 'train.py'], project, project))
    assert.deepEqual([argv, cwd], [['/no/python3', 'train.py'], project])
  })

  it('is handed on without what looks like a secret, and without its signature', () => {
    const { argv, signature } = handedOn(['python', 'train.py', '--api-key', 'hunter2'], '/home/ada/project')
    assert.deepEqual([argv, signature], [['python', 'train.py', '--api-key', '***'], undefined])
  })
})

import assert from 'node:assert/strict'
import { isPython, trainingEnvironment, withPython } from '../../client/pythonCommand'
import { settingWords } from '../../client/settingWords'

describe('the command of a training', () => {
  it('knows Python by its name, on every system', () => {
    for (const program of [
      'python',
      'python3',
      'python3.11',
      'python3.14t',
      '/usr/bin/python3',
      '/home/me/my env/bin/python',
      'C:\\Users\\me\\env\\Scripts\\python.exe',
      'C:/Python313/PYTHON.EXE',
      'pythonw.exe',
      'py',
      'py.exe',
      'pypy3',
    ])
      assert.ok(isPython(program), program)
    for (const program of [
      'torchrun',
      'accelerate',
      '/usr/bin/pytest',
      'python-config',
      'ipython',
      'pyenv',
      './train.py',
      'uv',
      '',
      '/opt/python3/bin/run',
    ])
      assert.ok(!isPython(program), program)
  })

  const commands: readonly [argv: readonly string[], chosen: string | undefined, becomes: readonly string[]][] = [
    [['python3', 'train.py', '--lr', '1'], '/env/bin/python', ['/env/bin/python', 'train.py', '--lr', '1']],
    [['/usr/bin/python3.9', '-m', 'train'], '/env/bin/python', ['/env/bin/python', '-m', 'train']],
    [['python3', 'train.py'], undefined, ['python3', 'train.py']],
    [['torchrun', '--nproc', '2', 'train.py'], '/env/bin/python', ['torchrun', '--nproc', '2', 'train.py']],
    [['py', '-3.11', 'train.py'], 'C:\\env\\python.exe', ['C:\\env\\python.exe', 'train.py']],
    [['C:\\Windows\\py.exe', '-3', '-u', 'train.py'], 'C:\\env\\python.exe', ['C:\\env\\python.exe', '-u', 'train.py']],
    [['py', '-u', 'train.py'], 'C:\\env\\python.exe', ['C:\\env\\python.exe', '-u', 'train.py']],
    [['python', '-3', 'train.py'], 'C:\\env\\python.exe', ['C:\\env\\python.exe', '-3', 'train.py']],
  ]
  for (const [argv, chosen, becomes] of commands)
    it(`${argv.join(' ')} with ${chosen ?? 'no choice'}`, () => assert.deepEqual(withPython(argv, chosen), becomes))

  const launch = { EPOCHTREE_SESSION: 'a', EPOCHTREE_DIR: '/w/.epochtree' }
  const environments: readonly [NodeJS.Platform, Record<string, string>, Record<string, string>][] = [
    ['linux', {}, { PYTHONPATH: '/ext/python' }],
    ['linux', { PYTHONPATH: '/mine' }, { PYTHONPATH: '/ext/python:/mine' }],
    ['linux', { PYTHONPATH: '' }, { PYTHONPATH: '/ext/python' }],
    ['linux', { PythonPath: '/other' }, { PYTHONPATH: '/ext/python' }],
    ['darwin', { PYTHONPATH: '/a:/b' }, { PYTHONPATH: '/ext/python:/a:/b' }],
    ['win32', { PythonPath: 'C:\\mine' }, { PythonPath: '/ext/python;C:\\mine' }],
    ['win32', {}, { PYTHONPATH: '/ext/python' }],
  ]
  for (const [platform, inherited, added] of environments)
    it(`finds the package on ${platform} beside ${JSON.stringify(inherited)}`, () =>
      assert.deepEqual(trainingEnvironment(launch, '/ext/python', inherited, platform), { ...launch, ...added }))
})

describe('hyper-parameters as words', () => {
  const words: readonly [string, string[] | undefined][] = [
    ['', []],
    ['  lr=0.01  ', ['lr=0.01']],
    ['lr=0.01 optimizer.momentum=0.8', ['lr=0.01', 'optimizer.momentum=0.8']],
    ['name="a \\" b" n=1', ['name="a \\" b"', 'n=1']],
    ['layers=[1, 2] o={"a": 1}', ['layers=[1, 2]', 'o={"a": 1}']],
    ['lr', undefined],
    ['lr=', undefined],
    ['lr = 1', undefined],
    ['=1', undefined],
  ]
  for (const [text, is] of words) it(JSON.stringify(text), () => assert.deepEqual(settingWords(text), is))
})

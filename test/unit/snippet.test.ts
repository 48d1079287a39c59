import assert from 'node:assert/strict'
import { trackingFor } from '../../client/snippet'

/** The script with its import, as it would stand then. */
function imported(text: string): string {
  const { import: missing } = trackingFor(text, 'train.py')
  if (!missing) return text
  const lines = text.split('\n')
  return [...lines.slice(0, missing.line), ...missing.text.split('\n').slice(0, -1), ...lines.slice(missing.line)].join('\n')
}

describe('tracking code for a script', () => {
  for (const [what, before, after] of [
    ['an empty script', '', 'import epochtree\n'],
    ['behind the last import at the top', 'import os\nimport sys\n\nx = 1\n', 'import os\nimport sys\nimport epochtree\n\nx = 1\n'],
    [
      'behind an import over several lines',
      'from a import (\n    b,\n    c,\n)\nx = 1\n',
      'from a import (\n    b,\n    c,\n)\nimport epochtree\nx = 1\n',
    ],
    ['behind a docstring', '"""Trains.\n\nWell."""\n\nx = 1\n', '"""Trains.\n\nWell."""\nimport epochtree\n\nx = 1\n'],
    ['behind a docstring of one line', '"""Trains."""\nx = 1\n', '"""Trains."""\nimport epochtree\n\nx = 1\n'],
    [
      'behind the future',
      'from __future__ import annotations\n\nx = 1\n',
      'from __future__ import annotations\nimport epochtree\n\nx = 1\n',
    ],
    [
      'behind #! and the encoding',
      '#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\nx = 1\n',
      '#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\nimport epochtree\n\nx = 1\n',
    ],
    ['not where an import stands inside a function', 'def f():\n    import os\n', 'import epochtree\n\ndef f():\n    import os\n'],
    ['not twice', 'import epochtree\nx = 1\n', 'import epochtree\nx = 1\n'],
    ['not where it has another name', 'import epochtree as et  # tracking\n', 'import epochtree as et  # tracking\n'],
  ] as const)
    it(`imports the package: ${what}`, () => assert.equal(imported(before), after))

  it('names the package as the script does, and the model as its file', () => {
    const { snippet } = trackingFor('import epochtree as et\n', '/home/a/resnet50.py')
    assert.match(snippet, /^with et\.session\("\$\{1:resnet50\}"/)
    assert.match(trackingFor('', 'C:\\train.py').snippet, /\$\{1:model\}/)
    assert.match(trackingFor('', 'a } $ b.py').snippet, /\$\{1:a-b\}/)
  })

  it('has the whole loop: session, start, epochs, log and commit', () => {
    const { snippet } = trackingFor('', 'net.py')
    for (const part of ['.session(', 'session.starts_from', 'session.epochs(', 'epoch.log(', 'epoch.commit(graph=', 'weights='])
      assert.ok(snippet.includes(part), part)
  })
})

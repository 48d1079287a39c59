import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DocumentLink, Hover, InlayHint, Location, Position } from 'vscode-languageserver-protocol/node'
import { writeRuns } from '../contract/fixture'
import { atMark, type LspClient, openWorkspace, temporaryFolder } from './client'

/** `net` with epochs 1 to 3, and `net-2`, a fork of its epoch 2 with an epoch 3 of its own. */
describe('a training script, over the protocol', () => {
  let root: string
  let client: LspClient
  before(async () => {
    root = temporaryFolder('script')
    mkdirSync(join(root, '.epochtree'))
    writeRuns(join(root, '.epochtree'))
    client = await openWorkspace({ root, options: { settings: { mainMetric: '', refreshSeconds: 1, folder: '', inlayHints: true } } })
    await client.heard('epochtree/changed', ({ folder }) => folder.sessions === 2)
  })
  after(async () => {
    await client.close()
    rmSync(root, { recursive: true, force: true })
  })

  let scripts = 0
  const opened = (marked: string) => {
    const { text, position } = atMark(marked)
    return { position, document: client.open(join(root, `train${++scripts}.py`), text) }
  }
  const hovered = async (marked: string) => {
    const { document, position } = opened(marked)
    const hover = await client.send<Hover | null>('textDocument/hover', { textDocument: { uri: document.uri }, position })
    document.close()
    const told = hover && (hover.contents as { value: string }).value
    return told && told.replaceAll('&nbsp;', ' ').replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
  }

  for (const { name, script, says } of [
    {
      name: 'the call tells the sessions of that model, newest first',
      script: 'import epochtree\nwith epochtree.ses|sion("net") as s:\n    pass\n',
      says: [/2 sessions/, /\| net-2 \|.*\| 3 \|.*0\.23 at 3 .*\n\| net \|.*\| 3 \|.*0\.13 at 3/, /command:epochtree\.fork/],
    },
    {
      name: 'a model that never ran says how it comes here',
      script: 'import epochtree as et\net.ses|sion("other")\n',
      says: [/other.*was not trained yet/],
    },
    {
      name: 'a reference tells the epoch, who trained it, and its change',
      script: 'import epochtree\nepochtree.session("net", fork_from="net-2@|2")\n',
      says: [
        /net-2, epoch 2/,
        /trained by net/,
        /val\/acc \| 0\.12 \| \+0\.01 \| better/,
        /Weights: 13 B bin/,
        /Pruned in this epoch/,
        /Forks that start here: net-2/,
      ],
    },
    {
      name: 'a key of the hyper-parameters tells its values over the sessions',
      script: 'import epochtree\nHP = {"l|r": 3}\nepochtree.session("net", hyperparameters=HP)\n',
      says: [/lr.* in the last 2 sessions of net/, /\| net-2 \| 20 \| 0\.23 \|\n\| net \| 10 \| 0\.13 \|/],
    },
    {
      name: 'a reference that leads nowhere has no hover',
      script: 'import epochtree\nepochtree.session("net", fork_from="nett@|2")\n',
      says: [],
    },
    {
      name: 'another object of that name is none of ours',
      script: 'import other\nother.ses|sion("net")\n',
      says: [],
    },
  ] as const satisfies readonly { name: string; script: string; says: readonly RegExp[] }[])
    it(name, async () => {
      const told = await hovered(script)
      if (says.length === 0) assert.equal(told, null)
      for (const pattern of says) assert.match(told ?? '', pattern)
    })

  it('has lenses over the call: what became of it, fork, compare', async () => {
    const { document } = opened('import epochtree\n\nmodel = "net"\nwith epochtree.session(model) as s:\n    pass\n|')
    const lenses = await document.lenses()
    assert.deepEqual(
      lenses.map(({ range, command }) => [range.start.line, command?.title, command?.command]),
      [
        [3, '2 sessions - latest net-2, epoch 3, val/acc 0.23', 'epochtree.openEpoch'],
        [3, 'Fork...', 'epochtree.fork'],
        [3, 'Compare', 'epochtree.compare'],
      ],
    )
  })

  for (const [name, script, expected] of [
    ['session names first', 'import epochtree\nepochtree.session("net", fork_from="|")', ['net-2@', 'net@']],
    [
      'then epochs, latest and the best',
      'import epochtree\nepochtree.session("net", fork_from="net@|")',
      ['latest', 'max(', 'min(', '3', '2', '1'],
    ],
    ['metrics inside max', 'import epochtree\nepochtree.session("net", fork_from="net@max(|")', ['val/acc', 'train/loss']],
    ['nothing outside a reference', 'import epochtree\nprint("|")', []],
  ] as const)
    it(`completes ${name}`, async () => {
      const { document, position } = opened(script)
      const items = await document.completions(position)
      assert.deepEqual(
        items.toSorted((a, b) => (a.sortText! < b.sortText! ? -1 : 1)).map(({ textEdit }) => (textEdit as { newText: string }).newText),
        expected,
      )
    })

  it('completes what is half written, in place of it', async () => {
    const { document, position } = opened('import epochtree\nepochtree.session("net", fork_from="net@la|")')
    const latest = (await document.completions(position)).find(({ label }) => label === 'latest')!
    const { range } = latest.textEdit as { range: { start: Position; end: Position } }
    assert.equal(document.text.split('\n')[1]!.slice(range.start.character, range.end.character), 'la')
  })

  it('reports a reference that leads nowhere, and offers the nearest', async () => {
    const { document } = opened('import epochtree\nepochtree.session("net", fork_from="nett@2")\nepochtree.evaluate("net@9")\n|')
    const told = await document.diagnostics()
    assert.deepEqual(
      told.map(({ code, range }) => [code, range.start.line]),
      [
        ['unknown-session', 1],
        ['unknown-epoch', 2],
      ],
    )
    assert.match(told[0]!.message, /There is no session "nett"\. The nearest are net/)
    const actions = await document.actions(told[0]!)
    assert.equal(actions[0]?.title, 'Change to net@2')
    assert.deepEqual(actions[0]?.edit?.changes?.[document.uri]?.[0]?.newText, 'net@2')
    assert.deepEqual((await document.actions(told[1]!)).map(({ title }) => title)[0], 'Change to net@3')
  })

  it('reports a plan that the package would refuse, also in a plan file', async () => {
    const { document } = opened('import epochtree\nepochtree.session("net", pruning_plan={"ratio": 3})\n|')
    assert.deepEqual(
      (await document.diagnostics()).map(({ code }) => code),
      ['bad-plan'],
    )
    const plan = client.open(join(root, 'one.plan.json'), '{"ratio": "much"}', 'json')
    assert.deepEqual(
      (await plan.diagnostics()).map(({ code }) => code),
      ['bad-plan'],
    )
  })

  it('leads from a reference to its epoch: by definition, by a link, by a hint of the number', async () => {
    const { document, position } = opened('import epochtree\nepochtree.session("net", fork_from="net@max(val/a|cc)")\n')
    const textDocument = { uri: document.uri }
    const found = await client.send<Location>('textDocument/definition', { textDocument, position })
    assert.match(decodeURIComponent(decodeURIComponent(found.uri)), /^epochtree:\/.*net@max\(val\/acc\)/)
    const links = await client.send<DocumentLink[]>('textDocument/documentLink', { textDocument })
    assert.match(links[0]!.target!, /^command:epochtree\.openEpoch\?/)
    const hints = await client.send<InlayHint[]>('textDocument/inlayHint', {
      textDocument,
      range: { start: { line: 0, character: 0 }, end: { line: 9, character: 0 } },
    })
    assert.deepEqual(
      hints.map(({ label }) => label),
      ['epoch 3'],
    )
  })

  it('understands the cells of a notebook together', async () => {
    const uri = (cell: number) => `vscode-notebook-cell:${join(root, 'train.ipynb')}#${cell}`
    const texts = ['import epochtree as et\nMODEL = "net"', 'with et.session(MODEL) as run:\n    pass']
    client.notify('notebookDocument/didOpen', {
      notebookDocument: {
        uri: `file://${join(root, 'train.ipynb')}`,
        notebookType: 'jupyter-notebook',
        version: 1,
        cells: texts.map((_, cell) => ({ kind: 2, document: uri(cell) })),
      },
      cellTextDocuments: texts.map((text, cell) => ({ uri: uri(cell), languageId: 'python', version: 1, text })),
    })
    const hover = await client.send<Hover>('textDocument/hover', { textDocument: { uri: uri(1) }, position: { line: 0, character: 9 } })
    assert.match((hover.contents as { value: string }).value, /2 sessions/)
  })
})

// Measures activation as the editor itself does, in one real VS Code after the other.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { activation } from '../test/vscode/activation'
import { bench, demoCopy, emptyFolder, endBench } from '../test/vscode/bench'
import { type EditorOptions, openEditor } from '../test/vscode/editor'
import { at, figure } from './figures'

const EDITORS = 7

export async function measureActivation() {
  // The editor and its browser end with this process, when it may end as usual.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
  const [ours, empty, idle] = [await demoCopy(), await emptyFolder(), await idleExtension()]
  writeFileSync(join(empty, 'idle.txt'), '')
  const own: number[] = []
  const floor: number[] = []
  // In turns, so that both meet the same machine.
  for (let i = 0; i < EDITORS; i++) {
    own.push(await measured('epochtree.epochtree', { folder: ours }))
    floor.push(await measured('epochtree-bench.idle', { folder: empty, others: [idle] }))
  }
  await endBench()
  figure(
    'activation of the extension, without the start of its server',
    median(own),
    'ms',
    50,
    `${median(floor)} ms for an extension that does nothing`,
  )
}

const median = (times: readonly number[]) =>
  at(
    times.toSorted((a, b) => a - b),
    0.5,
  )

async function measured(extension: string, options: EditorOptions): Promise<number> {
  const editor = await openEditor(options)
  const { load, activate } = await activation(editor, extension)
  await editor.close()
  return load + activate
}

/** What the editor takes for any extension: activated by a file in the folder, as ours is, and by nothing else. */
async function idleExtension(): Promise<string> {
  const { folder } = await bench()
  const extension = join(folder, 'idle-extension')
  mkdirSync(extension)
  writeFileSync(
    join(extension, 'package.json'),
    JSON.stringify({
      publisher: 'epochtree-bench',
      name: 'idle',
      version: '0.0.0',
      main: './main.js',
      engines: { vscode: '^1.127.0' },
      activationEvents: ['workspaceContains:idle.txt'],
    }),
  )
  writeFileSync(join(extension, 'main.js'), 'exports.activate = () => {}\n')
  return extension
}

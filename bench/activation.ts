// Measures activation as the editor itself does, in windows of a real VS Code that are opened one after the other.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { type Activation, activation } from '../test/vscode/activation'
import { bench, demoCopy, emptyFolder, endBench } from '../test/vscode/bench'
import { type Editor, openEditor } from '../test/vscode/editor'
import { until } from '../test/vscode/until'
import { at, figure } from './figures'

const WINDOWS = 7

export async function measureActivation() {
  const [ours, idle] = [await demoCopy(), await emptyFolder()]
  writeFileSync(join(idle, 'idle.txt'), '')
  const editor = await openEditor({ folder: idle, others: [await idleExtension()] })
  const own: Activation[] = []
  const floor: Activation[] = []
  try {
    // The first window of a server finds nothing in any cache.
    await activation(editor, 'epochtree-bench.idle')
    await closed(editor, editor.page)
    // In turns, so that both meet the same machine.
    for (let i = 0; i < WINDOWS; i++) {
      own.push(await inNewWindow(editor, ours, 'epochtree.epochtree'))
      floor.push(await inNewWindow(editor, idle, 'epochtree-bench.idle'))
    }
  } finally {
    await editor.close()
    await endBench()
  }
  figure(
    'activation of the extension, without the start of its server',
    whole(own),
    'ms',
    50,
    `${whole(floor)} ms for an extension that does nothing`,
  )
}

const whole = (measured: readonly Activation[]) =>
  at(
    measured.map(({ load, activate }) => load + activate).sort((a, b) => a - b),
    0.5,
  )

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

async function inNewWindow(editor: Editor, folder: string, extension: string): Promise<Activation> {
  const page = await editor.window(folder)
  const measured = await activation(editor, extension)
  await closed(editor, page)
  return measured
}

/** The bridge leads to one window: the next one is opened when nothing of the last is left. */
async function closed({ bridge }: Editor, page: Page) {
  await page.goto('about:blank')
  await page.close()
  await until('the end of the extension host', () => !existsSync(bridge))
}

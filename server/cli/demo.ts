import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shellText } from '../actions/command'
import { fork, type Launching, train } from '../actions/newSession'
import { EpochtreeError } from '../errors'
import { makeFolder } from '../folder'
import type { CompareJson, StartedJson } from '../protocol/model'
import { bestOf, type Context, compare, log } from '../requests'
import { LocalStores } from '../storage/local/stores'
import { renderBest } from './text/best'
import { renderCompare } from './text/compare'
import type { Style } from './text/terminal'

interface Demo {
  /** Where the `.epochtree` folder is made; without it, in a new temporary folder. */
  readonly folder: string | undefined
  /** Where the scripts are laid, to be trained, read and changed there; `.epochtree` goes beside them. */
  readonly into: string | undefined
  readonly json: boolean
  readonly print: (text: string) => Promise<void>
  readonly style: Style
  readonly width: number
}

const FORK_AT = 30
const JUDGED_BY = { split: 'val', name: 'accuracy' }

/** The two-day use case, for real: train with one plan, fork epoch 30 with another, compare. Resolves to the exit status. */
export async function demo({ folder, into, json, print, style, width }: Demo): Promise<number> {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  const shipped = join(root, 'examples', 'two-days')
  const example = into === undefined ? shipped : layScripts(shipped, resolve(into))
  const env = {
    ...process.env,
    PYTHONPATH: [join(root, 'dist', 'python'), process.env['PYTHONPATH']].filter(Boolean).join(delimiter),
    PYTHONUNBUFFERED: '1',
  }
  const dir =
    folder === undefined
      ? join(into === undefined ? mkdtempSync(join(tmpdir(), 'epochtree-demo-')) : example, '.epochtree')
      : resolve(folder)
  makeFolder(dir)
  const say = (text: string) => (json ? void process.stderr.write(`${text}\n`) : print(text))
  // The trainings inherit it: the package need not be installed.
  process.env['PYTHONPATH'] = env.PYTHONPATH
  const stores = new LocalStores(dir)
  try {
    const context: Context = { stores, dir }
    const launching: Launching = { run: true, yes: true, quiet: json, cwd: example, env }
    await say(style.bold('Day 1: 40 epochs; the plan prunes the network every two epochs.'))
    const first = ended(await train(context, [python(env), join(example, 'train.py')], {}, launching))
    await say(style.bold(`\nDay 2: back to epoch ${FORK_AT}, its graph and weights, on to epoch 40 with another plan.`))
    const second = ended(await fork(context, `${first}@${FORK_AT}`, { planFile: join(example, 'day2.plan.json') }, launching))
    const compared = await compare(context, [first, second])
    const restored = await restoredExactly(context, first, second)
    if (json) await print(JSON.stringify({ ...compared, restored }))
    else {
      await print(`\n${renderCompare(compared, style, width)}`)
      await print(renderRestored(restored, style))
      await print(`\n${await better(context, compared, style)}`)
      await print(`\nAsk on: \`${shellText(['epochtree', 'log', second, '--dir', dir])}\``)
    }
    return restored.every(({ equal }) => equal) && restored.length > 0 ? 0 : 1
  } finally {
    await stores.close()
  }
}

/** Copies the example's files; what is there and differs is the user's, and stays. */
function layScripts(from: string, to: string): string {
  const files = readdirSync(from, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []))
  const other = files.find((file) => existsSync(join(to, file)) && !readFileSync(join(to, file)).equals(readFileSync(join(from, file))))
  if (other)
    throw new EpochtreeError('bad-argument', `${to} has a ${other} of its own, which the demo would not replace. Name an empty folder.`)
  mkdirSync(to, { recursive: true })
  for (const file of files) if (!existsSync(join(to, file))) copyFileSync(join(from, file), join(to, file))
  return to
}

function ended({ session, exitCode }: StartedJson): string {
  if (exitCode !== 0)
    throw new EpochtreeError(
      'demo-failed',
      `The training of ${session.name} ended with status ${exitCode}. What it printed above tells why.`,
    )
  return session.name
}

interface Restored {
  readonly metric: string
  /** As logged at the epoch that was forked. */
  readonly logged: unknown
  /** As computed from the restored weights, before the fork's training began. */
  readonly restored: unknown
  readonly equal: boolean
}

/** Whether the fork's model was, to the last bit, the one that the epoch had. */
async function restoredExactly(context: Context, first: string, second: string): Promise<Restored[]> {
  const before = (await log(context, first)).epochs.find(({ number }) => number === FORK_AT)
  const after = (await log(context, second)).epochs.find(({ inherited }) => !inherited)
  return Object.entries(after?.metrics ?? {}).flatMap(([metric, restored]) => {
    if (!metric.startsWith('restored/')) return []
    const logged = before?.metrics[metric.replace('restored/', 'val/')]
    return [{ metric: metric.replace('restored/', 'val/'), logged: logged ?? null, restored, equal: logged === restored }]
  })
}

const renderRestored = (found: readonly Restored[], style: Style) =>
  [
    style.bold(`\nRestored from epoch ${FORK_AT}, before training went on`),
    ...found.map(
      ({ metric, logged, restored, equal }) =>
        `  ${metric}  logged ${String(logged)}  restored ${String(restored)}  ${equal ? style.green('equal') : style.red('NOT EQUAL')}`,
    ),
  ].join('\n')

async function better(context: Context, { models }: CompareJson, style: Style): Promise<string> {
  const texts = []
  for (const { name } of models) texts.push(renderBest(await bestOf(context, name, JUDGED_BY, 'max', true), style))
  return texts.map((text, i) => `${style.bold(models[i]!.name)}: ${text}`).join('\n')
}

/** The first Python on PATH that is new enough; `EPOCHTREE_PYTHON` names another. */
function python(env: Readonly<Record<string, string | undefined>>): string {
  const named = env['EPOCHTREE_PYTHON']
  const candidates = named ? [named] : process.platform === 'win32' ? ['python', 'py'] : ['python3', 'python']
  for (const candidate of candidates) {
    const asked = spawnSync(candidate, ['-c', 'import sys; print(sys.executable); sys.exit(sys.version_info < (3, 9))'], {
      encoding: 'utf8',
      env,
      windowsHide: true,
    })
    const found = asked.stdout?.trim()
    if (asked.status === 0 && found && existsSync(found)) return found
  }
  throw new EpochtreeError(
    'no-python',
    `The demo trains with Python 3.9 or newer, which ${candidates.join(' and ')} is not. Install one, or name it with EPOCHTREE_PYTHON.`,
  )
}

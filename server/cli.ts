import { existsSync, renameSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import type { Bringing, Edits, Launching } from './actions/newSession'
import { type Keep, parseKeep } from './actions/keep'
import { candidates, completionScript, type Shell, shells } from './cli/completion'
import { later } from './cli/later'
import { progressBar } from './cli/progress'
import { renderBest } from './cli/text/best'
import { renderCompare } from './cli/text/compare'
import { renderDiff } from './cli/text/diff'
import { renderGraph } from './cli/text/graph'
import { renderLog } from './cli/text/log'
import { renderQuery } from './cli/text/query'
import { renderSessions } from './cli/text/sessions'
import { renderShow } from './cli/text/show'
import { LONGEST_NOTE, note, safe, type Style, styleFor } from './cli/text/terminal'
import { EpochtreeError, explain } from './errors'
import { findFolder, makeFolder } from './folder'
import type { SavedFile } from './protocol/comparison'
import type { CompareJson, DoctorJson, IngestJson, StartedJson } from './protocol/model'
import * as requests from './requests'
import { LocalStores } from './storage/local/stores'
import type { MetricName, Stores } from './storage/ports'
import { mayHaveTeam } from './storage/team/mayHave'
import type { TeamConfig } from './storage/team/ports'
import { parseMetric } from './tracking/reference'

const acts = () => import('./cli/acts')
const { collect, unbrought, untold, lostWeights, examineTeam, fork, resume, train, demo, follow } = later(acts)
const {
  renderChanged,
  renderCheckout,
  renderCollected,
  renderDoctor,
  renderIngested,
  renderPulled,
  renderPushed,
  renderStarted,
  renderWritten,
} = later(acts)
const { collectFromTeam, push, pull } = later(() => import('./actions/handOver'))
const { lastSeen, openWithTeam, readTeam } = later(() => import('./cli/team'))
const { writeComparison } = later(() => import('./comparison/htmlFile'))
const changes = later(async () => (await acts()).changes)

/** The files of the comparison's page lie beside this program. */
const PAGE = fileURLToPath(new URL('webview/', import.meta.url))

interface Common {
  readonly dir?: string
  readonly json?: boolean
  readonly ingest?: boolean
  readonly local?: boolean
}
interface Place extends requests.Context {
  /** What is in this folder alone. */
  readonly local: LocalStores
  /** Of a folder with a team. */
  readonly servers: TeamConfig | undefined
}
interface Spec<Answer> {
  readonly usage: string
  readonly about: string
  readonly example: string
  /** Whether its words are sessions or references, for the shell's completion. */
  readonly reference?: boolean
  readonly options?: (command: Command) => Command
  readonly answer: (place: Place, words: readonly string[], options: Common & Record<string, unknown>) => Promise<Answer>
  readonly text: (answer: Answer, style: Style, now: number) => string | Promise<string>
  readonly exit?: (answer: Answer) => number
}

// Set by the editor's terminals for this process alone: a training that opens an editor must not inherit it.
delete process.env['ELECTRON_RUN_AS_NODE']

const program = new Command('epochtree')
  .description('Version control for models: sessions of epochs, forks, comparisons.')
  .version(packageJson.version)
  .exitOverride()
  .configureOutput({ outputError: () => {} }) // said below, in the words of all errors
  .showSuggestionAfterError()
  .enablePositionalOptions()
const takesReference = new Set<string>()

/** Every command: finds the folder, reads what changed in the journals, and prints one answer. */
function add<Answer>({ usage, about, example, reference, options: extend = (command) => command, answer, text, exit }: Spec<Answer>) {
  const command = extend(program.command(usage))
    .description(about)
    .option('--dir <folder>', 'the .epochtree folder')
    .option('--json', 'print one JSON value')
    .option('--no-ingest', 'answer from the store as it is, without reading the journals')
    .option('--local', 'without the team: only what is in this folder')
    .addHelpText('after', `\nExample:\n  epochtree ${example}`)
    .action(async (...args: unknown[]) => {
      const options = (args.at(-1) as Command).opts<Common & Record<string, unknown>>()
      const place = await open(options)
      const { stores } = place
      try {
        if (options.ingest !== false) await withProgress((progress) => stores.ingest({ progress, closely: command.name() === 'ingest' }))
        if (place.servers) await noteAway(stores)
        const words = args
          .slice(0, -2)
          .flat()
          .filter((word) => word !== undefined) as string[]
        const found = await answer(place, words, options)
        // What `--watch` had to say it has said.
        if (found !== undefined || !options.json)
          await print(options.json ? JSON.stringify(found) : await text(found, styleFor(process.stdout, process.env), Date.now() / 1000))
        process.exitCode = exit?.(found) ?? 0
      } finally {
        await stores.close()
      }
    })
  if (reference) takesReference.add(command.name())
}

function folderOf(options: Common): string {
  const dir = findFolder(options.dir, process.cwd(), process.env)
  makeFolder(dir)
  return dir
}

async function open(options: Common): Promise<Place> {
  // What is started from here leaves it out as well.
  if (options.local) process.env['EPOCHTREE_STORE'] = 'local'
  const dir = folderOf(options)
  const servers = mayHaveTeam(dir, process.env) ? await readTeam(dir) : undefined
  const local = new LocalStores(dir, process.env, servers ? { team: true } : {})
  return { dir, local, servers, stores: servers ? await openWithTeam(local, servers) : local }
}

/** What is here alone, whatever is wrong with a team. */
async function openHere(options: Common): Promise<Pick<Place, 'dir' | 'local'>> {
  const dir = folderOf(options)
  return { dir, local: new LocalStores(dir, process.env, mayHaveTeam(dir, process.env) ? { team: true } : {}) }
}

/** Says once that others' sessions are shown as they were. */
async function noteAway(stores: Stores) {
  const away = await lastSeen(stores)
  if (away !== undefined) note(away)
}

async function withProgress<Result>(work: (progress: ReturnType<typeof progressBar>['show']) => Promise<Result>): Promise<Result> {
  const bar = progressBar(process.stderr)
  try {
    return await work(bar.show)
  } finally {
    bar.clear()
  }
}

/** Work that Ctrl-C ends in good order, so that it goes on from there the next time. */
async function interruptible<Result>(
  work: (signal: AbortSignal, progress: ReturnType<typeof progressBar>['show']) => Promise<Result>,
): Promise<Result> {
  const stopped = new AbortController()
  const stop = () => stopped.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  try {
    return await withProgress((progress) => work(stopped.signal, progress))
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
  }
}

/** Work that may have to bring weights here from the team. */
const bringing: Bringing = (work) =>
  interruptible((signal, show) => work({ signal, progress: (done, total) => show({ what: 'Fetching weights', done, total }) }))

/** Resolves when it is written: a pipe takes more than it buffers only after a while. */
const print = (text: string) =>
  new Promise<void>((resolve, reject) =>
    process.stdout.write(`${text}\n`, (error) => (error && (error as NodeJS.ErrnoException).code !== 'EPIPE' ? reject(error) : resolve())),
  )

function setting(value: string, before: string[] = []): string[] {
  if (value.indexOf('=') < 1) throw new InvalidArgumentError('Write key=value, such as optimizer.lr=0.01.')
  return [...before, value]
}
function keepOption(value: string): Keep {
  try {
    return parseKeep(value)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
const metricOption = (value: string, before: MetricName[] = []) => [...before, parseMetric(value)]
function count(value: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError('It must be a whole number from 1.')
  return number
}
function seconds(value: string): number {
  const number = Number(value)
  if (!(number >= 0 && number < 1e6)) throw new InvalidArgumentError('It must be a number of seconds.')
  return number
}
function days(value: string): number {
  const number = Number(value)
  if (!(value.trim() !== '' && number >= 0 && number < 1e5)) throw new InvalidArgumentError('It must be a number of days.')
  return number
}

add({
  usage: 'sessions',
  about: 'List the sessions',
  example: 'sessions',
  options: (command) => command.option('--deleted', 'also those that were deleted'),
  answer: (place, _, options) => requests.listSessions(place, { deleted: options['deleted'] === true }),
  text: (answer, style, now) => renderSessions(answer, style, now, process.stdout.columns),
})
add({
  usage: 'log <reference>',
  about: "Show a model's whole history",
  example: 'log resnet50',
  reference: true,
  answer: (place, [text]) => requests.log(place, text!),
  text: (answer, style, now) => renderLog(answer, style, now, { columns: process.stdout.columns }),
})
add({
  usage: 'show <reference>',
  about: 'Show one epoch',
  example: 'show resnet50@30',
  reference: true,
  answer: (place, [text]) => requests.show(place, text!),
  text: renderShow,
})

const edits = (command: Command) =>
  command
    .option('--name <name>', "the new session's name")
    .option('--set <key=value>', 'change a hyper-parameter; dots are paths, the value is JSON or a text', setting)
    .option('--plan <file>', 'another pruning plan, a JSON file')
    .option('--epochs <number>', 'train up to this epoch', count)
const edited = (options: Record<string, unknown>): Edits => ({
  name: options['name'] as string | undefined,
  set: options['set'] as string[] | undefined,
  planFile: options['plan'] as string | undefined,
  epochs: options['epochs'] as number | undefined,
})
const launching = (options: Common & Record<string, unknown>): Launching => ({
  run: options['run'] === true,
  yes: options['yes'] === true,
  dryRun: options['dryRun'] === true,
  quiet: options.json === true,
  cwd: process.cwd(),
  env: process.env,
})
const running = (command: Command) =>
  command
    .option('--run', 'also run its recorded command, and wait for it')
    .option('--yes', 'run a command that you did not record on this machine')
const exitCode = ({ exitCode: code }: StartedJson) => code ?? 0

add({
  usage: 'train <command...>',
  about: 'Store a session, then run a training command in it',
  example: 'train --set lr=0.01 --plan prune.plan.json -- python train.py',
  options: (command) => edits(command).passThroughOptions(),
  answer: (place, argv, options) => train(place, argv, edited(options), { ...launching(options), run: true }),
  text: renderStarted,
  exit: exitCode,
})
add({
  usage: 'fork <reference>',
  about: 'Start a new session at an epoch of another',
  example: 'fork resnet50@30 --plan other.plan.json --run',
  reference: true,
  options: (command) => running(edits(command)).option('--dry-run', 'only tell what would be made'),
  answer: (place, [text], options) => fork(place, text!, edited(options), { ...launching(options), bringing }),
  text: renderStarted,
  exit: exitCode,
})
add({
  usage: 'resume <session>',
  about: 'Let a session go on from its last committed epoch',
  example: 'resume resnet50 --run',
  reference: true,
  options: running,
  answer: (place, [text], options) => resume(place, text!, launching(options)),
  text: renderStarted,
  exit: exitCode,
})
add({
  usage: 'stop <session>',
  about: 'End a running training cleanly',
  example: 'stop resnet50',
  reference: true,
  options: (command) => command.option('--grace <seconds>', 'how long to wait before its process is signalled', seconds, 30),
  answer: (place, [text], options) => changes.stop(place, text!, options['grace'] as number),
  text: (session, style) => renderChanged(session, 'ended', style),
})
add({
  usage: 'select <reference>',
  about: 'Pin an epoch as the model',
  example: 'select resnet50@31',
  reference: true,
  answer: (place, [text]) => changes.select(place, text!),
  text: (session, style) => renderChanged(session, 'selected', style),
})
add({
  usage: 'float <session>',
  about: 'Let the model follow the newest epoch again',
  example: 'float resnet50',
  reference: true,
  answer: (place, [text]) => changes.float(place, text!),
  text: (session, style) => renderChanged(session, 'floating', style),
})
add<CompareJson | SavedFile>({
  usage: 'compare <references...>',
  about: 'Compare models, each with exactly its own history',
  example: 'compare resnet50 resnet50-2 --metric val/acc\n  epochtree compare resnet50 resnet50-2@30 --html comparison.html',
  reference: true,
  options: (command) =>
    command
      .option('--metric <metric>', 'only this metric (may be repeated)', metricOption)
      .option('--points <number>', 'also all points of each curve, in at most so many buckets', count)
      .addOption(
        new Option(
          '--html <file>',
          'write the whole comparison as a page into this file; it opens in any browser, without network',
        ).conflicts(['metric', 'points']),
      ),
  answer: (place, references, options) => {
    const file = options['html'] as string | undefined
    if (file !== undefined)
      return withProgress((progress) => writeComparison(place, { references, file, cwd: process.cwd(), page: PAGE, progress }))
    return requests.compare(place, references, {
      metrics: options['metric'] as MetricName[] | undefined,
      points: options['points'] as number | undefined,
    })
  },
  text: (answer, style) => ('file' in answer ? renderWritten(answer) : renderCompare(answer, style, process.stdout.columns ?? 80)),
})
add({
  usage: 'best <session>',
  about: 'Find the best epoch by a metric',
  example: 'best resnet50 --max val/acc --pareto parameters',
  reference: true,
  options: (command) =>
    command
      .addOption(new Option('--max <metric>', 'higher is better').conflicts('min'))
      .option('--min <metric>', 'lower is better')
      .addOption(new Option('--pareto <cost>', 'also the best trades against a cost').choices(['parameters'])),
  answer: (place, [text], options) => {
    const max = options['max'] as string | undefined
    const metric = max ?? (options['min'] as string | undefined)
    if (metric === undefined) return program.error('error: say which metric counts: --max val/acc or --min val/loss', { exitCode: 2 })
    return requests.bestOf(place, text!, parseMetric(metric), max === undefined ? 'min' : 'max', options['pareto'] !== undefined)
  },
  text: renderBest,
})
add({
  usage: 'graph <reference>',
  about: 'Show the model graph of an epoch',
  example: 'graph resnet50@30',
  reference: true,
  answer: (place, [text]) => requests.graph(place, text!),
  text: renderGraph,
})
add({
  usage: 'diff <a> <b>',
  about: 'Show how the graphs of two epochs differ',
  example: 'diff resnet50@30 resnet50@40',
  reference: true,
  answer: (place, [a, b]) => requests.diff(place, a!, b!),
  text: renderDiff,
})
add({
  usage: 'checkout <reference>',
  about: "Write an epoch's graph and weights into a folder, verified",
  example: 'checkout resnet50@30 --to ./model',
  reference: true,
  options: (command) => command.requiredOption('--to <folder>', 'where to; nothing there is overwritten'),
  answer: (place, [text], options) =>
    bringing((transfer) => changes.checkout(place, text!, options['to'] as string, { cwd: process.cwd(), ...transfer })),
  text: renderCheckout,
})
add({
  usage: 'query <reference>',
  about: "Ask for a model's metrics, epoch by epoch, or its samples by group",
  example: 'query resnet50@30 --metric val/loss --group-by label',
  reference: true,
  options: (command) =>
    command
      .option('--metric <metric>', 'only this metric, or sample field (may be repeated)', metricOption)
      .option('--split <split>', 'only this split')
      .option('--group-by <field>', 'statistics of sample fields for each value of this field')
      .option('--points <number>', 'also all points of each curve, in at most so many buckets', count),
  answer: (place, [text], options) =>
    requests.query(place, text!, {
      metrics: options['metric'] as MetricName[] | undefined,
      split: options['split'] as string | undefined,
      groupBy: options['groupBy'] as string | undefined,
      points: options['points'] as number | undefined,
    }),
  text: renderQuery,
})
add<IngestJson | undefined>({
  usage: 'ingest',
  about: 'Read the journals and verify the weights',
  example: 'ingest --watch',
  options: (command) => command.option('--watch', 'follow the journals until interrupted'),
  answer: async (place, _, options) => {
    if (options['watch']) {
      await follow(place.dir, place.servers, async (session) =>
        print(options.json ? JSON.stringify(session) : await renderChanged(session, 'read', styleFor(process.stdout, process.env))),
      )
      return undefined
    }
    return { sessions: (await place.stores.sessions.sessions()).length, problems: await place.stores.sessions.problems() }
  },
  text: (answer) => renderIngested(answer),
})
add({
  usage: 'rename <session> <name>',
  about: 'Give a session another name',
  example: 'rename resnet50-2 resnet50-pruned',
  reference: true,
  answer: (place, [text, name]) => changes.rename(place, text!, name!),
  text: (session, style) => renderChanged(session, 'renamed', style),
})
add({
  usage: 'tag <session> <tags...>',
  about: 'Tag a session',
  example: 'tag resnet50 baseline',
  reference: true,
  options: (command) => command.option('--remove', 'take the tags away'),
  answer: (place, [text, ...tags], options) => changes.tag(place, text!, tags, options['remove'] === true),
  text: (session, style) => renderChanged(session, 'tagged', style),
})
add({
  usage: 'delete <session>',
  about: 'Delete a session; `restore` brings it back until `gc`',
  example: 'delete resnet50-2',
  reference: true,
  answer: (place, [text]) => changes.remove(place, text!),
  // Of one that was pulled the copy goes, and the team's is what is left.
  text: (session, style) => renderChanged(session, session.deleted ? 'deleted' : 'its copy here deleted, the team keeps it', style),
})
add({
  usage: 'restore <session>',
  about: 'Bring a deleted session back',
  example: 'restore resnet50-2',
  reference: true,
  answer: (place, [text]) => changes.restore(place, text!),
  text: (session, style) => renderChanged(session, 'restored', style),
})
add({
  usage: 'gc',
  about: 'Remove what nothing reaches any more',
  example: 'gc --dry-run --keep latest,selected,best:val/loss,forks,every:10',
  options: (command) =>
    command
      .option('--dry-run', 'only list it, with bytes')
      .option('--keep <what>', "let go of other epochs' weights; graphs and metrics stay", keepOption)
      .addOption(new Option('--team', "on the team's servers, and not in this folder").conflicts('keep'))
      .option('--grace <days>', 'with --team: remove sessions that were deleted so long ago (7 without it)', days),
  answer: (place, _, options) => {
    const dryRun = options['dryRun'] === true
    const graceDays = options['grace'] as number | undefined
    if (options['team'] === true)
      return interruptible((signal, progress) => collectFromTeam(place.dir, { env: process.env, signal, progress, dryRun, graceDays }))
    if (graceDays !== undefined) throw new EpochtreeError('bad-argument', '--grace is about the team: give --team as well.')
    return place.local.use(async (db) => {
      for (const { name } of await untold(db))
        note(`${safe(name, 90)} stays until the team knows that it is deleted: run \`epochtree push\`, then this again.`)
      const waiting = options['keep'] ? (await unbrought(db)).length : 0
      if (waiting > 0)
        note(
          `the weights of ${waiting === 1 ? '1 epoch stay' : `${waiting} epochs stay`} until the team has them: run \`epochtree push\`, then this again.`,
        )
      return collect(db, place.dir, { dryRun, keep: options['keep'] as Keep | undefined })
    })
  },
  text: renderCollected,
})

add({
  usage: 'push [sessions...]',
  about: "Hand on to the team what others don't have yet: all sessions, or these with all that they start from",
  example: 'push resnet50',
  reference: true,
  options: (command) => command.option('--again', "also what was handed on before: what the team's servers lost of it is brought anew"),
  answer: (place, sessions, options) =>
    interruptible((signal, progress) =>
      push({ ...place, stores: place.local }, sessions, { env: process.env, signal, progress, note, again: options['again'] === true }),
    ),
  text: renderPushed,
  exit: ({ left }) => (left.length > 0 ? 1 : 0),
})
add({
  usage: 'pull <reference>',
  about: "Bring a session of the team here, with its whole history, to work without the team's servers",
  example: 'pull resnet50 --no-weights',
  options: (command) => command.option('--no-weights', 'leave the weights where they are; nothing can be forked without the servers then'),
  answer: (place, [text], options) =>
    interruptible((signal, progress) =>
      pull({ ...place, stores: place.local }, text!, { env: process.env, signal, progress, weights: options['weights'] !== false }),
    ),
  text: renderPulled,
})

program
  .command('demo')
  .description('Run the two-day use case for real: train, fork, train on, compare')
  .option('--dir <folder>', 'the folder to work in; without it a new temporary one')
  .option('--into <folder>', 'lay the scripts there and train there, with .epochtree beside them')
  .option('--json', 'print the comparison as one JSON value')
  .addHelpText('after', '\nExample:\n  epochtree demo')
  .action(async (options: Common & { into?: string }) => {
    process.exitCode = await demo({
      folder: options.dir,
      into: options.into,
      json: options.json === true,
      print,
      style: styleFor(process.stdout, process.env),
      width: process.stdout.columns ?? 80,
    })
  })

program
  .command('lsp')
  .description('Start the language server, for editors other than VS Code')
  .requiredOption('--stdio', 'speak the Language Server Protocol over standard input and output')
  .addHelpText('after', '\nExample:\n  epochtree lsp --stdio\n\nHow to set up Neovim: docs/neovim.md')
  .action(async () => {
    // A program of its own, beside this one: no other command loads any of it.
    await import(new URL('server.js', import.meta.url).href)
    // It ends the process itself, when its client says so or goes.
    await new Promise(() => {})
  })

program
  .command('completion')
  .argument('[shell]', shells.join(', '))
  .description('Print a script that completes commands, sessions and epochs in your shell')
  .option('--names [word]', "print the sessions' names, or the epochs of the session before the word's @")
  .option('--dir <folder>', 'the .epochtree folder')
  .addHelpText('after', '\nExample:\n  eval "$(epochtree completion bash)"')
  .action(async (shell: string | undefined, options: Common & { names?: string | true }) => {
    if (options.names !== undefined) {
      // The Tab key makes no folder.
      if (!existsSync(findFolder(options.dir, process.cwd(), process.env))) return
      const { stores } = await open(options)
      try {
        return await print((await candidates(stores, options.names === true ? '' : options.names)).join('\n'))
      } finally {
        await stores.close()
      }
    }
    if (!shells.includes(shell as Shell)) program.error(`error: name your shell: ${shells.join(', ')}`, { exitCode: 2 })
    const commands = program.commands.map((command) => ({
      name: command.name(),
      options: command.options.map(({ long }) => long ?? '').filter(Boolean),
      takesReference: takesReference.has(command.name()),
    }))
    await print(completionScript(shell as Shell, commands))
  })

program
  .command('doctor')
  .description('Tell what is wrong and how to mend it')
  .option('--dir <folder>', 'the .epochtree folder')
  .option('--json', 'print one JSON value')
  .option('--rebuild', 'put the store aside and build it again from the run folders and weights')
  .addHelpText('after', '\nExample:\n  epochtree doctor --rebuild')
  .action(async (options: Common & { rebuild?: boolean }) => {
    const { dir, local: stores } = await openHere(options)
    const { file } = stores
    if (options.rebuild)
      for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) renameSync(file + suffix, `${file}.old${suffix}`)
    try {
      const built = existsSync(file)
      await withProgress((progress) => stores.ingest({ progress, closely: true }))
      const damage = await stores.use((db) => db.damage())
      if (damage)
        throw new EpochtreeError(
          'store-corrupt',
          `The store ${file} is damaged (${damage}). Run \`epochtree doctor --rebuild\`: it is built again from the run folders and weights.`,
        )
      const { team, problems } = await examineTeam(stores, process.env)
      const answer: DoctorJson = {
        version: packageJson.version,
        node: process.versions.node,
        sqlite: process.versions['sqlite'] ?? null,
        dir,
        store: {
          file,
          state: 'ok',
          bytes: [file, `${file}-wal`].reduce((sum, one) => sum + (statSync(one, { throwIfNoEntry: false })?.size ?? 0), 0),
          rebuilt: !built,
        },
        sessions: (await stores.sessions.sessions()).length,
        problems: [...(await stores.sessions.problems()), ...(await stores.use((db) => lostWeights(db, dir))), ...problems],
        team,
      }
      const style = styleFor(process.stdout, process.env)
      await print(options.json ? JSON.stringify(answer) : await renderDoctor(answer, style, Date.now() / 1000))
      if (team && (team.trouble !== null || team.servers.some(({ state }) => state !== 'ok'))) process.exitCode = 1
    } finally {
      await stores.close()
    }
  })

/** One line, whatever the error: what a foreign folder wrote into it can't move the cursor or begin another line. */
function errorLine(error: unknown): string {
  const command = process.argv.slice(2).find((word) => program.commands.some((one) => one.name() === word))
  const { code, message } =
    error instanceof CommanderError
      ? { code: 'usage', message: `${sentence(error.message)} See \`epochtree ${command ? `${command} ` : ''}--help\`.` }
      : explain(error)
  return `epochtree: ${code}: ${safe(message.replaceAll('\n', ' '), LONGEST_NOTE)}\n`
}

/** Commander's message, as a sentence. */
const sentence = (message: string) => {
  const text = message.replace(/^error: /, '')
  return `${text[0]?.toUpperCase()}${text.slice(1)}${/[.)]$/.test(text) ? '' : '.'}`
}

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
try {
  await program.parseAsync()
  // All is written and closed: what is left is to tidy up the heap, a tenth of a short command's time.
  if (!process.exitCode) process.exit()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else process.exitCode = 1
  // Help that was asked for, or shown because no command was named, is no error.
  if (!(error instanceof CommanderError && /^commander\.(help|version)/.test(error.code))) process.stderr.write(errorLine(error))
}

import { existsSync, renameSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import { renderBest } from './cli/text/best'
import { renderCompare } from './cli/text/compare'
import { renderDiff } from './cli/text/diff'
import { renderGraph } from './cli/text/graph'
import { renderLog } from './cli/text/log'
import { renderSessions } from './cli/text/sessions'
import { renderShow } from './cli/text/show'
import { type Style, styleFor } from './cli/text/terminal'
import { EpochtreeError, explain } from './errors'
import { findFolder, makeFolder } from './folder'
import { ingestAll } from './journal/ingest'
import { folders } from './journal/runFiles'
import * as requests from './requests'
import { LocalDatabase, storeError } from './storage/local/database'
import { problems } from './storage/local/sessions'
import { parseMetric } from './tracking/reference'

interface Options {
  readonly dir?: string
  readonly json?: boolean
  readonly ingest?: boolean
}

const program = new Command('epochtree').description('Version control for models: sessions of epochs, forks, comparisons.').version(packageJson.version).exitOverride().showSuggestionAfterError()

/** Adds a command that opens the store, reads what changed in the journals, and prints one answer. */
function question<Answer>(usage: string, description: string, example: string, ask: (context: requests.Context, words: string[], options: Record<string, unknown>) => Answer, render: (answer: Answer, style: Style, now: number) => string, extend: (command: Command) => Command = (command) => command) {
  extend(program.command(usage))
    .description(description)
    .option('--dir <folder>', 'the .epochtree folder')
    .option('--json', 'print one JSON value')
    .option('--no-ingest', 'answer from the store as it is, without reading the journals')
    .addHelpText('after', `\nExample:\n  epochtree ${example}`)
    .action((...args: unknown[]) => {
      const command = args.at(-1) as Command
      const options = command.opts<Options & Record<string, unknown>>()
      const dir = findFolder(options.dir, process.cwd(), process.env)
      makeFolder(dir)
      const { store } = folders(dir)
      const db = new LocalDatabase(store)
      try {
        if (options.ingest !== false) ingestAll(db, dir)
        const answer = ask({ db, dir }, args.slice(0, -2).flat() as string[], options)
        process.stdout.write(`${options.json ? JSON.stringify(answer) : render(answer, styleFor(process.stdout, process.env), Date.now() / 1000)}\n`)
      } catch (error) {
        throw storeError(error, store)
      } finally {
        db.close()
      }
    })
}

question('sessions', 'List the sessions', 'sessions', requests.listSessions, renderSessions)
question('log <reference>', "Show a model's whole history", 'log resnet50', (context, [text]) => requests.log(context, text!), renderLog)
question('show <reference>', 'Show one epoch', 'show resnet50@30', (context, [text]) => requests.show(context, text!), renderShow)
question('graph <reference>', 'Show the model graph of an epoch', 'graph resnet50@30', (context, [text]) => requests.graph(context, text!), renderGraph)
question('diff <a> <b>', 'Show how the graphs of two epochs differ', 'diff resnet50@30 resnet50@40', (context, [a, b]) => requests.diff(context, a!, b!), renderDiff)
question('compare <references...>', 'Compare models, each with exactly its own history', 'compare resnet50 resnet50-2', (context, references) => requests.compare(context, references), (answer, style) => renderCompare(answer, style, process.stdout.columns ?? 80))
question(
  'best <session>',
  'Find the best epoch by a metric',
  'best resnet50 --max val/acc --pareto parameters',
  (context, [text], options) => {
    const max = options['max'] as string | undefined
    const metric = max ?? (options['min'] as string | undefined)
    if (metric === undefined) throw new EpochtreeError('bad-argument', 'Say which metric counts: --max val/acc or --min val/loss.')
    return requests.bestOf(context, text!, parseMetric(metric), max === undefined ? 'min' : 'max', options['pareto'] !== undefined)
  },
  renderBest,
  (command) => command.option('--max <metric>', 'higher is better').option('--min <metric>', 'lower is better').option('--pareto <cost>', 'also the best trades against the parameters'),
)
question('ingest', 'Read the journals and verify the weights', 'ingest', (context) => ({ sessions: requests.listSessions(context).length, problems: problems(context.db) }), ({ sessions, problems: found }) => [`${sessions} sessions.`, ...found.map(({ sessionId, file, line, message }) => `${sessionId}/${file}${line === null ? '' : `:${line}`}: ${message}`)].join('\n'))

program
  .command('doctor')
  .description('Tell what is wrong, and build the store again')
  .option('--dir <folder>', 'the .epochtree folder')
  .option('--json', 'print one JSON value')
  .option('--rebuild', 'put the store aside and build it again from the run folders and weights')
  .action((options: Options & { rebuild?: boolean }) => {
    const dir = findFolder(options.dir, process.cwd(), process.env)
    makeFolder(dir)
    const { store } = folders(dir)
    if (options.rebuild) for (const suffix of ['', '-wal', '-shm']) if (existsSync(store + suffix)) renameSync(store + suffix, `${store}.old${suffix}`)
    const db = new LocalDatabase(store)
    try {
      if (options.rebuild) ingestAll(db, dir)
      const check = db.all<{ quick_check: string }>('PRAGMA quick_check').map((row) => row.quick_check)
      const sound = check.length === 1 && check[0] === 'ok'
      if (!sound) throw new EpochtreeError('store-corrupt', `The store ${store} is damaged (${check[0]}). Run \`epochtree doctor --rebuild\`: it is built again from the run folders and weights.`)
      const answer = { version: packageJson.version, node: process.versions.node, sqlite: process.versions['sqlite'] ?? null, dir, store: 'ok', problems: problems(db) }
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : `Epochtree ${answer.version}, Node ${answer.node}, SQLite ${answer.sqlite}\n${dir}: the store is sound, ${answer.problems.length} problems in the journals.\n`)
    } catch (error) {
      throw storeError(error, store)
    } finally {
      db.close()
    }
  })

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else {
    const { code, message } = explain(error)
    process.stderr.write(`epochtree: ${code}: ${message}\n`)
    process.exitCode = 1
  }
}

import { bytes, number, percent, plural, relativeTime } from './cli/text/terminal'
import type { Followed } from './journal/follow'
import { changeText, commandLink, literal, tableOf, together, valueText } from './markdown'
import { type ModelFacts, modelFacts, sparsity } from './modelFacts'
import type { SessionRow } from './protocol/editor'
import type { Json, ShowJson } from './protocol/model'
import { diff, settingsOf, show } from './requests'
import { resolve } from './references'
import { referenceAt, settingsAt } from './script/references'
import type { Range, ScriptModel, SessionCall, Setting, WrittenReference } from './script/types'
import type { TrackedFolder } from './trackedFolder'
import { between } from './tracking/lineage'
import { differences } from './tracking/differences'
import { directionOf, judge, mainMetrics } from './tracking/direction'

export interface HoverText extends Range {
  readonly markdown: string
}
export interface HoverOptions {
  /** Whether the client runs the extension's commands from links. */
  readonly links: boolean
  /** Seconds since 1970. */
  readonly now: number
}

const SHOWN_SESSIONS = 5
const SHOWN_METRICS = 8
const SHOWN_VALUES = 10
/** Graphs with more nodes are compared in views of their own, not while someone hovers. */
const MOST_COMPARED = 5000

const holds = ({ from, to }: Range, offset: number) => from <= offset && offset <= to

/** What became of what stands in a script: of a session's call, of a reference's epoch, of a setting's key. */
export async function hoverAt(
  folder: TrackedFolder,
  model: ScriptModel,
  offset: number,
  options: HoverOptions,
): Promise<HoverText | undefined> {
  const reference = referenceAt(model, offset)
  if (reference) return referenceHover(folder, reference, options)
  const [setting] = settingsAt(model, offset)
  if (setting) return settingHover(folder, setting)
  const call = model.sessions.find(
    ({ callee, arguments: words }) =>
      holds(callee, offset) || words.some(({ parameter, valueRange }) => parameter === 'model_name' && holds(valueRange, offset)),
  )
  return call && callHover(folder, call, options)
}

/** The sessions of a model, newest first. */
export async function sessionsOf(folder: TrackedFolder, modelName: string): Promise<readonly Followed[]> {
  await folder.sessions()
  return folder.sessionsOfModel(modelName)
}

async function callHover(folder: TrackedFolder, call: SessionCall, options: HoverOptions): Promise<HoverText | undefined> {
  const { callee, modelName } = call
  if (modelName === undefined) return undefined
  const sessions = await sessionsOf(folder, modelName)
  if (sessions.length === 0)
    return {
      ...callee,
      markdown: `**${literal(modelName)}** was not trained yet. Run the script: its session and epochs are then shown here.`,
    }
  const facts = await Promise.all(sessions.slice(0, SHOWN_SESSIONS).map((session) => modelFacts(folder, session)))
  const metric = facts.find(({ row }) => row.main)?.row.main?.metric
  const head = ['Session', 'State', 'Epochs', 'Last', 'Best', metric ? literal(metric) : '', 'Parameters', ...(options.links ? [''] : [])]
  const rows = facts.map((one) => sessionLine(one, options))
  const left = sessions.length - facts.length
  return {
    ...callee,
    markdown: [
      `**${literal(modelName)}** — ${plural(sessions.length, 'session')}`,
      tableOf(head, rows, [2, 3, 4, 6]),
      ...(left > 0 ? [`and ${plural(left, 'older session')}`] : []),
    ].join('\n\n'),
  }
}

function sessionLine({ row, spark, graph, firstGraph }: ModelFacts, { links }: HoverOptions): string[] {
  const { removed, masked } = sparsity(graph, firstGraph)
  const size = [
    graph?.parameters == null ? '' : number(graph.parameters),
    removed ? `${percent(removed)} removed` : '',
    masked ? `${percent(masked)} masked` : '',
  ]
  return [
    literal(row.name),
    row.status === 'running' && row.live ? `running, epoch ${row.live.number}` : row.status,
    number(row.epochs),
    row.main?.last ? number(row.main.last.value) : '',
    row.main?.best ? together(`${number(row.main.best.value)} at ${row.main.best.number}`) : '',
    spark.trim() ? `\`${spark}\`` : '',
    together(size.filter((part) => part !== '').join(', ')),
    ...(links ? [sessionLinks(row)] : []),
  ]
}

const sessionLinks = ({ dir, id, epochs }: SessionRow) =>
  epochs === 0
    ? ''
    : [
        commandLink('Open', 'epochtree.openEpoch', { dir, reference: id }),
        commandLink('Compare', 'epochtree.compare', { dir, reference: id }),
        commandLink('Fork', 'epochtree.fork', { dir, reference: id }),
      ].join('&nbsp;· ')

async function referenceHover(
  folder: TrackedFolder,
  written: WrittenReference,
  { links, now }: HoverOptions,
): Promise<HoverText | undefined> {
  const { stores, dir } = folder
  const found = await resolve(stores, written.text)
  const { session, history, epoch } = found
  const shown = await show(folder, `${session.id}@${epoch.id}`)
  const [before] = await stores.sessions.page(between(history, 0, epoch.number - 1), { offset: 0, limit: 1 })
  const values = await stores.documents.last({ epochIds: before ? [before.id] : [] })
  const earlier = new Map(values.map(({ split, name, value }) => [`${split}/${name}`, value]))
  const trainer =
    epoch.sessionId === session.id
      ? ''
      : `, trained by ${literal((await stores.sessions.session(epoch.sessionId))?.name ?? epoch.sessionId)}`
  const metrics = mainMetrics(Object.keys(shown.metrics), SHOWN_METRICS)
  const rows = metrics.map((metric) => {
    const value = shown.metrics[metric]!
    const old = earlier.get(metric)
    const verdict = old === undefined ? null : judge(metric, old, value)
    return [
      literal(metric),
      number(value),
      old === undefined ? '' : changeText(old, value),
      verdict === 'better' || verdict === 'worse' ? verdict : '',
    ]
  })
  const reference = `${session.id}@${epoch.id}`
  const lines = [
    `**${literal(session.name)}, epoch ${epoch.number}**${trainer}${epoch.time === null ? '' : ` — ${relativeTime(epoch.time, now)}`}`,
    rows.length ? tableOf(['Metric', 'Value', before ? `since epoch ${before.number}` : '', ''], rows, [1, 2]) : '',
    shown.graph ? graphText(shown.graph.nodes, shown.graph.parameters, shown.graph.nonzero) : '',
    await prunedText(folder, shown, before && `${session.id}@${before.id}`, reference),
    shown.weights
      ? `Weights: ${bytes(shown.weights.bytes)}${shown.weights.format ? ` ${literal(shown.weights.format)}` : ''}${shown.weights.released ? ', let go by gc' : ''}${epoch.state === 'verifying' ? ', being verified' : ''}`
      : 'Committed without weights',
    shown.forks.length
      ? `Forks that start here: ${shown.forks
          .slice(0, SHOWN_VALUES)
          .map(({ name }) => literal(name))
          .join(', ')}`
      : '',
    links
      ? [
          commandLink('Open', 'epochtree.openEpoch', { dir, reference }),
          commandLink('Fork', 'epochtree.fork', { dir, reference }),
          commandLink('Compare', 'epochtree.compare', { dir, reference }),
        ].join(' · ')
      : '',
  ]
  return { from: written.from, to: written.to, markdown: lines.filter((line) => line !== '').join('\n\n') }
}

const graphText = (nodes: number, parameters: number | null, nonzero: number | null) =>
  [
    `Graph: ${plural(nodes, 'node')}`,
    ...(parameters === null ? [] : [plural(parameters, 'parameter')]),
    ...(parameters && nonzero !== null && nonzero < parameters ? [`${percent(1 - nonzero / parameters)} of them masked`] : []),
  ].join(', ')

async function prunedText(folder: TrackedFolder, { pruned, graph }: ShowJson, before: string | undefined, now: string): Promise<string> {
  if (!pruned) return ''
  if (before === undefined || !graph || graph.nodes > MOST_COMPARED) return 'Pruned in this epoch'
  const { summary, nodes } = await diff(folder, before, now)
  const [was, is] = summary
  const layers = nodes.filter(({ change }) => change !== 'added').map(({ name }) => literal(name, 40))
  const size =
    was?.parameters != null && is?.parameters != null && was.parameters !== is.parameters
      ? `: ${number(was.parameters)} to ${number(is.parameters)} parameters`
      : ''
  return `Pruned in this epoch${size}${layers.length ? `, in ${layers.slice(0, SHOWN_VALUES).join(', ')}${layers.length > SHOWN_VALUES ? ` and ${layers.length - SHOWN_VALUES} more` : ''}` : ''}`
}

/** Every value that a key had in the sessions of its model, newest first. */
async function settingHover(folder: TrackedFolder, setting: Setting): Promise<HoverText | undefined> {
  const { path, of, modelName } = setting
  if (modelName === undefined) return undefined
  const sessions = (await sessionsOf(folder, modelName)).slice(0, SHOWN_VALUES)
  const rows = await Promise.all(
    sessions.map(async (session) => {
      const record = await folder.stores.sessions.session(session.id)
      const { hyperparameters, pruningPlan } = record ? await settingsOf(folder, record) : { hyperparameters: {}, pruningPlan: null }
      const values = of === 'hyperparameters' ? hyperparameters : (pruningPlan ?? {})
      const value: Json | undefined = differences([values, {}], { all: true }).find((one) => one.path === path)?.values[0]
      const main = await folder.mainMetric(session)
      const best = main?.best ?? main?.last
      return [
        literal(session.name),
        value === undefined || value === null ? '—' : valueText(value),
        best ? number(best.value) : '',
        main?.metric,
      ] as const
    }),
  )
  if (rows.length === 0) return undefined
  const metric = rows.find(([, , , name]) => name)?.[3]
  const best = metric ? `${directionOf(metric) ? 'Best ' : 'Last '}${literal(metric)}` : ''
  return {
    from: setting.from,
    to: setting.to,
    markdown: [
      `**${literal(path)}** in the ${sessions.length === 1 ? 'session' : `last ${sessions.length} sessions`} of ${literal(modelName)}`,
      tableOf(
        ['Session', 'Value', best],
        rows.map(([name, value, result]) => [name, value, result]),
        [2],
      ),
    ].join('\n\n'),
  }
}

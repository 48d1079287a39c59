import type { JsonObject, ShowJson } from '../../protocol/model'
import { mainMetrics } from '../../tracking/direction'
import { bytes, number, percent, plural, relativeTime, safe, type Style, table } from './terminal'
import { settings, shortId, valueText } from './words'

const most = 40

export function renderShow(epoch: ShowJson, style: Style, now: number): string {
  const { graph, weights } = epoch
  const facts: (readonly [string, string])[] = [
    ['id', safe(epoch.id, 24)],
    ['trained', `${relativeTime(epoch.time, now)}${epoch.inherited ? `, inherited from session ${shortId(epoch.sessionId)}` : ''}`],
    ['graph', graph ? graphText(graph) : 'not known'],
    ['weights', weights ? `${bytes(weights.bytes)} ${safe(weights.format ?? '', 20)} ${style.dim(safe(weights.sha256, 64))}` : 'none'],
    ...(weights?.released
      ? [['', style.yellow('not here: let go of, or left out when it was pulled; graph and metrics stay')] as const]
      : []),
    ...(epoch.state === 'verifying' ? [['', style.yellow('still being verified; can be forked once that is done')] as const] : []),
    ...(epoch.pruned ? [['pruned', 'yes, the graph was changed in this epoch'] as const] : []),
    ...(epoch.weightsPath !== null ? [['weights file', safe(epoch.weightsPath)] as const] : []),
    ...epoch.forks.slice(0, most).map(({ id, name }, i) => [i ? '' : 'forks', `${safe(name, 40)} ${style.dim(shortId(id))}`] as const),
    ...(epoch.forks.length > most ? [['', `and ${epoch.forks.length - most} more`] as const] : []),
  ]
  const metrics = mainMetrics(Object.keys(epoch.metrics), Infinity).map((name) => [safe(name, 40), number(epoch.metrics[name])] as const)
  return [
    `${style.bold(`${safe(epoch.session.name, 60)}@${epoch.number}`)} ${style.dim(shortId(epoch.id))}`,
    table(
      facts.map(([name, value]) => [style.dim(name), value]),
      { indent: 2 },
    ),
    ...section('Metrics', metrics, style, true),
    ...section('Hyper-parameters', settingRows(epoch.hyperparameters), style),
    ...section('Pruning plan', settingRows(epoch.pruningPlan ?? {}), style),
  ].join('\n')
}

function graphText({ nodes, parameters, nonzero }: NonNullable<ShowJson['graph']>) {
  const sparse =
    parameters && nonzero !== null && nonzero < parameters
      ? `, ${number(nonzero)} of them not zero (${percent(1 - nonzero / parameters)} sparse)`
      : ''
  return `${plural(nodes, 'node')}${parameters === null ? '' : `, ${number(parameters)} parameters${sparse}`}`
}

const settingRows = (values: JsonObject) => settings(values).map(([path, value]) => [safe(path, 40), valueText(value, 80)] as const)

const section = (title: string, rows: readonly (readonly string[])[], style: Style, figures = false) =>
  rows.length
    ? [
        '',
        style.bold(title),
        table(rows.slice(0, most), { indent: 2, align: ['left', figures ? 'right' : 'left'] }),
        ...(rows.length > most ? [style.dim(`  and ${rows.length - most} more; --json shows all`)] : []),
      ]
    : []

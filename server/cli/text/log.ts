import type { EpochJson, LogJson } from '../../protocol/model'
import { toNumber } from '../../json'
import { directionOf, mainMetrics } from '../../tracking/direction'
import { number, plural, rangeOf, relativeTime, safe, sparkline, table, type Style } from './terminal'
import { originText, sessionNotes } from './sessions'
import { shortId, statusText } from './words'

export interface LogOptions {
  /** Only the newest so many epochs in the table; the curves are of all. */
  readonly last?: number
  /** These metrics instead of the main six. */
  readonly metrics?: readonly string[]
  readonly columns?: number | undefined
}

export function renderLog({ session, epochs }: LogJson, style: Style, now: number, options: LogOptions = {}): string {
  const title = [
    `${style.bold(safe(session.name, 60))} ${style.dim(shortId(session.id))}  ${statusText(session.status, style)}`,
    plural(session.epochs, 'epoch') + (session.own === session.epochs ? '' : ` (${number(session.own)} own)`),
    ...(session.forkedFrom ? [`forked from ${originText(session)}`] : []),
  ].join(', ')
  const notes = sessionNotes(session, style)
  if (!epochs.length) return [title, ...notes, 'No epoch is committed yet.'].join('\n')

  const all = new Set<string>()
  for (const epoch of epochs) for (const metric of Object.keys(epoch.metrics)) all.add(metric)
  const metrics = options.metrics ?? mainMetrics(all)
  const shown = options.last === undefined ? epochs : epochs.slice(-Math.max(1, options.last))
  const marks = (epoch: EpochJson) => marksOf(epoch, session.selected?.id)

  const head = ['EPOCH', 'ID', '', ...metrics.map((metric) => safe(metric, 16)), 'WHEN'].map(style.bold)
  const rows = shown.map((epoch) => {
    const cells = [
      String(epoch.number),
      shortId(epoch.id),
      marks(epoch)
        .map(([mark]) => mark)
        .join(''),
      ...metrics.map((metric) => number(epoch.metrics[metric])),
      relativeTime(epoch.time, now),
    ]
    return epoch.inherited ? cells.map(style.dim) : cells
  })
  const legend = new Map(shown.flatMap(marks))
  const hidden = epochs.length - shown.length
  const left = [...all].filter((metric) => !metrics.includes(metric))
  const curves = metrics.map((metric) => curveRow(metric, epochs, options.columns ?? 80))
  return [
    title,
    ...notes,
    '',
    table([head, ...rows], {
      align: ['right', 'left', 'left', ...metrics.map(() => 'right' as const), 'right'],
      columns: options.columns,
      // The metrics that matter least, and only then when it was.
      expendable: [
        ...metrics
          .map((_, i) => 3 + i)
          .slice(1)
          .reverse(),
        3 + metrics.length,
        1,
      ],
    }),
    ...(legend.size ? [style.dim([...legend].map(([mark, word]) => `${mark} ${word}`).join('   '))] : []),
    ...(hidden ? [style.dim(`${plural(hidden, 'earlier epoch')} not shown`)] : []),
    ...(left.length
      ? [
          style.dim(
            `also logged: ${left
              .slice(0, 8)
              .map((name) => safe(name, 24))
              .join(', ')}${left.length > 8 ? ', …' : ''}`,
          ),
        ]
      : []),
    ...(curves.length ? ['', table(curves)] : []),
  ].join('\n')
}

const marksOf = (epoch: EpochJson, selected: string | undefined): readonly (readonly [string, string])[] => [
  ...(epoch.id === selected ? [['*', 'selected'] as const] : []),
  ...(epoch.inherited ? [['↑', 'inherited'] as const] : []),
  ...(epoch.state === 'verifying' ? [['?', 'weights still being verified'] as const] : []),
  ...(epoch.pruned ? [['×', 'pruned'] as const] : []),
  ...(epoch.weights?.released ? [['-', 'weights not here'] as const] : []),
]

function curveRow(metric: string, epochs: readonly EpochJson[], columns: number): readonly string[] {
  const values = epochs.map((epoch) => toNumber(epoch.metrics[metric]))
  const range = rangeOf(values)
  const lower = directionOf(metric) === 'lower'
  const best = range && directionOf(metric) ? range[lower ? 0 : 1] : null
  const at = best === null ? undefined : epochs[values.indexOf(best)]
  return [
    safe(metric, 24),
    sparkline(values, Math.max(8, Math.min(48, columns - 48))),
    range ? `${number(range[0])} to ${number(range[1])}` : 'no finite value',
    at ? `best ${number(best)} at ${at.number}` : '',
  ]
}

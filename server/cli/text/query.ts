import type { QueryJson } from '../../protocol/model'
import { number, plural, safe, sparkline, type Style, table } from './terminal'
import { valueText } from './words'

export function renderQuery({ session, epoch, metrics, groups }: QueryJson, style: Style): string {
  const head = `${style.bold(safe(session.name, 60))} up to epoch ${epoch.number}`
  const curves = Object.entries(metrics ?? {}).map(([name, { values, points }]) => {
    const known = values.filter((value) => value !== null)
    return [
      safe(name, 40),
      sparkline(points ? points.high : values, 40),
      number(known.at(-1)),
      style.dim(plural(points ? points.count : known.length, points ? 'point' : 'epoch')),
    ]
  })
  const tables = Object.entries(groups ?? {}).map(([name, rows]) =>
    [
      style.bold(safe(name, 60)),
      table(
        [
          ['GROUP', 'COUNT', 'MEAN', 'MIN', 'MAX'].map(style.dim),
          ...rows.map(({ group, count, mean, min, max }) => [valueText(group), number(count), number(mean), number(min), number(max)]),
        ],
        { indent: 2, align: ['left', 'right', 'right', 'right', 'right'] },
      ),
    ].join('\n'),
  )
  if (!curves.length && !tables.length) return `${head}: nothing was logged.`
  return [head, ...(curves.length ? [table(curves, { indent: 2, align: ['left', 'left', 'right', 'right'] })] : []), ...tables].join('\n')
}

import { EpochtreeError } from '../errors'
import type { Direction } from '../tracking/best'
import { directionOf } from '../tracking/direction'
import { parseMetric } from '../tracking/reference'

/** Whose weights stay. */
export interface Keep {
  readonly latest: boolean
  readonly selected: boolean
  readonly forks: boolean
  readonly every: number | undefined
  readonly best: readonly { readonly metric: ReturnType<typeof parseMetric>; readonly direction: Direction }[]
}

/** `latest,selected,best:val/loss,max:val/acc,forks,every:10` */
export function parseKeep(text: string): Keep {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  const kept: { -readonly [K in keyof Keep]: Keep[K] } = { latest: false, selected: false, forks: false, every: undefined, best: [] }
  for (const word of words) {
    const [, kind, metric] = /^(best|min|max):(.+)$/s.exec(word) ?? []
    const [, every] = /^every:([1-9]\d{0,8})$/.exec(word) ?? []
    if (word === 'latest' || word === 'selected' || word === 'forks') kept[word] = true
    else if (every) kept.every = Number(every)
    else if (kind && metric)
      kept.best = [...kept.best, { metric: parseMetric(metric), direction: kind === 'best' ? bestDirection(metric) : (kind as Direction) }]
    else
      throw new EpochtreeError(
        'bad-argument',
        `--keep does not know "${word.slice(0, 60)}". It takes latest, selected, forks, best:METRIC, min:METRIC, max:METRIC, every:N, with commas between them.`,
      )
  }
  if (!words.length) throw new EpochtreeError('bad-argument', '--keep needs at least one word, such as latest,selected,forks.')
  return kept
}

/** Guessed wrong, it would keep the worst and let go of the best. */
function bestDirection(metric: string): Direction {
  const direction = directionOf(metric)
  if (direction) return direction === 'lower' ? 'min' : 'max'
  throw new EpochtreeError(
    'bad-argument',
    `Whether ${metric.slice(0, 60)} is better low or high, its name does not tell. Write min:${metric.slice(0, 60)} or max:${metric.slice(0, 60)}.`,
  )
}

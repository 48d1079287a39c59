import type { BestJson } from '../../protocol/model'
import { number, safe, table, type Style } from './terminal'
import { shortId } from './words'

export function renderBest({ best, metric, direction, pareto }: BestJson, style: Style): string {
  const name = safe(metric, 60)
  const found = `${style.bold(`epoch ${best.number}`)} ${style.dim(safe(best.id, 24))} has the ${direction === 'min' ? 'lowest' : 'highest'} ${name}: ${style.green(number(best.value))} ${style.dim(`(trained by session ${shortId(best.sessionId)})`)}`
  if (!pareto) return found
  if (!pareto.length) return `${found}\n\nNo epoch tells both ${name} and its parameters.`
  const head = ['EPOCH', 'ID', name, 'PARAMETERS'].map(style.bold)
  const rows = pareto.map((epoch) => [
    `${epoch.number}${epoch.id === best.id ? ' *' : '  '}`,
    shortId(epoch.id),
    number(epoch.value),
    number(epoch.parameters),
  ])
  return `${found}\n\nNo other epoch is better by both ${name} and parameters:\n${table([head, ...rows], { align: ['right', 'left', 'right', 'right'] })}`
}

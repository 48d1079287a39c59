import type { GraphDifference, NodeChange } from '../../protocol/model'
import { number, percent, plural, safe, type Style } from './terminal'
import { valueText } from './words'

const mostNodes = 60
const mostPaths = 6

export function renderDiff(difference: GraphDifference, style: Style): string {
  const { added, removed, changed, kept } = difference
  const parameters = parametersText(difference)
  if (added + removed + changed === 0 && !difference.nodes.length) {
    return [`The graphs are equal${kept ? ` (${plural(kept, 'node')})` : ''}.`, ...parameters].join('\n')
  }
  const rest = difference.nodes.length - mostNodes
  return [
    [
      style.green(`${number(added)} added`),
      style.red(`${number(removed)} removed`),
      style.yellow(`${number(changed)} changed`),
      `${number(kept)} kept`,
    ].join(', '),
    ...parameters,
    ...difference.nodes.slice(0, mostNodes).flatMap((node) => nodeLines(node, style)),
    ...(rest > 0 ? [style.dim(`and ${plural(rest, 'more node')}; --json shows all`)] : []),
  ].join('\n')
}

function parametersText({ summary: [a, b] }: GraphDifference): readonly string[] {
  const [from, to] = [a?.parameters ?? null, b?.parameters ?? null]
  return from === null && to === null ? [] : [`parameters ${changeText(from, to)}`]
}

/** `1,000 → 500 (-50.0%)`, or the one figure when nothing changed. */
export function changeText(from: number | null, to: number | null): string {
  if (from === to) return number(from)
  const share = from && to !== null ? ` (${to > from ? '+' : ''}${percent((to - from) / Math.abs(from))})` : ''
  return `${number(from)} → ${number(to)}${share}`
}

function nodeLines({ id, name, change, differences, parameters: [from, to] }: NodeChange, style: Style): readonly string[] {
  const [sign, paint] = ({ added: ['+', style.green], removed: ['-', style.red], changed: ['~', style.yellow] } as const)[change]
  const count = change === 'added' ? to : change === 'removed' ? from : null
  const figures =
    change === 'changed'
      ? from === to
        ? ''
        : `  parameters ${changeText(from, to)}`
      : count === null
        ? ''
        : `  ${number(count)} parameters`
  const lines = differences.slice(0, mostPaths).map(({ path, values: [a, b] }) => {
    const value = change === 'added' ? valueText(b) : change === 'removed' ? valueText(a) : `${valueText(a)} → ${valueText(b)}`
    return `    ${style.dim(safe(path, 40))} ${value}`
  })
  const rest = differences.length - mostPaths
  return [
    paint(`${sign} ${safe(name || id, 60)}`) + figures,
    ...lines,
    ...(rest > 0 ? [style.dim(`    and ${plural(rest, 'more difference')}`)] : []),
  ]
}

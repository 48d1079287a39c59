import type { Json } from '../../../server/protocol/model'
import { nodeDifferences } from '../../messages/comparison'
import { breakable, element } from '../../parts/element'
import { fill, shapeText, valueText, whole } from '../../parts/format'
import { signButton } from '../controls'
import type { Page } from '../page'
import { changeText, signs } from './boxes'
import type { Graph, Node, Side } from './read'

/** A label this short is not broken. */
const SHORT = 20
/** What is told in lines of their own. */
const TOLD = /^data\.(shape|weight_shape|weightShape|output_shape|outputShape|nonzero\b)|^(inputs|outputs)\b/

/** A node with both its sides. */
export function panel(page: Page, graph: Graph, node: Node, close: () => void): HTMLElement {
  const { texts, language } = page
  const { about } = graph
  const row = (name: string, a: string, b: string) =>
    element(
      'tr',
      { class: a === b ? null : 'differs' },
      element('th', { scope: 'row' }, ...breakable(name)),
      element('td', {}, a),
      element('td', {}, b),
    )
  const column = (label: string) => element('th', { scope: 'col', class: label.length <= SHORT ? 'whole' : null }, label)
  const both = (name: string, tell: (side: Side) => string | null): HTMLElement | false => {
    const [a, b] = [node.a, node.b].map((side) => (side ? tell(side) : null))
    return (a ?? b) !== null && row(name, a ?? '–', b ?? '–')
  }
  const text = graph.differences.get(node.place)
  const read = text === undefined ? undefined : nodeDifferences.parse(JSON.parse(text) as Json)
  const connections = read?.differences.some(({ path }) => /^(inputs|outputs)\b/.test(path))
  const closer = signButton('close', '✕', texts.graphClosePanel, close, 'plain closing')
  const made = element(
    'aside',
    { class: 'node-panel', 'aria-label': node.name, tabindex: -1, 'data-key': 'panel' },
    element('div', { class: 'head' }, element('h2', {}, ...breakable(node.name)), closer),
    element(
      'p',
      {},
      element('span', { class: `tag ${node.change}` }, `${signs[node.change]} ${changeText(texts, node.change)}`.trim()),
      node.type && element('span', {}, node.type),
      node.id !== node.name && element('span', { class: 'quiet' }, node.id),
    ),
    element(
      'table',
      {},
      element('thead', {}, element('tr', {}, element('td', {}), column(about.a.label), column(about.b.label))),
      element(
        'tbody',
        {},
        both(texts.graphShape, ({ shape }) => shape && shapeText(shape)),
        both(texts.graphParametersName, ({ parameters }) => (parameters === null ? null : whole(parameters, language))),
        both(texts.graphNonzero, ({ nonzero }) => (nonzero === null ? null : whole(nonzero, language))),
        both(texts.graphMaskedName, ({ parameters, nonzero }) =>
          parameters === null || nonzero === null ? null : whole(parameters - nonzero, language),
        ),
        ...(read?.differences ?? [])
          .filter(({ path }) => !TOLD.test(path))
          .map(({ path, values }) => row(path.replace(/^data\./, ''), valueText(values[0]), valueText(values[1]))),
      ),
    ),
    connections && element('p', { class: 'quiet' }, texts.graphConnections),
    read && read.more > 0 && element('p', { class: 'quiet' }, fill(texts.graphMoreDifferences, whole(read.more, language))),
    node.change === 'kept' && about.summary[0] && about.summary[1] && element('p', { class: 'quiet' }, texts.graphSame),
  )
  made.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return
    event.preventDefault()
    close()
  })
  return made
}

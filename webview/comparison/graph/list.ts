import { element, heading, table } from '../../parts/element'
import { fill, shapeText, whole } from '../../parts/format'
import type { Page } from '../page'
import { changeText, signs } from './boxes'
import type { Graph, Node } from './read'

const AT_ONCE = 100
/** A difference that is not one of connections, in the text of a node's differences. */
const OTHER = /"path":"(?!inputs|outputs)/

/** What differs as a table: read out, and read quickly. */
export function list(page: Page, graph: Graph, go: (node: Node) => void): HTMLElement {
  const { texts, language } = page
  const all = graph.nodes.filter(({ change }) => change !== 'kept')
  if (all.length === 0) return element('p', { class: 'quiet' }, texts.graphNoChange)
  let shown = 0
  const place = element('div', {})
  const more = element('button', { type: 'button', class: 'plain' })
  const body: HTMLTableRowElement[] = []
  const draw = () => {
    for (const node of all.slice(shown, shown + AT_ONCE)) body.push(rowOf(node))
    shown = Math.min(all.length, shown + AT_ONCE)
    place.replaceChildren(
      table(
        texts.graphDiffering,
        [
          texts.graphLayer,
          texts.graphChange,
          heading(texts.graphShape, { class: 'figure' }),
          heading(texts.graphParametersName, { class: 'figure' }),
          heading(texts.graphMaskedName, { class: 'figure' }),
        ],
        body,
      ),
    )
    more.hidden = shown === all.length
    more.textContent = fill(
      texts.graphShowMore,
      whole(Math.min(AT_ONCE, all.length - shown), language),
      whole(all.length - shown, language),
    )
  }
  const arrow = (a: string | null, b: string | null) => (a === b ? (a ?? '–') : `${a ?? '–'} → ${b ?? '–'}`)
  function rowOf(node: Node): HTMLTableRowElement {
    const name = element('button', { type: 'button', class: 'link' }, node.name)
    name.addEventListener('click', () => go(node))
    const text = graph.differences.get(node.place)
    const connections = text !== undefined && !OTHER.test(text)
    const figure = (tell: (side: NonNullable<Node['a']>) => string | null) =>
      element('td', { class: 'figure' }, arrow(node.a && tell(node.a), node.b && tell(node.b)))
    return element(
      'tr',
      {},
      element('th', { scope: 'row' }, name, node.type && element('span', { class: 'quiet beside' }, node.type)),
      element(
        'td',
        {},
        element('span', { class: `tag ${node.change}` }, `${signs[node.change]} ${changeText(texts, node.change)}`),
        connections && element('span', { class: 'quiet beside' }, texts.graphConnectionsOnly),
      ),
      figure(({ shape }) => shape && shapeText(shape)),
      figure(({ parameters }) => (parameters === null ? null : whole(parameters, language))),
      figure(({ parameters, nonzero }) => (parameters === null || nonzero === null ? null : whole(parameters - nonzero, language))),
    )
  }
  more.addEventListener('click', draw)
  draw()
  return element('div', { class: 'differing' }, place, more)
}

import { element, heading, table } from '../../parts/element'
import { fill, shapeText, whole } from '../../parts/format'
import { redraw } from '../../parts/redraw'
import { button } from '../controls'
import type { Page } from '../page'
import { changeText, signs } from './boxes'
import type { Graph, Node } from './read'

const AT_ONCE = 100
/** A difference that is not one of connections, in the text of a node's differences. */
const OTHER = /"path":"(?!inputs|outputs)/

export interface List {
  readonly element: HTMLElement
  /** Shows what differs now: as many rows as there were, and what has the focus keeps it. */
  update(graph: Graph): void
}

/** What differs as a table: read out, and read quickly. */
export function list({ texts, language }: Page, go: (node: Node) => void): List {
  let all: readonly Node[] = []
  let wanted = AT_ONCE
  const none = element('p', { class: 'quiet' }, texts.graphNoChange)
  const scroll = table(
    texts.graphDiffering,
    [
      texts.graphLayer,
      texts.graphChange,
      heading(texts.graphShape, { class: 'figure' }),
      heading(texts.graphParametersName, { class: 'figure' }),
      heading(texts.graphMaskedName, { class: 'figure' }),
    ],
    [],
  )
  const body = scroll.querySelector('tbody')!
  const more = element('button', { type: 'button', class: 'plain' })
  let differences: Graph['differences'] = new Map()
  more.addEventListener('click', () => {
    body.append(...all.slice(wanted, wanted + AT_ONCE).map(rowOf))
    wanted += AT_ONCE
    tellMore()
  })
  function tellMore() {
    const left = Math.max(0, all.length - wanted)
    more.hidden = left === 0
    more.textContent = fill(texts.graphShowMore, whole(Math.min(AT_ONCE, left), language), whole(left, language))
  }
  const arrow = (a: string | null, b: string | null) => (a === b ? (a ?? '–') : `${a ?? '–'} → ${b ?? '–'}`)
  function rowOf(node: Node): HTMLTableRowElement {
    const name = button(node.id, node.name, () => go(node), 'link')
    const text = differences.get(node.place)
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
  return {
    element: element('div', { class: 'differing' }, none, scroll, more),
    update: (graph) => {
      all = graph.nodes.filter(({ change }) => change !== 'kept')
      ;({ differences } = graph)
      none.hidden = all.length > 0
      scroll.hidden = all.length === 0
      redraw(body, ...all.slice(0, wanted).map(rowOf))
      tellMore()
    },
  }
}

import type { EpochGraph } from '../../server/protocol/editor'
import { element, section } from '../parts/element'
import { fill, share, whole } from '../parts/format'
import { layers } from './layers'
import type { Page } from './page'

/** The model graph in figures, what pruning did to it, and its layers. */
export function graph(page: Page): HTMLElement {
  const { view, texts, language } = page
  const found = view.graph
  if (!found) return section('graph', texts.graph, element('p', { class: 'quiet' }, texts.noGraph))
  const { parameters, nonzero, original } = found
  const masked = parameters === null || nonzero === null ? null : parameters - nonzero
  const removed = parameters === null || original === null ? null : Math.max(0, original - parameters)
  const all = (parameters ?? 0) + (removed ?? 0)
  const figure = (id: string, label: string, value: number | null, about: string | null) =>
    element(
      'div',
      { class: `tile ${id}` },
      element('dt', {}, label),
      element('dd', {}, element('span', { class: 'big' }, whole(value, language)), about && element('span', { class: 'quiet' }, about)),
    )
  return section(
    'graph',
    texts.graph,
    element(
      'dl',
      { class: 'tiles' },
      figure(
        'parameters',
        texts.parameters,
        parameters,
        original !== null && original !== parameters ? fill(texts.ofOriginal, whole(original, language)) : null,
      ),
      figure('removed', texts.removed, removed, removed ? share(removed, all, language) : null),
      figure('masked', texts.masked, masked, masked ? share(masked, all, language) : null),
      figure('layers', texts.layers, found.nodes, null),
    ),
    parameters !== null && all > 0 && bar(parameters - (masked ?? 0), masked ?? 0, removed ?? 0, page),
    element('p', { class: 'effect' }, effect(found, page)),
    layers(page, found),
  )
}

/** Shares of the parameters that the model began with. Its legend are the figures above, in the same colours. */
function bar(kept: number, masked: number, removed: number, { texts, language }: Page): HTMLElement {
  const all = kept + masked + removed
  const parts = [
    ['kept', kept, texts.kept],
    ['masked', masked, texts.masked],
    ['removed', removed, texts.removed],
  ] as const
  const shown = parts.filter(([, count]) => count > 0)
  return element(
    'div',
    { class: 'bar', role: 'img', 'aria-label': shown.map(([, count, text]) => `${text} ${share(count, all, language)}`).join(', ') },
    ...shown.map(([name, count]) => sized(element('span', { class: name }), count)),
  )
}

/** Set from the script: the page's policy lets no style stand in its markup. */
export function sized<Made extends HTMLElement>(part: Made, grow: number): Made {
  part.style.flexGrow = String(grow)
  return part
}

function effect({ pruned }: EpochGraph, { view: { row, previous }, texts, language }: Page): string | null {
  if (!pruned) return null
  const { layers: count, removed, masked } = pruned
  const [a, b, c] = [whole(removed, language), whole(masked, language), whole(count, language)]
  if (removed && masked) return fill(texts.prunedAndMaskedNow, a, b, c)
  if (removed) return fill(texts.prunedNow, a, c)
  if (masked) return fill(texts.maskedNow, b, c)
  return row.marks.includes('pruned') ? texts.prunedNothing : previous === null ? null : fill(texts.unchanged, previous)
}

import { element } from '../../parts/element'
import { fill } from '../../parts/format'
import type { Page } from '../page'
import { changeText, signs } from './boxes'
import type { Graph, Node } from './read'

const MOST = 12

/** Nodes whose name, type or id hold all the words, those whose name begins with them first. */
export function find({ nodes }: Graph, text: string, most: number): { readonly found: readonly Node[]; readonly count: number } {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return { found: [], count: 0 }
  const first: Node[] = []
  const others: Node[] = []
  let count = 0
  for (const node of nodes) {
    const name = node.name.toLowerCase()
    const whole = `${name}\n${node.id === node.name ? '' : node.id.toLowerCase()}\n${node.type?.toLowerCase() ?? ''}`
    if (!words.every((word) => whole.includes(word))) continue
    count++
    if (name.startsWith(words[0]!)) first.push(node)
    else if (others.length < most) others.push(node)
  }
  return { found: [...first, ...others].slice(0, most), count }
}

/** Finds a node by its name, type or id, and goes there. */
export function search(page: Page, graph: () => Graph | undefined, go: (node: Node) => void): HTMLElement {
  const { texts, language } = page
  const input = element('input', {
    type: 'search',
    role: 'combobox',
    placeholder: texts.graphSearch,
    'aria-label': texts.graphSearch,
    'aria-expanded': 'false',
    'aria-controls': 'graph-found',
    'aria-autocomplete': 'list',
    autocomplete: 'off',
    spellcheck: 'false',
  })
  const list = element('ul', { id: 'graph-found', role: 'listbox', 'aria-label': texts.graphSearch, hidden: true })
  let found: readonly Node[] = []
  let at = -1
  const show = () => {
    const known = graph()
    const result = known ? find(known, input.value, MOST) : { found: [], count: 0 }
    found = result.found
    at = found.length > 0 ? 0 : -1
    const open = input.value.trim() !== ''
    list.replaceChildren(
      ...found.map((node, i) => {
        const made = element(
          'li',
          { role: 'option', id: `graph-found-${i}`, 'aria-selected': String(i === at) },
          element('span', { class: `sign ${node.change}`, 'aria-hidden': 'true' }, signs[node.change]),
          element('span', {}, node.name),
          element(
            'span',
            { class: 'quiet' },
            [node.type, node.change === 'kept' ? '' : changeText(texts, node.change)].filter(Boolean).join(' · '),
          ),
        )
        made.addEventListener('pointerdown', (event) => event.preventDefault())
        made.addEventListener('click', () => take(i))
        return made
      }),
      ...((open && result.count !== found.length) || (open && found.length === 0)
        ? [
            element(
              'li',
              { class: 'quiet', role: 'option', 'aria-disabled': 'true', 'aria-selected': 'false' },
              found.length === 0 ? texts.graphNothing : fill(texts.graphMore, (result.count - found.length).toLocaleString(language)),
            ),
          ]
        : []),
    )
    list.hidden = !open
    input.setAttribute('aria-expanded', String(open))
    mark()
  }
  const mark = () => {
    for (const [i, one] of [...list.children].entries()) one.setAttribute('aria-selected', String(i === at))
    if (at >= 0 && !list.hidden) input.setAttribute('aria-activedescendant', `graph-found-${at}`)
    else input.removeAttribute('aria-activedescendant')
  }
  const close = () => {
    list.hidden = true
    input.setAttribute('aria-expanded', 'false')
    mark()
  }
  const take = (i: number) => {
    const node = found[i]
    if (!node) return
    close()
    go(node)
  }
  input.addEventListener('input', show)
  input.addEventListener('focus', () => input.value && show())
  input.addEventListener('blur', close)
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      at = found.length ? (at + (event.key === 'ArrowDown' ? 1 : found.length - 1)) % found.length : -1
      mark()
    } else if (event.key === 'Enter') take(at)
    else if (event.key === 'Escape' && !list.hidden) close()
    else return
    event.preventDefault()
  })
  return element('div', { class: 'search' }, input, list)
}

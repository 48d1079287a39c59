type Content = Node | string | null | undefined | false
type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>

const SVG = 'http://www.w3.org/2000/svg'

/** An element with its attributes and content. Texts become text nodes: nothing that was recorded is ever read as markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...content: readonly Content[]
): HTMLElementTagNameMap[Tag] {
  return filled(document.createElement(tag), attributes, content)
}

export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...content: readonly Content[]
): SVGElementTagNameMap[Tag] {
  return filled(document.createElementNS(SVG, tag), attributes, content)
}

function filled<Made extends Element>(made: Made, attributes: Attributes, content: readonly Content[]): Made {
  for (const [name, value] of Object.entries(attributes))
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : String(value))
  for (const part of content) if (part !== null && part !== undefined && part !== false) made.append(part)
  return made
}

/** A path that may go on in the next line after each of its parts. */
export const breakable = (path: string): (string | HTMLElement)[] =>
  path.split(/(?<=[/._])/).flatMap((part, i) => (i ? [element('wbr'), part] : [part]))

/** For screen readers only, where the eye sees it otherwise. */
export const unseen = (text: string) => element('span', { class: 'unseen' }, text)

/** A table in a region of its own, which may be wider than the page and is then moved by keyboard too. */
export function table(
  label: string,
  head: readonly Content[],
  rows: readonly HTMLTableRowElement[],
  attributes: Attributes = {},
): HTMLElement {
  return element(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': label, tabindex: 0 },
    element(
      'table',
      attributes,
      element('thead', {}, element('tr', {}, ...head.map((cell) => (cell instanceof HTMLTableCellElement ? cell : heading(cell))))),
      element('tbody', {}, ...rows),
    ),
  )
}

export const heading = (content: Content, attributes: Attributes = {}) => element('th', { scope: 'col', ...attributes }, content)

/** A part of the page under its heading. */
export function section(id: string, title: string, ...content: readonly Content[]): HTMLElement {
  return element('section', {}, element('h2', { id }, title), ...content)
}

import { element, heading } from '../parts/element'
import { fill } from '../parts/format'
import type { Page } from './page'

/** More than anyone looks for, and little to keep. */
const LONGEST_SEARCH = 500

export function button(key: string, content: Node | string, act: () => void, kind = 'secondary'): HTMLButtonElement {
  const made = element('button', { type: 'button', class: kind, 'data-key': key }, content)
  made.addEventListener('click', act)
  return made
}

/** A button that shows a sign alone: what it does is told where one points at it, and to screen readers. */
export function signButton(key: string, sign: Node | string, label: string, act: () => void, kind = 'plain'): HTMLButtonElement {
  const made = button(key, sign, act, kind)
  made.title = label
  made.setAttribute('aria-label', label)
  return made
}

export function check(key: string, label: string, checked: boolean, changed: (checked: boolean) => void): HTMLElement {
  const made = element('input', { type: 'checkbox', 'data-key': key, checked })
  made.addEventListener('change', () => changed(made.checked))
  return element('label', { class: 'pair' }, made, label)
}

/** A choice with its label before it. The first of `options` may stand for none. */
export function choice(
  key: string,
  label: string,
  options: readonly (readonly [value: string, text: string])[],
  at: string | undefined,
  changed: (value: string) => void,
): HTMLElement {
  const made = element(
    'select',
    { 'data-key': key },
    ...options.map(([value, text]) => element('option', { value, selected: value === at }, text)),
  )
  made.addEventListener('change', () => changed(made.value))
  return element('label', { class: 'pair' }, label, made)
}

/** A field to search with. Its text is kept as the choice `name`. */
export function searchField(page: Page, name: string, label: string, searched: () => void, hint = label): HTMLInputElement {
  const kept = page.choice(name)
  const made = element('input', {
    type: 'search',
    'data-key': name,
    placeholder: hint,
    'aria-label': label,
    spellcheck: 'false',
    maxlength: LONGEST_SEARCH,
    value: typeof kept === 'string' ? kept : null,
  })
  made.addEventListener('input', () => {
    page.choose(name, made.value)
    searched()
  })
  return made
}

/** A heading by which the rows below it are sorted, and which says how they are. */
export interface Sortable {
  readonly by: string | number
  /** What its column is called where one points at it. */
  readonly name: string
  readonly content: Node | string
  readonly sorting: { readonly by: string | number; readonly down: boolean } | undefined
  readonly kind?: string | undefined
  readonly sort: () => void
}

export function sortable({ texts }: Page, { by, name, content, sorting, kind, sort }: Sortable): HTMLElement {
  const order = sorting?.by !== by ? 'none' : sorting.down ? 'descending' : 'ascending'
  const made = button(`sort ${by}`, content, sort, 'sort')
  made.title = fill(texts.sortBy, name)
  made.append(element('span', { class: `arrow ${order}`, 'aria-hidden': 'true' }))
  return heading(made, { class: kind, 'aria-sort': order })
}

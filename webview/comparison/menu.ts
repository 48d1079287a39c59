import { element } from '../parts/element'
import { swatch } from './names'

export type MenuPart =
  | { readonly kind: 'heading'; readonly text: string }
  /** One of several, of which one holds. */
  | { readonly kind: 'choice'; readonly text: string; readonly swatch: string; readonly checked: boolean; readonly choose: () => void }
  | { readonly kind: 'act'; readonly text: string; readonly act: () => void }

let open: (() => void) | undefined

/** Closes the menu that is open. */
export const closeMenu = () => open?.()

/** A menu at a place of the window; whoever opened it is at `back` again when it is closed. */
export function openMenu(
  place: { readonly x: number; readonly y: number },
  label: string,
  parts: readonly MenuPart[],
  back: HTMLElement,
): void {
  closeMenu()
  const menu = element('div', { class: 'popup-menu', role: 'menu', 'aria-label': label })
  const items: HTMLElement[] = []
  const choices: HTMLElement[] = []
  for (const part of parts) {
    if (part.kind === 'heading') {
      menu.append(element('p', { role: 'presentation' }, element('bdi', {}, part.text)))
      continue
    }
    const choice = part.kind === 'choice'
    const item = element(
      'div',
      { role: choice ? 'menuitemradio' : 'menuitem', tabindex: -1, 'aria-checked': choice ? String(part.checked) : null, title: part.text },
      choice && swatch(part.swatch),
      element('bdi', {}, part.text),
    )
    const use = () => {
      if (part.kind === 'act') {
        close()
        part.act()
        return
      }
      for (const other of choices) other.setAttribute('aria-checked', String(other === item))
      part.choose()
    }
    item.addEventListener('click', use)
    item.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      use()
    })
    if (choice) choices.push(item)
    items.push(item)
    menu.append(item)
  }
  const move = (to: number) => items[(to + items.length) % items.length]!.focus()
  menu.addEventListener('keydown', (event) => {
    const at = items.indexOf(document.activeElement as HTMLElement)
    if (event.key === 'ArrowDown') move(at + 1)
    else if (event.key === 'ArrowUp') move(at - 1)
    else if (event.key === 'Home') move(0)
    else if (event.key === 'End') move(-1)
    else if (event.key === 'Escape' || event.key === 'Tab') close()
    else return
    event.preventDefault()
    event.stopPropagation()
  })
  const outside = ({ target }: Event) => {
    if (!menu.contains(target as Node)) close()
  }
  function close() {
    if (open !== close) return
    open = undefined
    document.removeEventListener('pointerdown', outside, true)
    window.removeEventListener('scroll', close, true)
    window.removeEventListener('blur', close)
    menu.remove()
    back.focus({ preventScroll: true })
  }
  open = close
  document.addEventListener('pointerdown', outside, true)
  window.addEventListener('scroll', close, true)
  window.addEventListener('blur', close)
  document.body.append(menu)
  const { width, height } = menu.getBoundingClientRect()
  menu.style.left = `${Math.max(4, Math.min(place.x, innerWidth - width - 4))}px`
  menu.style.top = `${Math.max(4, Math.min(place.y, innerHeight - height - 4))}px`
  ;(items.find((item) => item.getAttribute('role') === 'menuitem') ?? items[0])?.focus({ preventScroll: true })
}

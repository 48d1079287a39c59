/** Made anew only when it shows something else, so that an open list or a text half written stays while a training goes on. */
export function redrawWhen(box: HTMLElement, shows: readonly unknown[], make: () => readonly (Node | undefined)[]) {
  const key = JSON.stringify(shows)
  if (box.dataset['shows'] === key) return
  box.dataset['shows'] = key
  redraw(box, ...make())
}

/**
 * Replaces what is inside; what had the focus has it again, found by its `data-key`. Where the pointer is held down inside it is done once
 * the pointer is let go: else a training that goes on would take away what is just being pressed, dragged or marked.
 */
export function redraw(box: Element, ...content: readonly (Node | undefined)[]) {
  if (held && box.contains(held)) {
    waiting.set(box, content)
    return
  }
  waiting.delete(box)
  const active = document.activeElement
  const key = active && box.contains(active) ? active.getAttribute('data-key') : null
  box.replaceChildren(...content.filter((part) => part !== undefined))
  if (key !== null) box.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true })
}

/** Puts these and no others inside, in this order. What is there already stays where it is, with the focus and what is dragged in it. */
export function arrange(box: Element, ...content: readonly Element[]) {
  const wanted = new Set(content)
  for (const one of [...box.children].filter((child) => !wanted.has(child))) one.remove()
  for (const [i, one] of content.entries()) if (box.children[i] !== one) box.insertBefore(one, box.children[i] ?? null)
}

let held: Node | undefined
const waiting = new Map<Element, readonly (Node | undefined)[]>()

/** Called once by a page that goes on while a training does. */
export function watchPointer() {
  addEventListener('pointerdown', ({ target }) => (held = target instanceof Node ? target : undefined), true)
  // A pointer that is let go outside of the page is noticed when it comes back.
  for (const event of ['pointerup', 'pointercancel', 'pointermove'] as const)
    addEventListener(
      event,
      ({ buttons }) => {
        if (held === undefined || buttons !== 0) return
        held = undefined
        // What is pressed comes first.
        setTimeout(() => {
          for (const [box, content] of waiting) redraw(box, ...content)
        })
      },
      true,
    )
}

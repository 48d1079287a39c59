/** Made anew only when it shows something else, so that an open list or a text half written stays while a training goes on. */
export function redrawWhen(box: HTMLElement, shows: readonly unknown[], make: () => readonly (Node | undefined)[]) {
  const key = JSON.stringify(shows)
  if (box.dataset['shows'] === key) return
  box.dataset['shows'] = key
  redraw(box, ...make())
}

/** Replaces what is inside; what had the focus has it again, found by its `data-key`. */
export function redraw(box: Element, ...content: readonly (Node | undefined)[]) {
  const active = document.activeElement
  const key = active && box.contains(active) ? active.getAttribute('data-key') : null
  box.replaceChildren(...content.filter((part) => part !== undefined))
  if (key !== null) box.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true })
}

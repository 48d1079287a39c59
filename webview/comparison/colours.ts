import type { PageState } from '../messages/comparison'

/**
 * Colours of models: told apart also by those who see red and green alike (after Okabe and Ito, darker on a light page and lighter on
 * a dark one, so that each has a contrast of at least 3 to the page). They are CSS variables, `--colour-0` to `--colour-11`;
 * `--model-0` to `--model-11` are those of them that the models have, by place.
 */
export function colourOf(models: readonly number[]): string {
  const name = models.length === 1 ? `--model-${models[0]}` : '--shared'
  return getComputedStyle(document.querySelector('main')!).getPropertyValue(name).trim()
}

/** Which colour each model has: the one that it had, whatever its place is now; one that comes has the first that is free. */
export function coloursOf(references: readonly string[], before: Pick<PageState, 'references' | 'colours'> | undefined): number[] {
  const taken = new Set<number>()
  const take = (colour: number) => {
    taken.add(colour)
    return colour
  }
  const kept = references.map((reference) => {
    const colour = before?.colours?.[before.references.indexOf(reference)]
    return colour === undefined || taken.has(colour) ? undefined : take(colour)
  })
  // Fewer are taken than there are models: one of as many is free.
  const free = () => references.findIndex((_, colour) => !taken.has(colour))
  return kept.map((colour) => colour ?? take(free()))
}

/** Gives the models inside `box` their colours, by place. */
export function paint(box: HTMLElement, colours: readonly number[]) {
  for (const [place, colour] of colours.entries()) box.style.setProperty(`--model-${place}`, `var(--colour-${colour})`)
}

/** The editor tells its theme by the class and the style of the page's root and body. */
export function watchTheme(changed: () => void) {
  const observer = new MutationObserver(changed)
  for (const one of [document.documentElement, document.body])
    observer.observe(one, { attributes: true, attributeFilter: ['class', 'style', 'data-vscode-theme-kind'] })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed)
}

/**
 * Colours of models: told apart also by those who see red and green alike (after Okabe and Ito, darker on a light page and lighter on
 * a dark one, so that each has a contrast of at least 3 to the page). They are CSS variables, `--model-0` to `--model-11`.
 */
export function colourOf(models: readonly number[]): string {
  const name = models.length === 1 ? `--model-${models[0]}` : '--shared'
  return getComputedStyle(document.body).getPropertyValue(name).trim()
}

/** The editor tells its theme by the class and the style of the page's root and body. */
export function watchTheme(changed: () => void) {
  const observer = new MutationObserver(changed)
  for (const one of [document.documentElement, document.body])
    observer.observe(one, { attributes: true, attributeFilter: ['class', 'style', 'data-vscode-theme-kind'] })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed)
}
